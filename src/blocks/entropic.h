/*
 * The step of a proximal map from z along a gradient, with a pull towards an anchor.
 *
 *     euclidean:  prox_lr(z, g) = (z + lr reg anchor - lr g) / (1 + lr reg)
 *     entropic:   u = (log z + lr reg log anchor - lr g) / (1 + lr reg) on every row along the last axis,
 *                 prox_lr(z, g) = exp(u) / sum exp(u);   an entry that underflows to 0 stays 0
 *
 * and momentum in the dual of the latter: exp(u) / sum exp(u) of u = log z_new + alpha (log z_new - log z)
 */
#ifndef BLOCKS_ENTROPIC_H
#define BLOCKS_ENTROPIC_H

#include "engine/method.h"

typedef struct prox {
    real lr, pull, divisor; /* lr, lr reg, 1 + lr reg */
} prox_t;

static inline prox_t prox_of(double lr, double reg) {
    return (prox_t){(real)lr, (real)(lr * reg), (real)(1 + lr * reg)};
}

/* Element i; anchor is NULL where reg = 0. */
static inline real prox_euclidean(prox_t k, real z, const real *anchor, size_t i, real g) {
    return anchor == NULL ? z - k.lr * g : (z + k.pull * anchor[i] - k.lr * g) / k.divisor;
}

/* to <- its softmax, whose largest entry is `most`. */
static inline void softmax_row(size_t n, real most, real *to) {
    real sum = 0;
    for (size_t j = 0; j < n; ++j) {
        to[j] = exp(to[j] - most);
        sum += to[j];
    }
    for (size_t j = 0; j < n; ++j)
        to[j] /= sum;
}

/* One row; `to` may be z. First u, then its softmax. */
static inline void prox_row(prox_t k, size_t n, const real *z, const real *anchor, const real *g, real *to) {
    real most = -(real)INFINITY;
    for (size_t j = 0; j < n; ++j) {
        const real pulled = anchor == NULL ? 0 : k.pull * log(anchor[j]);
        to[j] = z[j] > 0 ? (log(z[j]) + pulled - k.lr * g[j]) / k.divisor : -(real)INFINITY;
        most = larger(most, to[j]);
    }
    softmax_row(n, most, to);
}

/* One row of momentum in the dual; what is 0 in either stays 0. */
static inline void extrapolate_row(real alpha, size_t n, const real *z_new, const real *z, real *to) {
    real most = -(real)INFINITY;
    for (size_t j = 0; j < n; ++j) {
        to[j] = z_new[j] > 0 && z[j] > 0 ? log(z_new[j]) + alpha * (log(z_new[j]) - log(z[j])) : -(real)INFINITY;
        most = larger(most, to[j]);
    }
    softmax_row(n, most, to);
}

/* The length of a row. */
static inline size_t entropic_row(const tensor_t *tensor) {
    return tensor->ndim == 0 ? 1 : (size_t)tensor->dims[tensor->ndim - 1];
}

/* All rows of the whole tensor that `t` is. */
static inline void prox_entropic(prox_t k, const tile_t *t, const real *z, const real *anchor, real *to) {
    const size_t n = entropic_row(t->tensor);
    const real *g = t->g;
    for (size_t i = 0; i < t->n; i += n)
        prox_row(k, n, z + i, anchor == NULL ? NULL : anchor + i, g + i, to + i);
}

#endif
