/* mirror_descent, and searches by values: what their papers state in numbers. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

/* ---- mirror_descent on a bandit: reward r_i = (1 + sin(1 + 1.3 i)) / 2 ---- */

enum { ARMS = 6 };

static int steps_to_best(const char *alpha) {
    const int64_t n = ARMS;
    double x[ARMS], g[ARMS], z[ARMS], best = 0, reward = 0;
    int steps = 0;
    optim_t *opt;
    char *options = check_text("map=entropic,lr=0.5,extrapolation=%s", alpha);
    for (int i = 0; i < ARMS; ++i) {
        x[i] = 1.0 / ARMS;
        g[i] = -0.5 - 0.5 * sin(1 + 1.3 * i);
        best = fmax(best, -g[i]);
    }
    CHECK_OK(optim_create(&opt, "mirror_descent", options));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, &n, x, g));
    for (; reward < best - 1e-3 && steps < 1000; ++steps) {
        CHECK_OK(optim_step(opt));
        CHECK_OK(optim_output(opt, 0, z));
        reward = 0;
        for (int i = 0; i < ARMS; ++i)
            reward -= g[i] * z[i];
    }
    optim_destroy(opt);
    free(options);
    return steps;
}

static void test_extrapolation_is_faster(void **state) {
    (void)state;
    assert_int_equal(steps_to_best("0"), 162);
    assert_int_equal(steps_to_best("0.5"), 82);
    assert_int_equal(steps_to_best("0.9"), 25);
}

/* ---- The same steps as other methods, to the bit ---- */

static void compare(const char *options, const char *other, const char *others) {
    const int64_t dims[] = {2, 3};
    double x[2][6], g[6];
    optim_t *opt[2];
    for (int k = 0; k < 2; ++k) {
        for (int i = 0; i < 6; ++i)
            x[k][i] = (1.0 + i % 3) / 6;
        CHECK_OK(optim_create(&opt[k], k == 0 ? "mirror_descent" : other, k == 0 ? options : others));
        CHECK_OK(optim_add_param(opt[k], 0, "x", OPTIM_F64, 2, dims, x[k], g));
    }
    for (int step = 0; step < 20; ++step) {
        for (int i = 0; i < 6; ++i)
            g[i] = sin(1 + 0.7 * i + step);
        for (int k = 0; k < 2; ++k) {
            optim_status status = optim_step(opt[k]);
            while (status > 0)
                status = optim_step(opt[k]); /* the operator does not depend on x */
            CHECK_OK(status);
        }
        assert_memory_equal(x[0], x[1], sizeof x[0]);
    }
    optim_destroy(opt[0]);
    optim_destroy(opt[1]);
}

static void test_relatives(void **state) {
    (void)state;
    compare("optimism=1,lr=0.3", "past_extragradient", "lr=0.3");
    compare("optimism=1,lr=0.3,map=entropic", "past_extragradient", "lr=0.3,mirror=entropic");
    compare("lr=0.3,map=entropic,kl=0.5", "extragradient", "lr=0.3,mirror=entropic,reg=0.5");
}

static void test_mirror_refuses(void **state) {
    (void)state;
    const int64_t n = 2;
    double x[2] = {0.5, 0.6}, g[2] = {0}, reference[2] = {1, -1};
    optim_t *opt;
    CHECK_REFUSED(optim_create(&opt, "mirror_descent", "map=entropic,reg=prox_l1"), OPTIM_ERR_VALUE, "kl=");
    CHECK_REFUSED(optim_create(&opt, "mirror_descent", "kl=1"), OPTIM_ERR_VALUE, "map=entropic");
    CHECK_REFUSED(optim_create(&opt, "mirror_descent", "ons=1,map=pnorm"), OPTIM_ERR_VALUE, "ons=");
    CHECK_REFUSED(optim_create(&opt, "mirror_descent", "extrapolation=0.5,optimism=1"), OPTIM_ERR_VALUE, "optimism=0");
    static const struct {
        const char *options, *sentence;
        optim_status status;
    } CASES[] = {{"map=entropic", "inside the simplex", OPTIM_ERR_DOMAIN},
                 {"map=pnorm,reg=proj_box", "prox_l1 alone", OPTIM_ERR_VALUE},
                 {"batch=2", "optim_set_components", OPTIM_ERR_VALUE},
                 {"map=entropic,kl=1,reference=input", "\"reference\"", OPTIM_ERR_SHAPE}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i) {
        CHECK_OK(optim_create(&opt, "mirror_descent", CASES[i].options));
        CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, &n, x, g));
        CHECK_REFUSED(optim_step(opt), CASES[i].status, CASES[i].sentence);
        if (i == 3) {
            CHECK_OK(optim_set_input(opt, 0, "reference", OPTIM_F64, 1, &n, reference));
            CHECK_REFUSED(optim_step(opt), OPTIM_ERR_SHAPE, "none below 0");
        }
        assert_true(x[0] == 0.5 && x[1] == 0.6);
        optim_destroy(opt);
    }
}

