/*
 * States with dimensions of their own, of axes and of integers; states that a long step writes; tensors that a method
 * refuses and another one takes.
 */
#include <stdlib.h>
#include <string.h>

#include "own_method.h"

enum { ROWS = 3, COLUMNS = 5, D = ROWS * COLUMNS };
static const int64_t MATRIX[] = {ROWS, COLUMNS};

/* ---- A counter of 16 bits in a table of 2 by 7, and a square of doubles for every axis that is short ---- */

enum { LIMIT };
static const option_t SHAPED_OPTIONS[] = {
    [LIMIT] = {"limit", 4, "integer [0,inf)", "longest axis with a square", .decides_memory = true}, {0}};

static int counter_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)tensor, (void)option, (void)axis;
    dims[0] = 2;
    dims[1] = 7;
    return 2;
}

static int square_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    dims[0] = dims[1] = tensor->dims[axis];
    return (double)dims[0] > option[LIMIT] ? -1 : 2;
}

enum { COUNTER, SQUARE };
static const state_t SHAPED_STATES[] = {
    [COUNTER] = {"counter", "steps", SHAPED, KEPT, .type = TYPE_U16, .dims = counter_dims},
    [SQUARE] = {"square", "steps by axis", PER_AXIS, KEPT, .type = TYPE_DOUBLE, .dims = square_dims},
    {0},
};

/* Counts in the last places, and moves by what is counted: the parameters tell. */
static void count(const tile_t *t) {
    uint16_t *counter = t->state[COUNTER];
    double *first = tile_axis(t, SQUARE, 0), *second = tile_axis(t, SQUARE, 1), *p = t->p;
    ++counter[13];
    first[8] += 10;
    p[0] = counter[13];
    p[1] = first[8];
    p[2] = second == NULL ? -1 : (second[24] += 100);
}

static optim_status count_advance(step_t *s) {
    step_tensors(s, 0, NULL);
    return OPTIM_OK;
}

static const method_t COUNTING = {
    .name = "counting",
    .options = SHAPED_OPTIONS,
    .states = SHAPED_STATES,
    .flags = WHOLE_TENSORS,
    .advance = count_advance,
    .kernels = {count},
};

static optim_t *counting(const char *options, double x[D], double g[D]) {
    optim_t *opt;
    CHECK_OK(own_create(&opt, &COUNTING, options));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 2, MATRIX, x, g));
    return opt;
}

static size_t state_bytes(const char *options) {
    double x[D] = {0}, g[D] = {0};
    size_t bytes;
    optim_t *opt = counting(options, x, g);
    CHECK_OK(optim_memory(opt, &bytes, NULL));
    optim_destroy(opt);
    return bytes;
}

/* A square of 3 takes 72 bytes, one of 5 takes 200: each on cache lines of its own, and only if the axis has one. */
static void test_bytes(void **state) {
    (void)state;
    assert_int_equal(state_bytes("limit=3") - state_bytes("limit=0"), 128);
    assert_int_equal(state_bytes("limit=5") - state_bytes("limit=0"), 128 + 256);
}

static void test_axes(void **state) {
    (void)state;
    double x[D] = {0}, g[D] = {0};
    optim_t *opt = counting(NULL, x, g);
    for (int step = 1; step <= 3; ++step) {
        CHECK_OK(optim_step(opt));
        CHECK_CLOSE(x[0], step, 0);
        CHECK_CLOSE(x[1], 10 * step, 0);
        CHECK_CLOSE(x[2], -1, 0);
    }
    CHECK_REFUSED(optim_set(opt, 0, "limit", 5), OPTIM_ERR_ORDER, "decides about memory");
    optim_destroy(opt);
    opt = counting("limit=5", x, g);
    CHECK_OK(optim_step(opt));
    CHECK_CLOSE(x[2], 100, 0);
    optim_destroy(opt);
}

