/* A random number of the step by the option draws: from the handle's stream, from a sequence, or its mean. */
#ifndef BLOCKS_DRAWS_H
#define BLOCKS_DRAWS_H

#include <tgmath.h>

#include "engine/method.h"
#include "kernels/random.h"

enum { DRAWS_RANDOM, DRAWS_QUASI, DRAWS_MEAN };

/* In [0, 1). quasi: the fractional part of j times the golden ratio, j = 1, 2, ... */
static inline double draw_uniform(step_t *s, double draws, double j) {
    double whole;
    if ((int)draws == DRAWS_MEAN)
        return 0.5;
    if ((int)draws == DRAWS_QUASI)
        return modf(j * 0.6180339887498949, &whole);
    return random_uniform(s->seed, step_draws(s, 1));
}

/* Exponential with mean 1. */
static inline double draw_exponential(step_t *s, double draws, double j) {
    return (int)draws == DRAWS_MEAN ? 1 : -log1p(-draw_uniform(s, draws, j));
}

#endif
