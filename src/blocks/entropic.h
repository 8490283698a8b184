/*
 * The step of a proximal map from z along a gradient, with a pull towards an anchor.
 *
 *     euclidean:  prox_lr(z, g) = (z + lr reg anchor - lr g) / (1 + lr reg)
 *     entropic:   u = (log z + lr reg log anchor - lr g) / (1 + lr reg) on every row along the last axis,
 *                 prox_lr(z, g) = exp(u) / sum exp(u);   an entry that underflows to 0 stays 0
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

/* One row; `to` may be z. First u, then its softmax with the largest entry taken out. */
static inline void prox_row(prox_t k, size_t n, const real *z, const real *anchor, const real *g, real *to) {
    real most = -(real)INFINITY, sum = 0;
    for (size_t j = 0; j < n; ++j) {
        const real pulled = anchor == NULL ? 0 : k.pull * log(anchor[j]);
        to[j] = z[j] > 0 ? (log(z[j]) + pulled - k.lr * g[j]) / k.divisor : -(real)INFINITY;
        most = larger(most, to[j]);
    }
    for (size_t j = 0; j < n; ++j) {
        to[j] = exp(to[j] - most);
        sum += to[j];
    }
    for (size_t j = 0; j < n; ++j)
        to[j] /= sum;
}

/* All rows of the whole tensor that `t` is. */
static inline void prox_entropic(prox_t k, const tile_t *t, const real *z, const real *anchor, real *to) {
    const tensor_t *tensor = t->tensor;
    const size_t n = tensor->ndim == 0 ? 1 : (size_t)tensor->dims[tensor->ndim - 1];
    const real *g = t->g;
    for (size_t i = 0; i < t->n; i += n)
        prox_row(k, n, z + i, anchor == NULL ? NULL : anchor + i, g + i, to + i);
}

#endif
