/* Matrices for tests of src/linear, row-major in double, and products written out. To be freed, all of them. */
#ifndef TESTS_MATRICES_H
#define TESTS_MATRICES_H

#include <stddef.h>
#include <stdint.h>

/* Numbers between -1 and 1. */
double *matrix_random(size_t rows, size_t columns, uint64_t seed);

/* op(a) op(b), of m by n, the inner dimension k. */
double *matrix_product(int transpose_a, int transpose_b, size_t m, size_t n, size_t k, const double *a,
                       const double *b);

/* Orthonormal columns, rows >= columns, by Gram and Schmidt, twice. */
double *matrix_orthonormal(size_t rows, size_t columns, uint64_t seed);

/* Q diag(values) Q' of a random orthonormal Q, which *vectors is if that is not NULL: vectors in columns. */
double *matrix_symmetric(size_t n, const double *values, uint64_t seed, double **vectors);

double *matrix_copy(size_t rows, size_t columns, const double *a);
double *matrix_zero(size_t rows, size_t columns);

/* The largest |a - b|, and |a|; NaN if there is one. */
double matrix_distance(size_t count, const double *a, const double *b);
double matrix_largest(size_t count, const double *a);

/* The largest entry of |a a' - I| for the rows of a, or of |a' a - I| for its columns. */
double matrix_rows_off(size_t rows, size_t columns, const double *a);
double matrix_columns_off(size_t rows, size_t columns, const double *a);

#endif
