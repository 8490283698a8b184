/* Relations between schedules, what they do at any clock and past their end, and the figures of the convex bound. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "optim/advice.h"

static const double PI = 3.14159265358979323846;

/* Values of the schedule on lr = base from the first step on. */
static void curve(const char *schedule, const char *options, double base, size_t count, double *values) {
    optim_t *opt;
    char *lr = check_text("lr=%.17g", base);
    CHECK_OK(optim_create(&opt, "sgd", lr));
    CHECK_OK(optim_set_schedule(opt, 0, "lr", schedule, options));
    CHECK_OK(optim_schedule_values(opt, 0, "lr", 0, count, values));
    optim_destroy(opt);
    free(lr);
}

static void check_same(const char *a, const char *a_options, const char *b, const char *b_options, double tolerance) {
    enum { N = 150 };
    double x[N], y[N];
    curve(a, a_options, 0.3, N, x);
    curve(b, b_options, 0.3, N, y);
    for (int t = 0; t < N; ++t)
        if (!(fabs(x[t] - y[t]) <= tolerance))
            fail_msg("at t = %d %s(%s) is %.17g, %s(%s) is %.17g", t, a, a_options, x[t], b, b_options, y[t]);
}

/* ---- Relations ---- */

static void test_equalities(void **state) {
    (void)state;
    const double ulp = 1e-16;
    check_same("uba", "steps=100,phi=2,lr_min=0.01", "cosine", "steps=100,lr_min=0.01", ulp);
    check_same("polynomial", "steps=100,lr_min=0.01", "wsd", "steps=100,cooldown=100,lr_min=0.01", ulp);
    check_same("polynomial", "steps=100", "linear", "start_factor=1,end_factor=0,steps=100", ulp);
    check_same("polynomial", "steps=100", "warmup_linear", "warmup=0,steps=100", ulp);
    check_same("polynomial", "steps=100", "piecewise", "boundaries=100,factors=1;0,interpolate=linear", ulp);
    check_same("cosine", "steps=100", "piecewise", "boundaries=100,factors=1;0,interpolate=cos", ulp);
    check_same("cosine", "steps=100", "warmup_cosine", "warmup=0,steps=100", ulp);
    check_same("cosine", "steps=120,exponent=2.5", "chain", "children=cosine(steps=120,exponent=2.5)", ulp);
    check_same("wsd", "steps=100,cooldown=0", "constant", NULL, ulp);
    check_same("wsd", "steps=100,cooldown=40,decay=cosine", "sequence",
               "milestones=60,children=constant;cosine(steps=40)", ulp);
    check_same("wsd", "warmup=10,steps=100,cooldown=40", "piecewise",
               "boundaries=10;60;100,factors=0;1;1;0,interpolate=linear", ulp);
    check_same("cosine", "steps=50,past_end=go_on", "cosine", "steps=200,num_cycles=2", 1e-15);
    check_same("warmup_cosine", "warmup=0,steps=50,past_end=go_on", "cosine", "steps=200,num_cycles=2", 1e-15);
    check_same("cosine", "steps=150,num_cycles=0.25,lr_min=0", "cosine", "steps=300", 1e-15);
    check_same(
        "polynomial", "steps=50,past_end=cycle", "sequence",
        "milestones=51;101,children=polynomial(steps=50);piecewise(boundaries=49,factors=0.49;0,interpolate=linear)"
        ";piecewise(boundaries=49,factors=0.3266666666666667;0,interpolate=linear)",
        1e-15);
    check_same("wsd", "warmup=10,steps=100,cooldown=40,rise=cosine", "piecewise",
               "boundaries=10;60;100,factors=0;1;1;0,interpolate=linear", 0.04);
    check_same("table", "factors=1;0.5;0.25", "piecewise", "boundaries=1;2,factors=1;0.5;0.25", 0);
    check_same("step", "step_size=30", "multistep", "milestones=30;60;90;120", ulp);
    check_same("step", "step_size=30,gamma=0.5", "exponential", "steps=30,staircase=1,gamma=0.5", ulp);
    check_same("multistep", "milestones=20;20,gamma=0.5", "piecewise", "boundaries=20,factors=1;0.25", ulp);
    check_same("cosine_restarts", "period=200", "cosine", "steps=200", ulp);
    check_same("cosine_restarts", "period=50", "sequence",
               "milestones=50;100,children=cosine(steps=50);cosine(steps=50);cosine(steps=50)", ulp);
    check_same("cosine_restarts", "period=10,mult=2", "sequence",
               "milestones=10;30;70;150,children=cosine(steps=10);cosine(steps=20);cosine(steps=40);cosine(steps=80);"
               "cosine",
               ulp);
    check_same("noam", "d_model=4,warmup=10", "chain",
               "children=constant(factor=0.5,steps=1000);noam(d_model=1,warmup=10)", ulp);
    check_same("cyclic", "lr_max=0.9,step_up=5", "cyclic", "lr_max=0.9,step_up=5,step_down=5,mode=exp_range,gamma=1",
               ulp);
}

