/* Terms of reductions that several methods sum. */
#ifndef BLOCKS_REDUCE_H
#define BLOCKS_REDUCE_H

#include "engine/method.h"

/* Kernel: the squares of the gradient, for |g|^2. */
static inline void squares(const tile_t *t) {
    const real *restrict g = t->g;
    double *restrict square = t->term[0];
    for (size_t i = 0; i < t->n; ++i)
        square[i] = (double)g[i] * (double)g[i];
}

/* Kernel: NaN where an element of the gradient is not finite. */
static inline void nonfinite(const tile_t *t) {
    const real *restrict g = t->g;
    double *restrict term = t->term[0];
    for (size_t i = 0; i < t->n; ++i)
        term[i] = (double)(g[i] - g[i]);
}

#endif
