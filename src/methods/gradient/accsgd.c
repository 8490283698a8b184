/*
 * accsgd: Nesterov-like acceleration that holds for stochastic gradients: short steps, and an average of long ones.
 *
 * Kidambi, Netrapalli, Jain, Kakade, "On the insufficiency of existing momentum schemes for Stochastic Optimization",
 * 2018, arXiv:1803.05591, algorithm 1; Jain, Kakade, Kidambi, Netrapalli, Sidford, 2017, arXiv:1704.08227.
 *
 *     beta = xi constant^2 / kappa,   zeta = constant / (constant + beta)
 *     1. g <- g + weight_decay p
 *     2. w <- (1 - beta) w + beta (p - lr kappa / constant g)
 *     3. p <- zeta (p - lr g) + (1 - zeta) w
 *
 * beta lr kappa / constant is lr xi constant, which is how it is computed. w begins at the parameters. State: w, 4
 * bytes a parameter in f32.
 */
#include "engine/method.h"

enum { LR, KAPPA, XI, CONSTANT, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-3, "[0,inf)", "step size of the short steps"},
    [KAPPA] = {"kappa", 1000, "[1,inf)", "ratio of long to short steps"},
    [XI] = {"xi", 10, "(0,inf)", "statistical advantage: at most the root of kappa"},
    [CONSTANT] = {"constant", 0.7, "(0,1)", "a share that keeps steps stable"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, added to the gradient"},
    {0},
};

static const char *check(const double *option) {
    return option[XI] * option[XI] > option[KAPPA] ? "xi lies above the root of kappa" : NULL;
}

enum { W };
static const state_t STATE[] = {
    [W] = {"w", "average of the points that long steps lead to", LIKE_PARAM, KEPT, .from_param = true, .exact = true},
    {0},
};

typedef struct constants {
    real lr, l2, beta, keep, of_g, zeta, of_w; /* of_g = beta lr kappa / constant, keep = 1 - beta, of_w = 1 - zeta */
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, beta = o[XI] * o[CONSTANT] * o[CONSTANT] / o[KAPPA];
    const double zeta = o[CONSTANT] / (o[CONSTANT] + beta);
    *(constants_t *)constants = (constants_t){
        .lr = (real)o[LR],
        .l2 = (real)o[WEIGHT_DECAY],
        .beta = (real)beta,
        .keep = (real)(1 - beta),
        .of_g = (real)(o[LR] * o[XI] * o[CONSTANT]),
        .zeta = (real)zeta,
        .of_w = (real)(1 - zeta),
    };
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict w = t->state[W];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.l2 * p[i];
        w[i] = k.keep * w[i] + k.beta * p[i] - k.of_g * gi;
        p[i] = k.zeta * (p[i] - k.lr * gi) + k.of_w * w[i];
    }
}

const method_t METHOD(accsgd) = {
    .name = "accsgd",
    .purpose = "acceleration for stochastic gradients: short steps, mixed with an average of long ones",
    .citation = "Kidambi, Netrapalli, Jain, Kakade: On the insufficiency of existing momentum schemes for Stochastic "
                "Optimization, 2018, arXiv:1803.05591",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .check = check,
    .prepare = prepare,
    .kernels = {update},
};
