/* Looking into a handle: its parameters, the arrays of their states, addresses handed over at once or within a step. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "check.h"

enum { N = 3 };

typedef struct pair {
    optim_t *opt;
    float w[2 * N], g[2 * N];
    double b[1], gb[1];
} pair_t;

static void pair_open(pair_t *p, const char *algorithm, const char *options) {
    *p = (pair_t){.w = {1, 2, 3, 4, 5, 6}, .b = {7}, .g = {1, -2, 3, -4, 5, -6}, .gb = {0.5}};
    CHECK_OK(optim_create(&p->opt, algorithm, options));
    CHECK_OK(optim_add_group(p->opt, "lr=0.5", NULL));
    CHECK_OK(optim_add_param(p->opt, 0, "w", OPTIM_F32, 2, (int64_t[]){2, N}, p->w, p->g));
    CHECK_OK(optim_add_param(p->opt, 1, "b", OPTIM_F64, 0, NULL, p->b, p->gb));
}

static optim_array array_of(pair_t *p, int param, size_t i) {
    optim_array array = {.size = sizeof array};
    CHECK_OK(optim_param_array(p->opt, param, i, &array));
    return array;
}

static void parameters_are_described(void **state) {
    (void)state;
    pair_t p;
    pair_open(&p, "adamw", NULL);
    optim_param_info info = {.size = sizeof info};
    assert_int_equal(optim_param_count(p.opt), 2);
    assert_int_equal(optim_group_count(p.opt), 2);
    CHECK_OK(optim_step(p.opt));
    CHECK_OK(optim_freeze(p.opt, 1, 1));
    CHECK_OK(optim_step(p.opt));
    CHECK_OK(optim_describe_param(p.opt, 0, &info));
    assert_string_equal(info.name, "w");
    assert_string_equal(info.algorithm, "adamw");
    assert_int_equal(info.group, 0);
    assert_int_equal(info.dtype, OPTIM_F32);
    assert_int_equal(info.ndim, 2);
    assert_int_equal(info.dims[0], 2);
    assert_int_equal(info.dims[1], N);
    assert_int_equal(info.steps, 2);
    assert_int_equal(info.frozen, 0);
    CHECK_OK(optim_describe_param(p.opt, 1, &info));
    assert_string_equal(info.name, "b");
    assert_int_equal(info.group, 1);
    assert_int_equal(info.ndim, 0);
    assert_int_equal(info.steps, 1);
    assert_int_equal(info.frozen, 1);
    optim_destroy(p.opt);
}

/* A number is none of kfac's matrices: sgd takes it. */
static void the_algorithm_is_the_one_that_moves_it(void **state) {
    (void)state;
    pair_t p;
    pair_open(&p, "kfac", NULL);
    optim_param_info info = {.size = sizeof info};
    CHECK_OK(optim_prepare(p.opt));
    CHECK_OK(optim_describe_param(p.opt, 0, &info));
    assert_string_equal(info.algorithm, "kfac");
    CHECK_OK(optim_describe_param(p.opt, 1, &info));
    assert_string_equal(info.algorithm, "sgd");
    optim_destroy(p.opt);
}

static void states_are_arrays_by_name(void **state) {
    (void)state;
    pair_t p;
    pair_open(&p, "adamw", "beta1=0.9,beta2=0.99");
    assert_string_equal(array_of(&p, 0, 0).name, ""); /* not before there is memory */
    CHECK_OK(optim_step(p.opt));
    const optim_array m = array_of(&p, 0, 0), v = array_of(&p, 0, 1), of_b = array_of(&p, 1, 0);
    assert_string_equal(m.name, "adamw.m");
    assert_string_equal(v.name, "adamw.v");
    assert_string_equal(array_of(&p, 0, 2).name, "");
    assert_string_equal(m.dtype, "F32");
    assert_string_equal(of_b.dtype, "F64");
    assert_int_equal(m.ndim, 2);
    assert_int_equal(m.dims[1], N);
    assert_int_equal(m.copies, 1);
    assert_int_equal(m.bytes, sizeof p.w);
    for (int i = 0; i < 2 * N; ++i)
        CHECK_CLOSE(((const float *)m.data)[i], 0.1 * p.g[i], 1e-7);
    CHECK_CLOSE(*(const double *)of_b.data, 0.05, 1e-16);
    optim_destroy(p.opt);
}

