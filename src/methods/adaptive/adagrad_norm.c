/*
 * adagrad_norm: AdaGrad with one accumulator for all coordinates.
 *
 * Ward, Wu, Bottou, "AdaGrad stepsizes: Sharp convergence over nonconvex landscapes", 2019, arXiv:1806.01811, algorithm 1;
 * the step size of Attia, Koren, "SGD with AdaGrad Stepsizes", 2023, with gamma = b0.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. b2 <- b2 + |g|^2,  over all tensors of the group;   per_tensor: b2[n] <- b2[n] + |g[n]|^2
 *     3. p <- p - lr / sqrt(b2) g   (no change where b2 = 0);   b2 starts at b0^2
 *
 * The current gradient is in the step size that multiplies it; nothing is added to the root. Two passes: reduce, apply.
 * State: b2 alone, in double.
 */
#include <tgmath.h>

#include "engine/method.h"

enum { LR, B0, PER_TENSOR_SUM, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1, "[0,inf)", "eta: bound on the first step's length"},
    [B0] = {"b0", 1e-2, "[0,inf)", "root of the accumulator's start value"},
    [PER_TENSOR_SUM] = {"per_tensor", 0, "0|1", "an accumulator for every tensor"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda"},
    [DECOUPLED] = {"decoupled", 0, "0|1", "decay the parameters (1) or add to the gradient (0)"},
    {0},
};

enum { B2, B2_TENSOR };
static const state_t STATE[] = {
    [B2] = {"b2", "b0^2 and the sum of squared norms", PER_GROUP, KEPT},
    [B2_TENSOR] = {"b2_tensor", "the same, tensor by tensor", PER_TENSOR, KEPT, .when = "per_tensor"},
    {0},
};

typedef struct constants {
    double lr, b2, l2, shrink;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    const decay_t decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]);
    *(constants_t *)constants = (constants_t){
        .lr = o[LR],
        .b2 = *group->scalar[B2],
        .l2 = decay.l2,
        .shrink = decay.shrink,
    };
}

static void squares(const tile_t *t) {
    const real l2 = (real)((const constants_t *)t->constants)->l2;
    const real *restrict g = t->g, *restrict p = t->p;
    double *restrict square = t->term[0];
    for (size_t i = 0; i < t->n; ++i) {
        const double gi = (double)(g[i] + l2 * p[i]);
        square[i] = gi * gi;
    }
}

static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    const double *own = t->state[B2_TENSOR], b2 = own == NULL ? k->b2 : *own;
    const real step = (real)(b2 > 0 ? k->lr / sqrt(b2) : 0), l2 = (real)k->l2, shrink = (real)k->shrink;
    real *restrict p = t->p;
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = shrink * p[i] - step * (g[i] + l2 * p[i]);
}

enum { SQUARES, UPDATE };

static void accumulate(double *b2, double b0, double square) {
    *b2 = (*b2 == 0 ? b0 * b0 : *b2) + square;
}

static optim_status advance(step_t *s) {
    (void)step_reduce(s, SQUARES, NULL, 1);
    for (int i = 0; i < s->groups; ++i) {
        const group_t group = step_group(s, i);
        accumulate(group.scalar[B2], group.option[B0], group.sum[0]);
    }
    for (size_t n = 0; n < step_tensor_count(s); ++n) {
        double *b2 = step_tensor(s, n) == NULL ? NULL : step_tensor_scalar(s, n, B2_TENSOR);
        if (b2 != NULL)
            accumulate(b2, step_tensor_option(s, n)[B0], step_tensor_sum(s, n)[0]);
    }
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(adagrad_norm) = {
    .name = "adagrad_norm",
    .purpose = "AdaGrad with one accumulator for all coordinates",
    .citation =
        "Ward, Wu, Bottou: AdaGrad stepsizes: Sharp convergence over nonconvex landscapes, 2019, arXiv:1806.01811",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares, [UPDATE] = update},
};
