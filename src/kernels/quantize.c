#include "kernels/quantize.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/level.h"

/* ---- Tables ---- */

static int by_value(const void *a, const void *b) {
    const float left = *(const float *)a, right = *(const float *)b;
    return (left > right) - (left < right);
}

/* So many decades, each with twice as many values as the one below it, then 0 and 1. */
static void make_values(float *value, int decades, bool is_signed) {
    size_t count = 0;
    for (int decade = 0; decade < decades; ++decade) {
        const int n = 1 << (is_signed ? decade : decade + 1);
        for (int j = 0; j < n; ++j) {
            const float x = (float)(pow(10, decade - (decades - 1)) * (0.1 + 0.9 * (2 * j + 1) / (2.0 * n)));
            value[count++] = x;
            if (is_signed)
                value[count++] = -x;
        }
    }
    value[count++] = 0;
    value[count++] = 1;
    qsort(value, count, sizeof *value, by_value);
}

/* Equal steps up to 1, without 0. */
static void make_steps(float *value) {
    for (int i = 0; i < QUANTIZE_CODES_4; ++i)
        value[i] = (float)(i + 1) / (float)QUANTIZE_CODES_4;
}

static uint8_t search(const quantize_table_t *table, double y) {
    unsigned code = 0;
    for (unsigned step = QUANTIZE_CODES / 2; step > 0; step /= 2)
        code += y > table->middle[code + step - 1] ? step : 0;
    return (uint8_t)code;
}

static float not_above(double x) {
    const float rounded = (float)x;
    return (double)rounded > x ? nextafterf(rounded, -INFINITY) : rounded;
}

static void make(quantize_table_t *table, int bits, bool is_signed) {
    const size_t codes = (size_t)1 << bits;
    if (bits == 4 && !is_signed)
        make_steps(table->value);
    else
        make_values(table->value, bits - 1, is_signed);
    for (size_t i = 0; i < QUANTIZE_CODES; ++i) {
        table->middle[i] = i + 1 < codes ? ((double)table->value[i] + (double)table->value[i + 1]) / 2 : INFINITY;
        table->middle_f32[i] = not_above(table->middle[i]);
    }
    int32_t *positive = table->cell, *negative = table->cell + 1 + QUANTIZE_CELLS;
    positive[0] = negative[0] = search(table, 0);
    for (int i = 0; i < QUANTIZE_CELLS; ++i) {
        const int mantissas = 1 << QUANTIZE_MANTISSA_BITS, exponent = i / mantissas - (QUANTIZE_EXPONENTS - 1);
        const double low = ldexp(1 + (double)(i % mantissas) / mantissas, exponent);
        const double high = ldexp(1 + (double)(i % mantissas + 1) / mantissas, exponent);
        positive[1 + i] = search(table, low);
        negative[1 + i] = search(table, -high);
    }
}

/* ---- Codes ---- */

static void decode_f32(const quantize_table_t *table, size_t n, const uint8_t *restrict code, float scale,
                       float *restrict x) {
    for (size_t i = 0; i < n; ++i)
        x[i] = table->value[code[i]] * scale;
}

static void decode_f64(const quantize_table_t *table, size_t n, const uint8_t *restrict code, double scale,
                       double *restrict x) {
    for (size_t i = 0; i < n; ++i)
        x[i] = (double)table->value[code[i]] * scale;
}

/* The code of y's cell; infinity has the outermost. NaN has none; any will do. */
static inline int32_t cell_code(const quantize_table_t *table, float y) {
    enum { BEFORE = ((127 - (QUANTIZE_EXPONENTS - 1)) << QUANTIZE_MANTISSA_BITS) - 1 };
    int32_t bits;
    memcpy(&bits, &y, sizeof bits);
    const int32_t place = ((bits & INT32_MAX) >> (23 - QUANTIZE_MANTISSA_BITS)) - BEFORE;
    const int32_t cell = place < 0 ? 0 : place > QUANTIZE_CELLS ? QUANTIZE_CELLS : place;
    return table->cell[cell + (bits < 0 ? 1 + QUANTIZE_CELLS : 0)];
}

/* The code one lower where the value has another sign than what it stands for. */
static inline int32_t signed_code(const quantize_table_t *table, int32_t code, bool negative) {
    const bool other = negative == (table->value[code] >= 0);
    return code - (other && code > 0);
}

static inline float modulus_f32(float x) {
    return fabsf(x) <= FLT_MAX ? fabsf(x) : 0;
}
static inline double modulus_f64(double x) {
    return fabs(x) <= DBL_MAX ? fabs(x) : 0;
}

/* The largest finite |x[i]|, in lanes: compilers do not vectorize a running maximum of their own accord. */
enum { LANES = 32 };
static float largest_f32(size_t n, const float *restrict x) {
    float lane[LANES] = {0}, largest = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; ++j)
            lane[j] = modulus_f32(x[i + j]) > lane[j] ? modulus_f32(x[i + j]) : lane[j];
    for (; i < n; ++i)
        largest = modulus_f32(x[i]) > largest ? modulus_f32(x[i]) : largest;
    for (size_t j = 0; j < LANES; ++j)
        largest = lane[j] > largest ? lane[j] : largest;
    return largest;
}
static double largest_f64(size_t n, const double *restrict x) {
    double lane[LANES] = {0}, largest = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; ++j)
            lane[j] = modulus_f64(x[i + j]) > lane[j] ? modulus_f64(x[i + j]) : lane[j];
    for (; i < n; ++i)
        largest = modulus_f64(x[i]) > largest ? modulus_f64(x[i]) : largest;
    for (size_t j = 0; j < LANES; ++j)
        largest = lane[j] > largest ? lane[j] : largest;
    return largest;
}

static float encode_f32(const quantize_table_t *table, size_t n, const float *restrict x, bool keep_sign,
                        uint8_t *restrict code) {
    const float scale = largest_f32(n, x);
    const float divisor = scale > 0 ? scale : 1;
    for (size_t i = 0; i < n; ++i) {
        const float y = x[i] / divisor;
        const int32_t cell = cell_code(table, y), nearest = cell + (y > table->middle_f32[cell]);
        code[i] = (uint8_t)nearest;
    }
    for (size_t i = 0; keep_sign && i < n; ++i)
        code[i] = (uint8_t)signed_code(table, code[i], x[i] < 0);
    return scale;
}

static double encode_f64(const quantize_table_t *table, size_t n, const double *restrict x, bool keep_sign,
                         uint8_t *restrict code) {
    const double scale = largest_f64(n, x);
    for (size_t i = 0; i < n; ++i) {
        const double y = scale > 0 ? x[i] / scale : 0;
        int32_t nearest = cell_code(table, (float)y); /* rounded to binary32 it may lie one cell off */
        while (y > table->middle[nearest])
            ++nearest;
        while (nearest > 0 && y <= table->middle[nearest - 1])
            --nearest;
        code[i] = (uint8_t)(keep_sign ? signed_code(table, nearest, x[i] < 0) : nearest);
    }
    return scale;
}

const quantizer_t AT_LEVEL(quantizer) = {make, decode_f32, decode_f64, encode_f32, encode_f64};
