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
 * One number is drawn for every entry. Message of qsgd: a length, signs and q; of natural: 9 bits an entry.
 */
#include "engine/compressor.h"
#include "kernels/random.h"

enum { RANDOM, LEVELS };
#define RANDOM_ROW [RANDOM] = {"random", 0, "0|1", "round at random (1) or to nearest (0)"}
static const option_t QSGD_OPTIONS[] = {
    RANDOM_ROW,
    [LEVELS] = {"levels", 4, "integer [1,inf)", "values between 0 and the vector's length"},
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

static void apply_qsgd(const compressor_call_t *c, size_t n, void *data) {
    const double levels = c->option[LEVELS];
    real *v = data;
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += (double)v[i] * (double)v[i];
    const double norm = sqrt(sum);
    for (size_t i = 0; norm > 0 && i < n; ++i) {
        const double q = floor(levels * (double)fabs(v[i]) / norm + draw(c, i));
        v[i] = sign(v[i]) * (real)(norm * q / levels);
    }
}

static double qsgd_bits(const double *option, size_t n, double real_bits) {
    return (double)n * (1 + ceil(log2(option[LEVELS] + 1))) + real_bits;
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

static double natural_bits(const double *option, size_t n, double real_bits) {
    (void)option, (void)real_bits;
    return 9 * (double)n;
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
    .bits = qsgd_bits,
    .variance = qsgd_variance,
};

const compressor_t COMPRESSOR(natural) = {
    .name = "natural",
    .purpose = "rounds to powers of two",
    .citation = "Horvath et al.: Natural Compression for Distributed Deep Learning, 2019, arXiv:1905.10988",
    .options = NATURAL_OPTIONS,
    .draws = draws,
    .apply = apply_natural,
    .bits = natural_bits,
    .contraction = natural_contraction,
    .variance = natural_variance,
};
