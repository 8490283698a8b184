/*
 * diffgrad: Adam slowed down where the gradient hardly changes.
 *
 * Dubey, Chakraborty, Roy, Mukherjee, Singh, Chaudhuri, "diffGrad: An Optimization Method for Convolutional Neural
 * Networks", 2019, arXiv:1909.11015, as the authors' corrected code (version 2).
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) g^2
 *     3. xi = 1 / (1 + exp(-|prev - g|));   prev <- g
 *     4. p <- p - lr (sqrt(c2) / c1) xi m / (sqrt(v) + eps)
 *
 * prev is 0 at t = 1, later the gradient after the L2 term. xi multiplies the step, not the state m. The authors' first
 * file compared the gradient with itself; the paper's results were made with it. State: m, v, prev, 12 bytes a parameter
 * in f32.
 */
#include "methods/core/adam_family.h"

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8),
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(0),
    {0},
};

enum { M, V, PREV };
static const state_t STATE[] = {
    [M] = M_ROW,
    [V] = V_ROW,
    [PREV] = {"prev", "gradient of the step before", LIKE_PARAM, KEPT},
    {0},
};

typedef struct scalars {
    double beta1, beta2, eps, step;
    decay_t decay;
} scalars_t;

static void prepare(const group_t *group, void *scalars) {
    const double *o = group->option, c1 = correction(o[BETA1], group->t), c2 = correction(o[BETA2], group->t);
    *(scalars_t *)scalars = (scalars_t){
        .beta1 = o[BETA1],
        .beta2 = o[BETA2],
        .eps = o[EPS],
        .step = o[LR] * sqrt(c2) / c1,
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

static void update(const tile_t *t) {
    const scalars_t *k = t->scalars;
    const weights_t beta1 = weights(k->beta1), beta2 = weights(k->beta2);
    const real eps = (real)k->eps, step = (real)k->step, l2 = (real)k->decay.l2, shrink = (real)k->decay.shrink;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V], *restrict prev = t->state[PREV];
    const real *restrict g = t->g;
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + l2 * p[i], xi = 1 / (1 + exp(-fabs(prev[i] - gi)));
        m[i] = ema(m[i], gi, beta1);
        v[i] = ema(v[i], gi * gi, beta2);
        prev[i] = gi;
        p[i] = shrink * p[i] - step * xi * quotient(m[i], sqrt(v[i]) + eps);
    }
}

const method_t METHOD(diffgrad) = {
    .name = "diffgrad",
    .purpose = "Adam with friction where the gradient hardly changes",
    .citation = "Dubey et al.: diffGrad: An Optimization Method for Convolutional Neural Networks, 2019, "
                "arXiv:1909.11015",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .scalars = sizeof(scalars_t),
    .prepare = prepare,
    .kernels = {update},
};
