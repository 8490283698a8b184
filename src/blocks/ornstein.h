/*
 * The two integrals of Brownian motion over a time s that exact Langevin steps need, W = W(s) and
 * I = integral e^(-gamma (s - r)) dW(r), from two standard normal numbers:
 *
 *     V = (1 - e^(-2 gamma s)) / (2 gamma),   K = (1 - e^(-gamma s)) / gamma      variance of I, covariance with W
 *     I = sqrt(V) z1,   W = K / sqrt(V) z1 + sqrt(s - K^2 / V) z2
 */
#ifndef BLOCKS_ORNSTEIN_H
#define BLOCKS_ORNSTEIN_H

#include "engine/method.h"

typedef struct ornstein {
    real i1, w1, w2; /* factors of z1 and z2 */
} ornstein_t;

/* gamma > 0, s >= 0. s - K^2 / V is s (gamma s)^2 / 12 to the leading order, and would cancel where that is small. */
static inline ornstein_t ornstein_of(double gamma, double s) {
    const double V = -expm1(-2 * gamma * s) / (2 * gamma), K = -expm1(-gamma * s) / gamma, x = gamma * s;
    const double rest = x < 1e-3 ? s * x * x / 12 : s - K * K / V;
    if (!(V > 0))
        return (ornstein_t){0, 0, 0};
    return (ornstein_t){(real)sqrt(V), (real)(K / sqrt(V)), (real)sqrt(rest > 0 ? rest : 0)};
}

#endif
