/*
 * optimistic_gd: gradient descent with a correction by the change of the gradient (OGDA).
 *
 * Popov, "A modification of the Arrow-Hurwicz method for search of saddle points", 1980; Daskalakis, Ilyas, Syrgkanis,
 * Zeng, "Training GANs with Optimism", 2018, arXiv:1711.00141; alpha, beta: Mokhtari, Ozdaglar, Pattathil, "A Unified
 * Analysis of Extra-gradient and Optimistic Gradient Methods for Saddle Point Problems", 2020, arXiv:1901.08511.
 *
 *     1. t = 1: g_prev = g
 *     2. p = p - lr ((alpha + beta) g - beta g_prev)
 *     3. g_prev = g
 *
 * lr multiplies both coefficients. The first step is a plain one of length lr alpha; with g_prev = 0 at t = 1, as one
 * public class has it, it would be longer by beta. State: g_prev, 4 bytes a parameter in f32.
 */
#include "engine/method.h"

enum { LR, ALPHA, BETA };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},
    [ALPHA] = {"alpha", 1, "[0,inf)", "weight of the gradient"},
    [BETA] = {"beta", 1, "[0,inf)", "weight of its change (optimism)"},
    {0},
};

enum { G_PREV };
static const state_t STATE[] = {
    [G_PREV] = {"g_prev", "the last gradient", LIKE_PARAM, KEPT},
    {0},
};

typedef struct constants {
    real now, past; /* lr (alpha + beta), lr beta */
    bool first;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants =
        (constants_t){(real)(o[LR] * (o[ALPHA] + o[BETA])), (real)(o[LR] * o[BETA]), group->t == 1};
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict g_prev = t->state[G_PREV];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real before = k.first ? g[i] : g_prev[i];
        p[i] -= k.now * g[i] - k.past * before;
        g_prev[i] = g[i];
    }
}

const method_t METHOD(optimistic_gd) = {
    .name = "optimistic_gd",
    .purpose = "gradient descent corrected by the change of the gradient; for games and monotone operators",
    .citation =
        "Daskalakis, Ilyas, Syrgkanis, Zeng: Training GANs with Optimism, 2018, arXiv:1711.00141; Mokhtari, Ozdaglar, "
        "Pattathil: A Unified Analysis of Extra-gradient and Optimistic Gradient Methods, 2020, arXiv:1901.08511",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
