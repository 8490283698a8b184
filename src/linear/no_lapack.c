/* In the place of lapack.c where there is no LAPACK. */
#include "linear/lapack.h"

bool lapack_available(void) {
    return false;
}

int lapack_cholesky(size_t n, double *a) {
    (void)n, (void)a;
    return NO_LAPACK;
}

void lapack_cholesky_rows(size_t n, const double *l, size_t count, double *b) {
    (void)n, (void)l, (void)count, (void)b;
}

void lapack_cholesky_columns(size_t n, const double *l, size_t count, double *b) {
    (void)n, (void)l, (void)count, (void)b;
}

size_t lapack_ldl_work(size_t n) {
    (void)n;
    return 0;
}

int lapack_ldl(size_t n, double *a, blas_int *pivots, double *work, size_t work_length) {
    (void)n, (void)a, (void)pivots, (void)work, (void)work_length;
    return NO_LAPACK;
}

void lapack_ldl_rows(size_t n, const double *factors, const blas_int *pivots, size_t count, double *b) {
    (void)n, (void)factors, (void)pivots, (void)count, (void)b;
}

size_t lapack_eigen_work(size_t n) {
    (void)n;
    return 0;
}

size_t lapack_eigen_integers(size_t n) {
    (void)n;
    return 0;
}

int lapack_eigen(size_t n, bool vectors, double *a, double *values, double *work, size_t work_length,
                 blas_int *integers, size_t integer_count) {
    (void)n, (void)vectors, (void)a, (void)values, (void)work, (void)work_length, (void)integers, (void)integer_count;
    return NO_LAPACK;
}

size_t lapack_qr_work(size_t rows, size_t columns) {
    (void)rows, (void)columns;
    return 0;
}

int lapack_qr(size_t rows, size_t columns, double *a, double *tau, double *work, size_t work_length) {
    (void)rows, (void)columns, (void)a, (void)tau, (void)work, (void)work_length;
    return NO_LAPACK;
}

int lapack_qr_unfold(size_t rows, size_t columns, double *a, const double *tau, double *work, size_t work_length) {
    (void)rows, (void)columns, (void)a, (void)tau, (void)work, (void)work_length;
    return NO_LAPACK;
}

size_t lapack_svd_work(size_t rows, size_t columns) {
    (void)rows, (void)columns;
    return 0;
}

size_t lapack_svd_integers(size_t rows, size_t columns) {
    (void)rows, (void)columns;
    return 0;
}

int lapack_svd(size_t rows, size_t columns, double *a, double *u, double *values, double *v, double *work,
               size_t work_length, blas_int *integers) {
    (void)rows, (void)columns, (void)a, (void)u, (void)values, (void)v, (void)work, (void)work_length, (void)integers;
    return NO_LAPACK;
}
