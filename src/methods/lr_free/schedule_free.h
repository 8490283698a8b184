/*
 * What schedulefree_sgd and schedulefree_adamw share: gradients are taken at y, steps at z, x is the answer.
 *
 *     lr_t = lr min(1, t / warmup_steps);   lr_max <- max(lr_max, lr_t);   w = t^r lr_max^weight_lr_power
 *     W <- W + w;   c = w / W, 0 if W = 0
 *     x <- (1 - c) x + c z;   y = b x + (1 - b) z
 *
 * t, lr_max and W count the steps that a tensor took. Both means are written so that equal points give that point
 * exactly. keep_x = 0: x is not kept but found again, as z + (y - z) / b with the b that y was made with.
 */
#ifndef METHODS_LR_FREE_SCHEDULE_FREE_H
#define METHODS_LR_FREE_SCHEDULE_FREE_H

#include <string.h>

#include "engine/method.h"

#define WARMUP_STEPS_ROW                                                                                               \
    { "warmup_steps", 0, "[0,inf)", "steps over which lr grows from 0" }
#define R_ROW                                                                                                          \
    { "r", 0, "[0,inf)", "power of t in the weights of the average" }
#define WEIGHT_LR_POWER_ROW                                                                                            \
    { "weight_lr_power", 2, "[0,inf)", "power of the largest lr in them" }

#define KEEP_X_ROW                                                                                                     \
    { "keep_x", 1, "0|1", "0: find x from y and z: one state less, the same to rounding" }

#define X_ROW                                                                                                          \
    { "x", "the average, which is the output", LIKE_PARAM, KEPT, .from_param = true, .when = "keep_x" }
#define Z_ROW                                                                                                          \
    { "z", "the point that the steps move", LIKE_PARAM, KEPT, .from_param = true }
#define LR_MAX_ROW                                                                                                     \
    { "lr_max", "largest lr so far", PER_COHORT, KEPT }
#define W_ROW                                                                                                          \
    { "W", "sum of the weights in x", PER_COHORT, KEPT }

static inline double warmed_up(double lr, double warmup_steps, double t) {
    return warmup_steps > 0 ? lr * fmin(1, t / warmup_steps) : lr;
}

/* w, once lr_max counts this step's lr. */
static inline double average_weight(double r, double weight_lr_power, double lr_max, double t) {
    return pow(t, r) * pow(lr_max, weight_lr_power);
}

static inline double average_share(double w, double total) {
    return total > 0 ? w / total : 0;
}

/* Between z and x: y. */
static inline real average_y(real x, real z, real b) {
    return z + b * (x - z);
}

/* x from y and z. */
static inline real average_x(real y, real z, real inverse_b) {
    return z + (y - z) * inverse_b;
}

/* The output: x, kept or found. */
static inline void average_output(real *out, const real *kept_x, const real *y, const real *z, size_t n, double b) {
    const real inverse_b = (real)(1 / b);
    if (kept_x != NULL)
        memcpy(out, kept_x, n * sizeof *out);
    for (size_t i = 0; kept_x == NULL && i < n; ++i)
        out[i] = average_x(y[i], z[i], inverse_b);
}

#endif
