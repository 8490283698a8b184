/* Gradients of some rows: optim_set_sparse_grad. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { ROWS = 700, WIDTH = 33, COUNT = ROWS * WIDTH, TOUCHED = 4, STEPS = 5 };

/* Rows that touch each other, and rows in different tiles. */
static const int64_t INDEX[TOUCHED] = {3, 4, 496, 699};

static double start(size_t i) {
    return sin(0.37 * (double)i) + 2;
}
static double gradient(size_t i, int step) {
    return cos(0.71 * (double)i + step);
}

typedef struct side {
    optim_t *opt;
    float *p;
    size_t count;
} side_t;

static side_t side_new(const char *algorithm, const char *options, size_t rows, float *grad) {
    side_t side = {.count = rows * WIDTH};
    side.p = malloc(side.count * sizeof *side.p);
    assert_non_null(side.p);
    CHECK_OK(optim_create(&side.opt, algorithm, options));
    CHECK_OK(optim_add_param(side.opt, 0, "table", OPTIM_F32, 2, (int64_t[]){(int64_t)rows, WIDTH}, side.p, grad));
    return side;
}

static void side_free(side_t *side) {
    optim_destroy(side->opt);
    free(side->p);
}

/* ---- Every method that steps by element ---- */

static bool takes_rows(const char *algorithm) {
    float p[4] = {1, 2, 3, 4};
    const float values[2] = {1, 1};
    const int64_t row = 1;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, algorithm, NULL));
    CHECK_OK(optim_add_param(opt, 0, "p", OPTIM_F32, 2, (int64_t[]){2, 2}, p, NULL));
    const optim_status status = optim_set_sparse_grad(opt, 0, 1, &row, values);
    if (status != OPTIM_OK)
        assert_true(status == OPTIM_ERR_MISMATCH && strstr(optim_error(), "does not step element by element") != NULL);
    optim_destroy(opt);
    return status == OPTIM_OK;
}

/* Whose numbers go by the position of an element, so that another parameter has others. */
static bool draws(const char *algorithm) {
    optim_description about = {.size = sizeof about};
    CHECK_OK(optim_describe(OPTIM_ALGORITHM, algorithm, &about));
    return strcmp(about.family, "sampling") == 0;
}

/* Those without the tolerance step to the bit as if cut out of their parameter. */
static double tolerance_of(const char *algorithm) {
    const bool by_blas = strcmp(algorithm, "sgd") == 0 || strcmp(algorithm, "subgm") == 0;
    return draws(algorithm) ? HUGE_VAL : by_blas ? 1e-6 : 0;
}

static size_t place_of(size_t row) {
    size_t k = 0;
    while (k < TOUCHED && (size_t)INDEX[k] != row)
        ++k;
    return k;
}

static void compare(const char *algorithm, double tolerance, const side_t *sparse, const side_t *whole) {
    for (size_t i = 0; i < sparse->count; ++i) {
        const size_t k = place_of(i / WIDTH);
        const double got = (double)sparse->p[i],
                     want = k == TOUCHED ? (double)(float)start(i) : (double)whole->p[k * WIDTH + i % WIDTH];
        if (!(fabs(got - want) <= (k == TOUCHED ? 0 : tolerance)))
            fail_msg("%s: element %zu is %.9g, not %.9g", algorithm, i, got, want);
    }
}

/* The rows move as those of a parameter do that has no others; the others do not. */
static void run_method(const char *algorithm, const char *options, int threads, double tolerance) {
    float all[TOUCHED * WIDTH], values[TOUCHED * WIDTH];
    side_t sparse = side_new(algorithm, options, ROWS, NULL), whole = side_new(algorithm, options, TOUCHED, all);
    CHECK_OK(optim_set_threads(sparse.opt, threads));
    for (size_t i = 0; i < sparse.count; ++i)
        sparse.p[i] = (float)start(i);
    for (size_t i = 0; i < whole.count; ++i)
        whole.p[i] = (float)start((size_t)INDEX[i / WIDTH] * WIDTH + i % WIDTH);
    for (int step = 0; step < STEPS; ++step) {
        for (size_t i = 0; i < whole.count; ++i)
            all[i] = values[i] = (float)gradient(i, step);
        CHECK_OK(optim_set_sparse_grad(sparse.opt, 0, TOUCHED, INDEX, values));
        memset(values, 0, sizeof values); /* they were copied */
        CHECK_OK(optim_set_loss(sparse.opt, 1));
        CHECK_OK(optim_set_loss(whole.opt, 1));
        CHECK_OK(optim_step(sparse.opt));
        CHECK_OK(optim_step(whole.opt));
    }
    compare(algorithm, tolerance, &sparse, &whole);
    side_free(&sparse);
    side_free(&whole);
}

