/*
 * sign, onebit: one bit an entry, and one length.
 *
 * sign: Karimireddy, Rebjock, Stich, Jaggi, "Error Feedback Fixes SignSGD and other Gradient Compression Schemes",
 * 2019, arXiv:1901.09847. onebit: Tang et al., "1-bit Adam", 2021, arXiv:2102.02888.
 *
 *     sign:    (|x|_1 / n) sign(x), sign(0) = 0:  contractive with delta = |x|_1^2 / (n |x|^2) >= 1 / n
 *     onebit:  (|x| / sqrt(n)) s, s = 1 for x >= 0, else -1:  for error feedback, no contraction by itself
 */
#include "engine/compressor.h"

static const option_t OPTIONS[] = {{0}};

static void apply_sign(const compressor_call_t *c, size_t n, void *data) {
    real *v = data;
    double sum = 0;
    (void)c;
    for (size_t i = 0; i < n; ++i)
        sum += (double)fabs(v[i]);
    const real length = (real)(sum / (double)n);
    for (size_t i = 0; i < n; ++i)
        v[i] = length * sign(v[i]);
}

static double sign_contraction(const double *option, size_t n) {
    (void)option;
    return 1 / (double)n;
}

static void apply_onebit(const compressor_call_t *c, size_t n, void *data) {
    real *v = data;
    double sum = 0;
    (void)c;
    for (size_t i = 0; i < n; ++i)
        sum += (double)v[i] * (double)v[i];
    const real length = (real)sqrt(sum / (double)n);
    for (size_t i = 0; i < n; ++i)
        v[i] = v[i] >= 0 ? length : -length;
}

static double bits(const double *option, size_t n, double real_bits) {
    (void)option;
    return (double)n + real_bits;
}

const compressor_t COMPRESSOR(sign) = {
    .name = "sign",
    .purpose = "signs, times the mean modulus",
    .citation = "Karimireddy et al.: Error Feedback Fixes SignSGD and other Gradient Compression Schemes, 2019, "
                "arXiv:1901.09847",
    .options = OPTIONS,
    .apply = apply_sign,
    .bits = bits,
    .contraction = sign_contraction,
};

const compressor_t COMPRESSOR(onebit) = {
    .name = "onebit",
    .purpose = "signs, times the root mean square; 0 counts as positive",
    .citation = "Tang et al.: 1-bit Adam: Communication Efficient Large-Scale Training with Adam's Convergence Speed, "
                "2021, arXiv:2102.02888",
    .options = OPTIONS,
    .apply = apply_onebit,
    .bits = bits,
};
