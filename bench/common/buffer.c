#define _DEFAULT_SOURCE /* madvise */
#include "buffer.h"

#include <omp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Of a number's bits: where the mantissa ends, and the exponent of 2^-9. */
typedef struct format {
    const char *name;
    size_t bytes;
    int mantissa, exponent;
} format_t;

static const format_t FORMATS[] = {
    [OPTIM_F32] = {"f32", 4, 23, 127 - 9},
    [OPTIM_F64] = {"f64", 8, 52, 1023 - 9},
    [OPTIM_BF16] = {"bf16", 2, 7, 127 - 9},
    [OPTIM_F16] = {"f16", 2, 10, 15 - 9},
};
enum { FORMAT_COUNT = sizeof FORMATS / sizeof *FORMATS };

bool dtype_find(const char *name, size_t length, optim_dtype *dtype) {
    for (int i = 0; i < FORMAT_COUNT; ++i) {
        if (strlen(FORMATS[i].name) != length || strncmp(FORMATS[i].name, name, length) != 0)
            continue;
        *dtype = i;
        return true;
    }
    return false;
}

const char *dtype_name(optim_dtype dtype) {
    return FORMATS[dtype].name;
}

size_t dtype_bytes(optim_dtype dtype) {
    return FORMATS[dtype].bytes;
}

static bool huge_pages = true;

void buffer_use_huge_pages(bool use) {
    huge_pages = use;
}

/* Before a buffer lies the address of its block. */
static char **start_of(void *buffer) {
    return (char **)buffer - 1;
}

/*
 * Long buffers begin at different distances from the start of a page, as those of programs do: if all streams of a loop
 * begin at the same one, they compete for the same banks of memory. Short ones lie where the heap puts them.
 */
static char *take(size_t bytes) {
    enum { LONG = 1 << 16, LINES = 61, PLACES = 31 };
    static int taken;
    const size_t page = huge_pages && bytes > (size_t)4 << 20 ? (size_t)2 << 20 : BUFFER_ALIGNMENT;
    const size_t before = (size_t)(1 + (bytes < LONG ? 0 : taken++ % PLACES * LINES)) * BUFFER_ALIGNMENT;
    const size_t rounded = (before + bytes + page) / page * page;
    char *block = aligned_alloc(page, rounded);
    if (block == NULL)
        return NULL;
#ifdef MADV_HUGEPAGE
    if (page > BUFFER_ALIGNMENT)
        madvise(block, rounded, MADV_HUGEPAGE); /* a wish */
#endif
    *start_of(block + before) = block;
    return block + before;
}

void buffer_free(void *buffer) {
    free(buffer == NULL ? NULL : *start_of(buffer));
}

char *buffer_zeros(size_t bytes, int threads) {
    char *block = take(bytes);
    if (block == NULL)
        return NULL;
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int part = 0; part < threads; ++part) {
        const size_t begin = buffer_share(bytes, part, threads);
        memset(block + begin, 0, buffer_share(bytes, part + 1, threads) - begin);
    }
    return block;
}

static uint64_t scramble(uint64_t x) {
    x = (x ^ (x >> 31)) * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
    return x ^ (x >> 32);
}

static uint64_t random_bits(const format_t *format, uint64_t i) {
    const uint64_t random = scramble(i + 1);
    const uint64_t sign = (random >> 60) & 1, exponent = (uint64_t)format->exponent + (random >> 61);
    const uint64_t mantissa = random & ((UINT64_C(1) << format->mantissa) - 1);
    return sign << (8 * format->bytes - 1) | exponent << format->mantissa | mantissa;
}

static void store_bits(char *to, size_t bytes, uint64_t bits) {
    const uint32_t bits32 = (uint32_t)bits;
    const uint16_t bits16 = (uint16_t)bits;
    memcpy(to, bytes == 8 ? (const void *)&bits : bytes == 4 ? (const void *)&bits32 : (const void *)&bits16, bytes);
}

void buffer_fill(char *block, optim_dtype dtype, size_t count, int threads) {
    const format_t *format = &FORMATS[dtype];
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int part = 0; part < threads; ++part)
        for (size_t i = buffer_share(count, part, threads); i < buffer_share(count, part + 1, threads); ++i)
            store_bits(block + i * format->bytes, format->bytes, random_bits(format, i));
}

char *buffer_numbers(optim_dtype dtype, size_t count, int threads) {
    char *block = take(count * FORMATS[dtype].bytes);
    if (block != NULL)
        buffer_fill(block, dtype, count, threads);
    return block;
}
