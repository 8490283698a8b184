/* Calls out of order, and steps that end in an error: the status, the sentence, and everything as it was before. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "plain_handle.h"

static int never_called(void *user, const optim_request *request, double *loss) {
    (void)user;
    (void)request;
    (void)loss;
    fail();
    return 1;
}

static void test_order(void **state) {
    (void)state;
    handle_t s;
    handle_open(&s);
    CHECK_OK(optim_step(s.opt));
    CHECK_REFUSED(optim_wrap_groups(s.opt, "ema", (int[]){0}, 1), OPTIM_ERR_ORDER, "step");
    CHECK_REFUSED(optim_set_grad_dtype(s.opt, 0, OPTIM_F32), OPTIM_ERR_ORDER, "step");
    handle_close(&s);
}

static void test_closed(void **state) {
    (void)state;
    handle_t s;
    const void *direction;
    void *product;
    handle_open(&s);
    CHECK_REFUSED(optim_cancel(s.opt), OPTIM_ERR_CLOSED, "request");
    CHECK_REFUSED(optim_hvp_vector(s.opt, 0, &direction), OPTIM_ERR_CLOSED, "product");
    CHECK_REFUSED(optim_hvp_result(s.opt, 0, &product), OPTIM_ERR_CLOSED, "product");
    handle_close(&s);
}

/* A step that waits: extragradient after its first gradient. */
static void test_open(void **state) {
    (void)state;
    double x = 1, g = 1;
    const void *direction;
    void *product;
    const int64_t one = 1;
    optim_t *opt;
    optim_problem problem = {.size = sizeof problem};
    optim_stop stop = {.size = sizeof stop, .steps = 1};
    CHECK_OK(optim_create(&opt, "extragradient", "lr=0.5"));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &x, &g));
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
    assert_true(x == 0.5);
    CHECK_REFUSED(optim_bind(opt, 0, &g, &x), OPTIM_ERR_OPEN, "request");
    CHECK_REFUSED(optim_set(opt, 0, "lr", 1), OPTIM_ERR_OPEN, "request");
    CHECK_REFUSED(optim_set_bounds(opt, 0, &x, &x), OPTIM_ERR_OPEN, "request");
    CHECK_REFUSED(optim_set_threads(opt, 1), OPTIM_ERR_OPEN, "request");
    CHECK_REFUSED(optim_set_schedule(opt, 0, "lr", "constant", NULL), OPTIM_ERR_OPEN, "request");
    CHECK_REFUSED(optim_output(opt, 0, &g), OPTIM_ERR_OPEN, "request");
    CHECK_REFUSED(optim_swap_output(opt), OPTIM_ERR_OPEN, "request");
    CHECK_REFUSED(optim_reset(opt), OPTIM_ERR_OPEN, "request");
    problem.gradient = never_called;
    CHECK_REFUSED(optim_minimize(opt, &problem, &stop, NULL), OPTIM_ERR_OPEN, "request");
    CHECK_REFUSED(optim_hvp_vector(opt, 0, &direction), OPTIM_ERR_CLOSED, "product");
    CHECK_REFUSED(optim_hvp_result(opt, 0, &product), OPTIM_ERR_CLOSED, "product");
    assert_true(optim_add_param(opt, 0, "z", OPTIM_F64, 1, &one, &x, &g) < 0);
    assert_true(optim_wrap(opt, "ema", NULL) < 0);
    double lr;
    CHECK_OK(optim_get(opt, 0, "lr", &lr)); /* reading is fine */
    g = 0.5;
    CHECK_OK(optim_step(opt));
    assert_true(x == 0.75);
    optim_destroy(opt);
}

static void test_hvp_ids(void **state) {
    (void)state;
    double x = 1, g = 1;
    const void *direction;
    void *product;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "oasis", NULL));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &x, &g));
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_HVP);
    CHECK_REFUSED(optim_hvp_vector(opt, 1, &direction), OPTIM_ERR_ARGUMENT, "1");
    CHECK_REFUSED(optim_hvp_result(opt, -1, &product), OPTIM_ERR_ARGUMENT, "-1");
    CHECK_STATUS(optim_hvp_vector(opt, 0, NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_hvp_result(opt, 0, NULL), OPTIM_ERR_NULL);
    CHECK_OK(optim_hvp_vector(opt, 0, &direction));
    CHECK_OK(optim_hvp_result(opt, 0, &product));
    *(double *)product = 2 * *(const double *)direction;
    CHECK_OK(optim_step(opt));
    assert_true(x == 0.5); /* lr 1, gradient 1, curvature 2 */
    optim_destroy(opt);
}

static void test_swapped(void **state) {
    (void)state;
    handle_t s;
    optim_stop stop = {.size = sizeof stop, .steps = 1};
    optim_problem problem = {.size = sizeof problem};
    problem.gradient = never_called;
    handle_open(&s);
    CHECK_OK(optim_swap_output(s.opt));
    CHECK_REFUSED(optim_step(s.opt), OPTIM_ERR_SWAPPED, "optim_swap_output");
    CHECK_REFUSED(optim_bind(s.opt, 0, s.x, s.g), OPTIM_ERR_SWAPPED, "optim_swap_output");
    CHECK_REFUSED(optim_reset(s.opt), OPTIM_ERR_SWAPPED, "optim_swap_output");
    CHECK_REFUSED(optim_minimize(s.opt, &problem, &stop, NULL), OPTIM_ERR_SWAPPED, "optim_swap_output");
    CHECK_OK(optim_swap_output(s.opt));
    handle_close(&s);
}