static void test_uba(void **state) {
    (void)state;
    enum { N = 101 };
    static const char *const PHI[] = {"0.001", "0.5", "1", "2", "5", "100"};
    double before[N], now[N];
    for (int k = 0; k < 6; ++k) {
        char *options = check_text("steps=100,phi=%s,lr_min=0.1", PHI[k]);
        curve("uba", options, 1, N, now);
        assert_true(now[0] == 1 && now[100] == 0.1);
        for (int t = 1; t < N; ++t) {
            assert_true(now[t] < now[t - 1]);
            assert_true(k == 0 || t == 100 || now[t] < before[t]); /* a larger phi falls earlier */
        }
        if (k == 0)
            assert_true(now[90] > 0.95);
        if (k == 5)
            assert_true(now[50] < 0.12);
        memcpy(before, now, sizeof now);
        free(options);
    }
}

static void test_onecycle(void **state) {
    (void)state;
    double lr[60], momentum[60];
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sgd", "lr=2,momentum=0.9"));
    CHECK_OK(optim_set_schedule(
        opt, 0, "lr", "onecycle",
        "steps=50,pct_start=0.42,three_phase=1,anneal_type=linear,div_factor=20,final_div_factor=10"));
    CHECK_OK(optim_schedule_values(opt, 0, "lr", 0, 60, lr));
    CHECK_OK(optim_schedule_values(opt, 0, "momentum", 0, 60, momentum));
    assert_true(lr[0] == 0.1 && momentum[0] == 0.95);
    assert_true(lr[20] == 2 && momentum[20] == 0.85);
    CHECK_CLOSE(lr[40], 0.1, 1e-14); /* symmetric about the peak */
    CHECK_CLOSE(momentum[40], 0.95, 1e-14);
    CHECK_CLOSE(lr[10], lr[30], 1e-14);
    CHECK_CLOSE(lr[49], 0.01, 1e-15);
    assert_true(lr[59] == lr[49] && momentum[59] == 0.95);
    optim_destroy(opt);
}

/* ---- Every schedule: at any clock, and past its end ---- */

