/* Cholesky, L D L' and Q R of src/linear: residuals, orthogonality in units of the rounding error, failing inputs. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "linear/linear.h"
#include "matrices.h"

static const size_t SIZES[] = {0, 1, 2, 5, 33, 128};
enum { SIZE_COUNT = sizeof SIZES / sizeof *SIZES };
static const double SCALES[] = {1, 1e-140, 1e140};
enum { SCALE_COUNT = sizeof SCALES / sizeof *SCALES };

/* `factor` rounding errors of numbers as large as `scale`, for sums of n. */
static double bound(size_t n, double factor, double scale) {
    return factor * ((double)n + 1) * DBL_EPSILON * scale;
}

static double *positive(size_t n, double condition, double scale) {
    double *values = matrix_zero(n, 1);
    for (size_t i = 0; i < n; ++i)
        values[i] = scale * pow(condition, -(double)i / (double)(n > 1 ? n - 1 : 1));
    double *a = matrix_symmetric(n, values, n + 1, NULL);
    free(values);
    return a;
}

/* ---- Cholesky ---- */

static void check_cholesky(size_t n, double condition, double scale) {
    double *a = positive(n, condition, scale), *l = matrix_copy(n, n, a);
    for (size_t i = 0; i < n; ++i)
        for (size_t j = i + 1; j < n; ++j)
            l[i * n + j] = NAN; /* is not read */
    assert_int_equal(linear_cholesky(n, l), LINEAR_OK);
    double *product = matrix_product(0, 1, n, n, n, l, l);
    CHECK_AT_MOST(matrix_distance(n * n, a, product), bound(n, 4, scale));
    for (size_t i = 0; i < n; ++i)
        for (size_t j = i + 1; j < n; ++j)
            assert_true(l[i * n + j] == 0);
    free(product);

    enum { SIDES = 3 };
    double *rows = matrix_random(SIDES, n, 7), *x = matrix_copy(SIDES, n, rows);
    linear_cholesky_solve_rows(n, l, SIDES, x);
    double *back = matrix_product(0, 0, SIDES, n, n, x, a);
    const double solution = matrix_largest(SIDES * n, x) * scale;
    CHECK_AT_MOST(matrix_distance(SIDES * n, back, rows), bound(n, 8, solution));
    free(back);
    free(x);
    free(rows);

    double *columns = matrix_random(n, SIDES, 8);
    x = matrix_copy(n, SIDES, columns);
    linear_cholesky_solve_columns(n, l, SIDES, x);
    back = matrix_product(0, 0, n, SIDES, n, a, x);
    CHECK_AT_MOST(matrix_distance(SIDES * n, back, columns), bound(n, 8, matrix_largest(SIDES * n, x) * scale));
    free(back);
    free(x);
    free(columns);
    free(l);
    free(a);
}

static void cholesky(void **state) {
    (void)state;
    for (size_t i = 0; i < SIZE_COUNT; ++i)
        for (size_t k = 0; k < SCALE_COUNT; ++k) {
            check_cholesky(SIZES[i], 10, SCALES[k]);
            check_cholesky(SIZES[i], 1e10, SCALES[k]);
        }
    double a[4] = {4, 0, 2, 5}; /* L = (2 0; 1 2) */
    assert_int_equal(linear_cholesky(2, a), LINEAR_OK);
    CHECK_CLOSE(a[0], 2, 0);
    CHECK_CLOSE(a[1], 0, 0);
    CHECK_CLOSE(a[2], 1, 0);
    CHECK_CLOSE(a[3], 2, 0);
}

