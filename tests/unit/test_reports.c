/* Reported metrics, the state that a checkpoint keeps, the log of norms. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "optimizer/optimizer.h"
#include "still_handle.h"

/* ---- Reports ---- */

static void step_and_report(still_t *s, double metric) {
    CHECK_OK(optim_step(s->opt));
    CHECK_OK(optim_report(s->opt, metric));
}

static void test_report(void **state) {
    (void)state;
    still_t s;
    double ahead[3];
    still_open(&s, "sgd", "lr=1");
    CHECK_OK(optim_set_schedule(s.opt, 0, "lr", "plateau", "factor=0.5,patience=1,lr_min=0.2"));
    CHECK_REFUSED(optim_report(s.opt, 1), OPTIM_ERR_ORDER, "step");
    CHECK_STATUS(optim_report(NULL, 1), OPTIM_ERR_NULL);
    step_and_report(&s, 1);
    step_and_report(&s, 1); /* not better, let pass */
    assert_true(still_get(s.opt, "lr") == 1);
    step_and_report(&s, NAN);
    assert_true(still_get(s.opt, "lr") == 0.5);
    CHECK_OK(optim_set(s.opt, 0, "lr", 2)); /* the value is the base's share */
    assert_true(still_get(s.opt, "lr") == 1);
    CHECK_OK(optim_set(s.opt, 0, "lr", 1));
    for (int i = 0; i < 10; ++i)
        step_and_report(&s, 1);
    assert_true(still_get(s.opt, "lr") == 0.2);
    CHECK_OK(optim_schedule_values(s.opt, 0, "lr", 0, 3, ahead));
    assert_true(ahead[0] == 0.2 && ahead[2] == 0.2);
    CHECK_OK(optim_reset(s.opt));
    assert_true(still_get(s.opt, "lr") == 1);
    CHECK_OK(optim_step(s.opt));
    step_and_report(&s, 5); /* better than nothing at all */
    step_and_report(&s, 4);
    assert_true(still_get(s.opt, "lr") == 1);
    optim_destroy(s.opt);
}

/* pvalue: above the threshold is no improvement. NaN: there was no test, and a cooldown goes on. */
static void test_decided_reports(void **state) {
    (void)state;
    static const char *const OPTIONS[] = {"mode=pvalue,threshold=0.1,factor=0.5,patience=1,cooldown=1",
                                          "mode=predicate,factor=0.5,patience=1,cooldown=1"};
    static const double METRICS[][8] = {{0.2, 0.1, 0.3, (double)NAN, 0.3, 0.3, 0.3, 0.3},
                                        {1, 0, 3, (double)NAN, 1, 1, 1, 1}};
    static const double WANT[] = {1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25};
    for (int k = 0; k < 2; ++k) {
        still_t s;
        still_open(&s, "sgd", "lr=1");
        CHECK_OK(optim_set_schedule(s.opt, 0, "lr", "plateau", OPTIONS[k]));
        for (int i = 0; i < 8; ++i) {
            step_and_report(&s, METRICS[k][i]);
            assert_true(still_get(s.opt, "lr") == WANT[i]);
        }
        optim_destroy(s.opt);
    }
}

static void test_report_while_open(void **state) {
    (void)state;
    still_t s;
    still_open(&s, "extragradient", "lr=0.5");
    CHECK_OK(optim_set_schedule(s.opt, 0, "lr", "plateau", "patience=0"));
    CHECK_STATUS(optim_step(s.opt), OPTIM_EVAL_GRAD);
    CHECK_REFUSED(optim_report(s.opt, 1), OPTIM_ERR_OPEN, "request");
    double log[1];
    CHECK_REFUSED(optim_record_norms(s.opt, OPTIM_NORM_L2, log, 1), OPTIM_ERR_OPEN, "request");
    CHECK_OK(optim_step(s.opt));
    CHECK_OK(optim_report(s.opt, 1));
    CHECK_OK(optim_report(s.opt, 2));
    assert_true(still_get(s.opt, "lr") == 0.5 * 0.1);
    optim_destroy(s.opt);
}

