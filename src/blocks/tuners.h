/*
 * What wrappers share that learn the scale of all steps, of mechanic and trac: the parameters are x_0 + S delta, delta
 * being the sum of what the inner method's steps would be at scale 1.
 *
 *     delta = (p - x_0) / (S + eps);   the inner step from p to q;   p <- x_0 + S' (delta + q - p)
 *
 * S comes from several learners, that have the decays 1 - 10^-i, i = 1, 2, ..., and read <g, delta>.
 */
#ifndef BLOCKS_TUNERS_H
#define BLOCKS_TUNERS_H

#include <string.h>

#include "engine/method.h"

enum { TUNER_LEARNERS = 8 };
#define NUM_BETAS_ROW                                                                                                  \
    { "num_betas", 6, "integer [1,8]", "learners: with the decays 0.9, 0.99, ...", .decides_memory = true }

static inline double tuner_decay(int learner) {
    double rest = 1;
    for (int i = 0; i <= learner; ++i)
        rest *= 0.1;
    return 1 - rest;
}

/* ---- Its states and kernels ---- */

enum { TUNER_X0, TUNER_P_OLD };
#define TUNER_STATES                                                                                                   \
    [TUNER_X0] = {"x0", "the starting point", LIKE_PARAM, KEPT, .from_param = true, .exact = true},                    \
    [TUNER_P_OLD] = {"p_old", "the parameters before the inner step", LIKE_PARAM, WITHIN_STEP}

typedef struct rescale {
    double of_way, of_step; /* S' / (S + eps), S' */
} rescale_t;

/* Keeps p, and sums <g, p - x_0>, <p, p - x_0>, |g|^2, |p|^2. */
static void tuner_products(const tile_t *t) {
    const real *restrict p = t->p, *restrict g = t->g, *restrict x0 = t->state[TUNER_X0];
    memcpy(t->state[TUNER_P_OLD], p, t->n * sizeof(real));
    for (size_t i = 0; i < t->n; ++i) {
        const double pi = (double)p[i], gi = (double)g[i], way = (double)(p[i] - x0[i]);
        t->term[0][i] = gi * way;
        t->term[1][i] = pi * way;
        t->term[2][i] = gi * gi;
        t->term[3][i] = pi * pi;
    }
}

static void tuner_rescale(const tile_t *t) {
    const rescale_t *r = t->arguments;
    const real of_way = (real)r->of_way, of_step = (real)r->of_step;
    real *restrict p = t->p;
    const real *restrict x0 = t->state[TUNER_X0], *restrict old = t->state[TUNER_P_OLD];
    for (size_t i = 0; i < t->n; ++i)
        p[i] = x0[i] + of_way * (old[i] - x0[i]) + of_step * (p[i] - old[i]);
}

enum { TUNER_PRODUCTS, TUNER_RESCALE };
#define TUNER_KERNELS                                                                                                  \
    .kernels = {[TUNER_PRODUCTS] = tuner_products, [TUNER_RESCALE] = tuner_rescale},                                   \
    .arguments = {[TUNER_RESCALE] = sizeof(rescale_t)}

#endif
