/*
 * For methods that take their gradients at another point than the one they end at: the parameters are that point, the
 * iterate is their first state and their output.
 */
#ifndef BLOCKS_ITERATE_H
#define BLOCKS_ITERATE_H

#include <string.h>

#include "engine/method.h"

enum { ITERATE };

static inline void output_iterate(const tile_t *t) {
    memcpy(t->out, t->state[ITERATE], t->n * sizeof(real));
}

/* Nesterov's step, y being the parameters: x_new = y - step g,   y <- x_new + momentum (x_new - x),   x <- x_new */
static inline void extrapolate(const tile_t *t, real step, real momentum) {
    real *restrict y = t->p, *restrict x = t->state[ITERATE];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real x_new = y[i] - step * g[i];
        y[i] = x_new + momentum * (x_new - x[i]);
        x[i] = x_new;
    }
}

#endif
