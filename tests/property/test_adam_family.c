/*
 * What the papers of Adam's relatives promise, method by method. Equalities between methods are in test_relations.c; the
 * tables of motion under a constant gradient and of values reached are in figures.c.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "play.h"

/* ---- A vector that starts at 0 and is given one gradient after the other ---- */

enum { ELEMENTS = 12 };

typedef struct walk {
    optim_t *opt;
    size_t n;
    double p[ELEMENTS], g[ELEMENTS];
    double moved[ELEMENTS]; /* by the last step */
} walk_t;

static walk_t *walk_new(const char *algorithm, const char *options, size_t n) {
    walk_t *w = check_memory(1, sizeof *w);
    const int64_t count = (int64_t)n;
    w->n = n;
    CHECK_OK(optim_create(&w->opt, algorithm, options));
    CHECK_OK(optim_add_param(w->opt, 0, "p", OPTIM_F64, 1, &count, w->p, w->g));
    return w;
}

static void walk_step(walk_t *w, const double *g) {
    double before[ELEMENTS];
    memcpy(before, w->p, sizeof before);
    memcpy(w->g, g, w->n * sizeof *g);
    CHECK_OK(optim_step(w->opt));
    for (size_t i = 0; i < w->n; ++i)
        w->moved[i] = w->p[i] - before[i];
}

static void walk_constant(walk_t *w, double g, int steps) {
    double all[ELEMENTS];
    for (size_t i = 0; i < w->n; ++i)
        all[i] = g;
    for (int step = 0; step < steps; ++step)
        walk_step(w, all);
}

static void walk_free(walk_t *w) {
    optim_destroy(w->opt);
    free(w);
}

/* ---- Convergence: x on [-1, 1], best at -1 ---- */

/* The gradient `rare` once in `period` steps, `common` otherwise: x after so many. */
static double play_cycle(const char *algorithm, const char *options, int period, double rare, double common, int steps,
                         double lr, bool by_root) {
    double x = 0, g = 0, lower = -1, upper = 1;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, algorithm, options));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &x, &g));
    CHECK_OK(optim_set_bounds(opt, 0, &lower, &upper));
    CHECK_OK(optim_set(opt, 0, "lr", lr));
    for (int t = 1; t <= steps; ++t) {
        if (by_root)
            CHECK_OK(optim_set(opt, 0, "lr", lr / sqrt(t)));
        g = t % period == 1 ? rare : common;
        CHECK_OK(optim_step(opt));
    }
    optim_destroy(opt);
    return x;
}

/* Reddi, Kale, Kumar 2018: where Adam forgets the rare large gradient that points the right way. */
static void test_short_cycle(void **state) {
    (void)state;
    static const int STEPS[] = {300, 3000, 30000};
    static const double AMSGRAD[] = {-0.9851, -0.9953, -0.9985};
    const char *options = "beta1=0,beta2=0.058823529411764705,eps=0,bias_correction=0";
    for (int k = 0; k < 3; ++k) {
        CHECK_CLOSE(play_cycle("adam", options, 3, 4, -1, STEPS[k], 0.5, true), 1, 1e-4);
        CHECK_CLOSE(play_cycle("amsgrad", options, 3, 4, -1, STEPS[k], 0.5, true), AMSGRAD[k], 1e-4);
    }
}

static void test_long_cycle(void **state) {
    (void)state;
    enum { STEPS = 101000 };
    const char *options = "beta1=0.9,beta2=0.99";
    CHECK_CLOSE(play_cycle("adam", options, 101, 1010, -10, STEPS, 0.01, false), 1, 5e-3);
    CHECK_CLOSE(play_cycle("amsgrad", options, 101, 1010, -10, STEPS, 0.01, false), -0.797, 5e-4);
    CHECK_CLOSE(play_cycle("adamnc", "beta1=0.9,sqrt_decay=0", 101, 1010, -10, STEPS, 0.01, false), -0.815, 5e-4);
    CHECK_CLOSE(play_cycle("yogi", options, 101, 1010, -10, STEPS, 0.1, false), -0.93, 5e-3);
}

