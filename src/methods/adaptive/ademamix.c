/*
 * ademamix: AdamW with a second, much slower average of the gradient.
 *
 * Pagliardini, Ablin, Grangier, "The AdEMAMix Optimizer: Better, Faster, Older", 2024, arXiv:2409.03137, as the
 * authors' code.
 *
 *     1. a = alpha t / alpha_warmup while t < alpha_warmup, then alpha
 *     2. b = beta3, but while t < beta3_warmup, x = t / beta3_warmup, F(y) = log(1/2) / log(y + 1e-8) - 1:
 *        b = (1/2)^(1 / ((1 - x) F(beta1) + x F(beta3) + 1))
 *     3. m1 <- beta1 m1 + (1 - beta1) g;   m2 <- b m2 + (1 - b) g;   v <- beta2 v + (1 - beta2) g^2
 *     4. p <- (1 - lr weight_decay) p - lr (m1 / c1 + a m2) / (sqrt(v) / sqrt(c2) + eps)
 *
 * F is the half-life of an average: line 2 interpolates half-lives. m2 has no bias correction; the 1e-8 keeps F(0)
 * finite. Decay is always decoupled. State: m1 (unless beta1 = 0: it is g then), m2, v, 12 (8) bytes a parameter in
 * f32. eps_in_root = 1: adam_family.h.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, BETA3, ALPHA, ALPHA_WARMUP, BETA3_WARMUP, EPS, EPS_IN_ROOT, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [BETA3] = {"beta3", 0.9999, "[0,1)", "decay of the slow average"},
    [ALPHA] = {"alpha", 2, "[0,inf)", "weight of the slow average"},
    [ALPHA_WARMUP] = {"alpha_warmup", 0, "integer [0,inf)", "steps over which alpha rises from 0"},
    [BETA3_WARMUP] = {"beta3_warmup", 0, "integer [0,inf)", "steps over which beta3 rises from beta1"},
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    {0},
};

enum { M1, M2, V };
static const state_t STATE[] = {
    [M1] = {"m1", "fast average of the gradient", LIKE_PARAM, FIRST_MOMENT, .when = "beta1"},
    [M2] = {"m2", "slow average of the gradient", LIKE_PARAM, KEPT},
    [V] = V_ROW,
    {0},
};

typedef struct constants {
    weights_t beta1, beta2, beta3;
    real lr, inverse_root_c2, shrink;
    real of_m1, of_m2; /* the factors in front of m1 and m2 */
    eps_t eps;
} constants_t;

static double half_life(double beta) {
    return log(0.5) / log(beta + 1e-8) - 1;
}

/* Line 2. */
static double warm_beta3(const double *o, double t) {
    const double x = t / o[BETA3_WARMUP];
    return t < o[BETA3_WARMUP] ? pow(0.5, 1 / ((1 - x) * half_life(o[BETA1]) + x * half_life(o[BETA3]) + 1)) : o[BETA3];
}

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, t = group->t, c2 = correction(o[BETA2], t);
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .beta3 = weights(warm_beta3(o, t)),
        .lr = (real)o[LR],
        .inverse_root_c2 = (real)(1 / sqrt(c2)),
        .shrink = (real)(1 - o[LR] * o[WEIGHT_DECAY]),
        .of_m1 = (real)(1 / correction(o[BETA1], t)),
        .of_m2 = (real)(t < o[ALPHA_WARMUP] ? o[ALPHA] * t / o[ALPHA_WARMUP] : o[ALPHA]),
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
    };
}

static inline void update_with(const tile_t *t, const bool average) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m1 = t->state[M1], *restrict m2 = t->state[M2], *restrict v = t->state[V];
    const real *restrict g = t->g;
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real fast = average ? (m1[i] = ema(m1[i], g[i], k.beta1)) : g[i];
        m2[i] = ema(m2[i], g[i], k.beta3);
        v[i] = ema(v[i], g[i] * g[i], k.beta2);
        const real root = damped_root(v[i], k.inverse_root_c2, k.eps);
        p[i] = k.shrink * p[i] - k.lr * quotient(k.of_m1 * fast + k.of_m2 * m2[i], root);
    }
}

static void update(const tile_t *t) {
    if (t->state[M1] == NULL)
        update_with(t, false);
    else
        update_with(t, true);
}

const method_t METHOD(ademamix) = {
    .name = "ademamix",
    .purpose = "AdamW with a second, much slower average of the gradient",
    .citation = "Pagliardini, Ablin, Grangier: The AdEMAMix Optimizer: Better, Faster, Older, 2024, arXiv:2409.03137",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
