/* States in double whatever the parameter's precision: sums that would stop growing, or drift, in float. */
#ifndef BLOCKS_DOUBLE_STATE_H
#define BLOCKS_DOUBLE_STATE_H

#include <string.h>

#include "engine/method.h"

/* For `dims` of a SHAPED state: the parameter's own shape. */
static int dims_of_parameter(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)option;
    (void)axis;
    if (tensor->ndim > 0)
        memcpy(dims, tensor->dims, (size_t)tensor->ndim * sizeof *dims);
    return tensor->ndim;
}

/* Such states come whole: the tile's part. */
static inline double *tile_doubles(const tile_t *t, int row) {
    return t->state[row] == NULL ? NULL : (double *)t->state[row] + t->offset;
}

#endif
