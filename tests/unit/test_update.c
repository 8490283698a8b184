/* optim_update: numbers, what it leaves alone, what it refuses. The registry is walked by conformance/check_update.c. */
#include <math.h>
#include <string.h>

#include "check.h"

static optim_t *new_pair(const char *method, const char *options, optim_dtype dtype, void *a, void *b, void *ga,
                         void *gb) {
    optim_t *opt;
    CHECK_OK(optim_create(&opt, method, options));
    CHECK_OK(optim_add_param(opt, 0, "a", dtype, 1, (int64_t[]){2}, a, ga));
    CHECK_OK(optim_add_param(opt, 0, "b", dtype, 1, (int64_t[]){1}, b, gb));
    return opt;
}

/* Steps go on from where the caller went, and momentum with them. */
static void test_numbers(void **state) {
    (void)state;
    double a[2] = {1, (double)INFINITY}, b = 3, ga[2] = {2, 0}, gb = 8, ua[2], ub;
    optim_t *opt = new_pair("sgd", "lr=0.25,momentum=0.5", OPTIM_F64, a, &b, ga, &gb);
    void *const updates[] = {ua, &ub};
    CHECK_OK(optim_update(opt, updates, 2));
    assert_true(ua[0] == -0.5 && ua[1] == 0 && ub == -2);
    assert_true(a[0] == 1 && b == 3);
    CHECK_OK(optim_update(opt, updates, 2));
    assert_true(ua[0] == -0.75 && ub == -3);
    assert_int_equal(optim_steps(opt), 2);
    CHECK_OK(optim_step(opt));
    assert_true(a[0] == 1 - 0.875 && b == 3 - 3.5);
    optim_destroy(opt);
}

/* A frozen parameter needs no room; where there is some its update is 0. A skipped step has none. */
static void test_frozen_and_skipped(void **state) {
    (void)state;
    double a[2] = {1, 2}, b = 3, ga[2] = {2, 1}, ua[2] = {7, 7}, ub = 7;
    optim_t *opt = new_pair("adam", "lr=0.5,nonfinite=skip", OPTIM_F64, a, &b, ga, NULL);
    CHECK_OK(optim_wrap(opt, "ema", NULL));
    CHECK_OK(optim_update(opt, (void *const[]){ua, NULL}, 2));
    CHECK_CLOSE(ua[0], -0.5, 1e-7);
    ga[1] = (double)NAN;
    CHECK_OK(optim_update(opt, (void *const[]){ua, &ub}, 2));
    assert_true(ua[0] == 0 && ua[1] == 0 && ub == 0);
    assert_int_equal(optim_skipped(opt), 1);
    assert_int_equal(optim_steps(opt), 1);
    optim_destroy(opt);
}

/* What a bf16 parameter would lose: 1 - 2^-10 is 1 there. Its box is kept, in bf16 too. */
static void test_half(void **state) {
    (void)state;
    const uint16_t one = 0x3F80, low = 0x3F7F; /* 1 and 1 - 2^-8 */
    uint16_t a[2] = {one, one}, b = one, lower[2] = {low, low};
    const uint16_t ga[2] = {one, 0x4080}, gb = 0; /* 1, 4, 0 */
    float ua[2], ub;
    optim_t *opt = new_pair("sgd", "lr=0.0009765625", OPTIM_BF16, a, &b, (void *)(uintptr_t)ga, (void *)(uintptr_t)&gb);
    CHECK_OK(optim_update(opt, (void *const[]){ua, &ub}, 2));
    assert_true(ua[0] == -0x1p-10F && ua[1] == -0x1p-8F && ub == 0);
    CHECK_OK(optim_set_bounds(opt, 0, lower, NULL));
    CHECK_OK(optim_set(opt, 0, "lr", 0x1p-9));
    CHECK_OK(optim_update(opt, (void *const[]){ua, &ub}, 2));
    assert_true(ua[0] == -0x1p-9F && ua[1] == -0x1p-8F);
    CHECK_OK(optim_step(opt));
    assert_true(a[0] == one && a[1] == low); /* 1 - 2^-9 is a tie and rounds to even */
    optim_destroy(opt);
}

