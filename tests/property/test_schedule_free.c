/* What schedulefree_sgd and schedulefree_adamw are held to. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "noisy.h"

/* ---- Towards momentum 0 the gradient is taken at z: plain SGD with the mean of its iterates ---- */

static void test_mean_of_sgd(void **state) {
    (void)state;
    rig_t *rig = on_quadratic("schedulefree_sgd", "lr=0.1,momentum=1e-300"), *sgd = on_quadratic("sgd", "lr=0.1");
    CHECK_OK(optim_wrap(sgd->opt, "poly_avg", "gamma=0"));
    for (int step = 0; step < 50; ++step) {
        double output[D], mean[D];
        CHECK_OK(rig_step(rig));
        CHECK_OK(rig_step(sgd));
        rig_check_near(rig, sgd, 1e-13, "schedulefree_sgd with momentum 0");
        CHECK_OK(optim_output(rig->opt, 0, output));
        CHECK_OK(optim_output(sgd->opt, 0, mean));
        check_all_close(output, mean, D, 1e-13);
    }
    rig_free(rig);
    rig_free(sgd);
}

/* Weights t^r lr_max^power under a warmup: the share of the last z in the output. */
static void test_weights(void **state) {
    (void)state;
    rig_t *rig = play_vector("schedulefree_sgd", "lr=0.5,warmup_steps=4,r=2,weight_lr_power=1", "quadratic", 1, 0);
    double z = 0, x = 0, total = 0;
    for (int t = 1; t <= 12; ++t) {
        const double loss = 0, gradient = sin(t), lr = 0.5 * fmin(1, t / 4.0), w = t * t * lr;
        replay_t given = {1, 0, &loss, &gradient};
        double output;
        rig->replay = &given;
        CHECK_OK(rig_step(rig));
        total += w;
        z -= lr * gradient;
        x += w / total * (z - x);
        CHECK_OK(optim_output(rig->opt, 0, &output));
        CHECK_CLOSE(output, x, 1e-14);
        CHECK_CLOSE(rig_read(rig)[0], 0.9 * x + 0.1 * z, 1e-14);
    }
    rig_free(rig);
}

static size_t state_of(const char *algorithm, const char *options) {
    double x[1000], g[1000];
    optim_t *opt;
    size_t bytes;
    CHECK_OK(optim_create(&opt, algorithm, options));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (int64_t[]){1000}, x, g));
    CHECK_OK(optim_memory(opt, &bytes, NULL));
    optim_destroy(opt);
    return bytes;
}

/* x found from y and z: the memory of SGD with momentum and of AdamW, the same points to rounding, momentum scheduled too. */
static void test_without_x(void **state) {
    (void)state;
    static const char *const METHODS[][3] = {{"schedulefree_sgd", "lr=0.1", "momentum"},
                                             {"schedulefree_adamw", "lr=0.02,weight_decay=0.1", "beta1"},
                                             {"schedulefree_adamw", "lr=0.02,inner_momentum=0.5", "beta1"}};
    const size_t numbers = 64; /* room for the numbers of a group */
    CHECK_AT_MOST((double)state_of("schedulefree_sgd", "keep_x=0"),
                  (double)(state_of("sgd", "momentum=0.9") + numbers));
    CHECK_AT_MOST((double)state_of("schedulefree_adamw", "keep_x=0"), (double)(state_of("adamw", NULL) + numbers));
    for (int k = 0; k < 3; ++k) {
        char *without = check_text("%s,keep_x=0", METHODS[k][1]);
        rig_t *rig = on_quadratic(METHODS[k][0], without), *kept = on_quadratic(METHODS[k][0], METHODS[k][1]);
        CHECK_OK(optim_set_schedule(rig->opt, 0, METHODS[k][2], "linear", "start_factor=0.5,steps=30"));
        CHECK_OK(optim_set_schedule(kept->opt, 0, METHODS[k][2], "linear", "start_factor=0.5,steps=30"));
        double output[D], want[D];
        for (int step = 0; step < 60; ++step) {
            CHECK_OK(optim_output(rig->opt, 0, output));
            CHECK_OK(optim_output(kept->opt, 0, want));
            check_all_close(output, want, D, 1e-12);
            CHECK_OK(rig_step(rig));
            CHECK_OK(rig_step(kept));
            rig_check_near(rig, kept, 1e-12, "without x");
        }
        assert_true(fabs(want[0] - rig_read(kept)[0]) > 1e-6); /* y is another point */
        free(without);
        rig_free(rig);
        rig_free(kept);
    }
}

/* lr_max and W belong to groups: two of them are two handles; lr = 0 leaves every bit where it was. */
static void test_groups_are_apart(void **state) {
    (void)state;
    static const layout_t PAIR = {"pair", 2, {{"first", 1, {11}}, {"second", 1, {5}}}};
    static const layout_t FIRST = {"first", 1, {{"first", 1, {11}}}};
    static const char *const METHODS[] = {"schedulefree_sgd", "schedulefree_adamw"};
    for (int k = 0; k < 2; ++k) {
        rig_t *pair = rig_new(&PAIR, OPTIM_F64, OPTIM_F64, 0), *alone = play_new(METHODS[k], "lr=0.05", &FIRST);
        optim_t *opt;
        CHECK_OK(optim_create(&opt, METHODS[k], "lr=0.05"));
        CHECK_OK(optim_add_group(opt, "lr=0", NULL));
        pair->tensor[1].group = 1;
        pair->oracle = alone->oracle = oracle_find("quadratic");
        CHECK_OK(rig_lend(pair, opt));
        rig_write(alone, rig_read(pair));
        double second[5];
        memcpy(second, pair->tensor[1].data, sizeof second);
        CHECK_OK(rig_steps(pair, 20));
        CHECK_OK(rig_steps(alone, 20));
        assert_memory_equal(pair->tensor[0].data, alone->tensor[0].data, 11 * sizeof(double));
        assert_memory_equal(pair->tensor[1].data, second, sizeof second);
        rig_free(pair);
        rig_free(alone);
    }
}

