/*
 * ano: the momentum says where to, the gradient how far.
 *
 * Kegreisz, "ANO: Faster is Better in Noisy Landscape", 2025, arXiv:2508.18258, algorithm 1; with log_beta1 = 1 Anolog.
 *
 *     1. p <- (1 - lr weight_decay) p;   log_beta1 = 1: beta1 = 1 - 1 / ln(max(2, t))
 *     2. m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) sign(g^2 - v) g^2
 *     3. p <- p - lr |g| sign(m) / (sqrt(v / c2) + eps)
 *
 * As pytorch_optimizer 4.1.0. Until t = 3 the logarithm makes beta1 negative: m then is more than the gradient. v stays
 * at or above 0 for beta2 >= 1/2. State: m, v, 8 bytes a parameter in f32.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, EPS, LOG_BETA1, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-4),
    [BETA1] = BETA1_ROW(0.92),
    [BETA2] = {"beta2", 0.99, "[0.5,1)", "decay of the second moment"},
    [EPS] = EPS_ROW(1e-8),
    [LOG_BETA1] = {"log_beta1", 0, "0|1", "1: beta1 grows with the logarithm of the steps"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    {0},
};

enum { M, V };
static const state_t STATE[] = {[M] = M_ROW, [V] = V_ROW, {0}};

typedef struct constants {
    weights_t beta1, beta2;
    real lr, eps, inverse_root_c2;
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[LOG_BETA1] != 0 ? 1 - 1 / log(fmax(2, group->t)) : o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .lr = (real)o[LR],
        .eps = (real)o[EPS],
        .inverse_root_c2 = (real)(1 / sqrt(correction(o[BETA2], group->t))),
        .decay = decay_of(o[WEIGHT_DECAY], true, o[LR]),
    };
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real square = g[i] * g[i], change = square > v[i] ? square : square < v[i] ? -square : 0;
        m[i] = ema(m[i], g[i], k.beta1);
        v[i] = ema(v[i], change, k.beta2);
        const real length = quotient(fabs(g[i]), sqrt(v[i]) * k.inverse_root_c2 + k.eps);
        p[i] = k.decay.shrink * p[i] - k.lr * sign(m[i]) * length;
    }
}

const method_t METHOD(ano) = {
    .name = "ano",
    .purpose = "steps in the momentum's direction, as long as the gradient",
    .citation = "Kegreisz: ANO: Faster is Better in Noisy Landscape, 2025, arXiv:2508.18258",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
