/* Where a schedule's formula has another branch: values worked out by hand. */
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "optim/advice.h"
#include "still_handle.h"

/* lr of sgd in the next step, after a step and a report for each metric; base value 1. */
static double lr_after(const char *schedule, const char *options, const double *metric, int reports) {
    still_t s;
    still_open(&s, "sgd", "lr=1");
    CHECK_OK(optim_set_schedule(s.opt, 0, "lr", schedule, options));
    for (int i = 0; i < reports; ++i) {
        CHECK_OK(optim_step(s.opt));
        CHECK_OK(optim_report(s.opt, metric[i]));
    }
    const double lr = still_get(s.opt, "lr");
    optim_destroy(s.opt);
    return lr;
}

/* From a best of 10, 5 % and 0.05 are different thresholds on either side. */
static void plateau_thresholds(void **state) {
    static const struct {
        const char *options;
        double second, lr;
    } CASES[] = {
        {"mode=min,threshold_mode=rel", 9.7, 0.5},  {"mode=min,threshold_mode=rel", 9.4, 1},
        {"mode=min,threshold_mode=abs", 9.7, 1},    {"mode=min,threshold_mode=abs", 9.96, 0.5},
        {"mode=max,threshold_mode=rel", 10.3, 0.5}, {"mode=max,threshold_mode=rel", 10.6, 1},
        {"mode=max,threshold_mode=abs", 10.3, 1},   {"mode=max,threshold_mode=abs", 10.04, 0.5},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i) {
        char *options = check_text("%s,threshold=0.05,patience=0,factor=0.5", CASES[i].options);
        const double metric[] = {10, CASES[i].second};
        const double lr = lr_after("plateau", options, metric, 2);
        if (lr != CASES[i].lr)
            fail_msg("%s: lr is %g after %g, not %g", options, lr, CASES[i].second, CASES[i].lr);
        free(options);
    }
}

/* The cycle of t by addition, for whole and broken factors, around the beginnings of the first cycles: a logarithm that
 * rounds to the neighbour would give the lowest value instead of the peak. */
static void check_cycles(double period, double mult) {
    static const double PI = 3.14159265358979323846;
    char *options = check_text("period=%g,mult=%g", period, mult);
    still_t s;
    still_open(&s, "sgd", "lr=1");
    CHECK_OK(optim_set_schedule(s.opt, 0, "lr", "cosine_restarts", options));
    double begin = 0, length = period;
    for (int cycle = 0; cycle < 20 && begin < 1e7; ++cycle) {
        const int64_t first = (int64_t)ceil(begin);
        double value;
        CHECK_OK(optim_schedule_values(s.opt, 0, "lr", first, 1, &value));
        if ((double)first < begin + length)
            CHECK_CLOSE(value, (1 + cos(PI * ((double)first - begin) / length)) / 2, 1e-7);
        begin += length;
        if (fabs(begin - round(begin)) < 1e-9 * begin)
            begin = round(begin);
        length *= mult;
        const int64_t last = (int64_t)ceil(begin) - 1;
        CHECK_OK(optim_schedule_values(s.opt, 0, "lr", last, 1, &value));
        if ((double)last >= begin - length / mult)
            CHECK_CLOSE(value, (1 - cos(PI * (begin - (double)last) * mult / length)) / 2, 1e-7);
    }
    optim_destroy(s.opt);
    free(options);
}

static void cosine_restarts_find_their_cycle(void **state) {
    static const double MULT[] = {1, 1.1, 1.14, 1.4, 1.5, 2, 3, 5, 6, 7, 10, 13};
    (void)state;
    for (size_t m = 0; m < sizeof MULT / sizeof *MULT; ++m)
        for (int period = 1; period <= 60; ++period)
            check_cycles(period, MULT[m]);
}