static const struct {
    const char *name, *options;
    int end; /* from here on it holds; 0: never */
} EVERY[] = {
    {"constant", "factor=0.5,steps=20", 20},
    {"linear", "steps=20", 20},
    {"step", "step_size=7", 0},
    {"multistep", "milestones=3;17;30", 30},
    {"exponential", NULL, 0},
    {"polynomial", "steps=40,power=2", 40},
    {"cosine", "steps=40,lr_min=0.01", 40},
    {"cosine_restarts", "period=7,mult=1.5,decay=0.9", 0},
    {"cyclic", "lr_max=1,step_up=7,step_down=3,mode=triangular2", 0},
    {"onecycle", "steps=40", 39},
    {"noam", "warmup=10", 0},
    {"inverse_sqrt", "warmup=10", 0},
    {"demon", "steps=40", 40},
    {"warmup_linear", "steps=40", 40},
    {"warmup_cosine", "steps=40", 40},
    {"wsd", "warmup=3,steps=40", 40},
    {"rex", "steps=40", 40},
    {"uba", "steps=40", 40},
    {"piecewise", "boundaries=5;30,factors=1;0.3;0.2,interpolate=cos", 30},
    {"lr_range", "steps=40,lr_max=0.5", 39},
    {"sequence", "milestones=11;30,children=linear;onecycle(steps=20);constant", 30},
    {"chain", "children=linear(steps=20);polynomial(steps=40)", 40},
    {"table", "factors=0.1;0.5;1;0.2", 3},
    {"plateau", NULL, 1},
    {"greedy", NULL, 1},
    {"volsched", "steps=40,warmup=9,warmup_factor=0.1", 9},
    {"refined", "norms=3;2;1;1;2;3;4", 7},
};

static void test_any_clock(void **state) {
    (void)state;
    enum { N = 100 };
    const size_t every = sizeof EVERY / sizeof *EVERY;
    assert_int_equal(every, optim_schedule_count());
    for (size_t i = 0; i < every; ++i) {
        double values[N], x = 1, g = 0, now, alone;
        optim_t *opt;
        assert_string_equal(EVERY[i].name, optim_schedule_name(i));
        CHECK_OK(optim_create(&opt, "sgd", "lr=0.1"));
        CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &x, &g));
        CHECK_OK(optim_set_schedule(opt, 0, "lr", EVERY[i].name, EVERY[i].options));
        CHECK_OK(optim_schedule_values(opt, 0, "lr", 0, N, values));
        for (int t = 0; t < N; ++t) {
            CHECK_OK(optim_get(opt, 0, "lr", &now));
            CHECK_OK(optim_schedule_values(opt, 0, "lr", t, 1, &alone));
            if (!(now == values[t] && alone == now && now >= 0 && isfinite(now)))
                fail_msg("%s at t = %d: %g, ahead %g, alone %g", EVERY[i].name, t, now, values[t], alone);
            if (EVERY[i].end > 0 && t >= EVERY[i].end && now != values[EVERY[i].end])
                fail_msg("%s does not hold past its end: %g at t = %d", EVERY[i].name, now, t);
            CHECK_OK(optim_step(opt));
        }
        CHECK_OK(optim_schedule_values(opt, 0, "lr", (int64_t)1 << 52, 1, &now));
        assert_true(isfinite(now) && now >= 0);
        optim_destroy(opt);
    }
}

/* ---- The convex bound ---- */

static optim_bound bound_of(const char *schedule, const char *options, size_t steps) {
    double *rate = check_memory(steps, sizeof *rate);
    optim_bound bound = {.size = sizeof bound};
    curve(schedule, options, 1, steps, rate);
    CHECK_OK(optim_schedule_bound(rate, NULL, steps, 1, &bound));
    free(rate);
    return bound;
}

static void test_bound_figures(void **state) {
    (void)state;
    static const struct {
        const char *schedule, *options;
        double bound, factor;
    } FIGURES[] = {{"polynomial", "steps=100", 0.203608, 0.0972552},
                   {"cosine", "steps=100", 0.209114, 0.0946945},
                   {"wsd", "steps=100,cooldown=20", 0.223028, 0.0495442},
                   {"constant", NULL, 0.248543, 0.0402344}};
    double before = 0, factor[4];
    for (int i = 0; i < 4; ++i) {
        const optim_bound bound = bound_of(FIGURES[i].schedule, FIGURES[i].options, 100);
        assert_true(fabs(bound.best_bound - FIGURES[i].bound) <= 5e-7);
        assert_true(fabs(bound.best_factor / FIGURES[i].factor - 1) <= 2e-6);
        assert_true(bound.best_bound > before);
        before = bound.best_bound;
        factor[i] = bound.best_factor;
    }
    assert_true(factor[2] / factor[1] > 0.45 && factor[2] / factor[1] < 0.6); /* wsd: about half of cosine's rate */
}

