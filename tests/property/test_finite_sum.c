/* Methods for finite sums, on logistic regression whose components are evaluated one by one. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "logistic.h"
#include "sums.h"

/* From the paper's equations, worked out by another program: after 1 step and after 15. */
static void test_svrg_trajectory(void **state) {
    (void)state;
    static const double WANT[][D] = {{0.6768785059432122, 0.26088151059686876, -0.10313429754206804,
                                      -0.5211258849115376, -0.4794595343146226, 0.43013063883778396},
                                     {0.273082013716836, -0.40138864784696093, -0.06729965849643818, 0.4223379687185598,
                                      -1.1797153460726382, -0.27758188161373615}};
    static const int64_t STEPS[] = {1, 15};
    for (int k = 0; k < 2; ++k) {
        problem_t p;
        open_problem(&p, "svrg", "lr=0.1");
        (void)run(&p, STEPS[k]);
        for (int j = 0; j < D; ++j)
            CHECK_CLOSE(p.x[j], WANT[k][j], 1e-10);
        assert_int_equal(p.single, 48 * STEPS[k]);
        assert_int_equal(p.full, STEPS[k] + 1); /* and one to look whether it is done */
        optim_destroy(p.opt);
    }
}

/* The end of a step with option=average is the mean of the iterates that option=last goes through. */
static void test_svrg_average(void **state) {
    (void)state;
    problem_t p;
    double mean[D] = {0};
    for (int m = 1; m <= 8; ++m) { /* the same indices */
        char options[] = "lr=0.1,m=0";
        options[sizeof options - 2] = (char)('0' + m);
        open_problem(&p, "svrg", options);
        (void)run(&p, 1);
        for (int j = 0; j < D; ++j)
            mean[j] += p.x[j] / 8;
        optim_destroy(p.opt);
    }
    open_problem(&p, "svrg", "lr=0.1,m=8,option=average");
    (void)run(&p, 1);
    for (int j = 0; j < D; ++j)
        CHECK_CLOSE(p.x[j], mean[j], 1e-14);
    optim_destroy(p.opt);
}

/* Linear convergence: no step size falls, and the gradient vanishes all the same. */
static void test_svrg_converges(void **state) {
    (void)state;
    problem_t p;
    open_problem(&p, "svrg", "lr=0.1");
    const optim_result result = run(&p, 60);
    CHECK_AT_MOST(result.gradient_norm, 1e-8);
    optim_destroy(p.opt);
}

/* A step asks for a full pass, before the first one too, and can be cancelled in the middle. */
static void test_svrg_requests(void **state) {
    (void)state;
    problem_t p, twin;
    double loss;
    optim_request request = {.size = sizeof request};
    open_problem(&p, "svrg", "lr=0.1");
    open_problem(&twin, "svrg", "lr=0.1");
    CHECK_OK(optim_request_info(p.opt, &request));
    assert_int_equal(request.sample, OPTIM_SAMPLE_FULL);
    const double start = p.x[0];
    for (int k = 0; k < 5; ++k) {
        if (k == 0)
            (void)whole(&p, &request, &loss);
        else
            (void)component(&p, &request, &loss);
        CHECK_STATUS(optim_step(p.opt), OPTIM_EVAL_GRAD);
        CHECK_OK(optim_request_info(p.opt, &request));
        assert_int_equal(request.count, 1);
    }
    assert_true(p.x[0] != start);
    CHECK_OK(optim_cancel(p.opt));
    assert_true(p.x[0] == start);
    (void)run(&p, 2);
    (void)run(&twin, 2);
    assert_memory_equal(p.x, twin.x, sizeof p.x);
    optim_destroy(p.opt);
    optim_destroy(twin.opt);
}

