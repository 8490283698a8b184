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

/* The k entries of largest value (or modulus), ties to the lower index, as a threshold: those above it and the first
 * `ties` that equal it. work: n doubles. */
typedef struct select_top {
    double threshold;
    size_t ties;
} select_top_t;

/* What an entry is selected by: one that is not a number counts as infinite, so that it is not lost. */
static inline double select_modulus(real v) {
    return v == v ? (double)fabs(v) : (double)INFINITY;
}

static inline select_top_t select_top(size_t n, const real *v, double k, bool modulus, double *work) {
    const size_t count = k < (double)n ? (size_t)k : n;
    for (size_t i = 0; i < n; ++i)
        work[i] = modulus ? select_modulus(v[i]) : (double)v[i];
    select_top_t top = {select_largest(work, n, count), count};
    for (size_t i = 0; i < n; ++i)
        top.ties -= (modulus ? select_modulus(v[i]) : (double)v[i]) > top.threshold;
    return top;
}

/* Whether the next entry is among them: to be asked of all in order. */
static inline bool select_takes(select_top_t *top, double entry) {
    const bool tie = entry == top->threshold && top->ties > 0;
    top->ties -= tie;
    return tie || entry > top->threshold;
}

static inline size_t select_workspace(size_t n, size_t rows) {
    (void)rows;
    return n;
}

#endif
