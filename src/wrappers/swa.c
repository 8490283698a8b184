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
#include <tgmath.h>

#include "engine/method.h"

enum { START, PERIOD };
static const option_t OPTIONS[] = {
    [START] = {"start", 0, "integer [0,inf)", "steps before the first that may be collected"},
    [PERIOD] = {"period", 1, "integer [1,inf)", "steps between two that are collected"},
    {0},
};

enum { AVG, COUNT };
static const state_t STATE[] = {
    [AVG] = {"avg", "the average", LIKE_PARAM, KEPT, .from_param = true, .of_frozen = true},
    [COUNT] = {"n", "iterates collected", PER_METHOD, KEPT},
    {0},
};

typedef struct constants {
    double n;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    ((constants_t *)constants)->n = *group->scalar[COUNT];
}

static void collect(const tile_t *t) {
    const double n = ((const constants_t *)t->constants)->n;
    const real take = (real)(1 / n), past = n > 1; /* the first iterate is taken exactly */
    real *restrict avg = t->state[AVG];
    const real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i) {
        const real before = past * avg[i];
        avg[i] = before + take * (p[i] - before);
    }
}

static void finish(step_t *s) {
    const double since = s->t - s->option[START];
    if (since <= 0 || fmod(since, s->option[PERIOD]) != 0)
        return;
    *s->scalar[COUNT] += 1;
    step_update(s, 0, NULL);
}

static void output(const tile_t *t) {
    const bool empty = ((const constants_t *)t->constants)->n == 0;
    const real *avg = t->state[AVG], *p = t->p;
    real *out = t->out;
    for (size_t i = 0; i < t->n; ++i)
        out[i] = empty ? p[i] : avg[i];
}

const method_t METHOD(swa) = {
    .name = "swa",
    .purpose = "stochastic weight averaging: the mean of the parameters after every period-th step",
    .citation = "Izmailov et al.: Averaging Weights Leads to Wider Optima and Better Generalization, 2018, "
                "arXiv:1803.05407",
    .evaluations = "none of its own",
    .options = OPTIONS,
    .states = STATE,
    .flags = INCLUDES_FROZEN,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .finish = finish,
    .kernels = {collect},
    .output = output,
};
