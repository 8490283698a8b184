/* optim_minimize: every reason to stop, and what it counts. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "caller.h"
#include "check.h"
#include "rig.h"

/* ---- Reasons ---- */

static void test_steps(void **state) {
    (void)state;
    caller_t c;
    caller_open(&c, "sgd", "lr=0.1", &TENSORS, "quadratic");
    optim_stop stop = stop_new(&c);
    stop.steps = 10;
    const double before = rig_value(c.rig);
    const optim_result result = minimize(&c, &stop, OPTIM_STOP_STEPS);
    assert_int_equal(result.steps, 10);
    assert_int_equal(c.progresses, 10);
    assert_int_equal(c.gradients + c.losses, 11); /* the last for the loss at the end */
    assert_true(result.loss == rig_value(c.rig));
    assert_true(result.best_loss == result.loss && result.loss < before);
    CHECK_CLOSE(result.gradient_norm, gradient_norm(&c), 1e-15); /* though no criterion asked for it */
    caller_close(&c);
}

static void test_evaluations(void **state) {
    (void)state;
    caller_t c;
    caller_open(&c, "extragradient", "lr=0.05", &TENSORS, "quadratic");
    optim_stop stop = stop_new(&c);
    stop.evaluations = 7;
    const optim_result result = minimize(&c, &stop, OPTIM_STOP_EVALUATIONS);
    assert_in_range(result.steps, 3, 4); /* two evaluations each; the step under way is finished */
    assert_in_range(result.evaluations, 7, 9);
    assert_true(result.loss == rig_value(c.rig));
    caller_close(&c);
}

/* A method that has converged asks for no evaluations any more: their number is never reached, and it ends all the
   same. */
static void test_evaluations_that_never_come(void **state) {
    (void)state;
    caller_t c;
    caller_open(&c, "lbfgs", NULL, &TENSORS, "quadratic");
    optim_stop stop = stop_new(&c);
    stop.steps = 0;
    stop.evaluations = 100000;
    const optim_result result = minimize(&c, &stop, OPTIM_STOP_PRECISION);
    assert_in_range(result.evaluations, 2, 1000);
    assert_true(result.loss == rig_value(c.rig));
    caller_close(&c);
}

static void test_seconds(void **state) {
    (void)state;
    caller_t c;
    caller_open(&c, "sgd", "lr=0.1", &TENSORS, "quadratic");
    optim_stop stop = stop_new(&c);
    stop.seconds = 1e-12; /* over before the first look at the clock */
    const optim_result result = minimize(&c, &stop, OPTIM_STOP_SECONDS);
    assert_in_range(result.steps, 0, 1);
    caller_close(&c);
}

static void test_gradient_norm(void **state) {
    (void)state;
    caller_t c;
    caller_open(&c, "sgd", "lr=0.1", &TENSORS, "quadratic");
    optim_stop stop = stop_new(&c);
    stop.gradient_norm = 1e-6;
    const optim_result result = minimize(&c, &stop, OPTIM_STOP_GRADIENT_NORM);
    CHECK_AT_MOST(result.gradient_norm, 1e-6);
    CHECK_CLOSE(result.gradient_norm, gradient_norm(&c), 1e-15);
    /* coordinates shrink by 0.9 and faster: one step fewer is not enough */
    CHECK_AT_MOST(1e-6 * 0.9, result.gradient_norm);
    caller_close(&c);
}

/* Of gradients whose squares no double holds; lbfgs tells the norm that it holds. */
static void test_gradient_norm_out_of_range(void **state) {
    static const double SCALES[] = {1e-200, 1e-160, 1e160, 1e200};
    static const char *const METHODS[] = {"lion", "lbfgs"};
    (void)state;
    for (size_t i = 0; i < 8; ++i) {
        const double scale = SCALES[i / 2];
        caller_t c;
        caller_open(&c, METHODS[i % 2], NULL, &TENSORS, "quadratic");
        c.rig->sign = scale;
        optim_stop stop = stop_new(&c);
        stop.gradient_norm = 1e-250;
        stop.steps = 3;
        const optim_result result = minimize(&c, &stop, OPTIM_STOP_STEPS);
        CHECK_CLOSE(result.gradient_norm / scale, gradient_norm(&c), 1e-13);
        caller_close(&c);
    }
}

static void test_gradient_norm_at_start(void **state) {
    (void)state;
    caller_t c;
    caller_open(&c, "adamw", NULL, &TENSORS, "quadratic");
    optim_stop stop = stop_new(&c);
    stop.gradient_norm = 1e6;
    void *before = rig_snapshot(c.rig);
    const optim_result result = minimize(&c, &stop, OPTIM_STOP_GRADIENT_NORM);
    assert_int_equal(result.steps, 0);
    assert_int_equal(result.evaluations, 1);
    rig_check_snapshot(c.rig, before, "no step was needed");
    free(before);
    caller_close(&c);
}

static void test_loss_change(void **state) {
    (void)state;
    for (int row = 1; row <= 3; row += 2) {
        caller_t c;
        caller_open(&c, "sgd", "lr=0.1", &TENSORS, "quadratic");
        optim_stop stop = stop_new(&c);
        stop.loss_change = 1e-5;
        stop.loss_change_steps = row == 1 ? 0 : row;
        const optim_result result = minimize(&c, &stop, OPTIM_STOP_LOSS_CHANGE);
        /* by hand: the change of the loss from one step to the next */
        caller_t again;
        caller_open(&again, "sgd", "lr=0.1", &TENSORS, "quadratic");
        double loss = rig_value(again.rig);
        int quiet = 0, steps = 0;
        while (quiet < row) {
            again.rig->withhold_loss = false;
            CHECK_OK(rig_step(again.rig));
            const double now = rig_value(again.rig);
            quiet = fabs(now - loss) <= 1e-5 ? quiet + 1 : 0;
            loss = now;
            ++steps;
        }
        assert_int_equal(result.steps, steps);
        rig_check_same(c.rig, again.rig, "the same steps by hand");
        caller_close(&again);
        caller_close(&c);
    }
}