/* A number in [0, 1) for each k. */
static double uniform(uint64_t k) {
    uint64_t z = (k + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

/* Taniguchi et al. 2024: 100 with probability 1/10, else -10. The mean over as many runs as there are elements. */
static double play_rare(const char *algorithm, const char *options) {
    enum { RUNS = 96, STEPS = 20000, K = 10 };
    static const int64_t COUNT = RUNS;
    double x[RUNS] = {0}, g[RUNS], lower[RUNS], upper[RUNS], mean = 0;
    optim_t *opt;
    for (int i = 0; i < RUNS; ++i) {
        lower[i] = -1;
        upper[i] = 1;
    }
    CHECK_OK(optim_create(&opt, algorithm, options));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, &COUNT, x, g));
    CHECK_OK(optim_set_bounds(opt, 0, lower, upper));
    for (int t = 1; t <= STEPS; ++t) {
        CHECK_OK(optim_set(opt, 0, "lr", 0.01 / sqrt(1 + 0.01 * t)));
        for (int i = 0; i < RUNS; ++i)
            g[i] = uniform((uint64_t)(t * RUNS + i)) < 1.0 / K ? K * K : -K;
        CHECK_OK(optim_step(opt));
    }
    optim_destroy(opt);
    for (int i = 0; i < RUNS; ++i)
        mean += x[i] / RUNS;
    return mean;
}

/* ADOPT finds its way for every beta2. The means are those of 600 runs of the algorithm written down independently; single
 * runs scatter by 0.1 to 0.25. */
static void test_any_beta2(void **state) {
    (void)state;
    static const double BETA2[] = {0.1, 0.5, 0.9, 0.99, 0.999}, ADOPT[] = {-0.962, -0.953, -0.870, -0.800, -0.814};
    for (int k = 0; k < 5; ++k) {
        char *options = check_text("beta2=%g", BETA2[k]), *unclipped = check_text("clip=0,beta2=%g", BETA2[k]);
        CHECK_CLOSE(play_rare("adopt", unclipped), ADOPT[k], 0.06);
        if (BETA2[k] <= 0.9)
            CHECK_AT_MOST(0.95, play_rare("adam", options));
        free(options);
        free(unclipped);
    }
}

/* ---- The rectifier: steps are r times those without it, once it is tractable ---- */

static void test_rectifier(void **state) {
    (void)state;
    static const char *const PAIRS[][4] = {
        {"radam", "lr=1,eps=0", "adam", "lr=1,eps=0"},
        {"adabelief", "lr=1,eps=1e-30,rectify=1", "adabelief", "lr=1,eps=1e-30,rectify=0"},
        {"adamomentum", "lr=1,eps=1e-30,rectify=1", "adamomentum", "lr=1,eps=1e-30,rectify=0"},
    };
    static const int STEPS[] = {6, 10, 100, 1000};
    static const double R[] = {0.0258211128, 0.0489980134, 0.2153354365, 0.6453256524};
    replay_t *noise = noise_new(1000, ELEMENTS);
    for (size_t k = 0; k < sizeof PAIRS / sizeof *PAIRS; ++k) {
        walk_t *with = walk_new(PAIRS[k][0], PAIRS[k][1], ELEMENTS),
               *without = walk_new(PAIRS[k][2], PAIRS[k][3], ELEMENTS);
        for (int t = 1, next = 0; t <= 1000; ++t) {
            walk_step(with, noise->gradient + (t - 1) * ELEMENTS);
            walk_step(without, noise->gradient + (t - 1) * ELEMENTS);
            if (t != STEPS[next])
                continue;
            for (size_t i = 0; i < ELEMENTS; ++i)
                CHECK_CLOSE(with->moved[i], R[next] * without->moved[i], 5e-10);
            ++next;
        }
        walk_free(with);
        walk_free(without);
    }
    replay_free(noise);
}

