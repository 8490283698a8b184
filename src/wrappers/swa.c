/*
 * swa: stochastic weight averaging, the mean of the iterates that are collected.
 *
 * Izmailov, Podoprikhin, Garipov, Vetrov, Wilson, "Averaging Weights Leads to Wider Optima and Better Generalization",
 * 2018, arXiv:1803.05407; start = 0, period = 1 is the averaging of Polyak and Ruppert.
 *
 *     after steps t > start with (t - start) mod period = 0:   n <- n + 1;   avg <- avg + (p - avg) / n
 *
 * Evaluation point: avg; the parameters while nothing is collected. State: avg, 4 bytes a parameter in f32.
 */
#include "wrappers/average.h"

enum { START, PERIOD };
static const option_t OPTIONS[] = {
    [START] = {"start", 0, "integer [0,inf)", "steps before the first that may be collected"},
    [PERIOD] = {"period", 1, "integer [1,inf)", "steps between two that are collected"},
    {0},
};

typedef struct memory {
    int64_t n;
} memory_t;
static const field_t FIELDS[] = {{"n", "iterates collected", FIELD(OF_METHOD, memory_t, n)}, {0}};

static void prepare(const group_t *group, void *constants) {
    const double n = (double)((const memory_t *)group->memory)->n;
    *(average_t *)constants = (average_t){
        .take = (real)(1 / fmax(n, 1)),
        .past = n > 1, /* the first iterate is taken exactly */
        .weights = 1,
        .answers = n > 0,
    };
}

static void finish(step_t *s) {
    const double since = s->t - s->option[START];
    if (since <= 0 || fmod(since, s->option[PERIOD]) != 0)
        return;
    ++((memory_t *)s->memory)->n;
    step_update(s, 0, NULL);
}

const method_t METHOD(swa) = {
    .name = "swa",
    .purpose = "stochastic weight averaging: the mean of the parameters after every period-th step",
    .citation = "Izmailov et al.: Averaging Weights Leads to Wider Optima and Better Generalization, 2018, "
                "arXiv:1803.05407",
    .evaluations = "none of its own",
    .options = OPTIONS,
    .states = AVERAGE_STATES,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .flags = INCLUDES_FROZEN,
    .constants = sizeof(average_t),
    .prepare = prepare,
    .finish = finish,
    .kernels = {average},
    .output = average_output,
};
