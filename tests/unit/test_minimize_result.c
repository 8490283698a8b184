/* optim_minimize: what it leaves behind, with and without callbacks; L-BFGS; its arguments. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "caller.h"
#include "check.h"
#include "rig.h"

/* ---- What it leaves behind ---- */

static void test_keep_best(void **state) {
    (void)state;
    caller_t c, by_hand;
    caller_open(&c, "adam", "lr=0.3", &PLANE, "rosenbrock"); /* jumps about */
    optim_stop stop = stop_new(&c);
    stop.steps = 40;
    stop.keep_best = 1;
    const optim_result result = minimize(&c, &stop, OPTIM_STOP_STEPS);
    caller_open(&by_hand, "adam", "lr=0.3", &PLANE, "rosenbrock");
    by_hand.rig->withhold_loss = false;
    double best = rig_value(by_hand.rig);
    void *bits = rig_snapshot(by_hand.rig);
    for (int i = 0; i < 40; ++i) {
        CHECK_OK(rig_step(by_hand.rig));
        if (rig_value(by_hand.rig) < best) {
            best = rig_value(by_hand.rig);
            free(bits);
            bits = rig_snapshot(by_hand.rig);
        }
    }
    assert_true(best < rig_value(by_hand.rig)); /* the last is not the best */
    rig_check_snapshot(c.rig, bits, "the best parameters");
    assert_true(result.best_loss == best && result.loss == best);
    free(bits);
    caller_close(&by_hand);
    caller_close(&c);
}

static void test_keep_best_when_all_gets_worse(void **state) {
    (void)state;
    caller_t c;
    caller_open(&c, "sgd", "lr=1", &TENSORS, "quadratic");
    optim_stop stop = stop_new(&c);
    stop.steps = 5;
    stop.keep_best = 1;
    void *before = rig_snapshot(c.rig);
    const double loss = rig_value(c.rig);
    const optim_result result = minimize(&c, &stop, OPTIM_STOP_STEPS);
    rig_check_snapshot(c.rig, before, "the start was the best");
    assert_true(result.best_loss == loss && result.loss == loss);
    free(before);
    caller_close(&c);
}

/* The driver makes the very steps that a caller makes, whatever they ask for, in one call or in several. */
static void test_same_as_by_hand(void **state) {
    (void)state;
    static const char *const METHODS[][2] = {{"adamw", "lr=0.01"}, {"extragradient", "lr=0.05"},
                                             {"oasis", "lr=0.1"},  {"lbfgs", NULL},
                                             {"dog", NULL},        {"muon", NULL}};
    for (size_t i = 0; i < sizeof METHODS / sizeof *METHODS; ++i) {
        caller_t c, by_hand;
        caller_open(&c, METHODS[i][0], METHODS[i][1], &TENSORS, "quadratic");
        optim_stop stop = stop_new(&c);
        stop.steps = 4;
        stop.progress = NULL;
        optim_result result = {.size = sizeof result};
        CHECK_OK(optim_minimize(c.rig->opt, &c.problem, &stop, NULL));
        CHECK_OK(optim_minimize(c.rig->opt, &c.problem, &stop, &result));
        assert_int_equal(result.steps, 4);
        caller_open(&by_hand, METHODS[i][0], METHODS[i][1], &TENSORS, "quadratic");
        by_hand.rig->withhold_loss = false;
        CHECK_OK(rig_steps(by_hand.rig, 8));
        rig_check_same(c.rig, by_hand.rig, METHODS[i][0]);
        caller_close(&by_hand);
        caller_close(&c);
    }
}

static void test_without_loss_callback(void **state) {
    (void)state;
    caller_t c;
    caller_open(&c, "sgd", "lr=0.1", &TENSORS, "quadratic");
    optim_stop stop = stop_new(&c);
    stop.steps = 3;
    c.problem.loss = NULL;
    const optim_result result = minimize(&c, &stop, OPTIM_STOP_STEPS);
    assert_in_range(c.gradients, 3, 4);
    assert_true(result.loss == rig_value(c.rig));
    caller_close(&c);
}

