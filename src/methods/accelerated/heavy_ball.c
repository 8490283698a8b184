/*
 * heavy_ball: stochastic heavy ball with a rate that decays by stages.
 *
 * Pan, Liu, Wang, Zhang, "Accelerated Convergence of Stochastic Heavy Ball Method under Anisotropic Gradient Noise",
 * 2023, arXiv:2312.14567; equations from knowledge of the paper.
 *
 *     1. stages > 1:  lr_k = lr / decay^min(floor(k / len), stages - 1),  len = ceil(total_steps / stages),
 *        k = 0, 1, ...
 *     2. v <- momentum v + lr_k (g + weight_decay p)
 *     3. p <- p - v
 *
 * The rate stands inside the buffer: with a constant rate this is sgd with momentum, after a decay the old velocity
 * keeps its size. State: v, 4 bytes a parameter in f32.
 */
#include "engine/method.h"

enum { LR, MOMENTUM, STAGES, TOTAL_STEPS, DECAY, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.01, "[0,inf)", "step size of the first stage"},
    [MOMENTUM] = {"momentum", 0.9, "[0,1]", "share of the velocity that is kept; theory: (1 - 1 / sqrt(kappa))^2"},
    [STAGES] = {"stages", 1, "integer [1,inf)", "stages of equal length; 1: a constant rate"},
    [TOTAL_STEPS] = {"total_steps", 0, "integer [0,inf)", "T: steps of all stages together; needed if stages > 1"},
    [DECAY] = {"decay", 2, "(1,inf)", "C: the rate falls by this factor from stage to stage"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, added to the gradient"},
    {0},
};

static const char *check(const double *option) {
    return option[STAGES] > 1 && option[TOTAL_STEPS] == 0 ? "stages > 1 needs total_steps" : NULL;
}

enum { V };
static const state_t STATE[] = {
    [V] = {"v", "velocity, the rate included", LIKE_PARAM, FIRST_MOMENT},
    {0},
};

typedef struct constants {
    real lr, momentum, l2;
} constants_t;

/* Line 1. */
static double rate(const double *o, double k) {
    if (o[STAGES] == 1)
        return o[LR];
    const double length = ceil(o[TOTAL_STEPS] / o[STAGES]);
    return o[LR] / pow(o[DECAY], fmin(floor(k / length), o[STAGES] - 1));
}

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){(real)rate(o, group->t - 1), (real)o[MOMENTUM], (real)o[WEIGHT_DECAY]};
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        v[i] = settled(k.momentum * v[i] + k.lr * (g[i] + k.l2 * p[i]));
        p[i] -= v[i];
    }
}

const method_t METHOD(heavy_ball) = {
    .name = "heavy_ball",
    .purpose = "stochastic heavy ball with a rate that decays by stages",
    .citation =
        "Pan et al.: Accelerated Convergence of Stochastic Heavy Ball Method under Anisotropic Gradient Noise, 2023, "
        "arXiv:2312.14567",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .check = check,
    .prepare = prepare,
    .kernels = {update},
};
