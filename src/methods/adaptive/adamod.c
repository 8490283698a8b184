/*
 * adamod: Adam whose element-wise rates are bounded by their own moving average.
 *
 * Ding, Ren, Luo, Sun, "An Adaptive and Momental Bound Method for Stochastic Learning", 2019, arXiv:1910.12249, as the
 * authors' code.
 *
 *     1. decoupled = 1: p <- (1 - lr weight_decay) p;   decoupled = 0: g <- g + weight_decay p
 *     2. m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) g^2
 *     3. eta = lr (sqrt(c2) / c1) / (sqrt(v) + eps);   s <- beta3 s + (1 - beta3) eta
 *     4. p <- p - min(eta, s) m
 *
 * The code has 1 / c1 inside the rate that is averaged, the paper beside m: the code is followed. s starts at 0 and is
 * not corrected for it: that is the warm-up. State: m, v, s, 12 bytes a parameter in f32. eps_in_root = 1:
 * adam_family.h.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, BETA3, EPS, EPS_IN_ROOT, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [BETA3] = {"beta3", 0.999, "[0,1)", "decay of the averaged rate"},
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(1),
    {0},
};

enum { M, V, S };
static const state_t STATE[] = {
    [M] = M_ROW,
    [V] = V_ROW,
    [S] = {"s", "moving average of the rates", LIKE_PARAM, KEPT, .nonnegative = true},
    {0},
};

typedef struct constants {
    weights_t beta1, beta2, beta3;
    real step;
    eps_t eps;
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, c1 = correction(o[BETA1], group->t), c2 = correction(o[BETA2], group->t);
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .beta3 = weights(o[BETA3]),
        .step = (real)(o[LR] * sqrt(c2) / c1),
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V], *restrict s = t->state[S];
    const real *restrict g = t->g;
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i];
        m[i] = ema(m[i], gi, k.beta1);
        v[i] = ema(v[i], gi * gi, k.beta2);
        const real eta = quotient(k.step, damped_root(v[i], 1, k.eps));
        s[i] = ema(s[i], eta, k.beta3);
        p[i] = k.decay.shrink * p[i] - smaller(eta, s[i]) * m[i];
    }
}

const method_t METHOD(adamod) = {
    .name = "adamod",
    .purpose = "Adam whose rates are bounded by their own moving average",
    .citation = "Ding et al.: An Adaptive and Momental Bound Method for Stochastic Learning, 2019, arXiv:1910.12249",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
