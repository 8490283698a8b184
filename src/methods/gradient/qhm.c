/*
 * qhm: quasi-hyperbolic momentum, a weighted mean of a gradient step and a momentum step.
 *
 * Ma, Yarats, "Quasi-hyperbolic momentum and Adam for deep learning", 2019, arXiv:1810.06801.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. m <- momentum m + (1 - momentum) g
 *     3. p <- p - lr ((1 - nu) g + nu m)
 *
 * The buffer is a mean, so that lr means the same for every momentum; no bias correction; as the authors' qhoptim.
 * nu = 0 is sgd; nu = 1 and nu = momentum are sgd with momentum and with nesterov, lr times 1 - momentum. State: m,
 * 4 bytes a parameter in f32.
 */
#include "blocks/averages.h"

enum { LR, MOMENTUM, NU, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1, "[0,inf)", "step size (alpha in the paper)"},
    [MOMENTUM] = {"momentum", 0.999, "[0,1)", "decay of the buffer (beta in the paper)"},
    [NU] = {"nu", 0.7, "[0,1]", "share of the buffer in the step"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda"},
    [DECOUPLED] = {"decoupled", 0, "0|1", "decay the parameters (1) or add to the gradient (0)"},
    {0},
};

enum { M };
static const state_t STATE[] = {
    [M] = {"m", "running mean of the gradient", LIKE_PARAM, FIRST_MOMENT},
    {0},
};

typedef struct constants {
    weights_t momentum;
    real lr, nu, one_nu;
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){weights(o[MOMENTUM]), (real)o[LR], (real)o[NU], (real)(1 - o[NU]),
                                              decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR])};
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i];
        m[i] = ema(m[i], gi, k.momentum);
        p[i] = k.decay.shrink * p[i] - k.lr * (k.one_nu * gi + k.nu * m[i]);
    }
}

const method_t METHOD(qhm) = {
    .name = "qhm",
    .purpose = "weighted mean of a gradient step and a momentum step",
    .citation = "Ma, Yarats: Quasi-hyperbolic momentum and Adam for deep learning, 2019, arXiv:1810.06801",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
