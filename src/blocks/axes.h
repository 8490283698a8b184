/*
 * Marginals: what is left of a tensor that is summed over one axis, or over all but one. For kernels of whole tensors.
 *
 * Values pass in chunks of consecutive elements, so that a tensor is read once for all its marginals. Sums are taken in
 * double: of what lies in one row and one chunk in lanes (sums.h), otherwise in the order of the elements.
 */
#ifndef BLOCKS_AXES_H
#define BLOCKS_AXES_H

#include <string.h>

#include "blocks/sums.h"

/* Asks memory for the chunk behind x, of which `left` elements are left. One that walks along a single stream waits for
 * the machine to see, page by page, that it will be read. */
static inline void ask_for_next(const real *x, size_t left) {
#ifdef __GNUC__
    enum { LINE = 64 / sizeof(real) };
    for (size_t i = CHUNK_ELEMENTS; i < left && i < (size_t)2 * CHUNK_ELEMENTS; i += LINE)
        __builtin_prefetch(x + i);
#else
    (void)x, (void)left;
#endif
}

/* |x|^2 of a whole tensor. */
static inline double sum_squares_by_chunks(size_t n, const real *x) {
    double sum = 0;
    for (size_t first = 0; first < n; first += CHUNK_ELEMENTS) {
        ask_for_next(x + first, n - first);
        sum += sum_squares(n - first < CHUNK_ELEMENTS ? n - first : CHUNK_ELEMENTS, x + first);
    }
    return sum;
}

/* Element i of the tensor is (outer, k, inner) to its axis: inner = i % inner, k = i / inner % length. */
typedef struct marginal {
    size_t count;                       /* elements of the marginal */
    size_t length, inner;               /* of the axis; of all axes after it */
    size_t per_outer, per_k, per_inner; /* how far each of the three moves in the marginal */
} marginal_t;

static inline size_t axes_least(size_t a, size_t b) {
    return a < b ? a : b;
}

static inline size_t axes_product(const int64_t *dims, int from, int to) {
    size_t product = 1;
    for (int i = from; i < to; ++i)
        product *= (size_t)dims[i];
    return product;
}

/* Over one axis: the other axes are left. */
static inline marginal_t marginal_over(int ndim, const int64_t *dims, int axis) {
    const size_t outer = axes_product(dims, 0, axis), inner = axes_product(dims, axis + 1, ndim);
    return (marginal_t){outer * inner, (size_t)dims[axis], inner, inner, 0, 1};
}

/* Over all axes but one. */
static inline marginal_t marginal_of(int ndim, const int64_t *dims, int axis) {
    return (marginal_t){(size_t)dims[axis], (size_t)dims[axis], axes_product(dims, axis + 1, ndim), 0, 1, 0};
}

/* The dimensions without one axis; how many they are. */
static inline int dims_without(int ndim, const int64_t *dims, int axis, int64_t *others) {
    int count = 0;
    for (int i = 0; i < ndim; ++i)
        if (i != axis)
            others[count++] = dims[i];
    return count;
}

/* Where element i of the tensor is in the marginal. */
static inline size_t marginal_at(const marginal_t *m, size_t i) {
    const size_t slice = i / m->inner;
    return slice / m->length * m->per_outer + slice % m->length * m->per_k + i % m->inner * m->per_inner;
}

/* Values i .. i + n - 1 that are passed belong to elements at, at + step, ... of the marginal; step is 0 or 1. */
typedef struct marginal_run {
    size_t i, n, at, step;
    size_t outer, k; /* where it lies in the tensor */
} marginal_run_t;

/* The run that values begin with whose first is element `first` of the tensor, and the next one; `count` values. */
static inline marginal_run_t marginal_begin(const marginal_t *m, size_t first, size_t count) {
    const size_t slice = first / m->inner, period = m->inner > 1 ? m->inner : m->length;
    return (marginal_run_t){.n = axes_least(period - first % period, count),
                            .at = marginal_at(m, first),
                            .step = m->inner > 1 ? m->per_inner : m->per_k,
                            .outer = slice / m->length,
                            .k = slice % m->length};
}
static inline void marginal_next(const marginal_t *m, marginal_run_t *run, size_t count) {
    const bool is_last = m->inner == 1 || run->k + 1 == m->length; /* of this `outer` */
    run->i += run->n;
    run->n = axes_least(m->inner > 1 ? m->inner : m->length, count - run->i);
    run->outer += is_last;
    run->k = is_last ? 0 : run->k + 1;
    run->at = run->outer * m->per_outer + run->k * m->per_k;
}

