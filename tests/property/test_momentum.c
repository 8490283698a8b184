/* Momentum, normalized and recursive methods: exact relations and rates that their papers state. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "noisy.h"

static const layout_t TENSORS = {"tensors", 2, {{"w", 2, {4, 3}}, {"b", 1, {9}}}};
static const layout_t TWO_NUMBERS = {"numbers", 2, {{"a", 0, {0}}, {"b", 0, {0}}}};

/* ---- random_scaling ---- */

/* Over sgd with gradient 1 and rate 1 the displacements are exponential, one number a step for all tensors. */
static void test_scaling_statistics(void **state) {
    (void)state;
    enum { STEPS = 100000 };
    rig_t *rig = play_new("sgd", "lr=1", &TWO_NUMBERS);
    CHECK_OK(optim_wrap(rig->opt, "random_scaling", NULL));
    const double loss = 0, gradient[2] = {1, 2};
    double sum = 0, square = 0, above = 0, zero[2] = {0, 0};
    for (int step = 0; step < STEPS; ++step) {
        replay_t constant = {1, 0, &loss, gradient};
        rig->replay = &constant;
        rig_write(rig, zero);
        CHECK_OK(rig_step(rig));
        const double *x = rig_read(rig);
        CHECK_CLOSE(x[1], 2 * x[0], 1e-14);
        sum += x[0];
        square += x[0] * x[0];
        above += x[0] < -1;
    }
    const double mean = sum / STEPS;
    CHECK_CLOSE(mean, -1, 0.013);
    CHECK_CLOSE(square / STEPS - mean * mean, 1, 0.05);
    CHECK_CLOSE(above / STEPS, exp(-1), 0.0077);
    rig_free(rig);
}

/* E[f(x + s D) - f(x)] = E[f'(x + s D) D] for s ~ Exp(1): f = z^4, x = 1.3, D = 0.7, both 32.5528. */
static void test_scaling_lemma(void **state) {
    (void)state;
    enum { STEPS = 400000 };
    double p = 0, g = -0.7, change = 0, slope = 0;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sgd", "lr=1"));
    CHECK_OK(optim_wrap(opt, "random_scaling", NULL));
    CHECK_OK(optim_add_param(opt, 0, "p", OPTIM_F64, 0, NULL, &p, &g));
    for (int step = 0; step < STEPS; ++step) {
        p = 1.3;
        CHECK_OK(optim_step(opt));
        change += pow(p, 4) - pow(1.3, 4);
        slope += 4 * pow(p, 3) * 0.7;
    }
    optim_destroy(opt);
    CHECK_CLOSE(change / STEPS, 32.5528, 0.02);
    CHECK_CLOSE(slope / STEPS, 32.5528, 0.02);
}

/* On given gradients adamw without decay moves by s_t times what it moves unscaled: its state knows nothing of s. */
static void test_scaling_leaves_the_state(void **state) {
    (void)state;
    enum { STEPS = 20 };
    rig_t *plain = play_new("adamw", "weight_decay=0", &TENSORS);
    rig_t *scaled = play_new("adamw", "weight_decay=0", &TENSORS);
    CHECK_OK(optim_wrap(scaled->opt, "random_scaling", "draws=quasi"));
    replay_t *noise = noise_new(STEPS, D);
    double before[2][D];
    for (int step = 1; step <= STEPS; ++step) {
        const double turn = step * 0.6180339887498949, s = -log(1 - (turn - floor(turn)));
        memcpy(before[0], rig_read(plain), sizeof before[0]);
        memcpy(before[1], rig_read(scaled), sizeof before[1]);
        plain->replay = scaled->replay = noise;
        CHECK_OK(rig_step(plain));
        --noise->next;
        CHECK_OK(rig_step(scaled));
        const double *x = rig_read(plain), *y = rig_read(scaled);
        for (size_t i = 0; i < D; ++i)
            CHECK_CLOSE(y[i] - before[1][i], s * (x[i] - before[0][i]), 1e-14);
    }
    replay_free(noise);
    rig_free(plain);
    rig_free(scaled);
}

