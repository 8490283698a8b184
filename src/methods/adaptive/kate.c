/*
 * kate: AdaGrad without the square root: steps that do not change with the scale of a coordinate's data.
 *
 * Choudhury, Tupitsa, Loizou, Horvath, Takac, Gorbunov, "Remove that Square Root: A New Efficient Scale-Invariant
 * Version of AdaGrad", 2024, arXiv:2403.02648, algorithm 1.
 *
 *     1. p <- (1 - lr weight_decay) p
 *     2. b <- b + g^2 + eps;   m <- m + delta g^2 + g^2 / b
 *     3. p <- p - lr sqrt(m) g / b
 *
 * delta is the paper's eta, lr its beta. b and m are sums and stay in the parameters' precision; in f32 they stop
 * growing once they exceed 2^24 times what is next. State: b, m, 8 bytes a parameter in f32.
 */
#include "blocks/adam_family.h"

enum { LR, DELTA, EPS, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [DELTA] = {"delta", 0, "[0,inf)", "weight of the squared gradients in m (eta in the paper)"},
    [EPS] = {"eps", 1e-8, "[0,inf)", "added to b in every step"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    {0},
};

enum { B, SUM };
static const state_t STATE[] = {
    [B] = {"b", "sum of squared gradients", LIKE_PARAM, KEPT, .nonnegative = true, .exact = true},
    [SUM] = {"m", "sum of what they are relative to b", LIKE_PARAM, KEPT, .nonnegative = true, .exact = true},
    {0},
};

typedef struct constants {
    real lr, root_delta, eps;
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants =
        (constants_t){(real)o[LR], (real)sqrt(o[DELTA]), (real)o[EPS], decay_of(o[WEIGHT_DECAY], true, o[LR])};
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict b = t->state[B], *restrict m = t->state[SUM];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        b[i] = settled(b[i] + g[i] * g[i] + k.eps);
        const real root = sqrt(b[i]), share = quotient(g[i], root), own = k.root_delta * g[i];
        m[i] = settled(m[i] + own * own + share * share);
        p[i] = k.decay.shrink * p[i] - k.lr * sqrt(m[i]) * quotient(share, root);
    }
}

const method_t METHOD(kate) = {
    .name = "kate",
    .purpose = "AdaGrad without the square root: steps that do not change with the scale of data",
    .citation = "Choudhury et al.: Remove that Square Root: A New Efficient Scale-Invariant Version of AdaGrad, 2024, "
                "arXiv:2403.02648",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
