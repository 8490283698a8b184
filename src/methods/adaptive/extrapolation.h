/*
 * Extrapolation of the last points y_j, j < r, of a sequence that stand in a ring: point number t = 1, 2, ... in place
 * (t - 1) mod r. After Scieur, d'Aspremont, Bach, "Regularized Nonlinear Acceleration", 2016, arXiv:1606.04133:
 *
 *     U = [y_j's successor - y_j],   (U'U + damping I) z = 1,   c = z / sum(z),   the extrapolated point is sum c_j y_j
 *
 * The successor of the newest point in the ring is the one that arrives, which then takes the place of the oldest.
 */
#ifndef METHODS_ADAPTIVE_EXTRAPOLATION_H
#define METHODS_ADAPTIVE_EXTRAPOLATION_H

#include <math.h>
#include <stddef.h>

enum { EXTRAPOLATION_MOST = 32 }; /* points; also the length of a row of U'U in memory */

/* Columns of U when point t arrives, and the column of its difference to the point before. */
static inline size_t extrapolation_differences(double r, double t) {
    return (size_t)fmin(t - 1, r);
}
static inline size_t extrapolation_newest(double r, double t) {
    return (size_t)fmod(t - 2 + r, r);
}

/* Sets an element of U'U. */
static inline void extrapolation_put(double *gram, size_t i, size_t j, double product) {
    gram[i * EXTRAPOLATION_MOST + j] = gram[j * EXTRAPOLATION_MOST + i] = product;
}

/* c, by Cholesky's method in double; damping is at least what rounding in U'U may take away, and
 * a pivot below 0 (U'U is indefinite for a while when a frozen parameter comes back) counts as 0. */
static inline void extrapolation_weights(double r, double t, const double *gram, double damping, double *c) {
    const size_t n = extrapolation_differences(r, t);
    double l[EXTRAPOLATION_MOST][EXTRAPOLATION_MOST], trace = 0, sum = 0;
    for (size_t i = 0; i < n; ++i)
        trace += gram[i * EXTRAPOLATION_MOST + i];
    damping = fmax(damping, 1e-14 * trace);
    for (size_t i = 0; i < n; ++i) { /* L L' = U'U + damping I,  L c = 1 */
        c[i] = 1;
        for (size_t j = 0; j <= i; ++j) {
            l[i][j] = gram[i * EXTRAPOLATION_MOST + j];
            for (size_t k = 0; k < j; ++k)
                l[i][j] -= l[i][k] * l[j][k];
            l[i][j] = j < i ? l[i][j] / l[j][j] : sqrt(fmax(l[i][j], 0) + damping);
        }
        for (size_t j = 0; j < i; ++j)
            c[i] -= l[i][j] * c[j];
        c[i] /= l[i][i];
    }
    for (size_t i = n; i-- > 0;) { /* L' z = c */
        for (size_t j = i + 1; j < n; ++j)
            c[i] -= l[j][i] * c[j];
        sum += c[i] /= l[i][i];
    }
    for (size_t i = 0; i < n; ++i)
        c[i] /= sum;
}

#endif
