/*
 * zero_nans: gradients whose NaN are taken for 0.
 *
 *     g <- 0 where g is NaN
 *
 * As optax.zero_nans. Infinite numbers pass. No state.
 */
#include "engine/method.h"

static const option_t OPTIONS[] = {{0}};

static void replace(const tile_t *t) {
    real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        g[i] = g[i] == g[i] ? g[i] : 0;
}

static optim_status advance(step_t *s) {
    step_filter(s, 0, NULL);
    return OPTIM_OK;
}

const method_t METHOD(zero_nans) = {
    .name = "zero_nans",
    .purpose = "takes a NaN in a gradient for 0",
    .citation = "optax.zero_nans",
    .evaluations = "none of its own",
    .options = OPTIONS,
    .flags = CUTS_EXACTLY,
    .advance = advance,
    .kernels = {replace},
};
