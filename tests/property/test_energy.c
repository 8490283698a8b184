/* What methods with an energy are held to: it is positive and never increases; and the errors of methods that read losses. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "play.h"

enum { D = 20 };

/* r = |moved| S / (lr |g|): positive, and no greater than before, however long the step. */
static void test_aegd_energy(void **state) {
    (void)state;
    static const char *const RATES[] = {"0.1", "1", "1000"};
    for (int k = 0; k < 3; ++k) {
        char *options = check_text("lr=%s", RATES[k]);
        rig_t *rig = play_vector("aegd", options, "quadratic", D, 1);
        double before[D], moved[D], energy[D];
        for (size_t i = 0; i < D; ++i)
            energy[i] = sqrt(rig_value(rig) + 1);
        for (int step = 0; step < 200; ++step) {
            const double s = sqrt(rig_value(rig) + 1);
            play_step(rig, before, moved);
            for (size_t i = 0; i < D; ++i) {
                if (fabs(moved[i]) < 1e-6 * (1 + fabs(before[i])))
                    continue; /* too short to tell the energy by it */
                const double r = -moved[i] * s / (strtod(RATES[k], NULL) * rig->g[i]);
                CHECK_AT_MOST(0, r);
                CHECK_AT_MOST(r, energy[i] * (1 + 1e-9));
                energy[i] = r;
            }
        }
        rig_check_finite(rig, "aegd");
        free(options);
        rig_free(rig);
    }
}

/* The same for the one energy of aepg, told by the coordinate that moved most; the simplex keeps its sum besides. */
static void run_aepg(int metric, double lr, double start, int steps) {
    char *options = check_text("lr=%.17g,metric=%d", lr, metric);
    rig_t *rig = play_vector("aepg", options, "quadratic", D, start);
    double before[D], moved[D], energy = sqrt(rig_value(rig) + 1);
    for (int step = 0; step < steps; ++step) {
        const double s = sqrt(rig_value(rig) + 1);
        play_step(rig, before, moved);
        double sum = 0, xg = 0, total = 0, size = 0;
        size_t most = 0;
        for (size_t i = 0; i < D; ++i) {
            sum += before[i];
            xg += before[i] * rig->g[i];
            total += moved[i];
            size += fabs(before[i]) + fabs(moved[i]);
            most = fabs(moved[i]) > fabs(moved[most]) ? i : most;
        }
        const double x = before[most], g = rig->g[most];
        const double w = metric == 0 ? g : metric == 1 ? x * g : metric == 2 ? x * x * g : x * (g - xg / sum);
        const double r = -moved[most] * s / (lr * w);
        if (fabs(moved[most]) < 1e-6 * (1 + fabs(x)))
            break; /* too short to tell the energy by it */
        CHECK_AT_MOST(0, r);
        CHECK_AT_MOST(r, energy * (1 + 1e-8));
        energy = r;
        if (metric == 3)
            CHECK_AT_MOST(fabs(total), 1e-14 * size);
    }
    rig_check_finite(rig, "aepg");
    free(options);
    rig_free(rig);
}

static void test_aepg_energy(void **state) {
    (void)state;
    run_aepg(0, 0.1, 1, 100);
    run_aepg(0, 1000, 1, 100);
    run_aepg(1, 0.05, 1, 100);
    run_aepg(2, 0.05, 1, 100);
    run_aepg(2, 1000, 1, 20);
    run_aepg(3, 0.05, 1, 100);
}

/* Leaving x > 0: reported, with nothing changed; a shorter step goes on. */
static void test_aepg_domain(void **state) {
    (void)state;
    static const char *const OPTIONS[] = {"metric=1,lr=100", "metric=2,strict=1,lr=100", "metric=3,strict=1,lr=100"};
    for (int k = 0; k < 3; ++k) {
        rig_t *rig = play_vector("aepg", OPTIONS[k], "quadratic", D, 1);
        void *before = rig_snapshot(rig);
        CHECK_REFUSED(rig_step(rig), OPTIM_ERR_DOMAIN, "x > 0");
        rig_check_snapshot(rig, before, "a step out of the domain");
        CHECK_OK(optim_set(rig->opt, -1, "lr", 0.001));
        CHECK_OK(rig_steps(rig, 10));
        assert_int_equal(optim_steps(rig->opt), 10);
        free(before);
        rig_free(rig);
        rig = play_vector("aepg", OPTIONS[k], "quadratic", D, -1); /* and beginning outside */
        CHECK_OK(optim_set(rig->opt, -1, "lr", 0.001));
        CHECK_REFUSED(rig_step(rig), OPTIM_ERR_DOMAIN, "aepg");
        rig_free(rig);
    }
}

