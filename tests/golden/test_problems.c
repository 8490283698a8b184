/* The problems of golden files: gradients and products against differences, means of components, numbers by hand. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "problem.h"
#include "verdict.h"

typedef struct subject {
    const char *name, *options;
    size_t d; /* variables */
    int objectives;
    bool has_product, is_operator; /* an operator's "gradient" is that of no function */
} subject_t;

static const subject_t SUBJECTS[] = {
    {"quad", "d=6", 6, 1, true, false},
    {"lsq", "n=12,d=6,l2=0.3", 6, 1, true, false},
    {"logreg", "n=12,d=6,l2=0.1", 6, 1, true, false},
    {"absdev", "n=12,d=6,l2=0.2", 6, 1, false, false},
    {"phase", "n=12,d=4", 4, 1, false, false},
    {"clients", "clients=4,d=6,sigma=0.0", 6, 1, true, false},
    {"lincon", "d=8,m=2", 8, 1, true, false},
    {"quadcon", "d=6,m=2", 6, 1, true, false},
    {"bilevel_quad", "dx=3,dy=4,rho=0.1", 7, 2, true, false},
    {"bilevel_ridge", "n=12,dy=4", 5, 2, true, false},
    {"rastrigin", "d=3", 3, 1, false, false},
    {"maxlin", "n=12,d=6", 6, 1, false, false},
    {"spd", "d=8", 8, 1, true, false},
    {"spiked", "d=8,k=3", 8, 1, true, false},
    {"dirichlet", "D=5", 4, 1, false, false},
    {"contraction", "d=5,kappa=0.5", 5, 1, false, true},
    {"policy_map", "d=5,kappa=0.5", 5, 1, false, true},
    {"lme", "n=12,d=6,lam=0.5,l2=0.1", 6, 2, false, false},
    {"nce", "n=10,m=12,d=4,l2=0.1", 4, 2, false, false},
    {"comp_quad", "n=8,m=4,d=3", 3, 1, false, false},
    {"atoms", "n=6,N=8", 8, 1, false, false},
    {"bandit", "", 6, 1, false, false},
    {"relunet", "", 20, 1, false, false}, /* W 4 x 2, b 4, V 2 x 4 */
};

enum { MOST = 24 };
static const double STEP = 1e-6, NEAR = 2e-8;

static problem_t *open_subject(const subject_t *s) {
    static const size_t NET[] = {8, 4, 8};
    size_t *sizes = file_memory(3, sizeof *sizes);
    const bool is_net = strcmp(s->name, "relunet") == 0;
    sizes[0] = s->d;
    if (is_net)
        memcpy(sizes, NET, sizeof NET);
    problem_t *p = problem_open(s->name, s->options, "test", is_net ? 3 : 1, sizes);
    if (p == NULL)
        fail_file("there is no such problem");
    return p;
}

/* Points between 0.2 and 0.8, as policy_map's logarithms need. */
static void fill(size_t d, double shift, double *x) {
    for (size_t i = 0; i < d; ++i)
        x[i] = 0.5 + 0.3 * sin(1 + 1.3 * (double)i + shift);
}

static void near(double got, double want, double tolerance, const char *what) {
    if (!(fabs(got - want) <= tolerance * fmax(1, fabs(want))))
        fail_file("%s: %.17g, not %.17g", what, got, want);
}

static double weighted_constraints(const problem_t *p, const term_t *term, const double *x) {
    double c[MOST], sum = 0;
    if (term->weights == NULL)
        return 0;
    problem_constraints(p, term, x, c);
    for (size_t k = 0; k < p->equalities + p->inequalities; ++k)
        sum += term->weights[k] * c[k];
    return sum;
}

static double lagrangian(const problem_t *p, const term_t *term, const double *x) {
    return problem_value(p, term, x) + weighted_constraints(p, term, x);
}

static void check_gradient(const problem_t *p, size_t d, const term_t *term) {
    double x[MOST] = {0}, g[MOST];
    fill(d, 0, x);
    problem_gradient(p, term, x, g);
    for (size_t i = 0; i < d; ++i) {
        const double at = x[i];
        x[i] = at + STEP;
        const double above = lagrangian(p, term, x);
        x[i] = at - STEP;
        const double below = lagrangian(p, term, x);
        x[i] = at;
        near(g[i], (above - below) / (2 * STEP), NEAR, "gradient");
    }
}

