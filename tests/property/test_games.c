/*
 * Where the methods for games go: figures that their definitions state and bounds that their papers prove, on games where
 * simultaneous descent flies apart.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "game.h"
#include "play.h"

/* ---- ||F|| at the output on the bilinear game after so many steps ---- */

typedef struct figure {
    const char *algorithm, *options;
    int steps[2];
    double residual[2]; /* from some standard normal point, where ||F|| was 8.7 */
} figure_t;

static const figure_t FIGURES[] = {
    {"extragradient", "lr=0.15193", {100, 1000}, {1.4e-1, 6e-8}},         /* 1 / (2 L) */
    {"past_extragradient", "lr=0.101288", {100, 1000}, {3.9e-1, 3.9e-4}}, /* 1 / (3 L) */
    {"aog", "lr=0.124052", {100, 1000}, {2.42e-1, 2.40e-2}},              /* 1 / (sqrt 6 L) */
    {"aog", "lr=0.124052", {1000, 2000}, {2.40e-2, 1.20e-2}},
    {"anchored_gradient", "lr=0.037983", {1000, 2000}, {7.9e-2, 3.95e-2}}, /* 1 / (8 L) */
    {"complex_momentum", "lr=0.02", {1000, 2000}, {3.0e-2, 1.3e-3}},
    {"complex_momentum", "lr=0.02,beta_mag=0", {1000, 2000}, {68, 577}},
};

/* The start decides by what factor the slowest mode is excited, not how it decays. */
static void test_figure(void **state) {
    const figure_t *f = *state;
    for (size_t seed = 1; seed <= 3; ++seed) {
        rig_t *rig = game_new(f->algorithm, f->options, "bilinear", seed);
        const double start = game_residual(rig) / 8.7;
        CHECK_OK(rig_steps(rig, f->steps[0]));
        const double first = game_residual(rig);
        CHECK_OK(rig_steps(rig, f->steps[1] - f->steps[0]));
        const double second = game_residual(rig);
        CHECK_AT_MOST(fabs(log(first / start / f->residual[0])), log(4));
        CHECK_CLOSE(log(second / first), log(f->residual[1] / f->residual[0]), 0.2);
        rig_free(rig);
    }
}

static double residual_after(const char *algorithm, const char *options, const char *oracle, int steps) {
    rig_t *rig = game_new(algorithm, options, oracle, 1);
    CHECK_OK(rig_steps(rig, steps));
    const double residual = game_residual(rig);
    rig_free(rig);
    return residual;
}

static void test_last_iterates(void **state) {
    (void)state;
    const char *lr = "lr=0.05";
    CHECK_AT_MOST(1e3, residual_after("sgd", lr, "bilinear", 1000));
    CHECK_AT_MOST(residual_after("extragradient", lr, "bilinear", 5000), 1e-3);
    CHECK_AT_MOST(residual_after("past_extragradient", lr, "bilinear", 5000), 1e-3);
    CHECK_AT_MOST(residual_after("optimistic_gd", lr, "bilinear", 5000), 1e-3);
    CHECK_AT_MOST(residual_after("og_plus", "lr=0.05,lr_extra=0.05", "bilinear", 5000), 1e-3);
    CHECK_AT_MOST(residual_after("reflected_gradient", "lr=0.125864", "bilinear", 2000), 1e-9); /* (sqrt 2 - 1) / L */
    CHECK_AT_MOST(residual_after("anchored_gradient", lr, "bilinear", 5000), 5e-2);
    CHECK_AT_MOST(residual_after("aog", lr, "bilinear", 5000), 5e-2);
}

/* Measured to be 1 / (sqrt 3 L). */
static void test_optimistic_limit(void **state) {
    (void)state;
    CHECK_AT_MOST(residual_after("optimistic_gd", "lr=0.16712", "bilinear", 1000), 1e-6); /* 0.55 / L */
    CHECK_AT_MOST(1e6, residual_after("optimistic_gd", "lr=0.18232", "bilinear", 1000));  /* 0.6 / L */
}

