/*
 * adagrad: steps divided by the root of the summed squares, coordinate by coordinate.
 *
 * Duchi, Hazan, Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", 2011, diagonal
 * form; as torch.optim.Adagrad.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. sum <- sum + g^2
 *     3. p <- p - lr / (1 + (t - 1) lr_decay) g / (sqrt(sum) + eps);   eps_in_root = 1: g / sqrt(sum + eps)
 *
 * eps stands outside the root as in torch, or inside as in Keras and optax. The sum starts at 0 (Keras and optax: 0.1).
 * In f32 it stops growing once it exceeds 2^24 times the next square. State: sum, 4 bytes a parameter in f32.
 */
#include "blocks/adam_family.h"

enum { LR, LR_DECAY, EPS, EPS_IN_ROOT, INITIAL_ACCUMULATOR, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-2, "[0,inf)", "step size"},
    [LR_DECAY] = {"lr_decay", 0, "[0,inf)", "hyperbolic decay of lr"},
    [EPS] = EPS_ROW(1e-10),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [INITIAL_ACCUMULATOR] = {"initial_accumulator", 0, "[0,inf)", "start value of the sum"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda"},
    [DECOUPLED] = {"decoupled", 0, "0|1", "decay the parameters by lr lambda (1) or add to the gradient (0)"},
    {0},
};

enum { SUM };
static const state_t STATE[] = {
    [SUM] = {"sum", "of squared gradients", LIKE_PARAM, KEPT, .initial_option = "initial_accumulator",
             .nonnegative = true},
    {0},
};

typedef struct constants {
    real step;
    eps_t eps;
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .step = (real)(o[LR] / (1 + (group->t - 1) * o[LR_DECAY])),
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, 1),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict sum = t->state[SUM];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i];
        sum[i] = settled(sum[i] + gi * gi);
        p[i] = k.decay.shrink * p[i] - quotient(k.step * gi, damped_root(sum[i], 1, k.eps));
    }
}

const method_t METHOD(adagrad) = {
    .name = "adagrad",
    .purpose = "steps divided by the root of the summed squared gradients",
    .citation =
        "Duchi, Hazan, Singer: Adaptive Subgradient Methods for Online Learning and Stochastic Optimization, 2011",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
