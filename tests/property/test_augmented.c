/* optim_minimize_constrained: problems of Hock and Schittkowski with known solutions, over several methods; boxes, and
   what is refused. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "check.h"

enum { MOST = 4 };

typedef struct problem {
    const char *name;
    int n, equalities, inequalities;
    double start[MOST], lower, upper; /* of all variables */
    double solution[MOST], multipliers[MOST], value;
    double (*f)(const double *x, double *g);
    void (*c)(const double *x, double *c, double *jacobian); /* rows of n */
} problem_t;

static double f6(const double *x, double *g) {
    g[0] = -2 * (1 - x[0]);
    g[1] = 0;
    return (1 - x[0]) * (1 - x[0]);
}
static void c6(const double *x, double *c, double *j) {
    c[0] = 10 * (x[1] - x[0] * x[0]);
    j[0] = -20 * x[0];
    j[1] = 10;
}

static double f7(const double *x, double *g) {
    g[0] = 2 * x[0] / (1 + x[0] * x[0]);
    g[1] = -1;
    return log(1 + x[0] * x[0]) - x[1];
}
static void c7(const double *x, double *c, double *j) {
    const double a = 1 + x[0] * x[0];
    c[0] = a * a + x[1] * x[1] - 4;
    j[0] = 4 * a * x[0];
    j[1] = 2 * x[1];
}

static double f22(const double *x, double *g) {
    g[0] = 2 * (x[0] - 2);
    g[1] = 2 * (x[1] - 1);
    return (x[0] - 2) * (x[0] - 2) + (x[1] - 1) * (x[1] - 1);
}
static void c22(const double *x, double *c, double *j) {
    c[0] = x[0] + x[1] - 2;
    c[1] = x[0] * x[0] - x[1];
    j[0] = j[1] = 1;
    j[2] = 2 * x[0];
    j[3] = -1;
}

static double f43(const double *x, double *g) {
    static const double LINEAR[] = {-5, -5, -21, 7}, SQUARE[] = {1, 1, 2, 1};
    double sum = 0;
    for (int i = 0; i < 4; ++i) {
        g[i] = LINEAR[i] + 2 * SQUARE[i] * x[i];
        sum += LINEAR[i] * x[i] + SQUARE[i] * x[i] * x[i];
    }
    return sum;
}
static void c43(const double *x, double *c, double *j) {
    static const double SQUARE[3][4] = {{1, 1, 1, 1}, {1, 2, 1, 2}, {2, 1, 1, 0}};
    static const double LINEAR[3][4] = {{1, -1, 1, -1}, {-1, 0, 0, -1}, {2, -1, 0, -1}};
    static const double MOST_OF[] = {8, 10, 5};
    for (int k = 0; k < 3; ++k) {
        c[k] = -MOST_OF[k];
        for (int i = 0; i < 4; ++i) {
            c[k] += SQUARE[k][i] * x[i] * x[i] + LINEAR[k][i] * x[i];
            j[4 * k + i] = 2 * SQUARE[k][i] * x[i] + LINEAR[k][i];
        }
    }
}

/* NLopt's tutorial: min sqrt(x_1), x_1 >= (a x_0 + b)^3 twice, x_1 >= 0. */
static double f_tutorial(const double *x, double *g) {
    g[0] = 0;
    g[1] = 0.5 / sqrt(fmax(x[1], 1e-300));
    return sqrt(fmax(x[1], 0));
}
static void c_tutorial(const double *x, double *c, double *j) {
    static const double A[] = {2, -1}, FREE[] = {0, 1};
    for (int k = 0; k < 2; ++k) {
        const double a = A[k] * x[0] + FREE[k];
        c[k] = a * a * a - x[1];
        j[2 * k] = 3 * A[k] * a * a;
        j[2 * k + 1] = -1;
    }
}

static const problem_t PROBLEMS[] = {
    {"HS6", 2, 1, 0, {-1.2, 1}, -INFINITY, INFINITY, {1, 1}, {0}, 0, f6, c6},
    {"HS7",
     2,
     1,
     0,
     {2, 2},
     -INFINITY,
     INFINITY,
     {0, 1.7320508075688772},
     {0.28867513459481287},
     -1.7320508075688772,
     f7,
     c7},
    {"HS22", 2, 0, 2, {2, 2}, -INFINITY, INFINITY, {1, 1}, {2.0 / 3, 2.0 / 3}, 1, f22, c22},
    {"HS43", 4, 0, 3, {0, 0, 0, 0}, -INFINITY, INFINITY, {0, 1, 2, -1}, {1, 0, 2}, -44, f43, c43},
    {"tutorial",
     2,
     0,
     2,
     {1.234, 5.678},
     0.01,
     6,
     {1.0 / 3, 8.0 / 27},
     {0.30618621784789724, 0.6123724356957945},
     0.5443310539518174,
     f_tutorial,
     c_tutorial},
};
enum { COUNT = sizeof PROBLEMS / sizeof *PROBLEMS };

typedef struct scene {
    const problem_t *problem;
    optim_t *opt;
    double x[MOST], g[MOST], lower[MOST], upper[MOST], sign;
    int evaluations;
} scene_t;

