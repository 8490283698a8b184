/*
 * qsgd, natural: entries are rounded to few values, at random so that the mean is right.
 *
 * qsgd: Alistarh, Grubic, Li, Tomioka, Vojnovic, "QSGD: Communication-Efficient SGD via Gradient Quantization and
 * Encoding", 2017, arXiv:1610.02132. natural: Horvath et al., "Natural Compression for Distributed Deep Learning",
 * 2019, arXiv:1905.10988.
 *
 *     qsgd:     |x| sign(x) q / levels,  q = floor(levels |x_i| / |x| + xi),  xi = 1/2, or uniform in [0, 1) if random:
 *               unbiased with omega = min(n / levels^2, sqrt(n) / levels);  0 if x = 0
 *     natural:  sign(x) times the power of two below or above |x|:  up if what lies beyond the lower one, as a share of
 *               it, is 1/2 or more, or with that probability if random:  unbiased with omega = 1/8;  not random:
 *               contractive with delta = 8/9
 *
 * One number is drawn for every entry. Message of qsgd: levels, the length in double, signs and q; of natural: the
 * least power and a width, signs and codes: 0, infinity, not a number, and the powers from the least one on.
 */
#include "engine/compressor.h"
#include "kernels/random.h"

enum { RANDOM, LEVELS };
#define RANDOM_ROW [RANDOM] = {"random", 0, "0|1", "round at random (1) or to nearest (0)"}
static const option_t QSGD_OPTIONS[] = {
    RANDOM_ROW,
    [LEVELS] = {"levels", 4, "integer [1,2147483647]", "values between 0 and the vector's length"},
    {0},
};
static const option_t NATURAL_OPTIONS[] = {RANDOM_ROW, {0}};

static uint64_t draws(const double *option, size_t n) {
    return option[RANDOM] != 0 ? n : 0;
}

static double draw(const compressor_call_t *c, size_t i) {
    return c->option[RANDOM] != 0 ? random_uniform(c->seed, c->first + i) : 0.5;
}

/* ---- qsgd ---- */

/* Squares that would overflow or vanish are scaled first. */
static double length_of(size_t n, const real *v) {
    double sum = 0, most = 0, scaled = 0;
    for (size_t i = 0; i < n; ++i)
        sum += (double)v[i] * (double)v[i];
    if (sum != sum || (sum > 1e-250 && sum < 1e250))
        return sqrt(sum);
    for (size_t i = 0; i < n; ++i)
        most = fmax(most, (double)fabs(v[i]));
    for (size_t i = 0; most > 0 && i < n; ++i)
        scaled += (double)v[i] / most * ((double)v[i] / most);
    return most * sqrt(scaled);
}

/* q of entry i; where the length is 0 or not finite, 0 for all. */
static double quantum(const compressor_call_t *c, double length, size_t i, real v) {
    const double levels = c->option[LEVELS];
    if (!(length > 0 && isfinite(length)))
        return 0;
    return fmin(levels, floor(levels * (double)fabs(v) / length + draw(c, i)));
}

static void apply_qsgd(const compressor_call_t *c, size_t n, void *data) {
    real *v = data;
    const double length = length_of(n, v);
    for (size_t i = 0; i < n; ++i)
        v[i] = sign(v[i]) * (real)(length * quantum(c, length, i, v[i]) / c->option[LEVELS]);
}

static void encode_qsgd(const compressor_call_t *c, message_t *m, size_t n, const void *data) {
    const real *v = data;
    const double length = length_of(n, v);
    const uint64_t levels = (uint64_t)c->option[LEVELS];
    message_put(m, levels, 32);
    message_put_double(m, length);
    for (size_t i = 0; i < n; ++i) {
        message_put(m, v[i] < 0, 1);
        message_put(m, (uint64_t)quantum(c, length, i, v[i]), message_width(levels));
    }
}

static const char *decode_qsgd(compressor_call_t *c, incoming_t *r, size_t n, void *data) {
    const uint64_t levels = incoming_get(r, 32);
    const double length = incoming_get_double(r);
    real *v = data;
    (void)c;
    if (levels < 1 || levels > INT32_MAX)
        return "it has no levels, or more than 2147483647";
    if (length < 0)
        return "its length is negative";
    for (size_t i = 0; i < n; ++i) {
        const real negative = incoming_get(r, 1) != 0 ? -1 : 1;
        const uint64_t q = incoming_get(r, message_width(levels));
        if (q > levels)
            return "an entry is above its levels";
        v[i] = negative * (real)(length * (double)q / (double)levels);
    }
    return NULL;
}

static double qsgd_bits(const compressor_call_t *c, size_t n, double real_bits) {
    (void)real_bits;
    return 32 + 64 + (double)n * (1 + message_width((uint64_t)c->option[LEVELS]));
}

static double qsgd_variance(const double *option, size_t n) {
    const double levels = option[LEVELS], entries = (double)n;
    return option[RANDOM] != 0 ? fmin(entries / (levels * levels), sqrt(entries) / levels) : (double)NAN;
}

