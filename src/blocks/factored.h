/*
 * A second moment as the product of a row and a column: R, its mean over axis c of the tensor, and C, over axis r; the
 * other axes are a batch. A tensor is divided by the root of R C / (mean of R over axis r), as a product of two
 * reciprocal roots: the product of R and C may be more than a real holds, or less.
 *
 * For kernels of whole tensors: factored_clear, factored_add for each chunk of what is squared, factored_average, then
 * factored_roots, and factored_divide for each chunk of what is to be divided.
 */
#ifndef BLOCKS_FACTORED_H
#define BLOCKS_FACTORED_H

#include "blocks/axes.h"

/* The two axes; -1: the tensor is not factored. */
typedef struct factored_axes {
    int r, c;
} factored_axes_t;

/* For state_t.dims. */
static inline int factored_dims_of_r(const tensor_t *tensor, factored_axes_t axes, int64_t *dims) {
    return axes.c < 0 ? -1 : dims_without(tensor->ndim, tensor->dims, axes.c, dims);
}
static inline int factored_dims_of_c(const tensor_t *tensor, factored_axes_t axes, int64_t *dims) {
    return axes.r < 0 ? -1 : dims_without(tensor->ndim, tensor->dims, axes.r, dims);
}

typedef struct factored {
    bool exists;
    bool r_is_first;       /* axis r comes before axis c */
    marginal_t r, c, mean; /* of the tensor; of R over axis r */
    double *sum_r, *sum_c; /* of squares */
    real *root_r, *root_c; /* reciprocal ones */
} factored_t;

/* `work`, or NULL: factored_reals of the tensor. */
static inline factored_t factored_of(const tensor_t *tensor, factored_axes_t axes, void *work) {
    int64_t dims[TENSOR_DIMS];
    const int ndim = factored_dims_of_r(tensor, axes, dims);
    factored_t f = {.exists = ndim >= 0, .r_is_first = axes.r < axes.c};
    if (!f.exists)
        return f;
    f.r = marginal_over(tensor->ndim, tensor->dims, axes.c);
    f.c = marginal_over(tensor->ndim, tensor->dims, axes.r);
    f.mean = marginal_over(ndim, dims, f.r_is_first ? axes.r : axes.r - 1);
    if (work != NULL) {
        f.sum_r = work;
        f.sum_c = f.sum_r + f.r.count;
        f.root_r = (real *)(f.sum_c + f.c.count);
        f.root_c = f.root_r + f.r.count;
    }
    return f;
}

static inline size_t factored_reals(const tensor_t *tensor, factored_axes_t axes) {
    const factored_t f = factored_of(tensor, axes, NULL);
    return tensor_reals(tensor, (f.r.count + f.c.count) * sizeof(double)) + f.r.count + f.c.count;
}

/* There is room wherever the factors exist. */
static inline void factored_clear(const factored_t *f) {
    // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): see above
    memset(f->sum_r, 0, f->r.count * sizeof(double));
    // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): see above
    memset(f->sum_c, 0, f->c.count * sizeof(double));
}

/* The squares of n elements, from `first` on. */
static inline void factored_add(const factored_t *f, size_t first, size_t n, const real *x) {
    marginal_add(&f->r, first, n, x, true, f->sum_r);
    marginal_add(&f->c, first, n, x, true, f->sum_c);
}

/* moment <- keep moment + (1 - keep) (mean + eps) */
static inline void factored_average_one(const marginal_t *m, double keep, double eps, const double *sum, real *moment) {
    for (size_t i = 0; i < m->count; ++i)
        moment[i] = (real)(keep * (double)moment[i] + (1 - keep) * (sum[i] / (double)m->length + eps));
}
static inline void factored_average(const factored_t *f, double keep, double eps, real *r, real *c) {
    factored_average_one(&f->r, keep, eps, f->sum_r, r);
    factored_average_one(&f->c, keep, eps, f->sum_c, c);
}

/* A root of 0 counts as infinite: nothing moves where all squares were 0. */
static inline real reciprocal_root(real x) {
    return x > 0 ? 1 / sqrt(x) : x == 0 ? 0 : x;
}

