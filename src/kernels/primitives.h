/* Loops of the engine itself: conversion and summation. One record per instruction-set level; all give the same
   bits. */
#ifndef KERNELS_PRIMITIVES_H
#define KERNELS_PRIMITIVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arithmetic.h"
#include "kernels/quantize.h"
#include "optim/optim.h"

typedef struct primitives {
    /* The sum of x[0..n) in a fixed tree: sixteen interleaved partial sums, added pairwise. */
    double (*sum)(size_t n, const double *x);

    /* n elements of `dtype`, at any alignment, as float or double. */
    void (*load_f32)(optim_dtype dtype, size_t n, const void *from, float *to);
    void (*load_f64)(optim_dtype dtype, size_t n, const void *from, double *to);
    /* The way back, rounding to nearest, ties to even. */
    void (*store_f32)(optim_dtype dtype, size_t n, const float *from, void *to);
    void (*store_f64)(optim_dtype dtype, size_t n, const double *from, void *to);
    /* To bf16 or f16, up or down at random so that the mean is exact; the bits are a hash of key and position (elements
     * first, first + 1, ...), so that they do not depend on how a tensor is cut. */
    void (*store_random)(optim_dtype dtype, size_t n, const float *from, uint64_t key, uint64_t first, void *to);
    /* bf16 or f16 with a carry of the same format, which is added; back, rounding to nearest, the carry keeps what that
     * lost, as far as its format goes. */
    void (*load_carried)(optim_dtype dtype, size_t n, const void *from, const void *carry, float *to);
    void (*store_carried)(optim_dtype dtype, size_t n, const float *from, void *to, void *carry);

    const quantizer_t *quantizer;
} primitives_t;

extern const primitives_t primitives_base;
#ifdef GRADOPT_X86_LEVELS
extern const primitives_t primitives_v3, primitives_v4;
#endif

static inline size_t dtype_size(optim_dtype dtype) {
    return dtype == OPTIM_F64 ? 8 : dtype == OPTIM_F32 ? 4 : 2;
}

/* n elements of `dtype` as reals, doubles if `wide` and floats otherwise; and the way back. */
static inline void primitives_load(const primitives_t *primitives, bool wide, optim_dtype dtype, size_t n,
                                   const void *from, void *reals) {
    if (wide)
        primitives->load_f64(dtype, n, from, reals);
    else
        primitives->load_f32(dtype, n, from, reals);
}
static inline void primitives_store(const primitives_t *primitives, bool wide, optim_dtype dtype, size_t n,
                                    const void *reals, void *to) {
    if (wide)
        primitives->store_f64(dtype, n, reals, to);
    else
        primitives->store_f32(dtype, n, reals, to);
}

/* The next of `count` elements at `from`, beginning with number `offset`, as doubles: returns how many; 0: the end. */
enum { READ_ELEMENTS = 512 };
static inline size_t primitives_read(const primitives_t *primitives, optim_dtype dtype, const void *from, size_t count,
                                     size_t offset, double out[READ_ELEMENTS]) {
    const size_t left = count - offset, n = left < READ_ELEMENTS ? left : READ_ELEMENTS;
    if (n > 0)
        primitives->load_f64(dtype, n, (const char *)from + offset * dtype_size(dtype), out);
    return n;
}

#endif
