/* optim_accumulate: what becomes of several gradients, what empties the sum, and what is refused. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "element.h"

/* Plain sgd with lr 1, unless options say otherwise: "a" has 2 elements, "b" 1; all start at 0. */
typedef struct problem {
    optim_t *opt;
    float a[2], b[1], of_a[2], of_b[1];
} problem_t;

static void open(problem_t *s, const char *algorithm, const char *options) {
    memset(s, 0, sizeof *s);
    CHECK_OK(optim_create(&s->opt, algorithm, options));
    CHECK_OK(optim_add_param(s->opt, 0, "a", OPTIM_F32, 1, (int64_t[]){2}, s->a, s->of_a));
    CHECK_OK(optim_add_param(s->opt, 0, "b", OPTIM_F32, 1, (int64_t[]){1}, s->b, s->of_b));
}

static void set(problem_t *s, double a0, double a1, double b) {
    s->of_a[0] = (float)a0;
    s->of_a[1] = (float)a1;
    s->of_b[0] = (float)b;
}

static void add(problem_t *s, double a0, double a1, double b) {
    set(s, a0, a1, b);
    CHECK_OK(optim_accumulate(s->opt));
}

static void check_at(const problem_t *s, double a0, double a1, double b) {
    CHECK_CLOSE((double)s->a[0], a0, 1e-6);
    CHECK_CLOSE((double)s->a[1], a1, 1e-6);
    CHECK_CLOSE((double)s->b[0], b, 1e-6);
}

static double accumulated(const problem_t *s) {
    double count;
    CHECK_OK(optim_get(s->opt, 0, "accumulated", &count));
    return count;
}

static void test_mean(void **state) {
    (void)state;
    problem_t s;
    open(&s, "sgd", "lr=1,accumulate=1");
    add(&s, 3, -1, 8);
    add(&s, 1, -1, 0);
    add(&s, 2, 5, 1);
    assert_true(accumulated(&s) == 3);
    check_at(&s, 0, 0, 0);
    set(&s, 100, 100, 100); /* not looked at */
    CHECK_OK(optim_step(s.opt));
    check_at(&s, -2, -1, -3);
    assert_true(accumulated(&s) == 0);
    assert_int_equal(optim_steps(s.opt), 1);
    CHECK_REFUSED(optim_step(s.opt), OPTIM_ERR_ORDER, "optim_accumulate"); /* nothing accumulated */
    check_at(&s, -2, -1, -3);
    assert_int_equal(optim_steps(s.opt), 1);
    add(&s, 4, 0, 0); /* the last sum has gone */
    CHECK_OK(optim_step(s.opt));
    check_at(&s, -6, -1, -3);
    optim_destroy(s.opt);
}

/* 1/8 of the sum; clipping and the log see that; the next window is a mean again. */
static void test_scale(void **state) {
    (void)state;
    problem_t s;
    double norm[2];
    open(&s, "sgd", "lr=1,accumulate=1,clip_norm=0.5");
    CHECK_OK(optim_record_norms(s.opt, OPTIM_NORM_L2, norm, 2));
    CHECK_REFUSED(optim_accumulate_scale(s.opt, 1), OPTIM_ERR_ORDER, "optim_accumulate");
    add(&s, 2, 0, 0);
    CHECK_OK(optim_accumulate_scale(s.opt, 5)); /* the last one counts */
    add(&s, 4, 8, 0);
    static const double WRONG[] = {0, -1, (double)INFINITY, (double)NAN};
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; ++i)
        CHECK_REFUSED(optim_accumulate_scale(s.opt, WRONG[i]), OPTIM_ERR_ARGUMENT, "scale");
    CHECK_OK(optim_accumulate_scale(s.opt, 0.125));
    assert_true(accumulated(&s) == 2);
    CHECK_OK(optim_step(s.opt)); /* 0.75, 1, of norm 1.25 */
    check_at(&s, -0.3, -0.4, 0);
    CHECK_REFUSED(optim_accumulate_scale(s.opt, 1), OPTIM_ERR_ORDER, "optim_accumulate");
    CHECK_OK(optim_set(s.opt, -1, "clip_norm", 0));
    add(&s, 1, 0, 0);
    add(&s, 3, 4, 0);
    CHECK_OK(optim_step(s.opt));
    check_at(&s, -2.3, -2.4, 0);
    CHECK_CLOSE(norm[0], 1.25, 1e-6);
    CHECK_CLOSE(norm[1], sqrt(8), 1e-6);
    CHECK_REFUSED(optim_accumulate_scale(NULL, 1), OPTIM_ERR_NULL, "opt");
    optim_destroy(s.opt);
}

