/*
 * extragradient (mirror_prox): step with the gradient found at the end of a trial step.
 *
 * Korpelevich, "The extragradient method for finding saddle points and other problems", 1976; mirror form: Nemirovski,
 * "Prox-method with rate of convergence O(1/t) ...", 2004; Hsieh, Iutzeler, Malick, Mertikopoulos, "On the Convergence of
 * Single-Call Stochastic Extra-Gradient Methods", 2019; reg > 0: Tiapkin et al., "Accelerating Nash Learning from Human
 * Feedback via Mirror Prox", 2025.
 *
 *     1. z_half = prox_{lr_extra}(z, g at z)
 *     2. z = prox_{lr}(z, g at z_half)                         prox, euclidean or entropic: see prox.h
 *
 * The anchor is the initial point; lr_extra = 0 means lr. State: anchor if reg > 0; z within a step: 4 (8) bytes in f32.
 */
#include <string.h>

#include "methods/games/prox.h"

enum { ANCHOR, Z };
static const state_t STATE[] = {
    [ANCHOR] = {"anchor", "the initial point", LIKE_PARAM, KEPT, .when = "reg", .from_param = true},
    [Z] = {"z", "the point that the trial step leaves", LIKE_PARAM, RESTORE_POINT},
    {0},
};

enum { AT_Z, AT_Z_HALF };

static void prepare(const group_t *group, void *scalars) {
    const double *o = group->option;
    *(prox_scalars_t *)scalars = group->step->stage == AT_Z ? prox_trial_of(o) : prox_update_of(o);
}

static void save(const tile_t *t) {
    memcpy(t->state[Z], t->p, t->n * sizeof(real));
}

static void euclidean(const tile_t *t) {
    const prox_t k = prox_of(*(const prox_scalars_t *)t->scalars);
    real *restrict p = t->p;
    const real *restrict z = t->state[Z], *restrict g = t->g, *anchor = t->state[ANCHOR];
    for (size_t i = 0; i < t->n; ++i)
        p[i] = prox_euclidean(k, z[i], anchor, i, g[i]);
}

static void entropic(const tile_t *t) {
    prox_entropic(prox_of(*(const prox_scalars_t *)t->scalars), t, t->state[Z], t->state[ANCHOR], t->p);
}

enum { SAVE, UPDATE_EUCLIDEAN, UPDATE_ENTROPIC, OUTSIDE };

static void prox(step_t *s) {
    if ((int)s->option[MIRROR] == ENTROPIC)
        step_tensors(s, UPDATE_ENTROPIC);
    else
        step_update(s, UPDATE_EUCLIDEAN);
}

static optim_status advance(step_t *s) {
    if (s->stage == AT_Z_HALF) {
        prox(s);
        return OPTIM_OK;
    }
    if (prox_starts_outside(s, OUTSIDE))
        return step_fail(s, OPTIM_ERR_DOMAIN, PROX_OUTSIDE);
    step_update(s, SAVE);
    prox(s);
    return step_request(s, OPTIM_EVAL_GRAD, OPTIM_SAMPLE_FRESH, AT_Z_HALF);
}

const method_t METHOD(extragradient) = {
    .name = "extragradient",
    .purpose = "steps with the gradient found at the end of a trial step; for games and monotone operators",
    .citation = "Korpelevich: The extragradient method for finding saddle points and other problems, 1976; Nemirovski: "
                "Prox-method with rate of convergence O(1/t), 2004",
    .evaluations = "2 gradients",
    .options = PROX_OPTIONS,
    .states = STATE,
    .flags = REQUESTS | WHOLE_TENSORS,
    .scalars = sizeof(prox_scalars_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {save, euclidean, entropic, prox_outside},
};
