/* group_clip_norm and group_clip_value: a group's part of the gradient by itself, before the bounds of the handle. */
#include <math.h>
#include <string.h>

#include "check.h"

/* sgd with lr 1 from 0: parameters are minus what the method received. "a" (2) in group 0, "b" (1) and "c" (1) in group
   1. */
typedef struct scene {
    optim_t *opt;
    double a[2], b, c, of_a[2], of_b, of_c;
} scene_t;

static void open_scene(scene_t *s, const char *algorithm, const char *options, const char *second) {
    int group;
    memset(s, 0, sizeof *s);
    CHECK_OK(optim_create(&s->opt, algorithm, options));
    CHECK_OK(optim_add_group(s->opt, second, &group));
    CHECK_OK(optim_add_param(s->opt, group, "b", OPTIM_F64, 0, NULL, &s->b, &s->of_b));
    CHECK_OK(optim_add_param(s->opt, 0, "a", OPTIM_F64, 1, (int64_t[]){2}, s->a, s->of_a));
    CHECK_OK(optim_add_param(s->opt, group, "c", OPTIM_F64, 0, NULL, &s->c, &s->of_c));
}

static void set(scene_t *s, double a0, double a1, double b, double c) {
    s->of_a[0] = a0;
    s->of_a[1] = a1;
    s->of_b = b;
    s->of_c = c;
}

/* What the method received is this; then back to 0. */
static void received(scene_t *s, double a0, double a1, double b, double c) {
    CHECK_CLOSE(-s->a[0], a0, 1e-15);
    CHECK_CLOSE(-s->a[1], a1, 1e-15);
    CHECK_CLOSE(-s->b, b, 1e-15);
    CHECK_CLOSE(-s->c, c, 1e-15);
    s->a[0] = s->a[1] = s->b = s->c = 0;
}

/* Norms 5 and 13. */
static void norms_by_group(void **state) {
    (void)state;
    scene_t s;
    open_scene(&s, "sgd", "lr=1", "group_clip_norm=1.3");
    set(&s, 3, 4, 5, 12);
    CHECK_OK(optim_step(s.opt));
    received(&s, 3, 4, 0.5, 1.2);
    CHECK_OK(optim_set(s.opt, 0, "group_clip_norm", 1));
    CHECK_OK(optim_step(s.opt));
    received(&s, 0.6, 0.8, 0.5, 1.2);
    CHECK_OK(optim_set(s.opt, 1, "group_clip_norm", 13)); /* not above it */
    CHECK_OK(optim_step(s.opt));
    received(&s, 0.6, 0.8, 5, 12);
    CHECK_OK(optim_set(s.opt, -1, "group_clip_norm", 0));
    CHECK_OK(optim_step(s.opt));
    received(&s, 3, 4, 5, 12);
    optim_destroy(s.opt);

    open_scene(&s, "sgd", "lr=1,group_clip_norm=1", NULL); /* a group begins as group 0 is */
    set(&s, 3, 4, 0, -2);
    CHECK_OK(optim_step(s.opt));
    received(&s, 0.6, 0.8, 0, -1);
    optim_destroy(s.opt);
}

static void values_by_group(void **state) {
    (void)state;
    scene_t s;
    open_scene(&s, "sgd", "lr=1,group_clip_value=2", "group_clip_value=0");
    set(&s, 1, -4, 5, 12);
    CHECK_OK(optim_step(s.opt));
    received(&s, 1, -2, 5, 12);
    CHECK_OK(optim_set(s.opt, 1, "engine.group_clip_value", 6));
    CHECK_OK(optim_set(s.opt, 1, "group_clip_norm", 6.5)); /* the norm first: 2.5, 6 */
    CHECK_OK(optim_step(s.opt));
    received(&s, 1, -2, 2.5, 6);
    CHECK_OK(optim_set(s.opt, 1, "group_clip_value", 4));
    CHECK_OK(optim_step(s.opt));
    received(&s, 1, -2, 2.5, 4);
    optim_destroy(s.opt);
}