/* Real momentum, positive or none, makes it worse; the complex one of FIGURES converges. */
static void test_real_momentum(void **state) {
    (void)state;
    const double none = residual_after("complex_momentum", "lr=0.02,beta_mag=0", "bilinear", 1000);
    const double half = residual_after("complex_momentum", "lr=0.02,beta_mag=0.5,beta_arg=0", "bilinear", 1000);
    const double most = residual_after("complex_momentum", "lr=0.02,beta_mag=0.9,beta_arg=0", "bilinear", 1000);
    CHECK_AT_MOST(30, none);
    CHECK_AT_MOST(1e6 * none, half);
    CHECK_AT_MOST(1e6 * half, most);
    CHECK_AT_MOST(residual_after("complex_adam", "lr=0.002", "bilinear", 5000), 4.5);
    CHECK_AT_MOST(20, residual_after("complex_adam", "lr=0.002,beta_arg=0", "bilinear", 5000));
}

/* Players that take turns neither come home nor fly apart without momentum. */
static void test_alternating(void **state) {
    (void)state;
    rig_t *rig = game_new("complex_momentum", "lr=0.02,beta_mag=0,alternating=1", "bilinear", 1);
    const double start = game_residual(rig);
    for (int i = 0; i < 10; ++i) {
        CHECK_OK(rig_steps(rig, 500));
        CHECK_CLOSE(game_residual(rig) / start, 1, 0.1);
    }
    rig_free(rig);
}

/* ---- Anchors: bounds of the papers ---- */

/* Yoon and Ryu, corollary for lr = 1 / (8 L): |F(z_k)|^2 <= 260 L^2 |z_0 - z*|^2 / (k + 1)^2. */
static void test_eag_bound(void **state) {
    (void)state;
    rig_t *rig = game_new("anchored_gradient", "lr=0.0297619", "quadgame", 1);
    const double bound = sqrt(260) * 4.2 * game_distance(rig_read(rig)); /* L of quadgame: below 3.3 + 0.9 */
    for (int k = 1; k <= 500; ++k) {
        CHECK_OK(rig_step(rig));
        CHECK_AT_MOST(game_residual(rig), bound / (k + 1));
    }
    rig_free(rig);
}

/* Halpern's iteration of a nonexpansive T = 1 - lr F: |z_k - T z_k| <= 2 |z_0 - z*| / (k + 1). */
static void test_halpern_bound(void **state) {
    (void)state;
    enum { D = 20 };
    const double lr = 2.0 / 7; /* gradients of `quadratic` are 1/7-cocoercive */
    rig_t *rig = play_vector("anchored_gradient", "scheme=halpern,lr=0.2857142857142857", "quadratic", D, 1);
    double away[D], g[D];
    for (size_t i = 0; i < D; ++i)
        away[i] = 1 - quadratic_minimum(i);
    const double distance = norm(D, away);
    for (int k = 1; k <= 500; ++k) {
        CHECK_OK(rig_step(rig));
        rig->oracle->gradient(D, D, rig_read(rig), g);
        CHECK_AT_MOST(lr * norm(D, g), 2 * distance / (k + 1));
    }
    rig_free(rig);
}

/* ---- Noise ---- */

/* Mean ||F(X)|| of a few runs with standard normal noise on the gradient. */
static double residual_with_noise(const char *options, int steps) {
    enum { RUNS = 5 };
    double sum = 0, g[GAME_D];
    for (size_t run = 1; run <= RUNS; ++run) {
        rig_t *rig = game_new("og_plus", options, "bilinear", run);
        for (size_t t = 0; t < (size_t)steps; ++t) {
            game_field(rig, rig_read(rig), g);
            for (size_t i = 0; i < GAME_D; ++i)
                g[i] += normal(100 + run, t * GAME_D + i);
            game_step_with(rig, g);
        }
        sum += game_residual(rig) / RUNS;
        rig_free(rig);
    }
    return sum;
}

