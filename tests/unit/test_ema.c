/* Where the average of ema begins, by hand; torch's AveragedModel begins there too. */
#include <math.h>

#include "check.h"

typedef struct scene {
    optim_t *opt;
    double p, g;
} scene_t;

static void open_scene(scene_t *s, const char *options) {
    *s = (scene_t){.p = 16, .g = 1};
    CHECK_OK(optim_create(&s->opt, "sgd", "lr=1"));
    CHECK_OK(optim_add_param(s->opt, 0, "p", OPTIM_F64, 0, NULL, &s->p, &s->g));
    CHECK_OK(optim_wrap(s->opt, "ema", options));
}

/* The answers before the first step and after each; p is 16, 15, 14, ... */
static void check_answers(const char *options, const double *answer, int count) {
    scene_t s;
    open_scene(&s, options);
    for (int t = 0; t < count; ++t) {
        double out;
        if (t > 0)
            CHECK_OK(optim_step(s.opt));
        CHECK_OK(optim_output(s.opt, 0, &out));
        if (out != answer[t])
            fail_msg("%s: the answer after %d steps is %.17g, not %.17g", options, t, out, answer[t]);
    }
    optim_destroy(s.opt);
}

static void begins_at_the_parameters_of_step_start(void **state) {
    (void)state;
    check_answers("decay=0.5", (const double[]){16, 15.5, 14.75, 13.875}, 4);
    /* torch: the first update copies, the second averages */
    check_answers("decay=0.5,start=1", (const double[]){16, 15, 14.5, 13.75, 12.875}, 5);
    check_answers("decay=0.5,start=3", (const double[]){16, 15, 14, 13, 12.5, 11.75}, 6);
    check_answers("decay=0.5,start=2,period=2", (const double[]){16, 15, 14, 14, 13, 13, 11.5}, 7);
}

/* d = (1 + n) / (10 + n): 1/10, then 2/11. */
static void warmup_counts_from_the_start(void **state) {
    (void)state;
    scene_t s;
    double out;
    open_scene(&s, "warmup=1,start=2");
    for (int t = 0; t < 4; ++t)
        CHECK_OK(optim_step(s.opt));
    CHECK_OK(optim_output(s.opt, 0, &out));
    CHECK_CLOSE(out, 12 + (13.1 - 12) * 2 / 11, 1e-15);
    optim_destroy(s.opt);
}

/* EMAModel of diffusers, which is updated after every step: its decay after `step` of them. */
static double diffusers_decay(int step, int update_after, double inv_gamma, double power, double min_decay,
                              double decay) {
    const int k = step - update_after - 1;
    if (k <= 0)
        return 0;
    const double rise = inv_gamma > 0 ? 1 - pow(1 + k / inv_gamma, -power) : (1.0 + k) / (10 + k);
    return fmax(fmin(rise, decay), min_decay);
}

static void compare_with_diffusers(const char *options, int update_after, double inv_gamma, double power,
                                   double min_decay) {
    scene_t s;
    open_scene(&s, options);
    double average = s.p, out;
    for (int step = 1; step <= 12; ++step) {
        CHECK_OK(optim_step(s.opt));
        average -= (1 - diffusers_decay(step, update_after, inv_gamma, power, min_decay, 0.6)) * (average - s.p);
        CHECK_OK(optim_output(s.opt, 0, &out));
        CHECK_CLOSE(out, average, 1e-14);
    }
    optim_destroy(s.opt);
}

static void warmup_may_be_that_of_diffusers(void **state) {
    (void)state;
    compare_with_diffusers("decay=0.6,warmup=1,warmup_count=1,start=1", 0, 0, 0, 0);
    compare_with_diffusers("decay=0.6,warmup=1,warmup_count=1,start=1,warmup_power=0.6666666666666666", 0, 1, 2.0 / 3,
                           0);
    compare_with_diffusers("decay=0.6,warmup=1,warmup_count=1,start=4,warmup_power=0.75,warmup_gamma=2,min_decay=0.3",
                           3, 2, 0.75, 0.3);
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sgd", NULL));
    CHECK_REFUSED(optim_wrap(opt, "ema", "warmup=1,min_decay=0.9,decay=0.5"), OPTIM_ERR_VALUE, "min_decay");
    CHECK_REFUSED(optim_wrap(opt, "ema", "warmup_gamma=0"), OPTIM_ERR_VALUE, "warmup_gamma");
    optim_destroy(opt);
}

static void correction_answers_with_the_parameters_first(void **state) {
    (void)state;
    check_answers("decay=0.5,bias_correction=1", (const double[]){16, 15, (0.25 * 15 + 0.5 * 14) / 0.75}, 3);
    check_answers("decay=0.5,bias_correction=1,start=2",
                  (const double[]){16, 15, 14, 13, (0.25 * 13 + 0.5 * 12) / 0.75}, 5);
}

/* With a decay of 1 nothing is averaged: never 0 / 0. */
static void decay_may_be_one(void **state) {
    (void)state;
    check_answers("decay=1", (const double[]){16, 16, 16}, 3);
    check_answers("decay=1,start=1", (const double[]){16, 15, 15}, 3);
    check_answers("decay=1,bias_correction=1", (const double[]){16, 15, 14}, 3);
}

/* 0.5 -> 0.75 -> 1 in two steps. */
static void decay_may_rise_to_one(void **state) {
    (void)state;
    scene_t s;
    double out;
    open_scene(&s, "decay=0.5");
    CHECK_OK(optim_set_schedule(s.opt, -1, "ema.decay", "polynomial", "steps=2,lr_min=1"));
    for (int t = 0; t < 4; ++t)
        CHECK_OK(optim_step(s.opt));
    CHECK_OK(optim_output(s.opt, 0, &out));
    assert_true(out == 15.5 - 0.25 * 1.5); /* p = 15 and 14 only */
    optim_destroy(s.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_at_the_parameters_of_step_start),
        cmocka_unit_test(warmup_counts_from_the_start),
        cmocka_unit_test(warmup_may_be_that_of_diffusers),
        cmocka_unit_test(correction_answers_with_the_parameters_first),
        cmocka_unit_test(decay_may_be_one),
        cmocka_unit_test(decay_may_rise_to_one),
    };
    return cmocka_run_group_tests_name("ema", tests, NULL, NULL);
}
