/* sinkhorn, sns: transport between two distributions. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "check.h"

enum { N = 6, M = 5 };

typedef struct transport {
    optim_t *opt;
    double x[N], y[M], cost[N * M], r[N], c[M];
} transport_t;

/* With `cut`, x and y in two parameters each. */
static void open_method(transport_t *p, const char *method, const char *options, optim_dtype dtype, bool cut) {
    const int64_t dims[] = {N, M}, x[] = {cut ? 2 : N, N - 2}, y[] = {cut ? 1 : M, M - 1};
    int columns;
    *p = (transport_t){.opt = NULL};
    for (int i = 0; i < N * M; ++i)
        p->cost[i] = (double)(i * 37 % 31) / 31;
    for (int i = 0; i < N; ++i)
        p->r[i] = (1.0 + i % 3) / 12;
    for (int j = 0; j < M; ++j)
        p->c[j] = (1.0 + j % 2) / 7;
    CHECK_OK(optim_create(&p->opt, method, options));
    CHECK_OK(optim_add_group(p->opt, "role=y", &columns));
    CHECK_OK(optim_add_param(p->opt, columns, "y", dtype, 1, &y[0], p->y, NULL));
    CHECK_OK(optim_add_param(p->opt, 0, "x", dtype, 1, &x[0], p->x, NULL));
    if (cut) {
        CHECK_OK(optim_add_param(p->opt, 0, "x2", dtype, 1, &x[1], p->x + 2, NULL));
        CHECK_OK(optim_add_param(p->opt, columns, "y2", dtype, 1, &y[1], p->y + 1, NULL));
    }
    CHECK_OK(optim_set_input(p->opt, -1, "cost", OPTIM_F64, 2, dims, p->cost));
    CHECK_OK(optim_set_input(p->opt, -1, "r", OPTIM_F64, 1, &dims[0], p->r));
    CHECK_OK(optim_set_input(p->opt, -1, "c", OPTIM_F64, 1, &dims[1], p->c));
}

static void open_transport(transport_t *p, const char *options, optim_dtype dtype, bool cut) {
    open_method(p, "sinkhorn", options, dtype, cut);
}

static double plan(const transport_t *p, double eta, int i, int j) {
    return exp(eta * (p->x[i] + p->y[j] - p->cost[i * M + j]) - 1);
}

static void run(transport_t *p, int steps) {
    for (int k = 0; k < steps; ++k) {
        assert_int_equal(optim_wants_gradient(p->opt), 0);
        CHECK_OK(optim_step(p->opt));
    }
}

/* Both marginals in the end, whatever eta is: exp(eta C) alone would overflow; err is what is reported. */
static void test_marginals(void **state) {
    (void)state;
    static const double ETA[] = {0.5, 10, 1200};
    static const char *const OPTIONS[] = {"eta=0.5", "eta=10", "eta=1200"};
    for (int k = 0; k < 3; ++k) {
        transport_t p;
        double err, off = 0;
        open_transport(&p, OPTIONS[k], OPTIM_F64, false);
        run(&p, k < 2 ? 300 : 30000);
        for (int i = 0; i < N; ++i) {
            double sum = 0;
            for (int j = 0; j < M; ++j)
                sum += plan(&p, ETA[k], i, j);
            off += fabs(sum - p.r[i]);
        }
        for (int j = 0; j < M; ++j) {
            double sum = 0;
            for (int i = 0; i < N; ++i)
                sum += plan(&p, ETA[k], i, j);
            CHECK_CLOSE(sum, p.c[j], 1e-11);
        }
        CHECK_OK(optim_get(p.opt, 0, "err", &err));
        CHECK_CLOSE(err, off, 1e-10);
        CHECK_AT_MOST(err, k < 2 ? 1e-12 : 1e-3);
        optim_destroy(p.opt);
    }
}

