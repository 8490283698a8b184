/* What the methods for games equal, step by step: each other, known methods, equations written out here. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "game.h"
#include "play.h"

enum { STEPS = 30 };
static const double GOLDEN_RATIO = 0.6180339887498949;

static void check_points(const double *got, const double *want, double tolerance) {
    for (size_t i = 0; i < GAME_D; ++i)
        CHECK_CLOSE(got[i], want[i], tolerance);
}

/* ---- Pairs that visit the same points ---- */

typedef struct pair {
    const char *algorithm, *options, *other, *other_options;
} pair_t;

static const pair_t PAIRS[] = {
    {"reflected_gradient", "lr=0.1", "past_extragradient", "lr=0.1"}, /* the queries; z differs */
    {"og_plus", "lr=0.1,lr_extra=0.15", "past_extragradient", "lr=0.1,lr_extra=0.15"},
    {"og_plus", "lr=0.1,lr_extra=0.15,dual=1", "og_plus", "lr=0.1,lr_extra=0.15"},
    {"past_extragradient", "lr=0.1", "past_extragradient", "lr=0.1,lr_extra=0.1"},
    {"extragradient", "lr=0.1", "extragradient", "lr=0.1,lr_extra=0.1"},
    {"optimistic_gd", "lr=0.05,beta=0", "sgd", "lr=0.05"},
    {"optimistic_gd", "lr=0.05,alpha=2,beta=3", "optimistic_gd", "lr=0.1,alpha=1,beta=1.5"},
    {"optimistic_adam", "lr=0.01,optimism=0", "adam", "lr=0.01"},
    {"optimistic_adam", "lr=0.01,optimism=0,amsgrad=1,weight_decay=0.1", "adam", "lr=0.01,amsgrad=1,weight_decay=0.1"},
    {"complex_momentum", "lr=0.01,beta_mag=0.9,beta_arg=0", "sgd", "lr=0.01,momentum=0.9"},
    {"complex_momentum", "lr=0.01,beta_mag=0,lr_arg=1", "sgd", "lr=0.0054030230586813977"}, /* cos 1 */
    {"complex_momentum", "lr=0.01,alternating=1,split=2", "complex_momentum", "lr=0.01"}, /* nobody is left to answer */
    {"complex_adam", "lr=0.01,beta_mag=0", "adam", "lr=0.01,beta1=0"},
    {"complex_adam", "lr=0.01,alternating=1,split=2", "complex_adam", "lr=0.01"},
    {"cgo", "lr=0.05,alpha=0", "sgd", "lr=0.05"},
    {"anchored_gradient", "lr=0.05,scheme=vr,draws=quasi", "anchored_gradient",
     "lr=0.05,scheme=vr,seed=7"}, /* no noise */
};

static void test_pair(void **state) {
    const pair_t *p = *state;
    rig_t *rig = game_new(p->algorithm, p->options, "quadgame", 1),
          *other = game_new(p->other, p->other_options, "quadgame", 1);
    for (int t = 0; t < STEPS; ++t) {
        CHECK_OK(rig_step(rig));
        CHECK_OK(rig_step(other));
        rig_check_near(rig, other, 1e-11, p->algorithm);
    }
    rig_free(rig);
    rig_free(other);
}

/* ---- Recursions ---- */

/* Popov's queries: w <- w - 2 lr F(w) + lr F(the w before), with F = 0 before the first. */
static void test_popov(void **state) {
    (void)state;
    rig_t *rig = game_new("past_extragradient", "lr=0.1", "bilinear", 1);
    double w[GAME_D], now[GAME_D], before[GAME_D] = {0};
    memcpy(w, rig_read(rig), sizeof w);
    for (int t = 0; t < STEPS; ++t) {
        game_field(rig, w, now);
        for (size_t i = 0; i < GAME_D; ++i)
            w[i] += 0.1 * (before[i] - 2 * now[i]);
        memcpy(before, now, sizeof now);
        CHECK_OK(rig_step(rig));
        check_points(rig_read(rig), w, 1e-12);
    }
    rig_free(rig);
}