static void test_every_method(void **state) {
    (void)state;
    size_t taken = 0;
    for (size_t i = 0; i < optim_algorithm_count(); ++i)
        if (takes_rows(optim_algorithm_name(i))) {
            run_method(optim_algorithm_name(i), NULL, 2, tolerance_of(optim_algorithm_name(i)));
            ++taken;
        }
    print_message("%zu methods take rows\n", taken);
    assert_true(taken >= 30);
}

static void test_forms(void **state) {
    (void)state;
    run_method("adamw", "state_dtype=bf16", 1, 1e-4); /* rounded at random, by position */
    run_method("adamw", "weight_decay=0.1,amsgrad=1,nonfinite=skip", 3, 0);
    run_method("sgd", "momentum=0.9,nesterov=1,clip_norm=0.5", 1, 1e-6);
}

/* ---- Against whole gradients ---- */

/* Where a gradient of zero moves nothing, the rows alone give the same bits, the clipped norm among them. */
static void same_as_zeros(const char *algorithm, const char *options) {
    static float grad[COUNT];
    float values[TOUCHED * WIDTH];
    side_t sparse = side_new(algorithm, options, ROWS, NULL), whole = side_new(algorithm, options, ROWS, grad);
    for (size_t i = 0; i < COUNT; ++i)
        sparse.p[i] = whole.p[i] = (float)start(i);
    for (int step = 0; step < STEPS; ++step) {
        int64_t index[TOUCHED];
        memset(grad, 0, sizeof grad);
        for (size_t k = 0; k < TOUCHED; ++k) {
            index[k] = (INDEX[k] * 7 + 13 * step) % ROWS; /* others in each step, in no order */
            for (size_t j = 0; j < WIDTH; ++j)
                grad[(size_t)index[k] * WIDTH + j] = values[k * WIDTH + j] = (float)gradient(k * WIDTH + j, step);
        }
        CHECK_OK(optim_set_sparse_grad(sparse.opt, 0, TOUCHED, index, values));
        CHECK_OK(optim_step(sparse.opt));
        CHECK_OK(optim_step(whole.opt));
    }
    assert_memory_equal(sparse.p, whole.p, sizeof grad);
    side_free(&sparse);
    side_free(&whole);
}

static void test_same_as_zeros(void **state) {
    (void)state;
    same_as_zeros("sgd", "lr=0.1");
    same_as_zeros("adagrad", "lr=0.1");
    same_as_zeros("adagrad", "lr=0.1,clip_norm=0.5");
}

/* ---- Rows ---- */

enum { SMALL = 5 };

static optim_t *vector_new(const char *options, double *p, double *grad) {
    optim_t *opt;
    for (int i = 0; i < SMALL; ++i)
        p[i] = 1;
    CHECK_OK(optim_create(&opt, "sgd", options));
    CHECK_OK(optim_add_param(opt, 0, "v", OPTIM_F64, 1, (int64_t[]){SMALL}, p, grad));
    return opt;
}

static void check_vector(const double *p, const double *want) {
    for (int i = 0; i < SMALL; ++i)
        CHECK_CLOSE(p[i], want[i], 1e-15);
}

/* A number that comes several times; a step without rows; each use ends with its step; a whole gradient takes over. */
static void test_life_of_rows(void **state) {
    (void)state;
    double p[SMALL], grad[SMALL] = {1, 1, 1, 1, 1}, norms[4];
    optim_t *opt = vector_new("lr=0.5", p, NULL);
    CHECK_OK(optim_record_norms(opt, OPTIM_NORM_L2, norms, 4));
    CHECK_OK(optim_set_sparse_grad(opt, 0, 4, (int64_t[]){3, 0, 3, 3}, (double[]){1, 2, 0.25, 0.5}));
    CHECK_OK(optim_step(opt));
    check_vector(p, (double[]){0, 1, 1, 0.125, 1});
    CHECK_OK(optim_step(opt));
    check_vector(p, (double[]){0, 1, 1, 0.125, 1});
    CHECK_OK(optim_set_sparse_grad(opt, 0, 1, (int64_t[]){1}, (double[]){2}));
    CHECK_OK(optim_zero_grad(opt));
    CHECK_OK(optim_step(opt));
    check_vector(p, (double[]){0, 1, 1, 0.125, 1});
    CHECK_OK(optim_set_sparse_grad(opt, 0, 1, (int64_t[]){1}, (double[]){2}));
    CHECK_OK(optim_set_sparse_grad(opt, 0, 0, NULL, NULL));
    CHECK_OK(optim_step(opt));
    check_vector(p, (double[]){0, 1, 1, 0.125, 1});
    assert_int_equal(optim_recorded(opt), 4);
    CHECK_CLOSE(norms[0], sqrt(1.75 * 1.75 + 4), 1e-15);
    CHECK_CLOSE(norms[1] + norms[2] + norms[3], 0, 0);
    CHECK_OK(optim_bind(opt, 0, p, grad));
    CHECK_OK(optim_step(opt));
    check_vector(p, (double[]){-0.5, 0.5, 0.5, -0.375, 0.5});
    assert_int_equal(optim_steps(opt), 5);
    optim_destroy(opt);
}

