/* fb_gvi on a Gaussian with a diagonal precision, whose best approximation is itself. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "solve.h"

enum { D = 6 };

static double precision(int i) {
    return 1 + i;
}
static double center(int i) {
    return 37 * i % 11 / 11.0 - 0.5;
}

static double potential(const solve_t *s, const double *x, double *g) {
    double sum = 0;
    (void)s;
    for (int i = 0; i < D; ++i) {
        g[i] = precision(i) * (x[i] - center(i));
        sum += g[i] * (x[i] - center(i)) / 2;
    }
    return sum;
}

static void product(const solve_t *s, const double *v, double *hv) {
    (void)s;
    for (int i = 0; i < D; ++i)
        hv[i] = precision(i) * v[i];
}

static double start[D * D];

static void open_law(solve_t *s, const char *options, double variance) {
    *s = (solve_t){.gradient = potential, .product = product};
    CHECK_OK(optim_create(&s->opt, "fb_gvi", options));
    solve_add(s, "m", D, 0);
    for (int i = 0; i < D * D; ++i)
        start[i] = i % (D + 1) == 0 ? variance : 0;
    for (int i = 0; i < D; ++i)
        s->x[i] = sin(1 + 1.3 * i);
    CHECK_OK(optim_set_input(s->opt, 0, "S", OPTIM_F64, 2, (int64_t[]){D, D}, start));
}

/* Variances; what stands beside the diagonal stays 0. */
static void read_law(const solve_t *s, double *variance) {
    optim_array array = {.size = sizeof array};
    for (size_t i = 0;; ++i) {
        CHECK_OK(optim_param_array(s->opt, 0, i, &array));
        assert_true(array.name[0] != '\0');
        if (strcmp(array.name, "fb_gvi.S") == 0)
            break;
    }
    assert_int_equal(array.bytes, D * D * sizeof(double));
    const double *S = array.data;
    for (int i = 0; i < D * D; ++i)
        if (i % (D + 1) != 0)
            CHECK_CLOSE(S[i], 0, 1e-14);
        else
            variance[i / (D + 1)] = S[i];
}

static double divergence(const double *m, const double *variance) {
    double sum = 0;
    for (int i = 0; i < D; ++i) {
        const double ratio = precision(i) * variance[i], away = m[i] - center(i);
        sum += (ratio - 1 - log(ratio) + precision(i) * away * away) / 2;
    }
    return sum;
}

/* Squared, in the sense of Wasserstein. */
static double distance(const double *m, const double *variance) {
    double sum = 0;
    for (int i = 0; i < D; ++i)
        sum += pow(m[i] - center(i), 2) + pow(sqrt(variance[i]) - 1 / sqrt(precision(i)), 2);
    return sum;
}

/* The divergence falls as stated, never rises, and ends at 0; the distance contracts by (1 - lr)^2. */
static void test_contraction(void **state) {
    (void)state;
    static const double LR[] = {0.1, 1.0 / 6};
    for (int k = 0; k < 2; ++k) {
        solve_t s;
        char *options = check_text("expect=center,lr=%.17g", LR[k]);
        double variance[D] = {1, 1, 1, 1, 1, 1};
        open_law(&s, options, 1);
        double before = divergence(s.x, variance), apart = distance(s.x, variance);
        CHECK_CLOSE(before, 8.37, 0.005);
        for (int t = 1; t <= 200; ++t) {
            double m[D];
            solve_steps(&s, 1);
            CHECK_OK(optim_output(s.opt, 0, m));
            read_law(&s, variance);
            const double now = divergence(m, variance), near = distance(m, variance);
            CHECK_AT_MOST(now, before + 1e-15);
            CHECK_AT_MOST(near, (1 - LR[k]) * (1 - LR[k]) * apart * (1 + 1e-10) + 1e-20);
            if (k == 0 && (t == 10 || t == 50))
                CHECK_CLOSE(now, t == 10 ? 0.119 : 2.4e-5, t == 10 ? 5e-4 : 5e-7);
            before = now;
            apart = near;
        }
        CHECK_CLOSE(before, 0, 1e-14);
        optim_destroy(s.opt);
        free(options);
    }
}

/* From a narrow law the implicit step is safe, the explicit one is not. */
static void test_narrow_start(void **state) {
    (void)state;
    static const struct {
        const char *options;
        double after;
    } CASES[] = {{"expect=center,lr=0.1", 3.51}, {"expect=center,lr=0.1,scheme=bw", 94.9}};
    for (int k = 0; k < 2; ++k) {
        solve_t s;
        double variance[D] = {1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3}, m[D];
        open_law(&s, CASES[k].options, 1e-3);
        CHECK_CLOSE(divergence(s.x, variance), 18.6, 0.05);
        solve_steps(&s, 1);
        CHECK_OK(optim_output(s.opt, 0, m));
        read_law(&s, variance);
        CHECK_CLOSE(divergence(m, variance), CASES[k].after, 0.05);
        optim_destroy(s.opt);
    }
}

/* Points of cubature have the mean m: for a Gaussian, the law itself is where all schemes stay. */
static void test_fixed_point(void **state) {
    (void)state;
    static const char *const OPTIONS[] = {"expect=cubature", "expect=cubature,scheme=bw", "expect=center,scheme=bw"};
    for (int k = 0; k < 3; ++k) {
        solve_t s;
        double variance[D];
        open_law(&s, OPTIONS[k], 1);
        solve_steps(&s, 400);
        read_law(&s, variance);
        double m[D];
        CHECK_OK(optim_output(s.opt, 0, m));
        CHECK_AT_MOST(divergence(m, variance), 1e-13);
        optim_destroy(s.opt);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contraction),
        cmocka_unit_test(test_narrow_start),
        cmocka_unit_test(test_fixed_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
