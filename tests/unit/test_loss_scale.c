/* Dynamic loss scaling with real float16 gradients: overflow, recovery, growth. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "element.h"

/* f32 parameters with f16 gradients; plain sgd with lr 1 unless options say otherwise. */
typedef struct problem {
    optim_t *opt;
    float p[2];
    uint16_t g[2];
} problem_t;

static void open(problem_t *s, const char *options) {
    memset(s, 0, sizeof *s);
    CHECK_OK(optim_create(&s->opt, "sgd", options));
    CHECK_OK(optim_add_param(s->opt, 0, "p", OPTIM_F32, 1, (int64_t[]){2}, s->p, s->g));
    CHECK_OK(optim_set_grad_dtype(s->opt, 0, OPTIM_F16));
}

static double scale_of(const problem_t *s) {
    double scale;
    CHECK_OK(optim_get(s->opt, 0, "current_loss_scale", &scale));
    return scale;
}

/* What a trainer's backward pass leaves: the scaled gradient, rounded to f16; infinite beyond 65504. */
static void set(problem_t *s, double g0, double g1) {
    const double scale = scale_of(s);
    element_write(OPTIM_F16, s->g, 0, scale * g0);
    element_write(OPTIM_F16, s->g, 1, scale * g1);
}

static void test_overflow(void **state) {
    (void)state;
    problem_t s;
    open(&s, "lr=1,loss_scale=65536,nonfinite=error");
    assert_true(scale_of(&s) == 65536);
    for (int overflows = 1; overflows <= 3; ++overflows) { /* 65536, 32768 and 16384 times 5 are too large */
        set(&s, 5, 0.25);
        CHECK_OK(optim_step(s.opt));
        assert_int_equal(optim_skipped(s.opt), overflows);
        assert_true(scale_of(&s) == ldexp(65536, -overflows));
        assert_true(s.p[0] == 0 && s.p[1] == 0);
    }
    set(&s, 5, 0.25);
    CHECK_OK(optim_step(s.opt));
    assert_int_equal(optim_steps(s.opt), 1);
    assert_int_equal(optim_skipped(s.opt), 3);
    assert_true(s.p[0] == -5 && s.p[1] == -0.25F);
    assert_true(scale_of(&s) == 8192);
    optim_destroy(s.opt);
}

/* 2^-30 is nothing in f16, whose least number is 2^-24. */
static void test_underflow(void **state) {
    (void)state;
    problem_t s;
    open(&s, "lr=1,loss_scale=65536");
    set(&s, 0x1p-30, 0x1.8p-30);
    CHECK_OK(optim_step(s.opt));
    assert_true(s.p[0] == -0x1p-30F && s.p[1] == -0x1.8p-30F);
    optim_destroy(s.opt);
    open(&s, "lr=1");
    element_write(OPTIM_F16, s.g, 0, 0x1p-30);
    CHECK_OK(optim_step(s.opt));
    assert_true(s.p[0] == 0);
    optim_destroy(s.opt);
}

static void test_growth(void **state) {
    (void)state;
    problem_t s;
    double good;
    open(&s, "lr=1,loss_scale=4,loss_scale_interval=3,loss_scale_growth=8,loss_scale_backoff=0.25");
    const double want[] = {4, 4, 32, 32, 32, 256};
    for (int i = 0; i < 6; ++i) {
        set(&s, 1, 1);
        CHECK_OK(optim_step(s.opt));
        assert_true(scale_of(&s) == want[i]);
    }
    set(&s, 1, 1);
    CHECK_OK(optim_step(s.opt));
    set(&s, (double)NAN, 1); /* one bad step, and counting begins again */
    CHECK_OK(optim_step(s.opt));
    assert_true(scale_of(&s) == 64);
    CHECK_OK(optim_get(s.opt, 0, "good_steps", &good));
    assert_true(good == 0);
    assert_true(s.p[0] == -7);
    CHECK_OK(optim_reset(s.opt));
    assert_true(scale_of(&s) == 4);
    optim_destroy(s.opt);
}

/* A trainer that does not look any more: the scale stays a number that can be divided by. */
static void test_limits(void **state) {
    (void)state;
    problem_t s;
    open(&s, "lr=1,loss_scale=1,loss_scale_backoff=0.001,loss_scale_growth=1000,loss_scale_interval=1");
    for (int i = 0; i < 50; ++i) {
        element_write(OPTIM_F16, s.g, 0, (double)INFINITY);
        CHECK_OK(optim_step(s.opt));
    }
    assert_true(scale_of(&s) == 0x1p-100);
    s.g[0] = 0;
    for (int i = 0; i < 50; ++i)
        CHECK_OK(optim_step(s.opt));
    assert_true(scale_of(&s) == 0x1p100);
    assert_true(s.p[0] == 0 && s.p[1] == 0);
    optim_destroy(s.opt);
}

