/*
 * focus: signs of the momentum, and of the way to where the parameters have been on average.
 *
 * Liu, Liu, Gore, "FOCUS: First Order Concentrated Updating Scheme", 2025, arXiv:2501.12243.
 *
 *     1. m <- beta1 m + (1 - beta1) g;   pbar <- beta2 pbar + (1 - beta2) p;   a = pbar / (1 - beta2^t)
 *     2. p <- p - lr weight_decay a
 *     3. p <- p - lr (sign(m) + gamma sign(p - a))
 *
 * The decay is by the average, not by p. In the first step a is p itself, without what rounding makes of it.
 * State: m, pbar, 8 bytes a parameter in f32.
 */
#include "blocks/averages.h"

enum { LR, BETA1, BETA2, GAMMA, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-2, "[0,inf)", "step size"},
    [BETA1] = {"beta1", 0.9, "[0,1)", "decay of the momentum"},
    [BETA2] = {"beta2", 0.999, "[0,1)", "decay of the parameters' average"},
    [GAMMA] = {"gamma", 0.1, "[0,inf)", "strength of the pull to the average"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, of the average"},
    {0},
};

enum { M, PBAR };
static const state_t STATE[] = {
    [M] = {"m", "momentum", LIKE_PARAM, FIRST_MOMENT},
    [PBAR] = {"pbar", "average of the parameters", LIKE_PARAM, KEPT, .exact = true},
    {0},
};

typedef struct constants {
    weights_t beta1, beta2;
    real lr, pull, decay, inverse_c2; /* pull = lr gamma, decay = lr weight_decay */
    bool first;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .lr = (real)o[LR],
        .pull = (real)(o[LR] * o[GAMMA]),
        .decay = (real)(o[LR] * o[WEIGHT_DECAY]),
        .inverse_c2 = (real)(1 / correction(o[BETA2], group->t)),
        .first = group->t == 1,
    };
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict pbar = t->state[PBAR];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        m[i] = ema(m[i], g[i], k.beta1);
        pbar[i] = ema(pbar[i], p[i], k.beta2);
        const real a = k.first ? p[i] : pbar[i] * k.inverse_c2, from = p[i] - k.decay * a;
        p[i] = from - (k.lr * sign(m[i]) + k.pull * sign(from - a));
    }
}

const method_t METHOD(focus) = {
    .name = "focus",
    .purpose = "signs of the momentum, with a pull to where the parameters have been",
    .citation = "Liu, Liu, Gore: FOCUS: First Order Concentrated Updating Scheme, 2025, arXiv:2501.12243",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
