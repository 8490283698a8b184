/* Methods with constraints, and transport between two distributions. */
#include <math.h>
#include <stdbool.h>

#include "check.h"

/* ---- mdmm: f = (x - 3)^2 / 2 + (y + 1)^2 / 2 ---- */

typedef struct circle {
    optim_t *opt;
    double x[2], g[2], c[2];
} circle_t;

/* x + y = 1 has (5/2, -3/2) and w = 1/2; x <= 2 has (2, -1) and w = 1; x <= 4 does nothing. */
typedef enum kind { LINE, ACTIVE, IDLE } kind_t;

static void open_circle(circle_t *p, kind_t kind, const char *options) {
    const int64_t two = 2;
    *p = (circle_t){.x = {0.5, 0.5}};
    CHECK_OK(optim_create(&p->opt, "mdmm", options));
    CHECK_OK(optim_set_constraints(p->opt, kind == LINE, kind != LINE));
    CHECK_OK(optim_add_param(p->opt, 0, "x", OPTIM_F64, 1, &two, p->x, p->g));
}

static double constraint(const circle_t *p, kind_t kind) {
    return kind == LINE ? p->x[0] + p->x[1] - 1 : p->x[0] - (kind == ACTIVE ? 2 : 4);
}

static void circle_step(circle_t *p, kind_t kind) {
    double *values;
    const double *w;
    CHECK_STATUS(optim_step(p->opt), OPTIM_EVAL_CONSTRAINTS);
    CHECK_OK(optim_constraint_values(p->opt, &values));
    values[0] = constraint(p, kind);
    CHECK_STATUS(optim_step(p->opt), OPTIM_EVAL_GRAD);
    CHECK_OK(optim_constraint_weights(p->opt, &w));
    p->g[0] = p->x[0] - 3 + w[0];
    p->g[1] = p->x[1] + 1 + (kind == LINE ? w[0] : 0);
    CHECK_OK(optim_step(p->opt));
}

static void test_mdmm_solves(void **state) {
    (void)state;
    static const double WANT[][3] = {[LINE] = {2.5, -1.5, 0.5}, [ACTIVE] = {2, -1, 1}, [IDLE] = {3, -1, 0}};
    for (int kind = LINE; kind <= IDLE; ++kind) {
        circle_t p;
        double lam;
        open_circle(&p, (kind_t)kind, "lr=0.05,damping=2");
        for (int k = 0; k < 4000; ++k)
            circle_step(&p, (kind_t)kind);
        CHECK_OK(optim_get(p.opt, 0, "lam", &lam));
        CHECK_CLOSE(p.x[0], WANT[kind][0], 1e-8);
        CHECK_CLOSE(p.x[1], WANT[kind][1], 1e-8);
        CHECK_CLOSE(-lam, WANT[kind][2], 1e-8);
        optim_destroy(p.opt);
    }
}

/* Where f has no curvature along the constraint nothing but damping ends the circling: f = 0 and c = x. */
static void test_mdmm_damping(void **state) {
    (void)state;
    for (int damped = 0; damped < 2; ++damped) {
        const int64_t one = 1;
        double x = 1, g = 0, *values;
        const double *w;
        int turns = 0;
        optim_t *opt;
        CHECK_OK(optim_create(&opt, "mdmm", damped ? "lr=0.01,damping=5" : "lr=0.01,damping=0"));
        CHECK_OK(optim_set_constraints(opt, 1, 0));
        CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, &one, &x, &g));
        for (int k = 0; k < 3000; ++k) {
            const double before = x;
            CHECK_STATUS(optim_step(opt), OPTIM_EVAL_CONSTRAINTS);
            CHECK_OK(optim_constraint_values(opt, &values));
            *values = x;
            CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
            CHECK_OK(optim_constraint_weights(opt, &w));
            g = *w;
            CHECK_OK(optim_step(opt));
            turns += before * x < 0;
        }
        if (damped)
            CHECK_AT_MOST(fabs(x), 0.01);
        assert_int_equal(turns, damped ? 1 : 10); /* 3000 steps of 0.01 are 30 radians, half a turn each pi */
        optim_destroy(opt);
    }
}

static void test_mdmm_start(void **state) {
    (void)state;
    static const double LAM[] = {4, 5};
    const int64_t one = 1, two = 2;
    circle_t p;
    double value;
    open_circle(&p, LINE, "lr=0.25,lr_dual=0.5,scale=2,damping=0");
    CHECK_OK(optim_set_input(p.opt, -1, "lam", OPTIM_F64, 1, &two, LAM));
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_SHAPE, "\"lam\" must have a number for each constraint");
    CHECK_OK(optim_set_input(p.opt, -1, "lam", OPTIM_F64, 1, &one, LAM));
    circle_step(&p, LINE);
    assert_true(p.x[0] == 0.5 - 0.25 * (-2.5 - 8)); /* w = -2 * 4 */
    CHECK_OK(optim_get(p.opt, 0, "lam", &value));
    assert_true(value == 4); /* c was 0 */
    optim_destroy(p.opt);
}

/* Several multipliers are read one by one. */
static void test_numbers_of_a_list(void **state) {
    (void)state;
    static const double LAM[] = {4, 5};
    const int64_t two = 2;
    double x[2] = {0}, g[2] = {0}, *values, value;
    static const char *const NONE[] = {"lam", "lam_2", "lam_", "lam_00", "lam_1x", "lam_18446744073709551617"};
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "mdmm", "damping=0"));
    CHECK_OK(optim_set_constraints(opt, 2, 0));
    CHECK_OK(optim_set_input(opt, -1, "lam", OPTIM_F64, 1, &two, LAM));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, &two, x, g));
    CHECK_OK(optim_get(opt, 0, "lam_1", &value));
    assert_true(value == 0); /* before the first step */
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_CONSTRAINTS);
    CHECK_OK(optim_constraint_values(opt, &values));
    values[0] = values[1] = 0;
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
    CHECK_OK(optim_step(opt));
    CHECK_OK(optim_get(opt, 0, "lam_0", &value));
    assert_true(value == 4);
    CHECK_OK(optim_get(opt, 0, "mdmm.lam_1", &value));
    assert_true(value == 5);
    for (size_t i = 0; i < sizeof NONE / sizeof *NONE; ++i)
        CHECK_STATUS(optim_get(opt, 0, NONE[i], &value), OPTIM_ERR_OPTION);
    optim_destroy(opt);
}

/* ---- sinkhorn ---- */

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
static void test_sinkhorn_marginals(void **state) {
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

static void test_sinkhorn_in_pieces(void **state) {
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

static void test_sinkhorn_forbidden(void **state) {
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

static void test_sinkhorn_inputs(void **state) {
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
        cmocka_unit_test(test_mdmm_solves),        cmocka_unit_test(test_mdmm_damping),
        cmocka_unit_test(test_mdmm_start),         cmocka_unit_test(test_numbers_of_a_list),
        cmocka_unit_test(test_sinkhorn_marginals), cmocka_unit_test(test_sinkhorn_in_pieces),
        cmocka_unit_test(test_sinkhorn_forbidden), cmocka_unit_test(test_sinkhorn_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
