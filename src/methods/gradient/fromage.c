/*
 * fromage: steps of every tensor as long as lr times the tensor, and no growth by them.
 *
 * Bernstein, Vahdat, Yue, Liu, "On the distance between two neural networks and the stability of learning", 2020,
 * arXiv:2002.03432, algorithm 1.
 *
 *     p <- (p - lr |p| / |g| g) / sqrt(1 + lr^2),   |p| and |g| of the tensor and at least min_norm
 *
 * Where |p| or |g| is 0 the ratio is 1. Two passes, no state.
 */
#include <tgmath.h>

#include "blocks/sums.h"

enum { LR, MIN_NORM };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-2, "[0,inf)", "length of a step relative to the tensor's"},
    [MIN_NORM] = {"min_norm", 0, "[0,inf)", "least norm"},
    {0},
};

typedef struct constants {
    double lr, min_norm;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){group->option[LR], group->option[MIN_NORM]};
}

static void squares_of_both(const tile_t *t) {
    t->sum[0] += sum_squares(t->n, t->p);
    t->sum[1] += sum_squares(t->n, t->g);
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const double of_p = fmax(sqrt(t->tensor_sum[0]), k.min_norm), of_g = fmax(sqrt(t->tensor_sum[1]), k.min_norm);
    const double ratio = of_p > 0 && of_g > 0 ? of_p / of_g : 1;
    const real step = (real)(k.lr * ratio), shrink = (real)(1 / sqrt(1 + k.lr * k.lr));
    real *restrict p = t->p;
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = shrink * (p[i] - step * g[i]);
}

enum { SQUARES, UPDATE };

static optim_status advance(step_t *s) {
    step_sums_by_tensor(s, SQUARES, 2, UPDATE);
    return OPTIM_OK;
}

const method_t METHOD(fromage) = {
    .name = "fromage",
    .purpose = "steps of every tensor in proportion to its length, which they do not change",
    .citation = "Bernstein et al.: On the distance between two neural networks and the stability of learning, 2020, "
                "arXiv:2002.03432",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares_of_both, [UPDATE] = update},
};
