/*
 * lars: momentum with a rate for every tensor, in proportion to the tensor's length over its gradient's.
 *
 * You, Gitman, Ginsburg, "Large Batch Training of Convolutional Networks", 2017, arXiv:1708.03888, algorithm 1.
 *
 *     1. ratio <- trust_coefficient |p| / (|g| + weight_decay |p| + eps)   if |p| > 0 and |g| > 0, else 1
 *     2. d <- ratio (g + weight_decay p);   lr_in_momentum = 1: d <- lr d
 *     3. v <- momentum v + d;   d <- d + momentum v if nesterov, else v
 *     4. p <- p - d;   lr_in_momentum = 0: p <- p - lr d
 *
 * exclude_1d: vectors and scalars without decay and with ratio 1. The sum of the norms stands in 1 as in the paper, not
 * the norm of the sum (optax). lr_in_momentum = 1 is the paper's and TensorFlow's form, 0 that of timm and apex: they
 * differ once lr changes. Two passes. State: v, 4 bytes a parameter in f32.
 */
#include "blocks/sums.h"
#include "engine/method.h"

enum { LR, MOMENTUM, NESTEROV, WEIGHT_DECAY, TRUST_COEFFICIENT, EPS, EXCLUDE_1D, LR_IN_MOMENTUM };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1, "[0,inf)", "step size: factor on the rates of the tensors"},
    [MOMENTUM] = {"momentum", 0.9, "[0,1]", "decay of the buffer"},
    [NESTEROV] = {"nesterov", 0, "0|1", "look ahead along the buffer"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, inside the trust ratio"},
    [TRUST_COEFFICIENT] = {"trust_coefficient", 1e-3, "(0,inf)", "length of a step relative to the tensor's (eta)"},
    [EPS] = {"eps", 1e-8, "[0,inf)", "added to the denominator of the ratio"},
    [EXCLUDE_1D] = {"exclude_1d", 0, "0|1", "tensors of at most one dimension: no decay, ratio 1"},
    [LR_IN_MOMENTUM] = {"lr_in_momentum", 1, "0|1", "lr inside the buffer (1) or on the step (0)"},
    {0},
};

enum { BUF };
static const state_t STATE[] = {[BUF] = {"v", "momentum buffer", LIKE_PARAM, FIRST_MOMENT}, {0}};

typedef struct constants {
    double inner_lr, weight_decay, trust_coefficient, eps; /* the ratio is one number a tensor, in double */
    real outer_lr, momentum, of_d, of_v;                   /* the last two: factors in front of d and v */
    bool exclude_1d;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    const bool inside = o[LR_IN_MOMENTUM] != 0, nesterov = o[NESTEROV] != 0;
    *(constants_t *)constants = (constants_t){
        .inner_lr = inside ? o[LR] : 1,
        .weight_decay = o[WEIGHT_DECAY],
        .trust_coefficient = o[TRUST_COEFFICIENT],
        .eps = o[EPS],
        .outer_lr = inside ? 1 : (real)o[LR],
        .momentum = (real)o[MOMENTUM],
        .of_d = nesterov,
        .of_v = nesterov ? (real)o[MOMENTUM] : 1,
        .exclude_1d = o[EXCLUDE_1D] != 0,
    };
}

static void squares(const tile_t *t) {
    t->sum[0] += sum_squares(t->n, t->p);
    t->sum[1] += sum_squares(t->n, t->g);
}

/* Line 1. */
static double trust_ratio(const tile_t *t) {
    const constants_t *k = t->constants;
    const double p = sqrt(t->tensor_sum[0]), g = sqrt(t->tensor_sum[1]);
    return p > 0 && g > 0 ? k->trust_coefficient * p / (g + k->weight_decay * p + k->eps) : 1;
}

/* Lines 2 to 4. */
static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const bool excluded = k.exclude_1d && t->tensor->ndim <= 1;
    const real rate = (real)(k.inner_lr * (excluded ? 1 : trust_ratio(t)));
    const real decay = excluded ? 0 : (real)k.weight_decay;
    real *restrict p = t->p, *restrict v = t->state[BUF];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real d = rate * (g[i] + decay * p[i]);
        v[i] = settled(k.momentum * v[i] + d);
        p[i] -= k.outer_lr * (k.of_d * d + k.of_v * v[i]);
    }
}

enum { SQUARES, UPDATE };

static optim_status advance(step_t *s) {
    step_sums_by_tensor(s, SQUARES, 2, UPDATE);
    return OPTIM_OK;
}

const method_t METHOD(lars) = {
    .name = "lars",
    .purpose = "momentum with a rate for every tensor, in proportion to the tensor's length over its gradient's",
    .citation = "You, Gitman, Ginsburg: Large Batch Training of Convolutional Networks, 2017, arXiv:1708.03888",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares, [UPDATE] = update},
};
