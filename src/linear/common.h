/* What the files of src/linear share. */
#ifndef LINEAR_COMMON_H
#define LINEAR_COMMON_H

#include "base/memory.h"
#include "linear/lapack.h"
#include "linear/linear.h"

/* ---- Sizes ---- */

/* Whether LAPACK's integers hold the number: 2^31 - 1 at most, or 2^53 where they have 64 bits. */
bool linear_holds(double number);

/* Bytes of room for so many doubles and, behind them, integers; SIZE_MAX if that overflows. */
size_t linear_room(size_t doubles, size_t integers);

/* The integers behind so many doubles of room. */
blas_int *linear_integers(void *room, size_t doubles);

/* ---- Checks ---- */

/* The status that an `info` of LAPACK is, `failed` where that is positive. */
linear_status_t linear_outcome(int info, linear_status_t failed);

bool linear_finite(size_t count, const double *x);
bool linear_finite_symmetric(size_t n, const double *a); /* the lower triangle */

/* ---- Loops ---- */

/* The upper triangle <- the lower one. */
void linear_mirror(size_t n, double *a);

/* x takes its sign as linear_sign_rows has it, and its partner, of numbers `partner_step` apart, goes with it. */
void linear_sign_pair(size_t length, double *x, size_t partner_length, size_t partner_step, double *partner);

/* c <- op(a) op(b), c of m by n, the inner dimension k. */
void linear_multiply(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, const double *a, const double *b,
                     double *c);

#endif