/* All of them end at the minimiser, with a constant step size. */
static void test_linear_convergence(void **state) {
    (void)state;
    static const struct {
        const char *method, *options;
        int64_t steps;
    } CASES[] = {{"lsvrg", "lr=0.1", 1500},       {"saga", "lr=0.1", 1500}, {"saga", "lr=0.1,option=zero", 1500},
                 {"sarah", "lr=0.1", 60},         {"page", "lr=0.2", 1500}, {"page", "lr=0.2,b=12,b2=3", 1500},
                 {"katyusha", "mu=0.1,L=1.6", 60}};
    for (size_t k = 0; k < sizeof CASES / sizeof *CASES; ++k) {
        problem_t p;
        open_problem(&p, CASES[k].method, CASES[k].options);
        CHECK_AT_MOST(run(&p, CASES[k].steps).gradient_norm, 1e-8);
        optim_destroy(p.opt);
    }
}

/* How far x is from what a step of the proximal gradient method with lam |x| makes of it. */
static double proximal_residual(problem_t *p, double lam) {
    double loss, most = 0;
    (void)whole(p, NULL, &loss);
    for (int j = 0; j < D; ++j) {
        const double v = p->x[j] - p->g[j], soft = fabs(v) > lam ? v - copysign(lam, v) : 0;
        most = fmax(most, fabs(p->x[j] - soft));
    }
    return most;
}

/* With a penalty they end at the minimiser of the sum, which has an element that is exactly 0. */
static void test_penalty(void **state) {
    (void)state;
    static const struct {
        const char *method, *options;
        int64_t steps;
    } CASES[] = {{"svrg", "lr=0.1,reg=prox_l1(lam=0.05)", 60},
                 {"saga", "lr=0.1,reg=prox_l1(lam=0.05)", 1500},
                 {"sarah", "lr=0.1,reg=prox_l1(lam=0.05)", 60},
                 {"page", "lr=0.2,reg=prox_l1(lam=0.05)", 1500},
                 {"katyusha", "mu=0.1,L=1.6,reg=prox_l1(lam=0.05)", 60}};
    for (size_t k = 0; k < sizeof CASES / sizeof *CASES; ++k) {
        problem_t p;
        int zeros = 0;
        open_problem(&p, CASES[k].method, CASES[k].options);
        (void)run(&p, CASES[k].steps);
        CHECK_AT_MOST(proximal_residual(&p, 0.05), 1e-8);
        for (int j = 0; j < D; ++j)
            zeros += p.x[j] == 0;
        assert_int_equal(zeros, 1);
        optim_destroy(p.opt);
    }
}

/* The first move is along the full gradient; behind it comes the prox, whose step is the move's. */
static void test_penalty_of_a_move(void **state) {
    (void)state;
    static const struct {
        const char *method, *options;
        double step;
    } CASES[] = {{"saga", "lr=0.5,reg=prox_l1(lam=0.4)", 0.5},
                 {"sarah", "lr=0.5,m=1,reg=prox_l1(lam=0.4)", 0.5},
                 {"page", "lr=0.5,reg=prox_l1(lam=0.4)", 0.5},
                 {"katyusha", "mu=0.1,L=0.5,m=1,reg=prox_l1(lam=0.4)", 1 / 1.5}};
    for (size_t k = 0; k < sizeof CASES / sizeof *CASES; ++k) {
        problem_t p;
        double want[D], loss;
        open_problem(&p, CASES[k].method, CASES[k].options);
        (void)whole(&p, NULL, &loss);
        for (int j = 0; j < D; ++j) {
            const double v = p.x[j] - CASES[k].step * p.g[j], cut = CASES[k].step * 0.4;
            want[j] = fabs(v) > cut ? v - copysign(cut, v) : 0;
        }
        (void)run(&p, 1);
        for (int j = 0; j < D; ++j)
            CHECK_CLOSE(p.x[j], want[j], 1e-14);
        optim_destroy(p.opt);
    }
}

