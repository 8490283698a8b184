/*
 * What storm and harpg share. Their estimate d of the gradient is carried from x_{t-1} to x_t by a second evaluation;
 * the parameters leave x_t for it, and the gradient there waits.
 */
#ifndef BLOCKS_RECURSIVE_H
#define BLOCKS_RECURSIVE_H

#include "blocks/normalized.h"

enum { D, X_PREV, X, GRADIENT, RECURSIVE_STATES };
#define RECURSIVE_ROWS(evaluation)                                                                                     \
    [D] = {"d", "recursive estimate of the gradient", LIKE_PARAM, FIRST_MOMENT},                                       \
    [X_PREV] = {"x_prev", "the last point", LIKE_PARAM, KEPT, .from_param = true},                                     \
    [X] = {"x", "the point, while " evaluation " is taken", LIKE_PARAM, RESTORE_POINT},                                \
    [GRADIENT] = {"g", "the gradient there", LIKE_PARAM, WITHIN_STEP}

/* x_{t-1} <- x_t,   x_{t+1} = x_t - lr d / divisor */
static inline void recursive_move(const tile_t *t, real lr, real divisor) {
    real *restrict p = t->p, *restrict x_prev = t->state[X_PREV];
    const real *restrict x = t->state[X], *restrict d = t->state[D];
    for (size_t i = 0; i < t->n; ++i) {
        x_prev[i] = x[i];
        p[i] = x[i] - lr * quotient(d[i], divisor);
    }
}

#endif
