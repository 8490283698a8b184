/* The arrays that a checkpoint keeps of a handle: states by parameter, in the form in which they lie in memory. */
#ifndef IO_ARRAYS_H
#define IO_ARRAYS_H

#include "io/safetensors.h"
#include "io/stream.h"
#include "optimizer/optimizer.h"

/* One array: `copies` runs of `bytes` bytes, `stride` apart. */
typedef struct array {
    char *name; /* PARAMETER/METHOD.STATE */
    const char *dtype;
    shape_t shape; /* several copies are one more dimension, the first */
    char *at;
    size_t copies, bytes, stride;
    const station_t *station; /* that keeps it, of the parameter `of` */
    const tensor_t *of;
    const field_t *field; /* of numbers, whose values this row limits; else NULL */
} array_t;

typedef struct arrays {
    size_t count, capacity;
    array_t *array; /* widest elements first, so that all are aligned in the file */
} arrays_t;

/* The arrays of a planned handle; a handle without a plan has none. `stateless`, if not NULL, says of each parameter
 * whether the states are left out that a tensor gets with its first gradient. Errors: NOMEM, VALUE (a name that is not
 * UTF-8). */
optim_status arrays_make(arrays_t *arrays, const optim_t *opt, const bool *stateless);
/* Those of one parameter, behind the others; on an error some may have been added. */
optim_status arrays_add(arrays_t *arrays, const optim_t *opt, size_t param, bool stateless);
void arrays_free(arrays_t *arrays);

/* Bytes of all copies of an array. */
static inline size_t array_bytes(const array_t *array) {
    return array->copies * array->bytes;
}

/* Whether another rank keeps the array, of a sharded handle. */
static inline bool array_is_elsewhere(const array_t *array) {
    return array->field == NULL && tensor_is_elsewhere(array->of);
}

#endif