static bool holds(const char *bytes, size_t size, const char *text) {
    const size_t length = strlen(text);
    for (size_t i = 0; i + length <= size; ++i)
        if (memcmp(bytes + i, text, length) == 0)
            return true;
    return false;
}

/* The arrays stand in a checkpoint under their names, in their types and shapes, and go on from there. */
static void test_saved(void **state) {
    (void)state;
    double x[D] = {0}, y[D] = {0}, g[D] = {0};
    size_t size;
    optim_t *opt = counting(NULL, x, g), *loaded = counting(NULL, y, g), *other = counting("limit=5", y, g);
    CHECK_OK(optim_step(opt));
    char *file = check_serialized(opt, &size);
    assert_true(holds(file, size, "\"x/counting.counter\":{\"dtype\":\"U16\",\"shape\":[2,7]"));
    assert_true(holds(file, size, "\"x/counting.square.0\":{\"dtype\":\"F64\",\"shape\":[3,3]"));
    assert_false(holds(file, size, "counting.square.1"));
    CHECK_OK(optim_deserialize(loaded, file, size));
    CHECK_OK(optim_step(loaded));
    CHECK_CLOSE(y[0], 2, 0);
    CHECK_CLOSE(y[1], 20, 0);
    CHECK_OK(optim_step(other)); /* memory is taken for two axes */
    CHECK_REFUSED(optim_deserialize(other, file, size), OPTIM_ERR_CHECKPOINT, "limit");
    free(file);
    optim_destroy(opt);
    optim_destroy(loaded);
    optim_destroy(other);
}

/* ---- A kept state that is written before the last answer ---- */

static const option_t NO_OPTIONS[] = {{0}};
enum { SUM };
static const state_t UNDONE_STATES[] = {
    [SUM] = {"sum", "of all gradients", LIKE_PARAM, KEPT, .exact = true, .undone = true},
    {0},
};

static void add(const tile_t *t) {
    for (size_t i = 0; i < t->n; ++i)
        ((double *)t->state[SUM])[i] += ((double *)t->g)[i];
}

static void show(const tile_t *t) {
    memcpy(t->p, t->state[SUM], t->n * sizeof(double));
}

static optim_status sum_advance(step_t *s) {
    STEP_BEGIN(s);
    step_update(s, 0, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD);
    step_update(s, 0, NULL);
    step_update(s, 1, NULL);
    STEP_END(s);
}

static const method_t SUMMING = {
    .name = "summing",
    .options = NO_OPTIONS,
    .states = UNDONE_STATES,
    .flags = REQUESTS,
    .advance = sum_advance,
    .kernels = {add, show},
};

static void test_undone(void **state) {
    (void)state;
    double x[2] = {0, 0}, g[2] = {1, 2};
    optim_t *opt = own_handle(&SUMMING, NULL, 2, x, g);
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
    CHECK_OK(optim_step(opt));
    CHECK_CLOSE(x[0], 2, 0);
    CHECK_CLOSE(x[1], 4, 0);
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
    CHECK_OK(optim_cancel(opt)); /* what it has added is taken back */
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
    CHECK_OK(optim_step(opt));
    CHECK_CLOSE(x[0], 4, 0);
    CHECK_CLOSE(x[1], 8, 0);
    optim_destroy(opt);
}

/* ---- Vectors are refused: sgd takes them ---- */

enum { LR, AUX_LR, AUX_MOMENTUM };
static const option_t MATRIX_OPTIONS[] = {
    [LR] = {"lr", 1, "[0,inf)", "step size of matrices"},
    [AUX_LR] = {"aux_lr", 0.5, "[0,inf)", "step size of the others"},
    [AUX_MOMENTUM] = {"aux_momentum", 0, "[0,1]", "of the others", .decides_memory = true},
    {0},
};

static const char *matrices_alone(const tensor_t *tensor, const double *option) {
    (void)option;
    return tensor->ndim == 2 ? NULL : "it is no matrix";
}

