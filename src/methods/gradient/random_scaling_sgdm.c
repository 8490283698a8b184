/*
 * random_scaling_sgdm: SGD with momentum, its whole displacement scaled by an exponential random number.
 *
 * Zhang, Cutkosky, "Random Scaling and Momentum for Non-smooth Non-convex Optimization", 2024, arXiv:2405.09742.
 *
 *     1. m = beta1 m + (1 - beta1) g
 *     2. s ~ Exp(1), one number a step for all tensors and groups
 *     3. p = p - s lr (m + weight_decay p)
 *
 * draws=quasi: s = -ln(1 - u_t), u_t the fractional part of t times the golden ratio; draws=mean: s = 1.
 * State: m, 4 bytes a parameter in f32.
 */
#include "blocks/averages.h"
#include "blocks/draws.h"

enum { LR, BETA1, WEIGHT_DECAY, DRAWS };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},
    [BETA1] = {"beta1", 0.9, "[0,1)", "decay of the momentum"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, inside the scaled displacement"},
    [DRAWS] = {"draws", DRAWS_RANDOM, "random|quasi|mean", "random, a deterministic sequence, or no scaling"},
    {0},
};

enum { M };
static const state_t STATE[] = {
    [M] = {"m", "momentum", LIKE_PARAM, FIRST_MOMENT},
    {0},
};

typedef struct constants {
    weights_t beta1;
    double lr;
    real weight_decay;
} constants_t;

typedef struct update {
    double s;
} update_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){weights(o[BETA1]), o[LR], (real)o[WEIGHT_DECAY]};
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real step = (real)(((const update_t *)t->arguments)->s * k.lr);
    real *restrict p = t->p, *restrict m = t->state[M];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        m[i] = ema(m[i], g[i], k.beta1);
        p[i] -= step * (m[i] + k.weight_decay * p[i]);
    }
}

static optim_status advance(step_t *s) {
    step_update(s, 0, &(update_t){draw_exponential(s, s->option[DRAWS], s->t)});
    return OPTIM_OK;
}

const method_t METHOD(random_scaling_sgdm) = {
    .name = "random_scaling_sgdm",
    .purpose = "SGD with momentum, its displacement scaled by an exponential random number",
    .citation =
        "Zhang, Cutkosky: Random Scaling and Momentum for Non-smooth Non-convex Optimization, 2024, arXiv:2405.09742",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {update},
    .arguments = {sizeof(update_t)},
};
