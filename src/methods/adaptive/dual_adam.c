/*
 * dual_adam: Adam that multiplies by the root at first, and divides by it later.
 *
 * "Combining Adam and its Inverse Counterpart to Enhance Generalization of Deep Learning Optimizers", 2026,
 * arXiv:2603.07122, as pytorch_optimizer has it.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) g^2;   r = sqrt(v / c2) + eps
 *     3. s = 1 - t switch_rate, or 0 where that is below switch_rate;   p <- p - lr / c1 m (s r + (1 - s) / r)
 *
 * State: m, v, 8 bytes a parameter in f32.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, EPS, SWITCH_RATE, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8),
    [SWITCH_RATE] = {"switch_rate", 1e-2, "[0,inf)", "share that goes over to Adam with each step"},
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(0),
    {0},
};

enum { M, V };
static const state_t STATE[] = {[M] = M_ROW, [V] = V_ROW, {0}};

typedef struct constants {
    weights_t beta1, beta2;
    real inverse, divided, inverse_root_c2, eps; /* lr / c1 times s and 1 - s */
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, share = 1 - group->t * o[SWITCH_RATE];
    const double s = share >= o[SWITCH_RATE] ? fmax(share, 0) : 0, step = o[LR] / correction(o[BETA1], group->t);
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .inverse = (real)(step * s),
        .divided = (real)(step * (1 - s)),
        .inverse_root_c2 = (real)(1 / sqrt(correction(o[BETA2], group->t))),
        .eps = (real)o[EPS],
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i];
        m[i] = ema(m[i], gi, k.beta1);
        v[i] = ema(v[i], gi * gi, k.beta2);
        const real root = sqrt(v[i]) * k.inverse_root_c2 + k.eps;
        p[i] = k.decay.shrink * p[i] - (k.inverse * m[i] * root + k.divided * quotient(m[i], root));
    }
}

const method_t METHOD(dual_adam) = {
    .name = "dual_adam",
    .purpose = "Adam that multiplies by the root at first, and divides by it later",
    .citation = "Combining Adam and its Inverse Counterpart to Enhance Generalization of Deep Learning Optimizers, "
                "2026, arXiv:2603.07122",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