/* A method that asks without moving is answered as in a step, by either call. */
static void test_request(void **state) {
    (void)state;
    double a[2] = {1, 2}, b = 3, ga[2] = {1, 2}, gb = 3, ua[2], ub;
    void *const updates[] = {ua, &ub};
    optim_t *opt = new_pair("adahessian", "lr=0.5", OPTIM_F64, a, &b, ga, &gb);
    optim_status status = optim_update(opt, updates, 2);
    assert_int_equal(status, OPTIM_EVAL_HVP);
    for (int i = 0; i < 2; ++i) {
        const void *direction;
        void *product;
        CHECK_OK(optim_hvp_vector(opt, i, &direction));
        CHECK_OK(optim_hvp_result(opt, i, &product));
        memcpy(product, direction, i == 0 ? sizeof a : sizeof b);
    }
    assert_true(a[0] == 1 && a[1] == 2 && b == 3);
    CHECK_OK(optim_update(opt, updates, 2));
    assert_true(a[0] == 1 && a[1] == 2 && b == 3 && ua[0] < 0 && ua[1] < 0 && ub < 0);
    optim_destroy(opt);
}

static void refuse(const char *method, const char *options, const char *wrapper, const char *offender) {
    uint16_t a[2] = {0x3F80, 0x3F80}, b = 0x3F80, ga[2] = {0}, gb = 0;
    float ua[2], ub;
    optim_t *opt = new_pair(method, options, OPTIM_BF16, a, &b, ga, &gb);
    if (wrapper != NULL)
        CHECK_OK(optim_wrap(opt, wrapper, NULL));
    CHECK_REFUSED(optim_update(opt, (void *const[]){ua, &ub}, 2), OPTIM_ERR_MISMATCH, offender);
    assert_int_equal(optim_steps(opt), 0);
    optim_destroy(opt);
}

static void test_refusals(void **state) {
    (void)state;
    refuse("lbfgs", NULL, NULL, "\"lbfgs\" moves the parameters within a step");
    refuse("sgd", NULL, "sam", "\"sam\" moves the parameters within a step");
    refuse("adahessian", NULL, "schedule_free", "\"schedule_free\"");
    refuse("sgd", "master=f32", NULL, "master=f32");
    refuse("sgd", "rounding=kahan", NULL, "rounding=kahan");
    double a[3] = {1, 2, 3}, b = 3, ga[2] = {1, 2}, gb = 3, room[4];
    optim_t *opt = new_pair("sgd", NULL, OPTIM_F64, a, &b, ga, &gb);
    CHECK_REFUSED(optim_update(opt, (void *const[]){room, &room[1]}, 2), OPTIM_ERR_DUPLICATE, "\"a\"");
    CHECK_REFUSED(optim_update(opt, (void *const[]){room, &a[1]}, 2), OPTIM_ERR_DUPLICATE, "parameter \"a\"");
    CHECK_REFUSED(optim_update(opt, (void *const[]){room, &ga[1]}, 2), OPTIM_ERR_DUPLICATE, "gradient");
    CHECK_REFUSED(optim_update(opt, (void *const[]){NULL, room}, 2), OPTIM_ERR_NULL, "updates[0]");
    CHECK_REFUSED(optim_update(opt, (void *const[]){room, &room[2]}, 1), OPTIM_ERR_ARGUMENT, "1 updates");
    assert_true(a[0] == 1 && b == 3);
    CHECK_OK(optim_update(opt, (void *const[]){room, &room[2]}, 2));
    optim_destroy(opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_frozen_and_skipped), cmocka_unit_test(test_half),
        cmocka_unit_test(test_request), cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