/* What empties the sum ends it: a cancelled step, a skipped one, a reset, loading. */
static void test_scale_goes_with_the_sum(void **state) {
    (void)state;
    static char room[65536];
    size_t size;
    problem_t s;
    open(&s, "sgd", "lr=1,accumulate=1,nonfinite=skip");
    CHECK_OK(optim_wrap(s.opt, "sam", "rho=2"));
    for (int way = 0; way < 4; ++way) {
        add(&s, 3, 4, way == 1 ? (double)NAN : 0);
        CHECK_OK(optim_serialize(s.opt, room, sizeof room, &size));
        CHECK_OK(optim_accumulate_scale(s.opt, 7));
        if (way == 0) {
            CHECK_STATUS(optim_step(s.opt), OPTIM_EVAL_GRAD);
            CHECK_OK(optim_cancel(s.opt));
        } else if (way == 1) {
            CHECK_OK(optim_step(s.opt));
            assert_int_equal(optim_skipped(s.opt), 1);
        } else if (way == 2) {
            CHECK_OK(optim_reset(s.opt));
        } else {
            CHECK_OK(optim_deserialize(s.opt, room, size));
        }
        if (way < 3)
            add(&s, 3, 4, 0);
        CHECK_STATUS(optim_step(s.opt), OPTIM_EVAL_GRAD);
        add(&s, 1, 1, 0);
        CHECK_OK(optim_accumulate_scale(s.opt, 2)); /* of the second evaluation alone */
        CHECK_OK(optim_step(s.opt));
        check_at(&s, -2 - 2 * way, -2 - 2 * way, 0);
    }
    optim_destroy(s.opt);
}

/* Its losses likewise. */
static void test_scale_of_losses(void **state) {
    (void)state;
    problem_t s;
    open(&s, "sps", "accumulate=1,c=1,lr_max=10"); /* lr = f / |g|^2 */
    for (int i = 0; i < 2; ++i) {
        CHECK_OK(optim_set_loss(s.opt, 4));
        add(&s, 4, 0, 0);
    }
    CHECK_OK(optim_accumulate_scale(s.opt, 0.25));
    CHECK_OK(optim_step(s.opt)); /* 2 / 4 times 2 */
    check_at(&s, -1, 0, 0);
    optim_destroy(s.opt);
}

/* The driver's gradients are whole. */
static int whole_gradient(void *user, const optim_request *request, double *loss) {
    problem_t *s = user;
    (void)request;
    set(s, 1, 2, 3);
    *loss = 0;
    return 0;
}

static void test_minimize(void **state) {
    (void)state;
    problem_t s;
    open(&s, "sgd", "lr=1,accumulate=1");
    const optim_problem problem = {.size = sizeof problem, .user = &s, .gradient = whole_gradient};
    const optim_stop stop = {.size = sizeof stop, .steps = 2};
    CHECK_OK(optim_minimize(s.opt, &problem, &stop, NULL));
    check_at(&s, -2, -4, -6);
    optim_destroy(s.opt);
}

/* |g| = 5 of the mean (3, 4, 0): clipped there and not before. */
static void test_clipping_sees_the_mean(void **state) {
    (void)state;
    problem_t s;
    open(&s, "sgd", "lr=1,accumulate=1,clip_norm=1,grad_scale=0.5");
    add(&s, 6, 0, 40);
    add(&s, 6, 16, -40);
    CHECK_OK(optim_step(s.opt));
    check_at(&s, -0.6, -0.8, 0);
    optim_destroy(s.opt);
}

/* Each addend by itself, its norm over all parameters: (6, 8, 0) has 10, (0, 0, 1) is short enough. */
static void test_clip_each(void **state) {
    (void)state;
    problem_t s;
    open(&s, "sgd", "lr=1,accumulate=1,accumulate_clip=2");
    add(&s, 6, 8, 0);
    add(&s, 0, 0, 1);
    CHECK_OK(optim_step(s.opt));
    check_at(&s, -0.6, -0.8, -0.5);
    CHECK_OK(optim_set(s.opt, -1, "accumulate_clip", 0));
    add(&s, 6, 8, 0);
    CHECK_OK(optim_step(s.opt));
    check_at(&s, -6.6, -8.8, -0.5);
    add(&s, (double)NAN, 0, 0);
    CHECK_OK(optim_set(s.opt, -1, "accumulate_clip", 2));
    add(&s, 1, (double)INFINITY, 0);
    CHECK_OK(optim_step(s.opt));
    assert_true(isnan(s.a[0]) && !isfinite(s.a[1]));
    optim_destroy(s.opt);
}

