/*
 * acprop: adabelief's second moment of the step before, under the gradient itself.
 *
 * Zhuang, Ding, Tang, Dvornek, Tatikonda, Duncan, "Momentum Centering and Asynchronous Update for Adaptive Gradient
 * Methods", 2021, arXiv:2110.05454; as optax.contrib.acprop.
 *
 *     1. h = s / (1 - beta2^(t-1)),   1 at t = 1
 *     2. p <- (1 - lr weight_decay) p - lr g / (sqrt(h) + eps)
 *     3. s <- beta2 s + (1 - beta2) (g - m)^2 + eps_root;   m <- beta1 m + (1 - beta1) g
 *
 * Line 3 takes m from before; the paper takes the new one, by which s is beta1^2 times as large. State: m, s, 8 bytes a
 * parameter in f32.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, EPS, EPS_ROOT, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = {"beta1", 0.9, "[0,1)", "decay of the mean that the gradient is compared with"},
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-16),
    [EPS_ROOT] = {"eps_root", 1e-16, "[0,inf)", "added to the second moment in every step"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    {0},
};

enum { M, S };
static const state_t STATE[] = {
    [M] = {"m", "mean of the gradients", LIKE_PARAM, KEPT},
    [S] = {"s", "second moment of the gradient's distance from it", LIKE_PARAM, KEPT, .nonnegative = true},
    {0},
};

typedef struct constants {
    weights_t beta1, beta2;
    real lr, eps, eps_root, inverse_root_c2, one; /* line 1: sqrt(s) times the last but one, plus the last */
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    const bool first = group->t == 1;
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .lr = (real)o[LR],
        .eps = (real)o[EPS],
        .eps_root = (real)o[EPS_ROOT],
        .inverse_root_c2 = first ? 0 : (real)(1 / sqrt(correction(o[BETA2], group->t - 1))),
        .one = first,
        .decay = decay_of(o[WEIGHT_DECAY], true, o[LR]),
    };
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict s = t->state[S];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real root = sqrt(s[i]) * k.inverse_root_c2 + k.one, surprise = g[i] - m[i];
        p[i] = k.decay.shrink * p[i] - quotient(k.lr * g[i], root + k.eps);
        s[i] = ema(s[i], surprise * surprise, k.beta2) + k.eps_root;
        m[i] = ema(m[i], g[i], k.beta1);
    }
}

const method_t METHOD(acprop) = {
    .name = "acprop",
    .purpose = "gradients divided by the second moment of their surprise as it was before them",
    .citation = "Zhuang et al.: Momentum Centering and Asynchronous Update for Adaptive Gradient Methods, 2021, "
                "arXiv:2110.05454",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
