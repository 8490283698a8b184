/* What preconditioners on Lie groups are held to. */
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "play.h"

enum { STEPS = 2000, LAST = 500, MOST = 16 };

/* Standard deviation of element i of n: from 1e-2 to 1e2, a product of one for each axis of 4 by 3. */
static double deviation_of_vector(size_t i, size_t n) {
    return pow(10, 4 * (double)i / (double)(n - 1) - 2);
}
static double deviation_of_matrix(size_t i, size_t n) {
    (void)n;
    return pow(10, (double)(i / 3) - 2) * pow(2, (double)(i % 3));
}

/* A number of variance 1, uniform, by a counter. */
static double uniform(uint64_t k) {
    uint64_t z = (k + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    z ^= z >> 31;
    return sqrt(12) * ((double)(z >> 11) * 0x1p-53 - 0.5);
}

/* Of gradients of independent elements, over all elements and the last steps: the mean square of the direction u = Pg,
 * and the mean of P_ii times the deviation. */
typedef struct whiteness {
    double square, diagonal;
} whiteness_t;
static whiteness_t whiteness(const char *algorithm, const char *options, const layout_t *layout,
                             double (*deviation)(size_t i, size_t n)) {
    rig_t *rig = play_new(algorithm, options, layout);
    const size_t n = rig_elements(rig);
    double *loss = check_memory(STEPS, sizeof *loss), *gradient = check_memory(STEPS * n, sizeof *gradient);
    double x[MOST], u[MOST];
    whiteness_t white = {0};
    for (size_t k = 0; k < STEPS * n; ++k)
        gradient[k] = deviation(k % n, n) * uniform(k);
    replay_t replay = {STEPS, 0, loss, gradient};
    rig->replay = &replay;
    for (int t = 0; t < STEPS; ++t) {
        play_step(rig, x, u);
        for (size_t i = 0; t >= STEPS - LAST && i < n; ++i) {
            white.square += u[i] * u[i] / LAST / (double)n;
            white.diagonal += fabs(u[i] / rig->g[i]) * deviation(i, n) / LAST / (double)n;
        }
    }
    rig_free(rig);
    free(loss);
    free(gradient);
    return white;
}

/* P is the inverse of the standard deviations, which are from 1e-2 to 1e2. */
static void test_psgd_kron_whitens(void **state) {
    (void)state;
    static const layout_t VECTOR = {"vector", 1, {{"x", 1, {16}}}}, MATRIX = {"matrix", 1, {{"x", 3, {4, 1, 3}}}};
    static const char *const OPTIONS[] = {
        "geometry=q0.5eq1.5", "geometry=q0.5eq1.5,random=1", "geometry=qeq", "geometry=qeq,random=1",
        "geometry=quad",      "geometry=quad,random=1",
    };
    const char *defaults = "lr=1,clip_avg=0,clip_max=0";
    CHECK_CLOSE(whiteness("psgd_kron", defaults, &VECTOR, deviation_of_vector).diagonal, 1, 0.05);
    for (size_t i = 0; i < sizeof OPTIONS / sizeof *OPTIONS; ++i) {
        char *options = check_text("lr=1,precond_lr=0.03,clip_avg=0,clip_max=0,%s", OPTIONS[i]);
        char *full = check_text("%s,max_skew=10", options);
        CHECK_CLOSE(whiteness("psgd_kron", options, &VECTOR, deviation_of_vector).square, 1, 0.15);
        CHECK_CLOSE(whiteness("psgd_kron", options, &MATRIX, deviation_of_matrix).square, 1, 0.15);
        CHECK_CLOSE(whiteness("psgd_kron", full, &MATRIX, deviation_of_matrix).square, 1, 0.15);
        free(options);
        free(full);
    }
}

/* With Hessian-vector products they are Newton's method in the end, without a search. */
static void test_newton(void **state) {
    (void)state;
    static const struct {
        const char *algorithm, *options, *oracle;
        size_t d;
    } RUNS[] = {
        {"psgd_lra", "lr=0.1,mode=newton", "logistic", 34},
        {"psgd_lra", "lr=0.1,mode=newton,rank=0", "quadratic", 7},
        {"psgd_lra", "lr=0.1,mode=newton,rank=3,random=1,momentum=0.5,clip_norm=1", "quadratic", 7},
        {"psgd_xmat", "lr=0.1", "quadratic", 7},
        {"psgd_xmat", "lr=0.1,momentum=0.5,clip_norm=1,random=1", "quadratic", 34},
    };
    for (size_t i = 0; i < sizeof RUNS / sizeof *RUNS; ++i) {
        rig_t *rig = play_vector(RUNS[i].algorithm, RUNS[i].options, RUNS[i].oracle, RUNS[i].d, 1);
        CHECK_OK(rig_steps(rig, 1000));
        CHECK_AT_MOST(play_length(RUNS[i].d, rig->g), 1e-6);
        rig_free(rig);
    }
}

/* Steps in proportion to c end somewhat below 1, whatever the deviations are. */
static void test_psgd_lra_whitens(void **state) {
    (void)state;
    static const layout_t VECTOR = {"vector", 1, {{"x", 1, {16}}}};
    static const char *const OPTIONS[] = {"update_first=1", "update_first=0", "rank=0", "rank=3,random=1"};
    for (size_t i = 0; i < sizeof OPTIONS / sizeof *OPTIONS; ++i) {
        char *options = check_text("lr=1,precond_lr=0.03,clip_avg=0,clip_max=0,%s", OPTIONS[i]);
        CHECK_CLOSE(whiteness("psgd_lra", options, &VECTOR, deviation_of_vector).square, 0.6, 0.3);
        free(options);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_psgd_kron_whitens),
        cmocka_unit_test(test_newton),
        cmocka_unit_test(test_psgd_lra_whitens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