/* The groups first: (3, 4) -> (0.6, 0.8), and with (0, 2.4) the norm is 2.6. */
static void the_whole_after_the_groups(void **state) {
    (void)state;
    scene_t s;
    open_scene(&s, "sgd", "lr=1,clip_norm=1.3", NULL);
    CHECK_OK(optim_set(s.opt, 0, "group_clip_norm", 1));
    set(&s, 3, 4, 0, 2.4);
    CHECK_OK(optim_step(s.opt));
    received(&s, 0.3, 0.4, 0, 1.2);
    CHECK_OK(optim_set(s.opt, -1, "clip_value", 1));
    CHECK_OK(optim_step(s.opt));
    received(&s, 0.3, 0.4, 0, 1);
    optim_destroy(s.opt);
}

/* clip_norm and clip_value, said of a group other than 0, are that group's own; said of all they are the handle's. */
static void short_names_of_a_group(void **state) {
    (void)state;
    scene_t s;
    double value;
    open_scene(&s, "sgd", "lr=1", "clip_norm=1");
    set(&s, 30, 40, 3, 4);
    CHECK_OK(optim_step(s.opt));
    received(&s, 30, 40, 0.6, 0.8);
    CHECK_OK(optim_get(s.opt, 1, "group_clip_norm", &value));
    assert_true(value == 1);
    CHECK_OK(optim_get(s.opt, 1, "clip_norm", &value));
    assert_true(value == 1);
    CHECK_OK(optim_get(s.opt, 0, "clip_norm", &value));
    assert_true(value == 0);
    CHECK_OK(optim_set(s.opt, 1, "clip_norm", 0));
    CHECK_OK(optim_set(s.opt, 1, "clip_value", 3.5));
    CHECK_OK(optim_step(s.opt));
    received(&s, 30, 40, 3, 3.5);
    CHECK_OK(optim_set(s.opt, -1, "clip_norm", 5)); /* of the handle: 30, 40, 3, 3.5 has the norm 50.2 */
    CHECK_OK(optim_get(s.opt, 1, "group_clip_norm", &value));
    assert_true(value == 0);
    CHECK_OK(optim_set_schedule(s.opt, 1, "clip_norm", "constant", NULL));
    CHECK_REFUSED(optim_set(s.opt, 1, "accumulate_clip", 1), OPTIM_ERR_OPTION, "whole handle");
    optim_destroy(s.opt);
}

/* Of the mean, unscaled; with one method for each group. */
static void with_other_stations(void **state) {
    (void)state;
    scene_t s;
    open_scene(&s, "sgd", "lr=1,accumulate=1,loss_scale=4,grad_scale=0.5", "group_clip_norm=1");
    set(&s, 8, 0, 48, 0); /* 1, 0; 6, 0 */
    CHECK_OK(optim_accumulate(s.opt));
    set(&s, 8, 16, 0, 64); /* 1, 2; 0, 8 */
    CHECK_OK(optim_accumulate(s.opt));
    CHECK_OK(optim_step(s.opt)); /* 1, 1; 3, 4 */
    received(&s, 1, 1, 0.6, 0.8);
    optim_destroy(s.opt);

    open_scene(&s, "sgd", "lr=1", "algorithm=signum,momentum=0,lr=1,group_clip_value=1");
    CHECK_OK(optim_wrap(s.opt, "sam", "rho=1"));
    set(&s, 3, 4, 0, 0);
    CHECK_STATUS(optim_step(s.opt), OPTIM_EVAL_GRAD);
    CHECK_STATUS(optim_set(s.opt, 0, "group_clip_norm", 1), OPTIM_ERR_OPEN);
    set(&s, 30, 40, -2, 0);
    CHECK_OK(optim_step(s.opt));
    received(&s, 30, 40, -1, 0);
    CHECK_OK(optim_bind(s.opt, 0, &s.b, NULL)); /* frozen: no part of a norm */
    CHECK_OK(optim_set(s.opt, 0, "group_clip_norm", 5));
    CHECK_STATUS(optim_step(s.opt), OPTIM_EVAL_GRAD);
    CHECK_OK(optim_step(s.opt));
    received(&s, 3, 4, 0, 0);
    optim_destroy(s.opt);
}

