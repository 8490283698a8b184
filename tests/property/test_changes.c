/* What changes after the first step: parameters, groups and wrappers that are added, and rows that come and go. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { ROWS = 6, COLUMNS = 5, ELEMENTS = ROWS * COLUMNS, BEFORE = 4, STEPS = 7 };

/* Two matrices and a separable function of them. */
typedef struct pair {
    optim_t *opt;
    double x[2][ELEMENTS], g[2][ELEMENTS];
} pair_t;

static double start(size_t i) {
    return 0.5 + (double)(i * 5 % 7) / 8;
}

static void pair_create(pair_t *pair, const char *algorithm, const char *options) {
    *pair = (pair_t){0};
    for (size_t i = 0; i < 2 * ELEMENTS; ++i)
        pair->x[i / ELEMENTS][i % ELEMENTS] = start(i);
    CHECK_OK(optim_create(&pair->opt, algorithm, options));
}

static optim_status pair_add(pair_t *pair, int which, int group, bool frozen) {
    static const char *const NAMES[] = {"first", "second"};
    return optim_add_param(pair->opt, group, NAMES[which], OPTIM_F64, 2, (int64_t[]){ROWS, COLUMNS}, pair->x[which],
                           frozen ? NULL : pair->g[which]);
}

static double gradient(double x, size_t i) {
    return (0.5 + (double)(i % 5) / 4) * (x - (double)(i % 3) + 0.75);
}

static double evaluate(pair_t *pair) {
    double loss = 0;
    for (int n = 0; n < (int)optim_param_count(pair->opt); ++n)
        for (size_t i = 0; i < ELEMENTS; ++i) {
            pair->g[n][i] = gradient(pair->x[n][i], i);
            loss += n == 0 ? pair->g[n][i] * pair->g[n][i] : 0; /* the same whether the second is there or not */
        }
    CHECK_OK(optim_set_loss(pair->opt, loss));
    return loss;
}

/* False: it asks for what this test does not have, or refuses such parameters. */
static bool pair_steps(pair_t *pair, int steps) {
    for (int t = 0; t < steps; ++t) {
        optim_status status;
        do
            (void)evaluate(pair);
        while ((status = optim_step(pair->opt)) == OPTIM_EVAL_GRAD || status == OPTIM_EVAL_LOSS);
        if (status != OPTIM_OK) {
            (void)optim_cancel(pair->opt);
            return false;
        }
    }
    return true;
}

static void check_same(const pair_t *a, const pair_t *b, const char *what) {
    for (int n = 0; n < 2; ++n)
        for (size_t i = 0; i < ELEMENTS; ++i)
            if (memcmp(&a->x[n][i], &b->x[n][i], sizeof(double)) != 0)
                fail_msg("%s: x%d[%zu] is %.17g, not %.17g", what, n, i, a->x[n][i], b->x[n][i]);
}

/* ---- Added later ---- */

/* Added after some steps, or frozen until then: the same bits. False: the method cannot be tried here, or refuses. */
static bool check_added(const char *algorithm, const char *options) {
    pair_t added, thawed;
    pair_create(&added, algorithm, options);
    pair_create(&thawed, algorithm, options);
    CHECK_OK(pair_add(&added, 0, 0, false));
    CHECK_OK(pair_add(&thawed, 0, 0, false));
    CHECK_OK(pair_add(&thawed, 1, 0, true));
    bool tried = pair_steps(&added, BEFORE) && pair_steps(&thawed, BEFORE);
    if (tried && optim_bind(thawed.opt, 1, thawed.x[1], thawed.g[1]) == OPTIM_OK) {
        const optim_status status = pair_add(&added, 1, 0, false);
        if (status != OPTIM_OK) {
            assert_true(status == OPTIM_ERR_MISMATCH || status == OPTIM_ERR_SHAPE);
            print_message("%s refuses: %s\n", algorithm, optim_error());
            tried = false;
        } else {
            assert_true(pair_steps(&added, STEPS) && pair_steps(&thawed, STEPS));
            check_same(&added, &thawed, algorithm);
        }
    }
    optim_destroy(added.opt);
    optim_destroy(thawed.opt);
    return tried;
}

