/* Memory of a trainer: number formats, and blocks first touched by the threads that will use them. */
#ifndef BENCH_BUFFER_H
#define BENCH_BUFFER_H

#include <optim/optim.h>
#include <stdbool.h>
#include <stddef.h>

enum { BUFFER_ALIGNMENT = 64 };

static inline size_t buffer_align(size_t bytes) {
    return (bytes + BUFFER_ALIGNMENT - 1) / BUFFER_ALIGNMENT * BUFFER_ALIGNMENT;
}

/* Share `part` of `parts` equal shares of `count` begins here, and ends where the next one begins. */
static inline size_t buffer_share(size_t count, int part, int parts) {
    return count / (size_t)parts * (size_t)part + (count % (size_t)parts * (size_t)part) / (size_t)parts;
}

/* "f32" to its number and back; false: no such format (`length` characters are looked at). */
bool dtype_find(const char *name, size_t length, optim_dtype *dtype);
const char *dtype_name(optim_dtype dtype);
size_t dtype_bytes(optim_dtype dtype);

/*
 * Large buffers ask for pages of 2 MiB unless told not to. Otherwise it would be chance which pages a buffer gets, and
 * with them up to a fifth of its speed.
 */
void buffer_use_huge_pages(bool use);

/* Zeros. NULL: out of memory. */
char *buffer_zeros(size_t bytes, int threads);

/* Numbers of random sign and size, 2^-9 to 2^-1, the same for every number of threads. */
char *buffer_numbers(optim_dtype dtype, size_t count, int threads);
/* The same numbers into a buffer that was used. */
void buffer_fill(char *block, optim_dtype dtype, size_t count, int threads);

void buffer_free(void *buffer);

#endif
