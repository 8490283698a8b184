/*
 * exadam: Adam whose corrections for the start see both moments, with the gradient itself beside the momentum.
 *
 * Adly, "EXAdam: The Power of Adaptive Cross-Moments", 2024, arXiv:2412.20302, algorithm 1.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) g^2
 *     3. a = 1 + v / (v + eps) beta2^t;   b = 1 + m^2 / (m^2 + eps) beta1^t
 *     4. p <- p - lr a (m + g) / c1 / (sqrt(b v / c2) + eps)
 *
 * State: m, v, 8 bytes a parameter in f32.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = {"eps", 1e-8, "[0,inf)", "added to the root, to v and to m^2"},
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(1),
    {0},
};

enum { M, V };
static const state_t STATE[] = {[M] = M_ROW, [V] = V_ROW, {0}};

typedef struct constants {
    weights_t beta1, beta2;
    real step, inverse_root_c2, eps, beta1_t, beta2_t; /* step = lr / c1 */
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, c1 = correction(o[BETA1], group->t), c2 = correction(o[BETA2], group->t);
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .step = (real)(o[LR] / c1),
        .inverse_root_c2 = (real)(1 / sqrt(c2)),
        .eps = (real)o[EPS],
        .beta1_t = (real)(1 - c1),
        .beta2_t = (real)(1 - c2),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

/* x / (x + eps), of an x that may be infinite. */
static inline real share(real x, real eps) {
    return x > 0 ? 1 / (1 + eps / x) : 0;
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i];
        m[i] = ema(m[i], gi, k.beta1);
        v[i] = ema(v[i], gi * gi, k.beta2);
        const real a = 1 + k.beta2_t * share(v[i], k.eps);
        const real b = 1 + k.beta1_t * share(m[i] * m[i], k.eps);
        const real root = sqrt(b * v[i]) * k.inverse_root_c2 + k.eps;
        p[i] = k.decay.shrink * p[i] - k.step * a * quotient(m[i] + gi, root);
    }
}

const method_t METHOD(exadam) = {
    .name = "exadam",
    .purpose = "Adam whose corrections see both moments, with the gradient beside the momentum",
    .citation = "Adly: EXAdam: The Power of Adaptive Cross-Moments, 2024, arXiv:2412.20302",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
