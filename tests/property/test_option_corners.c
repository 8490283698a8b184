/* Branches of single methods that few options lead to: values worked out by hand. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "play.h"

/* ---- A frozen tensor in front ---- */

enum { FROZEN = 5, LIVE = 12, STEPS = 6 };

/* f = |x - 1|^2 / 2, of the live tensor alone. */
static void evaluate(optim_t *opt, const double *x, double *g) {
    double loss = 0;
    for (size_t i = 0; i < LIVE; ++i) {
        g[i] = x[i] - 1;
        loss += g[i] * g[i] / 2;
    }
    CHECK_OK(optim_set_loss(opt, loss));
}

static void run(const char *algorithm, const char *options, bool with_frozen, double *x) {
    double frozen[FROZEN] = {7, 8, 9, 10, 11}, g[LIVE];
    const int64_t five[] = {FROZEN}, matrix[] = {3, 4};
    optim_t *opt;
    for (size_t i = 0; i < LIVE; ++i)
        x[i] = 0.25 + 0.125 * (double)i;
    CHECK_OK(optim_create(&opt, algorithm, options));
    if (with_frozen)
        CHECK_OK(optim_add_param(opt, 0, "f", OPTIM_F64, 1, five, frozen, NULL));
    CHECK_OK(optim_add_param(opt, 0, "w", OPTIM_F64, 2, matrix, x, g));
    for (int step = 0; step < STEPS; ++step) {
        optim_status status;
        evaluate(opt, x, g);
        while ((status = optim_step(opt)) > 0)
            evaluate(opt, x, g);
        CHECK_OK(status);
    }
    for (int i = 0; i < FROZEN; ++i)
        assert_true(frozen[i] == 7 + i);
    optim_destroy(opt);
}

static void frozen_tensors_have_no_part(void **state) {
    static const char *const CASES[][2] = {
        {"og_plus", "adaptive=1"},
        {"lion_k", "kappa=lp,kappa_p=3"},
        {"lion_k", "kappa=topk,kappa_frac=0.3"},
        {"novograd", ""},
        {"aepg", "metric=3"},
        {"dog", ""},
        {"ldog", ""},
        {"prodigy", ""},
        {"dadapt_adam", ""},
        {"dadapt_sgd", ""},
        {"momo", ""},
        {"lamb", ""},
        {"lars", ""},
        {"muon", ""},
        {"lbfgs", ""},
        {"opt_amsgrad", "prediction=none"},
        {"smb", ""},
        {"nsgdm", ""},
        {"cocob", ""},
        {"adagrad_norm", ""},
        {"clip_adagrad", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i) {
        double alone[LIVE], beside[LIVE];
        run(CASES[i][0], CASES[i][1], false, alone);
        run(CASES[i][0], CASES[i][1], true, beside);
        for (size_t k = 0; k < LIVE; ++k)
            if (alone[k] != beside[k])
                fail_msg("%s(%s): element %zu is %.17g, and %.17g beside a frozen tensor", CASES[i][0], CASES[i][1], k,
                         alone[k], beside[k]);
    }
}

/* ---- Given gradients on a short vector ---- */

/* Runs on `d` elements that begin at x; gradient k of step k. */
static void follow(const char *algorithm, const char *options, size_t d, int steps, const double *gradient, double *x) {
    const int64_t dims[] = {(int64_t)d};
    double g[4];
    optim_t *opt;
    CHECK_OK(optim_create(&opt, algorithm, options));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, d > 1, dims, x, g));
    for (int k = 0; k < steps; ++k) {
        optim_status status;
        memcpy(g, gradient + (size_t)k * d, d * sizeof *g);
        CHECK_OK(optim_set_loss(opt, 1));
        while ((status = optim_step(opt)) > 0)
            CHECK_OK(optim_set_loss(opt, 1));
        CHECK_OK(status);
    }
    optim_destroy(opt);
}