static void test_nonfinite_is_named(void **state) {
    (void)state;
    double p[SMALL];
    optim_t *opt = vector_new("lr=0.5,nonfinite=error", p, NULL);
    CHECK_OK(optim_set_sparse_grad(opt, 0, 2, (int64_t[]){4, 2}, (double[]){(double)NAN, 1}));
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_NONFINITE, "at element 4");
    check_vector(p, (double[]){1, 1, 1, 1, 1});
    CHECK_OK(optim_set(opt, 0, "lr", 1));
    CHECK_OK(optim_set_sparse_grad(opt, 0, 1, (int64_t[]){2}, (double[]){1}));
    CHECK_OK(optim_step(opt));
    check_vector(p, (double[]){1, 1, 0, 1, 1});
    optim_destroy(opt);
}

/* A run that is saved and loaded between steps goes on to the bit. */
static void test_checkpoint(void **state) {
    (void)state;
    double p[SMALL], q[SMALL];
    size_t size;
    optim_t *opt = vector_new("momentum=0.9", p, NULL), *other = vector_new("momentum=0.9", q, NULL);
    for (int step = 0; step < 3; ++step) {
        CHECK_OK(optim_set_sparse_grad(opt, 0, 2, (int64_t[]){step, 4}, (double[]){1, 2}));
        CHECK_OK(optim_step(opt));
    }
    void *saved = check_serialized(opt, &size);
    memcpy(q, p, sizeof q);
    CHECK_OK(optim_set_sparse_grad(other, 0, 0, NULL, NULL));
    CHECK_OK(optim_deserialize(other, saved, size));
    for (int step = 0; step < 3; ++step) {
        optim_t *const both[] = {opt, other};
        for (int k = 0; k < 2; ++k) {
            CHECK_OK(optim_set_sparse_grad(both[k], 0, 2, (int64_t[]){4, 1}, (double[]){1, 2}));
            CHECK_OK(optim_step(both[k]));
        }
    }
    assert_memory_equal(p, q, sizeof p);
    free(saved);
    optim_destroy(opt);
    optim_destroy(other);
}

/* ---- Refusals ---- */

static void refuse_in_step(const char *algorithm, const char *options, const char *wrapper, const char *offender) {
    double p[SMALL] = {0};
    optim_t *opt;
    CHECK_OK(optim_create(&opt, algorithm, options));
    CHECK_OK(optim_add_param(opt, 0, "v", OPTIM_F64, 1, (int64_t[]){SMALL}, p, NULL));
    CHECK_OK(optim_set_sparse_grad(opt, 0, 1, (int64_t[]){1}, (double[]){2}));
    if (wrapper != NULL)
        CHECK_OK(optim_wrap(opt, wrapper, NULL));
    const bool accumulates = options != NULL && strcmp(options, "accumulate=1") == 0;
    CHECK_REFUSED(accumulates ? optim_accumulate(opt) : optim_step(opt), OPTIM_ERR_MISMATCH, offender);
    assert_int_equal(optim_steps(opt), 0);
    optim_destroy(opt);
}

static void test_refusals(void **state) {
    (void)state;
    double p[SMALL], one = 1;
    optim_t *opt = vector_new(NULL, p, NULL);
    CHECK_REFUSED(optim_set_sparse_grad(opt, 0, 1, (int64_t[]){SMALL}, &one), OPTIM_ERR_ARGUMENT, "index[0] is 5");
    CHECK_REFUSED(optim_set_sparse_grad(opt, 0, 1, (int64_t[]){-1}, &one), OPTIM_ERR_ARGUMENT, "rows 0 to 4");
    CHECK_REFUSED(optim_set_sparse_grad(opt, 0, -1, NULL, &one), OPTIM_ERR_ARGUMENT, "-1 rows");
    CHECK_OK(optim_add_param(opt, 0, "number", OPTIM_F64, 0, (int64_t[]){1}, &one, NULL));
    CHECK_REFUSED(optim_set_sparse_grad(opt, 1, 0, NULL, NULL), OPTIM_ERR_SHAPE, "\"number\"");
    optim_destroy(opt);
    refuse_in_step("adam", NULL, "ema", "\"ema\"");
    refuse_in_step("adam", NULL, "sam", "several gradients");
    refuse_in_step("adam", "accumulate=1", NULL, "accumulate=1");
    refuse_in_step("adam", "state_dtype=int8,state_min=0", NULL, "8 or 4 bits");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_method), cmocka_unit_test(test_forms),
        cmocka_unit_test(test_same_as_zeros), cmocka_unit_test(test_life_of_rows),
        cmocka_unit_test(test_nonfinite_is_named), cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
