/*
 * Projections of a matrix G = U diag(s) V' to a few directions of one side, or of both. For kernels of whole tensors.
 *
 *     left:   A = r columns of U,   L = A'G,     up(L) = A L
 *     right:  B = r rows of V',     L = G B',    up(L) = L B
 *     full:   both,                 L = A'G B',  up(L) = A L B
 *
 * Each vector of a basis has its entry of largest modulus, the first of equal ones, positive. The decomposition is
 * taken in double; of a matrix that is not finite the basis is NaN, and where LAPACK's iteration does not converge the
 * one before stays.
 */
#ifndef BLOCKS_PROJECTION_H
#define BLOCKS_PROJECTION_H

#include "blocks/dense.h"
#include "kernels/blas.h"

enum { SIDE_STD, SIDE_REVERSE_STD, SIDE_LEFT, SIDE_RIGHT, SIDE_FULL };
#define PROJ_SIDE_ROW                                                                                                  \
    { "proj_side", SIDE_STD, "std|reverse_std|left|right|full", "std: the shorter side is projected" }

/* Which sides are projected, rank r, and L, low_rows by low_columns. */
typedef struct projection {
    size_t rows, columns, rank, low_rows, low_columns;
    bool left, right;
} projection_t;

static inline bool is_matrix(const tensor_t *tensor) {
    return tensor->ndim == 2;
}

/* What a BLAS of 32-bit integers takes. */
static inline const char *projection_refuses(const tensor_t *tensor) {
    return is_matrix(tensor) && tensor->count > INT32_MAX
               ? "a matrix of more than 2^31 - 1 elements is too large for BLAS"
               : NULL;
}

/* The sides of a matrix; its rank is still to be set. */
static inline projection_t projection_sides(const tensor_t *tensor, int side) {
    projection_t p = {.rows = tensor_axis(tensor, 0), .columns = tensor_axis(tensor, 1)};
    const bool is_tall = p.rows >= p.columns;
    p.left = side == SIDE_FULL || side == SIDE_LEFT || side == (is_tall ? SIDE_REVERSE_STD : SIDE_STD);
    p.right = side == SIDE_FULL || !p.left;
    return p;
}
static inline projection_t projection_rank(projection_t p, size_t rank) {
    p.rank = rank;
    p.low_rows = p.left ? rank : p.rows;
    p.low_columns = p.right ? rank : p.columns;
    return p;
}

/* How many singular vectors there are. */
static inline size_t projection_most(projection_t p) {
    return p.rows < p.columns ? p.rows : p.columns;
}

/* Dimensions of the states L, A and B; -1: there is none. */
static inline int projection_low_dims(projection_t p, int64_t *dims) {
    dims[0] = (int64_t)p.low_rows;
    dims[1] = (int64_t)p.low_columns;
    return 2;
}
static inline int projection_left_dims(projection_t p, int64_t *dims) {
    dims[0] = (int64_t)p.rows;
    dims[1] = (int64_t)p.rank;
    return p.left ? 2 : -1;
}
static inline int projection_right_dims(projection_t p, int64_t *dims) {
    dims[0] = (int64_t)p.rank;
    dims[1] = (int64_t)p.columns;
    return p.right ? 2 : -1;
}

/* Bytes for the decomposition: its own room, G, U, V' and s in double; SIZE_MAX: too large. */
static inline size_t projection_svd_bytes(projection_t p) {
    const size_t most = projection_most(p);
    const size_t doubles = p.rows * p.columns + most * (p.rows + p.columns + 1);
    const size_t room = linear_svd_room(p.rows, p.columns);
    size_t bytes;
    return size_multiply(doubles, sizeof(double), &bytes) && size_add(bytes, room, &bytes) ? bytes : SIZE_MAX;
}

/* A and B of the singular vectors of g, rank <= projection_most. */
static inline void projection_svd(projection_t p, const real *g, real *a, real *b, double *room) {
    const size_t most = projection_most(p), n = p.rows * p.columns;
    double *matrix = room, *u = matrix + n, *v = u + p.rows * most, *values = v + most * p.columns;
    dense_load(n, g, matrix);
    const linear_status_t status = linear_svd(p.rows, p.columns, matrix, u, values, v, values + most);
    if (p.right) {
        linear_sign_rows(p.rank, p.columns, v);
        dense_store(status, p.rank * p.columns, v, b);
    }
    if (!p.left)
        return;
    linear_sign_columns(p.rows, most, u);
    for (size_t i = 0; i < p.rows; ++i)
        dense_store(status, p.rank, u + i * most, a + i * p.rank);
}

/* L of g; `between` has room for A'G. */
static inline void projection_down(projection_t p, const real *a, const real *b, const real *g, real *between,
                                   real *low) {
    real *left = p.right ? between : low;
    if (p.left) {
        blas_gemm(1, 0, p.rank, p.columns, p.rows, 1, a, p.rank, g, p.columns, 0, left, p.columns);
        g = left;
    }
    if (p.right)
        blas_gemm(0, 1, p.low_rows, p.rank, p.columns, 1, g, p.columns, b, p.columns, 0, low, p.rank);
}

/* up(L); `between` has room for A L. */
static inline void projection_up(projection_t p, const real *a, const real *b, const real *low, real *between,
                                 real *out) {
    real *left = p.right ? between : out;
    if (p.left) {
        blas_gemm(0, 0, p.rows, p.low_columns, p.rank, 1, a, p.rank, low, p.low_columns, 0, left, p.low_columns);
        low = left;
    }
    if (p.right)
        blas_gemm(0, 0, p.rows, p.columns, p.rank, 1, low, p.rank, b, p.columns, 0, out, p.columns);
}

#endif
