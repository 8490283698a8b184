/* Accelerated methods: bounds that their papers state, and the schemes that they become in special cases. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "noisy.h"

/* ---- sagd ---- */

/* mu = 1, L = 7: f(w_k) - f* <= (1 - 1/sqrt(7))^k (f(w_0) - f* + |w_0 - x*|^2 / 2), at the constant momentum of theory. */
static void test_sagd_bound(void **state) {
    (void)state;
    const double q = sqrt(1.0 / 7), momentum = (sqrt(7) - 1) / (sqrt(7) + 1);
    rig_t *rig = on_quadratic("sagd", "lr=0.14285714285714285,mu=1");
    double w[D], y[D], bound = rig_value(rig) + distance_to_minimum(rig_read(rig)) / 2;
    memcpy(w, rig_read(rig), sizeof w);
    memcpy(y, w, sizeof y);
    for (int k = 1; k <= 30; ++k) {
        for (size_t i = 0; i < D; ++i) {
            const double last = w[i];
            w[i] = y[i] - quadratic_slope(y, i) / 7;
            y[i] = w[i] + momentum * (w[i] - last);
        }
        CHECK_OK(rig_step(rig));
        check_all_close(rig_read(rig), y, D, 1e-13);
        bound *= 1 - q;
        CHECK_AT_MOST(output_value(rig), bound);
    }
    CHECK_AT_MOST(output_value(rig), 1e-9);
    rig_free(rig);
    check_refused_options("sagd", "mu=1,gamma0=0.5", "gamma0");
}

/* Convex case, both schemes: f(w_k) - f* <= 2 |w_0 - x*|^2 / (lr k^2), the rate of acceleration. */
static void test_sagd_convex_rate(void **state) {
    (void)state;
    static const char *const OPTIONS[] = {"lr=0.14285714285714285", "lr=0.14285714285714285,scheme=growth"};
    for (int scheme = 0; scheme < 2; ++scheme) {
        rig_t *rig = on_quadratic("sagd", OPTIONS[scheme]);
        const double square = distance_to_minimum(rig_read(rig));
        for (int k = 1; k <= 200; ++k) {
            CHECK_OK(rig_step(rig));
            CHECK_AT_MOST(output_value(rig), 2 * 7 * square / (k * k));
        }
        rig_free(rig);
    }
}

/* A rate that begins at 0 moves nothing and poisons nothing. */
static void test_sagd_from_rate_zero(void **state) {
    (void)state;
    static const char *const OPTIONS[] = {"lr=0.1", "lr=0.1,mu=1", "lr=0.1,scheme=growth", "lr=0.1,mu=1,scheme=growth"};
    for (int k = 0; k < 4; ++k) {
        rig_t *rig = on_quadratic("sagd", OPTIONS[k]);
        CHECK_OK(optim_set_schedule(rig->opt, -1, "lr", "warmup_cosine", "warmup=5,steps=200"));
        void *before = rig_snapshot(rig);
        CHECK_OK(rig_step(rig));
        rig_check_snapshot(rig, before, "a rate of 0");
        CHECK_OK(rig_steps(rig, 150));
        CHECK_AT_MOST(output_value(rig), 1e-3);
        free(before);
        rig_free(rig);
    }
}

/* ---- qasgd ---- */

/* f = (sum h_i x_i^2 + 1/8)^(1/6): not convex, quasar-convex with gamma = 1/2, curvature at most 13.2 (at 0). */
static double inside(size_t d, const double *x) {
    double sum = 0.125;
    for (size_t i = 0; i < d; ++i)
        sum += quadratic_curvature(i) * x[i] * x[i];
    return sum;
}

static double sixth_root(size_t d, size_t m, const double *x) {
    (void)m;
    return pow(inside(d, x), 1.0 / 6);
}

static void sixth_root_gradient(size_t d, size_t m, const double *x, double *g) {
    (void)m;
    const double factor = pow(inside(d, x), -5.0 / 6) / 3;
    for (size_t i = 0; i < d; ++i)
        g[i] = factor * quadratic_curvature(i) * x[i];
}

static const oracle_t SIXTH_ROOT = {"sixth_root", sixth_root, sixth_root_gradient, NULL};

static rig_t *on_sixth_root(const char *options) {
    rig_t *rig = play_vector("qasgd", options, "quadratic", D, 1);
    rig->oracle = &SIXTH_ROOT;
    return rig;
}

/*
 * With x* = 0 and eta = lr (2k + 3) / gamma, any point that the search may take satisfies
 * lr (k + 2)^2 (f_{k+1} - f*) + |z_{k+1}|^2 / 2 <= lr (k + 1)^2 (f_k - f*) + |z_k|^2 / 2 + eta^2 |g|^2 / 2 + eta tol.
 */
