/*
 * Roots and eigenvectors of symmetric matrices that a method keeps as reals, taken in double.
 *
 * What is no finite number becomes NaN, so that a gradient which is not finite shows in the parameters as it does with
 * methods that divide by it. Where LAPACK's iteration does not converge, what was there before stays.
 */
#ifndef BLOCKS_DENSE_H
#define BLOCKS_DENSE_H

#include "base/memory.h"
#include "engine/method.h"
#include "linear/linear.h"

/* Bytes of the room for a matrix of this side; SIZE_MAX: too large. */
static inline size_t dense_room(size_t n) {
    const size_t root = linear_inverse_root_room(n);
    size_t squares, bytes;
    return size_multiply(n, n, &squares) && size_multiply(squares, 2 * sizeof(double), &squares) &&
                   size_add(squares, root, &bytes)
               ? bytes
               : SIZE_MAX;
}

/* A workspace: reals that hold such a room, and further reals; SIZE_MAX: too large. */
static inline size_t dense_workspace(const tensor_t *tensor, size_t room, size_t reals) {
    size_t all;
    return room != SIZE_MAX && size_add(tensor_reals(tensor, room), reals, &all) ? all : SIZE_MAX;
}

static inline void dense_store(linear_status_t status, size_t n, const double *from, real *to) {
    for (size_t i = 0; i < n && status != LINEAR_STALLED; ++i)
        to[i] = status == LINEAR_OK ? (real)from[i] : (real)NAN;
}

static inline void dense_load(size_t n, const real *from, double *to) {
    for (size_t i = 0; i < n; ++i)
        to[i] = (double)from[i];
}

/* root <- (a + ridge I)^-exponent, eigenvalues of a below 0 taken for 0. */
static inline void dense_inverse_root(size_t n, const real *a, double exponent, double ridge, real *root, void *room) {
    double *copy = room, *out = copy + n * n;
    dense_load(n * n, a, copy);
    const linear_status_t status = linear_inverse_root(n, copy, exponent, ridge, out, out + n * n);
    dense_store(status, n * n, out, root);
}

/* Row k of `vectors` <- the eigenvector of values[k], ascending. */
static inline void dense_eigen(size_t n, const real *a, real *vectors, real *values, void *room) {
    double *copy = room, *of = copy + n * n;
    dense_load(n * n, a, copy);
    const linear_status_t status = linear_eigen(n, copy, of, of + n);
    dense_store(status, n * n, copy, vectors);
    dense_store(status, n, of, values);
}

#endif