/* A moment that was written is the one that the next step reads: with g = 0 it moves by lr m / (c1 ...). */
static void what_is_written_is_used(void **state) {
    (void)state;
    pair_t p;
    pair_open(&p, "sgd", "lr=0.25,momentum=0.5");
    CHECK_OK(optim_prepare(p.opt));
    assert_int_equal(optim_steps(p.opt), 0);
    CHECK_OK(optim_step(p.opt));
    const optim_array momentum = array_of(&p, 0, 0);
    const float before = p.w[0];
    ((float *)momentum.data)[0] = 8;
    memset(p.g, 0, sizeof p.g);
    CHECK_OK(optim_step(p.opt));
    CHECK_CLOSE(p.w[0], before - 0.25 * 0.5 * 8, 0);
    optim_destroy(p.opt);
}

/* States and counts from elsewhere: as if the steps had been taken here. */
static void steps_may_come_from_elsewhere(void **state) {
    (void)state;
    pair_t p, twin;
    pair_open(&p, "adamw", NULL);
    pair_open(&twin, "adamw", NULL);
    CHECK_REFUSED(optim_set_param_steps(p.opt, 0, 3), OPTIM_ERR_ORDER, "optim_prepare");
    for (int step = 0; step < 3; ++step)
        CHECK_OK(optim_step(twin.opt));
    memcpy(p.w, twin.w, sizeof p.w);
    CHECK_OK(optim_prepare(p.opt));
    for (size_t i = 0; i < 2; ++i)
        memcpy(array_of(&p, 0, i).data, array_of(&twin, 0, i).data, array_of(&p, 0, i).bytes);
    CHECK_OK(optim_set_param_steps(p.opt, 0, 3));
    assert_int_equal(optim_steps(p.opt), 3);
    CHECK_OK(optim_step(p.opt));
    CHECK_OK(optim_step(twin.opt));
    assert_memory_equal(p.w, twin.w, sizeof p.w);
    optim_param_info info = {.size = sizeof info};
    CHECK_OK(optim_describe_param(p.opt, 1, &info));
    assert_int_equal(info.steps, 1);
    optim_destroy(p.opt);
    optim_destroy(twin.opt);
}

/* Codes come with their scales; the factors of axes each with its own shape. */
static void forms_and_axes_are_told(void **state) {
    (void)state;
    enum { LONG = 5000 }; /* shorter ones stay as they are */
    static float w[LONG], g[LONG];
    pair_t p = {.opt = NULL};
    CHECK_OK(optim_create(&p.opt, "adamw", "state_dtype=int8"));
    CHECK_OK(optim_add_param(p.opt, 0, "long", OPTIM_F32, 1, (int64_t[]){LONG}, w, g));
    CHECK_OK(optim_step(p.opt));
    assert_string_equal(array_of(&p, 0, 0).dtype, "U8");
    assert_string_equal(array_of(&p, 0, 1).name, "adamw.m.scales");
    optim_destroy(p.opt);
    pair_open(&p, "sm3", NULL);
    CHECK_OK(optim_step(p.opt));
    bool has_rows = false, has_columns = false;
    for (size_t i = 0; *array_of(&p, 0, i).name != '\0'; ++i) {
        const optim_array array = array_of(&p, 0, i);
        const size_t length = strlen(array.name);
        has_rows |= strcmp(array.name + length - 2, ".0") == 0 && array.ndim == 1 && array.dims[0] == 2;
        has_columns |= strcmp(array.name + length - 2, ".1") == 0 && array.ndim == 1 && array.dims[0] == N;
    }
    assert_true(has_rows && has_columns);
    optim_destroy(p.opt);
}

/* Several copies lie `stride` apart. */
static void copies_are_told(void **state) {
    (void)state;
    pair_t p;
    pair_open(&p, "aggmo", NULL);
    CHECK_OK(optim_step(p.opt));
    const optim_array velocity = array_of(&p, 0, 0);
    assert_int_equal(velocity.ndim, 2);
    assert_int_equal(velocity.copies, 3);
    assert_true(velocity.stride >= velocity.bytes);
    for (size_t c = 0; c < velocity.copies; ++c) /* after one step each velocity is the gradient */
        CHECK_CLOSE(fabs((double)((const float *)((const char *)velocity.data + c * velocity.stride))[1]), 2, 0);
    optim_destroy(p.opt);
}

