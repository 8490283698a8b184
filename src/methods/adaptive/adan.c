/*
 * adan: adaptive Nesterov momentum from differences of gradients.
 *
 * Xie, Zhou, Li, Lin, Yan, "Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep Models", 2022,
 * arXiv:2208.06677, algorithm 1, as the authors' code.
 *
 *     1. diff = g - prev  (0 at t = 1);   prev <- g
 *     2. m <- beta1 m + (1 - beta1) g;   d <- beta2 d + (1 - beta2) diff
 *        v <- beta3 v + (1 - beta3) (g + beta2 diff)^2
 *     3. no_prox = 1: p <- (1 - lr weight_decay) p
 *     4. p <- p - lr (m / (1 - beta1^t) + beta2 d / (1 - beta2^t)) / (sqrt(v) / sqrt(1 - beta3^t) + eps)
 *     5. no_prox = 0: p <- p / (1 + lr weight_decay)
 *
 * The betas are decay rates, 1 minus the paper's. The code corrects the bias, the paper starts m and d at the first
 * gradients. prev is the gradient as it arrives here, clipped if it was. State: m, d, v, prev, 16 bytes a parameter in
 * f32. eps_in_root = 1: adam_family.h.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, BETA3, EPS, EPS_IN_ROOT, WEIGHT_DECAY, NO_PROX };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.98),
    [BETA2] = {"beta2", 0.92, "[0,1)", "decay of the averaged difference, and its weight"},
    [BETA3] = {"beta3", 0.99, "[0,1)", "decay of the second moment"},
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [NO_PROX] = {"no_prox", 0, "0|1",
                 "decay before the step by 1 - lr lambda (1) or after it by 1/(1 + lr lambda) (0)"},
    {0},
};

enum { M, D, V, PREV };
static const state_t STATE[] = {
    [M] = M_ROW, [D] = {"d", "average of gradient differences", LIKE_PARAM, KEPT},
    [V] = V_ROW, [PREV] = {"prev", "gradient of the step before", LIKE_PARAM, KEPT},
    {0},
};

typedef struct constants {
    weights_t beta1, beta2, beta3;
    real lr, inverse_root_c3;
    real of_m, of_d;    /* the factors in front of m and d */
    real before, after; /* lines 3 and 5 */
    real has_prev;
    eps_t eps;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, t = group->t, decay = o[LR] * o[WEIGHT_DECAY], c3 = correction(o[BETA3], t);
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .beta3 = weights(o[BETA3]),
        .lr = (real)o[LR],
        .inverse_root_c3 = (real)(1 / sqrt(c3)),
        .of_m = (real)(1 / correction(o[BETA1], t)),
        .of_d = (real)(o[BETA2] / correction(o[BETA2], t)),
        .before = o[NO_PROX] != 0 ? (real)(1 - decay) : 1,
        .after = o[NO_PROX] != 0 ? 1 : (real)(1 / (1 + decay)),
        .has_prev = t > 1,
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c3),
    };
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict d = t->state[D], *restrict v = t->state[V],
                   *restrict prev = t->state[PREV];
    const real *restrict g = t->g;
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real diff = k.has_prev * (g[i] - prev[i]), ahead = g[i] + k.beta2.keep * diff;
        prev[i] = g[i];
        m[i] = ema(m[i], g[i], k.beta1);
        d[i] = ema(d[i], diff, k.beta2);
        v[i] = ema(v[i], ahead * ahead, k.beta3);
        const real direction = quotient(k.of_m * m[i] + k.of_d * d[i], damped_root(v[i], k.inverse_root_c3, k.eps));
        p[i] = k.after * (k.before * p[i] - k.lr * direction);
    }
}

const method_t METHOD(adan) = {
    .name = "adan",
    .purpose = "adaptive Nesterov momentum from differences of gradients",
    .citation = "Xie et al.: Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep Models, 2022, "
                "arXiv:2208.06677",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