/* A random number of an element goes by how many there are in all, frozen ones too. */
static bool draws(const char *algorithm) {
    pair_t one, other;
    pair_create(&one, algorithm, "seed=3");
    pair_create(&other, algorithm, "seed=4");
    CHECK_OK(pair_add(&one, 0, 0, false));
    CHECK_OK(pair_add(&other, 0, 0, false));
    const bool tried = pair_steps(&one, BEFORE) && pair_steps(&other, BEFORE);
    const bool same = memcmp(one.x[0], other.x[0], sizeof one.x[0]) == 0;
    optim_destroy(one.opt);
    optim_destroy(other.opt);
    return tried && !same;
}

/* A line search begins anew at a point with more elements. */
static bool searches(const char *algorithm) {
    return strcmp(algorithm, "lbfgs") == 0 || strcmp(algorithm, "ncg") == 0;
}

static void test_every_method(void **state) {
    size_t tried = 0;
    (void)state;
    for (size_t i = 0; i < optim_algorithm_count(); ++i)
        if (!draws(optim_algorithm_name(i)) && !searches(optim_algorithm_name(i)))
            tried += check_added(optim_algorithm_name(i), "seed=3");
    print_message("%zu methods\n", tried);
    assert_true(tried >= 100);
}

static void test_forms(void **state) {
    (void)state;
    assert_true(check_added("adamw", "state_dtype=int8,state_min=0,clip_norm=0.5"));
    assert_true(check_added("adam", "state_dtype=bf16,state_min=0,amsgrad=1"));
    assert_true(check_added("sgd", "momentum=0.9"));
    assert_true(check_added("lbfgs", "line_search=none,lr=0.1"));
}

/* A group with another method; what that remembers begins with it. */
static void test_group(void **state) {
    pair_t late, early;
    int group;
    (void)state;
    pair_create(&late, "adamw", "lr=0.01");
    pair_create(&early, "adamw", "lr=0.01");
    CHECK_OK(optim_add_group(early.opt, "algorithm=prodigy,lr=0.5", &group));
    CHECK_OK(pair_add(&late, 0, 0, false));
    CHECK_OK(pair_add(&early, 0, 0, false));
    CHECK_OK(pair_add(&early, 1, group, true));
    assert_true(pair_steps(&late, BEFORE) && pair_steps(&early, BEFORE));
    CHECK_OK(optim_add_group(late.opt, "algorithm=prodigy,lr=0.5", &group));
    CHECK_REFUSED(optim_add_group(late.opt, "algorithm=prodigy,nonsense=1", NULL), OPTIM_ERR_OPTION, "nonsense");
    CHECK_REFUSED(optim_add_group(late.opt, "algorithm=nothing", NULL), OPTIM_ERR_NAME, "nothing");
    CHECK_OK(pair_add(&late, 1, group, false));
    CHECK_OK(optim_bind(early.opt, 1, early.x[1], early.g[1]));
    assert_true(pair_steps(&late, STEPS) && pair_steps(&early, STEPS));
    check_same(&late, &early, "prodigy in a group");
    optim_destroy(late.opt);
    optim_destroy(early.opt);
}

/* An average that begins later begins at the parameters as they stand, and the method goes on with its bits. */
static void test_wrapper(void **state) {
    pair_t wrapped, plain;
    double output[ELEMENTS], average[ELEMENTS];
    (void)state;
    pair_create(&wrapped, "adam", "lr=0.1");
    pair_create(&plain, "adam", "lr=0.1");
    CHECK_OK(pair_add(&wrapped, 0, 0, false));
    CHECK_OK(pair_add(&plain, 0, 0, false));
    assert_true(pair_steps(&wrapped, BEFORE) && pair_steps(&plain, BEFORE));
    CHECK_OK(optim_wrap(wrapped.opt, "ema", "decay=0.75"));
    memcpy(average, wrapped.x[0], sizeof average);
    for (int t = 0; t < STEPS; ++t) {
        assert_true(pair_steps(&wrapped, 1) && pair_steps(&plain, 1));
        for (size_t i = 0; i < ELEMENTS; ++i)
            average[i] = 0.75 * average[i] + 0.25 * wrapped.x[0][i];
    }
    check_same(&wrapped, &plain, "adam, wrapped later");
    CHECK_OK(optim_output(wrapped.opt, 0, output));
    for (size_t i = 0; i < ELEMENTS; ++i)
        CHECK_CLOSE(output[i], average[i], 1e-14);
    optim_destroy(wrapped.opt);
    optim_destroy(plain.opt);
}

/* ---- Rows ---- */

static void fill_rows(double *to, const double *from, const int64_t *kept, size_t count) {
    for (size_t k = 0; k < count; ++k)
        memcpy(to + k * COLUMNS, from + (size_t)kept[k] * COLUMNS, COLUMNS * sizeof *to);
}