static int on_gradient(void *user, const optim_request *request, double *loss) {
    scene_t *s = user;
    const problem_t *p = s->problem;
    const double *weights;
    double c[MOST], jacobian[MOST * MOST];
    assert_int_equal(request->kind, OPTIM_EVAL_GRAD);
    ++s->evaluations;
    *loss = s->sign * p->f(s->x, s->g);
    p->c(s->x, c, jacobian);
    CHECK_OK(optim_constraint_weights(s->opt, &weights));
    for (int i = 0; i < p->n; ++i) {
        assert_true(s->x[i] >= p->lower && s->x[i] <= p->upper);
        s->g[i] *= s->sign;
        for (int k = 0; k < p->equalities + p->inequalities; ++k)
            s->g[i] += weights[k] * jacobian[k * p->n + i];
    }
    return 0;
}

static int on_loss(void *user, const optim_request *request, double *loss) {
    scene_t *s = user;
    double g[MOST];
    assert_int_equal(request->kind, OPTIM_EVAL_LOSS);
    ++s->evaluations;
    *loss = s->sign * s->problem->f(s->x, g);
    return 0;
}

static int on_constraints(void *user, const optim_request *request, double *values) {
    scene_t *s = user;
    double jacobian[MOST * MOST];
    assert_int_equal(request->kind, OPTIM_EVAL_CONSTRAINTS);
    ++s->evaluations;
    s->problem->c(s->x, values, jacobian);
    return 0;
}

static void open_scene(scene_t *s, const problem_t *problem, const char *algorithm, const char *options) {
    *s = (scene_t){.problem = problem, .sign = 1};
    memcpy(s->x, problem->start, sizeof s->x);
    for (int i = 0; i < MOST; ++i) {
        s->lower[i] = problem->lower;
        s->upper[i] = problem->upper;
    }
    CHECK_OK(optim_create(&s->opt, algorithm, options));
    CHECK_OK(optim_add_param(s->opt, 0, "x", OPTIM_F64, 1, (int64_t[]){problem->n}, s->x, s->g));
    CHECK_OK(optim_set_constraints(s->opt, problem->equalities, problem->inequalities));
    if (isfinite(problem->lower))
        CHECK_OK(optim_set_bounds(s->opt, 0, s->lower, s->upper));
}

static optim_result run(scene_t *s, optim_stop stop, optim_constrained *constrained) {
    const optim_problem problem = {
        .size = sizeof problem, .user = s, .gradient = on_gradient, .loss = on_loss, .constraints = on_constraints};
    optim_result result = {.size = sizeof result};
    stop.size = sizeof stop;
    CHECK_OK(optim_minimize_constrained(s->opt, &problem, &stop, constrained, &result));
    assert_int_equal(result.evaluations, s->evaluations);
    return result;
}

static void solve(const problem_t *problem, const char *algorithm, const char *options, double tolerance,
                  int64_t most) {
    scene_t s;
    double multipliers[MOST] = {0};
    optim_constrained constrained = {.size = sizeof constrained, .multipliers = multipliers};
    open_scene(&s, problem, algorithm, options);
    const optim_result result = run(&s, (optim_stop){.gradient_norm = 1e-7, .evaluations = most}, &constrained);
    if (result.reason != OPTIM_STOP_FEASIBLE || !(fabs(result.loss - problem->value) < tolerance))
        fail_msg("%s with %s: %s, at %.12g, violation %g, penalty %g, after %d rounds and %d evaluations",
                 problem->name, algorithm, optim_stop_reason(result.reason), result.loss, constrained.violation,
                 constrained.penalty, (int)constrained.rounds, (int)result.evaluations);
    assert_true(constrained.violation <= 1e-8);
    for (int i = 0; i < problem->n; ++i)
        assert_true(fabs(s.x[i] - problem->solution[i]) < 100 * tolerance);
    for (int k = 0; k < problem->equalities + problem->inequalities; ++k)
        assert_true(fabs(multipliers[k] - problem->multipliers[k]) < 1000 * tolerance);
    optim_destroy(s.opt);
}

static void test_lbfgs(void **state) {
    (void)state;
    for (int i = 0; i < COUNT; ++i)
        solve(&PROBLEMS[i], "lbfgs", NULL, 1e-6, 4000);
}

static void test_ncg(void **state) {
    (void)state;
    for (int i = 0; i < 4; ++i)
        solve(&PROBLEMS[i], "ncg", NULL, 1e-6, 20000);
}

static void test_maximize(void **state) {
    (void)state;
    scene_t s;
    optim_constrained constrained = {.size = sizeof constrained};
    open_scene(&s, &PROBLEMS[3], "lbfgs", "maximize=1");
    s.sign = -1;
    const optim_result result = run(&s, (optim_stop){.gradient_norm = 1e-7, .evaluations = 4000}, &constrained);
    assert_int_equal(result.reason, OPTIM_STOP_FEASIBLE);
    assert_true(fabs(result.loss - 44) < 1e-6);
    optim_destroy(s.opt);
}