static void cholesky_refuses(void **state) {
    (void)state;
    double indefinite[4] = {1, 0, 2, 1}, zero[4] = {0}, nan[4] = {1, 0, NAN, 1}, infinite[4] = {1, 0, 0, INFINITY};
    assert_int_equal(linear_cholesky(2, indefinite), LINEAR_SINGULAR);
    assert_int_equal(linear_cholesky(2, zero), LINEAR_SINGULAR);
    assert_int_equal(linear_cholesky(2, nan), LINEAR_NONFINITE);
    assert_int_equal(linear_cholesky(2, infinite), LINEAR_NONFINITE);
    double *big = positive(128, 10, 1);
    big[127 * 128 + 127] = -1;
    assert_int_equal(linear_cholesky(128, big), LINEAR_SINGULAR);
    free(big);
    CHECK_REFUSED(linear_error(LINEAR_SINGULAR, "H + lambda I"), OPTIM_ERR_DOMAIN,
                  "H + lambda I: the matrix is singular");
    CHECK_REFUSED(linear_error(LINEAR_NONFINITE, "H"), OPTIM_ERR_NONFINITE, "NaN or infinity");
    CHECK_REFUSED(linear_error(LINEAR_SIZE, "H"), OPTIM_ERR_SIZE, "too large for LAPACK");
    CHECK_REFUSED(linear_error(LINEAR_STALLED, "H"), OPTIM_ERR_DOMAIN, "does not converge");
    CHECK_OK(linear_error(LINEAR_OK, "H"));
    CHECK_OK(linear_require("nothing"));
}

/* ---- L D L' ---- */

/* Eigenvalues of both signs, `negative` of them below 0. */
static void check_ldl(size_t n, size_t negative, double scale) {
    double *values = matrix_zero(n, 1);
    for (size_t i = 0; i < n; ++i)
        values[i] = (i < negative ? -scale : scale) * (1 + (double)i / (double)n);
    double *a = matrix_symmetric(n, values, 3 * n + 2, NULL), *factors = matrix_copy(n, n, a);
    linear_pivot_t *pivots = check_memory(n + 1, sizeof *pivots);
    void *room = check_memory(linear_ldl_room(n) + 1, 1);
    linear_inertia_t inertia;
    assert_int_equal(linear_ldl(n, factors, pivots, &inertia, room), LINEAR_OK);
    assert_int_equal(inertia.negative, negative);
    assert_int_equal(inertia.positive, n - negative);
    assert_int_equal(inertia.zero, 0);
    double *b = matrix_random(2, n, 5), *x = matrix_copy(2, n, b);
    linear_ldl_solve_rows(n, factors, pivots, 2, x);
    double *back = matrix_product(0, 0, 2, n, n, x, a);
    CHECK_AT_MOST(matrix_distance(2 * n, back, b), bound(n, 64, matrix_largest(2 * n, x) * scale));
    free(back);
    free(x);
    free(b);
    free(room);
    free(pivots);
    free(factors);
    free(a);
    free(values);
}

static void ldl(void **state) {
    (void)state;
    for (size_t i = 0; i < SIZE_COUNT; ++i)
        for (size_t k = 0; k < SCALE_COUNT; ++k)
            for (size_t third = 0; third < 4; ++third)
                check_ldl(SIZES[i], SIZES[i] * third / 3, SCALES[k]);
    /* No pivot on the diagonal: a block of order two. */
    double a[4] = {0, 0, 3, 0}, b[2] = {6, 3};
    linear_pivot_t pivots[2];
    linear_inertia_t inertia;
    void *room = check_memory(linear_ldl_room(2), 1);
    assert_int_equal(linear_ldl(2, a, pivots, &inertia, room), LINEAR_OK);
    assert_int_equal(inertia.negative, 1);
    assert_int_equal(inertia.positive, 1);
    linear_ldl_solve_rows(2, a, pivots, 1, b);
    CHECK_CLOSE(b[0], 1, 1e-15);
    CHECK_CLOSE(b[1], 2, 1e-15);
    free(room);
}

static void ldl_refuses(void **state) {
    (void)state;
    double diagonal[9] = {2, 0, 0, 0, 0, 0, 0, 0, -1}, nan[4] = {1, 0, 0, NAN};
    linear_pivot_t pivots[3];
    linear_inertia_t inertia;
    void *room = check_memory(linear_ldl_room(3), 1);
    assert_int_equal(linear_ldl(3, diagonal, pivots, &inertia, room), LINEAR_SINGULAR);
    assert_int_equal(inertia.positive, 1);
    assert_int_equal(inertia.negative, 1);
    assert_int_equal(inertia.zero, 1);
    assert_int_equal(linear_ldl(2, nan, pivots, &inertia, room), LINEAR_NONFINITE);
    free(room);
    assert_true(linear_ldl_room(SIZE_MAX / 2) == SIZE_MAX);
    assert_int_equal(linear_ldl(SIZE_MAX / 2, nan, pivots, &inertia, NULL), LINEAR_SIZE);
}