/* In a sequence each child hears of its own steps, in a chain all hear of all. */
static void test_report_to_children(void **state) {
    (void)state;
    still_t s;
    still_open(&s, "sgd", "lr=1");
    CHECK_OK(
        optim_set_schedule(s.opt, 0, "lr", "sequence",
                           "milestones=3,children=plateau(patience=0,factor=0.5);plateau(patience=0,factor=0.25)"));
    step_and_report(&s, 1);
    step_and_report(&s, 1);
    assert_true(still_get(s.opt, "lr") == 0.5);
    step_and_report(&s, 1); /* the step was the first child's, the next is the second's */
    assert_true(still_get(s.opt, "lr") == 1);
    step_and_report(&s, 1);
    assert_true(still_get(s.opt, "lr") == 1);
    step_and_report(&s, 1);
    assert_true(still_get(s.opt, "lr") == 0.25);

    CHECK_OK(optim_reset(s.opt));
    CHECK_OK(optim_set_schedule(s.opt, 0, "lr", "chain",
                                "children=plateau(patience=0,factor=0.5);constant(factor=0.5,steps=2);"
                                "plateau(patience=1,factor=0.25)"));
    step_and_report(&s, 1);
    assert_true(still_get(s.opt, "lr") == 0.5);
    step_and_report(&s, 1);
    assert_true(still_get(s.opt, "lr") == 0.5);
    step_and_report(&s, 1);
    assert_true(still_get(s.opt, "lr") == 0.0625);
    optim_destroy(s.opt);
}

/* Skipped steps are no steps: nothing moves. */
static void test_skipped_steps(void **state) {
    (void)state;
    still_t s;
    double log[4] = {9, 9, 9, 9};
    still_open(&s, "sgd", "lr=1,nonfinite=skip");
    CHECK_OK(optim_set_schedule(s.opt, 0, "lr", "volsched", "window=2,steps=10"));
    CHECK_OK(optim_record_norms(s.opt, OPTIM_NORM_L2, log, 4));
    step_and_report(&s, 1);
    const double before = still_get(s.opt, "lr");
    s.g = NAN;
    CHECK_OK(optim_step(s.opt));
    assert_int_equal(optim_skipped(s.opt), 1);
    assert_int_equal(optim_recorded(s.opt), 1);
    assert_true(still_get(s.opt, "lr") == before && log[0] == 0 && log[1] == 9);
    s.g = 2;
    CHECK_OK(optim_step(s.opt));
    assert_true(optim_recorded(s.opt) == 2 && log[1] == 2);
    optim_destroy(s.opt);
}

/* Updates that no report came for are made up: without volatility the value is the cosine of the clock. */
static void test_volsched_catches_up(void **state) {
    (void)state;
    still_t s;
    still_open(&s, "sgd", "lr=1");
    CHECK_OK(optim_set_schedule(s.opt, 0, "lr", "volsched", "window=2,steps=10,weight=0"));
    for (int t = 0; t < 5; ++t)
        CHECK_OK(optim_step(s.opt));
    step_and_report(&s, 1);
    CHECK_CLOSE(still_get(s.opt, "lr"), (1 + cos(3.14159265358979323846 * 0.6)) / 2, 1e-14);
    for (int t = 0; t < 20; ++t)
        step_and_report(&s, (double)INFINITY);
    assert_true(still_get(s.opt, "lr") == 0);
    optim_destroy(s.opt);
}

/* ---- State, as a checkpoint keeps it ---- */

static double metric_at(int t) {
    return 2 + sin(1.7 * t) / (1 + 0.1 * t);
}

static const char NESTED[] = "milestones=12,children=chain(children=plateau(patience=1);"
                             "exponential(gamma=0.99));volsched(window=3,weight=0.5,steps=40,history=7)";

static void test_state(void **state) {
    (void)state;
    still_t a, b;
    still_open(&a, "sgd", "lr=1");
    still_open(&b, "sgd", "lr=1");
    CHECK_OK(optim_set_schedule(a.opt, 0, "lr", "sequence", NESTED));
    CHECK_OK(optim_set_schedule(b.opt, 0, "lr", "sequence", NESTED));
    schedule_run_t *from = a.opt->scheduled[0].run, *to = b.opt->scheduled[0].run;
    const size_t count = schedule_state_count(from);
    assert_int_equal(count, 4 + 3 + 7);
    double *saved = check_memory(count, sizeof *saved), *fresh = check_memory(count, sizeof *fresh);
    schedule_state_read(from, fresh);
    for (int t = 0; t < 60; ++t) {
        step_and_report(&a, metric_at(t)); /* b hears of nothing, but takes over the state after every step */
        CHECK_OK(optim_step(b.opt));
        schedule_state_read(from, saved);
        schedule_state_write(to, saved);
        assert_true(still_get(a.opt, "lr") == still_get(b.opt, "lr"));
    }
    assert_true(still_get(a.opt, "lr") != 1);
    schedule_restart(from);
    schedule_state_read(from, saved);
    assert_true(saved[0] == 1 && saved[1] == HUGE_VAL && saved[6] == 0);
    assert_memory_equal(saved, fresh, 7 * sizeof *saved);
    free(saved);
    free(fresh);
    optim_destroy(a.opt);
    optim_destroy(b.opt);

    still_open(&a, "sgd", NULL);
    CHECK_OK(optim_set_schedule(a.opt, 0, "lr", "cosine", NULL));
    assert_int_equal(schedule_state_count(a.opt->scheduled[0].run), 0);
    optim_destroy(a.opt);
}

