/* identity: nothing is lost, nothing is won; what other compressors are compared with. */
#include "engine/compressor.h"

static const option_t OPTIONS[] = {{0}};

static void apply(const compressor_call_t *c, size_t n, void *v) {
    (void)c, (void)n, (void)v;
}

static void encode(const compressor_call_t *c, message_t *m, size_t n, const void *data) {
    const real *v = data;
    (void)c;
    for (size_t i = 0; i < n; ++i)
        message_put_real(m, v[i]);
}

static const char *decode(compressor_call_t *c, incoming_t *r, size_t n, void *data) {
    real *v = data;
    (void)c;
    for (size_t i = 0; i < n; ++i)
        v[i] = incoming_get_real(r);
    return NULL;
}

static double bits(const compressor_call_t *c, size_t n, double real_bits) {
    (void)c;
    return (double)n * real_bits;
}

static double contraction(const double *option, size_t n) {
    (void)option, (void)n;
    return 1;
}

static double variance(const double *option, size_t n) {
    (void)option, (void)n;
    return 0;
}

const compressor_t COMPRESSOR(identity) = {
    .name = "identity",
    .purpose = "no compression",
    .citation = "",
    .options = OPTIONS,
    .apply = apply,
    .code = 1,
    .bits = bits,
    .encode = encode,
    .decode = decode,
    .contraction = contraction,
    .variance = variance,
};