static void test_without_product_callback(void **state) {
    (void)state;
    caller_t c;
    caller_open(&c, "oasis", NULL, &TENSORS, "quadratic");
    optim_stop stop = stop_new(&c);
    c.problem.product = NULL;
    void *before = rig_snapshot(c.rig);
    optim_result result = {.size = sizeof result};
    const optim_status status = optim_minimize(c.rig->opt, &c.problem, &stop, &result);
    assert_true(status < 0);
    assert_non_null(strstr(optim_error(), "product"));
    assert_int_equal(result.reason, OPTIM_STOP_NONE);
    rig_check_snapshot(c.rig, before, "nobody answers for products");
    CHECK_STATUS(optim_cancel(c.rig->opt), OPTIM_ERR_CLOSED); /* no request was left open */
    free(before);
    caller_close(&c);
}

/* ---- L-BFGS: every evaluation counts, none is wasted ---- */

static void test_lbfgs_rosenbrock(void **state) {
    (void)state;
    caller_t c;
    const double zero[9] = {0};
    caller_open(&c, "lbfgs", NULL, &NINE, "rosenbrock");
    rig_write(c.rig, zero);
    optim_stop stop = stop_new(&c);
    const optim_result result = minimize(&c, &stop, OPTIM_STOP_PRECISION); /* at the minimum, long before 1000 steps */
    CHECK_AT_MOST(result.loss, 1e-20);
    CHECK_AT_MOST((double)result.steps, 80);
    assert_true(result.loss == rig_value(c.rig));
    assert_int_equal(c.losses, 0); /* the loss of the accepted point is known */
    assert_in_range(c.gradients, 62, 200);
    caller_close(&c);
}

static void test_lbfgs_to_a_small_gradient(void **state) {
    (void)state;
    caller_t c;
    const double classic[2] = {-1.2, 1};
    caller_open(&c, "lbfgs", NULL, &PLANE, "rosenbrock");
    rig_write(c.rig, classic);
    optim_stop stop = stop_new(&c);
    stop.gradient_norm = 1e-4;
    const optim_result result = minimize(&c, &stop, OPTIM_STOP_GRADIENT_NORM);
    CHECK_AT_MOST(result.loss, 1e-9);
    CHECK_AT_MOST(gradient_norm(&c), 1e-4);
    assert_in_range(result.steps, 20, 60);
    caller_close(&c);
}

static void test_maximize(void **state) {
    (void)state;
    caller_t c;
    caller_open(&c, "sgd", "lr=0.1,maximize=1", &TENSORS, "quadratic");
    c.rig->sign = -1;
    optim_stop stop = stop_new(&c);
    stop.steps = 30;
    c.problem.loss = NULL;
    optim_result result = {.size = sizeof result};
    CHECK_OK(optim_minimize(c.rig->opt, &c.problem, &stop, &result));
    CHECK_AT_MOST(rig_value(c.rig), 0.5);
    caller_close(&c);
}

/* ---- Arguments ---- */

static void test_no_criterion(void **state) {
    (void)state;
    caller_t c;
    caller_open(&c, "sgd", NULL, &TENSORS, "quadratic");
    optim_stop stop = {.size = sizeof stop};
    CHECK_REFUSED(optim_minimize(c.rig->opt, &c.problem, &stop, NULL), OPTIM_ERR_VALUE, "steps");
    stop.steps = -1;
    assert_true(optim_minimize(c.rig->opt, &c.problem, &stop, NULL) < 0);
    stop.steps = 0;
    stop.gradient_norm = (double)NAN;
    assert_true(optim_minimize(c.rig->opt, &c.problem, &stop, NULL) < 0);
    assert_int_equal(c.gradients, 0);
    caller_close(&c);
}