/* ---- Convex and Lipschitz: f(x_T) - f* <= D G / sqrt(T) for any momentum ---- */

enum { CORNERS = 10 };
static double corner(size_t i) {
    return 1 + 0.1 * (double)i;
}
static double tent(size_t d, size_t m, const double *x) {
    (void)m;
    double sum = 0;
    for (size_t i = 0; i < d; ++i)
        sum += fabs(x[i] - corner(i));
    return sum;
}
static void tent_slope(size_t d, size_t m, const double *x, double *g) {
    (void)m;
    for (size_t i = 0; i < d; ++i)
        g[i] = x[i] > corner(i) ? 1 : -1;
}

static void test_rate_for_any_momentum(void **state) {
    (void)state;
    static const oracle_t TENT = {"tent", tent, tent_slope, NULL};
    static const char *const MOMENTA[] = {"1e-9", "0.3", "0.9", "0.99"};
    static const int HORIZONS[] = {50, 500, 5000};
    double start[CORNERS], distance;
    for (size_t i = 0; i < CORNERS; ++i)
        start[i] = corner(i);
    distance = euclidean_norm(start, CORNERS);
    for (int k = 0; k < 4; ++k)
        for (int h = 0; h < 3; ++h) {
            const double bound = distance * sqrt(CORNERS / (double)HORIZONS[h]);
            char *options = check_text("momentum=%s,lr=%.17g", MOMENTA[k], bound / CORNERS);
            rig_t *rig = play_vector("schedulefree_sgd", options, "quadratic", CORNERS, 0);
            rig->oracle = &TENT;
            CHECK_OK(rig_steps(rig, HORIZONS[h]));
            CHECK_AT_MOST(output_value(rig), bound);
            free(options);
            rig_free(rig);
        }
}

/* ---- With noise: one run is as good at every stop as a cosine schedule tuned for that stop ---- */

static double no_loss(size_t d, size_t m, const double *x) {
    (void)d, (void)m, (void)x;
    return 0;
}
static void noisy_slope(size_t d, size_t m, const double *x, double *g) {
    (void)m;
    for (size_t i = 0; i < d; ++i)
        g[i] = quadratic_slope(x, i) + standard_normal(present_sample, i);
}
static const oracle_t NOISY = {"noisy", no_loss, noisy_slope, NULL};

static void run_until(rig_t *rig, int *step, int stop, uint64_t seed) {
    rig->oracle = &NOISY;
    for (; *step < stop; ++*step) {
        present_sample = seed * 100000 + (uint64_t)*step + 1;
        CHECK_OK(rig_step(rig));
    }
}

static double excess(const double *x) {
    double sum = 0;
    for (size_t i = 0; i < D; ++i)
        sum += 0.5 * quadratic_slope(x, i) * (x[i] - quadratic_minimum(i));
    return sum;
}

enum { SEEDS = 8, STOPS = 3 };
static const int STOP[STOPS] = {100, 400, 1600};

static double best_cosine(const char *method, int stop) {
    double best = HUGE_VAL;
    for (double lr = 1e-3; lr < 1; lr *= 2) {
        double sum = 0;
        for (uint64_t seed = 0; seed < SEEDS; ++seed) {
            char *options = check_text("lr=%.17g", lr), *schedule = check_text("warmup=0,steps=%d", stop);
            rig_t *rig = on_quadratic(method, options);
            int step = 0;
            CHECK_OK(optim_set_schedule(rig->opt, -1, "lr", "warmup_cosine", schedule));
            run_until(rig, &step, stop, seed);
            sum += excess(rig_read(rig));
            free(options);
            free(schedule);
            rig_free(rig);
        }
        best = fmin(best, sum / SEEDS);
    }
    return best;
}

static void check_every_stop(const char *method, const char *options, const char *other, double factor) {
    double sum[STOPS] = {0}, output[D];
    for (uint64_t seed = 0; seed < SEEDS; ++seed) {
        rig_t *rig = on_quadratic(method, options);
        int step = 0;
        for (int k = 0; k < STOPS; ++k) {
            run_until(rig, &step, STOP[k], seed);
            CHECK_OK(optim_output(rig->opt, 0, output));
            sum[k] += excess(output) / SEEDS;
        }
        rig_free(rig);
    }
    for (int k = 0; k < STOPS; ++k) {
        const double best = best_cosine(other, STOP[k]);
        if (!(sum[k] <= factor * best))
            fail_msg("%s after %d steps: %.3g, the best cosine schedule %.3g", method, STOP[k], sum[k], best);
    }
}

static void test_every_stop(void **state) {
    (void)state;
    check_every_stop("schedulefree_sgd", "lr=0.1,momentum=0.5", "sgd", 1);
    check_every_stop("schedulefree_adamw", "lr=0.1,beta1=0.5", "adamw", 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mean_of_sgd),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_without_x),
        cmocka_unit_test(test_groups_are_apart),
        cmocka_unit_test(test_rate_for_any_momentum),
        cmocka_unit_test(test_every_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