/* Optimistic multiplicative weights: w <- w exp(-2 lr F(w) + lr F(the w before)), normalized. */
static void test_multiplicative_weights(void **state) {
    (void)state;
    rig_t *rig = game_new("omd", "lr=0.1,mirror=entropic", "matrixgame", 1);
    double w[GAME_D], now[GAME_D], before[GAME_D] = {0};
    for (size_t i = 0; i < GAME_D; ++i)
        w[i] = i < GAME_M ? (1 + (double)i) / 15 : (double)i / 45;
    rig_write(rig, w);
    for (int t = 0; t < STEPS; ++t) {
        double sum[2] = {0};
        game_field(rig, w, now);
        for (size_t i = 0; i < GAME_D; ++i)
            sum[i >= GAME_M] += w[i] *= exp(0.1 * (before[i] - 2 * now[i]));
        for (size_t i = 0; i < GAME_D; ++i)
            w[i] /= sum[i >= GAME_M];
        memcpy(before, now, sizeof now);
        CHECK_OK(rig_step(rig));
        check_points(rig_read(rig), w, 1e-12);
    }
    rig_free(rig);
}

/* OG+ with a rate for each player from what it has seen and how far it went. */
static void test_adaptive_rates(void **state) {
    (void)state;
    rig_t *rig = game_new("og_plus", "lr=0.5,lr_extra=0.8,adaptive=1,q=0.2", "quadgame", 1);
    double x[GAME_D], p[GAME_D], g[GAME_D], seen[2] = {0}, moved[2] = {0};
    memcpy(x, rig_read(rig), sizeof x);
    memcpy(p, x, sizeof p);
    for (int t = 0; t < STEPS; ++t) {
        const double before[2] = {seen[0], seen[1]}, before_moved[2] = {moved[0], moved[1]};
        game_field(rig, p, g);
        for (size_t i = 0; i < GAME_D; ++i) {
            const int player = i >= GAME_M;
            const double eta = 0.5 / sqrt(1 + before[player] + before_moved[player]);
            x[i] -= eta * g[i];
            p[i] = x[i] - 0.8 * pow(1 + before[player], -0.3) * g[i];
            seen[player] += g[i] * g[i];
            moved[player] += eta * g[i] * eta * g[i];
        }
        CHECK_OK(rig_step(rig));
        check_points(rig_read(rig), p, 1e-12);
        check_points(game_output(rig), x, 1e-12);
    }
    rig_free(rig);
}

/* Negative momentum: heavy ball with coefficient -beta_mag. */
static void test_negative_momentum(void **state) {
    (void)state;
    rig_t *rig = game_new("complex_momentum", "lr=0.05,beta_mag=0.6,beta_arg=3.141592653589793", "quadgame", 1);
    double z[GAME_D], g[GAME_D], buffer[GAME_D] = {0};
    memcpy(z, rig_read(rig), sizeof z);
    for (int t = 0; t < STEPS; ++t) {
        game_field(rig, z, g);
        for (size_t i = 0; i < GAME_D; ++i)
            z[i] -= 0.05 * (buffer[i] = -0.6 * buffer[i] + g[i]);
        CHECK_OK(rig_step(rig));
        check_points(rig_read(rig), z, 1e-12);
    }
    rig_free(rig);
}

/* The variance-reduced estimate of an operator without noise is the operator: Halpern's iteration with la = 2 / (k + 4). */
static void test_variance_reduction(void **state) {
    (void)state;
    rig_t *rig = game_new("anchored_gradient", "lr=0.05,scheme=vr,draws=quasi", "quadgame", 1);
    double z0[GAME_D], z[GAME_D], g[GAME_D];
    int64_t expected = 0;
    memcpy(z0, rig_read(rig), sizeof z0);
    memcpy(z, z0, sizeof z);
    for (int k = 0; k < STEPS; ++k) {
        const double la = 2.0 / (k + 4), whole = floor(k * GOLDEN_RATIO);
        const bool refresh = k == 0 || k * GOLDEN_RATIO - whole < 4.0 / (k + 4);
        optim_request next = {.size = sizeof next};
        CHECK_OK(optim_request_info(rig->opt, &next));
        if (k > 0)
            assert_int_equal(next.sample, refresh ? OPTIM_SAMPLE_FULL : OPTIM_SAMPLE_FRESH);
        game_field(rig, z, g);
        for (size_t i = 0; i < GAME_D; ++i)
            z[i] = la * z0[i] + (1 - la) * z[i] - 0.05 * g[i];
        CHECK_OK(rig_step(rig));
        check_points(rig_read(rig), z, 1e-11);
        expected += refresh ? 1 : 2;
        assert_int_equal(rig->gradients, expected);
    }
    rig_free(rig);
}

