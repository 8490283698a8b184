#include "kernels/primitives.h"

#include <string.h>

#include "kernels/level.h"

enum { LANES = 16 };

static double sum(size_t n, const double *x) {
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; ++j)
            lane[j] += x[i + j];
    for (size_t j = 0; i + j < n; ++j)
        lane[j] += x[i + j];
    for (size_t width = LANES / 2; width > 0; width /= 2)
        for (size_t j = 0; j < width; ++j)
            lane[j] += lane[j + width];
    return lane[0];
}

static inline float float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
static inline uint32_t bits_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Two bytes at any address. */
static inline uint16_t read16(const void *from, size_t i) {
    uint16_t bits;
    memcpy(&bits, (const char *)from + 2 * i, sizeof bits);
    return bits;
}
static inline void write16(void *to, size_t i, uint32_t bits) {
    const uint16_t half = (uint16_t)bits;
    memcpy((char *)to + 2 * i, &half, sizeof half);
}

static inline float bf16_widen(uint32_t bits) {
    return float_of_bits(bits << 16);
}
static inline uint32_t bf16_narrow(float value) {
    const uint32_t bits = bits_of_float(value);
    const uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
    const uint32_t quiet_nan = (bits >> 16) | 0x40;
    return (bits & 0x7FFFFFFF) > 0x7F800000 ? quiet_nan : rounded;
}

/* Multiplying by 2^112 moves binary16's exponent range to binary32's, subnormals included. */
static inline float f16_widen(uint32_t bits) {
    const uint32_t sign = (bits & 0x8000) << 16, magnitude = (bits & 0x7FFF) << 13;
    const uint32_t finite = bits_of_float(float_of_bits(magnitude) * 0x1p112f);
    const uint32_t special = magnitude | 0x7F800000;
    return float_of_bits(sign | (magnitude >= 0x0F800000 ? special : finite));
}
static inline uint32_t f16_narrow(float value) {
    const uint32_t bits = bits_of_float(value), sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7FFFFFFF;
    /* normal: round the 13 bits that fall away, then rebias the exponent by 112 */
    const uint32_t normal = (magnitude + 0xFFF + ((magnitude >> 13) & 1) - (112u << 23)) >> 13;
    /* subnormal: adding 1/2 lets the addition itself round to a multiple of 2^-24 */
    const uint32_t subnormal = bits_of_float(float_of_bits(magnitude) + 0.5f) - bits_of_float(0.5f);
    const uint32_t nan = 0x7E00 | ((magnitude >> 13) & 0x1FF);
    uint32_t half = magnitude < 0x38800000 ? subnormal : normal;
    half = magnitude >= 0x477FF000 ? 0x7C00 : half; /* 65520 and above round to infinity */
    half = magnitude > 0x7F800000 ? nan : half;
    return sign | half;
}

static void load_f32(optim_dtype dtype, size_t n, const void *from, float *restrict to) {
    double wide;
    switch (dtype) {
    case OPTIM_F32:
        memcpy(to, from, n * sizeof *to);
        break;
    case OPTIM_F64:
        for (size_t i = 0; i < n; ++i) {
            memcpy(&wide, (const char *)from + i * sizeof wide, sizeof wide);
            to[i] = (float)wide;
        }
        break;
    case OPTIM_BF16:
        for (size_t i = 0; i < n; ++i)
            to[i] = bf16_widen(read16(from, i));
        break;
    default:
        for (size_t i = 0; i < n; ++i)
            to[i] = f16_widen(read16(from, i));
    }
}

