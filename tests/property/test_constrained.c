/* Methods with constraints. */
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mdmm_solves),
        cmocka_unit_test(test_mdmm_damping),
        cmocka_unit_test(test_mdmm_start),
        cmocka_unit_test(test_numbers_of_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
