/* What steps of a constant size come to in the long run: a stationary law, and at which step size they are stable. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "solve.h"

/* ---- Linear stochastic approximation: theta <- theta - lr (A theta - b + e), e = L z, C = L L' ---- */

static const double A[2][2] = {{2, 1}, {-0.5, 1}}, B[2] = {1, -1}, LR = 0.05, C[2][2] = {{1, 0.3}, {0.3, 0.5}};

static uint64_t stream = 1;

static double noisy_operator(const solve_t *s, const double *x, double *g) {
    (void)s;
    const double z = solve_normal(&stream), w = solve_normal(&stream);
    g[0] = A[0][0] * x[0] + A[0][1] * x[1] - B[0] + z;
    g[1] = A[1][0] * x[0] + A[1][1] * x[1] - B[1] + 0.3 * z + sqrt(0.41) * w;
    return 0;
}

/* The covariance S of theta solves A S + S A' - lr A S A' = lr C. */
static void test_stationary_covariance(void **state) {
    (void)state;
    enum { SKIPPED = 1000, STEPS = 200000 };
    static const double S[2][2] = {{0.0121921, 0.0024301}, {0.0024301, 0.0140826}};
    for (int i = 0; i < 2; ++i) /* the numbers do solve it */
        for (int j = 0; j < 2; ++j) {
            double left = 0;
            for (int k = 0; k < 2; ++k) {
                left += A[i][k] * S[k][j] + S[i][k] * A[j][k];
                for (int l = 0; l < 2; ++l)
                    left -= LR * A[i][k] * S[k][l] * A[j][l];
            }
            CHECK_CLOSE(left, LR * C[i][j], 1e-6);
        }
    solve_t s = {.gradient = noisy_operator};
    double mean[2] = {0}, product[2][2] = {{0}}, off = 0, all = 0;
    CHECK_OK(optim_create(&s.opt, "sgd", "lr=0.05"));
    solve_add(&s, "theta", 2, 0);
    solve_steps(&s, SKIPPED);
    for (int t = 0; t < STEPS; ++t) {
        solve_steps(&s, 1);
        for (int i = 0; i < 2; ++i) {
            mean[i] += s.x[i] / STEPS;
            for (int j = 0; j < 2; ++j)
                product[i][j] += s.x[i] * s.x[j] / STEPS;
        }
    }
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j) {
            off += pow(product[i][j] - mean[i] * mean[j] - S[i][j], 2);
            all += S[i][j] * S[i][j];
        }
    CHECK_AT_MOST(sqrt(off / all), 0.03);
    optim_destroy(s.opt);
}

/* ---- Stability at a minimum with interpolation: f_i = (a_i x)^2 / 2 ---- */

enum { ROWS = 4, D = 3, PAIRS = D * D };
static const double OF_GRADIENT = 1.691848, OF_SAMPLES = 1.038022; /* the largest stable steps */

static double entry(int i, int j) {
    return sin(1.7 * i + 0.9 * i * j + 2.3 * j * j + 0.5);
}

/* g of the samples in *data: one, or with -1 the mean of all. */
static double rows(const solve_t *s, const double *x, double *g) {
    const int only = *(const int *)s->data;
    memset(g, 0, D * sizeof *g);
    for (int i = 0; i < ROWS; ++i) {
        double inner = 0;
        for (int j = 0; j < D; ++j)
            inner += entry(i, j) * x[j];
        for (int j = 0; j < D && (only < 0 || only == i); ++j)
            g[j] += entry(i, j) * inner / (only < 0 ? ROWS : 1);
    }
    return 0;
}

static void open_rows(solve_t *s, const int *only, double lr) {
    *s = (solve_t){.gradient = rows, .data = only};
    CHECK_OK(optim_create(&s->opt, "sgd", NULL));
    CHECK_OK(optim_set(s->opt, 0, "lr", lr));
    solve_add(s, "x", D, 0);
    for (int j = 0; j < D; ++j)
        s->x[j] = sin(1 + 1.3 * j);
}

static double square(const double *x) {
    return x[0] * x[0] + x[1] * x[1] + x[2] * x[2];
}

/* The gradient's descent is stable up to 2 / lambda_max. */
static void test_gradient_is_stable(void **state) {
    (void)state;
    static const int ALL = -1;
    static const double FACTOR[] = {0.999, 1.001}, NORM[] = {2.7e-18, 1.5e17};
    for (int k = 0; k < 2; ++k) {
        solve_t s;
        open_rows(&s, &ALL, FACTOR[k] * OF_GRADIENT);
        solve_steps(&s, 20000);
        CHECK_CLOSE(log10(sqrt(square(s.x))) / log10(NORM[k]), 1, 0.01);
        optim_destroy(s.opt);
    }
}

