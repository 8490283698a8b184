/*
 * adafactor: Adam's second moment as the product of a row and a column, updates of bounded length.
 *
 * Shazeer, Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", 2018, arXiv:1804.04235, algorithms
 * 4 to 6. rms(a) = |a| / sqrt(elements); beta_t = 1 - t^-decay_rate, which is 0 at the first step.
 *
 *     1. rho = min(0.01, 1 / sqrt(t)) if relative_step (1e-6 t in place of 0.01 if warmup_init), else lr
 *     2. a = rho max(eps2, rms(p)) if scale_parameter, else rho
 *     3. q = g^2 + eps;   factored: R <- beta_t R + (1 - beta_t) mean of q over axis c, C likewise over axis r
 *                         else V <- beta_t V + (1 - beta_t) q
 *     4. factored: u = g / sqrt(R / mean of R over axis r) / sqrt(C), else u = g / sqrt(V)
 *     5. u <- a u / max(1, rms(u) / clip_threshold)
 *     6. beta1 > 0: m <- beta1 m + (1 - beta1) u, u <- m
 *     7. p <- p - a weight_decay p - u
 *
 * (r, c) are the last two axes, or the two longest with c the longest (of equal ones the later is the longer), if both
 * have min_dim_size_to_factor elements; the other axes are a batch. Vectors are never factored. A root of 0 counts as
 * infinite: where all gradients were 0 and eps is 0 nothing moves; nor where a mean of squares is more than a real
 * holds. State in f32: R, C, 4 (r + c) bytes a matrix; V, 4 a parameter of what is not factored; m, 4.
 */
#include "blocks/factored.h"
#include "blocks/whole.h"

enum {
    LR,
    RELATIVE_STEP,
    SCALE_PARAMETER,
    WARMUP_INIT,
    CLIP_THRESHOLD,
    DECAY_RATE,
    EPS,
    EPS2,
    BETA1,
    WEIGHT_DECAY,
    FACTOR_DIMS,
    MIN_DIM_SIZE_TO_FACTOR
};
enum { LAST2, LARGEST2 };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-3, "[0,inf)", "step size with relative_step=0, else ignored"},
    [RELATIVE_STEP] = {"relative_step", 1, "0|1", "step size min(0.01, 1 / sqrt(t))"},
    [SCALE_PARAMETER] = {"scale_parameter", 1, "0|1", "times the parameters' own size"},
    [WARMUP_INIT] = {"warmup_init", 0, "0|1", "relative_step: 1e-6 t in place of 0.01"},
    [CLIP_THRESHOLD] = {"clip_threshold", 1, "(0,inf)", "longest update, as a root mean square"},
    [DECAY_RATE] = {"decay_rate", 0.8, "(0,inf)", "second moments decay with 1 - t^-decay_rate"},
    [EPS] = {"eps", 1e-30, "[0,inf)", "added to squared gradients"},
    [EPS2] = {"eps2", 1e-3, "[0,inf)", "least size of the parameters"},
    [BETA1] = {"beta1", 0, "[0,1)", "decay of the first moment, 0: there is none", .live = true},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    [FACTOR_DIMS] = {"factor_dims", LAST2, "last2|largest2", "which two axes are factored"},
    [MIN_DIM_SIZE_TO_FACTOR] = {"min_dim_size_to_factor", 0, "integer [0,inf)", "shorter axes are not factored"},
    {0},
};

/* ---- Axes ---- */

static factored_axes_t largest2(const tensor_t *tensor) {
    factored_axes_t axes = {-1, -1};
    for (int i = 0; i < tensor->ndim; ++i)
        if (axes.c < 0 || tensor->dims[i] >= tensor->dims[axes.c])
            axes = (factored_axes_t){axes.c, i};
        else if (axes.r < 0 || tensor->dims[i] >= tensor->dims[axes.r])
            axes.r = i;
    return axes;
}

static factored_axes_t axes_of(const tensor_t *tensor, const double *option) {
    const factored_axes_t none = {-1, -1}, last2 = {tensor->ndim - 2, tensor->ndim - 1};
    if (tensor->ndim < 2 || tensor->count == 0)
        return none;
    const factored_axes_t axes = (int)option[FACTOR_DIMS] == LAST2 ? last2 : largest2(tensor);
    const double r = (double)tensor->dims[axes.r], c = (double)tensor->dims[axes.c];
    return (r < c ? r : c) < option[MIN_DIM_SIZE_TO_FACTOR] ? none : axes;
}

