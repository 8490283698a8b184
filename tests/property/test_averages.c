/* What the wrappers that act after the step are held to: averages and slow weights. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "play.h"

enum { D = 34, STEPS = 23 };

static rig_t *wrapped(const char *algorithm, const char *options, const char *wrapper, const char *wrapper_options) {
    rig_t *rig = play_vector(algorithm, options, "quadratic", D, 1);
    CHECK_OK(optim_wrap(rig->opt, wrapper, wrapper_options));
    return rig;
}

static void outer(rig_t *rig, const char *wrapper, const char *options) {
    CHECK_OK(optim_wrap(rig->opt, wrapper, options));
}

/* ---- Averages of the iterates, gathered here ---- */

/* The mean of x_t over t = first, first + period, ...; what the wrapper answers after every step. */
static void run_mean(const char *wrapper, const char *options, int first, int period) {
    rig_t *rig = wrapped("sgd", "lr=0.1,momentum=0.5", wrapper, options);
    double sum[D] = {0}, mean[D];
    int count = 0;
    for (int t = 1; t <= STEPS; ++t) {
        CHECK_OK(rig_step(rig));
        const double *x = rig_read(rig);
        const bool collected = t >= first && (t - first) % period == 0;
        count += collected;
        for (size_t i = 0; i < D; ++i) {
            sum[i] += collected ? x[i] : 0;
            mean[i] = count == 0 ? x[i] : sum[i] / count;
        }
        play_check_output(rig, mean, 1e-14);
    }
    rig_free(rig);
}

static void test_means(void **state) {
    (void)state;
    run_mean("swa", "", 1, 1); /* Polyak and Ruppert: x_0 is no part of it */
    run_mean("swa", "start=5,period=3", 8, 3);
    run_mean("swa", "start=100", 101, 1);
    run_mean("poly_avg", "gamma=0", 1, 1);
}

/* avg_t = sum of (1 - d) d^(t-k) x_k, divided by their sum with bias_correction, or with d^t x_0 beside them. */
static void run_ema(const char *options, double decay, bool debiased) {
    rig_t *rig = wrapped("sgd", "lr=0.1", "ema", options);
    double average[D], start[D], want[D];
    memcpy(start, rig_read(rig), sizeof start);
    play_check_output(rig, start, 0); /* before the first step: the parameters */
    for (size_t i = 0; i < D; ++i)
        average[i] = debiased ? 0 : start[i];
    for (int t = 1; t <= STEPS; ++t) {
        CHECK_OK(rig_step(rig));
        const double *x = rig_read(rig);
        for (size_t i = 0; i < D; ++i) {
            average[i] = decay * average[i] + (1 - decay) * x[i];
            want[i] = debiased ? average[i] / (1 - pow(decay, t)) : average[i];
        }
        play_check_output(rig, want, 1e-13);
        if (t == 1 && debiased)
            play_check_output(rig, x, 1e-14);
    }
    rig_free(rig);
}

static void test_ema(void **state) {
    (void)state;
    run_ema("decay=0.9", 0.9, false);
    run_ema("decay=0.97,bias_correction=1", 0.97, true);
    run_ema("decay=0", 0, false);
}

/* Averages are taken of parameters that are in their boxes. */
static void test_boxes(void **state) {
    (void)state;
    static const char *const WRAPPERS[][2] = {
        {"ema", "decay=0.5"}, {"swa", ""}, {"poly_avg", ""}, {"lookahead", "k=2"}, {"schedule_free", ""}};
    double lower[D], upper[D], output[D];
    for (size_t i = 0; i < D; ++i) {
        lower[i] = -0.125;
        upper[i] = 0.25;
    }
    for (size_t w = 0; w < sizeof WRAPPERS / sizeof *WRAPPERS; ++w) {
        rig_t *rig = wrapped("sgd", "lr=0.25", WRAPPERS[w][0], WRAPPERS[w][1]);
        rig_write(rig, upper);
        CHECK_OK(optim_set_bounds(rig->opt, 0, lower, upper));
        for (int t = 0; t < STEPS; ++t) {
            CHECK_OK(rig_step(rig));
            CHECK_OK(optim_output(rig->opt, 0, output));
            for (size_t i = 0; i < D; ++i)
                if (!(output[i] >= -0.125 - 1e-15 && output[i] <= 0.25 + 1e-15))
                    fail_msg("%s: output %zu is %.17g, outside the box", WRAPPERS[w][0], i, output[i]);
        }
        rig_free(rig);
    }
}

