/*
 * sign, onebit: one bit an entry, and one length.
 *
 * sign: Karimireddy, Rebjock, Stich, Jaggi, "Error Feedback Fixes SignSGD and other Gradient Compression Schemes",
 * 2019, arXiv:1901.09847. onebit: Tang et al., "1-bit Adam", 2021, arXiv:2102.02888.
 *
 *     sign:    (|x|_1 / n) sign(x), sign(0) = 0:  contractive with delta = |x|_1^2 / (n |x|^2) >= 1 / n
 *     onebit:  (|x| / sqrt(n)) s, s = 1 for x >= 0, else -1:  for error feedback, no contraction by itself
 *
 * Message of onebit: the length, n bits (1: x >= 0). Of sign: a byte, the length, n bits (1: x < 0), and, if an entry
 * is 0, which the byte says, n bits (1: x = 0).
 */
#include "engine/compressor.h"

static const option_t OPTIONS[] = {{0}};

/* ---- sign ---- */

static real mean_modulus(size_t n, const real *v) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += (double)fabs(v[i]);
    return (real)(sum / (double)n);
}

static void apply_sign(const compressor_call_t *c, size_t n, void *data) {
    real *v = data;
    const real length = mean_modulus(n, v);
    (void)c;
    for (size_t i = 0; i < n; ++i)
        v[i] = length * sign(v[i]);
}

static void encode_sign(const compressor_call_t *c, message_t *m, size_t n, const void *data) {
    const real *v = data;
    bool zeros = false;
    (void)c;
    for (size_t i = 0; i < n; ++i)
        zeros |= sign(v[i]) == 0;
    message_put(m, zeros, 8);
    message_put_real(m, mean_modulus(n, v));
    for (size_t i = 0; i < n; ++i)
        message_put(m, v[i] < 0, 1);
    for (size_t i = 0; zeros && i < n; ++i)
        message_put(m, sign(v[i]) == 0, 1);
}

static const char *decode_sign(compressor_call_t *c, incoming_t *r, size_t n, void *data) {
    real *v = data;
    const uint64_t zeros = incoming_get(r, 8);
    const real length = incoming_get_real(r);
    (void)c;
    if (zeros > 1)
        return "there is no such form of signs";
    for (size_t i = 0; i < n; ++i)
        v[i] = length * (incoming_get(r, 1) != 0 ? -1 : 1);
    for (size_t i = 0; zeros != 0 && i < n; ++i)
        if (incoming_get(r, 1) != 0)
            v[i] = length * 0;
    return NULL;
}

static double sign_bits(const compressor_call_t *c, size_t n, double real_bits) {
    (void)c;
    return 8 + real_bits + 2 * (double)n;
}

static double sign_contraction(const double *option, size_t n) {
    (void)option;
    return 1 / (double)n;
}

/* ---- onebit ---- */

static real root_mean_square(size_t n, const real *v) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += (double)v[i] * (double)v[i];
    return (real)sqrt(sum / (double)n);
}

static void apply_onebit(const compressor_call_t *c, size_t n, void *data) {
    real *v = data;
    const real length = root_mean_square(n, v);
    (void)c;
    for (size_t i = 0; i < n; ++i)
        v[i] = v[i] >= 0 ? length : -length;
}

static void encode_onebit(const compressor_call_t *c, message_t *m, size_t n, const void *data) {
    const real *v = data;
    (void)c;
    message_put_real(m, root_mean_square(n, v));
    for (size_t i = 0; i < n; ++i)
        message_put(m, v[i] >= 0, 1);
}

static const char *decode_onebit(compressor_call_t *c, incoming_t *r, size_t n, void *data) {
    real *v = data;
    const real length = incoming_get_real(r);
    (void)c;
    for (size_t i = 0; i < n; ++i)
        v[i] = incoming_get(r, 1) != 0 ? length : -length;
    return NULL;
}

static double onebit_bits(const compressor_call_t *c, size_t n, double real_bits) {
    (void)c;
    return real_bits + (double)n;
}

const compressor_t COMPRESSOR(sign) = {
    .name = "sign",
    .purpose = "signs, times the mean modulus",
    .citation = "Karimireddy et al.: Error Feedback Fixes SignSGD and other Gradient Compression Schemes, 2019, "
                "arXiv:1901.09847",
    .options = OPTIONS,
    .apply = apply_sign,
    .code = 4,
    .bits = sign_bits,
    .encode = encode_sign,
    .decode = decode_sign,
    .contraction = sign_contraction,
};

const compressor_t COMPRESSOR(onebit) = {
    .name = "onebit",
    .purpose = "signs, times the root mean square; 0 counts as positive",
    .citation = "Tang et al.: 1-bit Adam: Communication Efficient Large-Scale Training with Adam's Convergence Speed, "
                "2021, arXiv:2102.02888",
    .options = OPTIONS,
    .apply = apply_onebit,
    .code = 5,
    .bits = onebit_bits,
    .encode = encode_onebit,
    .decode = decode_onebit,
};
