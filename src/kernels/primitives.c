#include "kernels/primitives.h"

#include <math.h>
#include <string.h>
#ifdef __F16C__
#include <immintrin.h>
#endif

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

/*
 * Rounds to odd: a number that is then rounded once more, to fewer bits, ends as if it had been rounded once. The last
 * bit keeps the mark of what was cut off, so that the second rounding sees no tie where there was none.
 */
static inline float narrow_to_odd(double value) {
    const float nearest = (float)value;
    const double rest = value - (double)nearest;
    const uint32_t bits = bits_of_float(nearest);
    const bool stays = (bits & 1) || nearest == 0 || !(rest < 0 || rest > 0);
    const uint32_t odd = (rest > 0) == (nearest > 0) ? bits + 1 : bits - 1;
    return float_of_bits(stays ? bits : odd);
}

/*
 * Exponents move by 112. Subnormals are counts of 2^-24, which are exact in binary32, where arithmetic on subnormals
 * would be slow. Selects stand where bits are joined, not around arithmetic: there compilers would branch.
 */
static inline float f16_widen(uint32_t bits) {
    const uint32_t sign = (bits & 0x8000) << 16, magnitude = bits & 0x7FFF;
    const uint32_t count = magnitude < 0x0400 ? magnitude : 0;
    const uint32_t subnormal = bits_of_float((float)(int32_t)count * 0x1p-24f);
    const uint32_t normal = magnitude < 0x0400 ? 0 : (magnitude << 13) + (112u << 23);
    const uint32_t quiet = magnitude > 0x7C00 ? 0x7FC00000 : 0x7F800000; /* NaN, infinity */
    const uint32_t special = magnitude < 0x7C00 ? 0 : quiet;
    return float_of_bits(sign | subnormal | normal | special);
}

/* 2^-14 and above: cuts off 13 bits after adding to them, and moves the exponent back. */
static inline uint32_t f16_cut(uint32_t magnitude, uint32_t added) {
    const uint32_t cut = (magnitude + added - (112u << 23)) >> 13;
    const uint32_t nan = 0x7E00 | ((magnitude >> 13) & 0x1FF);
    const uint32_t half = magnitude >= 0x477FF000 ? 0x7C00 : cut; /* 65520 and above become infinity */
    return magnitude > 0x7F800000 ? nan : half;
}

static inline uint32_t f16_ties_to_even(uint32_t magnitude) {
    return 0xFFF + ((magnitude >> 13) & 1);
}
/* Below, adding 1/2 lets the addition itself round to a multiple of 2^-24. */
static inline uint32_t f16_narrow(float value) {
    const uint32_t bits = bits_of_float(value), sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7FFFFFFF;
    const uint32_t small = magnitude < 0x38800000 ? magnitude : 0;
    const uint32_t subnormal = bits_of_float(float_of_bits(small) + 0.5f) - bits_of_float(0.5f);
    return sign | subnormal | (magnitude < 0x38800000 ? 0 : f16_cut(magnitude, f16_ties_to_even(magnitude)));
}