/* ---- Q R ---- */

static void check_qr(size_t rows, size_t columns, size_t rank, double scale) {
    double *left = matrix_random(rows, rank, 11), *right = matrix_random(rank, columns, 12);
    double *a = matrix_product(0, 0, rows, columns, rank, left, right);
    for (size_t i = 0; i < rows * columns; ++i)
        a[i] *= scale;
    double *q = matrix_copy(rows, columns, a), *r = matrix_random(columns, columns, 13);
    void *room = check_memory(linear_qr_room(rows, columns) + 1, 1);
    assert_int_equal(linear_qr(rows, columns, q, r, room), LINEAR_OK);
    CHECK_AT_MOST(matrix_columns_off(rows, columns, q), bound(columns, 4, 1));
    double *back = matrix_product(0, 0, rows, columns, columns, q, r);
    CHECK_AT_MOST(matrix_distance(rows * columns, back, a), bound(columns, 4, scale * (double)(rank + 1)));
    for (size_t i = 0; i < columns; ++i) {
        assert_true(r[i * columns + i] >= 0);
        for (size_t j = 0; j < i; ++j)
            assert_true(r[i * columns + j] == 0);
    }
    double *again = matrix_copy(rows, columns, a);
    assert_int_equal(linear_qr(rows, columns, again, NULL, room), LINEAR_OK);
    assert_true(matrix_distance(rows * columns, again, q) == 0);
    free(again);
    free(back);
    free(room);
    free(r);
    free(q);
    free(a);
    free(right);
    free(left);
}

static void qr(void **state) {
    (void)state;
    for (size_t i = 0; i < SIZE_COUNT; ++i)
        for (size_t k = 0; k < SCALE_COUNT; ++k) {
            const size_t n = SIZES[i];
            check_qr(n, n, n, SCALES[k]);
            check_qr(n, n, n / 2, SCALES[k]);
            check_qr(2 * n + 1, n, n, SCALES[k]);
            check_qr(3 * n, n, n / 3, SCALES[k]);
        }
    check_qr(7, 0, 0, 1);
    double a[4] = {-3, 1, -4, 2}; /* R = (5 -2.2; 0 0.4), Q = (-0.6 -0.8; -0.8 0.6) */
    double r[4];
    void *room = check_memory(linear_qr_room(2, 2), 1);
    assert_int_equal(linear_qr(2, 2, a, r, room), LINEAR_OK);
    CHECK_CLOSE(r[0], 5, 1e-15);
    CHECK_CLOSE(r[1], -2.2, 1e-15);
    CHECK_CLOSE(r[3], 0.4, 1e-15);
    CHECK_CLOSE(a[0], -0.6, 1e-15);
    CHECK_CLOSE(a[1], -0.8, 1e-15);
    CHECK_CLOSE(a[2], -0.8, 1e-15);
    CHECK_CLOSE(a[3], 0.6, 1e-15);
    free(room);
}

static void qr_refuses(void **state) {
    (void)state;
    double nan[4] = {1, NAN, 0, 1}, wide[6] = {0};
    void *room = check_memory(linear_qr_room(2, 2), 1);
    assert_int_equal(linear_qr(2, 2, nan, NULL, room), LINEAR_NONFINITE);
    assert_int_equal(linear_qr(2, 3, wide, NULL, room), LINEAR_SIZE);
    assert_true(linear_qr_room(2, 3) == SIZE_MAX);
    assert_true(linear_qr_room(SIZE_MAX / 4, SIZE_MAX / 8) == SIZE_MAX);
    free(room);
}

int main(void) {
    if (!linear_available()) /* unit/no_lapack is about that */
        return 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cholesky), cmocka_unit_test(cholesky_refuses),
        cmocka_unit_test(ldl),      cmocka_unit_test(ldl_refuses),
        cmocka_unit_test(qr),       cmocka_unit_test(qr_refuses),
    };
    return cmocka_run_group_tests_name("linear_factors", tests, NULL, NULL);
}
