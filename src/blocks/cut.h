/*
 * Tensors whose axes are cut into runs of one length, the last one shorter, and with them the tensor into blocks. A
 * length of 0 leaves them whole: one run, one block.
 */
#ifndef BLOCKS_CUT_H
#define BLOCKS_CUT_H

#include <string.h>

#include "engine/method.h"

/* ---- Runs of an axis ---- */

/* The longest run, how many runs there are, and the sum of the squares of their lengths. */
static inline size_t run_length(const tensor_t *tensor, double cut, int axis) {
    const size_t length = tensor_axis(tensor, axis);
    return cut > 0 && cut < (double)length ? (size_t)cut : length;
}
static inline size_t run_count(const tensor_t *tensor, double cut, int axis) {
    const size_t length = tensor_axis(tensor, axis), run = run_length(tensor, cut, axis);
    return run == 0 ? 0 : (length - 1) / run + 1;
}
static inline size_t run_squares(const tensor_t *tensor, double cut, int axis) {
    const size_t run = run_length(tensor, cut, axis), count = run_count(tensor, cut, axis);
    const size_t last = count == 0 ? 0 : tensor_axis(tensor, axis) - (count - 1) * run;
    return count == 0 ? 0 : (count - 1) * run * run + last * last;
}

/* ---- Blocks ---- */

typedef struct block {
    const tensor_t *tensor;
    double cut;
    int axes;
    size_t begin[TENSOR_DIMS], length[TENSOR_DIMS]; /* by axis */
    size_t count;                                   /* elements */
} block_t;

static inline void block_measure(block_t *block) {
    block->count = 1;
    for (int i = 0; i < block->axes; ++i) {
        const size_t left = tensor_axis(block->tensor, i) - block->begin[i];
        const size_t run = run_length(block->tensor, block->cut, i);
        block->length[i] = run < left ? run : left;
        block->count *= block->length[i];
    }
}

static inline block_t block_first(const tensor_t *tensor, double cut) {
    block_t block = {.tensor = tensor, .cut = cut, .axes = tensor_axes(tensor)};
    block_measure(&block);
    return block;
}

/* The next one, the last axis running fastest; false: that was the last. */
static inline bool block_advance(block_t *block) {
    for (int i = block->axes - 1; i >= 0; --i) {
        block->begin[i] += block->length[i];
        if (block->begin[i] < tensor_axis(block->tensor, i)) {
            block_measure(block);
            return true;
        }
        block->begin[i] = 0;
        block_measure(block);
    }
    return false;
}

/* Where element `i` of the block lies in its tensor. */
static inline size_t block_place(const block_t *block, size_t i) {
    size_t place = 0, stride = 1;
    for (int axis = block->axes - 1; axis >= 0; --axis) {
        place += (block->begin[axis] + i % block->length[axis]) * stride;
        i /= block->length[axis];
        stride *= tensor_axis(block->tensor, axis);
    }
    return place;
}

/* x <- the block of g + l2 p */
static inline void block_gather(const tile_t *t, const block_t *block, real l2, real *x) {
    const size_t run = block->length[block->axes - 1];
    for (size_t i = 0; i < block->count; i += run) {
        const size_t place = block_place(block, i);
        const real *g = (const real *)t->g + place, *p = (const real *)t->p + place;
        for (size_t j = 0; j < run; ++j)
            x[i + j] = l2 != 0 ? g[j] + l2 * p[j] : g[j];
    }
}
/* The block of `whole` <- x */
static inline void block_scatter(const block_t *block, const real *x, real *whole) {
    const size_t run = block->length[block->axes - 1];
    for (size_t i = 0; i < block->count; i += run)
        memcpy(whole + block_place(block, i), x + i, run * sizeof *x);
}

/* ---- A square matrix for every block and axis, as a PER_AXIS state ---- */

/* For its `dims`: of the same run of the axis there are as many as the other axes have runs. */
static inline int cut_dims(const tensor_t *tensor, double cut, int axis, int64_t *dims) {
    const size_t length = tensor_axis(tensor, axis);
    int count = 0;
    if (length > INT32_MAX)
        return -1;
    for (int other = 0; other < tensor_axes(tensor); ++other)
        if (other != axis && run_count(tensor, cut, other) > 1)
            dims[count++] = (int64_t)run_count(tensor, cut, other);
    if (run_length(tensor, cut, axis) < length) {
        dims[count++] = (int64_t)run_squares(tensor, cut, axis);
        return count;
    }
    dims[count++] = (int64_t)length;
    dims[count++] = (int64_t)length;
    return count;
}

/* The block's own; NULL: its axis has none. */
static inline real *block_matrix(const tile_t *t, int state, const block_t *block, int axis) {
    real *matrices = tile_axis(t, state, axis);
    size_t others = 0;
    if (matrices == NULL)
        return NULL;
    for (int i = 0; i < block->axes; ++i)
        if (i != axis)
            others = others * run_count(block->tensor, block->cut, i) +
                     block->begin[i] / run_length(block->tensor, block->cut, i);
    return matrices + others * run_squares(block->tensor, block->cut, axis) +
           block->begin[axis] * run_length(block->tensor, block->cut, axis);
}

#endif