/* On the simplex a coordinate that has underflowed stays 0, and the only coordinate of a scalar stays 1. */
static void entropy_at_the_border(void **state) {
    static const double GRADIENT[] = {0, 1e6, 0, -1, 0, 0};
    double x[] = {0.5, 0.5}, one[] = {1};
    (void)state;
    follow("omd", "mirror=entropic,lr=1", 2, 3, GRADIENT, x);
    assert_true(x[0] == 1 && x[1] == 0);
    follow("omd", "mirror=entropic,lr=1", 1, 3, GRADIENT, one);
    assert_true(one[0] == 1);
}

/* With the metric of the simplex <x, v> / sum x has no value at x = 0: nothing moves there. */
static void aepg_at_zero(void **state) {
    static const double GRADIENT[] = {3, -2, 1, 5};
    double x[] = {0, 0};
    (void)state;
    follow("aepg", "metric=3", 2, 2, GRADIENT, x);
    assert_true(x[0] == 0 && x[1] == 0);
}

/* Gradients that cancel leave |s| = 0, and with it no estimate and no step. */
static void dadapt_sgd_without_direction(void **state) {
    static const double GRADIENT[] = {3, -4, -3, 4};
    double one[] = {1, 1}, two[] = {1, 1};
    (void)state;
    follow("dadapt_sgd", "growth_rate=1", 2, 1, GRADIENT, one);
    follow("dadapt_sgd", "growth_rate=1", 2, 2, GRADIENT, two);
    assert_true(one[0] != 1 && one[0] == two[0] && one[1] == two[1]);
}

/* A tensor of zeros has no length to scale the step by: the ratio is 1, and the first step of Adam is lr. */
static void lamb_from_zero(void **state) {
    static const double GRADIENT[] = {3, -4};
    double x[] = {0, 0};
    (void)state;
    follow("lamb", "lr=0.125,weight_decay=0,eps=1e-12", 2, 1, GRADIENT, x);
    CHECK_CLOSE(x[0], -0.125, 1e-9);
    CHECK_CLOSE(x[1], 0.125, 1e-9);
}

/* y <- x' + rho (x' - x), x' = y - lr g, with rho given: from x = y = 1, lr = 1/2, g = 1, 1. */
static void fista_with_given_momentum(void **state) {
    static const double GRADIENT[] = {1, 1};
    double x[] = {1};
    (void)state;
    follow("fista_split", "lr=0.5,momentum=0.5", 1, 2, GRADIENT, x);
    /* x' = 0.5, y = 0.25; x'' = -0.25, y = -0.25 + 0.5 (-0.75) */
    assert_true(x[0] == -0.625);
    x[0] = 1;
    follow("fista_split", "lr=0.5,momentum=0", 1, 2, GRADIENT, x);
    assert_true(x[0] == 0);
}

/* ---- Averages that have not begun ---- */

static void check_output_is_parameters(const char *wrapper, const char *options, const char *inner) {
    double x[] = {1, 2}, g[] = {0.5, -0.25}, out[2];
    const int64_t dims[] = {2};
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sgd", inner));
    CHECK_OK(optim_wrap(opt, wrapper, options));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, dims, x, g));
    for (int step = 0; step < 3; ++step)
        CHECK_OK(optim_step(opt));
    CHECK_OK(optim_output(opt, 0, out));
    assert_true(out[0] == x[0] && out[1] == x[1]);
    optim_destroy(opt);
}

static void nothing_averaged_yet(void **state) {
    (void)state;
    check_output_is_parameters("ema", "bias_correction=1,start=10", "lr=0.5");
    check_output_is_parameters("schedule_free", NULL, "lr=0"); /* weights lr^2: their sum is 0 */
}

/* Several tensors of odd sizes change places with their averages, and come back. */
static void output_swaps_there_and_back(void **state) {
    enum { TENSORS = 3 };
    float x[TENSORS][3] = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}, g[TENSORS][3] = {{1, 2, 3}, {3, 2, 1}, {1, 1, 1}};
    float before[TENSORS][3], average[TENSORS][3];
    optim_t *opt;
    (void)state;
    CHECK_OK(optim_create(&opt, "sgd", "lr=0.5"));
    CHECK_OK(optim_wrap(opt, "ema", "decay=0.5"));
    for (int64_t i = 0; i < TENSORS; ++i)
        CHECK_OK(optim_add_param(opt, 0, NULL, OPTIM_F32, 1, (const int64_t[]){i + 1}, x[i], g[i]));
    for (int step = 0; step < 3; ++step)
        CHECK_OK(optim_step(opt));
    memcpy(before, x, sizeof x);
    memcpy(average, x, sizeof x); /* what lies behind a tensor's end stays */
    for (int i = 0; i < TENSORS; ++i)
        CHECK_OK(optim_output(opt, i, average[i]));
    assert_memory_not_equal(average, before, sizeof x);
    CHECK_OK(optim_swap_output(opt));
    assert_memory_equal(x, average, sizeof x);
    CHECK_OK(optim_swap_output(opt));
    assert_memory_equal(x, before, sizeof x);
    optim_destroy(opt);
}