static void test_in_pieces(void **state) {
    (void)state;
    transport_t whole, cut;
    open_transport(&whole, NULL, OPTIM_F64, false);
    open_transport(&cut, NULL, OPTIM_F64, true);
    run(&whole, 5);
    run(&cut, 5);
    for (int i = 0; i < N; ++i)
        CHECK_CLOSE(cut.x[i], whole.x[i], 1e-14);
    for (int j = 0; j < M; ++j)
        CHECK_CLOSE(cut.y[j], whole.y[j], 1e-14);
    optim_destroy(whole.opt);
    optim_destroy(cut.opt);
}

static void test_forbidden(void **state) {
    (void)state;
    transport_t p;
    open_transport(&p, NULL, OPTIM_F64, false);
    p.cost[0] = (double)INFINITY; /* the first sum of a row and of a column begins with it */
    run(&p, 400);
    double sum = 0;
    for (int j = 1; j < M; ++j)
        sum += plan(&p, 10, 0, j);
    CHECK_CLOSE(sum, p.r[0], 1e-10);
    assert_true(plan(&p, 10, 0, 0) == 0);
    optim_destroy(p.opt);
}

/* Without any pair there is nothing to match: the others go on. */
static void test_alone(void **state) {
    (void)state;
    transport_t p;
    open_transport(&p, NULL, OPTIM_F64, false);
    p.x[2] = 0.125;
    for (int j = 0; j < M; ++j)
        p.cost[2 * M + j] = (double)INFINITY;
    run(&p, 3);
    assert_true(p.x[2] == 0.125 && p.x[1] != 0 && isfinite(p.y[0]));
    optim_destroy(p.opt);
}

static void test_inputs(void **state) {
    (void)state;
    transport_t p;
    const int64_t turned[] = {M, N}, dims[] = {N, M};
    open_transport(&p, NULL, OPTIM_F64, false);
    CHECK_OK(optim_set_input(p.opt, -1, "cost", OPTIM_F64, 2, turned, p.cost));
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_SHAPE, "\"cost\" must have a row for each element with role=x");
    CHECK_OK(optim_set_input(p.opt, -1, "cost", OPTIM_F64, 2, dims, p.cost));
    p.r[5] = 0;
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_SHAPE, "\"r\" must have a positive number");
    p.r[5] = 0.25;
    p.c[0] = (double)NAN;
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_SHAPE, "\"c\" must have a positive number");
    CHECK_OK(optim_set_input(p.opt, -1, "c", OPTIM_F64, 1, dims, p.r));
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_SHAPE, "\"c\" must have a positive number");
    CHECK_OK(optim_set_input(p.opt, -1, "c", OPTIM_F64, 1, dims, NULL));
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_ORDER, "\"c\" (marginal of the columns");
    optim_destroy(p.opt);
    const int64_t n = N;
    CHECK_OK(optim_create(&p.opt, "sinkhorn", NULL));
    CHECK_OK(optim_add_param(p.opt, 0, "x", OPTIM_F64, 1, &n, p.x, NULL));
    CHECK_OK(optim_set_input(p.opt, -1, "cost", OPTIM_F64, 2, dims, p.cost));
    CHECK_OK(optim_set_input(p.opt, -1, "r", OPTIM_F64, 1, dims, p.r));
    CHECK_OK(optim_set_input(p.opt, -1, "c", OPTIM_F64, 1, dims, p.r));
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_SHAPE, "role=y");
    optim_destroy(p.opt);
}

/* ---- sns ---- */

/* How far both marginals are off. */
static double off_by(const transport_t *p) {
    double off = 0;
    for (int i = 0; i < N; ++i) {
        double sum = -p->r[i];
        for (int j = 0; j < M; ++j)
            sum += plan(p, 10, i, j);
        off += fabs(sum);
    }
    for (int j = 0; j < M; ++j) {
        double sum = -p->c[j];
        for (int i = 0; i < N; ++i)
            sum += plan(p, 10, i, j);
        off += fabs(sum);
    }
    return off;
}

