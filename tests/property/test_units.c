/* Losses, gradients and rates in unusual units: nothing but the units changes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "play.h"

/* ---- lbfgs ---- */

enum { D = 6, STEPS = 200 };

/* Rosenbrock times c from 0. A search that finds no lower loss any more is near the minimum. */
static void reach_minimum(const char *options, double c, double tolerance) {
    rig_t *rig = play_vector("lbfgs", options, "rosenbrock", D, 0);
    rig->sign = c;
    for (int step = 0; step < STEPS; ++step) {
        const optim_status status = rig_step(rig);
        if (status != OPTIM_OK && status != OPTIM_ERR_LINE_SEARCH)
            fail_msg("lbfgs (%s), loss times %g, step %d: %s", options, c, step, optim_error());
    }
    const double *x = rig_read(rig);
    for (size_t i = 0; i < D; ++i)
        if (!(fabs(x[i] - 1) <= tolerance))
            fail_msg("lbfgs (%s), loss times %g: x[%zu] is %.17g after %d gradients", options, c, i, x[i],
                     (int)rig->gradients);
    rig_free(rig);
}

static void lbfgs_reaches_the_minimum_of_any_loss(void **state) {
    static const double SCALES[] = {1e-200, 1e-150, 1e-100, 1e-20, 1e-10, 1e-5, 1,
                                    1e5,    1e10,   1e20,   1e100, 1e150, 1e200};
    (void)state;
    for (size_t i = 0; i < sizeof SCALES / sizeof *SCALES; ++i) {
        reach_minimum("", SCALES[i], 1e-8);
        reach_minimum("line_search=armijo", SCALES[i], 1e-4);
    }
}

/* Squares of such gradients are no doubles; the steps are the same to the last bit. */
static void lbfgs_keeps_its_bits_in_powers_of_two(void **state) {
    static const char *const OPTIONS[] = {"", "line_search=armijo", "line_search=none"};
    static const double SCALES[] = {0x1p-600, 0x1p-60, 0x1p60, 0x1p600};
    (void)state;
    for (size_t k = 0; k < 3; ++k)
        for (size_t i = 0; i < 4; ++i) {
            rig_t *plain = play_vector("lbfgs", OPTIONS[k], "logistic", D, 1);
            rig_t *scaled = play_vector("lbfgs", OPTIONS[k], "logistic", D, 1);
            scaled->sign = SCALES[i];
            for (int step = 0; step < 12; ++step)
                assert_int_equal(rig_step(scaled), rig_step(plain));
            rig_check_same(scaled, plain, OPTIONS[k]);
            assert_int_equal(scaled->gradients, plain->gradients);
            rig_free(plain);
            rig_free(scaled);
        }
}

/* What torch's constants make of a small loss, and that they are off by default. */
static void lbfgs_with_torchs_constants_leaves_small_losses(void **state) {
    (void)state;
    rig_t *rig =
        play_vector("lbfgs", "tolerance_change=1e-9,curvature_min=1e-10,first_trial=torch", "rosenbrock", D, 0);
    rig->sign = 1e-12;
    CHECK_OK(rig_steps(rig, 3));
    assert_int_equal(rig->gradients, 1); /* converged where it began */
    rig_free(rig);
    reach_minimum("tolerance_change=1e-9,curvature_min=1e-10,first_trial=torch", 1, 1e-4);
}

/* A loss that is suddenly higher everywhere: searches fail along d and along -g, by losses and by slopes, and the pairs
 * are gone. */
static void lbfgs_forgets_pairs_that_lead_nowhere(void **state) {
    (void)state;
    rig_t *rig = play_vector("lbfgs", "max_ls=5", "rosenbrock", D, 0);
    CHECK_OK(rig_steps(rig, 5));
    double pairs;
    CHECK_OK(optim_get(rig->opt, 0, "pairs", &pairs));
    assert_true(pairs >= 3);
    const int64_t gradients = rig->gradients;
    void *there = rig_snapshot(rig);
    rig->sign = 1e6; /* of what is held */
    CHECK_OK(rig_step(rig));
    rig_check_snapshot(rig, there, "no step goes down");
    CHECK_OK(optim_get(rig->opt, 0, "pairs", &pairs));
    assert_true(pairs == 0);
    assert_in_range(rig->gradients - gradients, 16, 28); /* four searches */
    free(there);
    rig_free(rig);
}