/* ---- Losses of micro-batches ---- */

/* sps moves by loss / |g|^2: with losses 1 and 3 for the same gradient as with 2 for one. */
static void losses_are_averaged(void **state) {
    double x[2][2] = {{1, 2}, {1, 2}}, g[2] = {3, 4};
    const int64_t dims[] = {2};
    (void)state;
    for (int k = 0; k < 2; ++k) {
        optim_t *opt;
        CHECK_OK(optim_create(&opt, "sps", "accumulate=1,c=1,lr_max=10"));
        CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, dims, x[k], g));
        for (int part = 0; k == 1 && part < 2; ++part) {
            CHECK_OK(optim_set_loss(opt, part == 0 ? 1 : 3));
            CHECK_OK(optim_accumulate(opt));
        }
        if (k == 0) {
            CHECK_OK(optim_set_loss(opt, 2));
            CHECK_OK(optim_accumulate(opt));
        }
        CHECK_OK(optim_step(opt));
        optim_destroy(opt);
    }
    CHECK_CLOSE(x[0][0], 1 - 2.0 / 25 * 3, 1e-6);
    assert_true(x[0][0] == x[1][0] && x[0][1] == x[1][1]);
}

/* ---- Groups with methods of their own ---- */

/* Two groups that name the same method share it, beside the one of group 0; each keeps its options. */
static void groups_join_a_method(void **state) {
    double x[3] = {1, 1, 1}, alone = 1, g[3] = {0.5, 0.5, 0.5};
    int group[2];
    optim_t *opt;
    (void)state;
    CHECK_OK(optim_create(&opt, "sgd", "lr=1"));
    CHECK_OK(optim_add_group(opt, "algorithm=adamw,lr=0.25", &group[0]));
    CHECK_OK(optim_add_group(opt, "algorithm=adamw,lr=0.125", &group[1]));
    CHECK_OK(optim_add_param(opt, group[1], "c", OPTIM_F64, 0, NULL, &x[2], &g[2]));
    CHECK_OK(optim_add_param(opt, 0, "a", OPTIM_F64, 0, NULL, &x[0], &g[0]));
    CHECK_OK(optim_add_param(opt, group[0], "b", OPTIM_F64, 0, NULL, &x[1], &g[1]));
    for (int step = 0; step < 3; ++step)
        CHECK_OK(optim_step(opt));
    optim_destroy(opt);
    assert_true(x[0] == 1 - 3 * 0.5);
    CHECK_OK(optim_create(&opt, "adamw", "lr=0.125"));
    CHECK_OK(optim_add_param(opt, 0, "c", OPTIM_F64, 0, NULL, &alone, &g[2]));
    for (int step = 0; step < 3; ++step)
        CHECK_OK(optim_step(opt));
    optim_destroy(opt);
    assert_true(x[2] == alone && x[1] < x[2]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frozen_tensors_have_no_part),
        cmocka_unit_test(entropy_at_the_border),
        cmocka_unit_test(aepg_at_zero),
        cmocka_unit_test(dadapt_sgd_without_direction),
        cmocka_unit_test(losses_are_averaged),
        cmocka_unit_test(output_swaps_there_and_back),
        cmocka_unit_test(lamb_from_zero),
        cmocka_unit_test(groups_join_a_method),
        cmocka_unit_test(fista_with_given_momentum),
        cmocka_unit_test(nothing_averaged_yet),
    };
    return cmocka_run_group_tests_name("option_corners", tests, NULL, NULL);
}