/* ---- Losses, methods that do not mix, numbers ---- */

static void test_loss(void **state) {
    (void)state;
    double x = 1, g = 1;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "lbfgs", NULL));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &x, &g));
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_LOSS, "lbfgs");
    assert_true(x == 1);
    CHECK_OK(optim_set_loss(opt, 0.5));
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_LOSS, "lbfgs"); /* asked for, not handed over */
    optim_destroy(opt);
}

/* Of methods that ask for more one may share a handle with others, not two: told before any memory is taken, and at the
 * first step. */
static void test_mismatch(void **state) {
    (void)state;
    double x = 1, g = 1;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "storm", NULL));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &x, &g));
    CHECK_OK(optim_add_group(opt, "algorithm=extragradient", NULL));
    CHECK_REFUSED(optim_memory(opt, NULL, NULL), OPTIM_ERR_MISMATCH, "extragradient");
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_MISMATCH, "storm");
    assert_true(x == 1);
    optim_destroy(opt);
    CHECK_OK(optim_create(&opt, "extragradient", NULL));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &x, &g));
    CHECK_OK(optim_add_group(opt, "lr=0.5", NULL));
    CHECK_OK(optim_memory(opt, NULL, NULL));
    optim_destroy(opt);
}

static void test_nonfinite(void **state) {
    (void)state;
    handle_t s;
    handle_open(&s);
    CHECK_OK(optim_set(s.opt, -1, "nonfinite", 2));
    s.g[2] = (double)NAN;
    CHECK_REFUSED(optim_step(s.opt), OPTIM_ERR_NONFINITE, "x");
    assert_non_null(strstr(optim_error(), "2"));
    assert_true(s.x[0] == 1 && s.x[2] == 1);
    assert_int_equal(optim_steps(s.opt), 0);
    s.g[2] = 1;
    s.h[1] = -(double)INFINITY;
    CHECK_REFUSED(optim_step(s.opt), OPTIM_ERR_NONFINITE, "y");
    s.h[1] = 0;
    handle_close(&s);
}

/* Probabilities that are not positive. */
static void test_domain(void **state) {
    (void)state;
    double x[3] = {0.5, -0.25, 0.75}, g[3] = {1, 1, 1};
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "extragradient", "mirror=entropic"));
    CHECK_OK(optim_add_param(opt, 0, "strategy", OPTIM_F64, 1, (int64_t[]){3}, x, g));
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_DOMAIN, "extragradient");
    assert_true(x[0] == 0.5 && x[1] == -0.25 && x[2] == 0.75);
    x[1] = 0.25;
    x[2] = 0.25;
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
    CHECK_OK(optim_step(opt));
    assert_int_equal(optim_steps(opt), 1);
    CHECK_CLOSE(x[0] + x[1] + x[2], 1, 1e-15);
    optim_destroy(opt);
}

/* An option that decides which states there are, by a table's own function: only before the first step. */
static void test_states_by_option(void **state) {
    (void)state;
    double x[2] = {1, 2}, g[2] = {1, 1};
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "anchored_gradient", "scheme=halpern"));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (int64_t[]){2}, x, g));
    CHECK_OK(optim_set(opt, -1, "scheme", 0));
    CHECK_OK(optim_set(opt, -1, "scheme", 1));
    CHECK_OK(optim_step(opt));
    CHECK_REFUSED(optim_set(opt, -1, "scheme", 0), OPTIM_ERR_ORDER, "scheme");
    CHECK_OK(optim_set(opt, -1, "scheme", 1));
    CHECK_OK(optim_set(opt, -1, "lr", 0.5));
    CHECK_OK(optim_step(opt));
    optim_destroy(opt);
}

/* The copy of the parameters that a swap takes would have no room for one more. */
static void test_swapped_before_the_first_step(void **state) {
    (void)state;
    handle_t s;
    const int64_t two = 2;
    handle_open(&s);
    CHECK_OK(optim_swap_output(s.opt));
    CHECK_REFUSED(optim_add_param(s.opt, 0, "z", OPTIM_F64, 1, &two, s.x, s.g), OPTIM_ERR_SWAPPED, "optim_swap_output");
    CHECK_OK(optim_swap_output(s.opt));
    handle_close(&s);
}

/* A loss that grows wherever one goes, whatever the gradient promises. */
static void test_line_search(void **state) {
    (void)state;
    double x = 1, g = 1;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "lbfgs", "line_search=armijo,max_ls=5"));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &x, &g));
    CHECK_OK(optim_set_loss(opt, 0));
    optim_status status = optim_step(opt);
    int trials = 0;
    for (; status > 0; ++trials) {
        CHECK_OK(optim_set_loss(opt, 1));
        status = optim_step(opt);
    }
    CHECK_STATUS(status, OPTIM_ERR_LINE_SEARCH);
    assert_string_not_equal(optim_error(), "");
    assert_int_equal(trials, 5);
    assert_true(x == 1);
    optim_destroy(opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_closed),
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_hvp_ids),
        cmocka_unit_test(test_swapped),
        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_mismatch),
        cmocka_unit_test(test_nonfinite),
        cmocka_unit_test(test_domain),
        cmocka_unit_test(test_line_search),
        cmocka_unit_test(test_states_by_option),
        cmocka_unit_test(test_swapped_before_the_first_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
