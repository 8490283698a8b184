#include "element.h"

#include <math.h>
#include <string.h>

/* A 16-bit format: digits of the significand (with the hidden one), range of the exponent of its first digit. */
typedef struct half_format {
    int digits, lowest, highest;
} half_format_t;

static half_format_t half_format(optim_dtype dtype) {
    const half_format_t bf16 = {8, -126, 127}, f16 = {11, -14, 15};
    return dtype == OPTIM_BF16 ? bf16 : f16;
}

size_t element_size(optim_dtype dtype) {
    return dtype == OPTIM_F64 ? 8 : dtype == OPTIM_F32 ? 4 : 2;
}

const char *element_name(optim_dtype dtype) {
    return dtype == OPTIM_F64 ? "f64" : dtype == OPTIM_F32 ? "f32" : dtype == OPTIM_BF16 ? "bf16" : "f16";
}

/* 2^exponent, and the exponent of a number's first digit (of a subnormal one less than any other), from the bits of a
 * double: ldexp and frexp took most of the time of tests on 16-bit tensors. */
static double power_of_two(int exponent) {
    const uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return power;
}
static int exponent_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (int)(bits >> 52 & 0x7FF) - 1023;
}

double half_widen(optim_dtype dtype, uint16_t bits) {
    const half_format_t f = half_format(dtype);
    const int fraction_bits = f.digits - 1;
    const int fraction = bits & ((1 << fraction_bits) - 1);
    const int exponent = (bits & 0x7FFF) >> fraction_bits;
    const double sign = bits & 0x8000 ? -1.0 : 1.0;
    if (exponent == f.highest - f.lowest + 2)
        return fraction == 0 ? sign * (double)INFINITY : (double)NAN;
    if (exponent == 0)
        return sign * fraction * power_of_two(f.lowest - fraction_bits);
    return sign * (fraction + (1 << fraction_bits)) * power_of_two(exponent - 1 + f.lowest - fraction_bits);
}

uint16_t half_narrow(optim_dtype dtype, double value) {
    const half_format_t f = half_format(dtype);
    const uint16_t sign = signbit(value) ? 0x8000 : 0;
    const uint16_t infinity = (uint16_t)((f.highest - f.lowest + 2) << (f.digits - 1));
    if (isnan(value))
        return (uint16_t)(sign | infinity | 1 << (f.digits - 2));
    if (value == 0 || isinf(value))
        return value == 0 ? sign : (uint16_t)(sign | infinity);
    const int exponent = exponent_of(value) < f.lowest ? f.lowest : exponent_of(value);
    if (exponent > f.highest)
        return (uint16_t)(sign | infinity);
    /* in units of the last digit, where the default rounding of nearbyint is what is asked for */
    const int units = (int)nearbyint(fabs(value) * power_of_two(f.digits - 1 - exponent));
    const int bits = ((exponent - f.lowest) << (f.digits - 1)) + units;
    return (uint16_t)(sign | (bits < infinity ? bits : infinity));
}

double element_read(optim_dtype dtype, const void *base, size_t i) {
    const char *at = (const char *)base + i * element_size(dtype);
    double wide;
    float single;
    uint16_t half;
    switch (dtype) {
    case OPTIM_F64:
        memcpy(&wide, at, sizeof wide);
        return wide;
    case OPTIM_F32:
        memcpy(&single, at, sizeof single);
        return (double)single;
    default:
        memcpy(&half, at, sizeof half);
        return half_widen(dtype, half);
    }
}

void element_write(optim_dtype dtype, void *base, size_t i, double value) {
    char *at = (char *)base + i * element_size(dtype);
    const float single = (float)value;
    const uint16_t half = dtype == OPTIM_BF16 || dtype == OPTIM_F16 ? half_narrow(dtype, value) : 0;
    switch (dtype) {
    case OPTIM_F64:
        memcpy(at, &value, sizeof value);
        break;
    case OPTIM_F32:
        memcpy(at, &single, sizeof single);
        break;
    default:
        memcpy(at, &half, sizeof half);
    }
}

void element_read_all(optim_dtype dtype, const void *base, size_t count, double *to) {
    const char *at = base;
    float single;
    if (dtype == OPTIM_F64)
        memcpy(to, base, count * sizeof *to);
    for (size_t i = 0; i < count && dtype == OPTIM_F32; ++i) {
        memcpy(&single, at + i * sizeof single, sizeof single);
        to[i] = (double)single;
    }
    for (size_t i = 0; i < count && element_size(dtype) == 2; ++i)
        to[i] = element_read(dtype, base, i);
}

void element_write_all(optim_dtype dtype, void *base, size_t count, const double *from) {
    char *at = base;
    if (dtype == OPTIM_F64)
        memcpy(base, from, count * sizeof *from);
    for (size_t i = 0; i < count && dtype == OPTIM_F32; ++i) {
        const float single = (float)from[i];
        memcpy(at + i * sizeof single, &single, sizeof single);
    }
    for (size_t i = 0; i < count && element_size(dtype) == 2; ++i)
        element_write(dtype, base, i, from[i]);
}

double element_round(optim_dtype dtype, double value) {
    unsigned char one[8];
    element_write(dtype, one, 0, value);
    return element_read(dtype, one, 0);
}

double element_ulps(optim_dtype dtype, double a, double b) {
    if (isnan(a) || isnan(b))
        return HUGE_VAL;
    const int digits = dtype == OPTIM_F64 ? 53 : dtype == OPTIM_F32 ? 24 : dtype == OPTIM_BF16 ? 8 : 11;
    const double large = fmax(fabs(a), fabs(b));
    int exponent;
    (void)frexp(large, &exponent);
    return fabs(a - b) / ldexp(1, exponent - digits);
}