/* The two steps of katyusha's prox follow from options of the method, which makes one step of all groups. */
static void test_penalty_of_groups(void **state) {
    (void)state;
    static const char *const OPTIONS[] = {"mu=0.1,L=1,reg=prox_l1(lam=0.1)", "mu=0.1,L=1"};
    for (int k = 0; k < 2; ++k) {
        const int64_t count = D;
        double y[D] = {0}, g[D] = {0};
        problem_t p;
        open_problem(&p, "katyusha", OPTIONS[k]);
        CHECK_OK(optim_add_group(p.opt, "L=2", NULL));
        CHECK_OK(optim_add_param(p.opt, 1, "y", OPTIM_F64, 1, &count, y, g));
        if (k == 0)
            CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_VALUE,
                          "with reg all other options must be the same in all groups");
        else
            CHECK_STATUS(optim_step(p.opt), OPTIM_EVAL_GRAD);
        optim_destroy(p.opt);
    }
}

/* There are no more draws than components in an estimate. */
static void test_page_draws(void **state) {
    (void)state;
    problem_t p;
    open_problem(&p, "page", "b=13");
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_VALUE, "b must be no more than the number of components");
    CHECK_OK(optim_set(p.opt, -1, "b", 12));
    CHECK_STATUS(optim_step(p.opt), OPTIM_EVAL_GRAD);
    optim_destroy(p.opt);
}

/* One step from where the start is, with gradients as they are asked for; returns how many were. */
static int converse(problem_t *p) {
    optim_request request = {.size = sizeof request};
    optim_status status;
    double loss;
    int asked = 0;
    assert_int_equal(optim_wants_gradient(p->opt), 0);
    while ((status = optim_step(p->opt)) > 0) {
        CHECK_OK(optim_request_info(p->opt, &request));
        (void)component(p, &request, &loss);
        ++asked;
    }
    CHECK_OK(status);
    return asked;
}

/* One step of lsvrg; returns what it asked for, a letter an evaluation: f a full pass, c a component. `at`: where. */
static const char *lsvrg_step(problem_t *p, double at[4][D]) {
    static char asked[5];
    optim_request request = {.size = sizeof request};
    optim_status status;
    double loss;
    size_t n = 0;
    while ((status = optim_step(p->opt)) > 0) {
        assert_in_range(n, 0, 3);
        CHECK_OK(optim_request_info(p->opt, &request));
        asked[n] = request.count == 1 ? 'c' : 'f';
        memcpy(at[n++], p->x, sizeof p->x);
        (void)(request.count == 1 ? component : whole)(p, &request, &loss);
    }
    CHECK_OK(status);
    asked[n] = '\0';
    return asked;
}

/* The coin decides about the full pass; with p = 1 the reference is where the step before began. */
static void test_lsvrg_requests(void **state) {
    (void)state;
    problem_t p;
    double at[4][D], ref[D], x[D];
    open_problem(&p, "lsvrg", "p=1e-12");
    memcpy(ref, p.x, sizeof ref);
    assert_string_equal(lsvrg_step(&p, at), "fcc");
    for (int k = 0; k < 5; ++k) {
        assert_string_equal(lsvrg_step(&p, at), "cc");
        assert_memory_equal(at[1], ref, sizeof ref);
    }
    optim_destroy(p.opt);
    open_problem(&p, "lsvrg", "p=1");
    memcpy(ref, p.x, sizeof ref);
    assert_string_equal(lsvrg_step(&p, at), "fccf");
    for (int k = 0; k < 5; ++k) {
        memcpy(x, p.x, sizeof x);
        assert_string_equal(lsvrg_step(&p, at), "ccf");
        assert_memory_equal(at[0], x, sizeof x);
        assert_memory_equal(at[1], ref, sizeof x);
        assert_memory_equal(at[2], x, sizeof x);
        memcpy(ref, x, sizeof x);
    }
    optim_destroy(p.opt);
}

