/*
 * adamg: Adam whose gradients are weighted by a slow power of what they have been, so that no rate is to be chosen.
 *
 * Pang, Yu, Hoang, Zhou, "Towards Stability of Parameter-free Optimization", 2024, arXiv:2405.04376, algorithm 1.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. v <- beta2 v + (1 - beta2) g^2;   r <- beta3 r + (1 - beta3) p v^q,   p and q the options
 *     3. m <- beta1 m + (1 - beta1) r g
 *     4. p <- p - min(lr, 1 / sqrt(t)) / c1 m / (sqrt(v / c2) + eps)
 *
 * v^q is computed in double. State: m, v, r, 12 bytes a parameter in f32.
 */
#include "blocks/adam_family.h"
#include "kernels/elementary.h"

enum { LR, BETA1, BETA2, BETA3, P, Q, EPS, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1, "[0,inf)", "largest step size"},
    [BETA1] = BETA1_ROW(0.95),
    [BETA2] = BETA2_ROW(0.999),
    [BETA3] = {"beta3", 0.95, "[0,1)", "decay of the weights"},
    [P] = {"p", 0.2, "(0,inf)", "factor of the weights"},
    [Q] = {"q", 0.24, "(0,1]", "power of the second moment that weighs"},
    [EPS] = EPS_ROW(1e-8),
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(0),
    {0},
};

enum { M, V, R };
static const state_t STATE[] = {
    [M] = {"m", "first moment of the weighted gradients", LIKE_PARAM, FIRST_MOMENT},
    [V] = V_ROW,
    [R] = {"r", "average weight", LIKE_PARAM, KEPT, .nonnegative = true},
    {0},
};

typedef struct constants {
    weights_t beta1, beta2, beta3;
    double p, q;
    real step, inverse_root_c2, eps;
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, t = group->t;
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .beta3 = weights(o[BETA3]),
        .p = o[P],
        .q = o[Q],
        .step = (real)(fmin(o[LR], 1 / sqrt(t)) / correction(o[BETA1], t)),
        .inverse_root_c2 = (real)(1 / sqrt(correction(o[BETA2], t))),
        .eps = (real)o[EPS],
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

/* What leaves the range stays at its end: the step is 0 then, as v is infinite. */
static const real MOST = sizeof(real) == sizeof(float) ? (real)FLT_MAX : (real)DBL_MAX;

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V], *restrict r = t->state[R];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i];
        v[i] = ema(v[i], gi * gi, k.beta2);
        const double second = fmin((double)v[i], (double)MOST);
        r[i] = ema(r[i], second > 0 ? (real)(k.p * elementary_power(second, k.q)) : 0, k.beta3);
        m[i] = larger(smaller(ema(m[i], r[i] * gi, k.beta1), MOST), -MOST);
        p[i] = k.decay.shrink * p[i] - k.step * quotient(m[i], sqrt(v[i]) * k.inverse_root_c2 + k.eps);
    }
}

const method_t METHOD(adamg) = {
    .name = "adamg",
    .purpose = "Adam on gradients weighted by a slow power of their size: no rate is to be chosen",
    .citation = "Pang, Yu, Hoang, Zhou: Towards Stability of Parameter-free Optimization, 2024, arXiv:2405.04376",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