/* ---- Lookahead ---- */

/* p_t of the inner method pulled back half of the way: with k = 1 every step is half a step. */
static void test_lookahead_extremes(void **state) {
    (void)state;
    rig_t *plain = play_vector("adam", "lr=0.05", "quadratic", D, 1),
          *whole = wrapped("adam", "lr=0.05", "lookahead", "alpha=1,k=3,pullback=2");
    rig_t *half = wrapped("sgd", "lr=0.2", "lookahead", "alpha=0.5,k=1"),
          *shorter = play_vector("sgd", "lr=0.1", "quadratic", D, 1);
    rig_t *still = wrapped("sgd", "lr=0.1", "lookahead", "alpha=0,k=4");
    for (int t = 1; t <= 12; ++t) {
        CHECK_OK(rig_step(plain));
        CHECK_OK(rig_step(whole));
        rig_check_near(whole, plain, 1e-14, "lookahead with alpha=1");
        CHECK_OK(rig_step(half));
        CHECK_OK(rig_step(shorter));
        rig_check_near(half, shorter, 1e-14, "lookahead with k=1, alpha=1/2 over sgd");
        CHECK_OK(rig_step(still));
        for (size_t i = 0; i < D && t % 4 == 0; ++i)
            assert_true(rig_read(still)[i] == 1);
    }
    rig_free(plain);
    rig_free(whole);
    rig_free(half);
    rig_free(shorter);
    rig_free(still);
}

/* With alpha=1, pullback=1 every k steps all momentum is forgotten: as if the method were reset. */
static void test_lookahead_zeroes_every_moment(void **state) {
    (void)state;
    static const char *const METHODS[][2] = {{"sgd", "lr=0.02,momentum=0.9"},
                                             {"aggmo", "lr=0.01"},
                                             {"aggmo", "lr=0.01,num_betas=2,state_dtype=f32,state_min=0"},
                                             {"complex_momentum", "lr=0.02"},
                                             {"heavy_ball", "lr=0.02"}};
    for (size_t m = 0; m < sizeof METHODS / sizeof *METHODS; ++m) {
        rig_t *rig = wrapped(METHODS[m][0], METHODS[m][1], "lookahead", "alpha=1,pullback=1,k=4");
        rig_t *reset = play_vector(METHODS[m][0], METHODS[m][1], "quadratic", D, 1);
        for (int t = 1; t <= 12; ++t) {
            CHECK_OK(rig_step(rig));
            CHECK_OK(rig_step(reset));
            rig_check_near(rig, reset, 1e-14, METHODS[m][0]);
            if (t % 4 == 0)
                CHECK_OK(optim_reset(reset->opt));
        }
        rig_free(rig);
        rig_free(reset);
    }
}