static void test_rectifier_tends_to_one(void **state) {
    (void)state;
    walk_t *w = walk_new("radam", "lr=1,eps=0", 1);
    walk_constant(w, 2, 20000);
    CHECK_CLOSE(w->moved[0], -1, 1e-3);
    walk_free(w);
}

/* Before: gradient steps with momentum, or none at all, not even decay. */
static void test_rectifier_waits(void **state) {
    (void)state;
    static const char *const METHODS[] = {"radam", "adabelief", "adamomentum"};
    for (int k = 0; k < 3; ++k) {
        char *options = check_text("lr=0.01%s", k == 2 ? ",rectify=1" : "");
        walk_t *w = walk_new(METHODS[k], options, 1);
        for (int t = 1; t <= 5; ++t) {
            walk_constant(w, 3, 1);
            CHECK_CLOSE(w->moved[0], -0.01 * 3, 1e-15);
        }
        walk_free(w);
        free(options);
    }
    walk_t *w = walk_new("radam", "degenerated_to_sgd=0,decoupled=1,weight_decay=0.5", 1);
    w->p[0] = 1;
    walk_constant(w, 3, 5);
    assert_true(w->p[0] == 1);
    walk_constant(w, 3, 1);
    assert_true(w->p[0] < 1 - 1e-3 * 0.5);
    walk_free(w);
}

/* ---- Single methods ---- */

/* The second moment, seen through steps of lr g / sqrt(v), changes by (1 - beta2) g^2, or not at all where it is g^2. */
static void test_yogi_is_additive(void **state) {
    (void)state;
    enum { STEPS = 300 };
    walk_t *w = walk_new("yogi", "lr=1,beta1=0,beta2=0.9,eps=0,bias_correction=0,initial_accumulator=0.25", ELEMENTS);
    replay_t *noise = noise_new(STEPS, ELEMENTS);
    double v[ELEMENTS];
    for (size_t i = 0; i < ELEMENTS; ++i)
        v[i] = 0.25;
    for (size_t t = 0; t < STEPS; ++t) {
        const double *g = noise->gradient + t * ELEMENTS;
        for (size_t i = 0; i < ELEMENTS; ++i)
            w->p[i] = 0;
        walk_step(w, g);
        for (size_t i = 0; i < ELEMENTS; ++i) {
            if (g[i] == 0)
                continue;
            const double now = pow(g[i] / w->moved[i], 2);
            CHECK_CLOSE(fabs(now - v[i]) / (g[i] * g[i]), 0.1, 1e-6 + 1e-12 * now / (g[i] * g[i]));
            v[i] = now;
        }
    }
    replay_free(noise);
    walk_free(w);
    w = walk_new("yogi", "lr=1,beta1=0,eps=0,bias_correction=0,initial_accumulator=4", 1);
    walk_constant(w, 2, 10);
    assert_true(w->p[0] == -10);
    walk_free(w);
}

/* |eta / f - 1| <= 1 / (gamma t), f = final_lr lr / lr_0, with the base rate and not the first one in lr_0. */
static void run_band(const char *algorithm, double gamma, bool scheduled) {
    enum { STEPS = 400 };
    char *options = check_text("lr=0.02,final_lr=0.01,gamma=%g", gamma);
    walk_t *w = walk_new(algorithm, options, ELEMENTS);
    replay_t *noise = noise_new(STEPS, ELEMENTS);
    double m[ELEMENTS] = {0}, lr;
    int below = 0, above = 0;
    if (scheduled)
        CHECK_OK(optim_set_schedule(w->opt, 0, "lr", "linear", "start_factor=0.1,steps=100"));
    for (int t = 1; t <= STEPS; ++t) {
        const double *g = noise->gradient + (t - 1) * ELEMENTS;
        CHECK_OK(optim_get(w->opt, 0, "lr", &lr));
        const double f = 0.01 * lr / 0.02, band = f / (gamma * t);
        walk_step(w, g);
        for (size_t i = 0; i < ELEMENTS; ++i) {
            m[i] = 0.9 * m[i] + 0.1 * g[i];
            CHECK_AT_MOST(fabs(w->moved[i] + f * m[i]), band * fabs(m[i]) + 1e-13);
            below += fabs(w->moved[i]) < f * fabs(m[i]);
            above += fabs(w->moved[i]) > f * fabs(m[i]);
        }
    }
    assert_true(below > 100 && above > 100);
    replay_free(noise);
    walk_free(w);
    free(options);
}

