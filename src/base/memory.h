/* Checked sizes and aligned memory. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MEMORY_ALIGNMENT = 64 }; /* a cache line, and the widest vector */

/* *result = a * b, or a + b; false if that overflows. */
bool size_multiply(size_t a, size_t b, size_t *result);
bool size_add(size_t a, size_t b, size_t *result);

static inline size_t size_smaller(size_t a, size_t b) {
    return a < b ? a : b;
}
static inline size_t size_larger(size_t a, size_t b) {
    return a > b ? a : b;
}

/* *result = count; false if that is negative or more than an address can tell. */
bool size_of_count(int64_t count, size_t *result);

/* A whole number from 0 on; SIZE_MAX if it is larger than that. */
size_t size_of_number(double number);

/* `bytes` rounded up to MEMORY_ALIGNMENT; SIZE_MAX if that overflows. */
size_t size_aligned(size_t bytes);

/* Zeroed memory at MEMORY_ALIGNMENT, its pages untouched where the system gives zero pages; large blocks on large pages
 * where it has them. *base is what free() wants. */
void *memory_zeroed(size_t bytes, void **base);

/* What memory_zeroed takes for `bytes`, alignment included; SIZE_MAX if that overflows. */
size_t memory_zeroed_size(size_t bytes);

/* Uninitialised memory at MEMORY_ALIGNMENT, NULL if there is none; release with free(). Zero bytes give one line. */
void *memory_aligned(size_t bytes);

/* Room for at least `needed` elements of `size` bytes in the growing array *array with *capacity; false: no memory. */
bool memory_grow(void **array, size_t *capacity, size_t needed, size_t size);

/* Own copy of text[0..length), with a terminator; NULL if there is no memory. */
char *memory_text(const char *text, size_t length);

#endif