/* aggmo by hand, three buffers, each pulled halfway to its own copy. */
static void test_lookahead_interpolates_every_moment(void **state) {
    (void)state;
    enum { BUFFERS = 3, K = 2 };
    const double alpha = 0.5, lr = 0.02;
    rig_t *rig = wrapped("aggmo", "lr=0.02", "lookahead", "alpha=0.5,k=2,pullback=2");
    double x[D], slow[D], v[BUFFERS][D] = {{0}}, slow_v[BUFFERS][D] = {{0}}, g[D];
    memcpy(x, rig_read(rig), sizeof x);
    memcpy(slow, x, sizeof slow);
    for (int t = 1; t <= STEPS; ++t) {
        rig->oracle->gradient(D, D, x, g);
        for (size_t i = 0; i < D; ++i) {
            for (int b = 0; b < BUFFERS; ++b) {
                v[b][i] = (1 - pow(0.1, b)) * v[b][i] + g[i];
                x[i] -= lr / BUFFERS * v[b][i];
            }
            if (t % K != 0)
                continue;
            x[i] = slow[i] += alpha * (x[i] - slow[i]);
            for (int b = 0; b < BUFFERS; ++b)
                v[b][i] = slow_v[b][i] = alpha * v[b][i] + (1 - alpha) * slow_v[b][i];
        }
        CHECK_OK(rig_step(rig));
        const double *got = rig_read(rig);
        for (size_t i = 0; i < D; ++i)
            CHECK_CLOSE(got[i], x[i], 1e-12);
    }
    rig_free(rig);
}

/* n for slow, and n more for each first moment with pullback=2 only; the option cannot change once memory is taken. */
static void test_lookahead_memory(void **state) {
    (void)state;
    static const layout_t VECTOR = {"vector", 1, {{"x", 1, {1024}}}};
    static const struct {
        const char *algorithm, *options;
        size_t copies;
    } ROWS[] = {{"sgd", "pullback=0", 1},   {"sgd", "pullback=1", 1},     {"sgd", "pullback=2", 2},
                {"aggmo", "pullback=2", 4}, {"adagrad", "pullback=2", 1}, {"complex_adam", "pullback=2", 3}};
    for (size_t r = 0; r < sizeof ROWS / sizeof *ROWS; ++r) {
        const char *options = strcmp(ROWS[r].algorithm, "sgd") == 0 ? "momentum=0.9" : "";
        rig_t *plain = play_new(ROWS[r].algorithm, options, &VECTOR),
              *rig = play_new(ROWS[r].algorithm, options, &VECTOR);
        size_t bytes, plain_bytes;
        outer(rig, "lookahead", ROWS[r].options);
        CHECK_OK(optim_memory(rig->opt, &bytes, NULL));
        CHECK_OK(optim_memory(plain->opt, &plain_bytes, NULL));
        assert_int_equal(bytes - plain_bytes, ROWS[r].copies * 1024 * sizeof(double));
        CHECK_OK(optim_step(rig->opt));
        CHECK_REFUSED(optim_set(rig->opt, 0, "pullback", ROWS[r].options[9] == '2' ? 0 : 2), OPTIM_ERR_ORDER,
                      "pullback");
        rig_free(rig);
        rig_free(plain);
    }
}

/* ---- Which of several answers ---- */

static void test_outermost_answers(void **state) {
    (void)state;
    rig_t *rig = wrapped("sgd", "lr=0.1", "lookahead", "k=100");
    double start[D];
    memcpy(start, rig_read(rig), sizeof start);
    outer(rig, "ema", "decay=0");
    CHECK_OK(rig_steps(rig, 3));
    play_check_output(rig, rig_read(rig), 1e-15); /* the average of the last step alone */
    rig_free(rig);
    rig = wrapped("sgd", "lr=0.1", "ema", "decay=0");
    outer(rig, "lookahead", "k=100");
    CHECK_OK(rig_steps(rig, 3));
    play_check_output(rig, start, 0); /* the slow weights have not moved yet */
    rig_free(rig);
    rig = wrapped("sgd", "lr=0.1", "lookahead", "k=3");
    outer(rig, "swa", "start=2,period=3");
    CHECK_OK(rig_steps(rig, 3));
    play_check_output(rig, rig_read(rig), 0); /* an average outside sees the pulled parameters */
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_means),
        cmocka_unit_test(test_ema),
        cmocka_unit_test(test_boxes),
        cmocka_unit_test(test_lookahead_extremes),
        cmocka_unit_test(test_lookahead_zeroes_every_moment),
        cmocka_unit_test(test_lookahead_interpolates_every_moment),
        cmocka_unit_test(test_lookahead_memory),
        cmocka_unit_test(test_outermost_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