static void test_adabound_band(void **state) {
    (void)state;
    run_band("adabound", 0.05, false);
    run_band("adabound", 0.9, false);
    run_band("adabound", 0.05, true);
    run_band("amsbound", 0.05, true);
}

static void test_adabound_stops_with_lr(void **state) {
    (void)state;
    walk_t *w = walk_new("adabound", "", ELEMENTS);
    CHECK_OK(optim_set_schedule(w->opt, 0, "lr", "linear", "start_factor=1,end_factor=0,steps=10"));
    walk_constant(w, 2, 10);
    assert_true(w->moved[0] != 0);
    walk_constant(w, 2, 5);
    assert_true(w->moved[0] == 0);
    walk_free(w);
}

/* A smaller lr acts at once, a larger one only as the average of the rates follows. */
static void test_adamod_lags(void **state) {
    (void)state;
    walk_t *w = walk_new("adamod", "lr=1e-3,eps=0", 1);
    walk_constant(w, 2, 20000);
    CHECK_CLOSE(w->moved[0] / -1e-3, 1, 1e-6);
    CHECK_OK(optim_set(w->opt, 0, "lr", 1e-4));
    walk_constant(w, 2, 1);
    CHECK_CLOSE(w->moved[0] / -1e-4, 1, 1e-6);
    CHECK_OK(optim_set(w->opt, 0, "lr", 1e-2));
    walk_constant(w, 2, 1);
    CHECK_CLOSE(w->moved[0] / -1e-3, 0.999 * (0.999 + 0.0001) + 0.001 * 10, 1e-6);
    walk_free(w);
}

static void test_adabelief_first_step(void **state) {
    (void)state;
    static const double G[] = {1e-3, 0.5, -2};
    static const double EPS[] = {1e-16, 1e-4};
    for (int e = 0; e < 2; ++e)
        for (int k = 0; k < 3; ++k) {
            char *options = check_text("rectify=0,eps=%g", EPS[e]);
            walk_t *w = walk_new("adabelief", options, 1);
            walk_constant(w, G[k], 1);
            const double root = sqrt(0.81 * G[k] * G[k] + EPS[e] / (1 - 0.999));
            CHECK_CLOSE(w->moved[0] / (-1e-3 * G[k] / (root + EPS[e])), 1, 1e-10);
            walk_free(w);
            free(options);
        }
}

/* eps piles up in the state: with steady gradients what is left there is eps / (1 - beta2). */
static void test_adabelief_keeps_eps(void **state) {
    (void)state;
    walk_t *w = walk_new("adabelief", "lr=0.01,rectify=0,beta2=0.9,eps=1e-4", 1);
    walk_constant(w, 2, 500);
    CHECK_CLOSE(w->moved[0] / (-0.01 * 2 / (sqrt(1e-3) + 1e-4)), 1, 1e-9);
    walk_free(w);
}

static void test_adopt_first_step(void **state) {
    (void)state;
    static const char *const OPTIONS[] = {"weight_decay=0.1,decoupled=1", "weight_decay=0.1", "clip=0"};
    for (int k = 0; k < 3; ++k) {
        walk_t *w = walk_new("adopt", OPTIONS[k], 1);
        w->p[0] = 1;
        walk_constant(w, 2, 1);
        assert_true(w->p[0] == 1);
        walk_constant(w, 2, 1);
        assert_true(w->p[0] < 1);
        walk_free(w);
    }
}