/* ---- natural ---- */

/* frexp tells the power exactly, of subnormal numbers too: |x| = (1 + beyond) 2^power. */
static double to_power(const compressor_call_t *c, size_t i, double x) {
    int power;
    const double beyond = 2 * frexp(fabs(x), &power) - 1;
    const bool up = c->option[RANDOM] != 0 ? draw(c, i) < beyond : beyond >= 0.5;
    const bool above = up && isfinite((real)ldexp(1.0, power)); /* the largest numbers have no power of two above */
    return copysign(ldexp(above ? 1.0 : 0.5, power), x);
}

static void apply_natural(const compressor_call_t *c, size_t n, void *data) {
    real *v = data;
    for (size_t i = 0; i < n; ++i)
        if (v[i] != 0 && isfinite(v[i]))
            v[i] = (real)to_power(c, i, (double)v[i]);
}

enum { ZERO, INFINITE, NOT_A_NUMBER, POWERS, OF_LEAST = 2048 };

/* Code of what entry i becomes, relative to the power `least`. */
static uint64_t code_of(const compressor_call_t *c, size_t i, real v, int least) {
    int power;
    if (v == 0)
        return ZERO;
    if (!isfinite(v))
        return v == v ? INFINITE : NOT_A_NUMBER;
    (void)frexp(to_power(c, i, (double)v), &power);
    return (uint64_t)(POWERS + power - least);
}

static void encode_natural(const compressor_call_t *c, message_t *m, size_t n, const void *data) {
    const real *v = data;
    int least = 0, most = 0;
    bool any = false;
    for (size_t i = 0; i < n; ++i) {
        if (v[i] == 0 || !isfinite(v[i]))
            continue;
        int power;
        (void)frexp(to_power(c, i, (double)v[i]), &power);
        least = any && least < power ? least : power;
        most = any && most > power ? most : power;
        any = true;
    }
    const int largest = any ? POWERS + most - least : NOT_A_NUMBER, lowest = OF_LEAST + least;
    const int width = message_width((uint64_t)largest);
    message_put(m, (uint64_t)lowest, 16);
    message_put(m, (uint64_t)width, 8);
    for (size_t i = 0; i < n; ++i) {
        message_put(m, signbit(v[i]) != 0, 1);
        message_put(m, code_of(c, i, v[i], least), width);
    }
}

static const char *decode_natural(compressor_call_t *c, incoming_t *r, size_t n, void *data) {
    const int least = (int)incoming_get(r, 16) - OF_LEAST, width = (int)incoming_get(r, 8);
    real *v = data;
    (void)c;
    if (width > 16)
        return "its codes have more than 16 bits";
    for (size_t i = 0; i < n; ++i) {
        const real negative = incoming_get(r, 1) != 0 ? -1 : 1;
        const int code = (int)incoming_get(r, width);
        const real power = (real)ldexp(0.5, least + code - POWERS);
        if (code >= POWERS && (power == 0 || !isfinite(power)))
            return "a power of two is beyond its precision";
        v[i] = negative * (code >= POWERS ? power : code == ZERO ? 0 : code == INFINITE ? (real)INFINITY : (real)NAN);
    }
    return NULL;
}

/* Powers of subnormal numbers too: 277 in f32, 2098 in f64. */
static double natural_bits(const compressor_call_t *c, size_t n, double real_bits) {
    (void)c;
    return 16 + 8 + (double)n * (1 + message_width(POWERS - 1 + (real_bits == 32 ? 277 : 2098)));
}

static double natural_contraction(const double *option, size_t n) {
    (void)n;
    return option[RANDOM] == 0 ? 8.0 / 9 : (double)NAN;
}

static double natural_variance(const double *option, size_t n) {
    (void)n;
    return option[RANDOM] != 0 ? 0.125 : (double)NAN;
}

const compressor_t COMPRESSOR(qsgd) = {
    .name = "qsgd",
    .purpose = "rounds to a few levels between 0 and the vector's length",
    .citation = "Alistarh et al.: QSGD: Communication-Efficient SGD via Gradient Quantization and Encoding, 2017, "
                "arXiv:1610.02132",
    .options = QSGD_OPTIONS,
    .draws = draws,
    .apply = apply_qsgd,
    .code = 6,
    .bits = qsgd_bits,
    .encode = encode_qsgd,
    .decode = decode_qsgd,
    .variance = qsgd_variance,
};

const compressor_t COMPRESSOR(natural) = {
    .name = "natural",
    .purpose = "rounds to powers of two",
    .citation = "Horvath et al.: Natural Compression for Distributed Deep Learning, 2019, arXiv:1905.10988",
    .options = NATURAL_OPTIONS,
    .draws = draws,
    .apply = apply_natural,
    .code = 7,
    .bits = natural_bits,
    .encode = encode_natural,
    .decode = decode_natural,
    .contraction = natural_contraction,
    .variance = natural_variance,
};
