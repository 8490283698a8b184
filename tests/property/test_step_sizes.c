/* What methods that size their steps by the loss, by a model, or by a gradient of the step size itself are held to. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "play.h"

enum { D = 20 };

/* ---- Polyak step sizes ---- */

/* With c = 1 and the exact f*, |x - x*| never grows on a convex function. */
static void run_sps(const char *oracle, double least, const double *minimizer, const char *extra) {
    char *options = check_text("c=1,f_star=%.17g%s", least, extra);
    rig_t *rig = play_vector("sps", options, oracle, D, 2);
    double last = (double)INFINITY, first = 0;
    for (int step = 0; step <= 300; ++step) {
        double away[D];
        const double *x = rig_read(rig);
        for (size_t i = 0; i < D; ++i)
            away[i] = x[i] - minimizer[i];
        const double distance = play_length(D, away);
        CHECK_AT_MOST(distance, last * (1 + 1e-9) + 1e-7); /* f* is known to rounding */
        first = step == 0 ? distance : first;
        last = distance;
        CHECK_OK(rig_step(rig));
    }
    CHECK_AT_MOST(last, 0.1 * first);
    free(options);
    rig_free(rig);
}

static void test_sps_never_further(void **state) {
    (void)state;
    double minimizer[D];
    for (size_t i = 0; i < D; ++i)
        minimizer[i] = quadratic_minimum(i);
    run_sps("quadratic", 0, minimizer, "");
    run_sps("quadratic", 0, minimizer, ",smooth=1,n_batches=5,lr=0.01");
    run_sps("quadratic", 0, minimizer, ",lr_max=0.2");
    rig_t *newton = play_vector("lbfgs", NULL, "logistic", D, 0);
    CHECK_OK(rig_steps(newton, 100));
    memcpy(minimizer, rig_read(newton), sizeof minimizer);
    rig_free(newton);
    run_sps("logistic", LOGISTIC_MINIMUM_20, minimizer, "");
}

/* No step where the loss is below the bound or there is no gradient, and the smoothed step size outlives that. */
static void test_sps_stands_still(void **state) {
    (void)state;
    double x = 1, g = 1;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sps", "smooth=1,gamma=2,n_batches=1,lr=0.125,f_star=1"));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &x, &g));
    const double loss[] = {100, 0.5, 100, 1, 100}, gradient[] = {1, 1, 0, 1, 1}, moved[] = {0.25, 0, 0, 0, 0.5};
    for (int step = 0; step < 5; ++step) {
        const double before = x;
        g = gradient[step];
        CHECK_OK(optim_set_loss(opt, loss[step]));
        CHECK_OK(optim_step(opt));
        CHECK_CLOSE(before - x, moved[step], 1e-14);
    }
    optim_destroy(opt);
}

/* Increases of the loss in 60 steps on the quadratic; *end receives the last one. */
static int rises(const char *algorithm, const char *options, double *end) {
    rig_t *rig = play_vector(algorithm, options, "quadratic", D, 1);
    double last = rig_value(rig);
    int count = 0;
    for (int step = 0; step < 60; ++step) {
        CHECK_OK(rig_step(rig));
        const double now = rig_value(rig);
        count += now > last && now > 1e-20;
        last = now;
    }
    *end = last;
    rig_free(rig);
    return count;
}

/* With momentum 1/2 the loss falls at every step, where heavy ball with the step size 1/L swings. */
static void test_alr_hb_does_not_swing(void **state) {
    (void)state;
    double end;
    assert_int_equal(rises("alr_hb", "momentum=0.5", &end), 0);
    CHECK_AT_MOST(end, 1e-17);
    assert_in_range(rises("sgd", "lr=0.142857,momentum=0.5", &end), 5, 60);
}

/* gap_scale = 2 is exact: along the gradient of an isotropic quadratic it lands on the minimum. */
static void test_alr_hb_is_exact(void **state) {
    (void)state;
    double x[3] = {1, -2, 5}, g[3];
    const double minimum[3] = {0.5, 1, -1};
    double f = -3; /* f_star */
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "alr_hb", "gap_scale=2,f_star=-3"));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (int64_t[]){3}, x, g));
    for (int i = 0; i < 3; ++i) {
        g[i] = 7 * (x[i] - minimum[i]);
        f += 3.5 * (x[i] - minimum[i]) * (x[i] - minimum[i]);
    }
    CHECK_OK(optim_set_loss(opt, f));
    CHECK_OK(optim_step(opt));
    for (int i = 0; i < 3; ++i)
        CHECK_CLOSE(x[i], minimum[i], 1e-14);
    optim_destroy(opt);
}