/* M <- mean_i (1 - lr H_i) M (1 - lr H_i): what E x x' becomes in a step on one sample. */
static void second_moment(double lr, double m[D][D]) {
    double next[D][D] = {{0}};
    for (int i = 0; i < ROWS; ++i) {
        double t[D][D], half[D][D] = {{0}};
        for (int j = 0; j < PAIRS; ++j)
            t[j / D][j % D] = (j / D == j % D) - lr * entry(i, j / D) * entry(i, j % D);
        for (int j = 0; j < PAIRS * D; ++j)
            half[j / PAIRS][j % D] += t[j / PAIRS][j / D % D] * m[j / D % D][j % D];
        for (int j = 0; j < PAIRS * D; ++j)
            next[j / PAIRS][j % D] += half[j / PAIRS][j / D % D] * t[j % D][j / D % D] / ROWS;
    }
    memcpy(m, next, sizeof next);
}

static double trace(double m[D][D]) {
    return m[0][0] + m[1][1] + m[2][2];
}

/* The mean of |x_6|^2 over all orders of 6 samples. */
static double over_all_orders(double lr) {
    enum { STEPS = 6, ORDERS = 4 * 4 * 4 * 4 * 4 * 4 };
    double mean = 0;
    for (int order = 0; order < ORDERS; ++order) {
        solve_t s;
        int only = 0;
        open_rows(&s, &only, lr);
        for (int t = 0, rest = order; t < STEPS; ++t, rest /= ROWS) {
            only = rest % ROWS;
            solve_steps(&s, 1);
        }
        mean += square(s.x) / ORDERS;
        optim_destroy(s.opt);
    }
    return mean;
}

/* Single samples are stable, in the mean of squares, while the operator above has a spectral radius of 1 at most. */
static void test_samples_are_stable(void **state) {
    (void)state;
    static const double FACTOR[] = {0.8, 1.2}, RADIUS[] = {0.9973, 1.4489}, MEAN[] = {0.326869, 10.78997};
    for (int k = 0; k < 2; ++k) {
        const double lr = FACTOR[k] * OF_SAMPLES;
        double m[D][D], before = 0;
        for (int j = 0; j < PAIRS; ++j)
            m[j / D][j % D] = sin(1 + 1.3 * (j / D)) * sin(1 + 1.3 * (j % D));
        for (int t = 0; t < 6; ++t)
            second_moment(lr, m);
        CHECK_CLOSE(trace(m) / MEAN[k], 1, 1e-5);
        CHECK_CLOSE(over_all_orders(lr) / trace(m), 1, 1e-13);
        for (int t = 0; t < 1500; ++t) {
            before = trace(m);
            second_moment(lr, m);
        }
        CHECK_CLOSE(trace(m) / before, RADIUS[k], 1e-4);
    }
}

/* H_1 = diag(2, 0), H_2 = diag(0, 2): E |x|^2 is multiplied by 1 - 2 lr + 2 lr^2, the gradient's |x|^2 by
 * (1 - lr)^2. */
static double two_planes(const solve_t *s, const double *x, double *g) {
    const int only = *(const int *)s->data;
    for (int j = 0; j < 2; ++j)
        g[j] = only < 0 ? x[j] : (only == j) * 2 * x[j];
    return 0;
}

static double growth(double lr, int only) {
    solve_t s = {.gradient = two_planes, .data = &only, .x = {3, 4}};
    CHECK_OK(optim_create(&s.opt, "sgd", NULL));
    CHECK_OK(optim_set(s.opt, 0, "lr", lr));
    solve_add(&s, "x", 2, 0);
    solve_steps(&s, 1);
    optim_destroy(s.opt);
    return (s.x[0] * s.x[0] + s.x[1] * s.x[1]) / 25;
}

static void test_closed_form(void **state) {
    (void)state;
    static const double RATES[] = {0.3, 0.99, 1.01, 1.99, 2.01};
    for (int k = 0; k < 5; ++k) {
        const double lr = RATES[k], of_samples = (growth(lr, 0) + growth(lr, 1)) / 2;
        CHECK_CLOSE(of_samples, 1 - 2 * lr + 2 * lr * lr, 1e-12);
        assert_int_equal(of_samples < 1, lr < 1);
        assert_int_equal(growth(lr, -1) < 1, lr < 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stationary_covariance),
        cmocka_unit_test(test_gradient_is_stable),
        cmocka_unit_test(test_samples_are_stable),
        cmocka_unit_test(test_closed_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