static void test_frozen_adds_nothing(void **state) {
    (void)state;
    problem_t s;
    open(&s, "sgd", "lr=1,accumulate=1");
    CHECK_OK(optim_bind(s.opt, 1, s.b, NULL));
    add(&s, 2, 0, 50);
    CHECK_OK(optim_bind(s.opt, 1, s.b, s.of_b));
    add(&s, 2, 0, 6);
    CHECK_OK(optim_step(s.opt));
    check_at(&s, -2, 0, -3);
    add(&s, 2, 0, 6);
    CHECK_OK(optim_bind(s.opt, 1, s.b, NULL));
    CHECK_OK(optim_step(s.opt));
    check_at(&s, -4, 0, -3);
    optim_destroy(s.opt);
}

/* A bf16 sum would stay at 256. */
static void test_sum_is_wide(void **state) {
    (void)state;
    uint16_t p = 0, g;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sgd", "lr=1,accumulate=1"));
    CHECK_OK(optim_add_param(opt, 0, "p", OPTIM_BF16, 1, (int64_t[]){1}, &p, &g));
    element_write(OPTIM_BF16, &g, 0, 1);
    for (int i = 0; i < 1024; ++i)
        CHECK_OK(optim_accumulate(opt));
    CHECK_OK(optim_step(opt));
    assert_true(element_read(OPTIM_BF16, &p, 0) == -1);
    optim_destroy(opt);
}

static void test_zero_grad(void **state) {
    (void)state;
    problem_t s;
    open(&s, "sgd", "lr=1,accumulate=1,zero_grad=1");
    add(&s, 1, 2, 3);
    assert_true(s.of_a[0] == 0 && s.of_a[1] == 0 && s.of_b[0] == 0);
    CHECK_OK(optim_step(s.opt));
    check_at(&s, -1, -2, -3);
    optim_destroy(s.opt);
}

/* The mean of the losses is what the method reads: clipped_sgd does not, lbfgs does. */
static void test_loss(void **state) {
    (void)state;
    problem_t s;
    open(&s, "lbfgs", "accumulate=1");
    set(&s, 1, 1, 1);
    CHECK_REFUSED(optim_accumulate(s.opt), OPTIM_ERR_LOSS, "optim_set_loss");
    assert_true(accumulated(&s) == 0);
    for (int i = 0; i < 2; ++i) {
        CHECK_OK(optim_set_loss(s.opt, i == 0 ? 3 : 5));
        CHECK_OK(optim_accumulate(s.opt));
    }
    double sum;
    CHECK_OK(optim_get(s.opt, 0, "accumulated_loss", &sum));
    assert_true(sum == 8);
    assert_true(optim_step(s.opt) > 0); /* it has the loss */
    optim_destroy(s.opt);
}

/* sam: each of the two evaluations in parts, one that is abandoned half-way, one left to the bound buffers. */
static void test_requests(void **state) {
    (void)state;
    problem_t s;
    open(&s, "sgd", "lr=1,accumulate=1");
    CHECK_OK(optim_wrap(s.opt, "sam", "rho=2"));
    add(&s, 6, 0, 0);
    add(&s, 0, 8, 0); /* mean (3, 4, 0) */
    CHECK_STATUS(optim_step(s.opt), OPTIM_EVAL_GRAD);
    check_at(&s, 1.2, 1.6, 0);
    add(&s, 1, 1, 1);
    CHECK_OK(optim_cancel(s.opt));
    assert_true(accumulated(&s) == 0);
    check_at(&s, 0, 0, 0);
    add(&s, 3, 4, 0);
    CHECK_STATUS(optim_step(s.opt), OPTIM_EVAL_GRAD);
    check_at(&s, 1.2, 1.6, 0);
    add(&s, 2, 0, 0);
    add(&s, 0, 4, 2);
    check_at(&s, 1.2, 1.6, 0);
    CHECK_OK(optim_step(s.opt));
    check_at(&s, -1, -2, -1);
    add(&s, 3, 4, 0);
    CHECK_STATUS(optim_step(s.opt), OPTIM_EVAL_GRAD);
    set(&s, 1, 1, 1);
    CHECK_OK(optim_step(s.opt));
    check_at(&s, -2, -3, -2);
    optim_destroy(s.opt);
}

static void test_what_empties_it(void **state) {
    (void)state;
    problem_t s;
    open(&s, "sgd", "lr=1,accumulate=1,nonfinite=skip");
    add(&s, 1, 1, 1);
    add(&s, 1, (double)INFINITY, 1);
    CHECK_OK(optim_step(s.opt));
    assert_int_equal(optim_skipped(s.opt), 1);
    assert_int_equal(optim_steps(s.opt), 0);
    assert_true(accumulated(&s) == 0);
    check_at(&s, 0, 0, 0);
    add(&s, 5, 5, 5);
    CHECK_OK(optim_reset(s.opt));
    assert_true(accumulated(&s) == 0);
    add(&s, 1, 2, 3);
    CHECK_OK(optim_step(s.opt));
    check_at(&s, -1, -2, -3);
    optim_destroy(s.opt);
    open(&s, "sgd", "lr=1,accumulate=1,nonfinite=error");
    add(&s, 1, (double)NAN, 1);
    set(&s, 1, 1, 1);
    CHECK_REFUSED(optim_step(s.opt), OPTIM_ERR_NONFINITE, "accumulated");
    assert_true(accumulated(&s) == 0);
    optim_destroy(s.opt);
}

