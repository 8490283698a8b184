/*
 * nero: every neuron moves by a share of its length, and stays on the sphere of vectors of mean 0 and length 1.
 *
 * Liu, Bernstein, Meister, Yue, "Learning by Turning: Neural Architecture Aware Optimisation", 2021, arXiv:2102.07227,
 * algorithm 1. A neuron is a slice w of dimension 0; an element, where there are fewer than two dimensions.
 *
 *     1. t = 1: constraints: line 4;   sigma = mean of |w| over the tensor's neurons, 0.01 if that is 0
 *     2. v <- beta v + (1 - beta) |g|^2, of each neuron
 *     3. w <- w - lr sigma g / (sqrt(v / (1 - beta^t)) + eps)
 *     4. constraints, with two dimensions or more: w <- w - mean of w,  w <- w / (|w| + eps)
 *
 * The authors' code has no eps; it takes line 1 when the optimizer is made, here and in pytorch_optimizer that is in
 * the first step. State: v, a double a neuron; sigma, a number a tensor. A tensor is worked on by one thread.
 */
#include "blocks/averages.h"
#include "blocks/sums.h"
#include "blocks/whole.h"

enum { LR, BETA, CONSTRAINTS, EPS };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-2, "[0,inf)", "length of a neuron's step relative to the mean neuron's at first"},
    [BETA] = {"beta", 0.999, "[0,1)", "decay of v"},
    [CONSTRAINTS] = {"constraints", 1, "0|1", "neurons of tensors with two dimensions or more: mean 0, length 1"},
    [EPS] = {"eps", 1e-8, "[0,inf)", "added to roots and lengths"},
    {0},
};

/* ---- Neurons ---- */

static size_t width_of(const tensor_t *tensor) {
    return tensor->ndim > 1 ? tensor_columns(tensor) : 1;
}

static int neurons(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)option, (void)axis;
    const size_t width = width_of(tensor);
    dims[0] = (int64_t)(width > 0 ? tensor->count / width : 0);
    return 1;
}

enum { V };
static const state_t STATE[] = {
    [V] = {"v", "mean squared length of each neuron's gradient", SHAPED, KEPT, .type = TYPE_DOUBLE, .dims = neurons},
    {0},
};

typedef struct tensor_memory {
    double sigma;
} tensor_memory_t;
static const field_t FIELDS[] = {
    {"sigma", "mean length of a neuron at first", FIELD(OF_TENSOR, tensor_memory_t, sigma)},
    {0},
};

typedef struct constants {
    double lr, beta, c, eps;
    bool first, constraints;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .lr = o[LR],
        .beta = o[BETA],
        .c = correction(o[BETA], group->t),
        .eps = o[EPS],
        .first = group->t == 1,
        .constraints = o[CONSTRAINTS] != 0,
    };
}

/* ---- The step of one tensor ---- */

/* Line 4, of one neuron. */
static void balance(size_t width, double eps, real *restrict w) {
    const double mean = sum_elements(width, w) / (double)width;
    for (size_t i = 0; i < width; ++i)
        w[i] = (real)((double)w[i] - mean);
    const double divisor = sqrt(sum_squares(width, w)) + eps;
    for (size_t i = 0; divisor > 0 && i < width; ++i)
        w[i] = (real)((double)w[i] / divisor);
}

static void balance_all(const tile_t *t, const constants_t *k, size_t width) {
    real *p = t->p;
    for (size_t i = 0; k->constraints && t->tensor->ndim > 1 && i < t->n; i += width)
        balance(width, k->eps, p + i);
}

/* Line 1. */
static void begin(const tile_t *t, const constants_t *k, size_t width) {
    const real *p = t->p;
    double sum = 0;
    balance_all(t, k, width);
    for (size_t i = 0; i < t->n; i += width)
        sum += sqrt(sum_squares(width, p + i));
    ((tensor_memory_t *)t->memory)->sigma = sum > 0 ? sum * (double)width / (double)t->n : 0.01;
}

static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    const size_t width = width_of(t->tensor);
    if (k->first)
        begin(t, k, width);
    const double length = k->lr * ((const tensor_memory_t *)t->memory)->sigma;
    double *restrict v = t->state[V];
    real *restrict p = t->p;
    const real *restrict g = t->g;
    for (size_t n = 0, first = 0; first < t->n; ++n, first += width) {
        v[n] = k->beta * v[n] + (1 - k->beta) * sum_squares(width, g + first);
        const double divisor = sqrt(v[n] / k->c) + k->eps;
        for (size_t i = first; divisor > 0 && i < first + width; ++i)
            p[i] = (real)((double)p[i] - length * ((double)g[i] / divisor));
    }
    balance_all(t, k, width);
}

const method_t METHOD(nero) = {
    .name = "nero",
    .purpose = "every neuron moves by a share of its length, on the sphere of mean 0 and length 1",
    .citation = "Liu, Bernstein, Meister, Yue: Learning by Turning: Neural Architecture Aware Optimisation, 2021, "
                "arXiv:2102.07227",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .flags = WHOLE_TENSORS,
    .tensor_memory = sizeof(tensor_memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = whole_advance,
    .kernels = {update},
};