/* A group's metric is its own: what the entropy must not leave, another group may. */
static void test_aepg_groups(void **state) {
    (void)state;
    double x[2] = {0.5, 0.5}, y[2] = {0.5, -0.5}, g[2] = {1, -1}, h[2] = {8, 1};
    optim_t *opt;
    int group;
    CHECK_OK(optim_create(&opt, "aepg", "lr=0.1,metric=1"));
    CHECK_OK(optim_add_group(opt, "metric=0", &group));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (int64_t[]){2}, x, g));
    CHECK_OK(optim_add_param(opt, group, "y", OPTIM_F64, 1, (int64_t[]){2}, y, h));
    CHECK_OK(optim_set_loss(opt, 3)); /* S = 2, v = (1, -1, 8, 1) / 4, <v, w> = 1/16 + 65/16 */
    CHECK_OK(optim_step(opt));
    const double r = 2 / (1 + 0.2 * (66.0 / 16));
    CHECK_CLOSE(x[0], 0.5 - 0.2 * r * 0.125, 1e-15);
    CHECK_CLOSE(y[0], 0.5 - 0.2 * r * 2, 1e-15);
    assert_true(y[1] < 0);
    CHECK_OK(optim_set(opt, group, "metric", 1));
    CHECK_OK(optim_set_loss(opt, 3));
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_DOMAIN, "x > 0");
    optim_destroy(opt);
}

/* The simplex form is let out of x > 0 for as long as its metric stays positive along the gradient. */
static void test_aepg_simplex_domain(void **state) {
    (void)state;
    rig_t *rig = play_vector("aepg", "metric=3,lr=0.5", "quadratic", D, 1);
    CHECK_OK(rig_step(rig));
    void *outside = rig_snapshot(rig);
    double least = 1;
    for (size_t i = 0; i < D; ++i)
        least = fmin(least, rig_read(rig)[i]);
    CHECK_AT_MOST(least, -0.5);
    CHECK_REFUSED(rig_step(rig), OPTIM_ERR_DOMAIN, "positive");
    rig_check_snapshot(rig, outside, "a step with a metric that is not positive");
    free(outside);
    rig_free(rig);
}

/* f + c <= 0 is an error; a loss that is not finite ends the step too; both change nothing, kept numbers included. */
static void test_bad_losses(void **state) {
    (void)state;
    static const char *const METHODS[] = {"sps",       "alr_mag", "alr_smag", "alr_hb", "momo",
                                          "momo_adam", "aegd",    "aepg",     "smb"};
    for (size_t k = 0; k < sizeof METHODS / sizeof *METHODS; ++k) {
        const char *options = strcmp(METHODS[k], "aegd") == 0 ? "momentum=0.9" : "";
        rig_t *rig = play_vector(METHODS[k], options, "logistic", D, 1),
              *clean = play_vector(METHODS[k], options, "logistic", D, 1);
        CHECK_OK(rig_steps(rig, 3));
        CHECK_OK(rig_steps(clean, 3));
        rig_evaluate(rig);
        CHECK_OK(optim_set_loss(rig->opt, (double)NAN));
        CHECK_STATUS(optim_step(rig->opt), OPTIM_ERR_NONFINITE);
        rig_check_same(rig, clean, "a loss that is no number");
        if (strncmp(METHODS[k], "ae", 2) == 0) {
            CHECK_OK(optim_set_loss(rig->opt, -1));
            CHECK_REFUSED(optim_step(rig->opt), OPTIM_ERR_DOMAIN, "raise c");
            CHECK_OK(optim_set_loss(rig->opt, -2));
            CHECK_REFUSED(optim_step(rig->opt), OPTIM_ERR_DOMAIN, METHODS[k]);
        }
        CHECK_OK(rig_steps(rig, 5));
        CHECK_OK(rig_steps(clean, 5));
        rig_check_same(rig, clean, METHODS[k]);
        assert_int_equal(optim_steps(rig->opt), 8);
        rig_free(rig);
        rig_free(clean);
    }
}

/* Nor is a trial kept whose loss is no number. */
static void test_bad_trial(void **state) {
    (void)state;
    rig_t *rig = play_vector("smb", "", "logistic", D, 1), *clean = play_vector("smb", "", "logistic", D, 1);
    CHECK_OK(rig_step(rig));
    CHECK_OK(rig_step(clean));
    rig->stop_at = 2;
    CHECK_STATUS(rig_step(rig), OPTIM_EVAL_GRAD);
    rig_evaluate(rig);
    CHECK_OK(optim_set_loss(rig->opt, (double)NAN));
    CHECK_STATUS(optim_step(rig->opt), OPTIM_ERR_NONFINITE);
    rig->stop_at = 0;
    rig_check_same(rig, clean, "a trial whose loss is no number");
    CHECK_OK(rig_steps(rig, 5));
    CHECK_OK(rig_steps(clean, 5));
    rig_check_same(rig, clean, "after it");
    rig_free(rig);
    rig_free(clean);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aegd_energy),         cmocka_unit_test(test_aepg_energy),
        cmocka_unit_test(test_aepg_domain),         cmocka_unit_test(test_aepg_groups),
        cmocka_unit_test(test_aepg_simplex_domain), cmocka_unit_test(test_bad_losses),
        cmocka_unit_test(test_bad_trial),           cmocka_unit_test(test_bad_trial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