/* Adam's step times 1 / (1 + exp(-|change of the gradient|)), between 1/2 and 1. */
static void test_diffgrad_friction(void **state) {
    (void)state;
    enum { STEPS = 50 };
    walk_t *w = walk_new("diffgrad", "lr=1,eps=0", ELEMENTS), *adam = walk_new("adam", "lr=1,eps=0", ELEMENTS);
    replay_t *noise = noise_new(STEPS, ELEMENTS);
    double prev[ELEMENTS] = {0};
    for (size_t t = 0; t < STEPS; ++t) {
        const double *g = noise->gradient + t * ELEMENTS;
        walk_step(w, g);
        walk_step(adam, g);
        for (size_t i = 0; i < ELEMENTS; ++i) {
            CHECK_CLOSE(w->moved[i], adam->moved[i] / (1 + exp(-fabs(g[i] - prev[i]))), 1e-13);
            prev[i] = g[i];
        }
    }
    replay_free(noise);
    walk_free(w);
    walk_free(adam);
}

static void test_adan_on_steady_gradients(void **state) {
    (void)state;
    walk_t *w = walk_new("adan", "beta1=0.9,beta3=0.999", 1), *adam = walk_new("adam", "", 1);
    walk_constant(w, 2, 50);
    walk_constant(adam, 2, 50);
    assert_true(w->p[0] == adam->p[0]);
    walk_free(w);
    walk_free(adam);
}

/* Without the fast average there is no state for it. */
static void test_ademamix_memory(void **state) {
    (void)state;
    static const char *const OPTIONS[] = {"beta1=0", "beta1=0.9"};
    size_t bytes[2];
    for (int k = 0; k < 2; ++k) {
        walk_t *w = walk_new("ademamix", OPTIONS[k], 8);
        CHECK_OK(optim_memory(w->opt, &bytes[k], NULL));
        walk_free(w);
    }
    assert_int_equal(bytes[1] - bytes[0], 8 * sizeof(double));
}

/* With the power at zero what is left is momentum. */
static void test_padam_is_sgd_in_the_end(void **state) {
    (void)state;
    enum { STEPS = 60 };
    walk_t *w = walk_new("padam", "lr=0.1,beta2=0,partial=1e-14", ELEMENTS);
    replay_t *noise = noise_new(STEPS, ELEMENTS);
    double m[ELEMENTS] = {0};
    for (int t = 1; t <= STEPS; ++t) {
        walk_step(w, noise->gradient + (t - 1) * ELEMENTS);
        for (size_t i = 0; i < ELEMENTS; ++i) {
            m[i] = 0.9 * m[i] + 0.1 * noise->gradient[(size_t)(t - 1) * ELEMENTS + i];
            CHECK_CLOSE(w->moved[i], -0.1 * m[i] / (1 - pow(0.9, t)), 1e-12);
        }
    }
    replay_free(noise);
    walk_free(w);
}

/* Steady gradients: the ratio is lr / g from the start, so SGD follows after two steps, at that rate and with lr. */
static void test_swats_switches(void **state) {
    (void)state;
    walk_t *w = walk_new("swats", "lr=1e-3", 1);
    for (int t = 1; t <= 2; ++t) {
        walk_constant(w, 2, 1);
        CHECK_CLOSE(w->moved[0] / -1e-3, 1, 1e-7);
    }
    for (int t = 1; t <= 40; ++t) {
        const double lr = t <= 20 ? 1e-3 : 3e-3;
        CHECK_OK(optim_set(w->opt, 0, "lr", lr));
        walk_constant(w, 2, 1);
        CHECK_CLOSE(w->moved[0] / -lr, 1 - pow(0.9, t), 1e-7);
    }
    walk_free(w);
}

/* ---- What runs over all tensors, and what over those of a group ---- */

