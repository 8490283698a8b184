/* What methods on whole matrices, and with one matrix for all parameters, are held to. */
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "play.h"

enum { D = 7 };

/* Without bases soap is Adam that skips its first gradient, with eps at the uncorrected root. */
static void test_soap_without_bases(void **state) {
    (void)state;
    enum { STEPS = 20, N = 12 };
    static const layout_t LAYOUT = {"matrix", 1, {{"matrix", 2, {3, 4}}}};
    rig_t *rig = play_new("soap", "lr=0.01,beta1=0.9,beta2=0.99,eps=1e-8,weight_decay=0.1,max_precond_dim=0", &LAYOUT);
    rig->oracle = oracle_find("quadratic");
    double x[N], m[N] = {0}, v[N] = {0}, g[N];
    for (size_t i = 0; i < N; ++i)
        x[i] = rig_read(rig)[i];
    for (int t = 0; t < STEPS; ++t) {
        rig->oracle->gradient(N, N, x, g);
        CHECK_OK(rig_step(rig));
        for (size_t i = 0; t > 0 && i < N; ++i) {
            m[i] = 0.9 * m[i] + 0.1 * g[i];
            v[i] = 0.99 * v[i] + 0.01 * g[i] * g[i];
            x[i] -= 0.01 * sqrt(1 - pow(0.99, t)) / (1 - pow(0.9, t)) * m[i] / (sqrt(v[i]) + 1e-8);
            x[i] *= 1 - 0.01 * 0.1;
        }
        for (size_t i = 0; i < N; ++i)
            CHECK_CLOSE(rig_read(rig)[i], x[i], 1e-12);
    }
    rig_free(rig);
}

/* On a quadratic of seven curvatures every geometry is below 1e-13 after a hundred steps of lr=0.5 from x = 1. */
static void test_psgd_dense_on_a_quadratic(void **state) {
    (void)state;
    static const char *const GEOMETRIES[] = {"q0.5eq1.5", "eq", "qep", "qeq", "pro4p", "quad", "quad4p"};
    for (size_t i = 0; i < sizeof GEOMETRIES / sizeof *GEOMETRIES; ++i) {
        char *options = check_text("lr=0.5,geometry=%s", GEOMETRIES[i]);
        rig_t *rig = play_vector("psgd_dense", options, "quadratic", D, 1);
        CHECK_OK(rig_steps(rig, 100));
        CHECK_AT_MOST(rig_value(rig), 1e-13);
        rig_free(rig);
        free(options);
    }
}

/* A first step of mfac is along the gradient: (damping + g'g / window)^-1 g. */
static void test_mfac_first_step(void **state) {
    (void)state;
    rig_t *rig = play_vector("mfac", "lr=1e-3,window=5,damping=0.25", "quadratic", D, 1);
    double g[D], x[D], squares = 0;
    for (size_t i = 0; i < D; ++i)
        x[i] = rig_read(rig)[i];
    rig->oracle->gradient(D, D, x, g);
    for (size_t i = 0; i < D; ++i)
        squares += g[i] * g[i];
    CHECK_OK(rig_step(rig));
    for (size_t i = 0; i < D; ++i)
        CHECK_CLOSE(rig_read(rig)[i], x[i] - 1e-3 * g[i] / (0.25 + squares / 5), 1e-14);
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_soap_without_bases),
        cmocka_unit_test(test_psgd_dense_on_a_quadratic),
        cmocka_unit_test(test_mfac_first_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
