/*
 * lion: evolved sign momentum.
 *
 * Chen, Liang, Huang, Real, Wang, Liu, Pham, Dong, Luong, Hsieh, Lu, Le, "Symbolic Discovery of Optimization
 * Algorithms", 2023, arXiv:2302.06675, algorithm 2.
 *
 *     1. p <- (1 - lr weight_decay) p
 *     2. c <- beta1 m + (1 - beta1) g
 *     3. p <- p - lr sign(c)
 *     4. m <- beta2 m + (1 - beta2) g
 *
 * Decay is always decoupled and multiplied by lr; sign(0) = 0. State: m, 4 bytes a parameter in f32.
 */
#include "blocks/averages.h"

enum { LR, BETA1, BETA2, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-4, "[0,inf)", "step size: what every coordinate moves by"},
    [BETA1] = {"beta1", 0.9, "[0,1)", "weight of the momentum in the step's direction"},
    [BETA2] = {"beta2", 0.99, "[0,1)", "decay of the momentum"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    {0},
};

enum { M };
static const state_t STATE[] = {
    [M] = {"m", "momentum", LIKE_PARAM, FIRST_MOMENT},
    {0},
};

typedef struct constants {
    weights_t beta1, beta2;
    real lr, shrink; /* shrink = 1 - lr weight_decay */
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants =
        (constants_t){weights(o[BETA1]), weights(o[BETA2]), (real)o[LR], (real)(1 - o[LR] * o[WEIGHT_DECAY])};
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        p[i] = k.shrink * p[i] - k.lr * sign(weighted(m[i], g[i], k.beta1));
        m[i] = ema(m[i], g[i], k.beta2);
    }
}

const method_t METHOD(lion) = {
    .name = "lion",
    .purpose = "evolved sign momentum",
    .citation = "Chen et al.: Symbolic Discovery of Optimization Algorithms, 2023, arXiv:2302.06675",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
