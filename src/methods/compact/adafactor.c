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
 * infinite: where all gradients were 0 and eps is 0 nothing moves, nor where a mean of squares is more than a real. State in f32: R, C, 4 (r + c) bytes a matrix; V, 4 a
 * parameter of what is not factored; m, 4.
 */
#include <string.h>

#include "engine/method.h"

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
    [BETA1] = {"beta1", 0, "[0,1)", "decay of the first moment, 0: there is none"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    [FACTOR_DIMS] = {"factor_dims", LAST2, "last2|largest2", "which two axes are factored"},
    [MIN_DIM_SIZE_TO_FACTOR] = {"min_dim_size_to_factor", 0, "integer [0,inf)", "shorter axes are not factored"},
    {0},
};

/* ---- Axes ---- */

typedef struct axes {
    int r, c; /* -1: not factored */
} axes_t;

static axes_t largest2(const tensor_t *tensor) {
    axes_t axes = {-1, -1};
    for (int i = 0; i < tensor->ndim; ++i)
        if (axes.c < 0 || tensor->dims[i] >= tensor->dims[axes.c])
            axes = (axes_t){axes.c, i};
        else if (axes.r < 0 || tensor->dims[i] >= tensor->dims[axes.r])
            axes.r = i;
    return axes;
}

static axes_t axes_of(const tensor_t *tensor, const double *option) {
    const axes_t none = {-1, -1};
    if (tensor->ndim < 2 || tensor->count == 0)
        return none;
    const axes_t axes = option[FACTOR_DIMS] == LAST2 ? (axes_t){tensor->ndim - 2, tensor->ndim - 1} : largest2(tensor);
    const double r = (double)tensor->dims[axes.r], c = (double)tensor->dims[axes.c];
    return (r < c ? r : c) < option[MIN_DIM_SIZE_TO_FACTOR] ? none : axes;
}

static bool is_not_factored(const tensor_t *tensor, const double *option) {
    return axes_of(tensor, option).r < 0;
}

/* The tensor's dimensions but for `axis`; -1: it is not factored. */
static int dims_without(const tensor_t *tensor, int axis, int64_t *dims) {
    int count = 0;
    for (int i = 0; axis >= 0 && i < tensor->ndim; ++i)
        if (i != axis)
            dims[count++] = tensor->dims[i];
    return axis < 0 ? -1 : count;
}
static int dims_of_r(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)axis;
    return dims_without(tensor, axes_of(tensor, option).c, dims);
}
static int dims_of_c(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)axis;
    return dims_without(tensor, axes_of(tensor, option).r, dims);
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

/* ---- The tensor by its two axes: (before, first, between, second, after) ---- */

typedef struct view {
    size_t before, first, between, second, after;
    size_t lines, length;                 /* runs over the second axis and what is after it */
    size_t without_first, without_second; /* elements of the two sums */
    bool is_factored, r_is_first;
} view_t;

static view_t view_of(const tensor_t *tensor, const double *option) {
    const axes_t axes = axes_of(tensor, option);
    const int a = axes.r < axes.c ? axes.r : axes.c, b = axes.r < axes.c ? axes.c : axes.r;
    view_t v = {1, 1, 1, 1, 1, .lines = 1, .length = tensor->count};
    if (axes.r < 0)
        return v;
    for (int i = 0; i < tensor->ndim; ++i)
        *(i < a    ? &v.before
          : i == a ? &v.first
          : i < b  ? &v.between
          : i == b ? &v.second
                   : &v.after) *= (size_t)tensor->dims[i];
    v.lines = v.before * v.first * v.between;
    v.length = v.second * v.after;
    v.without_second = v.lines * v.after;
    v.without_first = v.before * v.between * v.length;
    v.is_factored = true;
    v.r_is_first = axes.r < axes.c;
    return v;
}

/* Where a line begins in the sum over the first axis. */
static size_t column_of(const view_t *v, size_t line) {
    return (line / (v->between * v->first) * v->between + line % v->between) * v->length;
}

/* What the kernel works in. rows: without the second axis, columns: without the first. */
typedef struct work {
    double *rows, *columns;         /* sums of squares */
    real *row_roots, *column_roots; /* what line 4 multiplies by */
    real *u;                        /* of one line */
} work_t;

static work_t work_of(const tile_t *t, const view_t *v) {
    double *rows = t->work, *columns = rows + v->without_second;
    real *roots = (real *)(columns + v->without_first);
    return (work_t){rows, columns, roots, roots + v->without_second, roots + v->without_second + v->without_first};
}

static size_t workspace(const tensor_t *tensor, const double *option) {
    const view_t v = view_of(tensor, option);
    const size_t sums = v.without_first + v.without_second;
    return tensor_reals(tensor, sums * sizeof(double)) + sums + v.length;
}

/* ---- Lines 3 and 4 ---- */

static void sum_squares(const view_t *v, const real *restrict g, const work_t *w) {
    memset(w->rows, 0, (v->without_second + v->without_first) * sizeof *w->rows);
    for (size_t line = 0; line < v->lines; ++line, g += v->length) {
        double *restrict row = w->rows + line * v->after, *restrict column = w->columns + column_of(v, line);
        if (v->after == 1)
            for (size_t j = 0; j < v->length; ++j) {
                const double square = (double)g[j] * (double)g[j];
                column[j] += square;
                *row += square;
            }
        else
            for (size_t j = 0; j < v->length; ++j) {
                const double square = (double)g[j] * (double)g[j];
                column[j] += square;
                row[j % v->after] += square;
            }
    }
}

