/* Inputs, and methods of values alone: parameters that have no gradient buffer. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "own_method.h"

enum { D = 3 };

/* x += scale[0] + scale[1] + ... of the method's input, times the parameter's own input element by element. */
enum { SCALE, BIAS, EXTRA };
static const input_t INPUTS[] = {
    [SCALE] = {"scale", "a vector of factors", INPUT_OF_METHOD, false},
    [BIAS] = {"bias", "what is added", INPUT_OF_PARAMETER, false},
    [EXTRA] = {"extra", "added besides", INPUT_OF_PARAMETER, true},
    {0},
};
static const option_t NO_OPTIONS[] = {{0}};

typedef struct constants {
    double factor;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const input_view_t *scale = step_input(group->step, SCALE);
    double room[8], sum = 0;
    const double *value = input_doubles(scale, 0, scale->count, room);
    for (size_t i = 0; i < scale->count; ++i)
        sum += value[i];
    *(constants_t *)constants = (constants_t){sum};
}

static const char *refuses_inputs(const step_t *s) {
    for (size_t i = 0; i < step_tensor_count(s); ++i) {
        const input_view_t *bias = step_tensor_input(s, i, BIAS);
        if (bias != NULL && bias->count != s->engine->tensors[i].count)
            return "\"bias\" must have the parameter's shape";
    }
    return step_input(s, SCALE)->count > 8 ? "\"scale\" must be short" : NULL;
}

static void add(const tile_t *t) {
    const double factor = ((const constants_t *)t->constants)->factor;
    double room[TILE_ELEMENTS], more_room[TILE_ELEMENTS];
    const double *bias = tile_input(t, BIAS, room), *extra = tile_input(t, EXTRA, more_room);
    for (size_t i = 0; i < t->n; ++i)
        ((double *)t->p)[i] += factor * bias[i] + (extra == NULL ? 0 : extra[i]);
}

static const method_t ADDER = {
    .name = "adder",
    .options = NO_OPTIONS,
    .inputs = INPUTS,
    .flags = VALUES_ONLY,
    .constants = sizeof(constants_t),
    .refuses_inputs = refuses_inputs,
    .prepare = prepare,
    .kernels = {add},
};

static const int64_t THREE = D, TWO = 2;

static void test_missing(void **state) {
    (void)state;
    double x[D] = {1, 2, 3}, scale[] = {2, 3}, bias[D] = {1, 0, -1};
    optim_t *opt = own_handle(&ADDER, NULL, D, x, NULL);
    assert_int_equal(optim_wants_gradient(opt), 0);
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_ORDER, "\"scale\" (a vector of factors)");
    CHECK_OK(optim_set_input(opt, -1, "scale", OPTIM_F64, 1, &TWO, scale));
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_ORDER, "\"bias\" (what is added) of parameter \"x\"");
    CHECK_OK(optim_set_input(opt, 0, "bias", OPTIM_F64, 1, &TWO, bias));
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_SHAPE, "the parameter's shape");
    CHECK_OK(optim_set_input(opt, 0, "bias", OPTIM_F64, 1, &THREE, bias));
    CHECK_OK(optim_step(opt));
    assert_true(x[0] == 6 && x[1] == 2 && x[2] == -2);
    assert_int_equal(optim_wants_gradient(opt), 0);
    CHECK_OK(optim_set_input(opt, 0, "bias", OPTIM_F64, 1, &THREE, NULL)); /* taken back */
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_ORDER, "bias");
    assert_int_equal(optim_steps(opt), 1);
    optim_destroy(opt);
}

static void test_wrong(void **state) {
    (void)state;
    double x[D] = {1, 2, 3};
    const int64_t negative = -2, vast[] = {INT64_MAX, 3};
    optim_t *opt = own_handle(&ADDER, NULL, D, x, NULL);
    CHECK_REFUSED(optim_set_input(opt, -1, "cost", OPTIM_F64, 1, &TWO, x), OPTIM_ERR_NAME, "it has: scale");
    CHECK_REFUSED(optim_set_input(opt, -1, "bias", OPTIM_F64, 1, &TWO, x), OPTIM_ERR_NAME, "parameter -1");
    CHECK_REFUSED(optim_set_input(opt, 0, "scale", OPTIM_F64, 1, &TWO, x), OPTIM_ERR_NAME, "there are: bias, extra");
    CHECK_REFUSED(optim_set_input(opt, 1, "bias", OPTIM_F64, 1, &TWO, x), OPTIM_ERR_ARGUMENT, "no parameter 1");
    CHECK_REFUSED(optim_set_input(opt, -2, "bias", OPTIM_F64, 1, &TWO, x), OPTIM_ERR_ARGUMENT, "-2");
    CHECK_REFUSED(optim_set_input(opt, 0, "bias", 9, 1, &TWO, x), OPTIM_ERR_ARGUMENT, "dtype 9");
    CHECK_REFUSED(optim_set_input(opt, 0, "bias", OPTIM_F64, 9, &TWO, x), OPTIM_ERR_SHAPE, "9 dimensions");
    CHECK_REFUSED(optim_set_input(opt, 0, "bias", OPTIM_F64, 1, &negative, x), OPTIM_ERR_SHAPE, "-2");
    CHECK_REFUSED(optim_set_input(opt, 0, "bias", OPTIM_F64, 2, vast, x), OPTIM_ERR_SIZE, "bias");
    CHECK_REFUSED(optim_set_input(opt, 0, "bias", OPTIM_F64, 1, NULL, x), OPTIM_ERR_NULL, "dims");
    optim_destroy(opt);
    CHECK_OK(optim_create(&opt, "sgd", NULL));
    CHECK_REFUSED(optim_set_input(opt, -1, "cost", OPTIM_F64, 1, &TWO, x), OPTIM_ERR_NAME, "it has: none");
    optim_destroy(opt);
}

