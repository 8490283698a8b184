/*
 * ema: exponential moving average of the parameters.
 *
 * Polyak, Juditsky, "Acceleration of stochastic approximation by averaging", 1992, with exponential weights; the warmup
 * is that of the TensorFlow averages, or that of Karras' and diffusers' models (warmup_power).
 *
 *     after steps t > start with (t - start) mod period = 0:   n = averages so far,
 *     d = decay, with warmup max(min_decay, min(decay, w)),   k = n + warmup_count:
 *     w = (1 + k) / (10 + k),  or with warmup_power > 0:  1 - (1 + k / warmup_gamma)^-warmup_power
 *     avg <- avg + (1 - d) (p - avg);   prod <- prod d
 *
 * avg starts at the parameters after step `start`, with bias_correction at 0. Evaluation point: avg, or avg / (1 -
 * prod); the parameters until step `start`, and where nothing is averaged.
 * State: avg, 4 bytes a parameter in f32.
 */
#include "wrappers/average.h"

enum { DECAY, BIAS_CORRECTION, WARMUP, START, PERIOD, WARMUP_POWER, WARMUP_GAMMA, WARMUP_COUNT, MIN_DECAY };
static const option_t OPTIONS[] = {
    [DECAY] = {"decay", 0.999, "[0,1]", "weight of the past"},
    [BIAS_CORRECTION] = {"bias_correction", 0, "0|1", "start at 0 and divide by the sum of weights"},
    [WARMUP] = {"warmup", 0, "0|1", "shorter memory at the beginning"},
    [START] = {"start", 0, "integer [0,inf)", "step at whose parameters the average begins"},
    [PERIOD] = {"period", 1, "integer [1,inf)", "steps between two averages"},
    [WARMUP_POWER] = {"warmup_power", 0, "[0,inf)",
                      "warmup=1: of the averages that the decay rises with; 0: (1 + n) / (10 + n)", .zero_apart = true},
    [WARMUP_GAMMA] = {"warmup_gamma", 1, "(0,inf)", "with warmup_power: averages that count as one"},
    [WARMUP_COUNT] = {"warmup_count", 0, "integer [0,inf)", "averages that the rise counts as made when it begins"},
    [MIN_DECAY] = {"min_decay", 0, "[0,1]", "warmup=1: the decay rises from here"},
    {0},
};

typedef struct memory {
    int64_t n;
    double prod;
} memory_t;
static const field_t FIELDS[] = {
    {"n", "averages so far", FIELD(OF_METHOD, memory_t, n)},
    {"prod", "product of the weights of the past", FIELD(OF_METHOD, memory_t, prod), .initial = 1},
    {0},
};

static double decay(const double *option, int64_t averages) {
    const double k = (double)averages + option[WARMUP_COUNT], power = option[WARMUP_POWER];
    if (option[WARMUP] == 0)
        return option[DECAY];
    const double rise = power > 0 ? 1 - pow(1 + k / option[WARMUP_GAMMA], -power) : (1 + k) / (10 + k);
    return fmax(option[MIN_DECAY], fmin(option[DECAY], rise));
}

static const char *check(const double *option) {
    return option[WARMUP] != 0 && option[MIN_DECAY] > option[DECAY] ? "min_decay must not be above decay" : NULL;
}

static void prepare(const group_t *group, void *constants) {
    const memory_t *m = group->memory;
    const double *o = group->option, weights = 1 - m->prod;
    const bool corrects = o[BIAS_CORRECTION] != 0, begins = !corrects && group->t <= o[START];
    *(average_t *)constants = (average_t){
        .take = begins ? 1 : (real)(1 - decay(o, m->n)),
        .past = begins || (corrects && m->n == 0) ? 0 : 1,
        .weights = corrects ? (real)weights : 1,
        .answers = !begins && (!corrects || weights > 0),
    };
}

static void finish(step_t *s) {
    const double *o = s->option, since = s->t - o[START];
    memory_t *m = s->memory;
    if (since == 0 && o[BIAS_CORRECTION] == 0)
        step_update(s, 0, NULL); /* the beginning */
    if (since <= 0 || fmod(since, o[PERIOD]) != 0)
        return;
    step_update(s, 0, NULL);
    m->prod *= decay(o, m->n);
    ++m->n;
}

const method_t METHOD(ema) = {
    .name = "ema",
    .purpose = "exponential moving average of the parameters",
    .citation = "Polyak, Juditsky: Acceleration of stochastic approximation by averaging, 1992",
    .evaluations = "none of its own",
    .options = OPTIONS,
    .states = AVERAGE_STATES,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .flags = INCLUDES_FROZEN,
    .constants = sizeof(average_t),
    .check = check,
    .prepare = prepare,
    .finish = finish,
    .kernels = {average},
    .output = average_output,
};
