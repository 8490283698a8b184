/* The random stream of a handle: counter-based, so that any thread can make word k by itself. */
#ifndef KERNELS_RANDOM_H
#define KERNELS_RANDOM_H

#include <math.h>
#include <stdint.h>

#include "kernels/elementary.h"

/* Word k = 1, 2, ... of stream `seed`: SplitMix64 (Steele, Lea, Flood 2014). */
static inline uint64_t random_word(uint64_t seed, uint64_t k) {
    uint64_t z = seed + k * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* Uniform in [0, 1), 53 bits. */
static inline double random_uniform(uint64_t seed, uint64_t k) {
    return (double)(random_word(seed, k) >> 11) * 0x1p-53;
}

/* Standard normal, from words k and k + 1: Box and Muller's cosine; nothing is kept. The same bits on every machine. */
static inline double random_normal(uint64_t seed, uint64_t k) {
    const double radius = sqrt(-2 * elementary_log(1 - random_uniform(seed, k)));
    return radius * elementary_cosine(random_uniform(seed, k + 1));
}

#endif
