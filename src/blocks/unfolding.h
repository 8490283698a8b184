/*
 * Tensors along one axis: x_(a), its unfolding, is n_a by everything else; x x_a A multiplies it by a matrix along it.
 *
 * Elements are floats or doubles, by their size. For kernels of whole tensors: products are BLAS's.
 */
#ifndef BLOCKS_UNFOLDING_H
#define BLOCKS_UNFOLDING_H

#include "engine/method.h"
#include "kernels/cblas/cblas.h"

/* For `refuses`: lengths must fit the integers of any BLAS. */
static inline const char *unfolding_refuses(const tensor_t *tensor, const double *option) {
    (void)option;
    return tensor->count > INT32_MAX ? "a tensor of more than 2^31 - 1 elements is too large for BLAS" : NULL;
}

/* Element i is (outer, k, inner): inner = i % inner, k = i / inner % n. */
typedef struct unfolding {
    size_t outer, n, inner;
} unfolding_t;

static inline unfolding_t unfolding_of(int axes, const size_t *length, int axis) {
    unfolding_t u = {1, length[axis], 1};
    for (int i = 0; i < axes; ++i)
        *(i < axis ? &u.outer : &u.inner) *= i == axis ? 1 : length[i];
    return u;
}

/* Of a whole tensor. */
static inline unfolding_t tensor_unfolding(const tensor_t *tensor, int axis) {
    unfolding_t u = {1, tensor_axis(tensor, axis), 1};
    for (int i = 0; i < tensor->ndim; ++i)
        *(i < axis ? &u.outer : &u.inner) *= i == axis ? 1 : tensor_axis(tensor, i);
    return u;
}

/* C <- a op(A) op(B) + b C, row-major without gaps; C is m by n, the inner dimension k. */
static inline void unfolding_gemm(size_t size, bool ta, bool tb, size_t m, size_t n, size_t k, double a, const void *A,
                                  const void *B, double b, void *C) {
    const CBLAS_TRANSPOSE op_a = ta ? CblasTrans : CblasNoTrans, op_b = tb ? CblasTrans : CblasNoTrans;
    const blas_int lda = (blas_int)(ta ? m : k), ldb = (blas_int)(tb ? k : n);
    if (size == sizeof(float))
        cblas_sgemm(CblasRowMajor, op_a, op_b, (blas_int)m, (blas_int)n, (blas_int)k, (float)a, A, lda, B, ldb,
                    (float)b, C, (blas_int)n);
    else
        cblas_dgemm(CblasRowMajor, op_a, op_b, (blas_int)m, (blas_int)n, (blas_int)k, a, A, lda, B, ldb, b, C,
                    (blas_int)n);
}

/* l <- keep l + take x_(a) x_(a)' */
static inline void unfolding_correlate(unfolding_t u, size_t size, const void *x, double keep, double take, void *l) {
    if (u.inner == 1) {
        unfolding_gemm(size, true, false, u.n, u.n, u.outer, take, x, x, keep, l);
        return;
    }
    for (size_t o = 0; o < u.outer; ++o) {
        const char *part = (const char *)x + o * u.n * u.inner * size;
        unfolding_gemm(size, false, true, u.n, u.n, u.inner, take, part, part, o == 0 ? keep : 1, l);
    }
}

/* out <- x x_a A, or x x_a A' */
static inline void unfolding_multiply(unfolding_t u, size_t size, const void *x, const void *matrix, bool transposed,
                                      void *out) {
    if (u.inner == 1) {
        unfolding_gemm(size, false, !transposed, u.outer, u.n, u.n, 1, x, matrix, 0, out);
        return;
    }
    for (size_t o = 0; o < u.outer; ++o) {
        const size_t at = o * u.n * u.inner * size;
        unfolding_gemm(size, transposed, false, u.n, u.inner, u.n, 1, matrix, (const char *)x + at, 0,
                       (char *)out + at);
    }
}

#endif