/* A parameter that is thawed takes its first step: ref and mu are set anew. */
static void test_lsvrg_thaw(void **state) {
    (void)state;
    problem_t p;
    double y = 1, gy = 0, at[4][D];
    const int64_t one = 1;
    open_problem(&p, "lsvrg", "p=1e-12");
    CHECK_OK(optim_add_param(p.opt, 0, "y", OPTIM_F64, 1, &one, &y, &gy));
    CHECK_OK(optim_freeze(p.opt, 1, 1));
    assert_string_equal(lsvrg_step(&p, at), "fcc");
    assert_string_equal(lsvrg_step(&p, at), "cc");
    CHECK_OK(optim_freeze(p.opt, 1, 0));
    assert_string_equal(lsvrg_step(&p, at), "fcc");
    assert_string_equal(lsvrg_step(&p, at), "cc");
    optim_destroy(p.opt);
}

/* An empty table: the first step is one of SGD. With the first point's gradients it is along their mean. */
static void test_saga_tables(void **state) {
    (void)state;
    for (int zero = 0; zero < 2; ++zero) {
        problem_t p;
        double before[D], full[D], loss;
        open_problem(&p, "saga", zero ? "lr=0.5,option=zero" : "lr=0.5");
        (void)whole(&p, NULL, &loss);
        for (int j = 0; j < D; ++j) {
            before[j] = p.x[j];
            full[j] = p.g[j];
        }
        assert_int_equal(converse(&p), zero ? 1 : N + 1);
        for (int j = 0; j < D; ++j) /* what was asked for last is still there */
            CHECK_CLOSE(p.x[j], before[j] - 0.5 * (zero ? p.g[j] : full[j]), 1e-15);
        assert_int_equal(converse(&p), 1);
        optim_destroy(p.opt);
    }
}

/* ---- saga, rows=1: of linear models, the ridge by reg ---- */

static void open_linear(descent_t *r, const sum_t *f, const char *options) {
    descent_open(r, f, "saga", options, 1);
    if (strstr(options, "rows=1") != NULL)
        CHECK_OK(optim_set_input(r->opt, -1, "rows", OPTIM_F64, 2, (int64_t[]){SUM_N, SUM_D}, f->a));
}

/* The same steps as with vectors, in less memory; nothing of the gradients is left out. */
static void test_saga_rows(void **state) {
    (void)state;
    static const char *const OPTIONS[][2] = {
        {"lr=0.1,reg=prox_l2sq(lam=0.1)", "lr=0.1,reg=prox_l2sq(lam=0.1),rows=1"},
        {"lr=0.1,option=zero,reg=prox_l1(lam=0.02)", "lr=0.1,option=zero,reg=prox_l1(lam=0.02),rows=1"}};
    const sum_t SUMS[] = {sum_make(SQUARES, 0), sum_make(DEVIATIONS, 0)};
    for (int k = 0; k < 4; ++k) {
        descent_t dense, linear;
        size_t bytes[2];
        double rest;
        open_linear(&dense, &SUMS[k / 2], OPTIONS[k % 2][0]);
        open_linear(&linear, &SUMS[k / 2], OPTIONS[k % 2][1]);
        for (int t = 0; t < 300; ++t) {
            descent_step(&dense);
            descent_step(&linear);
            CHECK_OK(optim_get(linear.opt, 0, "rest", &rest));
            CHECK_AT_MOST(rest, 1e-14);
            for (int j = 0; j < SUM_D; ++j)
                CHECK_CLOSE(linear.x[j], dense.x[j], 1e-12);
        }
        CHECK_OK(optim_memory(dense.opt, &bytes[0], NULL));
        CHECK_OK(optim_memory(linear.opt, &bytes[1], NULL));
        assert_true(bytes[1] + SUM_N * SUM_D * sizeof(double) <= bytes[0] + (SUM_N + 2) * sizeof(double));
        optim_destroy(dense.opt);
        optim_destroy(linear.opt);
    }
}

