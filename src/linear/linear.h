/*
 * Small dense linear algebra in double, for methods on whole matrices: factorizations, eigenvalues, singular values,
 * roots. Through LAPACK, which OpenBLAS carries; where there is none, linear_available() is false.
 *
 * Matrices are row-major without gaps. Of a symmetric matrix the lower triangle is read. A size of 0 is an empty
 * matrix, with which every function succeeds. Nothing is allocated: a function that needs memory takes `room`, aligned
 * as a double is, of as many bytes as its ..._room function says; that is SIZE_MAX for a size that LAPACK's integers do
 * not hold. Bits depend on the numbers, on BLAS and its kernels, and, where BLAS lets them, on its threads.
 */
#ifndef LINEAR_LINEAR_H
#define LINEAR_LINEAR_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/cblas/cblas.h"
#include "optim/optim.h"

/* ---- What comes of it ---- */

typedef enum linear_status {
    LINEAR_OK,
    LINEAR_MISSING,   /* the library was built without LAPACK */
    LINEAR_SIZE,      /* a size that LAPACK's integers do not hold, or more columns than rows where that cannot be */
    LINEAR_NONFINITE, /* there is NaN or infinity in the matrix; it is as it was */
    LINEAR_SINGULAR,  /* the matrix is not definite, or not regular, as far as doubles tell */
    LINEAR_STALLED    /* an iteration did not converge; its results are void unless something else is said */
} linear_status_t;

bool linear_available(void);

/* The error that `who` ("method shampoo") needs LAPACK, where there is none: for optim_create. */
optim_status linear_require(const char *who);

/* What a status means for the step, with the sentence: "`doing`: ..." */
optim_status linear_error(linear_status_t status, const char *doing);

/* ---- Cholesky: A = L L' ---- */

/* a <- L, with zeros above the diagonal. SINGULAR: A is not positive definite, a is spoilt. */
linear_status_t linear_cholesky(size_t n, double *a);

/* b <- b A^-1 for b of count by n: solves for each of its rows. */
void linear_cholesky_solve_rows(size_t n, const double *l, size_t count, double *b);

/* b <- A^-1 b for b of n by count. */
void linear_cholesky_solve_columns(size_t n, const double *l, size_t count, double *b);

/* ---- A = L D L' of a symmetric matrix, with the pivots of Bunch and Kaufman ---- */

typedef blas_int linear_pivot_t;

/* How many eigenvalues are positive, negative and zero: as many as D has. */
typedef struct linear_inertia {
    size_t positive, negative, zero;
} linear_inertia_t;

/* a <- the factors, with n pivots. SINGULAR: D has an exact zero; the inertia is told all the same. */
size_t linear_ldl_room(size_t n);
linear_status_t linear_ldl(size_t n, double *a, linear_pivot_t *pivots, linear_inertia_t *inertia, void *room);

/* b <- b A^-1 for b of count by n. */
void linear_ldl_solve_rows(size_t n, const double *factors, const linear_pivot_t *pivots, size_t count, double *b);

/* ---- Signs ---- */

/* Each row, or column, of x (rows by columns) times +-1: its entry of largest modulus, the first of equal ones, is
   positive. */
void linear_sign_rows(size_t rows, size_t columns, double *x);
void linear_sign_columns(size_t rows, size_t columns, double *x);

/* ---- Eigenvalues of a symmetric matrix, ascending ---- */

/* Row k of a <- the vector of value k, its sign as linear_sign_rows has it: A = a' diag(values) a. */
size_t linear_eigen_room(size_t n);
linear_status_t linear_eigen(size_t n, double *a, double *values, void *room);

/* The values alone; a is spoilt. Their room is linear_eigen's. */
linear_status_t linear_eigenvalues(size_t n, double *a, double *values, void *room);

/* out <- vectors' diag(values) vectors, symmetric to the last bit: any function of a matrix, from linear_eigen. */
size_t linear_compose_room(size_t n);
void linear_compose(size_t n, const double *vectors, const double *values, double *out, void *room);

/* ---- A = Q R, rows >= columns ---- */

/* a <- Q (rows by columns), r <- R (columns by columns, zeros below the diagonal) unless that is NULL. The diagonal of
   R is not negative, which makes both unique if A has full rank. */
size_t linear_qr_room(size_t rows, size_t columns);
linear_status_t linear_qr(size_t rows, size_t columns, double *a, double *r, void *room);

/* ---- Singular values, descending; r = min(rows, columns) of them ---- */

/* A = u diag(values) v, u of rows by r, v of r by columns; signs such that linear_sign_rows would leave v alone. a is
   spoilt. */
size_t linear_svd_room(size_t rows, size_t columns);
linear_status_t linear_svd(size_t rows, size_t columns, double *a, double *u, double *values, double *v, void *room);

/* The values alone; a is spoilt. Their room is linear_svd's. */
linear_status_t linear_singular_values(size_t rows, size_t columns, double *a, double *values, void *room);

/*
 * The `count` <= r largest singular values of `a`, which stays, by iteration on a subspace: row i of u (count by rows)
 * and of v (count by columns) belong to value i, with the signs of linear_svd. Every entry of |A v_i - values_i u_i| is
 * at most `tolerance` times the largest value, or the status is STALLED and they are the best that 300 rounds found:
 * use linear_svd. Worth its while where count is far below r.
 */
size_t linear_leading_room(size_t rows, size_t columns, size_t count);
linear_status_t linear_leading(size_t rows, size_t columns, const double *a, size_t count, double tolerance, double *u,
                               double *values, double *v, void *room);

/* ---- Inverses and their roots; out must not be a ---- */

/* out <- (A + ridge I)^-exponent, negative eigenvalues of A taken for 0 before the ridge is added; a <- eigenvectors.
   SINGULAR: a power is no finite number. */
size_t linear_inverse_root_room(size_t n);
linear_status_t linear_inverse_root(size_t n, double *a, double exponent, double ridge, double *out, void *room);

/* out <- the pseudo-inverse: eigenvalues of at most `cut` times the largest modulus count as 0; a <- eigenvectors. Its
   room is linear_inverse_root's. */
linear_status_t linear_pseudo_inverse(size_t n, double *a, double cut, double *out, void *room);

/* out <- (A + ridge I)^(-1/p), p >= 1, by the coupled Newton iteration: matrix products alone, no LAPACK. a is spoilt.
   Relative errors are some rounding errors times the condition of A + ridge I. SINGULAR: that is not positive definite.
*/
size_t linear_newton_root_room(size_t n);
linear_status_t linear_newton_root(size_t n, double *a, unsigned p, double ridge, double *out, void *room);

#endif