static void raise_by_one(const tile_t *t) {
    for (size_t i = 0; i < t->n; ++i)
        ((double *)t->p)[i] += 1;
}

static const method_t OF_MATRICES = {
    .name = "of_matrices",
    .options = MATRIX_OPTIONS,
    .flags = CUTS_EXACTLY,
    .refuses = matrices_alone,
    .otherwise = {"sgd", "aux_"},
    .kernels = {raise_by_one},
};

typedef struct both {
    double matrix[D], vector[2], matrix_gradient[D], vector_gradient[2];
} both_t;

static optim_t *open_both(both_t *both, const char *options) {
    const int64_t two = 2;
    optim_t *opt;
    memset(both, 0, sizeof *both);
    both->vector_gradient[0] = 1;
    CHECK_OK(own_create(&opt, &OF_MATRICES, options));
    CHECK_OK(optim_add_param(opt, 0, "matrix", OPTIM_F64, 2, MATRIX, both->matrix, both->matrix_gradient));
    CHECK_OK(optim_add_param(opt, 0, "vector", OPTIM_F64, 1, &two, both->vector, both->vector_gradient));
    return opt;
}

static void test_otherwise(void **state) {
    (void)state;
    both_t both;
    optim_t *opt = open_both(&both, NULL);
    CHECK_OK(optim_step(opt));
    CHECK_CLOSE(both.matrix[D - 1], 1, 0);
    CHECK_CLOSE(both.vector[0], -0.5, 0);
    CHECK_CLOSE(both.vector[1], 0, 0);
    CHECK_OK(optim_set(opt, 0, "aux_lr", 2));
    CHECK_OK(optim_step(opt));
    CHECK_CLOSE(both.vector[0], -2.5, 0);
    CHECK_OK(optim_set_schedule(opt, 0, "aux_lr", "exponential", "gamma=0.5"));
    CHECK_OK(optim_step(opt)); /* 2 * 0.5^2 */
    CHECK_CLOSE(both.vector[0], -3, 0);
    CHECK_CLOSE(both.matrix[0], 3, 0);
    optim_destroy(opt);
}

/* Options that decide memory reach the other method, and its states are saved. */
static void test_otherwise_saved(void **state) {
    (void)state;
    both_t both, again;
    size_t size;
    optim_t *opt = open_both(&both, "aux_momentum=0.5"), *loaded = open_both(&again, "aux_momentum=0.5");
    CHECK_OK(optim_step(opt));
    char *file = check_serialized(opt, &size);
    assert_true(holds(file, size, "\"vector/sgd.buf\""));
    assert_false(holds(file, size, "\"matrix/sgd.buf\""));
    CHECK_OK(optim_deserialize(loaded, file, size));
    CHECK_OK(optim_step(loaded));
    CHECK_CLOSE(again.vector[0], -0.5 * 1.5, 0);
    CHECK_REFUSED(optim_set(opt, 0, "aux_momentum", 0), OPTIM_ERR_ORDER, "decides about memory");
    free(file);
    optim_destroy(opt);
    optim_destroy(loaded);
}

/* A group that names the other method has it by itself, with options of its own. */
static void test_otherwise_beside(void **state) {
    (void)state;
    both_t both;
    double x = 0, g = 1;
    int group;
    optim_t *opt = open_both(&both, NULL);
    CHECK_OK(optim_add_group(opt, "algorithm=sgd,lr=4", &group));
    CHECK_OK(optim_add_param(opt, group, "x", OPTIM_F64, 0, NULL, &x, &g));
    CHECK_OK(optim_step(opt));
    CHECK_CLOSE(x, -4, 0);
    CHECK_CLOSE(both.vector[0], -0.5, 0);
    optim_destroy(opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_axes),
        cmocka_unit_test(test_saved),
        cmocka_unit_test(test_undone),
        cmocka_unit_test(test_otherwise),
        cmocka_unit_test(test_otherwise_saved),
        cmocka_unit_test(test_otherwise_beside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