static void check_product(const problem_t *p, size_t d, const term_t *term) {
    double x[MOST] = {0}, v[MOST] = {0}, moved[MOST] = {0}, hv[MOST], above[MOST], below[MOST];
    fill(d, 0, x);
    fill(d, 2, v);
    problem_product(p, term, x, v, hv);
    for (size_t i = 0; i < d; ++i)
        moved[i] = x[i] + STEP * v[i];
    problem_gradient(p, term, moved, above);
    for (size_t i = 0; i < d; ++i)
        moved[i] = x[i] - STEP * v[i];
    problem_gradient(p, term, moved, below);
    for (size_t i = 0; i < d; ++i)
        near(hv[i], (above[i] - below[i]) / (2 * STEP), NEAR, "product");
}

static void check_components(const problem_t *p, size_t d, int objective) {
    double x[MOST] = {0}, whole[MOST], g[MOST], mean[MOST] = {0}, value = 0;
    const double n = (double)p->components;
    const term_t all = {.objective = objective};
    fill(d, 0, x);
    problem_gradient(p, &all, x, whole);
    for (int64_t i = 0; i < (int64_t)p->components; ++i) {
        const term_t one = {.objective = objective, .first = i, .count = 1};
        value += problem_value(p, &one, x) / n;
        problem_gradient(p, &one, x, g);
        for (size_t k = 0; k < d; ++k)
            mean[k] += g[k] / n;
    }
    near(value, problem_value(p, &all, x), 1e-13, "mean value of the components");
    for (size_t k = 0; k < d; ++k)
        near(mean[k], whole[k], 1e-13, "mean gradient of the components");
}

static void check_subject(const char *number) {
    static const double WEIGHTS[] = {0.7, -1.3, 0.4, 2};
    const subject_t *s = &SUBJECTS[strtol(number, NULL, 10)];
    const problem_t *p = open_subject(s);
    const size_t d = s->d;
    for (int objective = 0; objective < s->objectives && !s->is_operator; ++objective) {
        term_t term = {.objective = objective, .weights = p->equalities + p->inequalities > 0 ? WEIGHTS : NULL};
        check_gradient(p, d, &term);
        if (s->has_product && p->inequalities == 0)
            check_product(p, d, &term);
        if (p->components > 0)
            check_components(p, d, objective);
        term.first = 1;
        term.count = 2;
        if (p->components > 0)
            check_gradient(p, d, &term);
    }
}

static void test_functions(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof SUBJECTS / sizeof *SUBJECTS; ++i) {
        const char *reason;
        char *number = check_text("%zu", i);
        if (verdict_of(check_subject, number, &reason) != VERDICT_PASSED)
            fail_msg("%s: %s", SUBJECTS[i].name, reason);
        free(number);
    }
}

/* ---- Numbers by hand ---- */

static problem_t *open_named(const char *name, const char *options, int tensors, const size_t *sizes) {
    problem_t *p = problem_open(name, options, name, tensors, sizes);
    if (p == NULL)
        fail_file("there is no problem %s", name);
    return p;
}

static void check_minima(const char *unused) {
    (void)unused;
    const term_t all = {0};
    const double half[] = {0.5, 0.5, 0.5}, solution[] = {1, 1.0 / 2, 1.0 / 3, 1.0 / 4},
                 bits[] = {1, 0, 1, 1, 0, 0, 0, 1};
    double g[MOST], center[2] = {0};
    near(problem_value(open_named("rastrigin", "d=3", 0, NULL), &all, half), 0, 1e-15, "rastrigin at its minimum");
    near(problem_value(open_named("phase", "n=12,d=4", 0, NULL), &all, solution), 0, 1e-15, "phase at its solution");
    near(problem_value(open_named("onemax", "d=8,p=0.0,scale=2.0,hash=7", 0, NULL), &all, bits), -4, 0, "four ones");
    const double bumped[] = {0, 1, 0, 0, 1, 0, 0, 0}; /* a reference run of evolution found it */
    near(problem_value(open_named("onemax", "d=8,p=0.2,scale=2.0,hash=7", 0, NULL), &all, bumped), -7.472422673455362,
         1e-15, "two ones and a bump");
    const problem_t *clients = open_named("clients", "clients=3,d=2,sigma=0.0", 0, NULL);
    for (size_t i = 0; i < 2; ++i) { /* sum h t / sum h, h = 1 + (i + 2 c) mod 5 */
        const double h[] = {1 + (double)i, 3 + (double)i, i == 0 ? 5 : 1};
        for (int c = 0; c < 3; ++c)
            center[i] += h[c] * sin(2 + (double)i + 3 * c) / (h[0] + h[1] + h[2]);
    }
    problem_gradient(clients, &all, center, g);
    near(g[0], 0, 1e-15, "clients at their minimum");
    near(g[1], 0, 1e-15, "clients at their minimum");
}

