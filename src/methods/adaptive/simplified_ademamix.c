/*
 * simplified_ademamix: Adam with a heavy-ball sum in place of the first moment, to which the gradient is added anew.
 *
 * Morwani, Vyas, Zhang, Kakade, "Connections between Schedule-Free Optimizers, AdEMAMix, and Accelerated SGD Variants",
 * 2025, arXiv:2502.02431; as optax.contrib.simplified_ademamix.
 *
 *     1. m <- beta1 m + g;   v <- beta2 v + (1 - beta2) g^2
 *     2. p <- (1 - lr weight_decay) p - lr (alpha g + m) / (sqrt(v) / sqrt(c2) + eps)
 *
 * m is a sum, about 1 / (1 - beta1) gradients long: lr is that much smaller than adamw's. State: m, v, 8 bytes a
 * parameter in f32. eps_in_root = 1: adam_family.h.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, ALPHA, EPS, EPS_IN_ROOT, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-4),
    [BETA1] = {"beta1", 0.99, "[0,1)", "decay of the sum of gradients"},
    [BETA2] = BETA2_ROW(0.95),
    [ALPHA] = {"alpha", 0, "[0,inf)", "weight of the newest gradient beside the sum"},
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    {0},
};

enum { M, V };
static const state_t STATE[] = {[M] = {"m", "decaying sum of gradients", LIKE_PARAM, FIRST_MOMENT}, [V] = V_ROW, {0}};

typedef struct constants {
    weights_t beta1, beta2;
    real lr, alpha, inverse_root_c2;
    eps_t eps;
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, c2 = correction(o[BETA2], group->t);
    *(constants_t *)constants = (constants_t){
        .beta1 = {(real)o[BETA1], 1},
        .beta2 = weights(o[BETA2]),
        .lr = (real)o[LR],
        .alpha = (real)o[ALPHA],
        .inverse_root_c2 = (real)(1 / sqrt(c2)),
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .decay = decay_of(o[WEIGHT_DECAY], true, o[LR]),
    };
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        m[i] = ema(m[i], g[i], k.beta1);
        v[i] = ema(v[i], g[i] * g[i], k.beta2);
        const real root = damped_root(v[i], k.inverse_root_c2, k.eps);
        p[i] = k.decay.shrink * p[i] - k.lr * quotient(k.alpha * g[i] + m[i], root);
    }
}

const method_t METHOD(simplified_ademamix) = {
    .name = "simplified_ademamix",
    .purpose = "Adam with a long sum of gradients, to which the newest one is added anew",
    .citation = "Morwani et al.: Connections between Schedule-Free Optimizers, AdEMAMix, and Accelerated SGD Variants, "
                "2025, arXiv:2502.02431",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
