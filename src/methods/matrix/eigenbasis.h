/* The eigenvectors of a symmetric matrix as a basis of one axis, by descending eigenvalues. */
#ifndef METHODS_MATRIX_EIGENBASIS_H
#define METHODS_MATRIX_EIGENBASIS_H

#include <string.h>

#include "blocks/unfolding.h"
#include "linear/linear.h"

/* For a basis of n: n^2, 3 n^2 and n numbers, and linear_eigen_room(n) bytes. */
typedef struct eigenbasis_room {
    double *square, *spare, *values;
    void *linear;
} eigenbasis_room_t;

/* Row i of `vectors` belongs to value i, ascending. Those of the null space are any basis of it, as rounding will have
 * it: they become the eigenvectors of diag(1, ..., n) within it, so that steps do not depend on rounding. */
static inline void settle_null_space(size_t n, double *vectors, double *values, eigenbasis_room_t room) {
    size_t null = 0;
    while (null < n && values[null] <= (double)n * 0x1p-44 * values[n - 1])
        ++null;
    if (null < 2)
        return;
    double *weighted = room.spare, *small = weighted + null * n, *turned = small + null * null;
    for (size_t i = 0; i < null; ++i)
        for (size_t j = 0; j < n; ++j)
            weighted[i * n + j] = (double)(j + 1) * vectors[i * n + j];
    unfolding_gemm(sizeof(double), false, true, null, null, n, 1, weighted, vectors, 0, small);
    if (linear_eigen(null, small, values, room.linear) != LINEAR_OK)
        return;
    unfolding_gemm(sizeof(double), false, false, null, n, null, 1, small, vectors, 0, turned);
    memcpy(vectors, turned, null * n * sizeof *turned);
}

/* Columns of q <- eigenvectors of l by descending eigenvalues; false: that fails, q is as it was. */
static inline bool eigenbasis(size_t n, const double *l, double *q, eigenbasis_room_t room) {
    memcpy(room.square, l, n * n * sizeof *l);
    if (linear_eigen(n, room.square, room.values, room.linear) != LINEAR_OK)
        return false;
    settle_null_space(n, room.square, room.values, room);
    for (size_t i = 0; i < n; ++i)
        for (size_t k = 0; k < n; ++k)
            q[i * n + k] = room.square[(n - 1 - k) * n + i];
    return true;
}

#endif