/* Every dtype, at an odd address; a long one in several tiles. */
static void test_dtypes(void **state) {
    (void)state;
    enum { LONG = 40000, BYTES = 8 };
    static const optim_dtype DTYPES[] = {OPTIM_F32, OPTIM_F64, OPTIM_BF16, OPTIM_F16};
    double *x = check_memory(LONG, sizeof *x);
    char *bias = check_memory(LONG * BYTES + 1, 1);
    const double one = 1;
    const int64_t count = LONG;
    for (int k = 0; k < 4; ++k) {
        memset(x, 0, LONG * sizeof *x);
        optim_t *opt = own_handle(&ADDER, NULL, LONG, x, NULL);
        for (int i = 0; i < LONG; ++i) { /* 0, 1, ..., 255 are the same in all */
            const float value = (float)(i % 256);
            const double wide = i % 256;
            char *at = bias + 1 + (size_t)i * dtype_size(DTYPES[k]);
            if (DTYPES[k] == OPTIM_F64)
                memcpy(at, &wide, sizeof wide);
            else
                opt->engine.primitives->store_f32(DTYPES[k], 1, &value, at);
        }
        CHECK_OK(optim_set_input(opt, -1, "scale", OPTIM_F64, 0, NULL, &one));
        CHECK_OK(optim_set_input(opt, 0, "bias", DTYPES[k], 1, &count, bias + 1));
        CHECK_OK(optim_step(opt));
        for (int i = 0; i < LONG; ++i)
            assert_true(x[i] == i % 256);
        optim_destroy(opt);
    }
    free(x);
    free(bias);
}

/* An aligned input of the right dtype is read where it lies. */
static void test_no_copy(void **state) {
    (void)state;
    double room[2];
    const double value[] = {1, 2, 3};
    const input_view_t view = {.data = value, .dtype = OPTIM_F64, .count = 3};
    assert_ptr_equal(input_doubles(&view, 1, 2, room), value + 1);
}

/* Parameters are moved without gradients, frozen ones are not; what reads gradients cannot be put around. */
static void test_values_only(void **state) {
    (void)state;
    double x[D] = {1, 2, 3}, y[D] = {1, 2, 3}, one = 1, bias[D] = {1, 1, 1};
    optim_t *opt = own_handle(&ADDER, NULL, D, x, NULL);
    CHECK_OK(optim_add_param(opt, 0, "y", OPTIM_F64, 1, &THREE, y, NULL));
    CHECK_OK(optim_set_input(opt, -1, "scale", OPTIM_F64, 0, NULL, &one));
    CHECK_OK(optim_set_input(opt, 0, "bias", OPTIM_F64, 1, &THREE, bias));
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_ORDER, "\"y\"");
    CHECK_OK(optim_freeze(opt, 1, 1)); /* needs no input then */
    CHECK_OK(optim_step(opt));
    assert_true(x[0] == 2 && y[0] == 1);
    CHECK_OK(optim_freeze(opt, 1, 0));
    CHECK_OK(optim_set_input(opt, 1, "bias", OPTIM_F64, 1, &THREE, bias));
    CHECK_OK(optim_step(opt));
    assert_true(x[0] == 3 && y[0] == 2);
    optim_destroy(opt);
    opt = own_handle(&ADDER, "accumulate=1,zero_grad=1", D, x, NULL);
    CHECK_REFUSED(optim_accumulate(opt), OPTIM_ERR_MISMATCH, "adder");
    CHECK_OK(optim_set_input(opt, -1, "scale", OPTIM_F64, 0, NULL, &one));
    CHECK_OK(optim_set_input(opt, 0, "bias", OPTIM_F64, 1, &THREE, bias));
    CHECK_OK(optim_step(opt));
    assert_true(x[0] == 4);
    optim_destroy(opt);
    opt = own_handle(&ADDER, NULL, D, x, NULL);
    CHECK_OK(optim_wrap(opt, "sam", NULL));
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_MISMATCH, "\"sam\" acts on gradients");
    optim_destroy(opt);
    opt = own_handle(&ADDER, NULL, D, x, NULL);
    CHECK_OK(optim_add_group(opt, "algorithm=sgd", NULL));
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_MISMATCH, "sgd");
    optim_destroy(opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing), cmocka_unit_test(test_wrong),       cmocka_unit_test(test_dtypes),
        cmocka_unit_test(test_no_copy), cmocka_unit_test(test_values_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