/* The first parameter with other rows: kept ones as they were, moved on by the gradients of their old places. False:
 * refused. */
static bool check_resized(const char *algorithm, const char *options, bool by_element) {
    enum { KEPT = 4, NEW_ROWS = 7 };
    static const int64_t KEEP[KEPT] = {5, 1, 1, 3};
    static double x[NEW_ROWS * COLUMNS], g[NEW_ROWS * COLUMNS];
    pair_t changed, whole;
    pair_create(&changed, algorithm, options);
    pair_create(&whole, algorithm, options);
    CHECK_OK(pair_add(&changed, 0, 0, false));
    CHECK_OK(pair_add(&whole, 0, 0, false));
    bool tried = pair_steps(&changed, BEFORE) && pair_steps(&whole, BEFORE);
    const optim_status status = tried ? optim_resize(changed.opt, 0, KEEP, KEPT, NEW_ROWS, x, g) : OPTIM_OK;
    if (status != OPTIM_OK) {
        assert_int_equal(status, OPTIM_ERR_MISMATCH);
        tried = false;
        assert_true(pair_steps(&changed, STEPS) && pair_steps(&whole, STEPS)); /* nothing has changed */
        check_same(&changed, &whole, algorithm);
    } else if (tried) {
        fill_rows(x, whole.x[0], KEEP, KEPT);
        for (size_t i = KEPT * COLUMNS; i < NEW_ROWS * COLUMNS; ++i)
            x[i] = start(i);
        for (int t = 0; t < STEPS && (by_element || t == 0); ++t) { /* others need not take the old rows' gradients */
            const double loss = evaluate(&whole);
            for (size_t i = 0; i < NEW_ROWS * COLUMNS; ++i)
                g[i] = i < KEPT * COLUMNS ? gradient(x[i], (size_t)KEEP[i / COLUMNS] * COLUMNS + i % COLUMNS)
                                          : gradient(x[i], i);
            CHECK_OK(optim_set_loss(changed.opt, loss));
            const optim_status stepped = optim_step(changed.opt); /* new rows may be too steep for lr */
            assert_true(stepped == OPTIM_OK || !by_element);
            assert_true(optim_step(whole.opt) == OPTIM_OK || !by_element);
        }
        for (size_t k = 0; by_element && k < KEPT; ++k)
            if (memcmp(x + k * COLUMNS, whole.x[0] + (size_t)KEEP[k] * COLUMNS, COLUMNS * sizeof *x) != 0)
                fail_msg("%s: row %zu is not where row %d went", algorithm, k, (int)KEEP[k]);
    }
    optim_destroy(changed.opt);
    optim_destroy(whole.opt);
    return tried;
}

static void test_rows(void **state) {
    static const char *const BY_ELEMENT[] = {"adam",  "adamw", "lion", "adagrad",           "rmsprop",
                                             "nadam", "rprop", "adan", "schedulefree_adamw"};
    size_t tried = 0;
    (void)state;
    for (size_t i = 0; i < sizeof BY_ELEMENT / sizeof *BY_ELEMENT; ++i)
        assert_true(check_resized(BY_ELEMENT[i], NULL, true));
    assert_true(check_resized("adamw", "amsgrad=1,state_dtype=f32,state_min=0", true));
    assert_true(check_resized("sgd", "momentum=0.9,weight_decay=0.1", false)); /* BLAS rounds by place */
    for (size_t i = 0; i < optim_algorithm_count(); ++i)
        tried += check_resized(optim_algorithm_name(i), "seed=3", false);
    print_message("%zu methods take other rows\n", tried);
    assert_true(tried >= 60);
}

static const void *array_of(optim_t *opt, const char *name) {
    optim_array array = {.size = sizeof array};
    size_t i = 0;
    do
        CHECK_OK(optim_param_array(opt, 0, i++, &array));
    while (array.name[0] != '\0' && strcmp(array.name, name) != 0);
    assert_string_equal(array.name, name);
    return array.data;
}