/* Where the step is 0 nothing moves, not even into the set. */
static void test_pause(void **state) {
    (void)state;
    const int64_t n = 2;
    double x[2] = {3, 4}, g[2] = {1, 1};
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "mirror_descent", "rate=linear,steps=1,reg=proj_box,lr=0.5"));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, &n, x, g));
    CHECK_OK(optim_step(opt));
    assert_true(x[0] == 1 && x[1] == 1);
    x[0] = 7;
    CHECK_OK(optim_step(opt));
    assert_true(x[0] == 7);
    optim_destroy(opt);
}

/* ---- Searches by values on f = sum h_i (x_i - t_i)^2 / 2 of 5 variables ---- */

enum { D = 5 };

static double quad(const double *x, double *g) {
    double f = 0;
    for (int i = 0; i < D; ++i) {
        const double h = 1 + i % 7, away = x[i] - (37 * i % 11 / 11.0 - 0.5);
        f += h * away * away / 2;
        g[i] = h * away;
    }
    return f;
}

/* Values until f <= 1e-8; alpha is checked against the gradient where a poll failed. */
static int values_to_solve(const char *method, const char *options, bool checks) {
    const int64_t n = D;
    double x[D], g[D], alpha, before;
    int values = 0;
    optim_t *opt;
    for (int i = 0; i < D; ++i)
        x[i] = 2 * sin(1 + 1.3 * i);
    CHECK_OK(optim_create(&opt, method, options));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, &n, x, g));
    while (quad(x, g) > 1e-8 && values < 100000) {
        double start[D], slope[D], square = 0;
        (void)quad(memcpy(start, x, sizeof x), slope);
        before = 0;
        if (checks)
            CHECK_OK(optim_get(opt, 0, "current_alpha", &before));
        optim_status status = optim_step(opt);
        for (; status > 0; status = optim_step(opt)) {
            values += status == OPTIM_EVAL_LOSS;
            CHECK_OK(optim_set_loss(opt, quad(x, g)));
        }
        CHECK_OK(status);
        if (!checks)
            continue;
        CHECK_OK(optim_get(opt, 0, "current_alpha", &alpha));
        for (int i = 0; i < D; ++i)
            square += slope[i] * slope[i];
        if (alpha < before) /* L = 5, c = 1e-3 */
            CHECK_AT_MOST(sqrt(square), (5 * sqrt(5) / 2 + 1e-3 * sqrt(5)) * before);
    }
    optim_destroy(opt);
    return values;
}

static void test_searches(void **state) {
    (void)state;
    static const char *const ATTACKS[] = {"none", "fgsm", "ffgsm"};
    static const int MEDIANS[] = {830, 673, 569};
    assert_in_range(values_to_solve("direct_search", NULL, true), 1, 1000);
    assert_in_range(values_to_solve("direct_search", "complete=1", true), 1, 2000);
    for (int k = 0; k < 3; ++k) {
        int below = 0;
        for (int seed = 1; seed <= 10; ++seed) {
            char *options = check_text("attack=%s,seed=%d", ATTACKS[k], seed);
            below += values_to_solve("cdsm", options, false) <= MEDIANS[k];
            free(options);
        }
        assert_in_range(below, 2, 8);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extrapolation_is_faster),
        cmocka_unit_test(test_relatives),
        cmocka_unit_test(test_mirror_refuses),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_searches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