/* A ridge inside of the gradients is seen; rows that are missing, or of another size, are refused. */
static void test_saga_rows_refuses(void **state) {
    (void)state;
    const sum_t ridge = sum_make(SQUARES, 0.1);
    descent_t r;
    double rest;
    open_linear(&r, &ridge, "rows=1");
    descent_step(&r);
    CHECK_OK(optim_get(r.opt, 0, "rest", &rest));
    CHECK_AT_MOST(1e-6, rest);
    optim_destroy(r.opt);
    descent_open(&r, &ridge, "saga", "rows=1", 1);
    CHECK_REFUSED(optim_step(r.opt), OPTIM_ERR_SHAPE, "rows=1 needs the input \"rows\"");
    CHECK_OK(optim_set_input(r.opt, -1, "rows", OPTIM_F64, 2, (int64_t[]){SUM_D, SUM_N}, ridge.a));
    CHECK_REFUSED(optim_step(r.opt), OPTIM_ERR_SHAPE, "a row for each component");
    optim_destroy(r.opt);
}

/* A first step that is abandoned leaves an empty table. */
static void test_saga_cancel(void **state) {
    (void)state;
    problem_t p;
    double loss;
    optim_request request = {.size = sizeof request};
    size_t size, size_after;
    static unsigned char bytes[1 << 14], after[1 << 14];
    open_problem(&p, "saga", NULL);
    CHECK_STATUS(optim_step(p.opt), OPTIM_EVAL_GRAD);
    CHECK_OK(optim_cancel(p.opt));
    CHECK_OK(optim_serialize(p.opt, bytes, sizeof bytes, &size));
    CHECK_STATUS(optim_step(p.opt), OPTIM_EVAL_GRAD);
    for (int k = 0; k < 5; ++k) {
        CHECK_OK(optim_request_info(p.opt, &request));
        (void)component(&p, &request, &loss);
        CHECK_STATUS(optim_step(p.opt), OPTIM_EVAL_GRAD);
    }
    CHECK_OK(optim_cancel(p.opt));
    CHECK_OK(optim_serialize(p.opt, after, sizeof after, &size_after));
    assert_int_equal(size, size_after);
    assert_memory_equal(bytes, after, size);
    optim_destroy(p.opt);
}

/* Every order but draws with replacement takes each component once an epoch; so for ever the same. */
static void test_orders(void **state) {
    (void)state;
    static const char *const ORDERS[] = {"order=ig", "order=so", "order=rr", "order=flipflop", "order=grab"};
    for (size_t k = 0; k < sizeof ORDERS / sizeof *ORDERS; ++k) {
        problem_t p;
        int64_t order[4][N];
        open_problem(&p, "shuffle", ORDERS[k]);
        for (int epoch = 0; epoch < 4; ++epoch) {
            int seen[N] = {0};
            for (int i = 0; i < N; ++i) {
                optim_request request = {.size = sizeof request};
                double loss;
                CHECK_STATUS(optim_step(p.opt), OPTIM_EVAL_GRAD);
                CHECK_OK(optim_request_info(p.opt, &request));
                order[epoch][i] = request.component;
                (void)component(&p, &request, &loss);
                assert_int_equal(seen[request.component]++, 0);
            }
            CHECK_OK(optim_step(p.opt));
        }
        for (int i = 0; i < N; ++i) {
            if (k < 2)
                assert_int_equal(order[3][i], order[0][i]);
            if (k == 3)
                assert_int_equal(order[3][i], order[2][N - 1 - i]);
        }
        assert_int_equal(memcmp(order[1], order[0], sizeof order[0]) == 0, k < 2);
        optim_destroy(p.opt);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_svrg_trajectory),
        cmocka_unit_test(test_svrg_average),
        cmocka_unit_test(test_svrg_converges),
        cmocka_unit_test(test_svrg_requests),
        cmocka_unit_test(test_linear_convergence),
        cmocka_unit_test(test_saga_tables),
        cmocka_unit_test(test_saga_cancel),
        cmocka_unit_test(test_saga_rows),
        cmocka_unit_test(test_saga_rows_refuses),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_penalty),
        cmocka_unit_test(test_penalty_of_a_move),
        cmocka_unit_test(test_penalty_of_groups),
        cmocka_unit_test(test_page_draws),
        cmocka_unit_test(test_lsvrg_requests),
        cmocka_unit_test(test_lsvrg_thaw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
