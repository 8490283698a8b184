/*
 * ema: exponential moving average of the parameters.
 *
 * Polyak, Juditsky, "Acceleration of stochastic approximation by averaging", 1992, with exponential weights; the warmup
 * is that of the TensorFlow averages.
 *
 *     after steps t > start with (t - start) mod period = 0:   n = averages so far,
 *     d = decay, or min(decay, (1 + n) / (10 + n)) with warmup;   avg <- avg + (1 - d) (p - avg);   prod <- prod d
 *
 * avg starts at the parameters after step `start`, with bias_correction at 0. Evaluation point: avg, or avg / (1 -
 * prod); the parameters until step `start`, and where nothing is averaged.
 * State: avg, 4 bytes a parameter in f32.
 */
#include <string.h>
#include <tgmath.h>

#include "engine/method.h"

enum { DECAY, BIAS_CORRECTION, WARMUP, START, PERIOD };
static const option_t OPTIONS[] = {
    [DECAY] = {"decay", 0.999, "[0,1]", "weight of the past"},
    [BIAS_CORRECTION] = {"bias_correction", 0, "0|1", "start at 0 and divide by the sum of weights"},
    [WARMUP] = {"warmup", 0, "0|1", "shorter memory at the beginning"},
    [START] = {"start", 0, "integer [0,inf)", "step at whose parameters the average begins"},
    [PERIOD] = {"period", 1, "integer [1,inf)", "steps between two averages"},
    {0},
};

enum { AVG, COUNT, PROD };
static const state_t STATE[] = {
    [AVG] = {"avg", "the average", LIKE_PARAM, KEPT, .from_param = true, .of_frozen = true},
    [COUNT] = {"n", "averages so far", PER_METHOD, KEPT},
    [PROD] = {"prod", "product of the weights of the past", PER_METHOD, KEPT, .initial = 1},
    {0},
};

typedef struct constants {
    double take;    /* 1 - d */
    double weights; /* that the average carries: the evaluation point divides by them */
    bool empty;     /* nothing is averaged yet: the past counts as 0 */
    bool answers;   /* the output is the average; otherwise it is the parameters */
} constants_t;

static double decay(const double *option, double n) {
    return option[WARMUP] != 0 ? fmin(option[DECAY], (1 + n) / (10 + n)) : option[DECAY];
}

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, n = *group->scalar[COUNT], weights = 1 - *group->scalar[PROD];
    const bool corrects = o[BIAS_CORRECTION] != 0, begins = !corrects && group->t <= o[START];
    *(constants_t *)constants = (constants_t){
        .take = begins ? 1 : 1 - decay(o, n),
        .weights = corrects ? weights : 1,
        .empty = begins || (corrects && n == 0),
        .answers = !begins && (!corrects || weights > 0),
    };
}

static void average(const tile_t *t) {
    const constants_t *k = t->constants;
    const real take = (real)k->take, past = k->empty ? 0 : 1;
    real *restrict avg = t->state[AVG];
    const real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i) {
        const real before = past * avg[i];
        avg[i] = before + take * (p[i] - before);
    }
}

static void finish(step_t *s) {
    const double *o = s->option, since = s->t - o[START];
    double *n = s->scalar[COUNT], *prod = s->scalar[PROD];
    if (since == 0 && o[BIAS_CORRECTION] == 0)
        step_update(s, 0, NULL); /* the beginning */
    if (since <= 0 || fmod(since, o[PERIOD]) != 0)
        return;
    step_update(s, 0, NULL);
    *prod *= decay(o, *n);
    *n += 1;
}

static void output(const tile_t *t) {
    const constants_t *k = t->constants;
    const real weights = (real)k->weights;
    const real *avg = t->state[AVG], *p = t->p;
    real *out = t->out;
    for (size_t i = 0; i < t->n; ++i)
        out[i] = k->answers ? avg[i] / weights : p[i];
}

const method_t METHOD(ema) = {
    .name = "ema",
    .purpose = "exponential moving average of the parameters",
    .citation = "Polyak, Juditsky: Acceleration of stochastic approximation by averaging, 1992",
    .evaluations = "none of its own",
    .options = OPTIONS,
    .states = STATE,
    .flags = INCLUDES_FROZEN,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .finish = finish,
    .kernels = {average},
    .output = output,
};
