/*
 * LAPACK's routines by value, for the row-major matrices of linear.h. lapack.c calls them; no_lapack.c is compiled in
 * its place where there is none. Sizes are not 0 and fit into LAPACK's integers. An int is LAPACK's `info` (0: done;
 * > 0: the matrix, or an iteration, failed) or NO_LAPACK. Doubles of workspace are what the routine runs fastest with.
 */
#ifndef LINEAR_LAPACK_H
#define LINEAR_LAPACK_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/cblas/cblas.h"

enum { NO_LAPACK = -1000 };

bool lapack_available(void);

/* The lower triangle of a <- L of A = L L'. */
int lapack_cholesky(size_t n, double *a);
/* b (count by n) <- b (L L')^-1; b (n by count) <- (L L')^-1 b */
void lapack_cholesky_rows(size_t n, const double *l, size_t count, double *b);
void lapack_cholesky_columns(size_t n, const double *l, size_t count, double *b);

/* The lower triangle of a <- L and D of A = L D L'; the pivots as dsytrf has them for an upper triangle. */
size_t lapack_ldl_work(size_t n);
int lapack_ldl(size_t n, double *a, blas_int *pivots, double *work, size_t work_length);
void lapack_ldl_rows(size_t n, const double *factors, const blas_int *pivots, size_t count, double *b);

/* The eigenvalues of the lower triangle of a, ascending, and with `vectors` the rows of a <- their vectors. */
size_t lapack_eigen_work(size_t n);
size_t lapack_eigen_integers(size_t n);
int lapack_eigen(size_t n, bool vectors, double *a, double *values, double *work, size_t work_length,
                 blas_int *integers, size_t integer_count);

/* The upper triangle of a (rows >= columns) <- R, the rest and `tau` (columns) <- Q, as reflections; then a <- Q. */
size_t lapack_qr_work(size_t rows, size_t columns);
int lapack_qr(size_t rows, size_t columns, double *a, double *tau, double *work, size_t work_length);
int lapack_qr_unfold(size_t rows, size_t columns, double *a, const double *tau, double *work, size_t work_length);

/* A = u diag(values) v; the values alone if u is NULL. */
size_t lapack_svd_work(size_t rows, size_t columns);
size_t lapack_svd_integers(size_t rows, size_t columns);
int lapack_svd(size_t rows, size_t columns, double *a, double *u, double *values, double *v, double *work,
               size_t work_length, blas_int *integers);

#endif
