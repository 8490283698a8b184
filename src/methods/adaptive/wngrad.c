/*
 * wngrad: gradient descent with one rate that gradients make smaller, by a rule of its own.
 *
 * Wu, Ward, Bottou, "WNGrad: Learn the Learning Rate in Gradient Descent", 2018, arXiv:1803.02865, with a step size.
 *
 *     1. b <- b + lr^2 |g|^2 / b,  over all tensors of the group;   b starts at b0
 *     2. p <- p - lr / b g
 *
 * The paper's first step is by b0 alone; here, as in ensmallen, every gradient is in the rate that multiplies it. Two
 * passes: reduce, apply. State: b alone, in double.
 */
#include "blocks/reduce.h"

enum { LR, B0 };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.562, "[0,inf)", "step size before gradients make it smaller"},
    [B0] = {"b0", 1, "(0,inf)", "divisor to begin with"},
    {0},
};

typedef struct group_memory {
    double b;
} group_memory_t;
static const field_t FIELDS[] = {
    {"b", "divisor of the step size", FIELD(OF_GROUP, group_memory_t, b), .initial_option = "b0"},
    {0},
};

static void prepare(const group_t *group, void *constants) {
    const double b = ((const group_memory_t *)group->group_memory)->b;
    *(real *)constants = (real)(group->option[LR] / b);
}

static void update(const tile_t *t) {
    const real step = *(const real *)t->constants;
    real *restrict p = t->p;
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        p[i] -= step * g[i];
}

enum { SQUARES, UPDATE };

static optim_status advance(step_t *s) {
    (void)step_sums(s, SQUARES, NULL, 1);
    for (int i = 0; i < s->groups; ++i) {
        const group_t group = step_group(s, i);
        double *b = &((group_memory_t *)group.group_memory)->b;
        const double length = group.option[LR] * sqrt(group.sum[0]);
        *b += length * length / *b;
    }
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(wngrad) = {
    .name = "wngrad",
    .purpose = "gradient descent with one rate that gradients make smaller",
    .citation = "Wu, Ward, Bottou: WNGrad: Learn the Learning Rate in Gradient Descent, 2018, arXiv:1803.02865",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .fields = FIELDS,
    .group_memory = sizeof(group_memory_t),
    .constants = sizeof(real),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares, [UPDATE] = update},
};