static void test_sizes(void **state) {
    (void)state;
    caller_t c;
    caller_open(&c, "sgd", "lr=0.1", &TENSORS, "quadratic");
    optim_stop stop = stop_new(&c);
    stop.steps = 2;
    struct {
        optim_result known;
        int64_t tail;
    } result;
    memset(&result, 0, sizeof result);
    result.known.size = sizeof result;
    CHECK_OK(optim_minimize(c.rig->opt, &c.problem, &stop, &result.known));
    assert_int_equal(result.known.steps, 2);
    memset(&result, 0x5A, sizeof result);
    result.known.size = offsetof(optim_result, evaluations);
    stop.progress = NULL;
    CHECK_OK(optim_minimize(c.rig->opt, &c.problem, &stop, &result.known));
    assert_int_equal(result.known.steps, 2);
    assert_int_equal(result.known.evaluations, 0x5A5A5A5A5A5A5A5A);
    result.known.size = 0;
    CHECK_STATUS(optim_minimize(c.rig->opt, &c.problem, &stop, &result.known), OPTIM_ERR_ARGUMENT);
    stop.size = 0;
    CHECK_STATUS(optim_minimize(c.rig->opt, &c.problem, &stop, NULL), OPTIM_ERR_ARGUMENT);
    /* an older caller's shorter structs: what is not there is off */
    stop.size = offsetof(optim_stop, seconds);
    stop.seconds = 1e-12;
    c.problem.size = offsetof(optim_problem, loss);
    CHECK_OK(optim_minimize(c.rig->opt, &c.problem, &stop, NULL));
    assert_int_equal(optim_steps(c.rig->opt), 6);
    c.problem.size = sizeof c.problem.size;
    CHECK_STATUS(optim_minimize(c.rig->opt, &c.problem, &stop, NULL), OPTIM_ERR_NULL);
    caller_close(&c);
}

static void test_longer_structs(void **state) {
    (void)state;
    caller_t c;
    caller_open(&c, "sgd", "lr=0.1", &TENSORS, "quadratic");
    struct {
        optim_stop known;
        char tail[8];
    } stop = {stop_new(&c), {0}};
    struct {
        optim_problem known;
        char tail[8];
    } problem = {c.problem, {0}};
    stop.known.steps = 2;
    stop.known.size = sizeof stop;
    problem.known.size = sizeof problem;
    CHECK_OK(optim_minimize(c.rig->opt, &problem.known, &stop.known, NULL));
    stop.tail[7] = 1;
    CHECK_STATUS(optim_minimize(c.rig->opt, &problem.known, &stop.known, NULL), OPTIM_ERR_ARGUMENT);
    stop.tail[7] = 0;
    problem.tail[7] = 1;
    CHECK_STATUS(optim_minimize(c.rig->opt, &problem.known, &stop.known, NULL), OPTIM_ERR_ARGUMENT);
    caller_close(&c);
}

/* What progress is told: the loss and, where asked for, the gradient norm at the parameters as they stand. */
static int compare_progress(void *user, const optim_progress *progress) {
    caller_t *c = user;
    assert_true(progress->loss == rig_value(c->rig));
    CHECK_CLOSE(progress->gradient_norm, gradient_norm(c), 1e-14);
    return on_progress(user, progress);
}

static void test_progress(void **state) {
    (void)state;
    caller_t c;
    caller_open(&c, "adam", "lr=0.05", &TENSORS, "quadratic");
    optim_stop stop = stop_new(&c);
    stop.steps = 12;
    stop.gradient_norm = 1e-300;
    stop.progress = compare_progress;
    (void)minimize(&c, &stop, OPTIM_STOP_STEPS);
    assert_int_equal(c.progresses, 12);
    caller_close(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keep_best),
        cmocka_unit_test(test_keep_best_when_all_gets_worse),
        cmocka_unit_test(test_same_as_by_hand),
        cmocka_unit_test(test_without_loss_callback),
        cmocka_unit_test(test_without_product_callback),
        cmocka_unit_test(test_lbfgs_rosenbrock),
        cmocka_unit_test(test_lbfgs_to_a_small_gradient),
        cmocka_unit_test(test_maximize),
        cmocka_unit_test(test_no_criterion),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_longer_structs),
        cmocka_unit_test(test_progress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
