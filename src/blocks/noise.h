/*
 * Standard normal numbers, one for every element of a method's tensors: element i of all concatenated has the words 2 i
 * and 2 i + 1 of those that the array reserved in the handle's stream, so that any tile makes its own. Frozen elements
 * have theirs, too.
 */
#ifndef BLOCKS_NOISE_H
#define BLOCKS_NOISE_H

#include "engine/method.h"
#include "kernels/random.h"

/* An array of them; also the arguments of a kernel. */
typedef struct noise {
    uint64_t seed, first;
} noise_t;

static inline noise_t noise_draw(step_t *s) {
    return (noise_t){s->seed, step_draws(s, 2 * (uint64_t)step_own_elements(s))};
}

/* Element i of the tile. */
static inline double noise_double_at(const noise_t *noise, const tile_t *t, size_t i) {
    return random_normal(noise->seed, noise->first + 2 * (tile_first(t) + i));
}
static inline real noise_at(const noise_t *noise, const tile_t *t, size_t i) {
    return (real)noise_double_at(noise, t, i);
}

#endif
