/*
 * extragradient (mirror_prox): step with the gradient found at the end of a trial step.
 *
 * Korpelevich, "The extragradient method for finding saddle points and other problems", 1976; mirror form: Nemirovski,
 * "Prox-method with rate of convergence O(1/t) ...", 2004; Hsieh, Iutzeler, Malick, Mertikopoulos, "On the Convergence
 * of Single-Call Stochastic Extra-Gradient Methods", 2019; reg > 0: Tiapkin et al., "Accelerating Nash Learning from
 * Human Feedback via Mirror Prox", 2025.
 *
 *     1. z_half = prox_{lr_extra}(z, g at z)
 *     2. z = prox_{lr}(z, g at z_half)                         prox, euclidean or entropic: see prox.h
 *
 * The anchor is the initial point; lr_extra = 0 means lr. State: anchor if reg > 0; z within a step: 4 (8) bytes in
 * f32.
 */
#include <string.h>

#include "blocks/prox.h"

enum { ANCHOR, Z };
static const state_t STATE[] = {
    [ANCHOR] = {"anchor", "the initial point", LIKE_PARAM, KEPT, .when = "reg", .from_param = true},
    [Z] = {"z", "the point that the trial step leaves", LIKE_PARAM, RESTORE_POINT},
    {0},
};

enum { TRIAL, UPDATE };
typedef struct constants {
    prox_t line[2]; /* 1 and 2 */
} constants_t;

/* Which of them. */
typedef struct move {
    int line;
} move_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){{[TRIAL] = prox_trial_of(o), [UPDATE] = prox_update_of(o)}};
}

static void save(const tile_t *t) {
    memcpy(t->state[Z], t->p, t->n * sizeof(real));
}

static prox_t line_of(const tile_t *t) {
    return ((const constants_t *)t->constants)->line[((const move_t *)t->arguments)->line];
}

static void euclidean(const tile_t *t) {
    const prox_t k = line_of(t);
    real *restrict p = t->p;
    const real *restrict z = t->state[Z], *restrict g = t->g, *anchor = t->state[ANCHOR];
    for (size_t i = 0; i < t->n; ++i)
        p[i] = prox_euclidean(k, z[i], anchor, i, g[i]);
}

static void entropic(const tile_t *t) {
    prox_entropic(line_of(t), t, t->state[Z], t->state[ANCHOR], t->p);
}

enum { SAVE, MOVE_EUCLIDEAN, MOVE_ENTROPIC, OUTSIDE };

static optim_status advance(step_t *s) {
    STEP_BEGIN(s);
    if (prox_starts_outside(s, OUTSIDE))
        return step_fail(s, OPTIM_ERR_DOMAIN, PROX_OUTSIDE);
    step_update(s, SAVE, NULL);
    prox_step(s, MOVE_EUCLIDEAN, MOVE_ENTROPIC, &(move_t){TRIAL});
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH);
    prox_step(s, MOVE_EUCLIDEAN, MOVE_ENTROPIC, &(move_t){UPDATE});
    STEP_END(s);
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
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {save, euclidean, entropic, prox_outside},
    .arguments = {[MOVE_EUCLIDEAN] = sizeof(move_t), [MOVE_ENTROPIC] = sizeof(move_t)},
};
