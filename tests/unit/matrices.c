#include "matrices.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "kernels/random.h"

double *matrix_zero(size_t rows, size_t columns) {
    return check_memory(rows * columns + 1, sizeof(double));
}

double *matrix_copy(size_t rows, size_t columns, const double *a) {
    double *copy = matrix_zero(rows, columns);
    memcpy(copy, a, rows * columns * sizeof *a);
    return copy;
}

double *matrix_random(size_t rows, size_t columns, uint64_t seed) {
    double *a = matrix_zero(rows, columns);
    for (size_t i = 0; i < rows * columns; ++i)
        a[i] = 2 * random_uniform(seed, i + 1) - 1;
    return a;
}

double *matrix_product(int transpose_a, int transpose_b, size_t m, size_t n, size_t k, const double *a,
                       const double *b) {
    double *c = matrix_zero(m, n);
    for (size_t i = 0; i < m; ++i)
        for (size_t l = 0; l < k; ++l)
            for (size_t j = 0; j < n; ++j)
                c[i * n + j] +=
                    (transpose_a ? a[l * m + i] : a[i * k + l]) * (transpose_b ? b[j * k + l] : b[l * n + j]);
    return c;
}

/* Column j of a, without what the columns before it have of it. */
static void clear_of_earlier(size_t rows, size_t columns, size_t j, double *a) {
    for (size_t l = 0; l < j; ++l) {
        double dot = 0;
        for (size_t i = 0; i < rows; ++i)
            dot += a[i * columns + l] * a[i * columns + j];
        for (size_t i = 0; i < rows; ++i)
            a[i * columns + j] -= dot * a[i * columns + l];
    }
}

double *matrix_orthonormal(size_t rows, size_t columns, uint64_t seed) {
    double *a = matrix_random(rows, columns, seed);
    for (size_t j = 0; j < columns; ++j) {
        clear_of_earlier(rows, columns, j, a);
        clear_of_earlier(rows, columns, j, a);
        double square = 0;
        for (size_t i = 0; i < rows; ++i)
            square += a[i * columns + j] * a[i * columns + j];
        for (size_t i = 0; i < rows; ++i)
            a[i * columns + j] /= sqrt(square);
    }
    return a;
}

double *matrix_symmetric(size_t n, const double *values, uint64_t seed, double **vectors) {
    double *q = matrix_orthonormal(n, n, seed), *scaled = matrix_copy(n, n, q);
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j)
            scaled[i * n + j] *= values[j];
    double *a = matrix_product(0, 1, n, n, n, scaled, q);
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < i; ++j)
            a[j * n + i] = a[i * n + j];
    free(scaled);
    if (vectors != NULL)
        *vectors = q;
    else
        free(q);
    return a;
}

double matrix_distance(size_t count, const double *a, const double *b) {
    double largest = 0;
    for (size_t i = 0; i < count; ++i) {
        const double off = fabs(a[i] - b[i]);
        if (isnan(off))
            return off;
        largest = fmax(largest, off);
    }
    return largest;
}

double matrix_largest(size_t count, const double *a) {
    double *zero = matrix_zero(count, 1);
    const double largest = matrix_distance(count, a, zero);
    free(zero);
    return largest;
}

static double off_identity(size_t n, double *gram) {
    for (size_t i = 0; i < n; ++i)
        gram[i * n + i] -= 1;
    const double largest = matrix_largest(n * n, gram);
    free(gram);
    return largest;
}

double matrix_rows_off(size_t rows, size_t columns, const double *a) {
    return off_identity(rows, matrix_product(0, 1, rows, rows, columns, a, a));
}

double matrix_columns_off(size_t rows, size_t columns, const double *a) {
    return off_identity(columns, matrix_product(1, 0, columns, columns, rows, a, a));
}