/* 8 + 4 + 2 + 1 steps; 10 + 5 + 2.5 + 1.25, the next would be 0.625: below a step it ends. */
static void cosine_restarts_may_shrink(void **state) {
    static const double PI = 3.14159265358979323846;
    double value[20];
    still_t s;
    (void)state;
    still_open(&s, "sgd", "lr=1");
    CHECK_OK(optim_set_schedule(s.opt, 0, "lr", "cosine_restarts", "period=8,mult=0.5,lr_min=0.25"));
    CHECK_OK(optim_schedule_values(s.opt, 0, "lr", 0, 20, value));
    assert_true(value[0] == 1 && value[8] == 1 && value[12] == 1 && value[14] == 1);
    CHECK_CLOSE(value[4], 0.625, 1e-15);
    CHECK_CLOSE(value[9], 0.25 + 0.75 * (1 + cos(PI / 4)) / 2, 1e-15);
    CHECK_CLOSE(value[13], 0.625, 1e-15);
    for (int t = 15; t < 20; ++t)
        assert_true(value[t] == 0.25);
    CHECK_OK(optim_set_schedule(s.opt, 0, "lr", "cosine_restarts", "period=10,mult=0.5,decay=0.5"));
    CHECK_OK(optim_schedule_values(s.opt, 0, "lr", 0, 20, value));
    assert_true(value[10] == 0.5 && value[15] == 0.25 && value[19] == 0);
    CHECK_CLOSE(value[18], 0.125 * (1 + cos(PI * 0.5 / 1.25)) / 2, 1e-15);
    CHECK_OK(optim_schedule_values(s.opt, 0, "lr", INT64_C(1) << 52, 1, value));
    assert_true(value[0] == 0);
    for (int period = 1; period <= 60; ++period) {
        char *options = check_text("period=%d,mult=0.9", period);
        const double end = 10 * (period - pow(0.9, ceil(log(period) / -log(0.9) + 1e-9)) * period);
        CHECK_OK(optim_set_schedule(s.opt, 0, "lr", "cosine_restarts", options));
        for (int64_t t = 0; t < 1000; t += 20) {
            CHECK_OK(optim_schedule_values(s.opt, 0, "lr", t, 20, value));
            for (int i = 0; i < 20; ++i)
                assert_true(value[i] >= 0 && value[i] <= 1 && (value[i] == 0) == ((double)(t + i) >= end - 1e-9));
        }
        free(options);
    }
    optim_destroy(s.opt);
}

/* What a schedule falls to may lie above what it falls from. */
static void schedules_may_rise(void **state) {
    static const struct {
        const char *name, *options;
        double half, end; /* at t = 2 and t = 4, from 1 */
    } RISING[] = {
        {"cosine", "steps=4,lr_min=3", 2, 3},
        {"polynomial", "steps=4,lr_min=3", 2, 3},
        {"polynomial", "steps=4,lr_min=3,power=2", 2.5, 3},
        {"rex", "steps=4,lr_min=3", 3 - 2 * (2.0 / 3), 3},
        {"uba", "steps=4,lr_min=3,phi=2", 2, 3},
        {"cosine_restarts", "period=4,lr_min=3", 2, 1},
        {"warmup_linear", "warmup=0,steps=4,lr_min=3", 2, 3},
        {"warmup_cosine", "warmup=0,steps=4,lr_min=3", 2, 3},
        {"wsd", "steps=4,cooldown=4,lr_min=3", 2, 3},
        {"exponential", "gamma=2,steps=2,lr_min=3", 2, 3},
        {"exponential", "gamma=2,steps=2", 2, 4},
    };
    (void)state;
    for (size_t i = 0; i < sizeof RISING / sizeof *RISING; ++i) {
        double value[5];
        still_t s;
        still_open(&s, "sgd", "lr=1");
        CHECK_OK(optim_set_schedule(s.opt, 0, "lr", RISING[i].name, RISING[i].options));
        CHECK_OK(optim_schedule_values(s.opt, 0, "lr", 0, 5, value));
        assert_true(value[0] == 1);
        CHECK_CLOSE(value[2], RISING[i].half, 1e-15);
        CHECK_CLOSE(value[4], RISING[i].end, 1e-15);
        optim_destroy(s.opt);
    }
}

