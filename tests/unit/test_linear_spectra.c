/* Eigenvalues, singular values and roots of src/linear: against closed forms, in units of the rounding error. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "linear/linear.h"
#include "matrices.h"

static const size_t SIZES[] = {0, 1, 2, 5, 33, 128};
enum { SIZE_COUNT = sizeof SIZES / sizeof *SIZES };
static const double SCALES[] = {1, 1e-300, 1e-140, 1e140, 1e300};
enum { SCALE_COUNT = sizeof SCALES / sizeof *SCALES };

static double bound(size_t n, double factor, double scale) {
    return factor * ((double)n + 1) * DBL_EPSILON * scale;
}

/* condition^(-i/(n-1)), largest first, but 0 from `rank` on. */
static double *spectrum(size_t n, size_t rank, double condition, double scale) {
    double *values = matrix_zero(n, 1);
    for (size_t i = 0; i < rank; ++i)
        values[i] = scale * pow(condition, -(double)i / (double)(n > 1 ? n - 1 : 1));
    return values;
}

static void check_signs(size_t rows, size_t columns, const double *x) {
    double *copy = matrix_copy(rows, columns, x);
    linear_sign_rows(rows, columns, copy);
    assert_memory_equal(copy, x, rows * columns * sizeof *x);
    free(copy);
}

/* ---- Signs ---- */

static void signs(void **state) {
    (void)state;
    double x[6] = {1, -3, 3, 2, -2, 0};
    linear_sign_rows(2, 3, x);
    const double by_rows[6] = {-1, 3, -3, 2, -2, 0};
    assert_memory_equal(x, by_rows, sizeof x);
    linear_sign_columns(2, 3, x);
    const double by_columns[6] = {-1, 3, 3, 2, -2, -0.0};
    assert_memory_equal(x, by_columns, sizeof x);
}

/* ---- Eigenvalues ---- */

/* values: descending. */
static void check_eigen(size_t n, const double *values, double scale) {
    double *a = matrix_symmetric(n, values, n + 3, NULL), *vectors = matrix_copy(n, n, a);
    double *found = matrix_zero(n, 1), *alone = matrix_zero(n, 1), *spoilt = matrix_copy(n, n, a);
    void *room = check_memory(linear_eigen_room(n) + 1, 1);
    for (size_t i = 0; i < n; ++i)
        for (size_t j = i + 1; j < n; ++j)
            vectors[i * n + j] = NAN; /* is not read */
    assert_int_equal(linear_eigen(n, vectors, found, room), LINEAR_OK);
    assert_int_equal(linear_eigenvalues(n, spoilt, alone, room), LINEAR_OK);
    for (size_t i = 0; i < n; ++i) {
        CHECK_AT_MOST(fabs(found[i] - values[n - 1 - i]), bound(n, 4, scale));
        CHECK_AT_MOST(fabs(alone[i] - values[n - 1 - i]), bound(n, 4, scale));
    }
    CHECK_AT_MOST(matrix_rows_off(n, n, vectors), bound(n, 4, 1));
    check_signs(n, n, vectors);
    double *back = matrix_zero(n, n);
    void *compose = check_memory(linear_compose_room(n) + 1, 1);
    linear_compose(n, vectors, found, back, compose);
    CHECK_AT_MOST(matrix_distance(n * n, back, a), bound(n, 4, scale));
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < i; ++j)
            assert_true(back[i * n + j] == back[j * n + i]);
    free(compose);
    free(back);
    free(room);
    free(spoilt);
    free(alone);
    free(found);
    free(vectors);
    free(a);
}

