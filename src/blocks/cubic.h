/*
 * The minimiser of g'h + h'(H + shift I)h / 2 + (M / 6) |h|^3 for a symmetric H in the form of its eigenvalues and g in
 * the basis of its eigenvectors: h = -c / (values + shift + M r / 2), where r >= 0 is |h| itself. The right-hand side
 * falls as r grows: r is found by halving, to the last bit. The hard case, where g has no part along the lowest
 * eigenvector, is not treated.
 */
#ifndef BLOCKS_CUBIC_H
#define BLOCKS_CUBIC_H

#include <math.h>
#include <stddef.h>

/* |h| by the formula. */
static inline double cubic_norm(size_t n, const double *values, const double *c, double shift) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i) {
        const double h = c[i] / (values[i] + shift);
        sum += h * h;
    }
    return sqrt(sum);
}

/* h[0 .. n) <- the minimiser in that basis; returns the value there. `values` ascend, M > 0; h may be c. */
static inline double cubic_step(size_t n, const double *values, const double *c, double shift, double M, double *h) {
    double square = 0, value = 0;
    for (size_t i = 0; i < n; ++i)
        square += c[i] * c[i];
    double low = n > 0 ? fmax(0, -2 * (values[0] + shift) / M) : 0, high = low + sqrt(2 * sqrt(square) / M);
    for (double r = low + (high - low) / 2; r > low && r < high; r = low + (high - low) / 2)
        if (cubic_norm(n, values, c, shift + M * r / 2) > r)
            low = r;
        else
            high = r;
    for (size_t i = 0; i < n; ++i) {
        const double g = c[i], step = g == 0 ? 0 : -g / (values[i] + shift + M * high / 2);
        h[i] = step;
        value += step * (g + (values[i] + shift) * step / 2);
    }
    return value + M / 6 * high * high * high;
}

#endif