/* ---- Addresses ---- */

static void all_are_bound_at_once(void **state) {
    (void)state;
    pair_t p, twin;
    pair_open(&p, "adamw", NULL);
    pair_open(&twin, "adamw", NULL);
    float g[2 * N], w[2 * N];
    double gb[1];
    memcpy(g, p.g, sizeof g);
    memcpy(w, p.w, sizeof w);
    gb[0] = p.gb[0];
    memset(p.g, 0, sizeof p.g);
    p.gb[0] = 0;
    CHECK_OK(optim_bind_all(p.opt, NULL, (void *[]){g, gb}, 2));
    CHECK_OK(optim_step(p.opt));
    CHECK_OK(optim_step(twin.opt));
    assert_memory_equal(p.w, twin.w, sizeof w);
    memcpy(w, p.w, sizeof w);
    CHECK_OK(optim_bind_all(p.opt, (void *[]){w, p.b}, (void *[]){g, NULL}, 2));
    CHECK_OK(optim_freeze(twin.opt, 1, 1));
    CHECK_OK(optim_step(p.opt));
    CHECK_OK(optim_step(twin.opt));
    assert_memory_equal(w, twin.w, sizeof w);
    assert_memory_equal(p.b, twin.b, sizeof p.b);
    CHECK_REFUSED(optim_bind_all(p.opt, NULL, (void *[]){g, gb, gb}, 3), OPTIM_ERR_ARGUMENT, "3");
    CHECK_REFUSED(optim_bind_all(p.opt, (void *[]){NULL, p.b}, (void *[]){g, gb}, 2), OPTIM_ERR_NULL, "data");
    CHECK_REFUSED(optim_bind_all(p.opt, NULL, (void *[]){w, gb}, 2), OPTIM_ERR_DUPLICATE, "w");
    optim_destroy(p.opt);
    optim_destroy(twin.opt);
}

/* autograd hands over a fresh buffer with every backward pass. */
static void gradients_move_while_a_request_is_open(void **state) {
    (void)state;
    pair_t p, twin;
    pair_open(&p, "extragradient", NULL);
    pair_open(&twin, "extragradient", NULL);
    float g[2 * N] = {6, 5, 4, 3, 2, 1};
    for (int step = 0; step < 2; ++step) {
        assert_int_equal(optim_step(p.opt), OPTIM_EVAL_GRAD);
        assert_int_equal(optim_step(twin.opt), OPTIM_EVAL_GRAD);
        CHECK_OK(optim_bind(p.opt, 0, p.w, g));
        memcpy(twin.g, g, sizeof g);
        CHECK_OK(optim_step(p.opt));
        CHECK_OK(optim_step(twin.opt));
        assert_memory_equal(p.w, twin.w, sizeof p.w);
    }
    assert_int_equal(optim_step(p.opt), OPTIM_EVAL_GRAD);
    float elsewhere[2 * N] = {0};
    CHECK_REFUSED(optim_bind(p.opt, 0, elsewhere, g), OPTIM_ERR_OPEN, "moving");
    CHECK_REFUSED(optim_bind(p.opt, 0, p.w, NULL), OPTIM_ERR_OPEN, "freezing");
    CHECK_REFUSED(optim_bind(p.opt, 0, p.w, p.w), OPTIM_ERR_DUPLICATE, "w");
    CHECK_REFUSED(optim_bind(p.opt, 1, p.b, p.w), OPTIM_ERR_DUPLICATE, "w");
    assert_int_equal(optim_step(twin.opt), OPTIM_EVAL_GRAD);
    CHECK_OK(optim_step(p.opt));
    CHECK_OK(optim_step(twin.opt));
    assert_memory_equal(p.w, twin.w, sizeof p.w);
    optim_destroy(p.opt);
    optim_destroy(twin.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_described),
        cmocka_unit_test(the_algorithm_is_the_one_that_moves_it),
        cmocka_unit_test(states_are_arrays_by_name),
        cmocka_unit_test(what_is_written_is_used),
        cmocka_unit_test(forms_and_axes_are_told),
        cmocka_unit_test(copies_are_told),
        cmocka_unit_test(steps_may_come_from_elsewhere),
        cmocka_unit_test(all_are_bound_at_once),
        cmocka_unit_test(gradients_move_while_a_request_is_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