/* Before the first step too; masters of 16-bit parameters go with their rows; new rows begin like any. */
static void test_masters(void **state) {
    uint16_t x[4] = {0x3F80, 0x4000, 0x4040, 0x4080}, more[5], g[5] = {0x3C00, 0x3C00, 0x3C00, 0x3C00, 0x3C00};
    static const int64_t KEEP[] = {3, 0};
    optim_t *opt;
    (void)state;
    CHECK_OK(optim_create(&opt, "adamw", "lr=1e-4,master=f32"));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_BF16, 1, (int64_t[]){4}, x, g));
    for (int t = 0; t < 10; ++t)
        CHECK_OK(optim_step(opt));
    memcpy(more, (uint16_t[]){x[3], x[0], 0x3F80, 0x3F80, 0x3F80}, sizeof more);
    float masters[4];
    memcpy(masters, array_of(opt, "engine.master"), sizeof masters);
    CHECK_OK(optim_resize(opt, 0, KEEP, 2, 5, more, g));
    const float *now = array_of(opt, "engine.master");
    assert_true(now[0] == masters[3] && now[1] == masters[0] && now[2] == 1 && now[4] == 1);
    now = array_of(opt, "adamw.m");
    assert_true(now[0] > 0 && now[1] > 0 && now[2] == 0 && now[4] == 0);
    CHECK_OK(optim_step(opt));
    optim_destroy(opt);
}

/* A parameter that thawed late has its states in a place of its own; the others do not notice. */
static void test_rows_of_thawed(void **state) {
    static const int64_t KEEP[] = {2, 0};
    pair_t pair, twin;
    (void)state;
    pair_create(&pair, "adam", "lr=0.1");
    pair_create(&twin, "adam", "lr=0.1");
    for (int n = 0; n < 2; ++n) {
        CHECK_OK(pair_add(&pair, n, 0, n == 0));
        CHECK_OK(pair_add(&twin, n, 0, n == 0));
    }
    assert_true(pair_steps(&pair, BEFORE) && pair_steps(&twin, BEFORE));
    CHECK_OK(optim_bind(pair.opt, 0, pair.x[0], pair.g[0]));
    CHECK_OK(optim_bind(twin.opt, 0, twin.x[0], twin.g[0]));
    assert_true(pair_steps(&pair, BEFORE) && pair_steps(&twin, BEFORE));
    CHECK_OK(optim_resize(pair.opt, 0, KEEP, 2, ROWS, pair.x[0], pair.g[0]));
    assert_true(pair_steps(&pair, STEPS) && pair_steps(&twin, STEPS));
    assert_memory_equal(pair.x[1], twin.x[1], sizeof pair.x[1]);
    optim_destroy(pair.opt);
    optim_destroy(twin.opt);
}

static void test_refused_rows(void **state) {
    static double x[8], g[8], low[4];
    static const int64_t KEEP[] = {0, 3}, WRONG[] = {0, 4};
    optim_t *opt;
    (void)state;
    CHECK_OK(optim_create(&opt, "adam", NULL));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (int64_t[]){4}, x, g));
    CHECK_OK(optim_add_param(opt, 0, "number", OPTIM_F64, 0, NULL, x + 4, g + 4));
    CHECK_REFUSED(optim_resize(opt, 0, WRONG, 2, 2, x, g), OPTIM_ERR_ARGUMENT, "kept[1] is 4");
    CHECK_REFUSED(optim_resize(opt, 0, KEEP, 2, 1, x, g), OPTIM_ERR_ARGUMENT, "1 rows, of which 2");
    CHECK_REFUSED(optim_resize(opt, 0, KEEP, 2, -1, x, g), OPTIM_ERR_ARGUMENT, "-1 rows");
    CHECK_REFUSED(optim_resize(opt, 0, NULL, 2, 2, x, g), OPTIM_ERR_NULL, "kept");
    CHECK_REFUSED(optim_resize(opt, 0, KEEP, 2, 2, NULL, g), OPTIM_ERR_NULL, "data");
    CHECK_REFUSED(optim_resize(opt, 1, KEEP, 1, 1, x, g), OPTIM_ERR_SHAPE, "single number");
    CHECK_OK(optim_set_bounds(opt, 0, low, NULL));
    CHECK_REFUSED(optim_resize(opt, 0, KEEP, 2, 2, x, g), OPTIM_ERR_ORDER, "bounds");
    CHECK_OK(optim_set_bounds(opt, 0, NULL, NULL));
    CHECK_OK(optim_resize(opt, 0, NULL, 0, 0, NULL, NULL)); /* no rows at all */
    CHECK_OK(optim_resize(opt, 0, NULL, 0, 3, x, g));
    CHECK_OK(optim_step(opt));
    optim_destroy(opt);
}

