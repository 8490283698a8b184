/*
 * Block-wise dynamic 8-bit quantization (Dettmers, Lewis, Shleifer, Zettlemoyer, "8-bit Optimizers via Block-wise
 * Quantization", 2021, arXiv:2110.02861): a block is its largest modulus and, for every element, the position of the
 * nearest of 256 values in a table that is denser towards 0. With 4 bits (Li, Chen, Zhu, "Memory Efficient Optimizers
 * with 4-bit States", 2023, arXiv:2309.01507) it is the nearest of 16: of such a table, or, for what is never negative,
 * of 1/16, 2/16, ..., 1. That has no 0, so that no second moment becomes one by which steps are divided.
 */
#ifndef KERNELS_QUANTIZE_H
#define KERNELS_QUANTIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    QUANTIZE_CODES = 256,
    QUANTIZE_CODES_4 = 16,
    QUANTIZE_TABLES = 4,     /* signed, nonnegative; of 8 bits, of 4 */
    QUANTIZE_EXPONENTS = 25, /* 2^-24 to 1: what is smaller has the code of 0 */
    QUANTIZE_MANTISSA_BITS = 7,
    QUANTIZE_CELLS = QUANTIZE_EXPONENTS << QUANTIZE_MANTISSA_BITS
};

typedef struct quantize_table {
    float value[QUANTIZE_CODES];      /* rising; the real values rounded to binary32; with 4 bits the first 16 */
    double middle[QUANTIZE_CODES];    /* between value i and i + 1; behind the last value infinite */
    float middle_f32[QUANTIZE_CODES]; /* the largest binary32 number not above it */
    uint8_t zero;                     /* the code nearest to 0 */
    bool packed;                      /* codes of 4 bits: two a byte, the first in the lower half */
    float pair[QUANTIZE_CODES][2];    /* then the values of both */
    /* Numbers that share sign, exponent and upper mantissa are a cell; it holds one middle at most. Its code in the
     * upper half, so that adding the lower mantissa (its complement, of negative numbers) carries over, or borrows,
     * where the middle is passed. First what is smaller than all cells; positive cells, then negative ones. */
    uint32_t cell[2 * (1 + QUANTIZE_CELLS)];
} quantize_table_t;

typedef struct quantizer {
    /* The signed table, or the one for states that are never negative, of codes with 8 or 4 bits. */
    void (*make)(quantize_table_t *table, int bits, bool is_signed);
    /* x[i] = value[code[i]] scale */
    void (*decode_f32)(const quantize_table_t *table, size_t n, const uint8_t *code, float scale, float *x);
    void (*decode_f64)(const quantize_table_t *table, size_t n, const uint8_t *code, double scale, double *x);
    /* Codes of the values nearest to x[i] / scale, ties to the lower code; returns scale, the largest finite |x[i]|: an
     * infinite or NaN element is lost, its block is not. With keep_sign, a code whose value has the other sign than x
     * goes one back (0 counts as positive). */
    float (*encode_f32)(const quantize_table_t *table, size_t n, const float *x, bool keep_sign, uint8_t *code);
    double (*encode_f64)(const quantize_table_t *table, size_t n, const double *x, bool keep_sign, uint8_t *code);
} quantizer_t;

extern const quantizer_t quantizer_base;
#ifdef GRADOPT_X86_LEVELS
extern const quantizer_t quantizer_v3, quantizer_v4;
#endif

#endif
