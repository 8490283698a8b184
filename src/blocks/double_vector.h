/* Vectors of doubles in serial code, added up in order. Those of the parameters' elements are in algebra.h. */
#ifndef BLOCKS_DOUBLE_VECTOR_H
#define BLOCKS_DOUBLE_VECTOR_H

#include <math.h>
#include <stddef.h>

static inline double inner_product(size_t n, const double *x, const double *y) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += x[i] * y[i];
    return sum;
}

static inline double norm(size_t n, const double *x) {
    return sqrt(inner_product(n, x, x));
}

#endif