static inline void factored_roots(const factored_t *f, const real *r, const real *c) {
    double *sum = f->sum_r; /* there are no more means of R than elements of it */
    marginal_sum(&f->mean, f->r.count, r, sum);
    for (size_t i = 0; i < f->r.count; ++i) {
        const real mean = (real)(sum[marginal_at(&f->mean, i)] / (double)f->mean.length);
        f->root_r[i] = reciprocal_root(isinf(mean) ? mean : quotient(r[i], mean));
    }
    for (size_t i = 0; i < f->c.count; ++i)
        f->root_c[i] = reciprocal_root(c[i]);
}

/* Where the last axis is one of the two, what goes by the other is one number for all of a row. */
static inline void factored_divide_rows(const marginal_t *by_row, const real *row, const marginal_t *by_column,
                                        const real *column, size_t first, size_t n, const real *restrict x,
                                        real *restrict u) {
    for (marginal_run_t run = marginal_begin(by_row, first, n); run.i < n; marginal_next(by_row, &run, n)) {
        // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): both have a place where the tensor is factored
        const real a = row[run.at], *restrict b = column + marginal_at(by_column, first + run.i);
        for (size_t j = 0; j < run.n; ++j)
            u[run.i + j] = x[run.i + j] * a * b[j];
    }
}

/* u: a chunk, divided; by the one of the earlier axis first, whichever that is. */
static inline void factored_divide(const factored_t *f, size_t first, size_t n, const real *restrict x,
                                   real *restrict u) {
    const marginal_t *earlier = f->r_is_first ? &f->r : &f->c, *later = f->r_is_first ? &f->c : &f->r;
    const real *by_earlier = f->r_is_first ? f->root_r : f->root_c, *by_later = f->r_is_first ? f->root_c : f->root_r;
    if (earlier->inner == 1) {
        factored_divide_rows(earlier, by_earlier, later, by_later, first, n, x, u);
        return;
    }
    memcpy(u, x, n * sizeof *u);
    marginal_multiply(earlier, by_earlier, first, n, u);
    marginal_multiply(later, by_later, first, n, u);
}

/* ---- For methods that divide the gradient by it, and keep all of it, v, of what is not factored ---- */

/* R and C, or v, with this gradient; their roots. */
static inline void factored_squares(const tile_t *t, const factored_t *f, double keep, double eps, real *r, real *c,
                                    real *restrict v) {
    const real *restrict g = t->g;
    const real kept = (real)keep, take = (real)(1 - keep), more = (real)eps;
    for (size_t i = 0; !f->exists && i < t->n; ++i)
        v[i] = kept * v[i] + take * (g[i] * g[i] + more);
    if (!f->exists)
        return;
    factored_clear(f);
    for (size_t first = 0; first < t->n; first += CHUNK_ELEMENTS) {
        ask_for_next(g + first, t->n - first);
        factored_add(f, first, axes_least(t->n - first, CHUNK_ELEMENTS), g + first);
    }
    factored_average(f, keep, eps, r, c);
    factored_roots(f, r, c);
}

/* u: the gradient of a chunk, divided. */
static inline void factored_direct(const tile_t *t, const factored_t *f, const real *restrict v, size_t first, size_t n,
                                   real *restrict u) {
    const real *restrict g = (const real *)t->g + first;
    ask_for_next(g, t->n - first);
    for (size_t j = 0; !f->exists && j < n; ++j)
        u[j] = g[j] * reciprocal_root(v[first + j]);
    if (f->exists)
        factored_divide(f, first, n, g, u);
}

/* |u|^2 */
static inline double factored_length2(const tile_t *t, const factored_t *f, const real *v) {
    real u[CHUNK_ELEMENTS] = {0};
    double square = 0;
    for (size_t first = 0; first < t->n; first += CHUNK_ELEMENTS) {
        const size_t n = axes_least(t->n - first, CHUNK_ELEMENTS);
        factored_direct(t, f, v, first, n, u);
        square += sum_squares(n, u);
    }
    return square;
}

#endif