/* The bound after t steps of one run at its best rate: little happens before the cooldown, much in it. */
static void test_bound_drops_in_cooldown(void **state) {
    (void)state;
    enum { T = 400, COOLDOWN = 80 };
    double rate[T], at[T + 1];
    optim_bound bound = {.size = sizeof bound};
    curve("wsd", "steps=400,cooldown=80", bound_of("wsd", "steps=400,cooldown=80", T).best_factor, T, rate);
    for (int t = 1; t <= T; ++t) {
        CHECK_OK(optim_schedule_bound(rate, NULL, (size_t)t, 1, &bound));
        at[t] = bound.bound;
    }
    const double stable = at[T - 2 * COOLDOWN] - at[T - COOLDOWN], cooldown = at[T - COOLDOWN] - at[T];
    assert_true(stable > 0 && cooldown > 2.5 * stable);
    assert_true(at[T] < 0.75 * at[T - COOLDOWN]);
}

static void test_longer_cooldowns_are_better(void **state) {
    (void)state;
    double before = (double)INFINITY;
    for (int cooldown = 0; cooldown <= 100; cooldown += 10) {
        char *options = check_text("steps=100,cooldown=%d", cooldown);
        const double bound = bound_of("wsd", options, 100).best_bound;
        assert_true(bound < before);
        before = bound;
        free(options);
    }
}

/* ---- refined ---- */

/* Factors for norms given as a function of the step. */
static void refined(double (*norm)(int t), int steps, const char *more, double *factor) {
    char *text = check_text("%s", more);
    for (int t = 0; t < steps; ++t) {
        char *longer = check_text("%s%s%.17g", text, t == 0 ? ",norms=" : ";", norm(t));
        free(text);
        text = longer;
    }
    curve("refined", text, 1, (size_t)steps + 2, factor);
    free(text);
}

enum { STEPS = 80 };
static double constant(int t) {
    (void)t;
    return 3;
}
static double large_early(int t) {
    return 1 + 9 * exp(-0.2 * t);
}
static double growing_late(int t) {
    return t < 60 ? 1 : 1 + 0.2 * (t - 60);
}
static double scaled_late(int t) {
    return 1e-200 * growing_late(t);
}
static double with_spike(int t) {
    return t == 40 ? 1e6 : 3;
}
static double with_zero(int t) {
    return t == 40 ? 0 : 3 + t % 2;
}
static double with_least(int t) {
    return t == 40 ? 3 : 3 + t % 2;
}

static void test_refined_is_linear(void **state) {
    (void)state;
    double factor[STEPS + 2], other[STEPS + 2];
    refined(constant, STEPS, "tau=0.1", factor);
    for (int t = 0; t < STEPS; ++t)
        CHECK_CLOSE(factor[t], (double)(STEPS - 1 - t) / (STEPS - 1), 1e-14);
    assert_true(factor[STEPS - 1] == 0 && factor[STEPS] == 0 && factor[STEPS + 1] == 0);
    refined(with_spike, STEPS, "tau=0.1", other); /* the median does not see it */
    for (int t = 0; t < STEPS; ++t)
        assert_true(other[t] == factor[t]);
    refined(with_spike, STEPS, "tau=0", other); /* without the filter that step is left out */
    assert_true(other[40] < 1e-9);
}

