/*
 * Columns, or rows, of a matrix as a part of the space: `count` of `side` of them, in turn from one on and around the
 * end, or drawn. L is the matrix of these alone, low_rows by low_columns.
 */
#ifndef METHODS_COMPACT_PLACES_H
#define METHODS_COMPACT_PLACES_H

#include "engine/method.h"
#include "kernels/random.h"

typedef struct places {
    bool by_rows;
    size_t columns, side, count, low_rows, low_columns;
} places_t;

static inline places_t places_of(const tensor_t *tensor, bool by_rows, double density) {
    const size_t rows = tensor_axis(tensor, 0), columns = tensor_axis(tensor, 1);
    const size_t side = by_rows ? rows : columns, count = (size_t)floor((double)side * density);
    return (places_t){by_rows, columns, side, count, by_rows ? count : rows, by_rows ? columns : count};
}

/* Where those of change number 1, 2, ... begin, taken in turn. */
static inline size_t places_first(places_t c, double change) {
    return c.side == 0 ? 0 : (size_t)fmod((change - 1) * (double)c.count, (double)c.side);
}

/* Any set of `count` as likely as any other, ascending; by `side` random numbers from `first` on. */
static inline void places_draw(places_t c, uint64_t seed, uint64_t first, uint32_t *place) {
    size_t taken = 0;
    for (size_t i = 0; i < c.side && taken < c.count; ++i)
        if (random_uniform(seed, first + i) * (double)(c.side - i) < (double)(c.count - taken))
            place[taken++] = (uint32_t)i;
}

/* Where element (i, j) of L is in the matrix; drawn is NULL for places in turn from `first` on. */
static inline size_t places_at(places_t c, const uint32_t *drawn, size_t first, size_t i, size_t j) {
    const size_t k = c.by_rows ? i : j, in_turn = first + k < c.side ? first + k : first + k - c.side;
    const size_t place = drawn != NULL ? drawn[k] : in_turn;
    return c.by_rows ? place * c.columns + j : i * c.columns + place;
}

/* low <- L, whose elements become 0 in `from`. */
static inline void places_take(places_t c, const uint32_t *drawn, size_t first, real *restrict from,
                               real *restrict low) {
    for (size_t i = 0; i < c.low_rows; ++i)
        for (size_t j = 0; j < c.low_columns; ++j) {
            real *element = &from[places_at(c, drawn, first, i, j)];
            low[i * c.low_columns + j] = *element;
            *element = 0;
        }
}

/* L's elements of `to` <- low */
static inline void places_put(places_t c, const uint32_t *drawn, size_t first, const real *restrict low,
                              real *restrict to) {
    for (size_t i = 0; i < c.low_rows; ++i)
        for (size_t j = 0; j < c.low_columns; ++j)
            to[places_at(c, drawn, first, i, j)] = low[i * c.low_columns + j];
}

#endif