static void test_scaling_by_the_mean(void **state) {
    (void)state;
    rig_t *plain = play_new("adamw", NULL, &TENSORS), *rig = play_new("adamw", NULL, &TENSORS);
    CHECK_OK(optim_wrap(rig->opt, "random_scaling", "draws=mean"));
    CHECK_OK(rig_steps(plain, 20));
    CHECK_OK(rig_steps(rig, 20));
    rig_check_same(rig, plain, "scaled by 1");
    rig_free(plain);
    rig_free(rig);
}

/* Inside sam or outside of it: the same displacement is scaled, and a step given up midway leaves no trace. */
static void test_scaling_and_sam(void **state) {
    (void)state;
    rig_t *rig[2];
    for (int k = 0; k < 2; ++k) {
        rig[k] = play_new("adamw", NULL, &TENSORS);
        CHECK_OK(optim_wrap(rig[k]->opt, k == 0 ? "sam" : "random_scaling", NULL));
        CHECK_OK(optim_wrap(rig[k]->opt, k == 0 ? "random_scaling" : "sam", NULL));
        CHECK_OK(rig_steps(rig[k], 10));
        rig[k]->stop_at = 2;
        assert_true(rig_step(rig[k]) > 0);
        rig[k]->stop_at = 0;
        CHECK_OK(optim_cancel(rig[k]->opt));
        CHECK_OK(rig_steps(rig[k], 10));
    }
    rig_check_same(rig[0], rig[1], "random_scaling around sam and sam around it");
    rig_free(rig[0]);
    rig_free(rig[1]);
}

/* ---- ngd ---- */

static void test_ngd_circles(void **state) {
    (void)state;
    rig_t *rig = on_quadratic("ngd", "lr=0.05");
    double best = HUGE_VAL, before[D], moved[D];
    for (int step = 0; step < 400; ++step) {
        memcpy(before, rig_read(rig), sizeof before);
        CHECK_OK(rig_step(rig));
        const double *x = rig_read(rig);
        for (size_t i = 0; i < D; ++i)
            moved[i] = x[i] - before[i];
        CHECK_CLOSE(euclidean_norm(moved, D), 0.05, 1e-12);
        best = fmin(best, rig_value(rig));
    }
    CHECK_AT_MOST(best, 1e-3);
    rig_free(rig);
}

static void test_zero_gradient_moves_nothing(void **state) {
    (void)state;
    static const char *const METHODS[][2] = {
        {"ngd", ""}, {"ngd", "normalize=layer"}, {"ngd", "normalize=loss"}, {"nsgdm", ""},
        {"igt", ""}, {"storm", "normalize=1"}};
    static const double LOSS[8], GRADIENT[8 * D];
    for (size_t k = 0; k < sizeof METHODS / sizeof *METHODS; ++k) {
        rig_t *rig = play_new(METHODS[k][0], METHODS[k][1], &TENSORS);
        replay_t zero = {8, 0, LOSS, GRADIENT};
        void *before = rig_snapshot(rig);
        rig->replay = &zero;
        CHECK_OK(rig_steps(rig, 3));
        rig_check_snapshot(rig, before, METHODS[k][0]);
        free(before);
        rig_free(rig);
    }
}

