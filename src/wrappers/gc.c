/*
 * gc: gradient centralization.
 *
 * Yong, Huang, Hua, Zhang, "Gradient Centralization: A New Optimization Technique for Deep Neural Networks", 2020,
 * arXiv:2004.01461.
 *
 *     g <- g - mean of g over dimensions 1..,   for tensors of two or more dimensions (conv_only: of four or more)
 *
 * Dimension 0 is the output channel; vectors are untouched. No state; one more pass over the gradients.
 */
#include "engine/method.h"

enum { CONV_ONLY };
static const option_t OPTIONS[] = {
    [CONV_ONLY] = {"conv_only", 0, "0|1", "tensors of four or more dimensions only"},
    {0},
};

typedef struct constants {
    int least_dimensions;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    ((constants_t *)constants)->least_dimensions = group->option[CONV_ONLY] != 0 ? 4 : 2;
}

static void elements(const tile_t *t) {
    const real *g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = (double)g[i];
}

static void centralize(const tile_t *t) {
    real *g = t->g;
    if (t->tensor->ndim < ((const constants_t *)t->constants)->least_dimensions)
        return;
    for (size_t i = 0; i < t->n;) {
        const real mean = (real)(tile_row_sum(t, i) / (double)t->tensor->row);
        for (const size_t end = tile_row_end(t, i); i < end; ++i)
            g[i] -= mean;
    }
}

enum { ELEMENTS, CENTRALIZE };

static optim_status advance(step_t *s) {
    step_reduce_rows(s, ELEMENTS, NULL, 1);
    step_filter(s, CENTRALIZE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(gc) = {
    .name = "gc",
    .purpose = "gradient centralization: takes the mean out of every output channel's gradient",
    .citation = "Yong et al.: Gradient Centralization: A New Optimization Technique for Deep Neural Networks, 2020, "
                "arXiv:2004.01461",
    .evaluations = "none of its own",
    .options = OPTIONS,
    .flags = SUMS_ROWS,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[ELEMENTS] = elements, [CENTRALIZE] = centralize},
};
