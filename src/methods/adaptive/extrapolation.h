/*
 * Extrapolation of the last points y_j, j < r, of a sequence that stand in a ring: point number t = 1, 2, ... in place
 * (t - 1) mod r. After Scieur, d'Aspremont, Bach, "Regularized Nonlinear Acceleration", 2016, arXiv:1606.04133:
 *
 *     U = [y_j's successor - y_j],   (U'U + damping I) z = 1,   c = z / sum(z),   the extrapolated point is sum c_j y_j
 *
 * The successor of the newest point in the ring is the one that arrives, g + l2 p, which then takes the place of the
 * oldest. The points are copies of a state, U'U a member of the method's memory.
 */
#ifndef METHODS_ADAPTIVE_EXTRAPOLATION_H
#define METHODS_ADAPTIVE_EXTRAPOLATION_H

#include "blocks/sums.h"

enum { EXTRAPOLATION_MOST = 32 }; /* points; also the length of a row of U'U in memory */

/* The ring when point t arrives. */
typedef struct ring {
    size_t places, differences; /* columns of U, that of the difference to the newest point among them */
    size_t newest, next;        /* places of the newest point, and of the one that arrives */
} ring_t;
static inline ring_t ring_at(double places, double t) {
    const size_t newest = (size_t)fmod(t - 2 + places, places);
    return (ring_t){(size_t)places, (size_t)fmin(t - 1, places), newest, (newest + 1) % (size_t)places};
}

static inline real *ring_point(const tile_t *t, int state, size_t j) {
    return (real *)t->state[state] + j * t->stride;
}

/* y_j <- the point that arrives */
static inline void ring_put(const tile_t *t, int state, size_t j, real l2) {
    const real *restrict g = t->g, *restrict p = t->p;
    real *restrict y = ring_point(t, state, j);
    for (size_t i = 0; i < t->n; ++i)
        y[i] = g[i] + l2 * p[i];
}

/* ---- U'U ---- */

/* Columns of U that a kernel multiplies the newest difference with: METHOD_SUMS of them, from `first` on. */
typedef struct columns {
    ring_t ring;
    size_t first;
} columns_t;

/* The kernel that multiplies so. A tensor that begins has no difference yet. */
static inline void extrapolation_multiply(const tile_t *t, int state, real l2, bool begins) {
    const columns_t *a = t->arguments;
    const size_t newest = a->ring.newest;
    const real *restrict g = t->g, *restrict p = t->p, *restrict last = ring_point(t, state, newest);
    real u[SUM_ELEMENTS], other[SUM_ELEMENTS];
    if (begins)
        return;
    for (size_t i = 0; i < t->n; ++i)
        u[i] = g[i] + l2 * p[i] - last[i];
    for (size_t c = 0, j = a->first; c < METHOD_SUMS && j < a->ring.differences; ++c, ++j) {
        const real *restrict y = ring_point(t, state, j);
        const real *restrict successor = ring_point(t, state, (j + 1) % a->ring.places);
        for (size_t i = 0; j != newest && i < t->n; ++i)
            other[i] = successor[i] - y[i];
        t->sum[c] += sum_products(t->n, u, j == newest ? u : other);
    }
}

/* Row and column of the newest difference in U'U. */
static inline void extrapolation_update(step_t *s, int multiply, ring_t ring, double *gram) {
    for (size_t first = 0; first < ring.differences; first += METHOD_SUMS) {
        const size_t left = ring.differences - first, terms = left < METHOD_SUMS ? left : METHOD_SUMS;
        const double *sum = step_sums(s, multiply, &(columns_t){ring, first}, (int)terms);
        for (size_t i = ring.newest, j = first; j < first + terms; ++j)
            gram[i * EXTRAPOLATION_MOST + j] = gram[j * EXTRAPOLATION_MOST + i] = sum[j - first];
    }
}

/* c, by Cholesky's method in double; damping is at least what rounding in U'U may take away, and
 * a pivot below 0 (U'U is indefinite for a while when a frozen parameter comes back) counts as 0. */
static inline void extrapolation_weights(size_t n, const double *gram, double damping, double *c) {
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