/* The worst case of Tyurin 2024: (0.5, -1) labelled +1 once, (-0.5, -1) labelled -1 n - 1 times. */
static int perceptron_iterations(double gamma, double n) {
    static const double A[2][2] = {{0.5, -1}, {-0.5, -1}}, Y[2] = {1, -1};
    const double share[2] = {1 / n, (n - 1) / n};
    double theta[2] = {0, 0}, g[2];
    char *options = check_text("lr=%g,normalize=loss", gamma);
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "ngd", options));
    CHECK_OK(optim_add_param(opt, 0, "theta", OPTIM_F64, 1, (int64_t[]){2}, theta, g));
    int iterations = 0;
    for (bool separated = false; !separated && iterations < 10000; ++iterations) {
        double weight = 0;
        g[0] = g[1] = 0;
        for (int i = 0; i < 2; ++i) {
            const double margin = Y[i] * (A[i][0] * theta[0] + A[i][1] * theta[1]), wrong = 1 / (1 + exp(margin));
            weight += share[i] * wrong;
            for (int j = 0; j < 2; ++j)
                g[j] -= share[i] * wrong * Y[i] * A[i][j];
        }
        CHECK_OK(optim_set_loss(opt, weight));
        CHECK_OK(optim_step(opt));
        separated = true;
        for (int i = 0; i < 2; ++i)
            separated = separated && Y[i] * (A[i][0] * theta[0] + A[i][1] * theta[1]) > 0;
    }
    optim_destroy(opt);
    free(options);
    return iterations;
}

/* At most R^2 / mu^2 + 2 log(2n - 1) / (gamma mu^2) iterations: here R^2 = 5/4, mu = 1/2. */
static void test_normalized_logistic_regression(void **state) {
    (void)state;
    assert_int_equal(perceptron_iterations(100, 1000), 2);
    static const double GAMMA[] = {0.1, 1, 10, 1000}, N[] = {10, 1000, 100000};
    for (int i = 0; i < 4; ++i)
        for (int j = 0; j < 3; ++j)
            CHECK_AT_MOST(perceptron_iterations(GAMMA[i], N[j]), 5 + 8 * log(2 * N[j] - 1) / GAMMA[i]);
}

/* ---- nsgdm ---- */

/* eta = T^(-1/2), lr = c T^(-3/4): O(T^(-1/4)), half for 16 times the steps. */
static void test_nsgdm_rate(void **state) {
    (void)state;
    double mean[2];
    for (int k = 0; k < 2; ++k) {
        const int T = k == 0 ? 625 : 10000;
        char *options = check_text("eta=%.17g,lr=%.17g", pow(T, -0.5), 3 * pow(T, -0.75));
        mean[k] = mean_gradient("nsgdm", options, T);
        free(options);
    }
    CHECK_AT_MOST(mean[1], 0.6 * mean[0]);
}

static void test_nsgdm_without_norm(void **state) {
    (void)state;
    rig_t *plain = on_quadratic("sgd", "lr=0.1"), *rig = on_quadratic("nsgdm", "lr=0.1,eta=1,normalize=0");
    for (int step = 0; step < 20; ++step) {
        CHECK_OK(rig_step(plain));
        CHECK_OK(rig_step(rig));
        rig_check_near(rig, plain, 1e-14, "nsgdm(eta=1, normalize=0) = sgd");
    }
    rig_free(plain);
    rig_free(rig);
}

/* ---- igt ---- */

/* The iterate moves along the exact gradient at the iterate, whatever the weights are. */
static void test_igt_is_exact_on_quadratics(void **state) {
    (void)state;
    static const struct {
        const char *options;
        double lr, lr_power;
        bool normalize;
    } RUNS[] = {{"lr=0.05", 0.05, 0, true},
                {"lr=0.3,lr_power=1,eta=1,eta_power=0.8", 0.3, 1, true},
                {"lr=0.02,normalize=0,eta=0.03", 0.02, 0, false},
                {"lr=0.02,normalize=0,tail_fraction=2", 0.02, 0, false}};
    for (size_t k = 0; k < sizeof RUNS / sizeof *RUNS; ++k) {
        rig_t *rig = on_quadratic("igt", RUNS[k].options);
        double x[D], want[D], got[D], g[D];
        memcpy(x, rig_read(rig), sizeof x);
        for (int step = 0; step < 60; ++step) {
            const double lr = RUNS[k].lr * pow(2.0 / (step + 2), RUNS[k].lr_power);
            gradient_of_quadratic(x, g);
            for (size_t i = 0; i < D; ++i)
                want[i] = x[i] - lr * g[i] / (RUNS[k].normalize ? euclidean_norm(g, D) : 1);
            CHECK_OK(rig_step(rig));
            CHECK_OK(optim_output(rig->opt, 0, got));
            check_all_close(got, want, D, 1e-12);
            memcpy(x, got, sizeof x);
        }
        rig_free(rig);
    }
    check_refused_options("igt", "tail_fraction=0.5", "tail_fraction");
}

