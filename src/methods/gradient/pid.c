/*
 * pid: the gradient with its decaying sum and its averaged change: a controller's three terms.
 *
 * An, Wang, Sun, Xu, Dai, Zhang, "A PID Controller Approach for Stochastic Optimization of Deep Networks", CVPR 2018;
 * in the form of the authors' PIDOptimizer.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. i <- momentum i + (1 - dampening) g
 *        d <- momentum d + (1 - momentum) (g - prev),  no second term in the first step;   prev <- g
 *     3. p <- p - lr (g + integral i + derivative d)
 *
 * momentum = 0 leaves i and d out, as there. State: i, d, prev, 12 bytes a parameter in f32.
 */
#include "blocks/averages.h"

enum { LR, MOMENTUM, DAMPENING, DERIVATIVE, INTEGRAL, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-3, "[0,inf)", "step size"},
    [MOMENTUM] = {"momentum", 0.9, "[0,1)", "decay of the sum and of the change; 0: steps along the gradient"},
    [DAMPENING] = {"dampening", 0, "[0,1]", "what a new gradient lacks of its weight in the sum"},
    [DERIVATIVE] = {"derivative", 10, "[0,inf)", "weight of the change"},
    [INTEGRAL] = {"integral", 5, "[0,inf)", "weight of the sum"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda"},
    [DECOUPLED] = {"decoupled", 0, "0|1", "decay the parameters (1) or add to the gradient (0)"},
    {0},
};

enum { SUM, D, PREV };
static const state_t STATE[] = {
    [SUM] = {"i", "decaying sum of gradients", LIKE_PARAM, FIRST_MOMENT},
    [D] = {"d", "average of their changes", LIKE_PARAM, KEPT},
    [PREV] = {"prev", "gradient of the step before", LIKE_PARAM, KEPT},
    {0},
};

typedef struct constants {
    weights_t i, d;
    real lr, of_i, of_d;
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    const bool plain = o[MOMENTUM] == 0;
    *(constants_t *)constants = (constants_t){
        .i = {(real)o[MOMENTUM], (real)(1 - o[DAMPENING])},
        .d = {(real)o[MOMENTUM], group->t > 1 ? (real)(1 - o[MOMENTUM]) : 0},
        .lr = (real)o[LR],
        .of_i = plain ? 0 : (real)o[INTEGRAL],
        .of_d = plain ? 0 : (real)o[DERIVATIVE],
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict sum = t->state[SUM], *restrict d = t->state[D], *restrict prev = t->state[PREV];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i];
        sum[i] = ema(sum[i], gi, k.i);
        d[i] = ema(d[i], gi - prev[i], k.d);
        prev[i] = gi;
        p[i] = k.decay.shrink * p[i] - (k.lr * gi + k.lr * k.of_i * sum[i] + k.lr * k.of_d * d[i]);
    }
}

const method_t METHOD(pid) = {
    .name = "pid",
    .purpose = "the gradient, its decaying sum and its averaged change, as of a PID controller",
    .citation = "An et al.: A PID Controller Approach for Stochastic Optimization of Deep Networks, CVPR 2018",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
