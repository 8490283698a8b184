/* CBLAS for the precision of the file that includes this. Lengths are those of a tile or a matrix side. */
#ifndef KERNELS_BLAS_H
#define KERNELS_BLAS_H

#include <stddef.h>

#include "kernels/cblas/cblas.h"

/* `length` as CBLAS takes it. Tiles are short, and methods refuse matrices that are too large for an int. */
static inline blas_int blas_length(size_t length) {
    return (blas_int)length;
}

#define BLAS_IS_FLOAT (sizeof(REAL) == sizeof(float))

/* Vectors go to BLAS in runs that no BLAS gives to threads of its own: these calls come from ours. */
enum { BLAS_RUN = 8192 };

static inline size_t blas_run(size_t left) {
    return left < BLAS_RUN ? left : BLAS_RUN;
}

/* y <- y + a x */
static inline void blas_axpy(size_t n, double a, const REAL *x, REAL *y) {
    for (size_t i = 0; i < n; i += BLAS_RUN)
        if (BLAS_IS_FLOAT)
            cblas_saxpy(blas_length(blas_run(n - i)), (float)a, (const void *)(x + i), 1, (void *)(y + i), 1);
        else
            cblas_daxpy(blas_length(blas_run(n - i)), a, (const void *)(x + i), 1, (void *)(y + i), 1);
}

/* x <- a x */
static inline void blas_scal(size_t n, double a, REAL *x) {
    for (size_t i = 0; i < n; i += BLAS_RUN)
        if (BLAS_IS_FLOAT)
            cblas_sscal(blas_length(blas_run(n - i)), (float)a, (void *)(x + i), 1);
        else
            cblas_dscal(blas_length(blas_run(n - i)), a, (void *)(x + i), 1);
}

/* C <- a op(A) op(B) + b C, row-major, C is m by n, the inner dimension k. */
static inline void blas_gemm(int transpose_a, int transpose_b, size_t m, size_t n, size_t k, double a, const REAL *A,
                             size_t lda, const REAL *B, size_t ldb, double b, REAL *C, size_t ldc) {
    const CBLAS_TRANSPOSE ta = transpose_a ? CblasTrans : CblasNoTrans, tb = transpose_b ? CblasTrans : CblasNoTrans;
    if (BLAS_IS_FLOAT)
        cblas_sgemm(CblasRowMajor, ta, tb, blas_length(m), blas_length(n), blas_length(k), (float)a, (const void *)A,
                    blas_length(lda), (const void *)B, blas_length(ldb), (float)b, (void *)C, blas_length(ldc));
    else
        cblas_dgemm(CblasRowMajor, ta, tb, blas_length(m), blas_length(n), blas_length(k), a, (const void *)A,
                    blas_length(lda), (const void *)B, blas_length(ldb), b, (void *)C, blas_length(ldc));
}

#endif