static double momentum_at(const char *options, int steps) {
    still_t s;
    still_open(&s, "sgd", "lr=1,momentum=0.7");
    CHECK_OK(optim_set_schedule(s.opt, 0, "lr", "onecycle", options));
    for (int i = 0; i < steps; ++i)
        CHECK_OK(optim_step(s.opt));
    const double momentum = still_get(s.opt, "momentum");
    optim_destroy(s.opt);
    return momentum;
}

static void onecycle_leaves_momentum_alone(void **state) {
    (void)state;
    assert_true(momentum_at("steps=10,cycle_momentum=1,momentum_max=0.9", 0) == 0.9);
    for (int steps = 0; steps < 12; ++steps)
        assert_true(momentum_at("steps=10,cycle_momentum=0,momentum_max=0.9", steps) == 0.7);
}

/* A base value of 0 stays 0, whatever is multiplied or reported. */
static void zero_stays_zero(void **state) {
    static const char *const SCHEDULES[][2] = {
        {"chain", "children=exponential;constant(factor=0.5)"},
        {"volsched", "window=2,steps=20,warmup=1"},
        {"plateau", "patience=0"},
    };
    (void)state;
    for (size_t k = 0; k < 3; ++k) {
        still_t s;
        still_open(&s, "sgd", "lr=0");
        CHECK_OK(optim_set_schedule(s.opt, 0, "lr", SCHEDULES[k][0], SCHEDULES[k][1]));
        for (int i = 0; i < 10; ++i) {
            assert_true(still_get(s.opt, "lr") == 0);
            CHECK_OK(optim_step(s.opt));
            if (k > 0)
                CHECK_OK(optim_report(s.opt, 1 + i % 3));
        }
        optim_destroy(s.opt);
    }
}

static void volsched_rises_in_no_step(void **state) {
    (void)state;
    assert_true(lr_after("volsched", "window=2,steps=20,warmup=1,warmup_factor=0.1", NULL, 0) == 1);
    assert_true(lr_after("volsched", "window=2,steps=20,warmup=2,warmup_factor=0.1", NULL, 0) == 0.1);
}

/* What is infinite is refused where what is negative is. */
static void infinite_numbers_are_refused(void **state) {
    const double infinite = (double)INFINITY, rate[2] = {1, infinite}, one[2] = {1, 1}, norm[2] = {1, infinite};
    optim_bound bound = {.size = sizeof bound};
    double square, trace;
    still_t s;
    (void)state;
    CHECK_REFUSED(optim_schedule_bound(rate, one, 2, 1, &bound), OPTIM_ERR_ARGUMENT, "step 1");
    CHECK_REFUSED(optim_schedule_bound(one, norm, 2, 1, &bound), OPTIM_ERR_ARGUMENT, "step 1");
    CHECK_REFUSED(optim_schedule_bound(one, one, 2, infinite, &bound), OPTIM_ERR_ARGUMENT, "distance");
    CHECK_REFUSED(optim_noise_scale(1, 1, 1, infinite, &square, &trace), OPTIM_ERR_ARGUMENT, "big_batch");
    still_open(&s, "sgd", "lr=1");
    CHECK_REFUSED(optim_set_schedule(s.opt, 0, "lr", "piecewise", "boundaries=5,factors=1;inf"), OPTIM_ERR_VALUE,
                  "factors");
    optim_destroy(s.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plateau_thresholds),
        cmocka_unit_test(cosine_restarts_find_their_cycle),
        cmocka_unit_test(cosine_restarts_may_shrink),
        cmocka_unit_test(schedules_may_rise),
        cmocka_unit_test(onecycle_leaves_momentum_alone),
        cmocka_unit_test(zero_stays_zero),
        cmocka_unit_test(volsched_rises_in_no_step),
        cmocka_unit_test(infinite_numbers_are_refused),
    };
    return cmocka_run_group_tests_name("schedule_corners", tests, NULL, NULL);
}
