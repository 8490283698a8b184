/*
 * Sums over elements in double, for kernels of step_sums and of whole tensors.
 *
 * Element i goes into lane i % SUM_LANES, lanes are added pairwise at the end. Lanes are what vector registers hold, of
 * any instruction set, so a sum stays in registers and its order is the same everywhere.
 */
#ifndef BLOCKS_SUMS_H
#define BLOCKS_SUMS_H

#include "engine/method.h"

enum { SUM_LANES = 16 };

/* The loops are as long as they say, so that lanes need not go through memory. */
static inline double sum_of_lanes(double *lane) {
    for (size_t j = 0; j < SUM_LANES / 2; ++j)
        lane[j] += lane[j + SUM_LANES / 2];
    for (size_t j = 0; j < SUM_LANES / 4; ++j)
        lane[j] += lane[j + SUM_LANES / 4];
    for (size_t j = 0; j < SUM_LANES / 8; ++j)
        lane[j] += lane[j + SUM_LANES / 8];
    return lane[0] + lane[1];
}

typedef double term_t(real x, real y);

/* The sum of term(x_i, y_i). Lanes begin with the first terms: to clear them costs what a few hundred elements do. */
static inline double sum_terms(size_t n, const real *x, const real *y, term_t *term) {
    double lane[SUM_LANES];
    size_t i = SUM_LANES;
    for (size_t j = 0; n < SUM_LANES && j < SUM_LANES; ++j)
        lane[j] = j < n ? 0 + term(x[j], y[j]) : 0;
    if (n < SUM_LANES)
        return sum_of_lanes(lane);
    for (size_t j = 0; j < SUM_LANES; ++j)
        lane[j] = 0 + term(x[j], y[j]); /* as if added: 0 is +0 */
    for (; i + SUM_LANES <= n; i += SUM_LANES)
        for (size_t j = 0; j < SUM_LANES; ++j)
            lane[j] += term(x[i + j], y[i + j]);
    for (size_t j = 0; i + j < n; ++j)
        lane[j] += term(x[i + j], y[i + j]);
    return sum_of_lanes(lane);
}

static inline double product_term(real x, real y) {
    return (double)x * (double)y;
}
static inline double element_term(real x, real y) {
    (void)y;
    return (double)x;
}
static inline double modulus_term(real x, real y) {
    (void)y;
    return fabs((double)x);
}

/* The sum of x_i y_i; x and y may be the same. */
static inline double sum_products(size_t n, const real *x, const real *y) {
    return sum_terms(n, x, y, product_term);
}
static inline double sum_elements(size_t n, const real *x) {
    return sum_terms(n, x, x, element_term);
}
static inline double sum_doubles(size_t n, const double *x) {
    double lane[SUM_LANES] = {0};
    size_t i = 0;
    for (; i + SUM_LANES <= n; i += SUM_LANES)
        for (size_t j = 0; j < SUM_LANES; ++j)
            lane[j] += x[i + j];
    for (size_t j = 0; i + j < n; ++j)
        lane[j] += x[i + j];
    return sum_of_lanes(lane);
}
/* The sum of |x_i|. */
static inline double sum_moduli(size_t n, const real *x) {
    return sum_terms(n, x, x, modulus_term);
}

static inline double sum_squares(size_t n, const real *x) {
    return sum_products(n, x, x);
}

/* |g + l2 p|^2 of a kernel of step_sums; where l2 is 0, p is not read. */
static inline double sum_decayed_squares(const tile_t *t, real l2) {
    const real *restrict g = t->g, *restrict p = t->p;
    real sum[SUM_ELEMENTS];
    if (l2 == 0)
        return sum_squares(t->n, g);
    for (size_t i = 0; i < t->n; ++i)
        sum[i] = g[i] + l2 * p[i];
    return sum_squares(t->n, sum);
}

#endif
