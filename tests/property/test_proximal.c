/* Methods of proximal maps and of linear minimisation, on a lasso and on a quadratic function. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "check.h"

enum { N = 12, D = 6, MOST = 8 };

typedef struct problem {
    optim_t *opt;
    bool is_lasso;
    int64_t count;
    double x[MOST], g[MOST];
    int rises;
    double last;
} problem_t;

/* |A x - b|^2 / (2 n) with a_ij = sin(1.7 i + 0.9 i j + 2.3 j^2 + 0.5), b_i = cos(0.9 i). */
static double lasso(problem_t *p) {
    double loss = 0;
    memset(p->g, 0, sizeof p->g);
    for (int i = 0; i < N; ++i) {
        double a[D], rest = -cos(0.9 * i);
        for (int j = 0; j < D; ++j) {
            a[j] = sin(1.7 * i + 0.9 * i * j + 2.3 * j * j + 0.5);
            rest += a[j] * p->x[j];
        }
        loss += rest * rest / (2 * N);
        for (int j = 0; j < D; ++j)
            p->g[j] += a[j] * rest / N;
    }
    return loss;
}

/* sum h_i (x_i - tau_i)^2 / 2 with h_i = 1 + (i mod 7), tau_i = ((37 i) mod 11) / 11 - 1/2. */
static double quadratic(problem_t *p) {
    double loss = 0;
    for (int i = 0; i < MOST; ++i) {
        const double h = 1 + i % 7, d = p->x[i] - (37 * i % 11 / 11.0 - 0.5);
        loss += h * d * d / 2;
        p->g[i] = h * d;
    }
    return loss;
}

static int evaluate(void *user, const optim_request *request, double *loss) {
    problem_t *p = user;
    *loss = p->is_lasso ? lasso(p) : quadratic(p);
    if (request->evaluation == 1) {
        p->rises += *loss > p->last;
        p->last = *loss;
    }
    return 0;
}

static void open_problem(problem_t *p, bool is_lasso, const char *algorithm, const char *options) {
    *p = (problem_t){.is_lasso = is_lasso, .count = is_lasso ? D : MOST, .x = {1}, .last = (double)INFINITY};
    CHECK_OK(optim_create(&p->opt, algorithm, options));
    CHECK_OK(optim_add_param(p->opt, 0, "x", OPTIM_F64, 1, &p->count, p->x, p->g));
}

static void run(problem_t *p, int64_t steps) {
    const optim_problem problem = {.size = sizeof problem, .user = p, .gradient = evaluate};
    const optim_stop stop = {.size = sizeof stop, .steps = steps};
    optim_result result = {.size = sizeof result};
    CHECK_OK(optim_minimize(p->opt, &problem, &stop, &result));
}

/* All reach the one minimiser, whatever L they begin with and whatever makes them forget their momentum. */
static void test_lasso(void **state) {
    (void)state;
    static const char *const FISTA[] = {"L=2,lam=0.05", "L=0.01,backtrack=1,lam=0.05", "L=2,restart=gradient,lam=0.05",
                                        "L=2,restart=function,lam=0.05",
                                        "L=0.01,backtrack=1,restart=function,lam=0.05"};
    problem_t ista, p;
    double x[D];
    open_problem(&ista, true, "ista", "L=2,lam=0.05");
    run(&ista, 4000);
    assert_true(ista.x[2] == 0 || ista.x[1] == 0 || ista.x[5] == 0);
    for (size_t k = 0; k < sizeof FISTA / sizeof *FISTA; ++k) {
        open_problem(&p, true, "fista", FISTA[k]);
        run(&p, 4000);
        CHECK_OK(optim_output(p.opt, 0, x));
        for (int j = 0; j < D; ++j)
            CHECK_CLOSE(x[j], ista.x[j], 1e-9);
        optim_destroy(p.opt);
    }
    optim_destroy(ista.opt);
}

/* L rises to what the function needs, not for ever. */
static void test_backtracking_ends(void **state) {
    (void)state;
    static const char *const METHODS[] = {"ista", "fista"};
    for (int k = 0; k < 2; ++k) {
        problem_t p;
        double smoothness;
        open_problem(&p, true, METHODS[k], "L=0.001,backtrack=1,lam=0.01");
        run(&p, 3000);
        CHECK_OK(optim_get(p.opt, 0, "current_L", &smoothness));
        CHECK_AT_MOST(smoothness, 8);
        optim_destroy(p.opt);
    }
}

