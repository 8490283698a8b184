/* src/linear in a build without LAPACK: everything that needs it says so, and the Newton iteration does without. */
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "linear/linear.h"

static void says_so(void **state) {
    (void)state;
    assert_false(linear_available());
    CHECK_REFUSED(linear_require("method \"shampoo\""), OPTIM_ERR_MISSING, "method \"shampoo\" needs LAPACK");
    CHECK_REFUSED(linear_error(LINEAR_MISSING, "roots"), OPTIM_ERR_MISSING, "build it with OpenBLAS");
}

static void functions_say_so(void **state) {
    (void)state;
    double a[4] = {2, 1, 1, 2}, out[4], values[2], v[4], room[64];
    linear_pivot_t pivots[2];
    linear_inertia_t inertia;
    assert_true(linear_eigen_room(2) <= sizeof room && linear_inverse_root_room(2) <= sizeof room);
    assert_int_equal(linear_cholesky(2, a), LINEAR_MISSING);
    assert_int_equal(linear_ldl(2, a, pivots, &inertia, room), LINEAR_MISSING);
    assert_int_equal(linear_eigen(2, a, values, room), LINEAR_MISSING);
    assert_int_equal(linear_eigenvalues(2, a, values, room), LINEAR_MISSING);
    assert_int_equal(linear_qr(2, 2, a, NULL, room), LINEAR_MISSING);
    assert_int_equal(linear_svd(2, 2, a, out, values, v, room), LINEAR_MISSING);
    assert_int_equal(linear_singular_values(2, 2, a, values, room), LINEAR_MISSING);
    assert_int_equal(linear_leading(2, 2, a, 1, 1e-10, out, values, v, room), LINEAR_MISSING);
    assert_int_equal(linear_inverse_root(2, a, 0.5, 0, out, room), LINEAR_MISSING);
    assert_int_equal(linear_pseudo_inverse(2, a, 1e-12, out, room), LINEAR_MISSING);
    linear_cholesky_solve_rows(2, a, 1, values);
    linear_cholesky_solve_columns(2, a, 1, values);
    linear_ldl_solve_rows(2, a, pivots, 1, values);
    const double before[4] = {2, 1, 1, 2};
    assert_memory_equal(a, before, sizeof a);
}

static void newton_does_without(void **state) {
    (void)state;
    double a[4] = {2, 1, 1, 2}, out[4], room[8]; /* eigenvalues 1 and 3 */
    assert_int_equal(linear_newton_root(2, a, 2, 0, out, room), LINEAR_OK);
    CHECK_CLOSE(out[0], (1 + sqrt(1.0 / 3)) / 2, 1e-14);
    CHECK_CLOSE(out[1], (sqrt(1.0 / 3) - 1) / 2, 1e-14);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_so),
        cmocka_unit_test(functions_say_so),
        cmocka_unit_test(newton_does_without),
    };
    return cmocka_run_group_tests_name("no_lapack", tests, NULL, NULL);
}