/* 4 bytes a parameter of state, in whole cache lines, known before the first step and no more taken later. */
static void test_memory(void **state) {
    (void)state;
    problem_t with, without;
    size_t state_with, state_without, scratch, later, scratch_later;
    open(&with, "sgd", "accumulate=1");
    open(&without, "sgd", NULL);
    CHECK_OK(optim_memory(with.opt, &state_with, &scratch));
    CHECK_OK(optim_memory(without.opt, &state_without, NULL));
    assert_int_equal(state_with - state_without, 2 * 64);
    add(&with, 1, 1, 1);
    CHECK_OK(optim_memory(with.opt, &later, &scratch_later));
    assert_int_equal(later, state_with);
    assert_int_equal(scratch_later, scratch);
    optim_destroy(with.opt);
    optim_destroy(without.opt);
}

/* Saved between two micro-batches. */
static void test_checkpoint(void **state) {
    (void)state;
    problem_t s, again;
    static char room[65536];
    size_t size;
    open(&s, "sgd", "lr=1,accumulate=1");
    add(&s, 3, -1, 8);
    CHECK_OK(optim_serialize(s.opt, room, sizeof room, &size));
    open(&again, "sgd", "lr=1,accumulate=1");
    CHECK_OK(optim_deserialize(again.opt, room, size));
    assert_true(accumulated(&again) == 1);
    add(&again, 1, 5, 0);
    CHECK_OK(optim_step(again.opt));
    check_at(&again, -2, -2, -4);
    optim_destroy(s.opt);
    optim_destroy(again.opt);
}

/* The log of norms is of the mean. */
static void test_norm_log(void **state) {
    (void)state;
    problem_t s;
    double norm;
    open(&s, "sgd", "lr=1,accumulate=1");
    CHECK_OK(optim_record_norms(s.opt, OPTIM_NORM_L2, &norm, 1));
    add(&s, 6, 0, 1);
    add(&s, 0, 8, -1);
    set(&s, 100, 100, 100);
    CHECK_OK(optim_step(s.opt));
    CHECK_CLOSE(norm, 5, 1e-6);
    optim_destroy(s.opt);
}

static void test_refusals(void **state) {
    (void)state;
    problem_t s;
    optim_t *empty;
    CHECK_STATUS(optim_accumulate(NULL), OPTIM_ERR_NULL);
    CHECK_OK(optim_create(&empty, "sgd", "accumulate=1"));
    CHECK_REFUSED(optim_accumulate(empty), OPTIM_ERR_ORDER, "param");
    optim_destroy(empty);
    open(&s, "sgd", "lr=1");
    CHECK_REFUSED(optim_accumulate(s.opt), OPTIM_ERR_ORDER, "accumulate=1");
    CHECK_OK(optim_set(s.opt, -1, "accumulate", 1));
    add(&s, 1, 1, 1);
    CHECK_REFUSED(optim_set(s.opt, -1, "accumulate", 0), OPTIM_ERR_ORDER, "accumulate");
    CHECK_OK(optim_swap_output(s.opt));
    CHECK_REFUSED(optim_accumulate(s.opt), OPTIM_ERR_SWAPPED, "optim_swap_output");
    CHECK_OK(optim_swap_output(s.opt));
    CHECK_OK(optim_step(s.opt));
    check_at(&s, -1, -1, -1);
    optim_destroy(s.opt);
    open(&s, "oasis", "accumulate=1");
    add(&s, 1, 1, 1);
    CHECK_STATUS(optim_step(s.opt), OPTIM_EVAL_HVP);
    CHECK_REFUSED(optim_accumulate(s.opt), OPTIM_ERR_OPEN, "gradient");
    optim_destroy(s.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mean),
        cmocka_unit_test(test_scale),
        cmocka_unit_test(test_scale_goes_with_the_sum),
        cmocka_unit_test(test_scale_of_losses),
        cmocka_unit_test(test_minimize),
        cmocka_unit_test(test_clipping_sees_the_mean),
        cmocka_unit_test(test_clip_each),
        cmocka_unit_test(test_frozen_adds_nothing),
        cmocka_unit_test(test_sum_is_wide),
        cmocka_unit_test(test_zero_grad),
        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_what_empties_it),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_norm_log),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
