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
    [MOMENTUM] = {"momentum", 0, "[0,1)", "decay of the average of updates, 0: there is none", .live = true},
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

/* A row of the last axis lies in one slice of every other axis. */
typedef struct place {
    size_t index[TENSOR_DIMS + 1]; /* by axis: of that slice */
} place_t;

static void next_row(const tensor_t *tensor, place_t *place) {
    for (int axis = tensor_axes(tensor) - 2; axis >= 0 && ++place->index[axis] == tensor_axis(tensor, axis); --axis)
        place->index[axis] = 0;
}

/* The least mu of those slices. */
static real bound_of_row(const tile_t *t, const place_t *place) {
    real least = (real)HUGE_VAL;
    for (int axis = 0; axis + 1 < tensor_axes(t->tensor); ++axis)
        least = smaller(least, ((const real *)tile_axis(t, MU, axis))[place->index[axis]]);
    return least;
}

/* n elements of a row from `first` on: lines 1 to 5, line 3 for the last axis, of which mu and top are; element i's nu
 * counts for most[i]. */
static inline void update_some(const tile_t *t, size_t first, size_t n, real least, const real *restrict mu,
                               real *restrict top, real *restrict most, bool averages) {
    const constants_t k = *(const constants_t *)t->constants;
    const real *restrict g = (const real *)t->g + first;
    real *restrict p = (real *)t->p + first, *restrict m = averages ? (real *)t->state[M] + first : NULL;
#pragma omp simd
    for (size_t i = 0; i < n; ++i) {
        const real nu = k.beta2.keep * smaller(least, mu[i]) + k.beta2.take * (g[i] * g[i]);
        real u = quotient(g[i], sqrt(nu + k.eps));
        top[i] = larger(nu, top[i]);
        most[i] = larger(nu, most[i]);
        if (averages)
            u = m[i] = ema(m[i], u, k.momentum);
        p[i] -= k.lr * u;
    }
}

/* A row; the largest nu, by lanes. */
static inline real update_row(const tile_t *t, size_t row, size_t columns, real least, const real *mu, real *top,
                              bool averages) {
    enum { LANES = 32 };
    real most[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= columns; i += LANES)
        update_some(t, row + i, LANES, least, mu + i, top + i, most, averages);
    update_some(t, row + i, columns - i, least, mu + i, top + i, most, averages);
    return largest_of(0, LANES, most);
}

/* Line 3 for the axes before the last. */
static void raise_tops(const tensor_t *tensor, const place_t *place, real most, real *top) {
    for (int axis = 0; axis + 1 < tensor_axes(tensor); top += tensor_axis(tensor, axis++))
        top[place->index[axis]] = larger(most, top[place->index[axis]]);
}

static void update(const tile_t *t) {
    const bool decays = ((const constants_t *)t->constants)->decays;
    const int last = tensor_axes(t->tensor) - 1;
    const size_t columns = tensor_axis(t->tensor, last);
    const real *mu = tile_axis(t, MU, last);
    real *top = t->work, *last_top = top + workspace(t->tensor, NULL) - columns;
    place_t place = {{0}};
    memset(top, 0, workspace(t->tensor, NULL) * sizeof(real));
    for (size_t row = 0; row < t->n; row += columns, next_row(t->tensor, &place)) {
        const real least = bound_of_row(t, &place);
        const real most = t->state[M] == NULL ? update_row(t, row, columns, least, mu, last_top, false)
                                              : update_row(t, row, columns, least, mu, last_top, true);
        raise_tops(t->tensor, &place, most, top);
    }
    for (int axis = 0; axis < tensor_axes(t->tensor); top += tensor_axis(t->tensor, axis++)) { /* line 3 */
        real *kept = tile_axis(t, MU, axis);
        for (size_t i = 0; i < tensor_axis(t->tensor, axis); ++i)
            kept[i] = decays ? larger(kept[i], top[i]) : top[i];
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