static void check_operators(const char *unused) {
    (void)unused;
    const term_t all = {0};
    const double x[] = {0.2, 0.3, 0.5};
    double g[MOST], sum = 0;
    problem_gradient(open_named("contraction", "d=3,kappa=0.5", 0, NULL), &all, x, g);
    near(x[2] - g[2], 0.5 * cos(0.2) + 0.2, 1e-15, "T of contraction");
    problem_gradient(open_named("policy_map", "d=3,kappa=0.5", 0, NULL), &all, x, g);
    for (int i = 0; i < 3; ++i)
        sum += x[i] - g[i];
    near(sum, 1, 1e-15, "T of policy_map is a distribution");
    near((x[1] - g[1]) / (x[0] - g[0]), sqrt(0.3 / 0.2) * exp(cos(1.1) - 1), 1e-14, "its ratios");
    const size_t three = 3;
    const problem_t *preferences = open_named("preference", "", 1, &three);
    problem_gradient(preferences, &all, x, g);
    near(problem_value(preferences, &all, x), -0.5, 1e-14, "x' P x with P + P' = 1 and sum x = 1");
}

static void check_inputs(const char *unused) {
    (void)unused;
    const size_t sizes[] = {6, 5};
    const problem_t *wins = open_named("wins", "n=7", 0, NULL), *transport = open_named("sinkhorn", "", 2, sizes);
    near(wins->input[0].values[1], 3, 0, "wins of 0 over 1");
    near(wins->input[0].values[7], 3, 0, "wins of 1 over 0");
    near(wins->input[0].values[8], 0, 0, "wins over oneself");
    near(transport->input[0].values[5], 1.0 / 36, 1e-15, "cost of 1 to 0");
    near(transport->input[1].values[2], 3.0 / 12, 1e-15, "mass of row 2");
    problem_t *rows = open_named("rows", "d=4,k=2,b=3", 0, NULL), *iv = open_named("iv", "p=2,q=3", 0, NULL);
    rows->kind->refresh(rows, 2, NULL);
    near(rows->input[0].values[1], sample_a(3, 1), 0, "the second step's first row");
    near(rows->input[1].values[3], cos(0.9 * 4 + 0.4), 1e-15, "its second row's second target");
    iv->kind->refresh(iv, 1, NULL);
    near(iv->input[0].values[1], sample_a(1, 1) + 0.5 * sample_a(1, 2) + 0.4 * cos(1.1), 1e-15, "a regressor");
    const problem_t *net = open_named("bcd_net", "n=10,d0=4,classes=3", 0, NULL);
    near(net->input[0].values[12], sample_a(2, 1), 0, "samples lie in columns");
    near(net->input[1].values[25], 1, 0, "sample 5 is of class 2");
}

static void must_pass(void (*check)(const char *path)) {
    const char *reason;
    if (verdict_of(check, "", &reason) != VERDICT_PASSED)
        fail_msg("%s", reason);
}

static void test_numbers(void **state) {
    (void)state;
    must_pass(check_minima);
    must_pass(check_operators);
    must_pass(check_inputs);
}

static void ask_outside(const char *unused) {
    (void)unused;
    const double x[6] = {0};
    (void)problem_value(open_named("lsq", "n=12,d=6,l2=0.0", 0, NULL), &(term_t){.first = 11, .count = 2}, x);
}

static void leave_out(const char *unused) {
    (void)unused;
    (void)open_named("lsq", "n=12,d=6", 0, NULL);
}

static void test_misuse(void **state) {
    (void)state;
    const char *reason;
    assert_int_equal(verdict_of(ask_outside, "", &reason), VERDICT_FAILED);
    assert_string_equal(reason, "asks for components 11 to 12 of 12");
    assert_int_equal(verdict_of(leave_out, "", &reason), VERDICT_FAILED);
    assert_string_equal(reason, "problem lsq wants l2=");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
