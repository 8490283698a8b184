/* Reductions of several methods; kernels of step_sums. */
#ifndef BLOCKS_REDUCE_H
#define BLOCKS_REDUCE_H

#include "blocks/sums.h"

/* Kernel: |g|^2. */
static inline void squares(const tile_t *t) {
    t->sum[0] += sum_squares(t->n, t->g);
}

/* Kernel: NaN where an element of the gradient is not finite. */
static inline void nonfinite(const tile_t *t) {
    const real *restrict g = t->g;
    real lane[SUM_LANES] = {0};
    size_t i = 0;
    for (; i + SUM_LANES <= t->n; i += SUM_LANES)
        for (size_t j = 0; j < SUM_LANES; ++j)
            lane[j] += g[i + j] - g[i + j];
    for (; i < t->n; ++i)
        lane[0] += g[i] - g[i];
    for (size_t j = 0; j < SUM_LANES; ++j)
        t->sum[0] += (double)lane[j];
}

#endif