/* Two vectors, 5 and 7 long, the second with gradients a hundred times as large, in one group or two. */
static void play_pair(const char *algorithm, const char *options, bool two_groups, double p[ELEMENTS]) {
    enum { STEPS = 30, FIRST = 5 };
    double g[ELEMENTS];
    optim_t *opt;
    replay_t *noise = noise_new(STEPS, ELEMENTS);
    int group = 0;
    memset(p, 0, ELEMENTS * sizeof *p);
    CHECK_OK(optim_create(&opt, algorithm, options));
    if (two_groups)
        CHECK_OK(optim_add_group(opt, NULL, &group));
    CHECK_OK(optim_add_param(opt, 0, "a", OPTIM_F64, 1, (int64_t[]){FIRST}, p, g));
    CHECK_OK(optim_add_param(opt, group, "b", OPTIM_F64, 1, (int64_t[]){ELEMENTS - FIRST}, p + FIRST, g + FIRST));
    for (size_t t = 0; t < STEPS; ++t) {
        memcpy(g, noise->gradient + t * ELEMENTS, sizeof g);
        for (size_t i = FIRST; i < ELEMENTS; ++i)
            g[i] *= 100;
        CHECK_OK(optim_step(opt));
    }
    replay_free(noise);
    optim_destroy(opt);
}

static void test_swats_switches_once_for_all(void **state) {
    (void)state;
    double one[ELEMENTS], two[ELEMENTS];
    play_pair("swats", "switch_tol=1", false, one);
    play_pair("swats", "switch_tol=1", true, two);
    assert_memory_equal(one, two, sizeof one);
    play_pair("swats", "switch_tol=0", false, two);
    assert_memory_not_equal(one, two, sizeof one);
}

/* A group goes its way whatever the other one does. */
static void test_adai_by_group(void **state) {
    (void)state;
    double one[ELEMENTS], two[ELEMENTS], alone[ELEMENTS];
    play_pair("adai", "", false, one);
    play_pair("adai", "", true, two);
    assert_memory_not_equal(one, two, sizeof one);
    walk_t *w = walk_new("adai", "", 5);
    replay_t *noise = noise_new(30, ELEMENTS);
    for (size_t t = 0; t < 30; ++t)
        walk_step(w, noise->gradient + t * ELEMENTS);
    memcpy(alone, w->p, sizeof alone);
    assert_memory_equal(two, alone, 5 * sizeof *alone);
    replay_free(noise);
    walk_free(w);
}

/* Steps without any gradient decay the parameters and leave no other trace. */
static void test_adai_without_gradient(void **state) {
    (void)state;
    const double g[] = {1, -2, 0.5, 3};
    walk_t *w = walk_new("adai", "lr=0.1,weight_decay=0.5,decoupled=1", 4), *other = walk_new("adai", "lr=0.1", 4);
    for (int i = 0; i < 4; ++i)
        w->p[i] = 1;
    walk_constant(w, 0, 3);
    CHECK_CLOSE(w->p[0], pow(1 - 0.1 * 0.5, 3), 1e-15);
    CHECK_OK(optim_set(w->opt, 0, "weight_decay", 0));
    for (int t = 0; t < 10; ++t) {
        walk_step(w, g);
        walk_step(other, g);
        for (int i = 0; i < 4; ++i)
            CHECK_CLOSE(w->moved[i], other->moved[i], 1e-14);
    }
    walk_free(w);
    walk_free(other);
}

/* ---- All of them ---- */

