/* sinkhorn: transport between two distributions. */
#include <math.h>
#include <stdbool.h>

#include "check.h"

enum { N = 6, M = 5 };

typedef struct transport {
    optim_t *opt;
    double x[N], y[M], cost[N * M], r[N], c[M];
} transport_t;

/* With `cut`, x and y in two parameters each. */
static void open_transport(transport_t *p, const char *options, optim_dtype dtype, bool cut) {
    const int64_t dims[] = {N, M}, x[] = {cut ? 2 : N, N - 2}, y[] = {cut ? 1 : M, M - 1};
    int columns;
    *p = (transport_t){.opt = NULL};
    for (int i = 0; i < N * M; ++i)
        p->cost[i] = (double)(i * 37 % 31) / 31;
    for (int i = 0; i < N; ++i)
        p->r[i] = (1.0 + i % 3) / 12;
    for (int j = 0; j < M; ++j)
        p->c[j] = (1.0 + j % 2) / 7;
    CHECK_OK(optim_create(&p->opt, "sinkhorn", options));
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marginals), cmocka_unit_test(test_in_pieces), cmocka_unit_test(test_forbidden),
        cmocka_unit_test(test_alone),     cmocka_unit_test(test_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
