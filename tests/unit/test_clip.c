/* Which norm is bounded: clip_by, clip_measure, clip_eps; the norm that was; steps passed over for their size, and how
 * many in a row. Groups: test_group_clip.c. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

/* sgd with lr 1 from 0: parameters are minus what the method received. */
typedef struct scene {
    optim_t *opt;
    double a[2], b, of_a[2], of_b;
} scene_t;

static void open_scene(scene_t *s, const char *options) {
    char *all = check_text("lr=1,%s", options);
    *s = (scene_t){.of_a = {3, -4}, .of_b = 12};
    CHECK_OK(optim_create(&s->opt, "sgd", all));
    CHECK_OK(optim_add_param(s->opt, 0, "a", OPTIM_F64, 1, (int64_t[]){2}, s->a, s->of_a));
    CHECK_OK(optim_add_param(s->opt, 0, "b", OPTIM_F64, 0, NULL, &s->b, &s->of_b));
    free(all);
}

static void received(const scene_t *s, double of_a, double of_b) {
    CHECK_CLOSE(-s->a[0], 3 * of_a, 1e-14);
    CHECK_CLOSE(-s->a[1], -4 * of_a, 1e-14);
    CHECK_CLOSE(-s->b, 12 * of_b, 1e-14);
}

/* The factors on the two, and the norm that can be read. */
static void clips(const char *options, double of_a, double of_b, double norm) {
    scene_t s;
    double said;
    open_scene(&s, options);
    CHECK_OK(optim_step(s.opt));
    received(&s, of_a, of_b);
    CHECK_OK(optim_get(s.opt, 0, "gradient_norm", &said));
    CHECK_CLOSE(said, norm, 1e-13);
    optim_destroy(s.opt);
}

static void test_measures(void **state) {
    (void)state;
    const double cubes = cbrt(27 + 64 + 1728), root = sqrt(169.0 / 3);
    clips("clip_norm=1.3", 0.1, 0.1, 13);
    clips("clip_norm=13", 1, 1, 13);
    clips("clip_norm=1.3,clip_eps=13", 0.05, 0.05, 13);
    clips("clip_norm=13,clip_eps=13", 0.5, 0.5, 13); /* as torch: C / (norm + eps) where that is below 1 */
    clips("clip_norm=9.5,clip_measure=l1", 0.5, 0.5, 19);
    clips("clip_norm=6,clip_measure=max", 0.5, 0.5, 12);
    clips("clip_norm=6,clip_measure=lp,clip_p=3", 6 / cubes, 6 / cubes, cubes);
    clips("clip_norm=6.5,clip_measure=lp", 0.5, 0.5, 13);
    clips("clip_norm=3,clip_measure=rms", 3 / root, 3 / root, root);
}

static void test_by_tensor(void **state) {
    (void)state;
    clips("clip_norm=6,clip_by=tensor", 1, 0.5, 13);
    clips("clip_norm=2.5,clip_by=tensor", 0.5, 2.5 / 12, 13);
    clips("clip_norm=2,clip_by=tensor,clip_eps=5", 0.2, 2.0 / 17, 13);
    clips("clip_norm=3.5,clip_by=tensor,clip_measure=l1", 0.5, 3.5 / 12, 19);
    clips("clip_norm=2,clip_by=tensor,clip_measure=max", 0.5, 2.0 / 12, 12);
    clips("clip_norm=1,clip_by=tensor,clip_measure=rms", sqrt(2) / 5, 1.0 / 12, sqrt(169.0 / 3));
    clips("clip_norm=1,clip_by=tensor,clip_measure=lp,clip_p=3", 1 / cbrt(91), 1.0 / 12, cbrt(1819));
    clips("clip_norm=1,clip_by=tensor,clip_value=0.9", 0.2, 0.9 / 12, 13);
    clips("clip_norm=1,clip_by=tensor,clip_measure=max,nonfinite=error", 0.25, 1.0 / 12, 12);
}

/* The look for what is not finite does not take the place of a tensor's norm, nor does a maximum miss a NaN. */
static void test_with_nonfinite(void **state) {
    (void)state;
    scene_t s;
    open_scene(&s, "clip_norm=1,clip_by=tensor,nonfinite=error");
    s.of_b = 1e200;
    CHECK_OK(optim_step(s.opt));
    CHECK_CLOSE(-s.a[0], 0.6, 1e-15);
    optim_destroy(s.opt);
    open_scene(&s, "clip_norm=1,clip_measure=max,nonfinite=error");
    s.of_a[1] = (double)NAN;
    CHECK_REFUSED(optim_step(s.opt), OPTIM_ERR_NONFINITE, "element 1");
    optim_destroy(s.opt);
}

