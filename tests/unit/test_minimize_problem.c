/* optim_minimize: callbacks for components, losses and constraints, and methods that read no gradients. */
#include <math.h>
#include <string.h>

#include "own_method.h"

enum { D = 2, N = 4 };
static const option_t LR_OPTIONS[] = {{"lr", 0.1, "[0,inf)", "step size"}, {0}};

/* ---- Everything that can be asked, in one step: p -= lr (mean of g_i over components 1 and 2, plus w grad c) ---- */

enum { G };
static const state_t STATES[] = {
    [G] = {"g", "of the components", LIKE_PARAM, WITHIN_STEP},
    {0},
};

static void keep(const tile_t *t) {
    for (size_t i = 0; i < t->n; ++i)
        ((double *)t->state[G])[i] = ((double *)t->g)[i];
}
static void move(const tile_t *t) {
    for (size_t i = 0; i < t->n; ++i)
        ((double *)t->p)[i] -= 0.1 * (((double *)t->state[G])[i] + ((double *)t->g)[i]);
}

static optim_status advance(step_t *s) {
    STEP_BEGIN(s);
    STEP_ASK(s, .kind = OPTIM_EVAL_LOSSES, .first = 1, .count = 2);
    if (s->losses[1] != 2 * s->losses[0])
        return step_fail(s, OPTIM_ERR_DOMAIN, "the losses are not what they should be");
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .first = 1, .count = 2);
    step_update(s, 0, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_CONSTRAINTS);
    s->weights[0] = 2 * s->constraint[0];
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD);
    step_update(s, 1, NULL);
    STEP_END(s);
}

static const method_t ASKING = {
    .name = "asking",
    .options = LR_OPTIONS,
    .states = STATES,
    .flags = REQUESTS | NEEDS_COMPONENTS | COMPONENT_GRADIENTS | COMPONENT_LOSSES | NEEDS_CONSTRAINTS,
    .advance = advance,
    .kernels = {keep, move},
};

typedef struct caller {
    optim_t *opt;
    double x[D], g[D];
    int gradients, components, losses, constraints, stop_losses, stop_constraints;
} caller_t;

/* f_i = i |x|^2 / 2, and c = x_0 */
static int on_gradient(void *user, const optim_request *request, double *loss) {
    caller_t *c = user;
    const double *weights = NULL;
    const double mean = (N - 1) / 2.0;
    ++c->gradients;
    assert_int_equal(request->count, 0);
    if (request->evaluation > 1)
        CHECK_OK(optim_constraint_weights(c->opt, &weights));
    for (int i = 0; i < D; ++i)
        c->g[i] = mean * c->x[i];
    c->g[0] += weights == NULL ? 0 : weights[0];
    *loss = mean * (c->x[0] * c->x[0] + c->x[1] * c->x[1]) / 2;
    return 0;
}

static int on_component(void *user, const optim_request *request, double *loss) {
    caller_t *c = user;
    ++c->components;
    assert_int_equal(request->component, 1);
    assert_int_equal(request->count, 2);
    for (int i = 0; i < D; ++i)
        c->g[i] = 1.5 * c->x[i];
    *loss = 0;
    return 0;
}

static int on_losses(void *user, const optim_request *request, double *losses) {
    caller_t *c = user;
    ++c->losses;
    for (int64_t i = 0; i < request->count; ++i)
        losses[i] = (double)(request->component + i) * (c->x[0] * c->x[0] + c->x[1] * c->x[1]) / 2;
    return c->losses == c->stop_losses ? 5 : 0;
}

static int on_constraints(void *user, const optim_request *request, double *values) {
    caller_t *c = user;
    assert_int_equal(request->kind, OPTIM_EVAL_CONSTRAINTS);
    ++c->constraints;
    values[0] = c->x[0];
    return c->constraints == c->stop_constraints ? 6 : 0;
}

static optim_problem problem_of(caller_t *c) {
    return (optim_problem){sizeof(optim_problem), c, on_gradient, NULL, NULL, on_component, on_losses, on_constraints};
}

static void open_asking(caller_t *c) {
    *c = (caller_t){.x = {1, 2}};
    c->opt = own_handle(&ASKING, NULL, D, c->x, c->g);
    CHECK_OK(optim_set_components(c->opt, N));
    CHECK_OK(optim_set_constraints(c->opt, 1, 0));
}

static void test_all_answers(void **state) {
    (void)state;
    caller_t c;
    open_asking(&c);
    const optim_problem problem = problem_of(&c);
    const optim_stop stop = {.size = sizeof stop, .steps = 3};
    optim_result result = {.size = sizeof result};
    CHECK_OK(optim_minimize(c.opt, &problem, &stop, &result));
    assert_int_equal(result.reason, OPTIM_STOP_STEPS);
    assert_int_equal(c.gradients, 4 + 3);
    assert_int_equal(c.components, 3);
    assert_int_equal(c.losses, 3);
    assert_int_equal(c.constraints, 3);
    assert_int_equal(result.evaluations, 4 + 4 * 3);
    CHECK_CLOSE(c.x[0], pow(1 - 0.1 * (1.5 + 1.5 + 2), 3), 1e-14);
    CHECK_CLOSE(c.x[1], 2 * pow(1 - 0.1 * (1.5 + 1.5), 3), 1e-14);
    optim_destroy(c.opt);
}