static void eigen(void **state) {
    (void)state;
    for (size_t i = 0; i < SIZE_COUNT; ++i)
        for (size_t k = 0; k < SCALE_COUNT; ++k) {
            const size_t n = SIZES[i];
            const double conditions[] = {1, 10, 1e12};
            for (size_t c = 0; c < 3; ++c) {
                double *values = spectrum(n, c == 2 ? n / 2 : n, conditions[c], SCALES[k]);
                check_eigen(n, values, SCALES[k]);
                for (size_t l = n / 2; l < n; ++l)
                    values[l] = -SCALES[k] * (double)(l + 1) / (double)n;
                check_eigen(n, values, SCALES[k]);
                free(values);
            }
        }
    double a[4] = {1, 0, 2, 1}, values[2]; /* -1 and 3 with (1, -1) and (1, 1) over the root of two */
    void *room = check_memory(linear_eigen_room(2), 1);
    assert_int_equal(linear_eigen(2, a, values, room), LINEAR_OK);
    CHECK_CLOSE(values[0], -1, 1e-15);
    CHECK_CLOSE(values[1], 3, 1e-15);
    CHECK_CLOSE(a[2], sqrt(0.5), 1e-15);
    CHECK_CLOSE(a[3], sqrt(0.5), 1e-15);
    CHECK_CLOSE(fabs(a[0] + a[1]), 0, 1e-15);
    free(room);
}

static void eigen_refuses(void **state) {
    (void)state;
    double nan[4] = {1, 0, NAN, 1}, infinite[4] = {-INFINITY, 0, 0, 1}, values[2];
    void *room = check_memory(linear_eigen_room(2), 1);
    assert_int_equal(linear_eigen(2, nan, values, room), LINEAR_NONFINITE);
    assert_int_equal(linear_eigenvalues(2, infinite, values, room), LINEAR_NONFINITE);
    assert_true(linear_eigen_room(SIZE_MAX / 8) == SIZE_MAX);
    assert_int_equal(linear_eigen(SIZE_MAX / 8, nan, values, NULL), LINEAR_SIZE);
    if (sizeof(blas_int) == 4)
        assert_true(linear_eigen_room(32767) == SIZE_MAX);
    assert_true(linear_compose_room(SIZE_MAX / 8) == SIZE_MAX);
    free(room);
}

/* ---- Singular values ---- */

static double *with_singular_values(size_t rows, size_t columns, const double *values) {
    const size_t r = rows < columns ? rows : columns;
    double *u = matrix_orthonormal(rows, r, 21), *v = matrix_orthonormal(columns, r, 22);
    for (size_t i = 0; i < rows; ++i)
        for (size_t j = 0; j < r; ++j)
            u[i * r + j] *= values[j];
    double *a = matrix_product(0, 1, rows, columns, r, u, v);
    free(u);
    free(v);
    return a;
}

static void check_svd(size_t rows, size_t columns, size_t rank, double condition, double scale) {
    const size_t r = rows < columns ? rows : columns, n = rows + columns;
    double *values = spectrum(r, rank < r ? rank : r, condition, scale);
    double *a = with_singular_values(rows, columns, values), *spoilt = matrix_copy(rows, columns, a);
    double *u = matrix_zero(rows, r), *s = matrix_zero(r, 1), *v = matrix_zero(r, columns);
    void *room = check_memory(linear_svd_room(rows, columns) + 1, 1);
    assert_int_equal(linear_svd(rows, columns, spoilt, u, s, v, room), LINEAR_OK);
    CHECK_AT_MOST(matrix_distance(r, s, values), bound(n, 4, scale));
    CHECK_AT_MOST(matrix_columns_off(rows, r, u), bound(n, 4, 1));
    CHECK_AT_MOST(matrix_rows_off(r, columns, v), bound(n, 4, 1));
    check_signs(r, columns, v);
    for (size_t i = 0; i < rows; ++i)
        for (size_t j = 0; j < r; ++j)
            u[i * r + j] *= s[j];
    double *back = matrix_product(0, 0, rows, columns, r, u, v);
    CHECK_AT_MOST(matrix_distance(rows * columns, back, a), bound(n, 4, scale));
    memcpy(spoilt, a, rows * columns * sizeof *a);
    assert_int_equal(linear_singular_values(rows, columns, spoilt, s, room), LINEAR_OK);
    CHECK_AT_MOST(matrix_distance(r, s, values), bound(n, 4, scale));
    free(back);
    free(room);
    free(v);
    free(s);
    free(u);
    free(spoilt);
    free(a);
    free(values);
}