/* Unscaled before sam's norm is taken; the whole step is dropped if the second evaluation overflows. */
static void test_sam(void **state) {
    (void)state;
    problem_t s;
    open(&s, "lr=1,loss_scale=16384");
    CHECK_OK(optim_wrap(s.opt, "sam", "rho=2"));
    set(&s, 3, 4);
    CHECK_OK(optim_step(s.opt)); /* 4 times 16384 is too large: no second evaluation */
    set(&s, 3, 4);
    assert_true(scale_of(&s) == 8192);
    CHECK_STATUS(optim_step(s.opt), OPTIM_EVAL_GRAD);
    CHECK_CLOSE((double)s.p[0], 1.2, 1e-6);
    CHECK_CLOSE((double)s.p[1], 1.6, 1e-6);
    set(&s, 9, 1);
    CHECK_OK(optim_step(s.opt)); /* now the second */
    assert_true(s.p[0] == 0 && s.p[1] == 0);
    assert_int_equal(optim_steps(s.opt), 0);
    assert_int_equal(optim_skipped(s.opt), 2);
    assert_true(scale_of(&s) == 4096);
    set(&s, 3, 4);
    CHECK_STATUS(optim_step(s.opt), OPTIM_EVAL_GRAD);
    set(&s, 9, 1);
    CHECK_OK(optim_step(s.opt));
    assert_true(s.p[0] == -9 && s.p[1] == -1);
    optim_destroy(s.opt);
}

/* What was set late, what is off, and with micro-batches one of which overflows. */
static void test_switching(void **state) {
    (void)state;
    problem_t s;
    open(&s, "lr=1,accumulate=1");
    assert_true(scale_of(&s) == 0);
    element_write(OPTIM_F16, s.g, 0, 1);
    CHECK_OK(optim_accumulate(s.opt));
    CHECK_OK(optim_step(s.opt));
    assert_true(s.p[0] == -1);
    CHECK_OK(optim_set(s.opt, -1, "loss_scale", 8));
    element_write(OPTIM_F16, s.g, 0, 8);
    CHECK_OK(optim_accumulate(s.opt));
    CHECK_OK(optim_step(s.opt));
    assert_true(s.p[0] == -2 && scale_of(&s) == 8);
    element_write(OPTIM_F16, s.g, 0, (double)INFINITY);
    CHECK_OK(optim_accumulate(s.opt));
    element_write(OPTIM_F16, s.g, 0, 8);
    CHECK_OK(optim_accumulate(s.opt));
    CHECK_OK(optim_step(s.opt));
    assert_true(s.p[0] == -2 && scale_of(&s) == 4);
    element_write(OPTIM_F16, s.g, 0, 4);
    CHECK_OK(optim_accumulate(s.opt));
    CHECK_OK(optim_step(s.opt));
    assert_true(s.p[0] == -3);
    CHECK_OK(optim_set(s.opt, -1, "loss_scale", 0));
    element_write(OPTIM_F16, s.g, 0, 1);
    CHECK_OK(optim_accumulate(s.opt));
    CHECK_OK(optim_step(s.opt));
    assert_true(s.p[0] == -4);
    element_write(OPTIM_F16, s.g, 0, (double)INFINITY); /* propagates again */
    CHECK_OK(optim_accumulate(s.opt));
    CHECK_OK(optim_step(s.opt));
    assert_true(isinf(s.p[0]));
    optim_destroy(s.opt);
}

/* A long run on a function whose gradient overflows at first ends where the unscaled run in f32 ends. */
static void test_run(void **state) {
    (void)state;
    problem_t s;
    float p = 3, g;
    optim_t *plain;
    open(&s, "lr=0.25,loss_scale=65536,loss_scale_interval=4");
    s.p[0] = 3;
    CHECK_OK(optim_create(&plain, "sgd", "lr=0.25"));
    CHECK_OK(optim_add_param(plain, 0, "p", OPTIM_F32, 0, NULL, &p, &g));
    for (int i = 0; i < 40; ++i) {
        const int64_t steps = optim_steps(s.opt);
        set(&s, (double)s.p[0], 0);
        g = p;
        CHECK_OK(optim_step(s.opt));
        if (optim_steps(s.opt) > steps)
            CHECK_OK(optim_step(plain));
    }
    assert_in_range(optim_skipped(s.opt), 2, 12);
    CHECK_CLOSE((double)s.p[0] / (double)p, 1, 5e-3); /* f16 gradients */
    optim_destroy(s.opt);
    optim_destroy(plain);
}

/* Keys of numbers that are kept: of a method, of a wrapper by its name, none of another kind. */
static void test_reading_numbers(void **state) {
    (void)state;
    double p = 2, g = 1, value;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "dog", "eps=0"));
    CHECK_OK(optim_wrap(opt, "ema", "decay=0.5"));
    CHECK_OK(optim_add_param(opt, 0, "p", OPTIM_F64, 0, NULL, &p, &g));
    CHECK_OK(optim_get(opt, 0, "ema.prod", &value));
    assert_true(value == 1);
    CHECK_OK(optim_step(opt));
    CHECK_OK(optim_get(opt, -1, "rbar", &value));
    CHECK_CLOSE(value, 3e-6, 1e-12);
    CHECK_OK(optim_get(opt, 0, "G", &value));
    assert_true(value == 1);
    CHECK_OK(optim_get(opt, 0, "ema.prod", &value));
    assert_true(value == 0.5);
    CHECK_REFUSED(optim_get(opt, 0, "x0", &value), OPTIM_ERR_OPTION, "x0");
    CHECK_REFUSED(optim_get(opt, 0, "ema.rbar", &value), OPTIM_ERR_OPTION, "ema.rbar");
    CHECK_REFUSED(optim_set(opt, 0, "rbar", 1), OPTIM_ERR_OPTION, "rbar");
    optim_destroy(opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overflow), cmocka_unit_test(test_underflow),
        cmocka_unit_test(test_growth),   cmocka_unit_test(test_limits),
        cmocka_unit_test(test_sam),      cmocka_unit_test(test_switching),
        cmocka_unit_test(test_run),      cmocka_unit_test(test_reading_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
