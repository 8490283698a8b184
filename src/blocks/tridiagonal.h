/*
 * Eigenvalues of symmetric tridiagonal matrices, as Lanczos's method makes them, with what its quadrature needs of the
 * eigenvectors: QL iterations with implicit shifts. Golub, Welsch, "Calculation of Gauss Quadrature Rules", 1969.
 */
#ifndef BLOCKS_TRIDIAGONAL_H
#define BLOCKS_TRIDIAGONAL_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

enum { TRIDIAGONAL_ROUNDS = 60 }; /* for one eigenvalue; a few are usual */

/* Where the matrix falls apart, from row l on: the first row whose entry beside the diagonal is nothing. */
static inline size_t tridiagonal_end(size_t n, size_t l, const double *d, const double *e) {
    size_t m = l;
    while (m + 1 < n && fabs(e[m]) > DBL_EPSILON * (fabs(d[m]) + fabs(d[m + 1])))
        ++m;
    return m;
}

/* One round on rows l .. m. */
static inline void tridiagonal_round(size_t l, size_t m, double *d, double *e, double *first) {
    const double half = (d[l + 1] - d[l]) / (2 * e[l]);
    double g = d[m] - d[l] + e[l] / (half + copysign(hypot(half, 1), half)), s = 1, c = 1, p = 0;
    for (size_t i = m; i-- > l;) {
        const double f = s * e[i], b = c * e[i], r = hypot(f, g);
        e[i + 1] = r;
        if (r == 0) {
            d[i + 1] -= p;
            e[m] = 0;
            return;
        }
        s = f / r;
        c = g / r;
        const double rest = d[i + 1] - p, turn = (d[i] - rest) * s + 2 * c * b, component = first[i + 1];
        p = s * turn;
        d[i + 1] = rest + p;
        g = c * turn - b;
        first[i + 1] = s * first[i] + c * component;
        first[i] = c * first[i] - s * component;
    }
    d[l] -= p;
    e[l] = g;
    e[m] = 0;
}

/* d[0 .. n), the diagonal, becomes the eigenvalues; first[0 .. n) the first components of their unit eigenvectors;
 * e[0 .. n), of which n - 1 stand beside the diagonal, is spoilt. False: an iteration did not converge. */
static inline bool tridiagonal_eigen(size_t n, double *d, double *e, double *first) {
    for (size_t i = 0; i < n; ++i)
        first[i] = i == 0;
    if (n > 0)
        e[n - 1] = 0;
    for (size_t l = 0; l < n; ++l) {
        size_t m = tridiagonal_end(n, l, d, e);
        for (int round = 0; m > l; ++round) {
            if (round == TRIDIAGONAL_ROUNDS)
                return false;
            tridiagonal_round(l, m, d, e, first);
            m = tridiagonal_end(n, l, d, e);
        }
    }
    return true;
}

#endif
