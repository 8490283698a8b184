/*
 * A gradient of some rows alone, as an embedding's: its other rows are not zero but absent, and a step leaves the
 * parameter and what its method remembers of it there as they are.
 */
#ifndef ENGINE_ROWS_H
#define ENGINE_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "engine/method.h"
#include "kernels/primitives.h"

typedef struct rows {
    size_t length; /* elements of a row: a slice of dimension 0 */
    size_t count;  /* rows with a gradient */
    size_t *index; /* their numbers, ascending, each once */
    char *values;  /* [count][length], in the gradient's dtype */
    size_t index_capacity, value_capacity; /* rows; bytes */
} rows_t;

/* Elements of the tensor that lie one behind the other and have a gradient. */
typedef struct stretch {
    size_t first, n;
} stretch_t;

/* The first of `rows` whose number is not less than `row`: its place, or count. */
static inline size_t rows_from(const rows_t *rows, size_t row) {
    size_t low = 0, high = rows->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (rows->index[middle] < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The gradient of element `first`, which has one. */
static inline char *rows_gradient(const rows_t *rows, size_t first, size_t element_size) {
    const size_t place = rows_from(rows, first / rows->length);
    return rows->values + (place * rows->length + first % rows->length) * element_size;
}

/* The next stretch that begins at element `first` or behind it and ends at `end` or before; n = 0: there is none. */
stretch_t rows_next(const rows_t *rows, size_t first, size_t end);

/* The next of the first `end` elements of a tensor's gradient, beginning with number `at`, as doubles; rows without one
 * are 0. Returns how many, at most READ_ELEMENTS; 0: the end. */
size_t gradient_read(const primitives_t *primitives, const tensor_t *tensor, size_t end, size_t at, double *chunk);

/*
 * Takes `count` rows in any order; of a number that comes several times the rows are added, in doubles and in the order
 * in which they come. The numbers must be less than the tensor's rows. Errors: NOMEM, SIZE; then nothing has changed.
 */
optim_status rows_take(rows_t *rows, const primitives_t *primitives, optim_dtype dtype, size_t count,
                       const int64_t *index, const void *values);

void rows_free(rows_t *rows); /* NULL is fine */

#endif
