/* A state that is a square matrix: a row and a column for each element of its tensor. */
#ifndef BLOCKS_SQUARE_H
#define BLOCKS_SQUARE_H

#include "engine/method.h"

/* For state_t.dims. */
static inline int square_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)option;
    (void)axis;
    dims[0] = dims[1] = (int64_t)tensor->count;
    return 2;
}

#endif