/* What the method will need is refused before anything is evaluated. */
static void test_missing_callbacks(void **state) {
    (void)state;
    caller_t c;
    open_asking(&c);
    const optim_stop stop = {.size = sizeof stop, .steps = 3};
    optim_problem problem = problem_of(&c);
    problem.component = NULL;
    CHECK_REFUSED(optim_minimize(c.opt, &problem, &stop, NULL), OPTIM_ERR_NULL, "problem.component");
    problem = problem_of(&c);
    problem.losses = NULL;
    CHECK_REFUSED(optim_minimize(c.opt, &problem, &stop, NULL), OPTIM_ERR_NULL, "problem.losses");
    problem = problem_of(&c);
    problem.constraints = NULL;
    CHECK_REFUSED(optim_minimize(c.opt, &problem, &stop, NULL), OPTIM_ERR_NULL, "problem.constraints");
    problem = problem_of(&c);
    problem.size = offsetof(optim_problem, component); /* of a program that knows no more */
    CHECK_REFUSED(optim_minimize(c.opt, &problem, &stop, NULL), OPTIM_ERR_NULL, "problem.component");
    assert_int_equal(c.gradients + c.losses + c.components + c.constraints, 0);
    optim_destroy(c.opt);
}

static void test_callbacks_stop(void **state) {
    (void)state;
    for (int k = 0; k < 2; ++k) {
        caller_t c;
        open_asking(&c);
        c.stop_losses = k == 0 ? 2 : 0;
        c.stop_constraints = k == 1 ? 2 : 0;
        const optim_problem problem = problem_of(&c);
        const optim_stop stop = {.size = sizeof stop, .steps = 3};
        optim_result result = {.size = sizeof result};
        CHECK_OK(optim_minimize(c.opt, &problem, &stop, &result));
        assert_int_equal(result.reason, OPTIM_STOP_CALLBACK);
        assert_int_equal(result.callback, k == 0 ? 5 : 6);
        assert_int_equal(result.steps, 1);
        CHECK_CLOSE(c.x[0], 0.5, 1e-14);
        optim_destroy(c.opt);
    }
}

/* ---- Values alone: halves the parameters and asks for the loss there ---- */

enum { BEFORE };
static const state_t HALVING_STATES[] = {[BEFORE] = {"before", "the point", LIKE_PARAM, RESTORE_POINT}, {0}};

static void halve(const tile_t *t) {
    memcpy(t->state[BEFORE], t->p, t->n * sizeof(double));
    for (size_t i = 0; i < t->n; ++i)
        ((double *)t->p)[i] /= 2;
}

static optim_status halving_advance(step_t *s) {
    STEP_BEGIN(s);
    step_update(s, 0, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_LOSS);
    STEP_END(s);
}

static const method_t HALVING = {
    .name = "halving",
    .options = LR_OPTIONS,
    .states = HALVING_STATES,
    .flags = REQUESTS | VALUES_ONLY,
    .advance = halving_advance,
    .kernels = {halve},
};

static int on_loss(void *user, const optim_request *request, double *loss) {
    caller_t *c = user;
    assert_int_equal(request->kind, OPTIM_EVAL_LOSS);
    assert_int_equal(request->needs_loss, 1);
    ++c->losses;
    *loss = c->x[0] * c->x[0];
    return 0;
}

static void test_values_only(void **state) {
    (void)state;
    caller_t c = {.x = {1, 2}};
    c.opt = own_handle(&HALVING, NULL, D, c.x, NULL);
    optim_problem problem = {.size = sizeof problem, .user = &c, .loss = on_loss};
    optim_stop stop = {.size = sizeof stop, .steps = 3};
    optim_result result = {.size = sizeof result};
    CHECK_OK(optim_minimize(c.opt, &problem, &stop, &result));
    assert_true(c.x[0] == 0.125 && c.x[1] == 0.25);
    assert_true(result.loss == 0.125 * 0.125);
    assert_int_equal(c.losses, 4 + 3);
    stop.gradient_norm = 1e-3;
    CHECK_REFUSED(optim_minimize(c.opt, &problem, &stop, &result), OPTIM_ERR_VALUE, "gradient_norm");
    problem.loss = NULL;
    stop.gradient_norm = 0;
    CHECK_REFUSED(optim_minimize(c.opt, &problem, &stop, &result), OPTIM_ERR_NULL, "problem.loss");
    CHECK_STATUS(optim_step(c.opt), OPTIM_EVAL_LOSS);
    CHECK_OK(optim_cancel(c.opt));
    assert_true(c.x[0] == 0.125 && c.x[1] == 0.25);
    CHECK_STATUS(optim_step(c.opt), OPTIM_EVAL_LOSS);
    assert_int_equal(own_request(c.opt).needs_loss, 1);
    CHECK_REFUSED(optim_step(c.opt), OPTIM_ERR_LOSS, "optim_set_loss");
    CHECK_OK(optim_set_loss(c.opt, 1));
    CHECK_OK(optim_step(c.opt));
    optim_destroy(c.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_answers),
        cmocka_unit_test(test_missing_callbacks),
        cmocka_unit_test(test_callbacks_stop),
        cmocka_unit_test(test_values_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
