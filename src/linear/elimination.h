/* Small systems by elimination, pivots taken by column: no LAPACK, and the same bits on every machine. */
#ifndef LINEAR_ELIMINATION_H
#define LINEAR_ELIMINATION_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

static inline void elimination_swap(double *x, double *y) {
    const double kept = *x;
    *x = *y;
    *y = kept;
}

/* b <- the solution x of a x = b; a, n by n, is spoilt. False, and b is spoilt: a is singular, or not finite. */
static inline bool elimination_solve(size_t n, double *a, double *b) {
    for (size_t k = 0; k < n; ++k) {
        size_t pivot = k;
        for (size_t i = k + 1; i < n; ++i)
            pivot = fabs(a[i * n + k]) > fabs(a[pivot * n + k]) ? i : pivot;
        if (!(fabs(a[pivot * n + k]) > 0))
            return false;
        for (size_t j = 0; j < n; ++j)
            elimination_swap(&a[k * n + j], &a[pivot * n + j]);
        elimination_swap(&b[k], &b[pivot]);
        for (size_t i = k + 1; i < n; ++i) {
            const double factor = a[i * n + k] / a[k * n + k];
            for (size_t j = k; j < n; ++j)
                a[i * n + j] -= factor * a[k * n + j];
            b[i] -= factor * b[k];
        }
    }
    for (size_t k = n; k-- > 0;) {
        for (size_t j = k + 1; j < n; ++j)
            b[k] -= a[k * n + j] * b[j];
        b[k] /= a[k * n + k];
    }
    return true;
}

#endif
