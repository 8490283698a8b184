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
    double lr, beta1, beta2, beta3, inverse_root_c3;
    eps_t eps;
    double of_m, of_d;    /* the factors in front of m and d */
    double before, after; /* lines 3 and 5 */
    double has_prev;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, t = group->t, decay = o[LR] * o[WEIGHT_DECAY], c3 = correction(o[BETA3], t);
    *(constants_t *)constants = (constants_t){
        .lr = o[LR],
        .beta1 = o[BETA1],
        .beta2 = o[BETA2],
        .beta3 = o[BETA3],
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c3),
        .of_m = 1 / correction(o[BETA1], t),
        .of_d = o[BETA2] / correction(o[BETA2], t),
        .inverse_root_c3 = 1 / sqrt(c3),
        .before = o[NO_PROX] != 0 ? 1 - decay : 1,
        .after = o[NO_PROX] != 0 ? 1 : 1 / (1 + decay),
        .has_prev = t > 1,
    };
}

static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    const weights_t beta1 = weights(k->beta1), beta2 = weights(k->beta2), beta3 = weights(k->beta3);
    const eps_t eps = k->eps;
    const real lr = (real)k->lr, of_m = (real)k->of_m, of_d = (real)k->of_d, inverse_root_c3 = (real)k->inverse_root_c3,
               before = (real)k->before, after = (real)k->after, has_prev = (real)k->has_prev;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict d = t->state[D], *restrict v = t->state[V],
                   *restrict prev = t->state[PREV];
    const real *restrict g = t->g;
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real diff = has_prev * (g[i] - prev[i]), ahead = g[i] + beta2.keep * diff;
        prev[i] = g[i];
        m[i] = ema(m[i], g[i], beta1);
        d[i] = ema(d[i], diff, beta2);
        v[i] = ema(v[i], ahead * ahead, beta3);
        const real direction = quotient(of_m * m[i] + of_d * d[i], damped_root(v[i], inverse_root_c3, eps));
        p[i] = after * (before * p[i] - lr * direction);
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
