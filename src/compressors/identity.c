/* identity: nothing is lost, nothing is won; what other compressors are compared with. */
#include "engine/compressor.h"

static const option_t OPTIONS[] = {{0}};

static void apply(const compressor_call_t *c, size_t n, void *v) {
    (void)c, (void)n, (void)v;
}

static double bits(const double *option, size_t n, double real_bits) {
    (void)option;
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
    .bits = bits,
    .contraction = contraction,
    .variance = variance,
};
