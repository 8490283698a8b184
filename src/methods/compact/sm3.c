/*
 * sm3: Adagrad whose sums of squares are kept as one bound for each slice of each axis.
 *
 * Anil, Gupta, Koren, Singer, "Memory-Efficient Adaptive Optimization", 2019, arXiv:1901.11150, SM3-II, the cover being
 * the slices of every axis.
 *
 *     1. nu = min over axes a of mu_a;   beta2 > 0: nu <- beta2 nu
 *     2. nu <- nu + (1 - beta2) g^2
 *     3. top_a = max of nu over the other axes;   mu_a <- top_a, or max(mu_a, top_a) if beta2 > 0
 *     4. u = g / sqrt(nu + eps);   momentum > 0: m <- momentum m + (1 - momentum) u, u <- m
 *     5. p <- p - lr u
 *
 * nu is never below the sum of squares that Adagrad keeps; of a vector it is that sum. A tensor without dimensions has
 * one axis of length 1. State in f32: mu, 4 bytes for each slice; m, 4 a parameter.
 */
#include "blocks/averages.h"
#include "blocks/axes.h"
#include "blocks/whole.h"

enum { LR, MOMENTUM, BETA2, EPS };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},
    [MOMENTUM] = {"momentum", 0, "[0,1)", "decay of the average of updates, 0: there is none"},
    [BETA2] = {"beta2", 0, "[0,1)", "decay of the squares, 0: they add up", .zero_apart = true},
    [EPS] = {"eps", 1e-30, "[0,inf)", "added to the squares, inside the root"},
    {0},
};

static int length_of(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)option;
    dims[0] = (int64_t)tensor_axis(tensor, axis);
    return tensor->count > 0 ? 1 : -1;
}

enum { MU, M };
static const state_t STATE[] = {
    [MU] = {"mu", "bound on the squares of each slice of an axis", PER_AXIS, KEPT, .dims = length_of,
            .nonnegative = true},
    [M] = {"m", "average of the updates", LIKE_PARAM, FIRST_MOMENT, .when = "momentum"},
    {0},
};

typedef struct constants {
    weights_t momentum, beta2;
    real lr, eps;
    bool decays;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .momentum = weights(o[MOMENTUM]),
        .beta2 = {o[BETA2] > 0 ? (real)o[BETA2] : 1, (real)(1 - o[BETA2])},
        .lr = (real)o[LR],
        .eps = (real)o[EPS],
        .decays = o[BETA2] > 0,
    };
}

/* Room for top_a of all axes. */
static size_t workspace(const tensor_t *tensor, const double *option) {
    size_t sum = 0;
    (void)option;
    for (int axis = 0; tensor->count > 0 && axis < tensor_axes(tensor); ++axis)
        sum += tensor_axis(tensor, axis);
    return sum;
}

static marginal_t slices_of(const tensor_t *tensor, int axis) {
    const int64_t one = 1;
    return marginal_of(tensor_axes(tensor), tensor->ndim > 0 ? tensor->dims : &one, axis);
}

/* Lines 1 and 2 for elements first .. first + n - 1. */
static void bound(const tile_t *t, size_t first, size_t n, real *restrict nu) {
    const constants_t *k = t->constants;
    const weights_t beta2 = k->beta2;
    const real *restrict g = (const real *)t->g + first;
    real other[CHUNK_ELEMENTS];
    const marginal_t rows = slices_of(t->tensor, 0);
    marginal_spread(&rows, tile_axis(t, MU, 0), first, n, nu);
    for (int axis = 1; axis < tensor_axes(t->tensor); ++axis) {
        const marginal_t slices = slices_of(t->tensor, axis);
        marginal_spread(&slices, tile_axis(t, MU, axis), first, n, other);
        for (size_t i = 0; i < n; ++i)
            nu[i] = smaller(nu[i], other[i]);
    }
    for (size_t i = 0; i < n; ++i)
        nu[i] = beta2.keep * nu[i] + beta2.take * (g[i] * g[i]);
}

/* Lines 4 and 5. */
static void move(const tile_t *t, size_t first, size_t n, const real *restrict nu) {
    const constants_t k = *(const constants_t *)t->constants;
    const real *restrict g = (const real *)t->g + first;
    real *restrict p = (real *)t->p + first, *restrict m = t->state[M];
    for (size_t i = 0; m == NULL && i < n; ++i)
        p[i] -= k.lr * quotient(g[i], sqrt(nu[i] + k.eps));
    for (size_t i = 0; m != NULL && i < n; ++i) {
        m[first + i] = ema(m[first + i], quotient(g[i], sqrt(nu[i] + k.eps)), k.momentum);
        p[i] -= k.lr * m[first + i];
    }
}

static void update(const tile_t *t) {
    const bool decays = ((const constants_t *)t->constants)->decays;
    real nu[CHUNK_ELEMENTS], *top = t->work;
    memset(top, 0, workspace(t->tensor, NULL) * sizeof(real));
    for (size_t first = 0; first < t->n; first += CHUNK_ELEMENTS) {
        const size_t n = axes_least(t->n - first, CHUNK_ELEMENTS);
        bound(t, first, n, nu);
        real *of_axis = top;
        for (int axis = 0; axis < tensor_axes(t->tensor); of_axis += tensor_axis(t->tensor, axis++)) {
            const marginal_t slices = slices_of(t->tensor, axis);
            marginal_most(&slices, first, n, nu, of_axis);
        }
        move(t, first, n, nu);
    }
    for (int axis = 0; axis < tensor_axes(t->tensor); top += tensor_axis(t->tensor, axis++)) { /* line 3 */
        real *mu = tile_axis(t, MU, axis);
        for (size_t i = 0; i < tensor_axis(t->tensor, axis); ++i)
            mu[i] = decays ? larger(mu[i], top[i]) : top[i];
    }
}

const method_t METHOD(sm3) = {
    .name = "sm3",
    .purpose = "Adagrad with one bound on the squares for each slice of each axis",
    .citation = "Anil, Gupta, Koren, Singer: Memory-Efficient Adaptive Optimization, 2019, arXiv:1901.11150",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .workspace = workspace,
    .prepare = prepare,
    .advance = whole_advance,
    .kernels = {update},
};
