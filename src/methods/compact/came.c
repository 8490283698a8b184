/*
 * came: adafactor with momentum, its steps divided by how far they were off the average.
 *
 * Luo, Ren, Zheng, Jiang, Jiang, You, "CAME: Confidence-guided Adaptive Memory Efficient Optimization", 2023,
 * arXiv:2307.02047, algorithm 2. rms(a) = |a| / sqrt(elements). No average is corrected for its start at 0.
 *
 *     1. q = g^2 + eps;   factored: R <- beta2 R + (1 - beta2) mean of q over the last axis, C over the one before it
 *                         else V <- beta2 V + (1 - beta2) q
 *     2. factored: u = g / sqrt(R C / mean of R), else u = g / sqrt(V);   u <- u / max(1, rms(u) / clip_threshold)
 *     3. m <- beta1 m + (1 - beta1) u
 *     4. factored: s = (u - m)^2 + eps2;  RS <- beta3 RS + (1 - beta3) mean of s over the last axis, CS likewise
 *     5. factored: w = m / sqrt(RS CS / mean of RS), else w = m
 *     6. p <- (1 - lr weight_decay) p - lr w
 *
 * Axes before the last two are a batch; vectors are never factored, and have no line 4, as in the authors' code. A root
 * of 0 counts as infinite: with eps = 0 what never saw a gradient stays. State in f32: m, 4 bytes a parameter; R, C,
 * RS, CS, 8 (rows + columns) a matrix; V, 4 a parameter of what is not factored.
 */
#include "blocks/factored.h"
#include "blocks/whole.h"

enum { LR, BETA1, BETA2, BETA3, CLIP_THRESHOLD, EPS, EPS2, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 2e-4, "[0,inf)", "step size"},
    [BETA1] = {"beta1", 0.9, "[0,1)", "decay of the first moment"},
    [BETA2] = {"beta2", 0.999, "[0,1)", "decay of the second moment"},
    [BETA3] = {"beta3", 0.9999, "[0,1)", "decay of the squared distance from the first moment"},
    [CLIP_THRESHOLD] = {"clip_threshold", 1, "(0,inf)", "longest update, as a root mean square"},
    [EPS] = {"eps", 1e-30, "[0,inf)", "added to squared gradients"},
    [EPS2] = {"eps2", 1e-16, "[0,inf)", "added to squared distances"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    {0},
};

static factored_axes_t axes_of(const tensor_t *tensor) {
    const factored_axes_t none = {-1, -1}, last2 = {tensor->ndim - 2, tensor->ndim - 1};
    return tensor->ndim < 2 || tensor->count == 0 ? none : last2;
}
static bool is_not_factored(const tensor_t *tensor, const double *option) {
    (void)option;
    return axes_of(tensor).r < 0;
}
static int dims_of_r(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)option, (void)axis;
    return factored_dims_of_r(tensor, axes_of(tensor), dims);
}
static int dims_of_c(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)option, (void)axis;
    return factored_dims_of_c(tensor, axes_of(tensor), dims);
}
static size_t workspace(const tensor_t *tensor, const double *option) {
    (void)option;
    return factored_reals(tensor, axes_of(tensor));
}

enum { M, R, C, V, RS, CS };
static const state_t STATE[] = {
    [M] = {"m", "first moment of the updates", LIKE_PARAM, FIRST_MOMENT},
    [R] = {"R", "second moment, its mean over the last axis", SHAPED, KEPT, .dims = dims_of_r, .nonnegative = true},
    [C] = {"C", "second moment, its mean over the axis before", SHAPED, KEPT, .dims = dims_of_c, .nonnegative = true},
    [V] = {"V", "second moment of what is not factored", LIKE_PARAM, KEPT, .exists = is_not_factored,
           .nonnegative = true},
    [RS] = {"RS", "squared distance from m, likewise", SHAPED, KEPT, .dims = dims_of_r, .nonnegative = true},
    [CS] = {"CS", "squared distance from m, likewise", SHAPED, KEPT, .dims = dims_of_c, .nonnegative = true},
    {0},
};

typedef struct constants {
    double option[WEIGHT_DECAY + 1];
} constants_t;

static void prepare(const group_t *group, void *constants) {
    for (int i = 0; i <= WEIGHT_DECAY; ++i)
        ((constants_t *)constants)->option[i] = group->option[i];
}

/* Lines 3 and 4; `factor` is what the end of line 2 multiplies u by. */
static void average(const tile_t *t, const factored_t *f, const double *o, double factor) {
    const real scale = (real)factor, beta1 = (real)o[BETA1], one_beta1 = (real)(1 - o[BETA1]);
    real u[CHUNK_ELEMENTS] = {0}, distance[CHUNK_ELEMENTS], *restrict m = t->state[M];
    if (f->exists)
        factored_clear(f);
    for (size_t first = 0; first < t->n; first += CHUNK_ELEMENTS) {
        const size_t n = axes_least(t->n - first, CHUNK_ELEMENTS);
        factored_direct(t, f, t->state[V], first, n, u);
        ask_for_next(m + first, t->n - first);
        for (size_t j = 0; j < n; ++j) {
            m[first + j] = settled(beta1 * m[first + j] + one_beta1 * (scale * u[j]));
            distance[j] = scale * u[j] - m[first + j];
        }
        if (f->exists)
            factored_add(f, first, n, distance);
    }
    if (!f->exists)
        return;
    factored_average(f, o[BETA3], o[EPS2], t->state[RS], t->state[CS]);
    factored_roots(f, t->state[RS], t->state[CS]);
}

static void update(const tile_t *t) {
    const double *o = ((const constants_t *)t->constants)->option;
    const factored_t f = factored_of(t->tensor, axes_of(t->tensor), t->work);
    factored_squares(t, &f, o[BETA2], o[EPS], t->state[R], t->state[C], t->state[V]);
    const double longer = sqrt(factored_length2(t, &f, t->state[V]) / (double)t->n) / o[CLIP_THRESHOLD];
    average(t, &f, o, longer > 1 ? 1 / longer : 1);
    const real lr = (real)o[LR], shrink = (real)(1 - o[LR] * o[WEIGHT_DECAY]);
    real w[CHUNK_ELEMENTS] = {0}, *restrict p = t->p;
    for (size_t first = 0; first < t->n; first += CHUNK_ELEMENTS) {
        const size_t n = axes_least(t->n - first, CHUNK_ELEMENTS);
        const real *m = (const real *)t->state[M] + first;
        ask_for_next(m, t->n - first);
        ask_for_next(p + first, t->n - first);
        if (f.exists)
            factored_divide(&f, first, n, m, w);
        else
            memcpy(w, m, n * sizeof *w);
        for (size_t j = 0; j < n; ++j)
            p[first + j] = shrink * p[first + j] - lr * w[j];
    }
}

const method_t METHOD(came) = {
    .name = "came",
    .purpose = "adafactor with momentum, its steps divided by how far they were off the average",
    .citation = "Luo et al.: CAME: Confidence-guided Adaptive Memory Efficient Optimization, 2023, arXiv:2307.02047",
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