static void load_f64(optim_dtype dtype, size_t n, const void *from, double *restrict to) {
    float narrow;
    switch (dtype) {
    case OPTIM_F32:
        for (size_t i = 0; i < n; ++i) {
            memcpy(&narrow, (const char *)from + i * sizeof narrow, sizeof narrow);
            to[i] = (double)narrow;
        }
        break;
    case OPTIM_F64:
        memcpy(to, from, n * sizeof *to);
        break;
    case OPTIM_BF16:
        for (size_t i = 0; i < n; ++i)
            to[i] = (double)bf16_widen(read16(from, i));
        break;
    default:
        for (size_t i = 0; i < n; ++i)
            to[i] = (double)f16_widen(read16(from, i));
    }
}

static void store_f32(optim_dtype dtype, size_t n, const float *restrict from, void *to) {
    switch (dtype) {
    case OPTIM_BF16:
        for (size_t i = 0; i < n; ++i)
            write16(to, i, bf16_narrow(from[i]));
        break;
    case OPTIM_F16:
        for (size_t i = 0; i < n; ++i)
            write16(to, i, f16_narrow(from[i]));
        break;
    default: /* f64 parameters are never worked on in f32 */
        memcpy(to, from, n * sizeof *from);
    }
}

static void store_f64(optim_dtype dtype, size_t n, const double *restrict from, void *to) {
    switch (dtype) {
    case OPTIM_F32:
        for (size_t i = 0; i < n; ++i) {
            const float narrow = (float)from[i];
            memcpy((char *)to + i * sizeof narrow, &narrow, sizeof narrow);
        }
        break;
    case OPTIM_BF16:
        for (size_t i = 0; i < n; ++i)
            write16(to, i, bf16_narrow((float)from[i]));
        break;
    default: /* nothing worked on in f64 is kept in f16 */
        memcpy(to, from, n * sizeof *from);
    }
}

/* Sixteen random bits of element i: a hash, cheap enough to hide behind memory. */
static inline uint32_t random16(uint32_t key, uint32_t i) {
    uint32_t h = (i ^ key) * 0x9E3779B1u;
    h = (h ^ (h >> 15)) * 0x85EBCA77u;
    return h >> 16;
}

/* Adding the random bits below those that stay carries with the right probability. */
static inline uint32_t bf16_narrow_random(float value, uint32_t random) {
    const uint32_t bits = bits_of_float(value);
    return (bits & 0x7FFFFFFF) >= 0x7F7F0000 ? bf16_narrow(value) /* the largest, infinity, NaN */
                                             : (bits + random) >> 16;
}

/* The same for the 13 bits that fall away from a normal number; below that, in units of the smallest, whose fraction is added
 * to by itself: with the whole units before it the sum would round up, and numbers that f16 has would not stay. */
static inline uint32_t f16_narrow_random(float value, uint32_t random) {
    const uint32_t bits = bits_of_float(value), sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7FFFFFFF;
    const float units = float_of_bits(magnitude < 0x38800000 ? magnitude : 0) * 0x1p24f;
    const uint32_t whole = (uint32_t)units;
    const uint32_t subnormal = whole + (uint32_t)(units - (float)whole + (float)random * 0x1p-16f);
    const uint32_t normal = (magnitude + (random >> 3) - (112u << 23)) >> 13;
    const uint32_t half = magnitude < 0x38800000 ? subnormal : normal;
    return magnitude >= 0x477FE000 ? f16_narrow(value) : sign | half;
}

static void store_random(optim_dtype dtype, size_t n, const float *restrict from, uint64_t key, uint64_t first,
                         void *to) {
    const uint32_t low = (uint32_t)(key + (first >> 32)), start = (uint32_t)first;
    if (dtype == OPTIM_BF16)
        for (size_t i = 0; i < n; ++i)
            write16(to, i, bf16_narrow_random(from[i], random16(low, start + (uint32_t)i)));
    else
        for (size_t i = 0; i < n; ++i)
            write16(to, i, f16_narrow_random(from[i], random16(low, start + (uint32_t)i)));
}

const primitives_t AT_LEVEL(primitives) = {
    sum, load_f32, load_f64, store_f32, store_f64, store_random, &AT_LEVEL(quantizer)};
