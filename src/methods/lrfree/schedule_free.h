/*
 * What schedulefree_sgd and schedulefree_adamw share: gradients are taken at y, steps at z, x is the answer.
 *
 *     lr_t = lr min(1, t / warmup_steps);   lr_max <- max(lr_max, lr_t);   w = t^r lr_max^weight_lr_power
 *     W <- W + w;   c = w / W, 0 if W = 0
 *     x <- (1 - c) x + c z;   y = b x + (1 - b) z
 *
 * lr_max and W belong to a group. Both means are written so that equal points give that point exactly.
 */
#ifndef LRFREE_SCHEDULE_FREE_H
#define LRFREE_SCHEDULE_FREE_H

#include <string.h>

#include "engine/method.h"

#define WARMUP_STEPS_ROW                                                                                               \
    { "warmup_steps", 0, "[0,inf)", "steps over which lr grows from 0" }
#define R_ROW                                                                                                          \
    { "r", 0, "[0,inf)", "power of t in the weights of the average" }
#define WEIGHT_LR_POWER_ROW                                                                                            \
    { "weight_lr_power", 2, "[0,inf)", "power of the largest lr in them" }

#define X_ROW                                                                                                          \
    { "x", "the average, which is the output", LIKE_PARAM, KEPT, .from_param = true }
#define Z_ROW                                                                                                          \
    { "z", "the point that the steps move", LIKE_PARAM, KEPT, .from_param = true }
#define LR_MAX_ROW                                                                                                     \
    { "lr_max", "largest lr so far", PER_GROUP, KEPT }
#define W_ROW                                                                                                          \
    { "W", "sum of the weights in x", PER_GROUP, KEPT }

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

/* x towards the new z, and y between the two. */
static inline void average_points(real *x, real *y, real z, real c, real b) {
    *x += c * (z - *x);
    *y = z + b * (*x - z);
}

#endif
