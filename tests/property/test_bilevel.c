/* Bilevel methods, on one x and one y: G = (y - x)^2 with y* = x, F = (y - 1)^2 / 2 + x^2 / 2, so that x* = 1/2. */
#include <stdbool.h>
#include <stdlib.h>

#include "check.h"

typedef struct problem {
    optim_t *opt;
    double x, y, gx, gy;
    int asked; /* gradients */
} problem_t;

static void open_problem(problem_t *p, const char *algorithm, const char *options) {
    const int64_t one = 1;
    int lower;
    *p = (problem_t){.x = 2, .y = -1};
    CHECK_OK(optim_create(&p->opt, algorithm, options));
    CHECK_OK(optim_add_group(p->opt, "role=y", &lower));
    CHECK_OK(optim_add_param(p->opt, 0, "x", OPTIM_F64, 1, &one, &p->x, &p->gx));
    CHECK_OK(optim_add_param(p->opt, lower, "y", OPTIM_F64, 1, &one, &p->y, &p->gy));
}

/* Answers for the roles that are asked for; the others get what must not be read. */
static void answer(problem_t *p) {
    optim_request request = {.size = sizeof request};
    CHECK_OK(optim_request_info(p->opt, &request));
    const bool upper = request.objective == 0;
    const uint64_t roles = request.roles == 0 ? 3 : request.roles;
    ++p->asked;
    p->gx = (roles & 1) == 0 ? 1e9 : upper ? p->x : -2 * (p->y - p->x);
    p->gy = (roles & 2) == 0 ? 1e9 : upper ? p->y - 1 : 2 * (p->y - p->x);
}

static void step(problem_t *p) {
    optim_status status;
    assert_int_equal(optim_wants_gradient(p->opt), 0);
    while ((status = optim_step(p->opt)) > 0)
        answer(p);
    CHECK_OK(status);
}

static double end_of(const char *algorithm, const char *options, int steps) {
    problem_t p;
    open_problem(&p, algorithm, options);
    for (int k = 0; k < steps; ++k)
        step(&p);
    optim_destroy(p.opt);
    return p.x;
}

/* With a fixed multiplier they end where the penalty is stationary, off by O(1 / lam); that point is known here. */
static void test_bias(void **state) {
    (void)state;
    static const double LAM[] = {10, 100};
    for (int k = 0; k < 2; ++k) {
        const double lam = LAM[k], want = 2 * lam / (1 + 4 * lam); /* y = (1 + 2 lam x) / (1 + 2 lam) put in x */
        char *f2sa = check_text("lam0=%g,delta=0,lr_y=%g,lr_z=0.4,xi=0.2,inner=20", lam, 0.4 / lam);
        char *f3sa = check_text("lam0=%g,delta=0,lr_y=%g,lr_z=0.4,xi=0.05", lam, 0.4 / lam);
        char *penalty = check_text("lam=%g,lr=%g,lr_inner=0.4", lam, 0.2 / lam);
        const int steps = (int)(600 * lam);
        CHECK_CLOSE(end_of("f2sa", f2sa, steps), want, 1e-8);
        CHECK_CLOSE(end_of("f3sa", f3sa, 4 * steps), want, 1e-8);
        CHECK_CLOSE(end_of("penalty_bilevel", penalty, 2 * steps), want, 1e-8);
        free(f2sa);
        free(f3sa);
        free(penalty);
    }
}

/* eta = 1 forgets: the estimates are the gradients. */
static void test_f3sa_is_f2sa(void **state) {
    (void)state;
    CHECK_CLOSE(end_of("f3sa", "eta=1,lr_y=0.1", 12), end_of("f2sa", "inner=1,lr_y=0.1", 12), 1e-13);
}

/* z starts at y, or at the input; y is where it was when a step is abandoned. */
static void test_start(void **state) {
    (void)state;
    static const double Z = 0.5;
    const int64_t one = 1, two = 2;
    const double wrong[] = {1, 2};
    static const char *const METHODS[] = {"f2sa", "f3sa", "penalty_bilevel"};
    for (int k = 0; k < 3; ++k) {
        problem_t p;
        open_problem(&p, METHODS[k], NULL);
        CHECK_OK(optim_set_input(p.opt, 1, "z", OPTIM_F64, 1, &two, wrong));
        CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_SHAPE, "\"z\" must have as many elements");
        CHECK_OK(optim_set_input(p.opt, 1, "z", OPTIM_F64, 1, &one, k == 0 ? &Z : NULL));
        CHECK_STATUS(optim_step(p.opt), OPTIM_EVAL_GRAD);
        assert_true(p.y == (k == 0 ? Z : -1));
        answer(&p);
        CHECK_STATUS(optim_step(p.opt), OPTIM_EVAL_GRAD);
        CHECK_OK(optim_cancel(p.opt));
        assert_true(p.x == 2 && p.y == -1);
        CHECK_STATUS(optim_step(p.opt), OPTIM_EVAL_GRAD);
        assert_true(p.y == (k == 0 ? Z : -1)); /* z too */
        optim_destroy(p.opt);
    }
}

static void test_counts(void **state) {
    (void)state;
    static const struct {
        const char *method, *options;
        int first, later;
    } CASES[] = {{"f2sa", "inner=3", 12, 12}, {"f3sa", NULL, 6, 12}, {"penalty_bilevel", "inner=4", 7, 7}};
    for (int k = 0; k < 3; ++k) {
        problem_t p;
        open_problem(&p, CASES[k].method, CASES[k].options);
        step(&p);
        assert_int_equal(p.asked, CASES[k].first);
        step(&p);
        assert_int_equal(p.asked, CASES[k].first + CASES[k].later);
        optim_destroy(p.opt);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bias),
        cmocka_unit_test(test_f3sa_is_f2sa),
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
