/* Constraints: values that are asked for, weights with which gradients take them in. */
#include <math.h>

#include "own_method.h"

enum { D = 2 };

/* Penalty method with weights 10 c for equalities and 10 max(c, 0) for inequalities; keeps their sum. */
static const option_t NO_OPTIONS[] = {{0}};
typedef struct memory {
    double *multiplier;
} memory_t;
static const field_t FIELDS[] = {
    {"multiplier", "of each constraint", FIELD(OF_METHOD, memory_t, multiplier), .each = EACH_CONSTRAINT},
    {0},
};

static void move(const tile_t *t) {
    for (size_t i = 0; i < t->n; ++i)
        ((double *)t->p)[i] -= 0.1 * ((double *)t->g)[i];
}

static void weigh(step_t *s) {
    for (int64_t j = 0; j < s->equalities + s->inequalities; ++j) {
        s->weights[j] = 10 * (j < s->equalities ? s->constraint[j] : fmax(s->constraint[j], 0));
        ((memory_t *)s->memory)->multiplier[j] += s->weights[j];
    }
}

static optim_status advance(step_t *s) {
    STEP_BEGIN(s);
    for (int64_t j = 0; j < s->equalities + s->inequalities; ++j)
        assert_true(s->weights[j] == 0);
    STEP_ASK(s, .kind = OPTIM_EVAL_CONSTRAINTS);
    weigh(s);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD);
    step_update(s, 0, NULL);
    STEP_END(s);
}

static const method_t PENALTY = {
    .name = "penalty",
    .options = NO_OPTIONS,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .flags = REQUESTS | NEEDS_CONSTRAINTS,
    .advance = advance,
    .kernels = {move},
};

static void test_numbers(void **state) {
    (void)state;
    double x[D] = {1, 2}, g[D] = {0};
    optim_t *opt = own_handle(&PENALTY, NULL, D, x, g);
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_ORDER, "optim_set_constraints");
    CHECK_REFUSED(optim_set_constraints(opt, -1, 0), OPTIM_ERR_ARGUMENT, "-1 equalities");
    CHECK_REFUSED(optim_set_constraints(opt, 0, INT64_MAX), OPTIM_ERR_ARGUMENT, "inequalities");
    CHECK_OK(optim_set_constraints(opt, 0, 0));
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_ORDER, "penalty");
    CHECK_OK(optim_set_constraints(opt, 1, 1));
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_CONSTRAINTS);
    CHECK_REFUSED(optim_set_constraints(opt, 1, 1), OPTIM_ERR_ORDER, "first step");
    optim_destroy(opt);
}

static void test_conversation(void **state) {
    (void)state;
    static const char *const OPTIONS[] = {NULL, "maximize=1"};
    for (int k = 0; k < 2; ++k) {
        double x[D] = {1, 2}, g[D] = {0}, *values;
        const double *weights, sign = k == 0 ? 1 : -1;
        optim_t *opt = own_handle(&PENALTY, OPTIONS[k], D, x, g);
        CHECK_OK(optim_set_constraints(opt, 1, 2));
        CHECK_REFUSED(optim_constraint_values(opt, &values), OPTIM_ERR_CLOSED, "constraints");
        CHECK_REFUSED(optim_constraint_weights(opt, &weights), OPTIM_ERR_CLOSED, "gradient");
        CHECK_STATUS(optim_step(opt), OPTIM_EVAL_CONSTRAINTS);
        CHECK_REFUSED(optim_constraint_weights(opt, &weights), OPTIM_ERR_CLOSED, "gradient");
        CHECK_REFUSED(optim_step(opt), OPTIM_ERR_ORDER, "optim_constraint_values");
        CHECK_OK(optim_constraint_values(opt, &values));
        values[0] = -0.5;
        values[1] = -3;
        values[2] = 0.25;
        CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
        CHECK_REFUSED(optim_constraint_values(opt, &values), OPTIM_ERR_CLOSED, "constraints");
        CHECK_OK(optim_constraint_weights(opt, &weights));
        assert_true(weights[0] == -5 * sign);
        assert_true(weights[1] == 0);
        assert_true(weights[2] == 2.5 * sign);
        g[0] = sign * 4; /* of loss + sum w c, as the caller has them */
        g[1] = sign * -1;
        CHECK_OK(optim_step(opt));
        CHECK_CLOSE(x[0], 0.6, 1e-15);
        CHECK_CLOSE(x[1], 2.1, 1e-15);
        const double *multiplier = ((memory_t *)opt->engine.stations[0]->memory)->multiplier;
        assert_true(multiplier[0] == -5 && multiplier[1] == 0 && multiplier[2] == 2.5);
        optim_destroy(opt);
    }
}

static void test_cancel_and_nonfinite(void **state) {
    (void)state;
    double x[D] = {1, 2}, g[D] = {0}, *values;
    optim_t *opt = own_handle(&PENALTY, "nonfinite=error", D, x, g);
    CHECK_OK(optim_set_constraints(opt, 0, 1));
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_CONSTRAINTS);
    CHECK_OK(optim_constraint_values(opt, &values));
    *values = 2;
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
    CHECK_OK(optim_cancel(opt));
    assert_true(x[0] == 1 && x[1] == 2);
    assert_true(((memory_t *)opt->engine.stations[0]->memory)->multiplier[0] == 0);
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_CONSTRAINTS);
    CHECK_OK(optim_constraint_values(opt, &values));
    *values = (double)NAN;
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_NONFINITE, "finite");
    assert_int_equal(optim_steps(opt), 0);
    optim_destroy(opt);
}

/* Without constraints there are no weights; who does not see constraints steps as ever. */
static void test_strangers(void **state) {
    (void)state;
    double x[D] = {1, 2}, g[D] = {1, 1};
    const double *weights = x;
    const int64_t two = D;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "extragradient", NULL));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, &two, x, g));
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
    CHECK_OK(optim_constraint_weights(opt, &weights));
    assert_null(weights);
    optim_destroy(opt);
    CHECK_OK(optim_create(&opt, "extragradient", NULL));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, &two, x, g));
    CHECK_OK(optim_set_constraints(opt, 0, 1));
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
    CHECK_OK(optim_constraint_weights(opt, &weights));
    assert_true(*weights == 0);
    CHECK_OK(optim_step(opt));
    optim_destroy(opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_conversation),
        cmocka_unit_test(test_cancel_and_nonfinite),
        cmocka_unit_test(test_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
