/*
 * padam: partially adaptive: AMSGrad with a smaller power of the second moment, between Adam and SGD.
 *
 * Chen, Zhou, Tang, Yang, Cao, Gu, "Closing the Generalization Gap of Adaptive Gradient Methods in Training Deep Neural
 * Networks", 2018, arXiv:1806.06763, as the authors' code.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) g^2
 *     3. amsgrad: vmax <- max(vmax, v), h <- vmax;   else h <- v
 *     4. p <- p - lr (sqrt(c2) / c1) m / (sqrt(h) + eps)^(2 partial)
 *
 * partial is the paper's p. The bias correction sqrt(c2) is not raised to 2 partial (code; the paper has none). State:
 * m, v, vmax, 12 bytes a parameter in f32 (8 without amsgrad). eps_in_root = 1: adam_family.h.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, PARTIAL, EPS, EPS_IN_ROOT, WEIGHT_DECAY, DECOUPLED, AMSGRAD };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(0.1),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [PARTIAL] = {"partial", 0.25, "(0,0.5]", "power of the second moment; 0.5: Adam's"},
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(0),
    [AMSGRAD] = AMSGRAD_ROW(1),
    {0},
};

enum { M, V, VMAX };
static const state_t STATE[] = {[M] = M_ROW, [V] = V_ROW, [VMAX] = VMAX_ROW, {0}};

typedef struct constants {
    weights_t beta1, beta2;
    real step, power;
    eps_t eps;
    decay_t decay;
    bool half;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, c1 = correction(o[BETA1], group->t), c2 = correction(o[BETA2], group->t);
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .step = (real)(o[LR] * sqrt(c2) / c1),
        .power = (real)(2 * o[PARTIAL]),
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
        .half = o[PARTIAL] == 0.25,
    };
}

/* For power = 1/2, the default, the power is a square root. */
static inline void update_with(const tile_t *t, const bool amsgrad, const bool half) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V], *restrict vmax = t->state[VMAX];
    const real *restrict g = t->g;
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i];
        m[i] = ema(m[i], gi, k.beta1);
        v[i] = ema(v[i], gi * gi, k.beta2);
        const real h = amsgrad ? (vmax[i] = larger(vmax[i], v[i])) : v[i], root = damped_root(h, 1, k.eps);
        p[i] = k.decay.shrink * p[i] - k.step * quotient(m[i], half ? sqrt(root) : pow(root, k.power));
    }
}

static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    const bool amsgrad = t->state[VMAX] != NULL;
    if (amsgrad && k->half)
        update_with(t, true, true);
    else if (amsgrad)
        update_with(t, true, false);
    else if (k->half)
        update_with(t, false, true);
    else
        update_with(t, false, false);
}

const method_t METHOD(padam) = {
    .name = "padam",
    .purpose = "partially adaptive: AMSGrad with a smaller power of the second moment",
    .citation = "Chen et al.: Closing the Generalization Gap of Adaptive Gradient Methods in Training Deep Neural "
                "Networks, 2018, arXiv:1806.06763",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
