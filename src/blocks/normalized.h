/* What methods share whose steps are divided by the norm of their direction d over everything. */
#ifndef BLOCKS_NORMALIZED_H
#define BLOCKS_NORMALIZED_H

#include <tgmath.h>

#include "blocks/averages.h"
#include "blocks/sums.h"
#include "engine/method.h"

/* Power schedule: b (2 / (k + 2))^p, b itself at the first step (k = 0) and for p = 0. */
static inline double power(double b, double p, double k) {
    return b * pow(2 / (k + 2), p);
}

/* Weight of the newest gradient: a power schedule kept at or below 1; the first gradient counts fully. */
static inline double power_weight(double eta, double p, double k) {
    return k == 0 ? 1 : fmin(1, power(eta, p, k));
}

/* Kernel arguments of an update: |d|. */
typedef struct norm {
    double norm;
} norm_t;

/* What the update divides by. */
static inline real divisor_of(const tile_t *t, bool normalize, double eps) {
    return normalize ? (real)(((const norm_t *)t->arguments)->norm + eps) : 1;
}

/* d <- (1 - e) d + e g, and |d|^2. */
static inline void average_direction(const tile_t *t, real *restrict d, weights_t e) {
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        d[i] = ema(d[i], g[i], e);
    t->sum[0] += sum_squares(t->n, d);
}

/* Runs the kernel that writes d and sums its squares, then `update`, to which it hands |d|; 0 where nobody needs it. */
static inline void normalized_step(step_t *s, int direction, int update, bool needed) {
    double norm = 0;
    if (needed)
        norm = sqrt(step_sums(s, direction, NULL, 1)[0]);
    else
        step_update(s, direction, NULL);
    step_update(s, update, &(norm_t){norm});
}

#endif