/* eps = 0: a coordinate whose gradient has always been 0 stays where it is, and the others do not. */
static void test_zero_over_zero(void **state) {
    (void)state;
    static const char *const METHODS[][2] = {
        {"nadam", "eps=0"},    {"radam", "eps=0"},  {"amsgrad", "eps=0"},  {"adamnc", "eps=0"},
        {"adabound", "eps=0"}, {"adamod", "eps=0"}, {"amsbound", "eps=0"}, {"yogi", "eps=0,initial_accumulator=0"},
        {"diffgrad", "eps=0"}, {"adan", "eps=0"},   {"ademamix", "eps=0"}, {"qhadam", "eps=0"},
        {"padam", "eps=0"},    {"swats", "eps=0"},  {"adai", "eps=0"},     {"padam", "eps=0,partial=0.125,amsgrad=0"}};
    const double g[] = {0, 1, -2};
    for (size_t k = 0; k < sizeof METHODS / sizeof *METHODS; ++k) {
        walk_t *w = walk_new(METHODS[k][0], METHODS[k][1], 3);
        for (int t = 1; t <= 8; ++t) {
            walk_step(w, g);
            if (w->p[0] != 0 || !(w->moved[1] < 0) || !(w->moved[2] > 0))
                fail_msg("%s(%s), step %d: %g %g %g", METHODS[k][0], METHODS[k][1], t, w->moved[0], w->moved[1],
                         w->moved[2]);
        }
        walk_free(w);
    }
}

static void test_refused(void **state) {
    (void)state;
    static const char *const WRONG[][3] = {
        {"amsgrad", "bias_correction=1,beta1_decay=0.9", "beta1_decay"},
        {"radam", "degenerated_to_sgd=0,beta2=0.6", "beta2"},
        {"adabelief", "amsgrad=1", "rectify"},
        {"adabelief", "degenerated_to_sgd=0,beta2=0.6", "beta2"},
        {"adamomentum", "rectify=1,amsgrad=1", "rectify"},
        {"adamomentum", "rectify=1,degenerated_to_sgd=0,beta2=0.6", "beta2"},
        {"adabelief", "eps=0", "eps"},
        {"adamomentum", "eps=0", "eps"},
        {"adopt", "eps=0", "eps"},
        {"adabound", "lr=0", "lr"},
    };
    static const char *const RIGHT[][2] = {{"amsgrad", "bias_correction=1"},
                                           {"amsgrad", "beta1_decay=0.9"},
                                           {"radam", "beta2=0.6"},
                                           {"radam", "degenerated_to_sgd=0,beta2=0.67"},
                                           {"adabelief", "rectify=0,amsgrad=1"},
                                           {"adamomentum", "amsgrad=1"},
                                           {"adamomentum", "degenerated_to_sgd=0,beta2=0.6"}};
    optim_t *opt;
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; ++i)
        CHECK_REFUSED(optim_create(&opt, WRONG[i][0], WRONG[i][1]), OPTIM_ERR_VALUE, WRONG[i][2]);
    for (size_t i = 0; i < sizeof RIGHT / sizeof *RIGHT; ++i) {
        CHECK_OK(optim_create(&opt, RIGHT[i][0], RIGHT[i][1]));
        optim_destroy(opt);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_cycle),
        cmocka_unit_test(test_long_cycle),
        cmocka_unit_test(test_any_beta2),
        cmocka_unit_test(test_rectifier),
        cmocka_unit_test(test_rectifier_tends_to_one),
        cmocka_unit_test(test_rectifier_waits),
        cmocka_unit_test(test_yogi_is_additive),
        cmocka_unit_test(test_adabound_band),
        cmocka_unit_test(test_adabound_stops_with_lr),
        cmocka_unit_test(test_adamod_lags),
        cmocka_unit_test(test_adabelief_first_step),
        cmocka_unit_test(test_adabelief_keeps_eps),
        cmocka_unit_test(test_adopt_first_step),
        cmocka_unit_test(test_diffgrad_friction),
        cmocka_unit_test(test_adan_on_steady_gradients),
        cmocka_unit_test(test_ademamix_memory),
        cmocka_unit_test(test_padam_is_sgd_in_the_end),
        cmocka_unit_test(test_swats_switches),
        cmocka_unit_test(test_swats_switches_once_for_all),
        cmocka_unit_test(test_adai_by_group),
        cmocka_unit_test(test_adai_without_gradient),
        cmocka_unit_test(test_zero_over_zero),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("adam family", tests, NULL, NULL);
}