/* With the whole plan Newton's steps square the error; cut in pieces, they are the same. */
static void test_newton(void **state) {
    (void)state;
    transport_t whole, cut;
    double err, before = 1;
    open_method(&whole, "sns", "warm=3,sparsity=1", OPTIM_F64, false);
    open_method(&cut, "sns", "warm=3,sparsity=1", OPTIM_F64, true);
    run(&whole, 3);
    run(&cut, 3);
    for (int k = 0; k < 6; ++k) {
        run(&whole, 1);
        run(&cut, 1);
        CHECK_OK(optim_get(whole.opt, 0, "err", &err));
        CHECK_CLOSE(err, off_by(&whole), 1e-12);
        CHECK_AT_MOST(err, 20 * before * before + 1e-14);
        before = err;
        for (int i = 0; i < N; ++i)
            CHECK_CLOSE(cut.x[i], whole.x[i], 1e-13);
        for (int j = 0; j < M; ++j)
            CHECK_CLOSE(cut.y[j], whole.y[j], 1e-13);
    }
    CHECK_AT_MOST(before, 1e-13);
    optim_destroy(whole.opt);
    optim_destroy(cut.opt);
}

/* Frozen columns: the rows' marginals are met with them as they stand. */
static void test_newton_of_some(void **state) {
    (void)state;
    transport_t p;
    double y[M];
    open_method(&p, "sns", "warm=1", OPTIM_F64, false);
    run(&p, 1);
    memcpy(y, p.y, sizeof y);
    CHECK_OK(optim_freeze(p.opt, 0, 1));
    p.r[0] = 0.2;
    run(&p, 6);
    assert_memory_equal(p.y, y, sizeof y);
    for (int i = 0; i < N; ++i) {
        double sum = 0;
        for (int j = 0; j < M; ++j)
            sum += plan(&p, 10, i, j);
        CHECK_CLOSE(sum, p.r[i], 1e-12);
    }
    optim_destroy(p.opt);
}

enum { SIDE = 20 };

/* Steps until err is below 1e-10, `most` at last; eta = 1200, costs as if at random. */
static int steps_to_meet(const char *method, const char *options, int most) {
    double x[SIDE] = {0}, y[SIDE] = {0}, cost[SIDE * SIDE], marginal[SIDE], err = 1;
    const int64_t dims[] = {SIDE, SIDE};
    int steps = 0, columns;
    optim_t *opt;
    uint32_t word = 1;
    for (int i = 0; i < SIDE * SIDE; ++i) {
        word = word * 1664525 + 1013904223;
        cost[i] = (double)word / 4294967296.0;
        marginal[i % SIDE] = 1.0 / SIDE;
    }
    CHECK_OK(optim_create(&opt, method, options));
    CHECK_OK(optim_add_group(opt, "role=y", &columns));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, dims, x, NULL));
    CHECK_OK(optim_add_param(opt, columns, "y", OPTIM_F64, 1, dims, y, NULL));
    CHECK_OK(optim_set_input(opt, -1, "cost", OPTIM_F64, 2, dims, cost));
    CHECK_OK(optim_set_input(opt, -1, "r", OPTIM_F64, 1, dims, marginal));
    CHECK_OK(optim_set_input(opt, -1, "c", OPTIM_F64, 1, dims, marginal));
    for (; steps < most && err > 1e-10; ++steps) {
        CHECK_OK(optim_step(opt));
        CHECK_OK(optim_get(opt, 0, "err", &err));
    }
    optim_destroy(opt);
    return steps;
}

static void test_newton_is_faster(void **state) {
    (void)state;
    const int steps = steps_to_meet("sns", "eta=1200", 200);
    CHECK_AT_MOST(steps, 199);
    assert_int_equal(steps_to_meet("sinkhorn", "eta=1200", 5 * steps), 5 * steps);
}

static void test_newton_is_refused(void **state) {
    (void)state;
    transport_t p;
    open_method(&p, "sns", "", OPTIM_F64, false);
    CHECK_OK(optim_set(p.opt, 1, "eta", 3));
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_VALUE, "the same in all groups");
    optim_destroy(p.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marginals),
        cmocka_unit_test(test_in_pieces),
        cmocka_unit_test(test_forbidden),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_inputs),
        cmocka_unit_test(test_newton),
        cmocka_unit_test(test_newton_of_some),
        cmocka_unit_test(test_newton_is_faster),
        cmocka_unit_test(test_newton_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
