/* Steps parameter by parameter: one buffer for all gradients, what is refused meanwhile, who cannot. The registry is
 * walked by conformance/check_by_param.c. */
#include <math.h>
#include <string.h>

#include "check.h"

enum { COUNT = 40000 }; /* of a parameter of several tiles */

static optim_t *new_pair(const char *method, const char *options, double *a, double *b, double *ga, double *gb) {
    optim_t *opt;
    CHECK_OK(optim_create(&opt, method, options));
    CHECK_OK(optim_add_param(opt, 0, "a", OPTIM_F64, 1, (int64_t[]){2}, a, ga));
    CHECK_OK(optim_add_param(opt, 0, "b", OPTIM_F64, 1, (int64_t[]){1}, b, gb));
    return opt;
}

/* As a backward pass does: the last layer's gradient first, all in one place. */
static void test_one_buffer(void **state) {
    (void)state;
    static double p[3][COUNT], q[3][COUNT], gradients[3][COUNT], shared[COUNT];
    optim_t *parts, *whole;
    CHECK_OK(optim_create(&parts, "adamw", "lr=0.01,clip_value=0.5"));
    CHECK_OK(optim_create(&whole, "adamw", "lr=0.01,clip_value=0.5"));
    CHECK_OK(optim_set_threads(parts, 2));
    for (int i = 0; i < 3; ++i) {
        const int64_t count = i == 1 ? COUNT : 7;
        for (int k = 0; k < COUNT; ++k)
            p[i][k] = q[i][k] = sin(k + i);
        CHECK_OK(optim_add_param(parts, 0, NULL, OPTIM_F64, 1, &count, p[i], shared));
        CHECK_OK(optim_add_param(whole, 0, NULL, OPTIM_F64, 1, &count, q[i], gradients[i]));
    }
    CHECK_OK(optim_wrap(parts, "ema", NULL));
    CHECK_OK(optim_wrap(whole, "ema", NULL));
    for (int step = 0; step < 3; ++step) {
        CHECK_OK(optim_step_begin(parts));
        for (int i = 2; i >= 0; --i) {
            for (int k = 0; k < COUNT; ++k)
                gradients[i][k] = shared[k] = cos(k * (i + step + 1));
            CHECK_OK(optim_step_param(parts, i));
        }
        CHECK_OK(optim_step_end(parts));
        CHECK_OK(optim_step(whole));
        assert_memory_equal(p, q, sizeof p);
        assert_int_equal(optim_steps(parts), step + 1);
    }
    CHECK_OK(optim_output(parts, 1, shared));
    CHECK_OK(optim_output(whole, 1, gradients[1]));
    assert_memory_equal(shared, gradients[1], sizeof shared);
    optim_destroy(parts);
    optim_destroy(whole);
}

static void test_while_open(void **state) {
    (void)state;
    double a[2] = {1, 2}, b = 3, ga[2] = {1, 1}, gb = 1, other[2] = {5, 5}, room[4];
    optim_t *opt = new_pair("sgd", "lr=1", a, &b, ga, &gb);
    CHECK_REFUSED(optim_step_param(opt, 0), OPTIM_ERR_CLOSED, "optim_step_begin");
    CHECK_REFUSED(optim_step_end(opt), OPTIM_ERR_CLOSED, "optim_step_begin");
    CHECK_OK(optim_step_begin(opt));
    CHECK_OK(optim_step_param(opt, 1));
    assert_true(b == 2 && a[0] == 1);
    CHECK_REFUSED(optim_step_param(opt, 1), OPTIM_ERR_ORDER, "\"b\"");
    CHECK_REFUSED(optim_step_param(opt, 2), OPTIM_ERR_ARGUMENT, "2");
    CHECK_REFUSED(optim_step_begin(opt), OPTIM_ERR_OPEN, "optim_step_end");
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_OPEN, "optim_step_end");
    CHECK_REFUSED(optim_cancel(opt), OPTIM_ERR_OPEN, "optim_step_end");
    CHECK_REFUSED(optim_accumulate(opt), OPTIM_ERR_ORDER, "accumulate");
    CHECK_REFUSED(optim_update(opt, (void *const[]){room, room + 2}, 2), OPTIM_ERR_OPEN, "optim_step_end");
    CHECK_REFUSED(optim_save(opt, "/nowhere"), OPTIM_ERR_OPEN, "optim_step_end");
    CHECK_REFUSED(optim_set(opt, 0, "lr", 2), OPTIM_ERR_OPEN, "optim_step_end");
    CHECK_REFUSED(optim_freeze(opt, 0, 1), OPTIM_ERR_OPEN, "optim_step_end");
    CHECK_REFUSED(optim_bind(opt, 0, other, ga), OPTIM_ERR_OPEN, "optim_step_end");
    CHECK_REFUSED(optim_bind(opt, 0, a, NULL), OPTIM_ERR_OPEN, "optim_step_end");
    CHECK_OK(optim_bind(opt, 0, a, other));
    CHECK_OK(optim_step_end(opt)); /* steps a */
    assert_true(a[0] == -4 && a[1] == -3 && b == 2);
    assert_int_equal(optim_steps(opt), 1);
    CHECK_OK(optim_step_begin(opt));
    optim_destroy(opt);
}

/* What was refused counts nothing: the next step is the first. */
static void refuse(const char *method, const char *options, const char *wrapper, const char *reason) {
    double a[2] = {1, 2}, b = 3, ga[2] = {1, 1}, gb = 1, c[2] = {1, 2}, d = 3;
    optim_t *opt = new_pair(method, options, a, &b, ga, &gb), *twin = new_pair(method, options, c, &d, ga, &gb);
    if (wrapper != NULL) {
        CHECK_OK(optim_wrap(opt, wrapper, NULL));
        CHECK_OK(optim_wrap(twin, wrapper, NULL));
    }
    CHECK_OK(optim_set_loss(opt, 1));
    CHECK_REFUSED(optim_step_begin(opt), OPTIM_ERR_MISMATCH, reason);
    for (int step = 0; step < 2 && strstr(reason, "asks") == NULL && strstr(reason, "keeps") == NULL; ++step) {
        CHECK_OK(optim_set_loss(opt, 1));
        CHECK_OK(optim_set_loss(twin, 1));
        CHECK_OK(optim_step(opt));
        CHECK_OK(optim_step(twin));
        assert_memory_equal(a, c, sizeof a);
        assert_true(b == d);
    }
    optim_destroy(opt);
    optim_destroy(twin);
}

static void test_reasons(void **state) {
    (void)state;
    refuse("sgd", NULL, "sam", "\"sam\" asks for evaluations");
    refuse("lbfgs", NULL, NULL, "\"lbfgs\" asks for evaluations");
    refuse("dog", NULL, NULL, "\"dog\" sums over all of the gradient");
    refuse("swats", NULL, NULL, "\"swats\" sums over all of the gradient");
    refuse("sgd", "clip_norm=1", NULL, "a bound on the gradient's norm needs the whole gradient");
    refuse("sgd", "group_clip_norm=1", NULL, "a bound on a group's norm needs the whole gradient");
    refuse("adam", "nonfinite=skip", NULL, "nonfinite=skip|error looks at all");
    refuse("adam", "loss_scale=8", NULL, "loss_scale looks at all");
    refuse("adam", "accumulate=1", NULL, "accumulate=1 keeps");
    refuse("adam", NULL, "agc", "\"agc\" sums over all");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_buffer),
        cmocka_unit_test(test_while_open),
        cmocka_unit_test(test_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