/* optax's skip_large_updates: not norm <= bound. Schedules and counts stand still. */
static void test_skip_norm(void **state) {
    (void)state;
    scene_t s;
    double kept = 0;
    open_scene(&s, "skip_norm=13,clip_norm=1.3");
    CHECK_OK(optim_step(s.opt));
    received(&s, 0.1, 0.1);
    s.of_b = 12.1;
    CHECK_OK(optim_step(s.opt));
    s.of_b = (double)NAN;
    CHECK_OK(optim_step(s.opt));
    s.of_b = 12;
    received(&s, 0.1, 0.1);
    assert_int_equal(optim_steps(s.opt), 1);
    assert_int_equal(optim_skipped(s.opt), 2);
    CHECK_OK(optim_get(s.opt, 0, "gradient_norm", &kept)); /* of the last step that was taken */
    CHECK_CLOSE(kept, 13, 1e-15);
    CHECK_OK(optim_set(s.opt, 0, "skip_norm", 14));
    s.of_b = 12.1;
    CHECK_OK(optim_step(s.opt));
    assert_int_equal(optim_steps(s.opt), 2);
    optim_destroy(s.opt);
}

/* One bad step too many in a row is an error, until one is good; saved and loaded the count goes on. */
static void test_skip_limit(void **state) {
    (void)state;
    scene_t s, other;
    open_scene(&s, "nonfinite=skip,skip_limit=2");
    for (int round = 0; round < 2; ++round) {
        CHECK_OK(optim_step(s.opt));
        s.of_b = (double)NAN;
        CHECK_OK(optim_step(s.opt));
        CHECK_OK(optim_step(s.opt));
        CHECK_REFUSED(optim_step(s.opt), OPTIM_ERR_NONFINITE, "2 steps in a row");
        CHECK_REFUSED(optim_step(s.opt), OPTIM_ERR_NONFINITE, "skip_limit");
        assert_int_equal(optim_skipped(s.opt), 2 * (round + 1));
        s.of_b = 12;
    }
    size_t size;
    void *saved = check_serialized(s.opt, &size);
    open_scene(&other, "nonfinite=skip,skip_limit=2");
    CHECK_OK(optim_deserialize(other.opt, saved, size));
    free(saved);
    other.of_b = (double)NAN;
    CHECK_REFUSED(optim_step(other.opt), OPTIM_ERR_NONFINITE, "2 steps in a row");
    other.of_b = 12;
    CHECK_OK(optim_step(other.opt));
    optim_destroy(other.opt);
    optim_destroy(s.opt);
    open_scene(&s, "skip_norm=1,skip_limit=1");
    CHECK_OK(optim_step(s.opt));
    CHECK_REFUSED(optim_step(s.opt), OPTIM_ERR_NONFINITE, "skip_norm");
    optim_destroy(s.opt);
}

static void test_refusals(void **state) {
    (void)state;
    optim_t *opt;
    double value;
    CHECK_REFUSED(optim_create(&opt, "sgd", "clip_by=row"), OPTIM_ERR_VALUE, "all|tensor");
    CHECK_REFUSED(optim_create(&opt, "sgd", "clip_measure=l3"), OPTIM_ERR_VALUE, "l2|l1|max|lp|rms");
    CHECK_REFUSED(optim_create(&opt, "sgd", "clip_p=0.5"), OPTIM_ERR_VALUE, "clip_p");
    CHECK_REFUSED(optim_create(&opt, "sgd", "clip_eps=-1"), OPTIM_ERR_VALUE, "clip_eps");
    CHECK_REFUSED(optim_create(&opt, "sgd", "skip_limit=0.5"), OPTIM_ERR_VALUE, "skip_limit");
    CHECK_REFUSED(optim_create(&opt, "sgd", "skip_norm=-1"), OPTIM_ERR_VALUE, "skip_norm");
    CHECK_OK(optim_create(&opt, "sgd", NULL));
    CHECK_OK(optim_get(opt, 0, "gradient_norm", &value));
    assert_true(value == 0); /* nobody measures */
    optim_destroy(opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_measures),  cmocka_unit_test(test_by_tensor),  cmocka_unit_test(test_with_nonfinite),
        cmocka_unit_test(test_skip_norm), cmocka_unit_test(test_skip_limit), cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