/* sums <- sums + n elements of the tensor, or their squares, from `first` on. */
static inline void marginal_add(const marginal_t *m, size_t first, size_t n, const real *restrict x, const bool squares,
                                double *restrict sums) {
    for (marginal_run_t run = marginal_begin(m, first, n); run.i < n; marginal_next(m, &run, n)) {
        const real *restrict v = x + run.i;
        double *restrict to = sums + run.at;
        if (run.step == 0)
            *to += squares ? sum_squares(run.n, v) : sum_elements(run.n, v);
        for (size_t j = 0; run.step == 1 && j < run.n; ++j)
            to[j] += squares ? (double)v[j] * (double)v[j] : (double)v[j];
    }
}

/* Of a whole tensor of n elements. */
static inline void marginal_sum(const marginal_t *m, size_t n, const real *restrict x, double *restrict sums) {
    for (size_t i = 0; i < m->count; ++i)
        sums[i] = 0;
    for (size_t first = 0; first < n; first += CHUNK_ELEMENTS)
        marginal_add(m, first, axes_least(n - first, CHUNK_ELEMENTS), x + first, false, sums);
}

/* The largest of n entries and of what there was; a NaN in them is passed over. By lanes, which the largest does not
 * depend on. */
static inline real largest_of(real most, size_t n, const real *restrict value) {
    enum { LANES = 16 };
    real lane[LANES];
    size_t j = 0;
    for (size_t k = 0; k < LANES; ++k)
        lane[k] = most;
    for (; j + LANES <= n; j += LANES) {
#pragma omp simd
        for (size_t k = 0; k < LANES; ++k)
            lane[k] = larger(value[j + k], lane[k]);
    }
    for (size_t k = 0; k < LANES; ++k)
        most = larger(lane[k], most);
    for (; j < n; ++j)
        most = larger(value[j], most);
    return most;
}

/* most <- the larger of it and the tensor's elements; a NaN in them is passed over. */
static inline void marginal_most(const marginal_t *m, size_t first, size_t n, const real *restrict value,
                                 real *restrict most) {
    for (marginal_run_t run = marginal_begin(m, first, n); run.i < n; marginal_next(m, &run, n)) {
        const real *restrict v = value + run.i;
        real *restrict to = most + run.at;
        if (run.step == 0)
            *to = largest_of(*to, run.n, v);
        for (size_t j = 0; run.step == 1 && j < run.n; ++j)
            to[j] = larger(v[j], to[j]);
    }
}

/* The marginal as n elements of the tensor see it, from `first` on. */
static inline void marginal_spread(const marginal_t *m, const real *restrict marginal, size_t first, size_t n,
                                   real *restrict out) {
    for (marginal_run_t run = marginal_begin(m, first, n); run.i < n; marginal_next(m, &run, n)) {
        const real *restrict from = marginal + run.at;
        real *restrict to = out + run.i;
        for (size_t j = 0; run.step == 0 && j < run.n; ++j)
            to[j] = *from;
        for (size_t j = 0; run.step == 1 && j < run.n; ++j)
            to[j] = from[j];
    }
}

/* x <- x times the marginal, or the smaller of both, n elements of the tensor from `first` on. */
static inline void marginal_multiply(const marginal_t *m, const real *restrict marginal, size_t first, size_t n,
                                     real *restrict x) {
    for (marginal_run_t run = marginal_begin(m, first, n); run.i < n; marginal_next(m, &run, n)) {
        const real *restrict from = marginal + run.at, one = *from;
        real *restrict to = x + run.i;
        for (size_t j = 0; run.step == 0 && j < run.n; ++j)
            to[j] *= one;
        for (size_t j = 0; run.step == 1 && j < run.n; ++j)
            to[j] *= from[j];
    }
}
static inline void marginal_lower(const marginal_t *m, const real *restrict marginal, size_t first, size_t n,
                                  real *restrict x) {
    for (marginal_run_t run = marginal_begin(m, first, n); run.i < n; marginal_next(m, &run, n)) {
        const real *restrict from = marginal + run.at, one = *from;
        real *restrict to = x + run.i;
        for (size_t j = 0; run.step == 0 && j < run.n; ++j)
            to[j] = smaller(to[j], one);
        for (size_t j = 0; run.step == 1 && j < run.n; ++j)
            to[j] = smaller(to[j], from[j]);
    }
}

#endif