/* ---- muon ---- */

static void compare_muon(optim_dtype dtype, double scale) {
    static const layout_t LAYOUT = {"matrices", 2, {{"wide", 2, {4, 7}}, {"tall", 2, {5, 2}}}};
    rig_t *rig[2];
    for (int i = 0; i < 2; ++i) {
        optim_t *opt;
        rig[i] = rig_new(&LAYOUT, dtype, dtype, 0);
        rig[i]->oracle = oracle_find("quadratic");
        CHECK_OK(optim_create(&opt, "muon", NULL));
        CHECK_OK(rig_lend(rig[i], opt));
        rig[i]->sign = i == 0 ? 1 : scale;
        CHECK_OK(rig_steps(rig[i], 5));
    }
    rig_check_near(rig[1], rig[0], 1e-6, "muon");
    rig_free(rig[0]);
    rig_free(rig[1]);
}

/* The longest and the shortest gradients make steps of the same length, with the default ns_eps. */
static void muon_steps_whatever_the_gradient(void **state) {
    static const double WIDE[] = {1e-290, 1e-150, 1e-15, 1e-9, 1e-6, 1e-3, 1e3, 1e15, 1e150, 1e290};
    static const double NARROW[] = {1e-30, 1e-15, 1e-6, 1e6, 1e15, 1e30};
    (void)state;
    for (size_t i = 0; i < sizeof WIDE / sizeof *WIDE; ++i)
        compare_muon(OPTIM_F64, WIDE[i]);
    for (size_t i = 0; i < sizeof NARROW / sizeof *NARROW; ++i)
        compare_muon(OPTIM_F32, NARROW[i]);
}

/* ---- The engine ---- */

static void compare_engine(const char *format, double bound, double power, double scale) {
    rig_t *rig[2];
    for (int i = 0; i < 2; ++i) {
        const double s = i == 0 ? 1 : scale;
        char *options = check_text(format, 0.01 / s, bound * pow(s, power));
        rig[i] = play_vector("sgd", options, "logistic", D, 1);
        rig[i]->sign = s;
        rig[i]->accumulates = strstr(options, "accumulate=1") != NULL;
        CHECK_OK(rig_steps(rig[i], 5));
        free(options);
    }
    rig_check_same(rig[1], rig[0], format);
    rig_free(rig[0]);
    rig_free(rig[1]);
}

static void bounds_on_the_gradient_have_its_unit(void **state) {
    static const double SCALES[] = {0x1p-200, 0x1p-20, 0x1p20, 0x1p200};
    (void)state;
    for (size_t i = 0; i < 4; ++i) {
        compare_engine("lr=%.17g,clip_norm=%.17g", 0x1p-4, 1, SCALES[i]);
        compare_engine("lr=%.17g,clip_value=%.17g", 0x1p-6, 1, SCALES[i]);
        compare_engine("lr=%.17g,accumulate=1,accumulate_clip=%.17g", 0x1p-6, 1, SCALES[i]);
        compare_engine("lr=%.17g,grad_scale=%.17g", 1, 0, SCALES[i]);
    }
}

/* ---- Schedules that listen ---- */

/* lr after each of `count` reports of metric(k) times scale, with a schedule on an lr of `base`. */
static void run_reports(const char *schedule, const char *options, double base, double scale, int count, double *lr) {
    double x = 1, g = 0;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sgd", NULL));
    CHECK_OK(optim_set(opt, 0, "lr", base));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &x, &g));
    CHECK_OK(optim_set_schedule(opt, 0, "lr", schedule, options));
    for (int k = 0; k < count; ++k) {
        CHECK_OK(optim_step(opt));
        CHECK_OK(optim_report(opt, scale * (1 + fabs(sin(1.7 * k)) / (1 + k))));
        CHECK_OK(optim_get(opt, 0, "lr", &lr[k]));
    }
    optim_destroy(opt);
}

