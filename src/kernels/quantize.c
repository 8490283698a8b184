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

/* ---- Cells ---- */

enum {
    LOW_BITS = 23 - QUANTIZE_MANTISSA_BITS, /* of the mantissa, which tell the numbers of a cell apart */
    LOW = (1 << LOW_BITS) - 1,
    INFINITE = 0x7F800000,
    BEFORE =
        ((127 - (QUANTIZE_EXPONENTS - 1)) << QUANTIZE_MANTISSA_BITS) - 1, /* the upper bits before the first cell */
    NEGATIVE = 1 + QUANTIZE_CELLS                                         /* where the cells of that sign begin */
};

static inline int32_t bits_of(float x) {
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
static inline float float_of(int32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Whether the number's magnitude is one of this cell's. */
static bool is_in_cell(int cell, float x) {
    return ((bits_of(x) & INT32_MAX) >> LOW_BITS) - BEFORE == 1 + cell;
}

/* The code of its lowest number, and what is wanting to a carry behind the last number that has it. */
static uint32_t positive_cell(const quantize_table_t *table, int cell, double lowest) {
    const uint32_t code = search(table, lowest);
    const float last = table->middle_f32[code];
    return code << LOW_BITS | (is_in_cell(cell, last) ? (uint32_t)(LOW - (bits_of(last) & LOW)) : 0);
}

/* The code of its number nearest to 0, and how many of those that follow can be taken off before it changes. */
static uint32_t negative_cell(const quantize_table_t *table, int cell, double lowest) {
    const uint32_t code = search(table, -lowest);
    const float first = code > 0 ? table->middle_f32[code - 1] : 0;
    return (code << LOW_BITS) + (is_in_cell(cell, first) ? (uint32_t)(bits_of(first) & LOW) : LOW + 1);
}

static void make_cells(quantize_table_t *table) {
    uint32_t *positive = table->cell, *negative = table->cell + NEGATIVE;
    positive[0] = (uint32_t)search(table, 0) << LOW_BITS;
    negative[0] = positive[0] + LOW + 1;
    for (int i = 0; i < QUANTIZE_CELLS; ++i) {
        const int mantissas = 1 << QUANTIZE_MANTISSA_BITS, exponent = i / mantissas - (QUANTIZE_EXPONENTS - 1);
        const double lowest = ldexp(1 + (double)(i % mantissas) / mantissas, exponent);
        positive[1 + i] = positive_cell(table, i, lowest);
        negative[1 + i] = negative_cell(table, i, lowest);
    }
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
    make_cells(table);
    table->zero = search(table, 0);
    table->packed = bits == 4;
    for (size_t i = 0; table->packed && i < QUANTIZE_CODES; ++i) {
        table->pair[i][0] = table->value[i % QUANTIZE_CODES_4];
        table->pair[i][1] = table->value[i / QUANTIZE_CODES_4];
    }
}

/* ---- Codes ---- */

/* Told that nothing written is read, compilers look up and multiply in vectors. */
static void look_up_f32(const float *restrict value, size_t n, const uint8_t *restrict code, float scale,
                        float *restrict x) {
    for (size_t i = 0; i < n; ++i)
        x[i] = value[code[i]] * scale;
}
static void look_up_f64(const float *restrict value, size_t n, const uint8_t *restrict code, double scale,
                        double *restrict x) {
    for (size_t i = 0; i < n; ++i)
        x[i] = (double)value[code[i]] * scale;
}

/* Both values of a byte at once. */
static void look_up_pairs_f32(const quantize_table_t *restrict table, size_t n, const uint8_t *restrict code,
                              float scale, float *restrict x) {
    for (size_t i = 0; i < n / 2; ++i)
        memcpy(x + 2 * i, table->pair[code[i]], sizeof *table->pair);
    if (n % 2 != 0)
        x[n - 1] = table->pair[code[n / 2]][0];
    for (size_t i = 0; i < n; ++i)
        x[i] *= scale;
}
static void look_up_pairs_f64(const quantize_table_t *restrict table, size_t n, const uint8_t *restrict code,
                              double scale, double *restrict x) {
    for (size_t i = 0; i < n; ++i)
        x[i] = (double)table->pair[code[i / 2]][i % 2] * scale;
}

static void decode_f32(const quantize_table_t *table, size_t n, const uint8_t *code, float scale, float *x) {
    if (table->packed)
        look_up_pairs_f32(table, n, code, scale, x);
    else
        look_up_f32(table->value, n, code, scale, x);
}
static void decode_f64(const quantize_table_t *table, size_t n, const uint8_t *code, double scale, double *x) {
    if (table->packed)
        look_up_pairs_f64(table, n, code, scale, x);
    else
        look_up_f64(table->value, n, code, scale, x);
}

/* The largest finite |x[i]|: magnitudes are in the order of their bits, and of whole numbers compilers find the largest
 * in vectors. */
static float largest_f32(size_t n, const float *restrict x) {
    int32_t largest = 0;
    for (size_t i = 0; i < n; ++i) {
        const int32_t magnitude = bits_of(x[i]) & INT32_MAX, finite = magnitude < INFINITE ? magnitude : 0;
        largest = finite > largest ? finite : largest;
    }
    return float_of(largest);
}
static double largest_f64(size_t n, const double *restrict x) {
    double largest = 0;
    for (size_t i = 0; i < n; ++i) {
        const double magnitude = fabs(x[i]) <= DBL_MAX ? fabs(x[i]) : 0;
        largest = magnitude > largest ? magnitude : largest;
    }
    return largest;
}

/* Where a number's code is looked up, and what is added to what is found there. */
enum { RUN_ELEMENTS = 256 };
typedef struct places {
    uint32_t cell[RUN_ELEMENTS], low[RUN_ELEMENTS];
} places_t;

/* Infinity has the outermost cell. NaN has none; any will do. */
static inline void find_place(float y, uint32_t *restrict cell, uint32_t *restrict low) {
    const int32_t bits = bits_of(y), sign = -(bits < 0); /* 0, or all bits */
    const int32_t place = ((bits & INT32_MAX) >> LOW_BITS) - BEFORE;
    const int32_t above = place < 0 ? 0 : place, inside = above > QUANTIZE_CELLS ? QUANTIZE_CELLS : above;
    *cell = (uint32_t)(inside + (sign & NEGATIVE));
    *low = (uint32_t)((bits & LOW) ^ sign);
}

static void find_codes(const uint32_t *restrict cell, size_t n, const places_t *restrict at, uint8_t *restrict code) {
    for (size_t i = 0; i < n; ++i)
        code[i] = (uint8_t)((cell[at->cell[i]] + at->low[i]) >> LOW_BITS);
}
/* What is below 0 and has the code `lost` gets the one before it. */
static void find_kept_codes(const uint32_t *restrict cell, uint32_t lost, size_t n, const places_t *restrict at,
                            uint8_t *restrict code) {
    for (size_t i = 0; i < n; ++i) {
        const uint32_t nearest = (cell[at->cell[i]] + at->low[i]) >> LOW_BITS;
        code[i] = (uint8_t)(nearest - (nearest == lost ? at->low[i] >> 31 : 0));
    }
}

static size_t run_length(size_t left) {
    return left < RUN_ELEMENTS ? left : RUN_ELEMENTS;
}

static void pack(size_t n, const uint8_t *restrict code, uint8_t *restrict packed) {
    for (size_t i = 0; i < n / 2; ++i)
        packed[i] = (uint8_t)(code[2 * i] | code[2 * i + 1] << 4);
    if (n % 2 != 0)
        packed[n / 2] = code[n - 1];
}

static float encode_f32(const quantize_table_t *table, size_t n, const float *x, bool keep_sign, uint8_t *code) {
    const float scale = largest_f32(n, x), divisor = scale > 0 ? scale : 1;
    places_t at;
    uint8_t unpacked[RUN_ELEMENTS];
    for (size_t first = 0, run; first < n; first += run) {
        uint8_t *found = table->packed ? unpacked : code + first;
        run = run_length(n - first);
        for (size_t i = 0; i < run; ++i) /* 0 is added because -0 is not below 0 */
            find_place((x[first + i] + 0) / divisor, &at.cell[i], &at.low[i]);
        if (keep_sign && table->zero > 0)
            find_kept_codes(table->cell, table->zero, run, &at, found);
        else
            find_codes(table->cell, run, &at, found);
        if (table->packed)
            pack(run, unpacked, code + first / 2);
    }
    return scale;
}

/* From the code of y rounded to binary32, which may be that of a neighbour. */
static uint8_t nearest_to(const quantize_table_t *table, uint8_t code, double y) {
    while (y > table->middle[code])
        ++code;
    while (code > 0 && y <= table->middle[code - 1])
        --code;
    return code;
}

static double encode_f64(const quantize_table_t *table, size_t n, const double *x, bool keep_sign, uint8_t *code) {
    const double scale = largest_f64(n, x), divisor = scale > 0 ? scale : 1;
    places_t at;
    uint8_t unpacked[RUN_ELEMENTS];
    for (size_t first = 0, run; first < n; first += run) {
        uint8_t *found = table->packed ? unpacked : code + first;
        run = run_length(n - first);
        for (size_t i = 0; i < run; ++i)
            find_place((float)(x[first + i] / divisor), &at.cell[i], &at.low[i]);
        find_codes(table->cell, run, &at, found);
        for (size_t i = 0; i < run; ++i) {
            found[i] = nearest_to(table, found[i], x[first + i] / divisor);
            found[i] =
                (uint8_t)(found[i] - (keep_sign && x[first + i] < 0 && found[i] == table->zero && table->zero > 0));
        }
        if (table->packed)
            pack(run, unpacked, code + first / 2);
    }
    return scale;
}

const quantizer_t AT_LEVEL(quantizer) = {make, decode_f32, decode_f64, encode_f32, encode_f64};
