/*
 * reflected_gradient: gradients at the reflection of the last iterate in the present one.
 *
 * Malitsky, "Projected Reflected Gradient Methods for Monotone Variational Inequalities", 2015; Hsieh, Iutzeler,
 * Malick, Mertikopoulos, "On the Convergence of Single-Call Stochastic Extra-Gradient Methods", 2019 (RG).
 *
 *     1. z_new = z - lr g,   g at the parameters; z starts at the initial point, which is also the first query
 *     2. p = 2 z_new - z;   z = z_new
 *
 * Without constraints, as here, no projection stands between the two lines. Output: z.
 * State: z, 4 bytes a parameter in f32.
 */
#include "blocks/iterate.h"

enum { LR };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size; below (sqrt 2 - 1) / L"},
    {0},
};

enum { Z = ITERATE };
static const state_t STATE[] = {
    [Z] = {"z", "the iterate", LIKE_PARAM, KEPT, .from_param = true},
    {0},
};

typedef struct constants {
    real lr;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    ((constants_t *)constants)->lr = (real)group->option[LR];
}

static void update(const tile_t *t) {
    const real lr = ((const constants_t *)t->constants)->lr;
    real *restrict p = t->p, *restrict z = t->state[Z];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real z_new = z[i] - lr * g[i];
        p[i] = 2 * z_new - z[i];
        z[i] = z_new;
    }
}

const method_t METHOD(reflected_gradient) = {
    .name = "reflected_gradient",
    .purpose = "gradients at the reflection of the last iterate in the present one; for games and monotone operators",
    .citation = "Malitsky: Projected Reflected Gradient Methods for Monotone Variational Inequalities, 2015",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
    .output = output_iterate,
};