static int run_search(double lr, double gamma, double tol, int steps) {
    char *options = check_text("line_search=1,lr=%g,gamma=%g,tol=%g", lr, gamma, tol);
    rig_t *rig = on_sixth_root(options);
    const double least = sqrt(0.5);
    double z[D], g[D], before = lr * (rig_value(rig) - least) + pow(euclidean_norm(rig_read(rig), D), 2) / 2;
    memcpy(z, rig_read(rig), sizeof z);
    int searched = 0;
    for (int k = 0; k < steps; ++k) {
        const double eta = lr * (2 * k + 3) / gamma;
        CHECK_OK(rig_step(rig));
        assert_in_range(rig->evaluation, k == 0 ? 1 : 2, k == 0 ? 1 : 52);
        searched += rig->evaluation > 3;
        sixth_root_gradient(D, D, rig_read(rig), g);
        for (size_t i = 0; i < D; ++i)
            z[i] -= eta * g[i];
        const double now = lr * (k + 2) * (k + 2) * (rig_value(rig) - least) + pow(euclidean_norm(z, D), 2) / 2;
        CHECK_AT_MOST(now, before + eta * eta * pow(euclidean_norm(g, D), 2) / 2 + eta * tol + 1e-9 * before);
        before = now;
    }
    rig_free(rig);
    free(options);
    return searched;
}

static void test_qasgd_search(void **state) {
    (void)state;
    assert_true(run_search(0.075, 0.5, 0, 500) > 10);
    assert_true(run_search(0.075, 0.5, 1e-3, 500) > 10);
    (void)run_search(0.01, 0.5, 0, 500);
}

static void test_qasgd_bisects_so_often(void **state) {
    (void)state;
    rig_t *rig = on_sixth_root("line_search=1,lr=0.075,gamma=0.5,max_bisect=2");
    for (int k = 0; k < 500; ++k) {
        CHECK_OK(rig_step(rig));
        CHECK_AT_MOST(rig->evaluation, 5);
    }
    rig_free(rig);
}

/*
 * For gradients at most G long, |x_0 - x*| = R and lr = sqrt(2) gamma R / (G (T + 1)^1.5), the inequalities above add up to
 * f_T - f* <= 1.3 R G / (gamma sqrt(T)). Held to without the search as well.
 */
static void test_qasgd_horizon(void **state) {
    (void)state;
    const double G = 1.01, R = sqrt(D); /* G: sqrt(7) times the most of r (r^2 + 1/8)^(-5/6) / 3 */
    for (int search = 0; search < 2; ++search)
        for (int T = 100; T <= 10000; T *= 10) {
            const double lr = sqrt(2) * 0.5 * R / (G * pow(T + 1, 1.5));
            char *options = check_text("gamma=0.5,lr=%.17g,line_search=%d", lr, search);
            rig_t *rig = on_sixth_root(options);
            CHECK_OK(rig_steps(rig, T));
            CHECK_AT_MOST(rig_value(rig) - sqrt(0.5), 1.3 * R * G / (0.5 * sqrt(T)));
            free(options);
            rig_free(rig);
        }
}

/* Convex and without noise, lr = 1 / (4 L): f - f* <= |x_0 - x*|^2 / (lr (k + 1)^2). */
static void test_qasgd_convex_rate(void **state) {
    (void)state;
    rig_t *rig = on_quadratic("qasgd", "lr=0.03571428571428571");
    const double square = distance_to_minimum(rig_read(rig));
    for (int k = 1; k <= 300; ++k) {
        CHECK_OK(rig_step(rig));
        CHECK_AT_MOST(rig_value(rig), 28 * square / ((k + 1) * (k + 1)));
    }
    rig_free(rig);
}

/* ---- heavy_ball ---- */

static void seven_with_noise(size_t d, size_t m, const double *x, double *g) {
    (void)m;
    for (size_t i = 0; i < d; ++i)
        g[i] = (double)(i + 1) * x[i] + sqrt((double)(i + 1)) * standard_normal(present_sample, i);
}

static double seven(size_t d, size_t m, const double *x) {
    (void)m;
    double sum = 0;
    for (size_t i = 0; i < d; ++i)
        sum += (double)(i + 1) * x[i] * x[i] / 2;
    return sum;
}

static double mean_final_loss(const char *options) {
    enum { RUNS = 150, STEPS = 2000, FIRST = 1000000000 };
    static const oracle_t SEVEN = {"seven", seven, seven_with_noise, NULL};
    double sum = 0;
    for (int run = 0; run < RUNS; ++run) {
        rig_t *rig = play_vector("heavy_ball", options, "quadratic", 7, 1);
        rig->oracle = &SEVEN;
        for (int step = 0; step < STEPS; ++step) {
            present_sample = (uint64_t)(FIRST + run * STEPS + step);
            CHECK_OK(rig_step(rig));
        }
        sum += rig_value(rig) / RUNS;
        rig_free(rig);
    }
    return sum;
}