enum { REPORTS = 60 };

static void plateau_falls_to_its_least_value(void **state) {
    static const double BASES[] = {1e-12, 1e-9, 3e-7, 0.1, 1e6};
    double lr[REPORTS];
    char options[96];
    (void)state;
    for (size_t i = 0; i < sizeof BASES / sizeof *BASES; ++i) {
        const double least = BASES[i] * 1.1e-11;
        (void)snprintf(options, sizeof options, "patience=0,threshold=0.9,factor=0.3,lr_min=%.17g", least);
        run_reports("plateau", options, BASES[i], 1, REPORTS, lr);
        assert_true(lr[REPORTS - 1] == least);
        run_reports("plateau", "patience=0,threshold=0.9,factor=0.1", BASES[i], 1, REPORTS, lr);
        CHECK_CLOSE(lr[REPORTS - 1] / BASES[i], 0, 2e-7);
        assert_true(lr[REPORTS - 1] > 0); /* without a least value one fall is the last */
    }
    run_reports("plateau", "patience=0,threshold=0.9,eps=1e-8,eps_rel=0", 1e-9, 1, REPORTS, lr);
    assert_true(lr[REPORTS - 1] == 1e-9); /* torch's */
}

static void plateau_does_not_know_the_metrics_units(void **state) {
    double plain[REPORTS], scaled[REPORTS];
    (void)state;
    run_reports("plateau", "patience=1,factor=0.5", 0.1, 1, REPORTS, plain);
    run_reports("plateau", "patience=1,factor=0.5", 0.1, 0x1p-60, REPORTS, scaled);
    assert_memory_equal(scaled, plain, sizeof plain);
    run_reports("plateau", "patience=1,factor=0.5,threshold_mode=abs,threshold=0.0625", 0.1, 1, REPORTS, plain);
    char *options = check_text("patience=1,factor=0.5,threshold_mode=abs,threshold=%.17g", 0.0625 * 0x1p-60);
    run_reports("plateau", options, 0.1, 0x1p-60, REPORTS, scaled);
    free(options);
    assert_memory_equal(scaled, plain, sizeof plain);
}

static void volsched_does_not_know_the_metrics_units(void **state) {
    static const char OPTIONS[] = "window=4,steps=50,weight=0.5,lr_min=1e-4";
    double plain[REPORTS], scaled[REPORTS];
    (void)state;
    run_reports("volsched", OPTIONS, 0.1, 1, REPORTS, plain);
    for (int exponent = -900; exponent <= 900; exponent += 450) {
        run_reports("volsched", OPTIONS, 0.1, ldexp(1, exponent), REPORTS, scaled);
        assert_memory_equal(scaled, plain, sizeof plain);
    }
    run_reports("volsched", "window=4,steps=50,weight=0.5,lr_min=1e-4,floor=1e-8", 0.1, 1e-12, REPORTS, scaled);
    assert_true(memcmp(scaled, plain, sizeof plain) != 0); /* all metrics count as 1e-8 */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lbfgs_reaches_the_minimum_of_any_loss),
        cmocka_unit_test(lbfgs_keeps_its_bits_in_powers_of_two),
        cmocka_unit_test(lbfgs_with_torchs_constants_leaves_small_losses),
        cmocka_unit_test(lbfgs_forgets_pairs_that_lead_nowhere),
        cmocka_unit_test(muon_steps_whatever_the_gradient),
        cmocka_unit_test(bounds_on_the_gradient_have_its_unit),
        cmocka_unit_test(plateau_falls_to_its_least_value),
        cmocka_unit_test(plateau_does_not_know_the_metrics_units),
        cmocka_unit_test(volsched_does_not_know_the_metrics_units),
    };
    return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