static real reciprocal_root(real x) {
    return x > 0 ? 1 / sqrt(x) : x == 0 ? 0 : x;
}

/* state <- beta state + (1 - beta) (sum / count + eps) */
static void average(const constants_t *k, size_t n, const double *sum, size_t count, real *state) {
    const double keep = k->beta, take = 1 - keep, eps = k->option[EPS];
    for (size_t i = 0; i < n; ++i)
        state[i] = (real)(keep * (double)state[i] + take * (sum[i] / (double)count + eps));
}

/* roots <- 1 / sqrt(R / mean of R over its axis r), R of outer by r by inner. */
static void roots_of_r(size_t outer, size_t r, size_t inner, const real *moment, real *roots) {
    for (size_t o = 0; o < outer; ++o, moment += r * inner, roots += r * inner)
        for (size_t k = 0; k < inner; ++k) {
            double sum = 0;
            for (size_t i = 0; i < r; ++i)
                sum += (double)moment[i * inner + k];
            const real mean = (real)(sum / (double)r);
            for (size_t i = 0; i < r; ++i)
                roots[i * inner + k] = reciprocal_root(isinf(mean) ? mean : quotient(moment[i * inner + k], mean));
        }
}

static void factor(const tile_t *t, const view_t *v, const work_t *w) {
    const constants_t *k = t->constants;
    real *of_r = t->state[R], *of_c = t->state[C];
    sum_squares(v, t->g, w);
    average(k, v->without_second, w->rows, v->second, v->r_is_first ? of_r : of_c);
    average(k, v->without_first, w->columns, v->first, v->r_is_first ? of_c : of_r);
    if (v->r_is_first)
        roots_of_r(v->before, v->first, v->between * v->after, of_r, w->row_roots);
    else
        roots_of_r(v->before * v->between, v->second, v->after, of_r, w->column_roots);
    const size_t n = v->r_is_first ? v->without_first : v->without_second;
    real *roots = v->r_is_first ? w->column_roots : w->row_roots;
    for (size_t i = 0; i < n; ++i)
        roots[i] = reciprocal_root(of_c[i]);
}

static void average_squares(const tile_t *t) {
    const constants_t *k = t->constants;
    const real keep = (real)k->beta, take = (real)(1 - k->beta), eps = (real)k->option[EPS];
    real *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        v[i] = keep * v[i] + take * (g[i] * g[i] + eps);
}

/* u of a line, before line 5. */
static void direct(const tile_t *t, const view_t *v, const work_t *w, size_t line) {
    const real *restrict g = (const real *)t->g + line * v->length, *restrict second = t->state[V];
    const real *restrict row = w->row_roots + line * v->after, *restrict column = w->column_roots + column_of(v, line);
    real *restrict u = w->u;
    for (size_t j = 0; !v->is_factored && j < v->length; ++j)
        u[j] = g[j] * reciprocal_root(second[j]);
    for (size_t j = 0; v->is_factored && v->after == 1 && j < v->length; ++j)
        u[j] = g[j] * *row * column[j];
    for (size_t j = 0; v->is_factored && v->after > 1 && j < v->length; ++j)
        u[j] = g[j] * row[j % v->after] * column[j];
}

/* ---- The step of one tensor ---- */

static double sum_of_squares(size_t n, const real *x) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += (double)x[i] * (double)x[i];
    return sum;
}

/* Lines 6 and 7 for one line of the tensor; `factor` is what line 5 multiplies u by. */
static void move(const tile_t *t, const view_t *v, const work_t *w, size_t line, double a, double factor) {
    const constants_t *k = t->constants;
    const real beta1 = (real)k->option[BETA1], one_beta1 = (real)(1 - k->option[BETA1]), scale = (real)factor,
               shrink = (real)(1 - a * k->option[WEIGHT_DECAY]);
    real *restrict p = (real *)t->p + line * v->length;
    const real *restrict u = w->u;
    if (t->state[M] == NULL) {
        for (size_t j = 0; j < v->length; ++j)
            p[j] = shrink * p[j] - scale * u[j];
        return;
    }
    real *restrict m = (real *)t->state[M] + line * v->length;
    for (size_t j = 0; j < v->length; ++j) {
        m[j] = settled(beta1 * m[j] + one_beta1 * (scale * u[j]));
        p[j] = shrink * p[j] - m[j];
    }
}

static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    const double *o = k->option, count = (double)t->n;
    const view_t v = view_of(t->tensor, o);
    const work_t w = work_of(t, &v);
    if (v.is_factored)
        factor(t, &v, &w);
    else
        average_squares(t);
    double square = 0;
    for (size_t line = 0; line < v.lines; ++line) {
        direct(t, &v, &w, line);
        square += sum_of_squares(v.length, w.u);
    }
    const double size = o[SCALE_PARAMETER] != 0 ? fmax(o[EPS2], sqrt(sum_of_squares(t->n, t->p) / count)) : 1;
    const double a = k->rho * size, longer = sqrt(square / count) / o[CLIP_THRESHOLD];
    for (size_t line = 0; line < v.lines; ++line) {
        direct(t, &v, &w, line);
        move(t, &v, &w, line, a, longer > 1 ? a / longer : a);
    }
}

static optim_status advance(step_t *s) {
    step_tensors(s, 0, NULL);
    return OPTIM_OK;
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
    .advance = advance,
    .kernels = {update},
};
