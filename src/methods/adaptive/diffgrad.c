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
 * file compared the gradient with itself; the paper's results were made with it. State: m, v, prev, 12 bytes a
 * parameter in f32. eps_in_root = 1: adam_family.h.
 */
#include <string.h>

#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, EPS, EPS_IN_ROOT, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
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

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, c1 = correction(o[BETA1], group->t), c2 = correction(o[BETA2], group->t);
    *(form_b_t *)constants = (form_b_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .step = (real)(o[LR] * sqrt(c2) / c1),
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

/*
 * exp(-x) for x >= 0, to a few ulp: 2^-n exp(r), n the integer nearest to x / log 2, the second factor by its series.
 * The C library's cannot be vectorized and has other bits on other machines. From 87 (708) on it is as good as 0 beside
 * 1.
 */
static inline float exp_minus_f32(float x) {
    const float bounded = x < 87 ? x : 87, shifted = bounded * 0x1.715476p0F + 0x1.8p23F, n = shifted - 0x1.8p23F;
    const float r = n * 0x1.62e4p-1F - bounded + n * 0x1.7f7d1cp-20F;
    uint32_t bits;
    float series = 1, power;
    for (int k = 7; k > 0; --k)
        series = 1 + series * r * (1 / (float)k);
    memcpy(&bits, &shifted, sizeof bits);
    bits = (127 - bits) << 23;
    memcpy(&power, &bits, sizeof power);
    return series * power;
}
static inline double exp_minus_f64(double x) {
    const double bounded = x < 708 ? x : 708, shifted = bounded * 0x1.71547652b82fep0 + 0x1.8p52;
    const double n = shifted - 0x1.8p52;
    const double r = n * 0x1.62e42feep-1 - bounded + n * 0x1.a39ef35793c76p-33;
    uint64_t bits;
    double series = 1, power;
    for (int k = 13; k > 0; --k)
        series = 1 + series * r * (1 / (double)k);
    memcpy(&bits, &shifted, sizeof bits);
    bits = (1023 - bits) << 52;
    memcpy(&power, &bits, sizeof power);
    return series * power;
}
static inline real exp_minus(real x) {
    return sizeof(real) == sizeof(float) ? (real)exp_minus_f32((float)x) : (real)exp_minus_f64((double)x);
}

static void update(const tile_t *t) {
    const form_b_t k = *(const form_b_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V], *restrict prev = t->state[PREV];
    const real *restrict g = t->g;
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i], xi = 1 / (1 + exp_minus(fabs(prev[i] - gi)));
        m[i] = ema(m[i], gi, k.beta1);
        v[i] = ema(v[i], gi * gi, k.beta2);
        prev[i] = gi;
        p[i] = k.decay.shrink * p[i] - k.step * xi * quotient(m[i], damped_root(v[i], 1, k.eps));
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
    .constants = sizeof(form_b_t),
    .prepare = prepare,
    .kernels = {update},
};