static void test_rate_separation(void **state) {
    (void)state;
    const char *equal = "lr=0.3,lr_extra=0.3,lr_power=0.5,extra_power=0.5";
    CHECK_CLOSE(residual_with_noise(equal, 1000), 3.0, 0.3); /* ten times as many steps do not help */
    CHECK_CLOSE(residual_with_noise(equal, 10000), 2.9, 0.3);
    CHECK_CLOSE(residual_with_noise("lr=0.3,lr_extra=0.3,lr_power=0.5,extra_power=0.25", 10000), 0.70, 0.25);
    CHECK_CLOSE(residual_with_noise("lr=0.3,lr_extra=0.3,lr_power=0.5,extra_power=0.25,dual=1", 10000), 0.66, 0.25);
    CHECK_CLOSE(residual_with_noise("lr=1,lr_extra=1,adaptive=1,dual=1", 10000), 0.57, 0.25);
    CHECK_CLOSE(residual_with_noise("lr=1,lr_extra=1,adaptive=1", 10000), 0.57, 0.25);
}

/* Player 1's regret against the best point of the unit ball around its solution, after 2000 steps and after 8000. */
static void check_constant_regret(const char *options) {
    rig_t *rig = game_new("og_plus", options, "bilinear", 1);
    double incurred = 0, sum[GAME_M] = {0}, g[GAME_D], regret[2] = {0};
    for (int t = 1; t <= 8000; ++t) {
        const double *z = rig_read(rig);
        game_field(rig, z, g);
        for (size_t i = 0; i < GAME_M; ++i) {
            incurred += g[i] * (z[i] - quadratic_minimum(i)); /* p of the games */
            sum[i] += g[i];
        }
        regret[t > 2000] = incurred + norm(GAME_M, sum);
        game_step_with(rig, g);
    }
    CHECK_CLOSE(regret[1], regret[0], 1e-2);
    rig_free(rig);
}

static void test_constant_regret(void **state) {
    (void)state;
    check_constant_regret("lr=0.1,lr_extra=0.1");
    check_constant_regret("lr=1,lr_extra=1,adaptive=1,dual=1");
}

/* ---- Competition ---- */

static void test_cgo_figure(void **state) {
    (void)state;
    CHECK_CLOSE(residual_after("cgo", "lr=0.1,alpha=2", "bilinear", 100), 6e-2, 0.03);
    CHECK_AT_MOST(residual_after("cgo", "lr=0.1,alpha=2", "bilinear", 1000), 2e-14);
    CHECK_AT_MOST(residual_after("cgo", "lr=0.1,alpha=2,optimistic=1", "bilinear", 1000), 2e-14);
}

/* f = a x y: |z|^2 is multiplied by 1 - (2 alpha lr - lr^2) a^2 / (1 + alpha^2 a^2) in every step. */
static void test_cgo_in_one_dimension(void **state) {
    (void)state;
    static const layout_t PAIR = {"pair", 2, {{"x", 1, {1}}, {"y", 1, {1}}}};
    static const double ALPHA[] = {0, 0.05, 1, 20};
    const double a = 2 + 0.5 * sin(0.2), lr = 0.05, start[] = {1, -2};
    for (size_t k = 0; k < sizeof ALPHA / sizeof *ALPHA; ++k) {
        const double alpha = ALPHA[k], factor = 1 - (2 * alpha * lr - lr * lr) * a * a / (1 + alpha * alpha * a * a);
        char *options = check_text("lr=0.05,alpha=%.17g", alpha);
        rig_t *rig = play_new("cgo", options, &PAIR);
        rig->oracle = oracle_find("matrixgame");
        rig_write(rig, start);
        CHECK_OK(rig_steps(rig, 40));
        const double *z = rig_read(rig);
        CHECK_CLOSE((z[0] * z[0] + z[1] * z[1]) / 5, pow(factor, 40), 1e-10);
        assert_true(alpha > 0 ? factor < 1 : factor > 1);
        rig_free(rig);
        free(options);
    }
}

/* ---- On the simplex ---- */

static rig_t *simplex_new(const char *algorithm, const char *options) {
    rig_t *rig = game_new(algorithm, options, "matrixgame", 1);
    double start[GAME_D];
    for (size_t i = 0; i < GAME_D; ++i)
        start[i] = i < GAME_M ? 1.0 / GAME_M : 1.0 / GAME_N;
    rig_write(rig, start);
    return rig;
}

static void check_simplex(const double *z) {
    double sum[2] = {0};
    for (size_t i = 0; i < GAME_D; ++i) {
        assert_true(z[i] >= 0);
        sum[i >= GAME_M] += z[i];
    }
    CHECK_CLOSE(sum[0], 1, 1e-12);
    CHECK_CLOSE(sum[1], 1, 1e-12);
}