/* ---- storm ---- */

/* Without noise it is gradient descent with its own rates, at one gradient for the first step and two for the others. */
static void test_storm_without_noise(void **state) {
    (void)state;
    enum { STEPS = 40 };
    rig_t *rig = on_quadratic("storm", "lr=0.2,c=3");
    double x[D], g[D], sum = 0;
    memcpy(x, rig_read(rig), sizeof x);
    for (int step = 0; step < STEPS; ++step) {
        gradient_of_quadratic(x, g);
        sum += euclidean_norm(g, D) * euclidean_norm(g, D);
        for (size_t i = 0; i < D; ++i)
            x[i] -= 0.2 / cbrt(0.1 + sum) * g[i];
        CHECK_OK(rig_step(rig));
        check_all_close(rig_read(rig), x, D, 1e-12);
    }
    assert_int_equal(rig->gradients, 2 * STEPS - 1);
    rig->stop_at = 2;
    optim_request request = {.size = sizeof request};
    assert_int_equal(rig_step(rig), OPTIM_EVAL_GRAD);
    CHECK_OK(optim_request_info(rig->opt, &request));
    assert_int_equal(request.sample, OPTIM_SAMPLE_SAME);
    rig_free(rig);
}

/* O(T^(-1/3)): 0.4 of it for 16 times the steps; nsgdm's rate would be half. */
static void test_storm_rate(void **state) {
    (void)state;
    const char *options = "lr=0.5,w=1,c=10";
    CHECK_AT_MOST(mean_gradient("storm", options, 16000), 0.48 * mean_gradient("storm", options, 1000));
}

/* ---- harpg ---- */

/* On a quadratic the estimate is the gradient wherever the product is taken: normalized descent. */
static void test_harpg_is_exact_on_quadratics(void **state) {
    (void)state;
    static const char *const DRAWS[] = {"random", "quasi", "mean"};
    for (int k = 0; k < 3; ++k) {
        char *options = check_text("lr=0.3,eta=0.4,draws=%s", DRAWS[k]);
        rig_t *rig = on_quadratic("harpg", options), *plain = on_quadratic("ngd", "lr=0.3,lr_power=1");
        for (int step = 0; step < 40; ++step) {
            CHECK_OK(rig_step(rig));
            CHECK_OK(rig_step(plain));
            rig_check_near(rig, plain, 1e-12, "harpg = ngd on a quadratic");
        }
        assert_int_equal(rig->products, 39);
        assert_int_equal(rig->gradients, 40);
        free(options);
        rig_free(rig);
        rig_free(plain);
    }
}

/* The mean of the second step over all u is that with the true change of the gradient in place of Hv. */
static void test_harpg_product_is_unbiased(void **state) {
    (void)state;
    enum { RUNS = 4000 };
    const oracle_t *f = oracle_find("rosenbrock");
    double x[2][2] = {{0.5, 0.5}}, g[2][2], mean[2] = {0};
    f->gradient(2, 2, x[0], g[0]);
    for (int i = 0; i < 2; ++i)
        x[1][i] = x[0][i] - 0.01 * g[0][i];
    f->gradient(2, 2, x[1], g[1]);
    for (int run = 0; run < RUNS; ++run) {
        char *options = check_text("lr=0.01,lr_power=0,normalize=0,eta=0.25,eta_power=0,seed=%d", run);
        rig_t *rig = play_vector("harpg", options, "rosenbrock", 2, 0.5);
        CHECK_OK(rig_steps(rig, 2));
        for (int i = 0; i < 2; ++i)
            mean[i] += (x[1][i] - rig_read(rig)[i]) / (0.01 * RUNS);
        free(options);
        rig_free(rig);
    }
    for (int i = 0; i < 2; ++i) /* d = (1 - e) (g_0 + E[Hv]) + e g_1 = g_1 */
        CHECK_CLOSE(mean[i], g[1][i], 0.02);
}

