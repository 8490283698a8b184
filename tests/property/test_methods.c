/* What single methods are held to: bounds, statistics, rates, singular values. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "play.h"

static void test_sgd_at_its_best(void **state) {
    (void)state;
    rig_t *rig = play_vector("sgd", "lr=0.3009442,momentum=0.2037766", "quadratic", 20, 1);
    CHECK_OK(rig_steps(rig, 20));
    CHECK_AT_MOST(rig_value(rig), 1.2e-10);
    CHECK_OK(rig_steps(rig, 20));
    CHECK_AT_MOST(rig_value(rig), 7e-24);
    rig_free(rig);
}

static double largest(rig_t *rig) {
    const double *x = rig_read(rig);
    double most = 0;
    for (size_t i = 0; i < rig_elements(rig); ++i)
        most = fmax(most, fabs(x[i]));
    return most;
}

/* With decay, lion ends in the box |x| <= 1/decay and stays there. */
static void test_lion_box(void **state) {
    (void)state;
    rig_t *rig = play_vector("lion", "lr=0.01,weight_decay=4", "quadratic", 20, 5);
    CHECK_OK(rig_steps(rig, 57));
    for (int step = 58; step <= 1000; ++step) {
        CHECK_OK(rig_step(rig));
        CHECK_AT_MOST(largest(rig), 0.26);
    }
    CHECK_CLOSE(largest(rig), 0.25, 5e-7);
    rig_free(rig);
}

static void test_lion_moves_by_lr(void **state) {
    (void)state;
    rig_t *rig = play_vector("lion", "lr=0.0078125", "quadratic", 20, 1);
    double before[20];
    for (int step = 0; step < 30; ++step) {
        memcpy(before, rig_read(rig), sizeof before);
        CHECK_OK(rig_step(rig));
        const double *x = rig_read(rig);
        for (int i = 0; i < 20; ++i)
            assert_true(fabs(x[i] - before[i]) == 0.0078125 || x[i] == before[i]);
    }
    rig_free(rig);
}

/* sum |g|^2 <= 4 D^2 / lr^2 + 2 b0 D / lr for b0 >= lr L, and the sums themselves. */
static void run_adagrad_norm(double b0, double sum_known, double bound_known) {
    char *options = check_text("lr=1,b0=%.17g", b0);
    rig_t *rig = play_vector("adagrad_norm", options, "quadratic", 20, 1);
    const double start = rig_value(rig), bound = 4 * start * start + 2 * b0 * start;
    double sum = 0;
    for (int step = 0; step < 2000; ++step) {
        CHECK_OK(rig_step(rig));
        for (int i = 0; i < 20; ++i)
            sum += rig->g[i] * rig->g[i];
    }
    CHECK_CLOSE(start, 43.220041, 1e-8);
    CHECK_CLOSE(bound, bound_known, 1e-6);
    CHECK_CLOSE(sum, sum_known, 5e-6);
    CHECK_AT_MOST(sum, bound);
    free(options);
    rig_free(rig);
}

static void test_adagrad_norm_bound(void **state) {
    (void)state;
    run_adagrad_norm(7, 1274.96, 8076.97);
    run_adagrad_norm(20, 1627.73, 9200.69);
}

static void test_adagrad_norm_any_start(void **state) {
    (void)state;
    rig_t *rig = play_vector("adagrad_norm", "lr=1,b0=0.01", "quadratic", 20, 1);
    CHECK_OK(rig_steps(rig, 2000));
    CHECK_AT_MOST(rig_value(rig), 1e-28);
    rig_free(rig);
    rig = play_vector("adagrad_norm", "lr=1,b0=100", "quadratic", 20, 1);
    CHECK_OK(rig_steps(rig, 2000));
    CHECK_AT_MOST(fabs(rig_value(rig) - 1.3e-14), 0.05e-14);
    rig_free(rig);
}

/* Displacements of the randomly scaled step: exponential with mean 1. */
static void test_random_scaling(void **state) {
    (void)state;
    enum { STEPS = 100000 };
    rig_t *rig = play_vector("random_scaling_sgdm", "lr=1,beta1=0", "quadratic", 2, 0);
    const double loss = 0, gradient[2] = {1, 2};
    double before = 0, sum = 0, square = 0, above = 0;
    for (int step = 0; step < STEPS; ++step) {
        replay_t constant = {1, 0, &loss, gradient};
        rig->replay = &constant;
        CHECK_OK(rig_step(rig));
        const double *x = rig_read(rig), moved = x[0] - before;
        CHECK_CLOSE(x[1], 2 * x[0], 1e-12); /* one scalar for all elements */
        before = x[0];
        sum += moved;
        square += moved * moved;
        above += moved < -1;
    }
    const double mean = sum / STEPS;
    CHECK_CLOSE(mean, -1, 0.013);
    CHECK_CLOSE(square / STEPS - mean * mean, 1, 0.05);
    CHECK_CLOSE(above / STEPS, exp(-1), 0.0077);
    rig_free(rig);
}