static void test_refined_follows_the_norms(void **state) {
    (void)state;
    double factor[STEPS + 2], other[STEPS + 2];
    refined(large_early, STEPS, "tau=0.1", factor);
    int peak = 0;
    for (int t = 0; t < STEPS; ++t)
        peak = factor[t] > factor[peak] ? t : peak;
    assert_true(peak > 10 && peak < 40 && factor[peak] == 1 && factor[0] < 0.1); /* a warmup */
    for (int t = 6; t <= peak; ++t)
        assert_true(factor[t] >= factor[t - 1]);
    refined(growing_late, STEPS, "tau=0.1", factor);
    assert_true(factor[70] < 0.3 * (STEPS - 1 - 70) / (STEPS - 1)); /* below the line of constant norms */
    refined(scaled_late, STEPS, "tau=0.1", other);
    for (int t = 0; t < STEPS; ++t)
        CHECK_CLOSE(other[t], factor[t], 1e-12);
    refined(with_zero, STEPS, "tau=0", factor);
    refined(with_least, STEPS, "tau=0", other);
    for (int t = 0; t < STEPS; ++t)
        assert_true(other[t] == factor[t]);
}

/* What one run records, the next is driven by: on an ill-conditioned quadratic with SGD. */
static void test_refined_from_a_recorded_run(void **state) {
    (void)state;
    enum { N = 60, D = 4 };
    double x[D], g[D], norms[N], direct[N];
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sgd", "lr=0.1"));
    for (int i = 0; i < D; ++i)
        x[i] = 1;
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (int64_t[]){D}, x, g));
    CHECK_OK(optim_record_norms(opt, OPTIM_NORM_L2, norms, N));
    for (int t = 0; t < N; ++t) {
        direct[t] = 0;
        for (int i = 0; i < D; ++i) {
            g[i] = x[i] * (i + 1);
            direct[t] += g[i] * g[i];
        }
        CHECK_OK(optim_step(opt));
    }
    assert_int_equal(optim_recorded(opt), N);
    char text[40 * N], *at = text + snprintf(text, sizeof text, "norms=");
    for (int t = 0; t < N; ++t) {
        CHECK_CLOSE(norms[t] * norms[t], direct[t], 1e-15);
        at += snprintf(at, 40, "%s%.17g", t > 0 ? ";" : "", norms[t]);
    }
    CHECK_OK(optim_set_schedule(opt, 0, "lr", "refined", text));
    double values[N];
    CHECK_OK(optim_schedule_values(opt, 0, "lr", 0, N, values));
    for (int t = 1; t + 1 < N; ++t)
        assert_true(values[t] >= 0 && values[t] <= 0.1);
    assert_true(values[N - 1] == 0);
    optim_destroy(opt);
}

/* ---- volsched without volatility ---- */

static void test_calm_volsched_is_a_staircase_on_cosine(void **state) {
    (void)state;
    double x = 1, g = 0, lr;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sgd", "lr=1"));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &x, &g));
    CHECK_OK(optim_set_schedule(opt, 0, "lr", "volsched", "window=5,steps=50,weight=0.5"));
    for (int t = 0; t < 60; ++t) {
        CHECK_OK(optim_get(opt, 0, "lr", &lr));
        const double e = t > 50 ? 50 : t - t % 5;
        CHECK_CLOSE(lr, (1 + cos(PI * e / 50)) / 2, 1e-14);
        CHECK_OK(optim_step(opt));
        CHECK_OK(optim_report(opt, 4)); /* log returns are all 0: sigma is 0, M is 1 */
    }
    optim_destroy(opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equalities),
        cmocka_unit_test(test_uba),
        cmocka_unit_test(test_onecycle),
        cmocka_unit_test(test_any_clock),
        cmocka_unit_test(test_bound_figures),
        cmocka_unit_test(test_bound_drops_in_cooldown),
        cmocka_unit_test(test_longer_cooldowns_are_better),
        cmocka_unit_test(test_refined_is_linear),
        cmocka_unit_test(test_refined_follows_the_norms),
        cmocka_unit_test(test_refined_from_a_recorded_run),
        cmocka_unit_test(test_calm_volsched_is_a_staircase_on_cosine),
    };
    return cmocka_run_group_tests_name("schedules", tests, NULL, NULL);
}