/* The step of a concave penalty has a limit. */
static void test_refuses_step(void **state) {
    (void)state;
    problem_t p;
    open_problem(&p, true, "ista", "L=0.1,reg=prox_mcp(gamma=3)");
    (void)lasso(&p);
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_VALUE, "gamma");
    optim_destroy(p.opt);
}

/* On the simplex: vertices that can be left make the gap vanish. */
static void test_away(void **state) {
    (void)state;
    static const char *const OPTIONS[] = {"lmo=lmo_simplex,variant=away,L=7", "lmo=lmo_simplex,variant=pairwise,L=7"};
    for (int k = 0; k < 2; ++k) {
        problem_t p;
        double gap, sum = 0;
        open_problem(&p, false, "frank_wolfe", OPTIONS[k]);
        run(&p, 3000);
        CHECK_OK(optim_get(p.opt, 0, "gap", &gap));
        CHECK_AT_MOST(gap, 1e-12);
        for (int j = 0; j < MOST; ++j) {
            sum += p.x[j];
            CHECK_AT_MOST(-p.x[j], 1e-14);
        }
        CHECK_CLOSE(sum, 1, 1e-12);
        optim_destroy(p.opt);
    }
}

static void test_never_rises(void **state) {
    (void)state;
    static const char *const OPTIONS[] = {"lmo=lmo_simplex,step=monotone", "lmo=lmo_simplex,step=halving",
                                          "lmo=lmo_simplex,step=backtracking,L=0.1"};
    for (int k = 0; k < 3; ++k) {
        problem_t p;
        open_problem(&p, false, "frank_wolfe", OPTIONS[k]);
        run(&p, 200);
        assert_int_equal(p.rises, 0);
        optim_destroy(p.opt);
    }
}

/* With a loss that is infinite everywhere else the point stays. */
static void test_infinite(void **state) {
    (void)state;
    static const char *const OPTIONS[] = {"step=monotone", "step=halving", "step=backtracking"};
    for (int k = 0; k < 3; ++k) {
        problem_t p;
        optim_status status;
        open_problem(&p, false, "frank_wolfe", OPTIONS[k]);
        const double first = quadratic(&p);
        CHECK_OK(optim_set_loss(p.opt, first));
        while ((status = optim_step(p.opt)) == OPTIM_EVAL_LOSS)
            CHECK_OK(optim_set_loss(p.opt, (double)INFINITY));
        CHECK_OK(status);
        assert_true(p.x[0] == 1 && p.x[1] == 0);
        run(&p, 200); /* and it goes on from there */
        CHECK_AT_MOST(quadratic(&p), first / 2);
        optim_destroy(p.opt);
    }
}

static void test_refuses(void **state) {
    (void)state;
    problem_t p;
    open_problem(&p, false, "frank_wolfe", "lmo=prox_l1");
    (void)quadratic(&p);
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_VALUE, "lmo");
    optim_destroy(p.opt);
    static const char *const METHODS[] = {"frank_wolfe", "fista", "ista"};
    static const char *const OTHER[] = {"variant=away", "restart=gradient", "backtrack=1"};
    for (int k = 0; k < 3; ++k) {
        const int64_t one = 1;
        double y = 1, g = 1;
        open_problem(&p, false, METHODS[k], "");
        (void)quadratic(&p);
        CHECK_OK(optim_add_group(p.opt, OTHER[k], NULL));
        CHECK_OK(optim_add_param(p.opt, 1, "y", OPTIM_F64, 1, &one, &y, &g));
        CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_VALUE, "all groups");
        optim_destroy(p.opt);
    }
    open_problem(&p, false, "frank_wolfe", "lmo=lmo_l2,variant=pairwise,L=7,atoms=2");
    optim_status status = OPTIM_OK;
    double before[MOST];
    for (int k = 0; k < 20 && status == OPTIM_OK; ++k) {
        memcpy(before, p.x, sizeof before);
        (void)quadratic(&p);
        status = optim_step(p.opt);
    }
    CHECK_REFUSED(status, OPTIM_ERR_VALUE, "atoms");
    assert_memory_equal(p.x, before, sizeof before);
    optim_destroy(p.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lasso),   cmocka_unit_test(test_backtracking_ends), cmocka_unit_test(test_refuses_step),
        cmocka_unit_test(test_away),    cmocka_unit_test(test_never_rises),       cmocka_unit_test(test_infinite),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