static void test_loss_target(void **state) {
    (void)state;
    caller_t c;
    caller_open(&c, "sgd", "lr=0.1", &TENSORS, "quadratic");
    optim_stop stop = stop_new(&c);
    stop.has_loss_target = 1;
    stop.loss_target = 0.5;
    optim_result result = minimize(&c, &stop, OPTIM_STOP_LOSS_TARGET);
    CHECK_AT_MOST(result.loss, 0.5);
    assert_true(result.loss == rig_value(c.rig));
    assert_true(result.steps > 0);
    caller_close(&c);
    caller_open(&c, "sgd", "lr=0.1", &TENSORS, "quadratic");
    stop.user = &c;
    stop.loss_target = -1; /* below the minimum: a target may be any number */
    stop.steps = 20;
    (void)minimize(&c, &stop, OPTIM_STOP_STEPS);
    caller_close(&c);
}

static void test_callbacks_stop(void **state) {
    (void)state;
    caller_t c;
    optim_stop stop;
    caller_open(&c, "sgd", "lr=0.1", &TENSORS, "quadratic");
    stop = stop_new(&c);
    c.stop_gradient = 4;
    optim_result result = minimize(&c, &stop, OPTIM_STOP_CALLBACK);
    assert_int_equal(result.callback, -7);
    assert_int_equal(result.steps, 3);
    caller_close(&c);
    caller_open(&c, "sgd", "lr=0.1", &TENSORS, "quadratic");
    stop.user = &c;
    c.stop_progress = 6;
    result = minimize(&c, &stop, OPTIM_STOP_CALLBACK);
    assert_int_equal(result.callback, 7);
    assert_int_equal(result.steps, 6);
    caller_close(&c);
}

/* Stopped in the middle of a step: that step is undone, and the handle goes on. */
static void test_callback_stops_within_a_step(void **state) {
    (void)state;
    caller_t c, whole;
    optim_stop stop;
    caller_open(&c, "extragradient", "lr=0.05", &TENSORS, "quadratic");
    stop = stop_new(&c);
    c.stop_gradient = 6; /* the second evaluation of step 3 */
    optim_result result = minimize(&c, &stop, OPTIM_STOP_CALLBACK);
    assert_int_equal(result.steps, 2);
    caller_open(&whole, "extragradient", "lr=0.05", &TENSORS, "quadratic");
    whole.rig->withhold_loss = false;
    CHECK_OK(rig_steps(whole.rig, 2));
    rig_check_same(c.rig, whole.rig, "two whole steps");
    CHECK_OK(rig_steps(whole.rig, 3));
    c.rig->withhold_loss = false;
    CHECK_OK(rig_steps(c.rig, 3));
    rig_check_same(c.rig, whole.rig, "three more");
    caller_close(&whole);
    caller_close(&c);
    caller_open(&c, "oasis", NULL, &TENSORS, "quadratic");
    stop.user = &c;
    c.stop_product = 2;
    result = minimize(&c, &stop, OPTIM_STOP_CALLBACK);
    assert_int_equal(result.callback, 7);
    assert_int_equal(result.steps, 1);
    caller_close(&c);
}

/* The gradient promises what the loss does not keep. */
static int lying_gradient(void *user, const optim_request *request, double *loss) {
    caller_t *c = user;
    (void)request;
    ++c->gradients;
    rig_evaluate(c->rig);
    *loss = c->gradients;
    return 0;
}

static void test_line_search(void **state) {
    (void)state;
    caller_t c;
    caller_open(&c, "lbfgs", "line_search=armijo", &TENSORS, "quadratic");
    optim_stop stop = stop_new(&c);
    c.problem.gradient = lying_gradient;
    c.problem.loss = NULL;
    void *before = rig_snapshot(c.rig);
    const optim_result result = minimize(&c, &stop, OPTIM_STOP_WRONG_GRADIENT);
    assert_int_equal(result.steps, 0);
    rig_check_snapshot(c.rig, before, "no acceptable step");
    free(before);
    caller_close(&c);
}

static void test_nonfinite(void **state) {
    (void)state;
    caller_t c;
    caller_open(&c, "sgd", "lr=0.1", &TENSORS, "quadratic");
    optim_stop stop = stop_new(&c);
    c.nan_from_value = 5;
    const optim_result result = minimize(&c, &stop, OPTIM_STOP_NONFINITE);
    assert_int_equal(result.steps, 4);
    caller_close(&c);
    caller_open(&c, "sgd", "lr=1e30", &TENSORS, "quadratic"); /* overflows by itself */
    stop.user = &c;
    (void)minimize(&c, &stop, OPTIM_STOP_NONFINITE);
    caller_close(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_evaluations),
        cmocka_unit_test(test_evaluations_that_never_come),
        cmocka_unit_test(test_seconds),
        cmocka_unit_test(test_gradient_norm),
        cmocka_unit_test(test_gradient_norm_out_of_range),
        cmocka_unit_test(test_gradient_norm_at_start),
        cmocka_unit_test(test_loss_change),
        cmocka_unit_test(test_loss_target),
        cmocka_unit_test(test_callbacks_stop),
        cmocka_unit_test(test_callback_stops_within_a_step),
        cmocka_unit_test(test_line_search),
        cmocka_unit_test(test_nonfinite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