static void svd(void **state) {
    (void)state;
    for (size_t i = 0; i < SIZE_COUNT; ++i)
        for (size_t k = 0; k < SCALE_COUNT; ++k) {
            const size_t n = SIZES[i];
            check_svd(n, n, n, 1e12, SCALES[k]);
            check_svd(n, n, n / 2, 10, SCALES[k]);
            check_svd(3 * n, n, n, 10, SCALES[k]);
            check_svd(n, 2 * n + 1, n / 3, 1, SCALES[k]);
        }
    check_svd(0, 4, 0, 1, 1);
    check_svd(4, 0, 0, 1, 1);
}

static void svd_refuses(void **state) {
    (void)state;
    double nan[4] = {1, NAN, 0, 1}, u[4], s[2], v[4];
    void *room = check_memory(linear_svd_room(2, 2), 1);
    assert_int_equal(linear_svd(2, 2, nan, u, s, v, room), LINEAR_NONFINITE);
    assert_int_equal(linear_singular_values(2, 2, nan, s, room), LINEAR_NONFINITE);
    assert_true(linear_svd_room(SIZE_MAX / 4, 2) == SIZE_MAX);
    assert_int_equal(linear_svd(SIZE_MAX / 4, 2, nan, u, s, v, NULL), LINEAR_SIZE);
    free(room);
}

/* ---- The largest singular values ---- */

static void check_leading(size_t rows, size_t columns, size_t rank, size_t count, double scale) {
    const size_t r = rows < columns ? rows : columns, n = rows + columns;
    double *values = spectrum(r, rank, 1e6, scale), *a = with_singular_values(rows, columns, values);
    double *before = matrix_copy(rows, columns, a), *full_u = matrix_zero(rows, r), *full_v = matrix_zero(r, columns);
    double *u = matrix_zero(count, rows), *s = matrix_zero(count, 1), *v = matrix_zero(count, columns);
    void *room = check_memory(linear_leading_room(rows, columns, count) + 1, 1);
    assert_int_equal(linear_leading(rows, columns, a, count, 1e-13, u, s, v, room), LINEAR_OK);
    assert_true(matrix_distance(rows * columns, a, before) == 0);
    CHECK_AT_MOST(matrix_distance(count, s, values), bound(n, 8, scale));
    CHECK_AT_MOST(matrix_rows_off(count, rows, u), bound(n, 8, 1));
    CHECK_AT_MOST(matrix_rows_off(count, columns, v), bound(n, 8, 1));
    check_signs(count, columns, v);
    double *image = matrix_product(0, 1, rows, count, columns, a, v);
    for (size_t i = 0; i < rows; ++i)
        for (size_t k = 0; k < count; ++k)
            CHECK_AT_MOST(fabs(image[i * count + k] - s[k] * u[k * rows + i]), 1e-13 * scale + bound(n, 8, scale));
    free(image);
    free(room);
    free(v);
    free(s);
    free(u);
    free(full_v);
    free(full_u);
    free(before);
    free(a);
    free(values);
}

static void leading(void **state) {
    (void)state;
    for (size_t i = 1; i < SIZE_COUNT; ++i)
        for (size_t k = 0; k < SCALE_COUNT; ++k) {
            const size_t n = SIZES[i];
            check_leading(n, n, n, 1, SCALES[k]);
            check_leading(n, 2 * n + 3, n, n < 4 ? n : 4, SCALES[k]);
            check_leading(2 * n, n, n / 2, 1, SCALES[k]);
        }
    check_leading(3, 5, 0, 2, 1);
    assert_int_equal(linear_leading(0, 0, NULL, 0, 0, NULL, NULL, NULL, NULL), LINEAR_OK);
}

static void leading_refuses(void **state) {
    (void)state;
    enum { N = 40 };
    double nan[4] = {1, NAN, 0, 1}, u[2 * N], s[2], v[2 * N];
    void *room = check_memory(linear_leading_room(N, N, 1), 1);
    assert_int_equal(linear_leading(2, 2, nan, 1, 1e-10, u, s, v, room), LINEAR_NONFINITE);
    assert_int_equal(linear_leading(2, 2, nan, 3, 1e-10, u, s, v, room), LINEAR_SIZE);
    /* A tolerance that rounding does not let it reach; the best is told. */
    double *values = spectrum(N, N, 10, 1), *a = with_singular_values(N, N, values);
    assert_int_equal(linear_leading(N, N, a, 1, 0, u, s, v, room), LINEAR_STALLED);
    CHECK_AT_MOST(fabs(s[0] - 1), 1e-14);
    free(a);
    free(values);
    free(room);
}