/* From values alone. */
static void test_values(void **state) {
    (void)state;
    scene_t s;
    optim_constrained constrained = {.size = sizeof constrained, .feasibility = 1e-5};
    open_scene(&s, &PROBLEMS[2], "nelder_mead", NULL);
    const optim_result result =
        run(&s, (optim_stop){.loss_change = 1e-13, .loss_change_steps = 30, .evaluations = 20000}, &constrained);
    assert_int_equal(result.reason, OPTIM_STOP_FEASIBLE);
    assert_true(fabs(result.loss - 1) < 1e-4);
    optim_destroy(s.opt);
}

/* x^2 + 1 = 0 has no solution. */
static void impossible(const double *x, double *c, double *j) {
    c[0] = x[0] * x[0] + 1;
    j[0] = 2 * x[0];
    j[1] = 0;
}

static void test_infeasible(void **state) {
    (void)state;
    scene_t s;
    const problem_t problem = {"none", 2, 1, 0, {1, 1}, -INFINITY, INFINITY, {0}, {0}, 0, f22, impossible};
    optim_constrained constrained = {.size = sizeof constrained};
    open_scene(&s, &problem, "lbfgs", NULL);
    const optim_result result = run(&s, (optim_stop){.gradient_norm = 1e-7, .evaluations = 20000}, &constrained);
    assert_int_equal(result.reason, OPTIM_STOP_INFEASIBLE);
    assert_true(constrained.violation >= 1);
    optim_destroy(s.opt);
}

static void test_budgets(void **state) {
    (void)state;
    scene_t s;
    optim_constrained constrained = {.size = sizeof constrained, .rounds = 1};
    open_scene(&s, &PROBLEMS[3], "lbfgs", NULL);
    optim_result result = run(&s, (optim_stop){.gradient_norm = 1e-7}, &constrained);
    assert_int_equal(result.reason, OPTIM_STOP_ROUNDS);
    assert_int_equal(constrained.rounds, 1);
    optim_destroy(s.opt);
    constrained = (optim_constrained){.size = sizeof constrained};
    open_scene(&s, &PROBLEMS[3], "lbfgs", NULL);
    result = run(&s, (optim_stop){.gradient_norm = 1e-7, .evaluations = 11}, &constrained);
    assert_int_equal(result.reason, OPTIM_STOP_EVALUATIONS);
    assert_in_range(result.evaluations, 11, 20);
    optim_destroy(s.opt);
    constrained = (optim_constrained){.size = sizeof constrained};
    open_scene(&s, &PROBLEMS[3], "lbfgs", NULL);
    result = run(&s, (optim_stop){.gradient_norm = 1e-7, .steps = 3}, &constrained);
    assert_int_equal(result.reason, OPTIM_STOP_STEPS);
    assert_int_equal(result.steps, 3);
    optim_destroy(s.opt);
}

static optim_status attempt(scene_t *s, optim_stop stop, bool has_constraints) {
    const optim_problem problem = {.size = sizeof problem,
                                   .user = s,
                                   .gradient = on_gradient,
                                   .constraints = has_constraints ? on_constraints : NULL};
    optim_constrained constrained = {.size = sizeof constrained};
    stop.size = sizeof stop;
    return optim_minimize_constrained(s->opt, &problem, &stop, &constrained, NULL);
}

static void test_refusals(void **state) {
    (void)state;
    scene_t s;
    open_scene(&s, &PROBLEMS[3], "lbfgs", NULL);
    const optim_stop stop = {.gradient_norm = 1e-6};
    CHECK_REFUSED(attempt(&s, stop, false), OPTIM_ERR_NULL, "problem.constraints");
    CHECK_REFUSED(attempt(&s, (optim_stop){.steps = 5}, true), OPTIM_ERR_VALUE, "stop.gradient_norm");
    CHECK_REFUSED(attempt(&s, (optim_stop){.gradient_norm = 1, .keep_best = 1}, true), OPTIM_ERR_VALUE, "keep_best");
    CHECK_REFUSED(attempt(&s, (optim_stop){.gradient_norm = 1, .has_loss_target = 1}, true), OPTIM_ERR_VALUE,
                  "loss_target");
    optim_destroy(s.opt);
    open_scene(&s, &PROBLEMS[3], "newton_cg", NULL);
    CHECK_REFUSED(attempt(&s, stop, true), OPTIM_ERR_MISMATCH, "newton_cg");
    optim_destroy(s.opt);
    open_scene(&s, &PROBLEMS[3], "mdmm", NULL);
    CHECK_REFUSED(attempt(&s, stop, true), OPTIM_ERR_MISMATCH, "mdmm");
    optim_destroy(s.opt);
    CHECK_OK(optim_create(&s.opt, "sgd", NULL));
    CHECK_REFUSED(attempt(&s, stop, true), OPTIM_ERR_ORDER, "optim_set_constraints");
    optim_destroy(s.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lbfgs),    cmocka_unit_test(test_ncg),        cmocka_unit_test(test_maximize),
        cmocka_unit_test(test_values),   cmocka_unit_test(test_infeasible), cmocka_unit_test(test_budgets),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
