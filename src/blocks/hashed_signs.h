/* Signs that follow from an element's number and a stream's alone: as good as random ones for second moments, the same
 * in every run and on every machine. */
#ifndef BLOCKS_HASHED_SIGNS_H
#define BLOCKS_HASHED_SIGNS_H

#include <stdint.h>

/* +1 or -1 for element `i` = 0, 1, ... of all tensors concatenated. */
static inline double hashed_sign(uint64_t i, uint64_t stream) {
    uint32_t h = (uint32_t)(i + 1) * UINT32_C(2654435761) + (uint32_t)stream * UINT32_C(2246822519);
    h ^= h >> 15;
    h *= UINT32_C(2246822519);
    h ^= h >> 13;
    h *= UINT32_C(3266489917);
    h ^= h >> 16;
    return h % 2 == 0 ? 1 : -1;
}

#endif