/* ---- The two Adams, on gradients that have nothing to do with the parameters ---- */

/* The moments advance twice a step: a step of extra_adam moves by what every second step of Adam moves by. */
static void test_extra_adam(void **state) {
    (void)state;
    rig_t *extra = game_new("extra_adam", "lr=0.01,eps=0", "bilinear", 1),
          *adam = game_new("adam", "lr=0.01,eps=0", "bilinear", 1);
    replay_t *noise = noise_new(2 * STEPS, GAME_D), again = *noise;
    double from[GAME_D], adam_from[GAME_D];
    extra->replay = noise;
    adam->replay = &again;
    for (int t = 0; t < STEPS; ++t) {
        memcpy(from, rig_read(extra), sizeof from);
        CHECK_OK(rig_step(extra));
        CHECK_OK(rig_step(adam));
        memcpy(adam_from, rig_read(adam), sizeof adam_from);
        CHECK_OK(rig_step(adam));
        const double *to = rig_read(extra), *adam_to = rig_read(adam);
        for (size_t i = 0; i < GAME_D; ++i)
            CHECK_CLOSE((to[i] - from[i]) / 0.01, (adam_to[i] - adam_from[i]) / 0.01, 1e-10);
    }
    rig_free(extra);
    rig_free(adam);
    replay_free(noise);
}

/* Under a constant gradient every step is lr long; the first is longer by the optimism. */
static void test_optimistic_adam(void **state) {
    (void)state;
    rig_t *rig = game_new("optimistic_adam", "lr=0.01,eps=0,optimism=0.7", "bilinear", 1);
    double constant[GAME_D], from[GAME_D];
    memcpy(from, rig_read(rig), sizeof from);
    for (size_t i = 0; i < GAME_D; ++i)
        constant[i] = (double)i - 4.5;
    for (int t = 1; t <= STEPS; ++t) {
        game_step_with(rig, constant);
        for (size_t i = 0; i < GAME_D; ++i)
            CHECK_CLOSE((from[i] - rig_read(rig)[i]) / 0.01, (constant[i] > 0 ? 1 : -1) * (t + 0.7), 1e-10);
    }
    rig_free(rig);
}

/* Without the factor 1 - beta, complex_adam at angle 0 ends 1 / (1 - beta_mag) times as fast as Adam. */
static void test_complex_adam_rate(void **state) {
    (void)state;
    rig_t *rig = game_new("complex_adam", "lr=0.01,beta_mag=0.8,beta_arg=0,eps=0", "bilinear", 1);
    double constant[GAME_D], from[GAME_D];
    for (size_t i = 0; i < GAME_D; ++i)
        constant[i] = 3;
    for (int t = 1; t <= 200; ++t) {
        memcpy(from, rig_read(rig), sizeof from);
        game_step_with(rig, constant);
    }
    for (size_t i = 0; i < GAME_D; ++i)
        CHECK_CLOSE((from[i] - rig_read(rig)[i]) / 0.01, 5, 1e-8);
    rig_free(rig);
}

/* ---- Turns and answers ---- */

