#include "engine/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

stretch_t rows_next(const rows_t *rows, size_t first, size_t end) {
    size_t k = rows_from(rows, first / rows->length);
    if (k == rows->count || rows->index[k] * rows->length >= end)
        return (stretch_t){end, 0};
    const size_t begin = rows->index[k] * rows->length;
    stretch_t stretch = {begin > first ? begin : first, 0};
    while (k + 1 < rows->count && rows->index[k + 1] == rows->index[k] + 1 && rows->index[k + 1] * rows->length < end)
        ++k;
    const size_t last = (rows->index[k] + 1) * rows->length;
    stretch.n = (last < end ? last : end) - stretch.first;
    return stretch;
}

size_t gradient_read(const primitives_t *primitives, const tensor_t *tensor, size_t end, size_t at, double *chunk) {
    if (tensor->rows == NULL)
        return primitives_read(primitives, tensor->grad_dtype, tensor->grad, end, at, chunk);
    const size_t n = end - at < READ_ELEMENTS ? end - at : READ_ELEMENTS, size = dtype_size(tensor->grad_dtype);
    memset(chunk, 0, n * sizeof *chunk);
    for (stretch_t next = rows_next(tensor->rows, at, at + n); next.n > 0;
         next = rows_next(tensor->rows, next.first + next.n, at + n))
        primitives->load_f64(tensor->grad_dtype, next.n, rows_gradient(tensor->rows, next.first, size),
                             chunk + (next.first - at));
    return n;
}

/* ---- Taking rows ---- */

/* A row as it came. */
typedef struct arrival {
    size_t row, place;
} arrival_t;

static int compare(const void *left, const void *right) {
    const arrival_t *a = left, *b = right;
    if (a->row != b->row)
        return a->row < b->row ? -1 : 1;
    return a->place < b->place ? -1 : a->place > b->place;
}

static optim_status reserve(rows_t *rows, size_t count, size_t element_size) {
    void *index = rows->index, *values = rows->values;
    size_t bytes;
    if (!size_multiply(count, rows->length * element_size, &bytes))
        return error_set(OPTIM_ERR_SIZE, "the gradient's rows have more bytes than a size holds");
    const bool fits = memory_grow(&index, &rows->index_capacity, count, sizeof *rows->index);
    rows->index = index;
    const bool both = fits && memory_grow(&values, &rows->value_capacity, bytes, 1);
    rows->values = values;
    return both ? OPTIM_OK : error_nomem("taking the rows of a gradient");
}

/* to <- the sum of the rows of `count` arrivals of one number. */
static void add_rows(const rows_t *rows, const primitives_t *primitives, optim_dtype dtype, const arrival_t *arrival,
                     size_t count, const char *values, char *to) {
    enum { PIECE = 256 };
    double sum[PIECE], row[PIECE];
    float rounded[PIECE];
    const size_t size = dtype_size(dtype);
    for (size_t at = 0; at < rows->length; at += PIECE) {
        const size_t n = rows->length - at < PIECE ? rows->length - at : PIECE;
        memset(sum, 0, sizeof sum);
        for (size_t k = 0; k < count; ++k) {
            primitives->load_f64(dtype, n, values + (arrival[k].place * rows->length + at) * size, row);
            for (size_t i = 0; i < n; ++i)
                sum[i] += row[i];
        }
        for (size_t i = 0; i < n; ++i)
            rounded[i] = (float)sum[i];
        if (dtype == OPTIM_F64)
            memcpy(to + at * size, sum, n * size);
        else
            primitives->store_f32(dtype, n, rounded, to + at * size);
    }
}

optim_status rows_take(rows_t *rows, const primitives_t *primitives, optim_dtype dtype, size_t count,
                       const int64_t *index, const void *values) {
    const size_t size = dtype_size(dtype);
    size_t bytes;
    optim_status status = reserve(rows, count, size);
    if (status != OPTIM_OK || count == 0) {
        rows->count = status == OPTIM_OK ? 0 : rows->count;
        return status;
    }
    arrival_t *arrival = size_multiply(count, sizeof *arrival, &bytes) ? malloc(bytes) : NULL;
    if (arrival == NULL)
        return error_nomem("taking the rows of a gradient");
    for (size_t k = 0; k < count; ++k)
        arrival[k] = (arrival_t){(size_t)index[k], k};
    qsort(arrival, count, sizeof *arrival, compare);
    rows->count = 0;
    for (size_t k = 0, next; k < count; k = next) {
        char *to = rows->values + rows->count * rows->length * size;
        for (next = k + 1; next < count && arrival[next].row == arrival[k].row; ++next)
            ;
        if (next == k + 1)
            memcpy(to, (const char *)values + arrival[k].place * rows->length * size, rows->length * size);
        else
            add_rows(rows, primitives, dtype, arrival + k, next - k, values, to);
        rows->index[rows->count++] = arrival[k].row;
    }
    free(arrival);
    return OPTIM_OK;
}

void rows_free(rows_t *rows) {
    if (rows == NULL)
        return;
    free(rows->index);
    free(rows->values);
    free(rows);
}