/* Too much momentum costs less than it costs heavy ball. */
static void test_alr_minds_momentum_less(void **state) {
    (void)state;
    static const char *const MOMENTUM[] = {"0.8", "0.9", "0.95", "0.98"};
    for (int i = 0; i < 4; ++i) {
        char *own = check_text("momentum=%s", MOMENTUM[i]), *ball = check_text("lr=0.05,momentum=%s", MOMENTUM[i]);
        double end, ball_end;
        (void)rises("alr_hb", own, &end);
        (void)rises("sgd", ball, &ball_end);
        CHECK_AT_MOST(end, 0.11 * ball_end);
        free(own);
        free(ball);
    }
}

/* ---- MoMo ---- */

/* tau = |moved| / |d|, d made here. */
static void run_momo(const char *options, double bound, int steps) {
    rig_t *rig = play_vector("momo", options, "logistic", D, 1);
    double before[D], moved[D], d[D];
    int bounded = 0;
    for (int step = 0; step < steps; ++step) {
        play_step(rig, before, moved);
        for (size_t i = 0; i < D; ++i)
            d[i] = step == 0 ? rig->g[i] : 0.9 * d[i] + 0.1 * rig->g[i];
        const double tau = play_length(D, moved) / play_length(D, d);
        CHECK_AT_MOST(tau, bound * (1 + 1e-9));
        bounded += tau > bound * (1 - 1e-9);
    }
    assert_in_range(bounded, 1, steps);
    rig_free(rig);
}

static void test_momo_is_bounded(void **state) {
    (void)state;
    run_momo("lr=0.5", 0.5, 200);
    run_momo("lr=3,lb=0.6", 3, 200);
    run_momo("lr=2,use_fstar=1,lb=-1", 2, 200);
}

/* Only f - lb matters: everything shifted by 5 ends in the same place. */
static void test_momo_shift(void **state) {
    (void)state;
    static const char *const METHODS[] = {"momo", "momo_adam"};
    for (int k = 0; k < 2; ++k) {
        rig_t *rig = play_vector(METHODS[k], "lr=0.3,lb=-1", "quadratic", D, 1),
              *shifted = play_vector(METHODS[k], "lr=0.3,lb=4", "quadratic", D, 1);
        replay_t *noise = noise_new(50, D), *raised = noise_new(50, D);
        for (int i = 0; i < 50; ++i)
            ((double *)(uintptr_t)raised->loss)[i] += 5;
        rig->replay = noise;
        shifted->replay = raised;
        CHECK_OK(rig_steps(rig, 50));
        CHECK_OK(rig_steps(shifted, 50));
        rig_check_near(shifted, rig, 1e-11, METHODS[k]);
        replay_free(noise);
        replay_free(raised);
        rig_free(rig);
        rig_free(shifted);
    }
}

/* ---- Model building ---- */

/* Steps that did not keep the trial x - lr g; each is at most eta |s| long. */
static int model_steps(const char *options, double lr, int steps) {
    rig_t *rig = play_vector("smb", options, "quadratic", D, 1);
    int count = 0;
    for (int step = 0; step < steps; ++step) {
        double before[D], moved[D], g[D], off[D];
        rig->oracle->gradient(D, D, rig_read(rig), g);
        play_step(rig, before, moved);
        for (size_t i = 0; i < D; ++i)
            off[i] = moved[i] + lr * g[i];
        if (play_length(D, off) <= 1e-9 * play_length(D, moved) + 1e-15)
            continue;
        ++count;
        CHECK_AT_MOST(play_length(D, moved), 0.99 * lr * play_length(D, g) * (1 + 1e-12));
    }
    CHECK_AT_MOST(rig_value(rig), 0.1);
    rig_free(rig);
    return count;
}

static void test_smb_model_steps(void **state) {
    (void)state;
    assert_int_equal(model_steps("lr=0.25", 0.25, 60), 0); /* lr < 2 (1 - c) / h_max = 0.257 */
    assert_int_equal(model_steps("lr=0.5,c=0.001", 0.5, 60), 60);
    assert_in_range(model_steps("lr=0.27", 0.27, 60), 1, 59);
}