/* Player 2 sees player 1's step. */
static void test_turns(void **state) {
    (void)state;
    rig_t *rig = game_new("complex_momentum", "lr=0.1,beta_mag=0,alternating=1", "bilinear", 1);
    double z[GAME_D], g[GAME_D];
    memcpy(z, rig_read(rig), sizeof z);
    for (int t = 0; t < STEPS; ++t) {
        game_field(rig, z, g);
        for (size_t i = 0; i < GAME_M; ++i)
            z[i] -= 0.1 * g[i];
        game_field(rig, z, g);
        for (size_t i = GAME_M; i < GAME_D; ++i)
            z[i] -= 0.1 * g[i];
        CHECK_OK(rig_step(rig));
        check_points(rig_read(rig), z, 1e-11);
    }
    rig_free(rig);
}

/* d solves the block system (I, alpha D_xy; -alpha D_yx, I) d = F. */
static void check_direction(const rig_t *rig, const double *at, const double *d, double alpha) {
    double field[GAME_D], product[GAME_D], x_part[GAME_D] = {0}, y_part[GAME_D] = {0}, d_xy[GAME_D];
    game_field(rig, at, field);
    memcpy(x_part, d, GAME_M * sizeof *d);
    memcpy(y_part + GAME_M, d + GAME_M, GAME_N * sizeof *d);
    rig->oracle->product(GAME_D, GAME_M, at, y_part, d_xy);
    rig->oracle->product(GAME_D, GAME_M, at, x_part, product);
    for (size_t i = 0; i < GAME_D; ++i)
        CHECK_CLOSE(i < GAME_M ? d[i] + alpha * d_xy[i] : d[i] - alpha * product[i], field[i], 1e-11);
}

static void test_cgo_direction(void **state) {
    (void)state;
    rig_t *rig = game_new("cgo", "lr=0.25,alpha=1.5", "quadgame", 1);
    double from[GAME_D], d[GAME_D];
    for (int t = 0; t < 5; ++t) {
        memcpy(from, rig_read(rig), sizeof from);
        CHECK_OK(rig_step(rig));
        for (size_t i = 0; i < GAME_D; ++i)
            d[i] = (from[i] - rig_read(rig)[i]) / 0.25;
        check_direction(rig, from, d, 1.5);
    }
    assert_int_equal(rig->gradients, 5);
    assert_in_range(rig->products, 5 * (2 + 2 * 5), 5 * (2 + 2 * 8)); /* CG on five unknowns */
    rig_free(rig);
}

/* optimistic=1: the direction at the end of a plain step. */
static void test_cgo_optimistic(void **state) {
    (void)state;
    rig_t *plain = game_new("cgo", "lr=0.25", "quadgame", 1),
          *rig = game_new("cgo", "lr=0.25,optimistic=1", "quadgame", 1);
    double from[GAME_D], d[GAME_D];
    memcpy(from, rig_read(rig), sizeof from);
    CHECK_OK(rig_step(plain));
    CHECK_OK(rig_step(rig));
    for (size_t i = 0; i < GAME_D; ++i)
        d[i] = (from[i] - rig_read(rig)[i]) / 0.25;
    check_direction(rig, rig_read(plain), d, 1);
    assert_int_equal(rig->gradients, 2);
    rig_free(plain);
    rig_free(rig);
}

/* ---- Abandoned steps under options that the conformance suite leaves at their defaults ---- */

typedef struct setting {
    const char *algorithm, *options;
} setting_t;

static const setting_t SETTINGS[] = {
    {"extragradient", "reg=0.3"},
    {"extra_adam", "amsgrad=1,weight_decay=0.1"},
    {"anchored_gradient", "scheme=vr,lr=0.05"},
    {"cgo", "optimistic=1"},
    {"complex_momentum", "alternating=1"},
    {"complex_adam", "alternating=1"},
};

static void test_cancel(void **state) {
    const setting_t *s = *state;
    rig_t *rig = game_new(s->algorithm, s->options, "quadgame", 1),
          *clean = game_new(s->algorithm, s->options, "quadgame", 1);
    for (int t = 0; t < STEPS; ++t) {
        CHECK_OK(rig_step(clean));
        const int evaluations = clean->evaluation;
        for (int stop = 2; stop <= evaluations; ++stop) {
            void *before = rig_snapshot(rig);
            rig->stop_at = stop;
            assert_true(rig_step(rig) > 0);
            CHECK_OK(optim_cancel(rig->opt));
            rig_check_snapshot(rig, before, "an abandoned step");
            free(before);
        }
        rig->stop_at = 0;
        CHECK_OK(rig_step(rig));
        rig_check_same(rig, clean, "after abandoned steps");
    }
    rig_free(rig);
    rig_free(clean);
}