/* What both players together could gain by their best answers. */
static double duality_gap(const rig_t *rig, const double *z) {
    double field[GAME_D], least = HUGE_VAL, most = -HUGE_VAL;
    game_field(rig, z, field);
    for (size_t i = 0; i < GAME_M; ++i)
        least = fmin(least, field[i]);
    for (size_t j = GAME_M; j < GAME_D; ++j)
        most = fmax(most, -field[j]);
    return most - least;
}

/* Rates up to 1 / (2 max |A|): the mean of the queries has a gap of at most (ln m + ln n) / (lr T). */
static void test_optimistic_weights(void **state) {
    (void)state;
    enum { T = 2000 };
    const double lr = 0.2;
    rig_t *rig = simplex_new("omd", "mirror=entropic,lr=0.2");
    double mean[GAME_D] = {0};
    for (int t = 0; t < T; ++t) {
        const double *z = rig_read(rig);
        check_simplex(z);
        for (size_t i = 0; i < GAME_D; ++i)
            mean[i] += z[i] / T;
        CHECK_OK(rig_step(rig));
    }
    CHECK_AT_MOST(duality_gap(rig, mean), (log(GAME_M) + log(GAME_N)) / (lr * T));
    rig_free(rig);
}

/* reg > 0: the one point with log z = log anchor - F(z) / reg + constant, player by player. */
static void test_regularized(void **state) {
    const char *algorithm = *state;
    const double reg = 0.2;
    rig_t *rig = simplex_new(algorithm, "mirror=entropic,lr=0.2,reg=0.2");
    CHECK_OK(rig_steps(rig, 3000));
    const double *z = game_output(rig);
    double field[GAME_D];
    check_simplex(z);
    game_field(rig, z, field);
    for (size_t i = 0; i < GAME_D; ++i) {
        const size_t first = i < GAME_M ? 0 : GAME_M;
        CHECK_CLOSE(log(z[i]) + field[i] / reg, log(z[first]) + field[first] / reg, 1e-10);
    }
    rig_free(rig);
}

static void test_outside(void **state) {
    rig_t *rig = simplex_new(*state, "mirror=entropic");
    double start[GAME_D];
    memcpy(start, rig_read(rig), sizeof start);
    start[GAME_D - 1] = 0;
    rig_write(rig, start);
    assert_int_equal(rig_step(rig), OPTIM_ERR_DOMAIN);
    assert_non_null(strstr(optim_error(), "simplex"));
    assert_memory_equal(rig_read(rig), start, sizeof start);
    rig_free(rig);
}

int main(void) {
    enum { ROWS = sizeof FIGURES / sizeof *FIGURES };
    static char extragradient[] = "extragradient", past[] = "past_extragradient";
    const struct CMUnitTest fixed[] = {
        cmocka_unit_test(test_last_iterates),
        cmocka_unit_test(test_optimistic_limit),
        cmocka_unit_test(test_real_momentum),
        cmocka_unit_test(test_alternating),
        cmocka_unit_test(test_eag_bound),
        cmocka_unit_test(test_halpern_bound),
        cmocka_unit_test(test_rate_separation),
        cmocka_unit_test(test_constant_regret),
        cmocka_unit_test(test_cgo_figure),
        cmocka_unit_test(test_cgo_in_one_dimension),
        cmocka_unit_test(test_optimistic_weights),
        {"test_regularized: extragradient", test_regularized, NULL, NULL, extragradient},
        {"test_regularized: past_extragradient", test_regularized, NULL, NULL, past},
        {"test_outside: extragradient", test_outside, NULL, NULL, extragradient},
        {"test_outside: past_extragradient", test_outside, NULL, NULL, past},
    };
    struct CMUnitTest tests[ROWS + sizeof fixed / sizeof *fixed];
    for (size_t i = 0; i < ROWS; ++i)
        tests[i] = (struct CMUnitTest){FIGURES[i].algorithm, test_figure, NULL, NULL, (void *)(uintptr_t)&FIGURES[i]};
    memcpy(tests + ROWS, fixed, sizeof fixed);
    return _cmocka_run_group_tests("games", tests, sizeof tests / sizeof *tests, NULL, NULL);
}
