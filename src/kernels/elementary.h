/*
 * Functions for loops over elements whose bits must not depend on a C library: series in additions, multiplications and
 * divisions, true to a few units in the last place of a double.
 */
#ifndef KERNELS_ELEMENTARY_H
#define KERNELS_ELEMENTARY_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* 2 artanh s = ln((1 + s) / (1 - s)) for |s| <= 0.172. */
static inline double elementary_log_ratio(double s) {
    const double q = s * s;
    double sum = 1.0 / 23;
    for (int j = 21; j >= 1; j -= 2)
        sum = sum * q + 1.0 / j;
    return 2 * s * sum;
}

/* ln x for normal x > 0: x = 2^k m with m around 1, ln m = 2 artanh((m - 1) / (m + 1)). */
static inline double elementary_log(double x) {
    const uint64_t root_half = UINT64_C(0x3FE6A09E667F3BCD), one = UINT64_C(0x3FF0000000000000);
    uint64_t bits;
    double m;
    memcpy(&bits, &x, sizeof bits);
    const uint64_t steps = (bits - root_half + one) >> 52; /* k + 1023 */
    bits -= (steps << 52) - one;
    memcpy(&m, &bits, sizeof m);
    return (double)((int)steps - 1023) * 0.69314718055994531 + elementary_log_ratio((m - 1) / (m + 1));
}

/* cos 2 pi u for u in [0, 1]: u = r + quarter / 4 with |r| <= 1/8, then the series of the sine or cosine of 2 pi r. */
static inline double elementary_cosine(double u) {
    const int quarter = (int)(4 * u + 0.5);
    const double x = 6.283185307179586 * (u - 0.25 * quarter), q = x * x;
    const bool odd = (quarter & 1) != 0, negative = ((quarter + 1) & 2) != 0;
    double sum = 1;
    for (int j = 18; j >= 2; j -= 2)
        sum = 1 - sum * q / (odd ? j * (j + 1) : j * (j - 1));
    sum = odd ? x * sum : sum;
    return negative ? -sum : sum;
}

/* e^x for |x| <= 700, and NaN of NaN: x = k ln 2 + r. Added to 1.5 times 2^52, k stands in the last bits. */
static inline double elementary_exp(double x) {
    const double k = floor(x * 1.4426950408889634 + 0.5);
    const double r = (x - k * 0x1.62e42feep-1) - k * 0x1.a39ef35793c76p-33;
    const double shifted = k + 0x1.8p52;
    uint64_t bits;
    double power, sum = 1;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 1023) << 52;
    memcpy(&power, &bits, sizeof power);
    for (int j = 14; j >= 1; --j)
        sum = 1 + sum * r / j;
    return power * sum;
}

/* x^p for x >= 0 and 0 < p < 1: 0 of 0, NaN of NaN. */
static inline double elementary_power(double x, double p) {
    return x > 0 && x <= DBL_MAX ? elementary_exp(p * elementary_log(x)) : x;
}

/* For |x| <= 700. */
static inline double elementary_sinh(double x) {
    if (fabs(x) < 1) {
        double sum = 1;
        for (int j = 20; j >= 2; j -= 2)
            sum = 1 + sum * x * x / (j * (j + 1));
        return x * sum;
    }
    const double e = elementary_exp(fabs(x)), magnitude = 0.5 * e - 0.5 / e;
    return x < 0 ? -magnitude : magnitude;
}

/* ln(1 + y) with y = |x| + sqrt(1 + x^2) - 1. */
static inline double elementary_asinh(double x) {
    const double a = fabs(x), y = a < 1e8 ? a + a * a / (1 + sqrt(1 + a * a)) : 2 * a - 1;
    const double magnitude = y < 0.4 ? elementary_log_ratio(y / (2 + y)) : elementary_log(1 + y);
    return isnan(x) ? x : x < 0 ? -magnitude : magnitude;
}

#endif