/* ---- The log of norms ---- */

static void test_norms(void **state) {
    (void)state;
    enum { N = 50000 };
    const int64_t dims[] = {N};
    double x[3] = {0, 0, 0}, gx[3] = {3, -4, 0}, frozen = 1, log[2], single[2];
    float *y = check_memory(N, sizeof *y), *gy = check_memory(N, sizeof *gy);
    double sum = 7, squares = 25;
    for (int i = 0; i < N; ++i) {
        gy[i] = (float)((i % 7) - 3) / 8;
        sum += fabs((double)gy[i]);
        squares += (double)gy[i] * (double)gy[i];
    }
    for (int norm = OPTIM_NORM_L1; norm <= OPTIM_NORM_L2; ++norm)
        for (int threads = 1; threads <= 5; threads += 2) {
            optim_t *opt;
            CHECK_OK(optim_create(&opt, "sgd", "lr=0,grad_scale=10,clip_norm=0.1"));
            CHECK_OK(optim_set_threads(opt, threads));
            CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (int64_t[]){3}, x, gx));
            CHECK_OK(optim_add_param(opt, 0, "y", OPTIM_F32, 1, dims, y, gy));
            CHECK_OK(optim_add_param(opt, 0, "z", OPTIM_F64, 0, NULL, &frozen, NULL));
            CHECK_OK(optim_record_norms(opt, norm, log, 2));
            for (int t = 0; t < 3; ++t) {
                CHECK_OK(optim_step(opt));
                assert_int_equal(optim_recorded(opt), t < 2 ? t + 1 : 2);
            }
            CHECK_CLOSE(log[0], norm == OPTIM_NORM_L1 ? sum : sqrt(squares), 1e-13);
            assert_true(log[1] == log[0]);
            if (threads == 1)
                memcpy(single, log, sizeof log);
            assert_memory_equal(single, log, sizeof log);
            CHECK_OK(optim_reset(opt));
            assert_int_equal(optim_recorded(opt), 0);
            CHECK_OK(optim_step(opt));
            assert_int_equal(optim_recorded(opt), 1);
            CHECK_OK(optim_record_norms(opt, OPTIM_NORM_NONE, NULL, 5));
            CHECK_OK(optim_step(opt));
            assert_int_equal(optim_recorded(opt), 0);
            optim_destroy(opt);
        }
    free(y);
    free(gy);
}

/* A step that is undone is not in the log; of several gradients of a step the first counts. */
static void test_norms_of_requests(void **state) {
    (void)state;
    still_t s;
    double log[2];
    still_open(&s, "extragradient", "lr=0.5");
    CHECK_OK(optim_record_norms(s.opt, OPTIM_NORM_L1, log, 2));
    s.g = -3;
    CHECK_STATUS(optim_step(s.opt), OPTIM_EVAL_GRAD);
    CHECK_OK(optim_cancel(s.opt));
    assert_int_equal(optim_recorded(s.opt), 0);
    s.g = -2;
    CHECK_STATUS(optim_step(s.opt), OPTIM_EVAL_GRAD);
    s.g = 5;
    CHECK_OK(optim_step(s.opt));
    assert_int_equal(optim_recorded(s.opt), 1);
    assert_true(log[0] == 2);
    CHECK_REFUSED(optim_record_norms(s.opt, 3, log, 2), OPTIM_ERR_ARGUMENT, "3");
    CHECK_REFUSED(optim_record_norms(s.opt, -1, log, 2), OPTIM_ERR_ARGUMENT, "-1");
    CHECK_REFUSED(optim_record_norms(s.opt, OPTIM_NORM_L1, NULL, 2), OPTIM_ERR_NULL, "log");
    CHECK_STATUS(optim_record_norms(NULL, OPTIM_NORM_L1, log, 2), OPTIM_ERR_NULL);
    assert_int_equal(optim_recorded(NULL), 0);
    assert_int_equal(optim_recorded(s.opt), 1);
    optim_destroy(s.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_decided_reports),
        cmocka_unit_test(test_report_while_open),
        cmocka_unit_test(test_report_to_children),
        cmocka_unit_test(test_skipped_steps),
        cmocka_unit_test(test_volsched_catches_up),
        cmocka_unit_test(test_state),
        cmocka_unit_test(test_norms),
        cmocka_unit_test(test_norms_of_requests),
    };
    return cmocka_run_group_tests_name("reports", tests, NULL, NULL);
}