static void test_random_scaling_quasi(void **state) {
    (void)state;
    rig_t *rig = play_vector("random_scaling_sgdm", "lr=1,beta1=0,draws=quasi", "quadratic", 1, 0);
    const double loss = 0, gradient = 1;
    double want = 0;
    for (int step = 1; step <= 50; ++step) {
        replay_t constant = {1, 0, &loss, &gradient};
        rig->replay = &constant;
        CHECK_OK(rig_step(rig));
        const double turn = step * 0.6180339887498949;
        want -= -log(1 - (turn - floor(turn)));
        CHECK_CLOSE(rig_read(rig)[0], want, 1e-13);
    }
    rig_free(rig);
}

/* Nine-dimensional Rosenbrock from 0: below 1e-9 in 61 steps, where the method with torch's constants stops by itself;
 * without them it goes on to the last digit. */
static void test_lbfgs_rosenbrock(void **state) {
    (void)state;
    rig_t *further = play_vector("lbfgs", NULL, "rosenbrock", 9, 0);
    CHECK_OK(rig_steps(further, 70));
    CHECK_AT_MOST(rig_value(further), 1e-25);
    rig_free(further);
    rig_t *rig = play_vector("lbfgs", "tolerance_change=1e-9", "rosenbrock", 9, 0);
    CHECK_OK(rig_steps(rig, 61));
    CHECK_AT_MOST(rig_value(rig), 1e-9);
    const int64_t evaluations = rig->gradients;
    void *there = rig_snapshot(rig);
    CHECK_OK(rig_steps(rig, 5));
    rig_check_snapshot(rig, there, "converged");
    assert_int_equal(rig->gradients, evaluations);
    free(there);
    rig_free(rig);
}

static void test_lbfgs_quadratic(void **state) {
    (void)state;
    rig_t *rig = play_vector("lbfgs", "history=20", "quadratic", 20, 1);
    CHECK_OK(rig_steps(rig, 13));
    CHECK_AT_MOST(rig_value(rig), 5e-10);
    assert_in_range(rig->gradients, 13, 15);
    rig_free(rig);
}

/* A pair with negative curvature is not kept: the direction stays the gradient's. */
static void test_lbfgs_negative_curvature(void **state) {
    (void)state;
    double x = 1, g;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "lbfgs", "lr=0.25,line_search=none"));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &x, &g));
    for (int step = 0; step < 6; ++step) { /* f = -x^2 / 2 */
        const double before = x;
        g = -x;
        CHECK_OK(optim_set_loss(opt, -x * x / 2));
        CHECK_OK(optim_step(opt));
        CHECK_CLOSE(x, 1.25 * before, 1e-14);
    }
    optim_destroy(opt);
}

/* The first step of dog: r_eps |g| / sqrt(|g|^2 + eps) long, r_eps = reps_rel (1 + |x_0|). */
static void test_dog_first_step(void **state) {
    (void)state;
    rig_t *rig = play_vector("dog", "reps_rel=0.001,eps=4", "quadratic", 20, 1);
    CHECK_OK(rig_step(rig));
    double g = 0, moved = 0;
    const double *x = rig_read(rig);
    for (size_t i = 0; i < 20; ++i) {
        const double gradient = quadratic_curvature(i) * (1 - quadratic_minimum(i));
        g += gradient * gradient;
        moved += (x[i] - 1) * (x[i] - 1);
    }
    CHECK_CLOSE(sqrt(moved) / (0.001 * (1 + sqrt(20)) * sqrt(g / (g + 4))), 1, 1e-12);
    rig_free(rig);
}

/* Every tensor moves by lr times its own length. */
static void test_lamb_step_length(void **state) {
    (void)state;
    static const layout_t LAYOUT = {"two", 2, {{"w", 2, {7, 5}}, {"b", 1, {13}}}};
    rig_t *rig = play_new("lamb", "lr=0.02", &LAYOUT);
    for (int step = 0; step < 5; ++step) {
        double before[48], length[2] = {0}, moved[2] = {0};
        memcpy(before, rig_read(rig), sizeof before);
        CHECK_OK(rig_step(rig));
        const double *x = rig_read(rig);
        for (int i = 0; i < 48; ++i) {
            length[i >= 35] += before[i] * before[i];
            moved[i >= 35] += (x[i] - before[i]) * (x[i] - before[i]);
        }
        for (int k = 0; k < 2; ++k)
            CHECK_CLOSE(sqrt(moved[k] / length[k]) / 0.02, 1, 1e-12);
    }
    rig_free(rig);
}

/* ---- Games: extragradient comes home where simultaneous descent flies apart ---- */

static double field(rig_t *rig) {
    double sum = 0;
    rig->oracle->gradient(11, 5, rig_read(rig), rig->g);
    for (int i = 0; i < 11; ++i)
        sum += rig->g[i] * rig->g[i];
    return sqrt(sum);
}

