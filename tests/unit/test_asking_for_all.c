/* Methods whose steps begin without a gradient; states that they write before the last answer; other parameters that
 * kernels read; where a parameter begins among those of its role. */
#include "own_method.h"

enum { D = 2 };

/* Two gradients a step: adds the first to the state m, moves along m at the second. */
static const option_t NO_OPTIONS[] = {{0}};
enum { M };
static const state_t STATE[] = {
    [M] = {"m", "sum of gradients", LIKE_PARAM, KEPT, .undone = true},
    {0},
};

static void add(const tile_t *t) {
    for (size_t i = 0; i < t->n; ++i)
        ((double *)t->state[M])[i] += ((double *)t->g)[i];
}
static void move(const tile_t *t) {
    for (size_t i = 0; i < t->n; ++i)
        ((double *)t->p)[i] -= ((double *)t->state[M])[i] + ((double *)t->g)[i];
}

static optim_status advance(step_t *s) {
    STEP_BEGIN(s);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .objective = 1);
    step_update(s, 0, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD);
    step_update(s, 1, NULL);
    STEP_END(s);
}

static const method_t ASKER = {
    .name = "asker",
    .options = NO_OPTIONS,
    .states = STATE,
    .flags = REQUESTS | ASKS_FOR_ALL,
    .advance = advance,
    .kernels = {add, move},
};

static double state_m(const optim_t *opt) {
    return *(const double *)opt->engine.stations[0]->slot[M].at;
}

/* What lies in the gradient's buffer when a step begins is not read. */
static void test_begins_without(void **state) {
    (void)state;
    double x[D] = {1, 2}, g[D] = {777, 777};
    optim_t *opt = own_handle(&ASKER, NULL, D, x, g);
    for (int step = 0; step < 2; ++step) {
        assert_int_equal(optim_wants_gradient(opt), 0);
        CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
        assert_int_equal(own_request(opt).objective, 1);
        g[0] = 0.25;
        g[1] = 0;
        CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
        assert_int_equal(own_request(opt).objective, 0);
        g[0] = 0.125;
        g[1] = -1;
        CHECK_OK(optim_step(opt));
    }
    assert_true(x[0] == 1 - 0.375 - 0.625 && x[1] == 4);
    optim_destroy(opt);
}

/* Gradients that are asked for can be means of several; there is none before. */
static void test_accumulates(void **state) {
    (void)state;
    double x[D] = {1, 2}, g[D] = {0};
    optim_t *opt = own_handle(&ASKER, "accumulate=1", D, x, g);
    CHECK_REFUSED(optim_accumulate(opt), OPTIM_ERR_ORDER, "\"asker\" begins without a gradient");
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
    for (int k = 0; k < 2; ++k) {
        g[0] = k;
        CHECK_OK(optim_accumulate(opt));
    }
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
    assert_true(state_m(opt) == 0.5);
    optim_destroy(opt);
}

static void test_undone(void **state) {
    (void)state;
    double x[D] = {1, 2}, g[D] = {1, 1};
    optim_t *opt = own_handle(&ASKER, NULL, D, x, g);
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
    CHECK_OK(optim_step(opt));
    assert_true(state_m(opt) == 1);
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
    assert_true(state_m(opt) == 2);
    CHECK_OK(optim_cancel(opt));
    assert_true(state_m(opt) == 1);
    optim_destroy(opt);
}

/* Where optim_minimize has a loss, and no norm of the gradient is to be watched, no gradient is made to look. */
typedef struct calls {
    double *g;
    int gradients, losses;
} calls_t;

static int gradient(void *user, const optim_request *request, double *loss) {
    calls_t *calls = user;
    (void)request;
    ++calls->gradients;
    for (int i = 0; i < D; ++i)
        calls->g[i] = 0;
    *loss = 1;
    return 0;
}
static int loss_alone(void *user, const optim_request *request, double *loss) {
    (void)request;
    ++((calls_t *)user)->losses;
    *loss = 1;
    return 0;
}

static void test_minimize(void **state) {
    (void)state;
    static const struct {
        double norm;
        bool has_loss;
        int gradients, losses;
    } CASES[] = {{0, true, 4, 3}, {0, false, 7, 0}, {1e-300, true, 1, 0}}; /* the last ends where it begins */
    for (size_t k = 0; k < sizeof CASES / sizeof *CASES; ++k) {
        double x[D] = {1, 2}, g[D] = {1, 1};
        calls_t calls = {g, 0, 0};
        optim_t *opt = own_handle(&ASKER, NULL, D, x, g);
        const optim_problem problem = {.size = sizeof problem,
                                       .user = &calls,
                                       .gradient = gradient,
                                       .loss = CASES[k].has_loss ? loss_alone : NULL};
        const optim_stop stop = {.size = sizeof stop, .steps = 2, .gradient_norm = CASES[k].norm};
        optim_result result = {.size = sizeof result};
        CHECK_OK(optim_minimize(opt, &problem, &stop, &result));
        assert_int_equal(calls.gradients, CASES[k].gradients);
        assert_int_equal(calls.losses, CASES[k].losses);
        optim_destroy(opt);
    }
}

/* x of each parameter with role=b becomes its place among them, plus the sum of all with role=a. */
static void gather(const tile_t *t) {
    const step_t *s = *(const step_t *const *)t->arguments;
    double sum = 0, room[D];
    for (size_t k = 0; k < step_tensor_count(s); ++k) {
        const tensor_t *other = step_parameter(s, k);
        if (other->role != 0)
            continue;
        step_parameter_read(s, k, 1, other->count - 1, room);
        for (size_t i = 0; i + 1 < other->count; ++i)
            sum += room[i];
    }
    for (size_t i = 0; t->tensor->role == 1 && i < t->n; ++i)
        ((double *)t->p)[i] = sum + (double)(t->tensor->first_of_role + t->offset + i);
}

static optim_status advance_gathering(step_t *s) {
    const step_t *self = s;
    step_tensors(s, 0, &self);
    return OPTIM_OK;
}

static const method_t GATHERER = {
    .name = "gatherer",
    .options = NO_OPTIONS,
    .roles = "a|b",
    .flags = WHOLE_TENSORS | VALUES_ONLY,
    .advance = advance_gathering,
    .kernels = {gather},
    .arguments = {sizeof(step_t *)},
};

static void test_other_parameters(void **state) {
    (void)state;
    double a[D] = {5, 7}, b[D] = {0}, late[D] = {0};
    float bf[2 * D] = {1, 2, 3, 4};
    const int64_t two = D, three = 3;
    int group;
    optim_t *opt;
    CHECK_OK(own_create(&opt, &GATHERER, NULL));
    CHECK_OK(optim_add_group(opt, "role=b", &group));
    CHECK_OK(optim_add_param(opt, group, "b", OPTIM_F64, 1, &two, b, NULL));
    CHECK_OK(optim_add_param(opt, 0, "a", OPTIM_F64, 1, &two, a, NULL));
    CHECK_OK(optim_add_param(opt, 0, "f", OPTIM_F32, 1, &three, bf, NULL));
    CHECK_OK(optim_add_param(opt, group, "late", OPTIM_F64, 1, &two, late, NULL));
    CHECK_OK(optim_freeze(opt, 1, 1));
    CHECK_OK(optim_step(opt));
    assert_true(b[0] == 12 && b[1] == 13); /* 7 + 2 + 3 */
    assert_true(late[0] == 14 && late[1] == 15);
    optim_destroy(opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_begins_without), cmocka_unit_test(test_accumulates),      cmocka_unit_test(test_undone),
        cmocka_unit_test(test_minimize),       cmocka_unit_test(test_other_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
