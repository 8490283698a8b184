/*
 * A second moment as the product of a row and a column: R, its mean over axis c of the tensor, and C, over axis r; the
 * other axes are a batch. A tensor is divided by the root of R C / (mean of R over axis r), as a product of two
 * reciprocal roots: the product of R and C may be more than a real holds, or less.
 *
 * For kernels of whole tensors: factored_clear, factored_add for each chunk of squares, factored_average, then
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

/* n elements of the tensor's squares, from `first` on. */
static inline void factored_add(const factored_t *f, size_t first, size_t n, const double *square) {
    marginal_add(&f->r, first, n, square, f->sum_r);
    marginal_add(&f->c, first, n, square, f->sum_c);
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

static inline void factored_divide_one(const marginal_t *m, const real *root, size_t first, size_t n,
                                       real *restrict u) {
    real factor[CHUNK_ELEMENTS] = {0};
    marginal_spread(m, root, first, n, factor);
    for (size_t j = 0; j < n; ++j)
        u[j] *= factor[j];
}

/* A chunk; by the one of the earlier axis first, whichever that is. */
static inline void factored_divide(const factored_t *f, size_t first, size_t n, real *u) {
    if (f->r_is_first)
        factored_divide_one(&f->r, f->root_r, first, n, u);
    factored_divide_one(&f->c, f->root_c, first, n, u);
    if (!f->r_is_first)
        factored_divide_one(&f->r, f->root_r, first, n, u);
}

/* ---- For methods that divide the gradient by it, and keep all of it, v, of what is not factored ---- */

/* R and C, or v, with this gradient; their roots. */
static inline void factored_squares(const tile_t *t, const factored_t *f, double keep, double eps, real *r, real *c,
                                    real *restrict v) {
    const real *restrict g = t->g;
    const real kept = (real)keep, take = (real)(1 - keep), more = (real)eps;
    double square[CHUNK_ELEMENTS];
    for (size_t i = 0; !f->exists && i < t->n; ++i)
        v[i] = kept * v[i] + take * (g[i] * g[i] + more);
    if (!f->exists)
        return;
    factored_clear(f);
    for (size_t first = 0; first < t->n; first += CHUNK_ELEMENTS) {
        const size_t n = axes_least(t->n - first, CHUNK_ELEMENTS);
        for (size_t j = 0; j < n; ++j)
            square[j] = (double)g[first + j] * (double)g[first + j];
        factored_add(f, first, n, square);
    }
    factored_average(f, keep, eps, r, c);
    factored_roots(f, r, c);
}

/* u: the gradient of a chunk, divided. */
static inline void factored_direct(const tile_t *t, const factored_t *f, const real *restrict v, size_t first, size_t n,
                                   real *restrict u) {
    const real *restrict g = (const real *)t->g + first;
    for (size_t j = 0; j < n; ++j)
        u[j] = f->exists ? g[j] : g[j] * reciprocal_root(v[first + j]);
    if (f->exists)
        factored_divide(f, first, n, u);
}

static inline double factored_add_squares(double sum, size_t n, const real *x) {
    for (size_t i = 0; i < n; ++i)
        sum += (double)x[i] * (double)x[i];
    return sum;
}

/* |u|^2, by lines of the later axis and those after it. */
static inline double factored_length2(const tile_t *t, const factored_t *f, const real *v) {
    real u[CHUNK_ELEMENTS];
    const size_t line = !f->exists ? t->n : f->r_is_first ? f->r.length * f->r.inner : f->c.length * f->c.inner;
    double square = 0, sum = 0;
    for (size_t first = 0, left = line; first < t->n; first += CHUNK_ELEMENTS) {
        const size_t n = axes_least(t->n - first, CHUNK_ELEMENTS);
        factored_direct(t, f, v, first, n, u);
        for (size_t j = 0, run; j < n; j += run) {
            run = axes_least(left, n - j);
            sum = factored_add_squares(sum, run, u + j);
            left -= run;
            if (left == 0) {
                square += sum;
                sum = 0;
                left = line;
            }
        }
    }
    return square;
}

#endif
