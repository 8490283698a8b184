/* What methods with the Hessian, and conjugate gradients, are held to. */
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "play.h"

/* The loss after so many steps from x = start. */
static double loss_after(const char *algorithm, const char *options, const char *oracle, size_t d, double start,
                         int steps) {
    rig_t *rig = play_vector(algorithm, options, oracle, d, start);
    CHECK_OK(rig_steps(rig, steps));
    const double loss = rig_value(rig);
    rig_free(rig);
    return loss;
}

/* On a quadratic function there are as many steps as eigenvalues. */
static void test_conjugate_gradients_end(void **state) {
    (void)state;
    static const char *const FORMULAS[] = {"pr+", "fr", "hs", "dy", "hz"};
    for (size_t k = 0; k < sizeof FORMULAS / sizeof *FORMULAS; ++k) {
        char *options = check_text("c2=0.1,formula=%s", FORMULAS[k]);
        CHECK_AT_MOST(loss_after("ncg", options, "quadratic", 7, 0, 7), k == 0 ? 1e-20 : 1e-3);
        CHECK_AT_MOST(loss_after("ncg", options, "quadratic", 7, 0, 40), 1e-20);
        free(options);
    }
    CHECK_AT_MOST(loss_after("newton_cg", NULL, "quadratic", 34, 2, 20), 1e-16);
}

/* With restart=1 every direction is -g, whatever the formula says. */
static void test_restarts(void **state) {
    (void)state;
    rig_t *one = play_vector("ncg", "restart=1,formula=fr", "coupled", 9, 1.5),
          *other = play_vector("ncg", "restart=1,formula=hz", "coupled", 9, 1.5);
    CHECK_OK(rig_steps(one, 6));
    CHECK_OK(rig_steps(other, 6));
    rig_check_same(one, other, "steepest descent");
    rig_free(one);
    rig_free(other);
}

static double logistic_gap(const char *algorithm, const char *options, int steps) {
    static double least = NAN;
    if (isnan(least))
        least = loss_after("newton_cg", NULL, "logistic", 10, 2, 40);
    return loss_after(algorithm, options, "logistic", 10, 2, steps) - least;
}

/* Figures of independent implementations. */
static void test_damped_newton_descends(void **state) {
    (void)state;
    CHECK_AT_MOST(logistic_gap("damped_newton", "schedule=rn", 2), 6e-2);
    CHECK_AT_MOST(logistic_gap("damped_newton", "schedule=rn", 5), 1e-4);
    CHECK_AT_MOST(logistic_gap("damped_newton", "schedule=un", 2), 3e-2);
    CHECK_AT_MOST(logistic_gap("damped_newton", "schedule=un", 5), 1e-12);
    CHECK_AT_MOST(logistic_gap("damped_newton", "schedule=greedy", 2), 3e-7);
    CHECK_AT_MOST(logistic_gap("damped_newton", "schedule=grls", 2), 3e-7);
}

static void test_regularised_newton_descends(void **state) {
    (void)state;
    CHECK_AT_MOST(logistic_gap("gns", NULL, 5), 5e-5);
    CHECK_AT_MOST(logistic_gap("gns", NULL, 10), 1e-13);
    CHECK_AT_MOST(logistic_gap("cubic_newton", "lipschitz=0.05", 15), 1e-10);
    CHECK_AT_MOST(logistic_gap("cubic_newton", "adaptive=1", 15), 1e-13);
    CHECK_AT_MOST(pow(40, 3) * logistic_gap("acc_cubic", NULL, 40), 1100);
}

/* cubic_newton leaves a saddle point, where damped_newton has no direction. */
static void test_indefinite_hessians(void **state) {
    (void)state;
    rig_t *rig = play_vector("damped_newton", "schedule=classic", "rosenbrock", 5, 0.1);
    const double before = rig_value(rig);
    CHECK_REFUSED(rig_step(rig), OPTIM_ERR_DOMAIN, "positive definite");
    assert_true(rig_value(rig) == before);
    rig_free(rig);
    CHECK_AT_MOST(loss_after("cubic_newton", "adaptive=1,lipschitz=100", "rosenbrock", 5, 0.1, 40), 1e-10);
    CHECK_AT_MOST(loss_after("gns", "gamma=0.1", "rosenbrock", 5, 0.1, 100), 1e-10);
}

static void test_long_parameters_are_refused(void **state) {
    (void)state;
    static double x[4097], g[4097];
    static const char *const METHODS[] = {"damped_newton", "gns", "cubic_newton", "acc_cubic"};
    for (size_t k = 0; k < sizeof METHODS / sizeof *METHODS; ++k) {
        const int64_t length = 4097;
        optim_t *opt;
        CHECK_OK(optim_create(&opt, METHODS[k], NULL));
        CHECK_OK(optim_add_param(opt, 0, "long", OPTIM_F64, 1, &length, x, g));
        CHECK_REFUSED(optim_memory(opt, NULL, NULL), OPTIM_ERR_SHAPE, "4096");
        optim_destroy(opt);
    }
}

/* ---- sgd_lanczos ---- */

static double number(const rig_t *rig, const char *name, int i) {
    double value;
    char *of = i < 0 ? check_text("%s", name) : check_text("%s_%d", name, i);
    CHECK_OK(optim_get(rig->opt, 0, of, &value));
    free(of);
    return value;
}

/* The whole spectrum, each eigenvalue with the part that a vector of signs has in it: equal, for a diagonal matrix. */
static void test_lanczos_spectrum(void **state) {
    (void)state;
    rig_t *rig = play_vector("sgd_lanczos", "safety=0.3", "quadratic", 7, 2);
    CHECK_OK(rig_steps(rig, 1));
    assert_int_equal(rig->products, 7);
    CHECK_CLOSE(number(rig, "ritz_count", -1), 7, 0);
    double sum = 0;
    for (int i = 0; i < 7; ++i) {
        CHECK_CLOSE(number(rig, "weight", i), 1.0 / 7, 1e-13);
        sum += number(rig, "ritz", i) * number(rig, "weight", i);
        CHECK_AT_MOST(fabs(number(rig, "ritz", i) - round(number(rig, "ritz", i))), 1e-13);
    }
    CHECK_CLOSE(7 * sum, 28, 1e-13); /* the trace */
    CHECK_CLOSE(number(rig, "eta", -1), 0.6 / 7, 1e-13);
    rig_free(rig);
}

static void test_lanczos_stays_below(void **state) {
    (void)state;
    for (int k = 1; k <= 6; ++k) {
        char *options = check_text("lanczos_steps=%d", k);
        rig_t *rig = play_vector("sgd_lanczos", options, "quadratic", 7, 2);
        CHECK_OK(rig_steps(rig, 1));
        for (int i = 0; i < k; ++i)
            CHECK_AT_MOST(number(rig, "ritz", k == 1 ? -1 : i), 7 + 1e-13);
        CHECK_AT_MOST(1.0 / 7 - 1e-13, number(rig, "eta", -1));
        free(options);
        rig_free(rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conjugate_gradients_end), cmocka_unit_test(test_restarts),
        cmocka_unit_test(test_damped_newton_descends),  cmocka_unit_test(test_regularised_newton_descends),
        cmocka_unit_test(test_indefinite_hessians),     cmocka_unit_test(test_long_parameters_are_refused),
        cmocka_unit_test(test_lanczos_spectrum),        cmocka_unit_test(test_lanczos_stays_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
