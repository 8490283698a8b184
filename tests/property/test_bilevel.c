/* Bilevel methods, on one x and one y: G = (y - x)^2 with y* = x, F = (y - 1)^2 / 2 + x^2 / 2, so that x* = 1/2. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "check.h"

typedef struct problem {
    optim_t *opt;
    double x, y, gx, gy;
    double copy; /* where y stood at the last gradient of G */
    int asked, constraints;
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

/* Products with the Hessian of G; constraints x + y - 1/2. */
static void answer_other(problem_t *p, const optim_request *request) {
    const void *vx, *vy;
    void *to;
    double *values;
    if (request->kind == OPTIM_EVAL_CONSTRAINTS) {
        CHECK_OK(optim_constraint_values(p->opt, &values));
        for (int j = 0; j < p->constraints; ++j)
            values[j] = p->x + p->y - 0.5;
        return;
    }
    assert_int_equal(request->kind, OPTIM_EVAL_HVP);
    CHECK_OK(optim_hvp_vector(p->opt, 0, &vx));
    CHECK_OK(optim_hvp_vector(p->opt, 1, &vy));
    const double x = vx == NULL ? 0 : *(const double *)vx, y = *(const double *)vy;
    for (int i = 0; i < 2; ++i) {
        CHECK_OK(optim_hvp_result(p->opt, i, &to));
        if (to != NULL)
            *(double *)to = i == 0 ? 2 * (x - y) : 2 * (y - x);
    }
}

/* The gradient of the weighted constraints, in x and in y. */
static double push(const problem_t *p) {
    const double *weights = NULL;
    if (p->constraints == 0)
        return 0;
    CHECK_OK(optim_constraint_weights(p->opt, &weights));
    double sum = 0;
    for (int j = 0; j < p->constraints; ++j)
        sum += weights[j];
    return sum;
}

/* Answers for the roles that are asked for; the others get what must not be read. */
static void answer(problem_t *p) {
    optim_request request = {.size = sizeof request};
    CHECK_OK(optim_request_info(p->opt, &request));
    if (request.kind != OPTIM_EVAL_GRAD) {
        answer_other(p, &request);
        return;
    }
    const bool upper = request.objective == 0;
    const uint64_t roles = request.roles == 0 ? 3 : request.roles;
    ++p->asked;
    const double constraint = push(p);
    p->copy = upper ? p->copy : p->y;
    p->gx = (roles & 1) == 0 ? 1e9 : constraint + (upper ? p->x : -2 * (p->y - p->x));
    p->gy = (roles & 2) == 0 ? 1e9 : constraint + (upper ? p->y - 1 : 2 * (p->y - p->x));
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
        CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_SHAPE, "must have as many elements");
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

/* A block-wise minimum of F(x, y) + G(x, w) + (y - w)^2 / 2: w = 3/7, x = 2/7; and the way there never rises. */
static void test_rarts(void **state) {
    (void)state;
    CHECK_CLOSE(end_of("rarts", NULL, 2000), 2.0 / 7, 1e-8);
    problem_t p;
    open_problem(&p, "rarts", "lam=2,beta=0.5");
    double last = (double)INFINITY;
    for (int k = 0; k < 200; ++k) {
        const double x = p.x, y = p.y, w = k == 0 ? y : p.copy;
        const double sum = 0.5 * ((y - 1) * (y - 1) + x * x) + 2 * (w - x) * (w - x) + 0.25 * (y - w) * (y - w);
        assert_true(sum <= last);
        last = sum;
        step(&p);
    }
    optim_destroy(p.opt);
}

/* The prediction is exact where y* is linear, but only draws around x make A its derivative. */
static void test_hypernet(void **state) {
    (void)state;
    CHECK_CLOSE(end_of("hypernet", "sigma=0.3,lr_inner=0.2", 20000), 0.5, 1e-10);
    assert_true(fabs(end_of("hypernet", "sigma=0,lr_inner=0.2", 20000) - 0.5) > 0.01);
}

/* x moves by lr, and only where the hypergradient is not 0; y stays in its ball. */
static void test_bo_rep(void **state) {
    (void)state;
    problem_t p;
    open_problem(&p, "bo_rep", "lr=0.01,radius=0.125,lr_y=0.45");
    for (int k = 0; k < 30; ++k) {
        const double x = p.x, y = p.y;
        step(&p);
        CHECK_CLOSE(fabs(p.x - x), 0.01, 1e-12);
        assert_true(k == 0 || fabs(p.y - y) <= 0.125 + 1e-12);
        assert_true(k % 3 == 0 || p.y == y);
    }
    optim_destroy(p.opt);
    CHECK_CLOSE(end_of("bo_rep", "lr=0.001,interval=1", 4000), 0.5, 5e-3);
}

/* Solved to rounding, the hypergradient is that of F(x, y*(x)): 2 x - 1. */
static void test_hoag(void **state) {
    (void)state;
    problem_t p;
    open_problem(&p, "hoag", "tol0=1e-12,L=10,lr_inner=0.4");
    for (int k = 0; k < 5; ++k) {
        const double want = p.x - (2 * p.x - 1) / 10;
        step(&p);
        CHECK_CLOSE(p.x, want, 1e-12);
    }
    optim_destroy(p.opt);
    CHECK_CLOSE(end_of("hoag", "L=4,lr_inner=0.4", 400), 0.5, 1e-10);
    CHECK_CLOSE(end_of("hoag", "L=4,lr_inner=0.4,hi=0.25", 100), 0.25, 0);
}

/* x + y <= 1/2 holds after every step; x + y = 1/2 too, by two constraints at once. */
static void test_lv_hba(void **state) {
    (void)state;
    for (int equalities = 0; equalities < 2; ++equalities) {
        problem_t p;
        open_problem(&p, "lv_hba", NULL);
        CHECK_OK(optim_set_constraints(p.opt, equalities, 1));
        p.constraints = equalities + 1;
        for (int k = 0; k < 400; ++k) {
            step(&p);
            assert_true(p.x + p.y <= 0.5 + 1e-9);
            assert_true(equalities == 0 || p.x + p.y >= 0.5 - 1e-9);
        }
        optim_destroy(p.opt);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bias),   cmocka_unit_test(test_f3sa_is_f2sa), cmocka_unit_test(test_start),
        cmocka_unit_test(test_counts), cmocka_unit_test(test_rarts),        cmocka_unit_test(test_hypernet),
        cmocka_unit_test(test_bo_rep), cmocka_unit_test(test_lv_hba),       cmocka_unit_test(test_hoag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