/* An infinity is not clipped to something finite before nonfinite= has seen it. */
static void what_is_not_finite(void **state) {
    static const double BAD[] = {(double)INFINITY, -(double)INFINITY, (double)NAN};
    static const char *const OPTIONS[] = {
        "lr=1,nonfinite=skip,group_clip_value=1", "lr=1,nonfinite=skip,group_clip_norm=1",
        "lr=1,loss_scale=1,loss_scale_backoff=1,group_clip_value=1,group_clip_norm=1"};
    (void)state;
    for (int o = 0; o < 3; ++o)
        for (int wrapped = 0; wrapped < 2; ++wrapped)
            for (int i = 0; i < 3; ++i) {
                scene_t s;
                open_scene(&s, "sgd", OPTIONS[o], NULL);
                if (wrapped)
                    CHECK_OK(optim_wrap(s.opt, "gc", NULL));
                set(&s, 1, BAD[i], 1, 1);
                CHECK_OK(optim_step(s.opt));
                assert_int_equal(optim_skipped(s.opt), 1);
                received(&s, 0, 0, 0, 0);
                set(&s, 1e200, 0, 0, 0.5); /* its square is no double: the norm is infinite, the gradient is not */
                CHECK_OK(optim_step(s.opt));
                assert_int_equal(optim_steps(s.opt), 1);
                received(&s, o == 0 ? 1 : 0, 0, 0, 0.5);
                optim_destroy(s.opt);
            }
}

static void follows_a_schedule(void **state) {
    (void)state;
    scene_t s;
    double now;
    open_scene(&s, "sgd", "lr=1,group_clip_norm=10", NULL);
    CHECK_OK(optim_set_schedule(s.opt, 1, "group_clip_norm", "linear", "start_factor=1,end_factor=0.1,steps=1"));
    CHECK_REFUSED(optim_set_schedule(s.opt, 0, "group_clip_norm", "polynomial", "steps=5"), OPTIM_ERR_VALUE, "step 5");
    set(&s, 3, 4, 0, 5);
    CHECK_OK(optim_step(s.opt));
    received(&s, 3, 4, 0, 5);
    CHECK_OK(optim_step(s.opt));
    received(&s, 3, 4, 0, 1);
    CHECK_OK(optim_get(s.opt, 1, "group_clip_norm", &now));
    CHECK_CLOSE(now, 1, 1e-15);
    optim_destroy(s.opt);
}

static void checkpoints_keep_them(void **state) {
    (void)state;
    static char room[65536];
    size_t size;
    scene_t s, again;
    open_scene(&s, "sgd", "lr=1", "group_clip_norm=2");
    CHECK_OK(optim_set(s.opt, 0, "group_clip_value", 3));
    set(&s, 3, 4, 0, 5);
    CHECK_OK(optim_step(s.opt));
    CHECK_OK(optim_serialize(s.opt, room, sizeof room, &size));
    optim_destroy(s.opt);
    open_scene(&again, "sgd", "lr=1", NULL);
    CHECK_OK(optim_deserialize(again.opt, room, size));
    set(&again, 3, 4, 0, 5);
    CHECK_OK(optim_step(again.opt));
    received(&again, 3, 3, 0, 2);
    optim_destroy(again.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norms_by_group),
        cmocka_unit_test(values_by_group),
        cmocka_unit_test(the_whole_after_the_groups),
        cmocka_unit_test(short_names_of_a_group),
        cmocka_unit_test(with_other_stations),
        cmocka_unit_test(what_is_not_finite),
        cmocka_unit_test(follows_a_schedule),
        cmocka_unit_test(checkpoints_keep_them),
    };
    return cmocka_run_group_tests_name("group_clip", tests, NULL, NULL);
}
