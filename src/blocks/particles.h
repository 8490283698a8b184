/*
 * Particles: N points that move together; row i of every tensor belongs to particle i (PARTICLES). What is summed over
 * all tensors is collected by whole-tensor kernels (step_tensors_in_turn), in lists of numbers by pair of particles
 * (EACH_PAIR, row-major: N by N).
 */
#ifndef BLOCKS_PARTICLES_H
#define BLOCKS_PARTICLES_H

#include "engine/method.h"

/* Elements of a tensor that belong to one particle. (Of a vector, too: it has a row for every particle.) */
static inline size_t particle_row(const tensor_t *tensor) {
    return tensor->count / (size_t)tensor->dims[0];
}

/* For state_t.dims: the shape of one particle. */
static inline int particle_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)option;
    (void)axis;
    for (int i = 1; i < tensor->ndim; ++i)
        dims[i - 1] = tensor->dims[i];
    return tensor->ndim - 1;
}

/* |a - b|^2 of n elements, by eight sums that are added in the end: in double, in the same order on every machine. */
static inline double particle_distance(size_t n, const real *restrict a, const real *restrict b) {
    enum { LANES = 8 };
    double sum[LANES] = {0};
    size_t c = 0;
    for (; c + LANES <= n; c += LANES)
        for (size_t l = 0; l < LANES; ++l) {
            const double d = (double)a[c + l] - (double)b[c + l];
            sum[l] += d * d;
        }
    for (size_t l = 0; c < n; ++c, ++l) {
        const double d = (double)a[c] - (double)b[c];
        sum[l] += d * d;
    }
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

/* Adds the squared distances of all pairs of rows of x, shaped as the tensor, by runs that stay in the cache. */
static inline void particle_distances_of(const tile_t *t, const real *x, double *square) {
    const size_t particles = (size_t)t->tensor->dims[0], row = particle_row(t->tensor);
    for (size_t first = 0; first < row; first += CHUNK_ELEMENTS) {
        const size_t n = row - first < CHUNK_ELEMENTS ? row - first : CHUNK_ELEMENTS;
        for (size_t i = 1; i < particles; ++i)
            for (size_t j = 0; j < i; ++j) {
                const double part = particle_distance(n, x + i * row + first, x + j * row + first);
                square[i * particles + j] += part;
                square[j * particles + i] += part;
            }
    }
}
static inline void particle_distances(const tile_t *t, double *square) {
    particle_distances_of(t, t->p, square);
}

#endif
