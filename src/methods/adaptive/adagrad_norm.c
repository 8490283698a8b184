/*
 * adagrad_norm: AdaGrad with one accumulator for all coordinates.
 *
 * Ward, Wu, Bottou, "AdaGrad stepsizes: Sharp convergence over nonconvex landscapes", 2019, arXiv:1806.01811,
 * algorithm 1; the step size of Attia, Koren, "SGD with AdaGrad Stepsizes", 2023, with gamma = b0.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. b2 <- b2 + |g|^2,  over all tensors of the group;   per_tensor: b2[n] <- b2[n] + |g[n]|^2
 *     3. p <- p - lr / sqrt(b2) g   (no change where b2 = 0);   b2 starts at b0^2
 *
 * The current gradient is in the step size that multiplies it; nothing is added to the root. Two passes: reduce, apply.
 * State: b2 alone, in double.
 */
#include "blocks/sums.h"
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

typedef struct group_memory {
    double b2;
} group_memory_t;
typedef struct tensor_memory {
    double b2;
} tensor_memory_t;
static const field_t FIELDS[] = {
    {"b2", "b0^2 and the sum of squared norms", FIELD(OF_GROUP, group_memory_t, b2)},
    {"b2_tensor", "the same, tensor by tensor", FIELD(OF_TENSOR, tensor_memory_t, b2), .when = "per_tensor"},
    {0},
};

typedef struct constants {
    double lr, b2; /* the step is one number a tensor, in double */
    bool per_tensor;
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .lr = o[LR],
        .b2 = ((const group_memory_t *)group->group_memory)->b2,
        .per_tensor = o[PER_TENSOR_SUM] != 0,
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

static void squares(const tile_t *t) {
    t->sum[0] += sum_decayed_squares(t, ((const constants_t *)t->constants)->decay.l2);
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const double b2 = k.per_tensor ? ((const tensor_memory_t *)t->memory)->b2 : k.b2;
    const real step = (real)(b2 > 0 ? k.lr / sqrt(b2) : 0);
    real *restrict p = t->p;
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = k.decay.shrink * p[i] - step * (g[i] + k.decay.l2 * p[i]);
}

enum { SQUARES, UPDATE };

static void accumulate(double *b2, double b0, double square) {
    *b2 = (*b2 == 0 ? b0 * b0 : *b2) + square;
}

static optim_status advance(step_t *s) {
    (void)step_sums(s, SQUARES, NULL, 1);
    for (int i = 0; i < s->groups; ++i) {
        const group_t group = step_group(s, i);
        accumulate(&((group_memory_t *)group.group_memory)->b2, group.option[B0], group.sum[0]);
    }
    for (size_t n = 0; n < step_tensor_count(s); ++n)
        if (step_tensor(s, n) != NULL)
            accumulate(&((tensor_memory_t *)step_tensor_memory(s, n))->b2, step_tensor_option(s, n)[B0],
                       step_tensor_sum(s, n)[0]);
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
    .fields = FIELDS,
    .group_memory = sizeof(group_memory_t),
    .tensor_memory = sizeof(tensor_memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares, [UPDATE] = update},
};
