/* A map as an option of a method: in optim_create's string, by group, beside another one; in states and penalties. */
#include <math.h>
#include <string.h>

#include "engine/map.h"
#include "own_method.h"

/* p <- map of it and then another; `s` holds the map of the gradient. */
enum { REG, SET };
static const option_t OPTIONS[] = {
    [REG] = {"reg", 0, "map", "penalty", .choice = "none"},
    [SET] = {"set", 0, "map", "constraint", .choice = "proj_box(lo=-5,hi=5)"},
    {0},
};
enum { S };
static const state_t STATES[] = {[S] = {"s", "mapped gradient", LIKE_PARAM, KEPT, .exact = true}, {0}};
static double penalty;

static void copy(const tile_t *t) {
    memcpy(t->state[S], t->g, t->n * sizeof(double));
}

static optim_status advance(step_t *s) {
    const char *wrong = step_map_refuses(s, REG, 1, false);
    if (wrong != NULL)
        return step_fail(s, OPTIM_ERR_VALUE, wrong);
    step_update(s, 0, NULL);
    step_map_state(s, REG, S, 1);
    step_map(s, REG, 1);
    step_map(s, SET, 0);
    penalty = step_map_value(s, REG);
    return OPTIM_OK;
}

static const method_t MAPPED = {
    .name = "mapped",
    .purpose = "maps its parameters",
    .citation = "",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATES,
    .advance = advance,
    .kernels = {copy},
};

static void check_step(const char *options, double want0, double want1, double want_penalty) {
    double x[2] = {3, -8}, g[2] = {1.5, 0.25};
    optim_t *opt = own_handle(&MAPPED, options, 2, x, g);
    CHECK_OK(optim_step(opt));
    CHECK_CLOSE(x[0], want0, 1e-15);
    CHECK_CLOSE(x[1], want1, 1e-15);
    CHECK_CLOSE(penalty, want_penalty, 1e-15);
    optim_destroy(opt);
}

static void test_in_a_string(void **state) {
    (void)state;
    check_step(NULL, 3, -5, 0);
    check_step("reg=none", 3, -5, 0);
    check_step("reg=prox_l1(lam=0.5)", 2.5, -5, 3.75);
    check_step("reg=prox_l1,lam=0.5", 2.5, -5, 3.75);
    check_step("lam=0.5,reg=prox_l1", 2.5, -5, 3.75);
    check_step("reg.lam=0.5,reg=prox_l1,set.hi=2", 2, -5, 3.5);
    check_step("mapped.reg=prox_l1,mapped.reg.lam=0.5", 2.5, -5, 3.75);
    check_step("reg=prox_linf(lam=4),set=proj_nonneg", 3, 0, 12);
    check_step("hi=1,lo=0", 1, 0, 0);
}

static void check_refused_string(const char *options, optim_status status, const char *offender) {
    optim_t *opt = NULL;
    CHECK_REFUSED(own_create(&opt, &MAPPED, options), status, offender);
}

static void test_refuses_strings(void **state) {
    (void)state;
    check_refused_string("lam=0.5", OPTIM_ERR_OPTION, "lam");
    check_refused_string("reg=prox_l9", OPTIM_ERR_NAME, "prox_l9");
    check_refused_string("set=none", OPTIM_ERR_NAME, "none");
    check_refused_string("reg=proj_l1_ball,set=proj_l2_ball,radius=2", OPTIM_ERR_OPTION, "2 entries");
    check_refused_string("reg=prox_l1,reg.radius=2", OPTIM_ERR_OPTION, "radius");
    check_refused_string("reg=prox_l1,lan=2", OPTIM_ERR_OPTION, "\"lam\"");
    check_refused_string("lo=6", OPTIM_ERR_VALUE, "proj_box");
}

/* Groups name entries of their own; what they leave out is as in group 0. */
static void test_groups(void **state) {
    (void)state;
    double x[2] = {3, -8}, y[2] = {3, -8}, z[2] = {3, -8}, g[2] = {1.5, 0.25}, value;
    int64_t two = 2;
    optim_t *opt = own_handle(&MAPPED, "reg=prox_l1,lam=0.5", 2, x, g);
    CHECK_OK(optim_add_group(opt, "reg=prox_l2sq(lam=3)", NULL));
    CHECK_OK(optim_add_group(opt, "lam=1", NULL));
    CHECK_OK(optim_add_param(opt, 1, "y", OPTIM_F64, 1, &two, y, g));
    CHECK_OK(optim_add_param(opt, 2, "z", OPTIM_F64, 1, &two, z, g));
    CHECK_OK(optim_get(opt, 1, "reg.lam", &value));
    assert_true(value == 3);
    CHECK_OK(optim_step(opt));
    CHECK_CLOSE(x[0], 2.5, 1e-15);
    CHECK_CLOSE(y[0], 0.75, 1e-15);
    CHECK_CLOSE(z[0], 2, 1e-15);
    CHECK_OK(optim_set(opt, -1, "lam", 0));
    CHECK_OK(optim_step(opt));
    CHECK_CLOSE(y[0], 0.75, 1e-15);
    optim_destroy(opt);
}

/* The gradient's copy is mapped too, whether by element or as a whole. */
static void test_states(void **state) {
    (void)state;
    static const char *const TEXTS[] = {"reg=prox_l1,lam=0.5", "reg=prox_linf,lam=0.5"};
    const double want[2][2] = {{1, 0}, {1, 0.25}};
    for (int k = 0; k < 2; ++k) {
        double x[2] = {3, -8}, g[2] = {1.5, 0.25};
        optim_t *opt = own_handle(&MAPPED, TEXTS[k], 2, x, g);
        CHECK_OK(optim_step(opt));
        const double *s = opt->engine.stations[0]->slot[S].at;
        CHECK_CLOSE(s[0], want[k][0], 1e-15);
        CHECK_CLOSE(s[1], want[k][1], 1e-15);
        optim_destroy(opt);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_a_string),
        cmocka_unit_test(test_refuses_strings),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