/* ---- Memory: bytes of state a parameter in f64 ---- */

typedef struct need {
    const char *algorithm, *options;
    size_t vectors, within; /* kept, and within a step */
} need_t;

static const need_t NEEDS[] = {
    {"extragradient", "", 0, 1},
    {"extragradient", "reg=1", 1, 1},
    {"past_extragradient", "", 1, 0},
    {"reflected_gradient", "", 1, 0},
    {"optimistic_gd", "", 1, 0},
    {"extra_adam", "", 2, 2},
    {"optimistic_adam", "", 3, 0},
    {"optimistic_adam", "amsgrad=1", 4, 0},
    {"aog", "", 2, 0},
    {"anchored_gradient", "", 1, 1},
    {"anchored_gradient", "scheme=halpern", 1, 0},
    {"anchored_gradient", "scheme=vr", 3, 2},
    {"og_plus", "", 1, 0},
    {"og_plus", "dual=1", 3, 0},
    {"cgo", "", 0, 5},
    {"cgo", "optimistic=1", 0, 6},
    {"complex_momentum", "", 2, 0},
    {"complex_momentum", "alternating=1", 2, 2},
    {"complex_adam", "", 3, 0},
};

static void test_memory(void **state) {
    (void)state;
    enum { N = 1 << 20 };
    static const layout_t VECTOR = {"vector", 1, {{"v", 1, {N}}}};
    for (size_t i = 0; i < sizeof NEEDS / sizeof *NEEDS; ++i) {
        rig_t *rig = play_new(NEEDS[i].algorithm, NEEDS[i].options, &VECTOR);
        size_t kept, scratch;
        CHECK_OK(optim_memory(rig->opt, &kept, &scratch));
        if (kept / (8 * N) != NEEDS[i].vectors || scratch / (8 * N) < NEEDS[i].within ||
            scratch / (8 * N) > NEEDS[i].within + 2)
            fail_msg("%s %s keeps %zu vectors, and %zu within a step", NEEDS[i].algorithm, NEEDS[i].options,
                     kept / (8 * N), scratch / (8 * N));
        rig_free(rig);
    }
}

int main(void) {
    enum { PAIR_ROWS = sizeof PAIRS / sizeof *PAIRS, ROWS = PAIR_ROWS + sizeof SETTINGS / sizeof *SETTINGS };
    const struct CMUnitTest fixed[] = {
        cmocka_unit_test(test_popov),
        cmocka_unit_test(test_multiplicative_weights),
        cmocka_unit_test(test_adaptive_rates),
        cmocka_unit_test(test_negative_momentum),
        cmocka_unit_test(test_variance_reduction),
        cmocka_unit_test(test_extra_adam),
        cmocka_unit_test(test_optimistic_adam),
        cmocka_unit_test(test_complex_adam_rate),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_cgo_direction),
        cmocka_unit_test(test_cgo_optimistic),
        cmocka_unit_test(test_memory),
    };
    struct CMUnitTest tests[ROWS + sizeof fixed / sizeof *fixed];
    for (size_t i = 0; i < PAIR_ROWS; ++i)
        tests[i] = (struct CMUnitTest){PAIRS[i].algorithm, test_pair, NULL, NULL, (void *)(uintptr_t)&PAIRS[i]};
    for (size_t i = PAIR_ROWS; i < ROWS; ++i) {
        const setting_t *s = &SETTINGS[i - PAIR_ROWS];
        tests[i] = (struct CMUnitTest){s->algorithm, test_cancel, NULL, NULL, (void *)(uintptr_t)s};
    }
    memcpy(tests + ROWS, fixed, sizeof fixed);
    return _cmocka_run_group_tests("game relations", tests, sizeof tests / sizeof *tests, NULL, NULL);
}
