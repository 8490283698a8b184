/* What one thread needs for the tile it works on. */
#ifndef ENGINE_PART_H
#define ENGINE_PART_H

#include "engine/method.h"

typedef struct part_scratch {
    double p[TILE_ELEMENTS], g[TILE_ELEMENTS]; /* the tile widened, or copied because it is unaligned or filtered */
    double term[TILE_ELEMENTS];                /* of a sum over rows; or room for a tile */
    double more_terms[METHOD_SUMS - 1][PIECE_ELEMENTS];
    double row_term[METHOD_ROW_SUMS - 1][TILE_ELEMENTS]; /* further terms of sums over rows */
    double spare[TILE_ELEMENTS];
    double state[][TILE_ELEMENTS]; /* states that are kept in another form, widened */
} part_scratch_t;

/* Put between two parts: a few cache lines more than a power of two, or the parts would fall on the same cache sets. */
enum { PART_PADDING = 5 * 64 };

/* Bytes of a part before its room for a small tensor; see room_t. */
static inline size_t part_room(size_t widened) {
    return sizeof(part_scratch_t) + widened * TILE_ELEMENTS * sizeof(double);
}

#endif