/* A checkpoint of a handle that was changed loads into one that was made so. */
static void test_checkpoint(void **state) {
    static const int64_t KEEP[] = {4, 2, 0};
    pair_t changed, loaded;
    size_t size;
    (void)state;
    pair_create(&changed, "adamw", "lr=0.1");
    pair_create(&loaded, "adamw", "lr=0.1");
    CHECK_OK(pair_add(&changed, 0, 0, false));
    assert_true(pair_steps(&changed, BEFORE));
    CHECK_OK(pair_add(&changed, 1, 0, false));
    assert_true(pair_steps(&changed, BEFORE));
    CHECK_OK(optim_resize(changed.opt, 0, KEEP, 3, ROWS, changed.x[0], changed.g[0]));
    CHECK_OK(pair_add(&loaded, 0, 0, false));
    CHECK_OK(pair_add(&loaded, 1, 0, false));
    void *bytes = check_serialized(changed.opt, &size);
    CHECK_OK(optim_deserialize(loaded.opt, bytes, size));
    free(bytes);
    memcpy(loaded.x, changed.x, sizeof loaded.x);
    assert_true(pair_steps(&changed, STEPS) && pair_steps(&loaded, STEPS));
    check_same(&loaded, &changed, "loaded");
    optim_destroy(changed.opt);
    optim_destroy(loaded.opt);
}

/* A step parameter by parameter keeps books of as many parameters, and of what the stations remember of them. */
static void test_by_param(void **state) {
    enum { MANY = 100 };
    static double x[MANY], g[MANY];
    pair_t pair;
    (void)state;
    pair_create(&pair, "adam", "lr=0.1");
    CHECK_OK(pair_add(&pair, 0, 0, false));
    (void)evaluate(&pair);
    CHECK_OK(optim_step_begin(pair.opt));
    CHECK_OK(optim_step_param(pair.opt, 0));
    CHECK_OK(optim_step_end(pair.opt));
    for (int i = 0; i < MANY; ++i) {
        g[i] = 1;
        CHECK_OK(optim_add_param(pair.opt, 0, NULL, OPTIM_F64, 0, NULL, &x[i], &g[i]));
    }
    CHECK_OK(optim_step_begin(pair.opt));
    for (int i = 0; i <= MANY; ++i)
        CHECK_OK(optim_step_param(pair.opt, i));
    CHECK_OK(optim_step_end(pair.opt));
    for (int i = 0; i < MANY; ++i)
        CHECK_CLOSE(x[i], -0.1, 1e-6);
    optim_destroy(pair.opt);
}

/* A number of components that the method does not need. */
static void test_components(void **state) {
    pair_t pair;
    (void)state;
    pair_create(&pair, "adam", "lr=0.1");
    CHECK_OK(optim_set_components(pair.opt, 1000));
    CHECK_OK(pair_add(&pair, 0, 0, false));
    assert_true(pair_steps(&pair, BEFORE));
    CHECK_OK(pair_add(&pair, 1, 0, false));
    assert_true(pair_steps(&pair, BEFORE));
    optim_destroy(pair.opt);
}

/* Room for updates is of as many parameters as there are. */
static void test_updates(void **state) {
    pair_t pair;
    double update[2][ELEMENTS];
    (void)state;
    pair_create(&pair, "adam", "lr=0.1");
    CHECK_OK(pair_add(&pair, 0, 0, false));
    (void)evaluate(&pair);
    CHECK_OK(optim_update(pair.opt, (void *const[]){update[0]}, 1));
    CHECK_OK(pair_add(&pair, 1, 0, false));
    (void)evaluate(&pair);
    CHECK_OK(optim_update(pair.opt, (void *const[]){update[0], update[1]}, 2));
    assert_true(update[1][0] != 0);
    optim_destroy(pair.opt);
}

static void test_without_parameters(void **state) {
    optim_t *opt;
    double x = 1, g = 1;
    (void)state;
    CHECK_OK(optim_create(&opt, "adam", NULL));
    CHECK_OK(optim_step(opt));
    assert_true(optim_steps(opt) == 0);
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &x, &g));
    CHECK_OK(optim_step(opt));
    assert_true(optim_steps(opt) == 1 && x < 1);
    optim_destroy(opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_method),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_group),
        cmocka_unit_test(test_wrapper),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_masters),
        cmocka_unit_test(test_rows_of_thawed),
        cmocka_unit_test(test_refused_rows),
        cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_by_param),
        cmocka_unit_test(test_components),
        cmocka_unit_test(test_updates),
        cmocka_unit_test(test_without_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
