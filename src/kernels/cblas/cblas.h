/*
 * CBLAS, as much of it as is called here. Its functions are the same in every BLAS, but for the integer they take, and
 * headers are not: they have many names and places, and one that belongs to another BLAS than the one linked goes
 * unnoticed. CMake asks the library for its integer and defines BLAS_64_BITS if it is int64_t.
 */
#ifndef KERNELS_CBLAS_H
#define KERNELS_CBLAS_H

#include <stdint.h>

#ifdef BLAS_64_BITS
typedef int64_t blas_int;
#else
typedef int blas_int;
#endif

typedef enum CBLAS_ORDER { CblasRowMajor = 101, CblasColMajor = 102 } CBLAS_ORDER;
typedef enum CBLAS_TRANSPOSE { CblasNoTrans = 111, CblasTrans = 112, CblasConjTrans = 113 } CBLAS_TRANSPOSE;

void cblas_scopy(blas_int n, const float *x, blas_int step_x, float *y, blas_int step_y);
void cblas_saxpy(blas_int n, float a, const float *x, blas_int step_x, float *y, blas_int step_y);
void cblas_daxpy(blas_int n, double a, const double *x, blas_int step_x, double *y, blas_int step_y);
void cblas_sscal(blas_int n, float a, float *x, blas_int step);
void cblas_dscal(blas_int n, double a, double *x, blas_int step);
float cblas_sdot(blas_int n, const float *x, blas_int step_x, const float *y, blas_int step_y);
void cblas_sgemm(CBLAS_ORDER order, CBLAS_TRANSPOSE transpose_a, CBLAS_TRANSPOSE transpose_b, blas_int m, blas_int n,
                 blas_int k, float alpha, const float *a, blas_int lda, const float *b, blas_int ldb, float beta,
                 float *c, blas_int ldc);
void cblas_dgemm(CBLAS_ORDER order, CBLAS_TRANSPOSE transpose_a, CBLAS_TRANSPOSE transpose_b, blas_int m, blas_int n,
                 blas_int k, double alpha, const double *a, blas_int lda, const double *b, blas_int ldb, double beta,
                 double *c, blas_int ldc);

/* OpenBLAS's own; NULL if another BLAS is linked. For programs: the library leaves these threads alone. */
extern void openblas_set_num_threads(int threads) __attribute__((weak));

#endif