/* The same eight at a time, where the machine has instructions for it; returns how many were done. */
#ifdef __F16C__
static size_t f16_widen_eights(size_t n, const void *from, float *to) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128((const void *)((const char *)from + 2 * i))));
    return i;
}
static size_t f16_narrow_eights(size_t n, const float *from, void *to) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((void *)((char *)to + 2 * i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
    return i;
}
#else
static size_t f16_widen_eights(size_t n, const void *from, float *to) {
    (void)n, (void)from, (void)to;
    return 0;
}
static size_t f16_narrow_eights(size_t n, const float *from, void *to) {
    (void)n, (void)from, (void)to;
    return 0;
}
#endif

/* Nothing may be copied from and to NULL, which memcpy forbids. */
static void copy_bytes(size_t bytes, const void *from, void *to) {
    if (bytes > 0)
        memcpy(to, from, bytes);
}

static void load_f32(optim_dtype dtype, size_t n, const void *from, float *restrict to) {
    double wide;
    switch (dtype) {
    case OPTIM_F32:
        copy_bytes(n * sizeof *to, from, to);
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
        for (size_t i = f16_widen_eights(n, from, to); i < n; ++i)
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
        copy_bytes(n * sizeof *to, from, to);
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
        for (size_t i = f16_narrow_eights(n, from, to); i < n; ++i)
            write16(to, i, f16_narrow(from[i]));
        break;
    default: /* f64 parameters are never worked on in f32 */
        copy_bytes(n * sizeof *from, from, to);
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
            write16(to, i, bf16_narrow(narrow_to_odd(from[i])));
        break;
    default: /* nothing worked on in f64 is kept in f16 */
        copy_bytes(n * sizeof *from, from, to);
    }
}

/* Towards zero, and never to -0, so that parameter and carry, added and rounded again, are the same parameter and
 * carry. */
static inline uint32_t bf16_truncate(float value) {
    const uint32_t kept = bits_of_float(value) >> 16;
    return kept == 0x8000 ? 0 : kept;
}
static inline uint32_t f16_truncate(float value) {
    const uint32_t bits = bits_of_float(value), magnitude = bits & 0x7FFFE000;
    const uint32_t normal = magnitude < 0x38800000 ? 0 : magnitude, small = magnitude < 0x38800000 ? magnitude : 0;
    const uint32_t subnormal = (uint32_t)(int32_t)(float_of_bits(small) * 0x1p24f);
    const uint32_t half = subnormal | f16_narrow(float_of_bits(normal));
    return half == 0 ? 0 : (bits >> 16 & 0x8000) | half;
}

/* A carry of 0 leaves the parameter -0 what it is, which a sum does not. */
static inline float carried(float value, float carry) {
    return carry == 0 ? value : value + carry;
}

static void load_carried(optim_dtype dtype, size_t n, const void *from, const void *carry, float *restrict to) {
    if (dtype == OPTIM_BF16)
        for (size_t i = 0; i < n; ++i)
            to[i] = carried(bf16_widen(read16(from, i)), bf16_widen(read16(carry, i)));
    else
        for (size_t i = 0; i < n; ++i)
            to[i] = carried(f16_widen(read16(from, i)), f16_widen(read16(carry, i)));
}

static void store_carried(optim_dtype dtype, size_t n, const float *restrict from, void *restrict to,
                          void *restrict carry) {
    if (dtype == OPTIM_BF16)
        for (size_t i = 0; i < n; ++i) {
            const uint32_t half = bf16_narrow(from[i]);
            write16(to, i, half);
            write16(carry, i, bf16_truncate(from[i] - bf16_widen(half)));
        }
    else
        for (size_t i = 0; i < n; ++i) {
            const uint32_t half = f16_narrow(from[i]);
            write16(to, i, half);
            write16(carry, i, f16_truncate(from[i] - f16_widen(half)));
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

/* The same for the 13 bits that fall away from a normal number; below that, in units of the smallest, of which every
 * part is exact. */
static inline uint32_t f16_narrow_random(float value, uint32_t random) {
    const uint32_t bits = bits_of_float(value), sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7FFFFFFF;
    const float units = float_of_bits(magnitude < 0x38800000 ? magnitude : 0) * 0x1p24f;
    const int32_t whole = (int32_t)units;
    const uint32_t subnormal = (uint32_t)(whole + ((units - (float)whole) * 0x1p16f > (float)random));
    const uint32_t half = magnitude < 0x38800000 ? subnormal : f16_cut(magnitude, random >> 3);
    return magnitude >= 0x477FE000 ? f16_narrow(value) : sign | half;
}

static void store_random_run(optim_dtype dtype, size_t n, const float *restrict from, uint64_t key, uint64_t first,
                             void *to) {
    const uint32_t low = (uint32_t)(key + (first >> 32)), start = (uint32_t)first;
    if (dtype == OPTIM_BF16)
        for (size_t i = 0; i < n; ++i)
            write16(to, i, bf16_narrow_random(from[i], random16(low, start + (uint32_t)i)));
    else
        for (size_t i = 0; i < n; ++i)
            write16(to, i, f16_narrow_random(from[i], random16(low, start + (uint32_t)i)));
}

/* Bits are those of the element wherever a call begins: a run ends where the lower half of its number begins anew. */
static void store_random(optim_dtype dtype, size_t n, const float *restrict from, uint64_t key, uint64_t first,
                         void *to) {
    const uint64_t left = (((first >> 32) + 1) << 32) - first;
    const size_t before = n < left ? n : (size_t)left;
    store_random_run(dtype, before, from, key, first, to);
    if (before < n)
        store_random_run(dtype, n - before, from + before, key, first + before, (char *)to + 2 * before);
}

const primitives_t AT_LEVEL(primitives) = {sum,          load_f32,     load_f64,      store_f32,           store_f64,
                                           store_random, load_carried, store_carried, &AT_LEVEL(quantizer)};
