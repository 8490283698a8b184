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
/* To nearest, of anything but NaN. */
static inline uint32_t bf16_round(float value) {
    const uint32_t bits = bits_of_float(value);
    return (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
}
static inline uint32_t bf16_narrow(float value) {
    const uint32_t bits = bits_of_float(value), quiet_nan = (bits >> 16) | 0x40;
    return (bits & 0x7FFFFFFF) > 0x7F800000 ? quiet_nan : bf16_round(value);
}

/* The larger of `largest` and the bits of |value|: behind a loop they tell whether it met what it has no choice for. */
enum { BF16_LARGEST = 0x7F7F0000, INFINITE = 0x7F800000 };
static inline int32_t larger_magnitude(int32_t largest, float value) {
    const int32_t magnitude = (int32_t)(bits_of_float(value) & 0x7FFFFFFF);
    return magnitude > largest ? magnitude : largest;
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

/* Where a conversion takes two loops, what passes from one to the other stays in the first-level cache. */
enum { RUN_ELEMENTS = 128 };
static size_t run_length(size_t left) {
    return left < RUN_ELEMENTS ? left : RUN_ELEMENTS;
}

/* Line by line: for thousands of bytes memcpy takes an instruction of the processor that begins late to read ahead. And
 * nothing may be copied from and to NULL, which memcpy forbids. */
static void copy_bytes(size_t bytes, const void *from, void *to) {
    enum { LINE = 64 };
    const char *source = from;
    char *target = to;
    size_t i = 0;
    for (; i + LINE <= bytes; i += LINE)
        memcpy(target + i, source + i, LINE);
    if (i < bytes)
        memcpy(target + i, source + i, bytes - i);
}

static void store_bf16(size_t n, const float *restrict from, void *restrict to) {
    int32_t largest = 0;
    for (size_t i = 0; i < n; ++i) {
        largest = larger_magnitude(largest, from[i]);
        write16(to, i, bf16_round(from[i]));
    }
    for (size_t i = 0; largest > INFINITE && i < n; ++i)
        write16(to, i, bf16_narrow(from[i]));
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
        store_bf16(n, from, to);
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
/* A carry of 0 leaves the parameter -0 what it is, which a sum does not. */
static inline float carried(float value, float carry) {
    return carry == 0 ? value : value + carry;
}

static void load_carried(optim_dtype dtype, size_t n, const void *from, const void *carry, float *restrict to) {
    float more[RUN_ELEMENTS];
    for (size_t i = 0; dtype == OPTIM_BF16 && i < n; ++i)
        to[i] = carried(bf16_widen(read16(from, i)), bf16_widen(read16(carry, i)));
    for (size_t i = 0; dtype != OPTIM_BF16 && i < n; i += RUN_ELEMENTS) {
        const size_t run = run_length(n - i);
        load_f32(dtype, run, (const char *)from + 2 * i, to + i);
        load_f32(dtype, run, (const char *)carry + 2 * i, more);
        for (size_t j = 0; j < run; ++j)
            to[i + j] = carried(to[i + j], more[j]);
    }
}

/* Towards zero, never to -0: what is normal by a conversion that need not round, what is below by counting units. */
static void f16_truncate(size_t n, const float *restrict from, void *restrict to) {
    float normal[RUN_ELEMENTS];
    uint16_t half[RUN_ELEMENTS];
    for (size_t i = 0; i < n; ++i) {
        const uint32_t magnitude = bits_of_float(from[i]) & 0x7FFFE000;
        normal[i] = float_of_bits(magnitude < 0x38800000 ? 0 : magnitude);
    }
    store_f32(OPTIM_F16, n, normal, half);
    for (size_t i = 0; i < n; ++i) {
        const uint32_t bits = bits_of_float(from[i]), magnitude = bits & 0x7FFFE000;
        const float small = float_of_bits(magnitude < 0x38800000 ? magnitude : 0);
        const uint32_t whole = half[i] | (uint32_t)(int32_t)(small * 0x1p24f);
        write16(to, i, whole == 0 ? 0 : (bits >> 16 & 0x8000) | whole);
    }
}

static void store_carried_f16(size_t n, const float *restrict from, void *restrict to, void *restrict carry) {
    float rest[RUN_ELEMENTS];
    store_f32(OPTIM_F16, n, from, to);
    load_f32(OPTIM_F16, n, to, rest);
    for (size_t i = 0; i < n; ++i)
        rest[i] = from[i] - rest[i];
    f16_truncate(n, rest, carry);
}

static inline void put_carried(size_t i, float value, uint32_t half, void *restrict to, void *restrict carry) {
    write16(to, i, half);
    write16(carry, i, bf16_truncate(value - bf16_widen(half)));
}
static void store_carried_bf16(size_t n, const float *restrict from, void *restrict to, void *restrict carry) {
    int32_t largest = 0;
    for (size_t i = 0; i < n; ++i) {
        largest = larger_magnitude(largest, from[i]);
        put_carried(i, from[i], bf16_round(from[i]), to, carry);
    }
    for (size_t i = 0; largest > INFINITE && i < n; ++i)
        put_carried(i, from[i], bf16_narrow(from[i]), to, carry);
}

static void store_carried(optim_dtype dtype, size_t n, const float *restrict from, void *restrict to,
                          void *restrict carry) {
    if (dtype == OPTIM_BF16)
        store_carried_bf16(n, from, to, carry);
    else
        for (size_t i = 0; i < n; i += RUN_ELEMENTS)
            store_carried_f16(run_length(n - i), from + i, (char *)to + 2 * i, (char *)carry + 2 * i);
}

/*
 * Sixteen random bits for each of the RUN_ELEMENTS elements of run number `run`: those of the first half are the upper
 * halves of as many words, those of the others the lower halves. A word is a hash of its number, cheap enough to hide
 * behind memory.
 */
static inline void random_bits(uint32_t key, uint32_t run, uint32_t *restrict bits) {
    enum { WORDS = RUN_ELEMENTS / 2 };
    for (uint32_t j = 0; j < WORDS; ++j) {
        uint32_t h = ((run * WORDS + j) ^ key) * 0x9E3779B1u;
        h = (h ^ (h >> 15)) * 0x85EBCA77u;
        bits[j] = h >> 16;
        bits[j + WORDS] = (h ^ (h >> 16)) & 0xFFFF;
    }
}

/* All bits or none: where compilers would make a branch of a choice. */
static inline uint32_t mask_of(bool condition) {
    return 0 - (uint32_t)condition;
}

/* Adding the random bits below those that stay carries with the right probability. */
static inline uint32_t bf16_round_random(float value, uint32_t random) {
    return (bits_of_float(value) + random) >> 16;
}
static inline uint32_t bf16_narrow_random(float value, uint32_t random) {
    const bool small = (bits_of_float(value) & 0x7FFFFFFF) < BF16_LARGEST;
    return small ? bf16_round_random(value, random) : bf16_narrow(value);
}

/* The same for the 13 bits that fall away from a normal number; below that, in units of the smallest, of which every
 * part is exact. What is too large for that is rounded to `nearest`. */
static inline uint32_t f16_narrow_random(float value, uint32_t nearest, uint32_t random) {
    const uint32_t bits = bits_of_float(value), sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7FFFFFFF;
    const uint32_t small = mask_of(magnitude < 0x38800000), large = mask_of(magnitude >= 0x477FE000);
    const float units = float_of_bits(magnitude & small) * 0x1p24f;
    const int32_t whole = (int32_t)units;
    const uint32_t subnormal = (uint32_t)(whole + ((units - (float)whole) * 0x1p16f > (float)(int32_t)random));
    const uint32_t normal = (magnitude + (random >> 3) - (112u << 23)) >> 13;
    return (nearest & large) | ((sign | subnormal | (normal & ~small)) & ~large);
}

static void store_random_bf16(size_t n, const float *restrict from, const uint32_t *restrict random,
                              void *restrict to) {
    int32_t largest = 0;
    for (size_t i = 0; i < n; ++i) {
        largest = larger_magnitude(largest, from[i]);
        write16(to, i, bf16_round_random(from[i], random[i]));
    }
    for (size_t i = 0; largest >= BF16_LARGEST && i < n; ++i)
        write16(to, i, bf16_narrow_random(from[i], random[i]));
}

/* Elements of one run. Bits are those of the element wherever a call begins. */
static void store_random_run(optim_dtype dtype, size_t n, const float *restrict from, uint64_t key, uint64_t first,
                             void *restrict to) {
    uint32_t bits[RUN_ELEMENTS];
    const uint32_t *restrict random = bits + first % RUN_ELEMENTS;
    const uint64_t run = first / RUN_ELEMENTS;
    uint16_t nearest[RUN_ELEMENTS];
    random_bits((uint32_t)(key + (run >> 26)), (uint32_t)run, bits);
    if (dtype == OPTIM_BF16)
        store_random_bf16(n, from, random, to);
    else {
        store_f32(OPTIM_F16, n, from, nearest);
        for (size_t i = 0; i < n; ++i)
            write16(to, i, f16_narrow_random(from[i], nearest[i], random[i]));
    }
}

static void store_random(optim_dtype dtype, size_t n, const float *restrict from, uint64_t key, uint64_t first,
                         void *to) {
    for (size_t i = 0, run; i < n; i += run) {
        const size_t left = RUN_ELEMENTS - (first + i) % RUN_ELEMENTS;
        run = n - i < left ? n - i : left;
        store_random_run(dtype, run, from + i, key, first + i, (char *)to + 2 * i);
    }
}

const primitives_t AT_LEVEL(primitives) = {sum,          load_f32,     load_f64,      store_f32,           store_f64,
                                           store_random, load_carried, store_carried, &AT_LEVEL(quantizer)};
