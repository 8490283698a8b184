/*
 * poly_avg: polynomial-decay average of the parameters.
 *
 * Shamir, Zhang, "Stochastic Gradient Descent for Non-smooth Optimization: Convergence Results and Optimal Averaging
 * Schemes", 2013, arXiv:1212.1824.
 *
 *     c = (gamma + 1) / (gamma + t);   avg <- (1 - c) avg + c p
 *
 * gamma = 0 is the uniform mean of x_1, x_2, ... ; dog is meant to be used with gamma = 8. Evaluation point: avg.
 * State: avg, 4 bytes a parameter in f32.
 */
#include <string.h>

#include "engine/method.h"

enum { GAMMA };
static const option_t OPTIONS[] = {
    [GAMMA] = {"gamma", 8, "[0,inf)", "how fast the past is forgotten; 0: not at all"},
    {0},
};

enum { AVG };
static const state_t STATE[] = {
    [AVG] = {"avg", "the average", LIKE_PARAM, KEPT, .from_param = true, .of_frozen = true},
    {0},
};

typedef struct constants {
    real c, one_c;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double gamma = group->option[GAMMA], c = (gamma + 1) / (gamma + group->t);
    *(constants_t *)constants = (constants_t){(real)c, (real)(1 - c)};
}

static void average(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict avg = t->state[AVG];
    const real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        avg[i] = k.one_c * avg[i] + k.c * p[i];
}

static void finish(step_t *s) {
    step_update(s, 0, NULL);
}

static void output(const tile_t *t) {
    memcpy(t->out, t->state[AVG], t->n * sizeof(real));
}

const method_t METHOD(poly_avg) = {
    .name = "poly_avg",
    .purpose = "polynomial-decay average of the parameters",
    .citation = "Shamir, Zhang: Stochastic Gradient Descent for Non-smooth Optimization, 2013, arXiv:1212.1824",
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
