/* What the normalized methods of this folder share. */
#ifndef BLOCKS_NORMALIZED_H
#define BLOCKS_NORMALIZED_H

#include <tgmath.h>

#include "engine/method.h"

/* Power schedule: b (2 / (k + 2))^p, b itself at the first step (k = 0) and for p = 0. */
static inline double power(double b, double p, double k) {
    return b * pow(2 / (k + 2), p);
}

/* Weight of the newest gradient: a power schedule kept at or below 1; the first gradient counts fully. */
static inline double power_weight(double eta, double p, double k) {
    return k == 0 ? 1 : fmin(1, power(eta, p, k));
}

/* Runs the kernel that writes a direction d and its squares; returns |d| over everything, if it is needed. */
static inline double direction_norm(step_t *s, int kernel, bool needed) {
    if (needed)
        return sqrt(step_reduce(s, kernel, NULL, 1)[0]);
    step_update(s, kernel, NULL);
    return 0;
}

#endif
