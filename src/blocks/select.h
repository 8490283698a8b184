/* Selection in linear time, in place and without memory: the k-th largest, and the threshold of a simplex. */
#ifndef BLOCKS_SELECT_H
#define BLOCKS_SELECT_H

#include "engine/method.h"
#include "kernels/random.h"

/* x[0..greater) > pivot, then those that equal it, then from `less` on the smaller ones. */
typedef struct select_split {
    size_t greater, less;
    double pivot;
} select_split_t;

/* The pivot is chosen at random, always in the same way: no order of the entries is a bad one on purpose. */
static inline select_split_t select_split(double *x, size_t n) {
    if (n == 0)
        return (select_split_t){0};
    // NOLINTNEXTLINE(clang-analyzer-core.DivideZero): n > 0, as was just seen
    const double pivot = x[random_word(n, 1) % n];
    select_split_t split = {0, n, pivot};
    for (size_t i = 0; i < split.less;) {
        const double entry = x[i];
        if (entry > pivot) {
            x[i++] = x[split.greater];
            x[split.greater++] = entry;
        } else if (entry < pivot) {
            x[i] = x[--split.less];
            x[split.less] = entry;
        } else {
            ++i;
        }
    }
    return split;
}

/* The k-th largest of x[0..n), 1 <= k <= n. Reorders x. */
static inline double select_largest(double *x, size_t n, size_t k) {
    for (;;) {
        const select_split_t split = select_split(x, n);
        if (k <= split.greater) {
            n = split.greater;
        } else if (k <= split.less) {
            return split.pivot;
        } else {
            x += split.less;
            n -= split.less;
            k -= split.less;
        }
    }
}

/* The median of n > 0 numbers: of an even number the mean of the middle two. Reorders x. */
static inline double select_median(double *x, size_t n) {
    const double upper = select_largest(x, n, (n + 1) / 2);
    return n % 2 != 0 ? upper : 0.5 * (upper + select_largest(x, n, n / 2 + 1));
}

/*
 * theta with sum max(x - theta, 0) = radius > 0. Entries above theta are those u with sum over x >= u of (x - u) <
 * radius; candidates are halved as in Duchi, Shalev-Shwartz, Singer, Chandra (2008). All is counted from the largest
 * entry down, so that rounding cannot leave the set empty. Reorders x.
 */
static inline double select_simplex(double *x, size_t n, double radius) {
    double most = x[0], sum = 0, count = 0;
    for (size_t i = 1; i < n; ++i)
        most = x[i] > most ? x[i] : most;
    for (size_t i = 0; i < n; ++i)
        x[i] -= most;
    while (n > 0) {
        const select_split_t split = select_split(x, n);
        double more = 0;
        for (size_t i = 0; i < split.less; ++i)
            more += x[i];
        if (sum + more - (count + (double)split.less) * split.pivot < radius) {
            sum += more;
            count += (double)split.less;
            x += split.less;
            n -= split.less;
        } else {
            n = split.greater;
        }
    }
    return most + (sum - radius) / count;
}

/* ---- The k entries of largest value, or modulus ---- */

/* As a threshold, ties to the lower index: those above it and the first `ties` that equal it. */
typedef struct select_top {
    double threshold;
    size_t ties;
} select_top_t;

/* What an entry is selected by: one that is not a number counts as infinite, so that it is not lost. */
static inline double select_modulus(real v) {
    return v == v ? (double)fabs(v) : (double)INFINITY;
}
static inline double select_entry(real v, bool modulus) {
    return modulus ? select_modulus(v) : (double)v;
}

/* What the k-th largest most likely is not below, from a sample, so that few entries need be looked at again: of a
 * sample's entries those above it are about k / n, with a standard deviation of the root of their number. */
static inline double select_bound(size_t n, const real *v, size_t k, bool modulus, double *work) {
    enum { SAMPLE = 4096 };
    const double expected = (double)SAMPLE * ((double)k / (double)n), rank = expected + 4 * sqrt(expected) + 4;
    if (n < (size_t)16 * SAMPLE || rank > (double)SAMPLE)
        return -(double)INFINITY;
    for (size_t i = 0; i < SAMPLE; ++i)
        work[i] = select_entry(v[random_word(n, i) % n], modulus);
    return select_largest(work, SAMPLE, (size_t)rank);
}

/* Whether all of a block's entries are below `bound`, which is one of a vector's entries: most blocks are passed over
 * so, in a few instructions. */
enum { SELECT_BLOCK = 16 };
static inline bool select_passes(const real *v, bool modulus, double bound) {
    int reached = 0;
#pragma omp simd reduction(| : reached)
    for (size_t j = 0; j < SELECT_BLOCK; ++j)
        reached |= !((modulus ? fabs(v[j]) : v[j]) < (real)bound); /* also by what is not a number */
    return !reached;
}

/* The entries that are not below `bound`; how many they are. */
static inline size_t select_from(size_t n, const real *v, bool modulus, double bound, double *work) {
    size_t count = 0;
    for (size_t i = 0; i < n; ++i) {
        while (i % SELECT_BLOCK == 0 && n - i > SELECT_BLOCK && select_passes(v + i, modulus, bound))
            i += SELECT_BLOCK;
        const double entry = select_entry(v[i], modulus);
        work[count] = entry;
        count += entry >= bound;
    }
    return count;
}

/* work: n doubles. */
static inline select_top_t select_top(size_t n, const real *v, double k, bool modulus, double *work) {
    const size_t most = k < (double)n ? (size_t)k : n;
    size_t count = select_from(n, v, modulus, select_bound(n, v, most, modulus, work), work);
    if (count < most) { /* the bound was too high, or entries are not numbers */
        for (count = 0; count < n; ++count)
            work[count] = select_entry(v[count], modulus);
    }
    select_top_t top = {select_largest(work, count, most), most};
    for (size_t i = 0; i < count; ++i)
        top.ties -= work[i] > top.threshold;
    return top;
}

/* Whether the next entry is among them: to be asked of all in order. */
static inline bool select_takes(select_top_t *top, double entry) {
    if (!(entry >= top->threshold))
        return false;
    const bool tie = entry == top->threshold && top->ties > 0;
    top->ties -= tie;
    return tie || entry > top->threshold;
}

/* The place of the first of them that is not before `i`; n: there is none. Of entries selected by modulus. */
static inline size_t select_next(select_top_t *top, size_t n, const real *v, size_t i) {
    for (; i < n; ++i) {
        while (i % SELECT_BLOCK == 0 && n - i > SELECT_BLOCK && select_passes(v + i, true, top->threshold))
            i += SELECT_BLOCK;
        if (select_takes(top, select_modulus(v[i])))
            break;
    }
    return i;
}

static inline size_t select_workspace(size_t n, size_t rows) {
    (void)rows;
    return n;
}

#endif
