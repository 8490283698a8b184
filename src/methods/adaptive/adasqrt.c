/*
 * adasqrt: AdaGrad without its root, at a rate that grows with the root of the steps.
 *
 * Hu, Lin, Tang, "Second-order Information in First-order Optimization Methods", 2019, arXiv:1912.09926, as ensmallen
 * has it.
 *
 *     1. v <- v + g^2
 *     2. p <- p - lr sqrt(t) g / (v + eps)
 *
 * v stays in the parameters' precision: a sum. State: v, 4 bytes a parameter in f32.
 */
#include "blocks/adam_family.h"

enum { LR, EPS };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-2),
    [EPS] = {"eps", 1e-8, "[0,inf)", "added to the sum of squares"},
    {0},
};

enum { V };
static const state_t STATE[] = {
    [V] = {"v", "sum of squared gradients", LIKE_PARAM, KEPT, .nonnegative = true, .exact = true},
    {0},
};

typedef struct constants {
    real step, eps;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){(real)(o[LR] * sqrt(group->t)), (real)o[EPS]};
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        v[i] = settled(v[i] + g[i] * g[i]);
        p[i] -= k.step * quotient(g[i], v[i] + k.eps);
    }
}

const method_t METHOD(adasqrt) = {
    .name = "adasqrt",
    .purpose = "AdaGrad without its root, at a rate that grows with the root of the steps",
    .citation = "Hu, Lin, Tang: Second-order Information in First-order Optimization Methods, 2019, arXiv:1912.09926",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