static bool is_not_factored(const tensor_t *tensor, const double *option) {
    return axes_of(tensor, option).r < 0;
}
static int dims_of_r(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)axis;
    return factored_dims_of_r(tensor, axes_of(tensor, option), dims);
}
static int dims_of_c(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)axis;
    return factored_dims_of_c(tensor, axes_of(tensor, option), dims);
}

static size_t workspace(const tensor_t *tensor, const double *option) {
    return factored_reals(tensor, axes_of(tensor, option));
}

enum { R, C, V, M };
static const state_t STATE[] = {
    [R] = {"R", "second moment, its mean over axis c", SHAPED, KEPT, .dims = dims_of_r, .nonnegative = true},
    [C] = {"C", "second moment, its mean over axis r", SHAPED, KEPT, .dims = dims_of_c, .nonnegative = true},
    [V] = {"V", "second moment of what is not factored", LIKE_PARAM, KEPT, .exists = is_not_factored,
           .nonnegative = true},
    [M] = {"m", "average of the updates", LIKE_PARAM, FIRST_MOMENT, .when = "beta1"},
    {0},
};

typedef struct constants {
    double option[MIN_DIM_SIZE_TO_FACTOR + 1];
    double rho, beta; /* lines 1 and 3 */
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, first = o[WARMUP_INIT] != 0 ? 1e-6 * group->t : 1e-2;
    constants_t *k = constants;
    for (int i = 0; i <= MIN_DIM_SIZE_TO_FACTOR; ++i)
        k->option[i] = o[i];
    k->rho = o[RELATIVE_STEP] != 0 ? fmin(first, 1 / sqrt(group->t)) : o[LR];
    k->beta = 1 - pow(group->t, -o[DECAY_RATE]);
}

/* ---- The step of one tensor ---- */

/* Lines 6 and 7 for a chunk; `factor` is what line 5 multiplies u by. */
static void move(const tile_t *t, size_t first, size_t n, const real *restrict u, double a, double factor) {
    const constants_t *k = t->constants;
    const real beta1 = (real)k->option[BETA1], one_beta1 = (real)(1 - k->option[BETA1]), scale = (real)factor,
               shrink = (real)(1 - a * k->option[WEIGHT_DECAY]);
    real *restrict p = (real *)t->p + first, *restrict m = t->state[M];
    for (size_t j = 0; m == NULL && j < n; ++j)
        p[j] = shrink * p[j] - scale * u[j];
    for (size_t j = 0; m != NULL && j < n; ++j) {
        m[first + j] = settled(beta1 * m[first + j] + one_beta1 * (scale * u[j]));
        p[j] = shrink * p[j] - m[first + j];
    }
}

static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    const double *o = k->option, count = (double)t->n;
    const factored_t f = factored_of(t->tensor, axes_of(t->tensor, o), t->work);
    real u[CHUNK_ELEMENTS] = {0};
    factored_squares(t, &f, k->beta, o[EPS], t->state[R], t->state[C], t->state[V]);
    const double size = o[SCALE_PARAMETER] != 0 ? fmax(o[EPS2], sqrt(sum_squares_by_chunks(t->n, t->p) / count)) : 1;
    const double a = k->rho * size, longer = sqrt(factored_length2(t, &f, t->state[V]) / count) / o[CLIP_THRESHOLD];
    for (size_t first = 0; first < t->n; first += CHUNK_ELEMENTS) {
        const size_t n = axes_least(t->n - first, CHUNK_ELEMENTS);
        factored_direct(t, &f, t->state[V], first, n, u);
        ask_for_next((const real *)t->p + first, t->n - first);
        move(t, first, n, u, a, longer > 1 ? a / longer : a);
    }
}

const method_t METHOD(adafactor) = {
    .name = "adafactor",
    .purpose = "Adam's second moment as a row times a column, updates of bounded length",
    .citation = "Shazeer, Stern: Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, 2018, arXiv:1804.04235",
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
