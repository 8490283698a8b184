/* SplitMix64: the examples' own random numbers, the same on every machine. */
#ifndef EXAMPLES_RANDOM_H
#define EXAMPLES_RANDOM_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t random_bits(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static inline double random_uniform(uint64_t *state) { /* [0, 1) */
    return (double)(random_bits(state) >> 11) * 0x1p-53;
}

static inline void random_shuffle(uint64_t *state, size_t count, size_t *items) {
    for (size_t i = count; i > 1; --i) {
        const size_t j = (size_t)(random_uniform(state) * (double)i);
        const size_t item = items[i - 1];
        items[i - 1] = items[j];
        items[j] = item;
    }
}

#endif