/* ---- Inverse roots ---- */

/* |found - Q diag(value^-exponent) Q'| over the largest of these powers. */
static double off_power(size_t n, const double *values, double ridge, double exponent, uint64_t seed,
                        const double *found) {
    double *powers = matrix_zero(n, 1);
    for (size_t i = 0; i < n; ++i)
        powers[i] = pow(values[i] + ridge, -exponent);
    double *want = matrix_symmetric(n, powers, seed, NULL);
    const double off = matrix_distance(n * n, want, found) / fmax(matrix_largest(n, powers), DBL_MIN);
    free(want);
    free(powers);
    return off;
}

/* An eigenvalue off by eps |A| moves its power by `exponent` times eps, times the condition. */
static void check_root(size_t n, double condition, double exponent, double ridge, double scale) {
    double *values = spectrum(n, n, condition, scale), *a = matrix_symmetric(n, values, 31, NULL);
    double *spoilt = matrix_copy(n, n, a), *out = matrix_zero(n, n);
    const double limit = bound(n, 8 * (1 + exponent), fmin(condition, 1 + scale / fmax(ridge, DBL_MIN)));
    void *room = check_memory(linear_inverse_root_room(n) + 1, 1);
    assert_int_equal(linear_inverse_root(n, spoilt, exponent, ridge, out, room), LINEAR_OK);
    CHECK_AT_MOST(off_power(n, values, ridge, exponent, 31, out), limit);
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < i; ++j)
            assert_true(out[i * n + j] == out[j * n + i]);
    free(room);
    const double p = 1 / exponent;
    if (p == floor(p)) {
        room = check_memory(linear_newton_root_room(n) + 1, 1);
        assert_int_equal(linear_newton_root(n, a, (unsigned)p, ridge, out, room), LINEAR_OK);
        CHECK_AT_MOST(off_power(n, values, ridge, exponent, 31, out), 8 * limit);
        free(room);
    }
    free(out);
    free(spoilt);
    free(a);
    free(values);
}

static void inverse_roots(void **state) {
    (void)state;
    const double EXPONENTS[] = {1, 0.5, 0.25, 0.125, 1.0 / 6, 0.3};
    for (size_t i = 0; i < SIZE_COUNT; ++i)
        for (size_t k = 0; k < sizeof EXPONENTS / sizeof *EXPONENTS; ++k) {
            check_root(SIZES[i], 1, EXPONENTS[k], 0, 1);
            check_root(SIZES[i], 1e3, EXPONENTS[k], 0, 1e-140);
            check_root(SIZES[i], 1e3, EXPONENTS[k], 0, 1e140);
            check_root(SIZES[i], 1e8, EXPONENTS[k], 0, 1);
            check_root(SIZES[i], 1e12, EXPONENTS[k], 1e-4, 1);
        }
}

/* Rank one: the ridge is all there is elsewhere, and eigenvalues below 0 by rounding do no harm. */
static void roots_of_rank_one(void **state) {
    (void)state;
    enum { N = 33 };
    double *g = matrix_random(N, 1, 41), *a = matrix_product(0, 1, N, N, 1, g, g), *out = matrix_zero(N, N), square = 0;
    void *room = check_memory(linear_inverse_root_room(N), 1);
    for (size_t i = 0; i < N; ++i)
        square += g[i] * g[i];
    double *copy = matrix_copy(N, N, a);
    assert_int_equal(linear_inverse_root(N, copy, 0.25, 1e-4, out, room), LINEAR_OK);
    const double outside = 10, along = pow(square + 1e-4, -0.25); /* of 1e-4 the fourth root is 0.1 */
    for (size_t i = 0; i < N; ++i)
        for (size_t j = 0; j < N; ++j)
            CHECK_CLOSE(out[i * N + j], (i == j ? outside : 0) + (along - outside) * g[i] * g[j] / square, 1e-9);
    /* And with nothing elsewhere: the pseudo-inverse. */
    memcpy(copy, a, N * N * sizeof *a);
    assert_int_equal(linear_pseudo_inverse(N, copy, 1e-12, out, room), LINEAR_OK);
    for (size_t i = 0; i < N; ++i)
        for (size_t j = 0; j < N; ++j)
            CHECK_CLOSE(out[i * N + j], g[i] * g[j] / square / square, 1e-14);
    free(copy);
    free(room);
    free(out);
    free(a);
    free(g);
}

