#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

bool size_multiply(size_t a, size_t b, size_t *result) {
    if (b != 0 && a > SIZE_MAX / b)
        return false;
    *result = a * b;
    return true;
}

bool size_add(size_t a, size_t b, size_t *result) {
    if (a > SIZE_MAX - b)
        return false;
    *result = a + b;
    return true;
}

bool size_of_count(int64_t count, size_t *result) {
    if (count < 0 || (uint64_t)count > SIZE_MAX)
        return false;
    *result = (size_t)count;
    return true;
}

size_t size_of_number(double number) {
    return number < (double)SIZE_MAX ? (size_t)number : SIZE_MAX;
}

size_t size_aligned(size_t bytes) {
    if (bytes > SIZE_MAX - MEMORY_ALIGNMENT)
        return SIZE_MAX;
    return (bytes + MEMORY_ALIGNMENT - 1) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
}

void *memory_aligned(size_t bytes) {
    const size_t rounded = size_aligned(bytes == 0 ? 1 : bytes);
    if (rounded > PTRDIFF_MAX)
        return NULL;
    return aligned_alloc(MEMORY_ALIGNMENT, rounded);
}

enum { LARGE_PAGE = 2 << 20 };

static size_t zeroed_alignment(size_t bytes) {
    return bytes >= 2 * (size_t)LARGE_PAGE ? LARGE_PAGE : MEMORY_ALIGNMENT;
}

size_t memory_zeroed_size(size_t bytes) {
    size_t total;
    return size_add(bytes, zeroed_alignment(bytes), &total) ? total : SIZE_MAX;
}

void *memory_zeroed(size_t bytes, void **base) {
    const size_t alignment = zeroed_alignment(bytes), total = memory_zeroed_size(bytes);
    *base = NULL;
    if (total > PTRDIFF_MAX || (*base = calloc(1, total)) == NULL)
        return NULL;
    void *aligned = (char *)*base + (alignment - (uintptr_t)*base % alignment) % alignment;
    if (alignment == LARGE_PAGE)
        (void)madvise(aligned, bytes / LARGE_PAGE * LARGE_PAGE,
                      MADV_HUGEPAGE); /* a hint; without it all works the same */
    return aligned;
}

bool memory_grow(void **array, size_t *capacity, size_t needed, size_t size) {
    if (needed <= *capacity)
        return true;
    size_t bytes;
    const size_t wanted = needed < 8 ? 8 : needed > SIZE_MAX / 2 ? needed : needed * 2;
    if (!size_multiply(wanted, size, &bytes) || bytes > PTRDIFF_MAX)
        return false;
    void *grown = realloc(*array, bytes);
    if (grown == NULL)
        return false;
    *array = grown;
    *capacity = wanted;
    return true;
}

char *memory_text(const char *text, size_t length) {
    char *copy = malloc(length + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}