/* ---- discover ---- */

/* What the equations say, for any nu, on gradients that depend on the parameters. */
static void run_discover(double nu, int clusters, bool transport, bool named) {
    enum { STEPS = 24 };
    const double lr = 0.02, beta = 0.8;
    char *options = check_text("lr=0.02,beta1=0.8,nu=%g,clusters=%d,transport=%d", nu, clusters, transport);
    rig_t *rig = on_quadratic("discover", options);
    double m[4][D] = {{0}}, mbar[D] = {0}, x[D], p[D], output[D];
    memcpy(x, rig_read(rig), sizeof x);
    memcpy(p, x, sizeof p);
    for (int step = 0; step < STEPS; ++step) {
        const int j = named ? (step * step + 1) % clusters : step % clusters;
        if (named)
            CHECK_OK(optim_set(rig->opt, -1, "cluster", j));
        for (size_t i = 0; i < D; ++i) {
            const double g = quadratic_slope(p, i);
            m[j][i] = beta * m[j][i] + (1 - beta) * g;
            mbar[i] = 0;
            for (int c = 0; c < clusters; ++c)
                mbar[i] += m[c][i] / clusters;
            const double moved = -lr * ((1 - nu) * (g - m[j][i]) + mbar[i]);
            x[i] += moved;
            p[i] = x[i] + (transport ? beta / (1 - beta) * moved : 0);
        }
        CHECK_OK(rig_step(rig));
        check_all_close(rig_read(rig), p, D, 1e-13);
        CHECK_OK(optim_output(rig->opt, 0, output));
        check_all_close(output, x, D, 1e-13);
    }
    free(options);
    rig_free(rig);
}

static void test_discover(void **state) {
    (void)state;
    static const double NU[] = {0, 0.7, 1}; /* like SAGA, between, the mean of the momenta */
    for (int k = 0; k < 3; ++k)
        for (int flags = 0; flags < 4; ++flags) {
            run_discover(NU[k], 4, flags & 1, flags & 2);
            run_discover(NU[k], 1, flags & 1, flags & 2);
        }
    check_refused_options("discover", "clusters=2,cluster=2", "cluster");
}

/* One cluster: quasi-hyperbolic momentum. */
static void test_discover_with_one_cluster(void **state) {
    (void)state;
    if (!has_algorithm("qhm"))
        skip();
    rig_t *rig = on_quadratic("discover", "clusters=1,lr=0.05"),
          *qhm = on_quadratic("qhm", "nu=0.7,momentum=0.9,lr=0.05");
    CHECK_OK(rig_steps(rig, 30));
    CHECK_OK(rig_steps(qhm, 30));
    rig_check_near(rig, qhm, 1e-12, "discover(clusters=1) = qhm");
    rig_free(rig);
    rig_free(qhm);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scaling_statistics),
        cmocka_unit_test(test_scaling_lemma),
        cmocka_unit_test(test_scaling_leaves_the_state),
        cmocka_unit_test(test_scaling_by_the_mean),
        cmocka_unit_test(test_scaling_and_sam),
        cmocka_unit_test(test_ngd_circles),
        cmocka_unit_test(test_zero_gradient_moves_nothing),
        cmocka_unit_test(test_normalized_logistic_regression),
        cmocka_unit_test(test_nsgdm_rate),
        cmocka_unit_test(test_nsgdm_without_norm),
        cmocka_unit_test(test_igt_is_exact_on_quadratics),
        cmocka_unit_test(test_storm_without_noise),
        cmocka_unit_test(test_storm_rate),
        cmocka_unit_test(test_harpg_is_exact_on_quadratics),
        cmocka_unit_test(test_harpg_product_is_unbiased),
        cmocka_unit_test(test_discover),
        cmocka_unit_test(test_discover_with_one_cluster),
    };
    return cmocka_run_group_tests_name("momentum", tests, NULL, NULL);
}