static void pseudo_inverse(void **state) {
    (void)state;
    double a[4] = {1, 0, 2, 1}, out[4]; /* of an indefinite matrix it is the inverse: (-1 2; 2 -1) / 3 */
    void *room = check_memory(linear_inverse_root_room(2), 1);
    assert_int_equal(linear_pseudo_inverse(2, a, 1e-12, out, room), LINEAR_OK);
    CHECK_CLOSE(out[0], -1.0 / 3, 1e-15);
    CHECK_CLOSE(out[1], 2.0 / 3, 1e-15);
    CHECK_CLOSE(out[3], -1.0 / 3, 1e-15);
    double zero[4] = {0};
    assert_int_equal(linear_pseudo_inverse(2, zero, 1e-12, out, room), LINEAR_OK);
    CHECK_CLOSE(matrix_largest(4, out), 0, 0);
    double tiny[4] = {1e-310, 0, 0, 1e-310};
    assert_int_equal(linear_pseudo_inverse(2, tiny, 0.5, out, room), LINEAR_SINGULAR);
    assert_int_equal(linear_pseudo_inverse(0, NULL, 0.5, NULL, room), LINEAR_OK);
    free(room);
}

static void roots_refuse(void **state) {
    (void)state;
    double zero[4] = {0}, nan[4] = {1, 0, NAN, 1}, out[4];
    void *room = check_memory(linear_inverse_root_room(2), 1), *newton = check_memory(linear_newton_root_room(2), 1);
    assert_int_equal(linear_inverse_root(2, zero, 0.5, 0, out, room), LINEAR_SINGULAR);
    assert_int_equal(linear_inverse_root(2, nan, 0.5, 1, out, room), LINEAR_NONFINITE);
    assert_int_equal(linear_pseudo_inverse(2, nan, 0.5, out, room), LINEAR_NONFINITE);
    assert_int_equal(linear_newton_root(2, nan, 2, 1, out, newton), LINEAR_NONFINITE);
    double none[4] = {0}, indefinite[4] = {1, 0, 2, 1}, ones[4] = {1, 1, 1, 1}, infinite[4] = {INFINITY, 0, 0, 1};
    assert_int_equal(linear_newton_root(2, none, 2, 0, out, newton), LINEAR_SINGULAR);
    assert_int_equal(linear_newton_root(2, indefinite, 2, 0, out, newton), LINEAR_SINGULAR);
    assert_int_equal(linear_newton_root(2, ones, 1, 0, out, newton), LINEAR_SINGULAR);
    assert_int_equal(linear_newton_root(2, infinite, 2, 0, out, newton), LINEAR_NONFINITE);
    assert_true(linear_inverse_root_room(SIZE_MAX / 8) == SIZE_MAX);
    assert_true(linear_newton_root_room(SIZE_MAX / 8) == SIZE_MAX);
    free(newton);
    free(room);
}

int main(void) {
    if (!linear_available()) /* unit/no_lapack is about that */
        return 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs),
        cmocka_unit_test(eigen),
        cmocka_unit_test(eigen_refuses),
        cmocka_unit_test(svd),
        cmocka_unit_test(svd_refuses),
        cmocka_unit_test(leading),
        cmocka_unit_test(leading_refuses),
        cmocka_unit_test(inverse_roots),
        cmocka_unit_test(roots_of_rank_one),
        cmocka_unit_test(pseudo_inverse),
        cmocka_unit_test(roots_refuse),
    };
    return cmocka_run_group_tests_name("linear_spectra", tests, NULL, NULL);
}
