/*
 * past_extragradient (omd, optimistic mirror descent): extragradient whose trial step takes the last gradient again.
 *
 * Popov, "A modification of the Arrow-Hurwicz method for search of saddle points", 1980; Rakhlin, Sridharan,
 * "Optimization, Learning, and Games with Predictable Sequences", 2013; Hsieh, Iutzeler, Malick, Mertikopoulos, "On the
 * Convergence of Single-Call Stochastic Extra-Gradient Methods", 2019 (PEG).
 *
 *     1. z = prox_{lr}(z, g),   g at the parameters; z starts at the initial point, which is also the first query
 *     2. p = prox_{lr_extra}(z, g)                              prox, euclidean or entropic: see prox.h
 *
 * That is z_{t+1/2} = P(z_t - lr F(z_{t-1/2})), z_{t+1} = P(z_t - lr F(z_{t+1/2})) with z_{3/2} = z_1. Euclidean with
 * one rate, the queries are those of optimistic gradient descent with F = 0 before the first; entropic, those of
 * optimistic multiplicative weights. The anchor of reg is the initial point; lr_extra = 0 means lr. Output: z.
 * State: z, and anchor if reg > 0: 4 (8) bytes a parameter in f32.
 */
#include <string.h>

#include "blocks/prox.h"

enum { ANCHOR, Z };
static const state_t STATE[] = {
    [ANCHOR] = {"anchor", "the initial point", LIKE_PARAM, KEPT, .when = "reg", .from_param = true},
    [Z] = {"z", "the iterate", LIKE_PARAM, KEPT, .from_param = true},
    {0},
};

typedef struct constants {
    prox_t update, trial;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){prox_update_of(o), prox_trial_of(o)};
}

static void euclidean(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict z = t->state[Z];
    const real *restrict g = t->g, *anchor = t->state[ANCHOR];
    for (size_t i = 0; i < t->n; ++i) {
        z[i] = prox_euclidean(k.update, z[i], anchor, i, g[i]);
        p[i] = prox_euclidean(k.trial, z[i], anchor, i, g[i]);
    }
}

static void entropic(const tile_t *t) {
    const constants_t *k = t->constants;
    prox_entropic(k->update, t, t->state[Z], t->state[ANCHOR], t->state[Z]);
    prox_entropic(k->trial, t, t->state[Z], t->state[ANCHOR], t->p);
}

enum { UPDATE_EUCLIDEAN, UPDATE_ENTROPIC, OUTSIDE };

static optim_status advance(step_t *s) {
    if (prox_starts_outside(s, OUTSIDE))
        return step_fail(s, OPTIM_ERR_DOMAIN, PROX_OUTSIDE);
    prox_step(s, UPDATE_EUCLIDEAN, UPDATE_ENTROPIC, NULL);
    return OPTIM_OK;
}

static void output(const tile_t *t) {
    memcpy(t->out, t->state[Z], t->n * sizeof(real));
}

const method_t METHOD(past_extragradient) = {
    .name = "past_extragradient",
    .purpose = "extragradient at one gradient a step: the trial step takes the last gradient again (optimistic mirror "
               "descent)",
    .citation =
        "Popov: A modification of the Arrow-Hurwicz method for search of saddle points, 1980; Rakhlin, Sridharan: "
        "Optimization, Learning, and Games with Predictable Sequences, 2013",
    .evaluations = "1 gradient",
    .options = PROX_OPTIONS,
    .states = STATE,
    .flags = WHOLE_TENSORS | MAY_FAIL,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {euclidean, entropic, prox_outside},
    .output = output,
};