/*
 * Curvatures h = 1 to 7, noise of variance h, momentum b = (1 - 1/sqrt(7))^2. At a constant rate the loss settles at the
 * sum of h/2 times lr (1 + b) / ((1 - b) (2 (1 + b) - lr h)), which is 1.400; the stages take that floor away.
 */
static void test_heavy_ball_stages(void **state) {
    (void)state;
    CHECK_CLOSE(mean_final_loss("lr=0.1,momentum=0.386928"), 1.4, 0.15);
    CHECK_AT_MOST(mean_final_loss("lr=0.1,momentum=0.386928,stages=5,total_steps=2000,decay=4"), 0.02);
    check_refused_options("heavy_ball", "stages=2", "total_steps");
}

static void test_heavy_ball_is_sgd(void **state) {
    (void)state;
    rig_t *rig = on_quadratic("heavy_ball", "lr=0.05,weight_decay=0.1");
    rig_t *sgd = on_quadratic("sgd", "lr=0.05,momentum=0.9,weight_decay=0.1");
    CHECK_OK(rig_steps(rig, 100));
    CHECK_OK(rig_steps(sgd, 100));
    rig_check_near(rig, sgd, 1e-12, "heavy_ball at a constant rate = sgd with momentum");
    rig_free(rig);
    rig_free(sgd);
}

/* ---- fista_split ---- */

static void test_fista_split_is_stable(void **state) {
    (void)state;
    static const char *const RATES[] = {"0.01", "1", "1000", "1e6", "1e12"};
    for (size_t k = 0; k < sizeof RATES / sizeof *RATES; ++k) {
        char *options = check_text("split=7,lr=%s", RATES[k]);
        rig_t *rig = on_quadratic("fista_split", options);
        CHECK_OK(rig_steps(rig, 2000));
        CHECK_AT_MOST(output_value(rig), 1e-6);
        free(options);
        rig_free(rig);
    }
}

/* split = 0: x_k = y - lr g, y = x_k + k/(k+3) (x_k - x_{k-1}); f - f* <= 2 |x_0 - x*|^2 / (lr (k+1)^2). */
static void test_fista_split_is_nesterov(void **state) {
    (void)state;
    rig_t *rig = on_quadratic("fista_split", "lr=0.14285714285714285");
    const double square = distance_to_minimum(rig_read(rig));
    double x[D], y[D], output[D];
    memcpy(x, rig_read(rig), sizeof x);
    memcpy(y, x, sizeof y);
    for (int k = 1; k <= 100; ++k) {
        for (size_t i = 0; i < D; ++i) {
            const double last = x[i];
            x[i] = y[i] - quadratic_slope(y, i) / 7;
            y[i] = x[i] + k / (k + 3.0) * (x[i] - last);
        }
        CHECK_OK(rig_step(rig));
        check_all_close(rig_read(rig), y, D, 1e-13);
        CHECK_OK(optim_output(rig->opt, 0, output));
        check_all_close(output, x, D, 1e-13);
        CHECK_AT_MOST(output_value(rig), 2 * 7 * square / ((k + 1) * (k + 1)));
    }
    rig_free(rig);
}

/* The general step through the gradient that is handed over: all of the quadratic implicit, at a rate of 1000. */
static void implicit_step(size_t d, size_t m, const double *y, double *g) {
    (void)m;
    for (size_t i = 0; i < d; ++i) {
        const double h = quadratic_curvature(i), solved = (y[i] + 1000 * h * quadratic_minimum(i)) / (1 + 1000 * h);
        g[i] = (y[i] - solved) / 1000;
    }
}

static void test_fista_split_with_a_solver(void **state) {
    (void)state;
    static const oracle_t IMPLICIT = {"implicit", seven, implicit_step, NULL};
    rig_t *rig = on_quadratic("fista_split", "lr=1000");
    rig->oracle = &IMPLICIT;
    CHECK_OK(rig_steps(rig, 10));
    rig->oracle = oracle_find("quadratic");
    CHECK_AT_MOST(output_value(rig), 1e-12);
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sagd_bound),
        cmocka_unit_test(test_sagd_convex_rate),
        cmocka_unit_test(test_sagd_from_rate_zero),
        cmocka_unit_test(test_qasgd_search),
        cmocka_unit_test(test_qasgd_bisects_so_often),
        cmocka_unit_test(test_qasgd_horizon),
        cmocka_unit_test(test_qasgd_convex_rate),
        cmocka_unit_test(test_heavy_ball_stages),
        cmocka_unit_test(test_heavy_ball_is_sgd),
        cmocka_unit_test(test_fista_split_is_stable),
        cmocka_unit_test(test_fista_split_is_nesterov),
        cmocka_unit_test(test_fista_split_with_a_solver),
    };
    return cmocka_run_group_tests_name("accelerated", tests, NULL, NULL);
}