/* A rejected trial with independent=1 costs a step that goes nowhere, the next builds the model. */
static void test_smb_independent(void **state) {
    (void)state;
    rig_t *rig = play_vector("smb", "lr=1,independent=1", "quadratic", D, 1);
    double before[D], moved[D];
    for (int step = 0; step < 20; ++step) {
        play_step(rig, before, moved);
        assert_true((play_length(D, moved) == 0) == (step % 2 == 0));
    }
    rig_free(rig);
}

/* What a trial is to gain counts each group's own lr: the second group's long gradient, at lr = 0, promises nothing. */
static void test_smb_groups(void **state) {
    (void)state;
    double a = 1, b = 1, ga = 1, gb = 100;
    optim_t *opt;
    int group;
    CHECK_OK(optim_create(&opt, "smb", "lr=0.5"));
    CHECK_OK(optim_add_group(opt, "lr=0", &group));
    CHECK_OK(optim_add_param(opt, 0, "a", OPTIM_F64, 0, NULL, &a, &ga));
    CHECK_OK(optim_add_param(opt, group, "b", OPTIM_F64, 0, NULL, &b, &gb));
    CHECK_OK(optim_set_loss(opt, 10));
    assert_int_equal(optim_step(opt), OPTIM_EVAL_GRAD);
    ga = 0.1;
    CHECK_OK(optim_set_loss(opt, 9.9)); /* below 10 - 0.1 * 0.5 */
    CHECK_OK(optim_step(opt));
    assert_true(a == 0.5 && b == 1);
    optim_destroy(opt);
}

/* ---- Hypergradients ---- */

/* alpha = |moved| / |g|: from far too small it grows past `floor` before it turns, and the run ends far below its
   start. */
static void run_hypergradient(const char *options, double floor) {
    rig_t *rig = play_vector("sgd_hd", options, "quadratic", D, 0);
    const double start = rig_value(rig);
    double before[D], moved[D], last = start, alpha = 0, largest = 0;
    for (int step = 0; step < 600; ++step) {
        play_step(rig, before, moved);
        const double now = rig_value(rig), rate = play_length(D, moved) / play_length(D, rig->g);
        if (alpha < floor)
            CHECK_AT_MOST(alpha, rate * (1 + 1e-6)); /* told from rounded parameters */
        alpha = rate;
        largest = fmax(largest, rate);
        last = now;
        if (now < 1e-20)
            break;
    }
    CHECK_AT_MOST(floor, largest);
    CHECK_AT_MOST(last, 1e-8 * start);
    rig_free(rig);
}

static void test_hypergradient_grows(void **state) {
    (void)state;
    run_hypergradient("lr=1e-6,hyper_lr=1e-3", 0.05);
    run_hypergradient("lr=1e-4,hyper_lr=0.02,multiplicative=1", 0.05);
    run_hypergradient("lr=0,hyper_lr=1e-3,lr_min=1e-5", 0.05);
}

static void test_hypergradient_bounds(void **state) {
    (void)state;
    rig_t *rig = play_vector("sgd_hd", "lr=0.01,hyper_lr=1e-3,lr_min=0.008,lr_max=0.02", "quadratic", D, 1);
    double before[D], moved[D];
    for (int step = 0; step < 100; ++step) {
        play_step(rig, before, moved);
        const double alpha = play_length(D, moved) / play_length(D, rig->g);
        CHECK_AT_MOST(0.008 * (1 - 1e-9), alpha);
        CHECK_AT_MOST(alpha, 0.02 * (1 + 1e-9));
    }
    rig_free(rig);
    optim_t *opt;
    CHECK_REFUSED(optim_create(&opt, "adam_hd", "lr_min=2,lr_max=1"), OPTIM_ERR_VALUE, "lr_min");
    CHECK_REFUSED(optim_create(&opt, "sgd_hd", "nesterov=1"), OPTIM_ERR_VALUE, "momentum");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sps_never_further),
        cmocka_unit_test(test_sps_stands_still),
        cmocka_unit_test(test_alr_hb_does_not_swing),
        cmocka_unit_test(test_alr_minds_momentum_less),
        cmocka_unit_test(test_alr_hb_is_exact),
        cmocka_unit_test(test_momo_is_bounded),
        cmocka_unit_test(test_momo_shift),
        cmocka_unit_test(test_smb_model_steps),
        cmocka_unit_test(test_smb_independent),
        cmocka_unit_test(test_smb_groups),
        cmocka_unit_test(test_hypergradient_grows),
        cmocka_unit_test(test_hypergradient_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