static void test_bilinear_game(void **state) {
    (void)state;
    static const layout_t PLAYERS = {"players", 2, {{"x", 1, {5}}, {"y", 1, {6}}}};
    const char *lr = "lr=0.151932566"; /* 1/(2L), L = 3.290936 */
    rig_t *descent = play_new("sgd", lr, &PLAYERS), *extra = play_new("extragradient", lr, &PLAYERS);
    descent->oracle = extra->oracle = oracle_find("bilinear");
    const double start = field(extra);
    CHECK_OK(rig_steps(descent, 100));
    CHECK_OK(rig_steps(extra, 100));
    CHECK_AT_MOST(field(extra), start / 10);
    CHECK_AT_MOST(10 * start, field(descent));
    CHECK_OK(rig_steps(extra, 900));
    CHECK_AT_MOST(field(extra), 1e-6);
    rig_free(descent);
    rig_free(extra);
}

/* ---- Muon: where five Newton-Schulz steps send the singular values ---- */

enum { ROWS = 8, COLUMNS = 13 };

/* Element (i, j) of a reflection: symmetric and orthogonal; its columns are singular vectors. */
static double reflection(size_t n, size_t i, size_t j) {
    double square = 0;
    for (size_t k = 0; k < n; ++k)
        square += (1 + (double)k) * (1 + (double)k);
    return (i == j) - 2 * (1 + (double)i) * (1 + (double)j) / square;
}

static void run_muon(const double singular[ROWS], bool tall, double result[ROWS]) {
    layout_t layout = {"matrix", 1, {{"w", 2, {tall ? COLUMNS : ROWS, tall ? ROWS : COLUMNS}}}};
    rig_t *rig = play_new("muon", "lr=1,momentum=0,nesterov=0,scale=none", &layout);
    double gradient[ROWS * COLUMNS] = {0}, zero[ROWS * COLUMNS] = {0}, loss = 0;
    for (size_t i = 0; i < ROWS; ++i)
        for (size_t j = 0; j < COLUMNS; ++j)
            for (size_t k = 0; k < ROWS; ++k)
                gradient[tall ? j * ROWS + i : i * COLUMNS + j] +=
                    reflection(ROWS, i, k) * singular[k] * reflection(COLUMNS, k, j);
    replay_t replay = {1, 0, &loss, gradient};
    rig->replay = &replay;
    rig_write(rig, zero);
    CHECK_OK(rig_step(rig));
    const double *w = rig_read(rig);
    for (size_t k = 0; k < ROWS; ++k) {
        result[k] = 0;
        for (size_t i = 0; i < ROWS; ++i)
            for (size_t j = 0; j < COLUMNS; ++j)
                result[k] -=
                    reflection(ROWS, i, k) * w[tall ? j * ROWS + i : i * COLUMNS + j] * reflection(COLUMNS, k, j);
    }
    rig_free(rig);
}

static void test_muon_singular_values(void **state) {
    (void)state;
    const double spread[ROWS] = {1, 0.7, 0.4, 0.2, 0.1, 0.05, 0.03, 0.014}, one[ROWS] = {1, 1e-3};
    double result[ROWS];
    for (int tall = 0; tall < 2; ++tall) {
        run_muon(spread, tall != 0, result);
        for (int k = 0; k < ROWS; ++k) {
            CHECK_AT_MOST(0.68, result[k]);
            CHECK_AT_MOST(result[k], 1.14);
        }
        run_muon(one, tall != 0, result);
        CHECK_CLOSE(result[1], 0.47, 0.005);
        for (int k = 2; k < ROWS; ++k) /* null directions stay */
            CHECK_AT_MOST(fabs(result[k]), 1e-12);
    }
}

static void test_muon_memory(void **state) {
    (void)state;
    static const layout_t MATRIX = {"matrix", 1, {{"w", 2, {64, 96}}}};
    rig_t *muon = play_new("muon", NULL, &MATRIX), *adam = play_new("adam", NULL, &MATRIX);
    size_t half, whole;
    CHECK_OK(optim_memory(muon->opt, &half, NULL));
    CHECK_OK(optim_memory(adam->opt, &whole, NULL));
    CHECK_CLOSE((double)half / (double)whole, 0.5, 0.01);
    rig_free(muon);
    rig_free(adam);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sgd_at_its_best),
        cmocka_unit_test(test_lion_box),
        cmocka_unit_test(test_lion_moves_by_lr),
        cmocka_unit_test(test_adagrad_norm_bound),
        cmocka_unit_test(test_adagrad_norm_any_start),
        cmocka_unit_test(test_random_scaling),
        cmocka_unit_test(test_random_scaling_quasi),
        cmocka_unit_test(test_lbfgs_rosenbrock),
        cmocka_unit_test(test_lbfgs_quadratic),
        cmocka_unit_test(test_lbfgs_negative_curvature),
        cmocka_unit_test(test_dog_first_step),
        cmocka_unit_test(test_lamb_step_length),
        cmocka_unit_test(test_bilinear_game),
        cmocka_unit_test(test_muon_singular_values),
        cmocka_unit_test(test_muon_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
