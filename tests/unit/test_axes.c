/* Marginals of tensors against the same sums written with one loop for each axis. */
#include <stdbool.h>
#include <string.h>

#define REAL float
#include "blocks/axes.h"
#include "check.h"

enum { MOST_AXES = 4, MOST = 256 };

typedef struct shape {
    int ndim;
    int64_t dims[MOST_AXES];
} shape_t;

static const shape_t SHAPES[] = {{1, {7}},       {2, {5, 6}},       {2, {6, 1}},       {2, {1, 6}},
                                 {3, {2, 3, 4}}, {4, {2, 3, 5, 2}}, {4, {3, 1, 2, 4}}, {3, {4, 0, 2}}};
enum { SHAPES_COUNT = sizeof SHAPES / sizeof *SHAPES };

static float value_of(size_t i) {
    return (float)(i * 37 % 101) / 7 - 5;
}

/* Place of element i in the marginal, digit by digit. */
static size_t place_of(const shape_t *shape, int axis, bool over, size_t i) {
    size_t digit[MOST_AXES], place = 0;
    for (int k = shape->ndim - 1; k >= 0; --k) {
        digit[k] = i % (size_t)shape->dims[k];
        i /= (size_t)shape->dims[k];
    }
    for (int k = 0; k < shape->ndim; ++k)
        if ((k == axis) != over)
            place = place * (size_t)shape->dims[k] + digit[k];
    return place;
}

/* In runs of `length` elements. */
static void compare(const shape_t *shape, int axis, bool over, size_t length) {
    const marginal_t m =
        over ? marginal_over(shape->ndim, shape->dims, axis) : marginal_of(shape->ndim, shape->dims, axis);
    const size_t n = axes_product(shape->dims, 0, shape->ndim);
    double sum[MOST] = {0}, want_sum[MOST] = {0}, whole[MOST], value[MOST];
    float x[MOST] = {0}, most[MOST], want_most[MOST], spread[MOST];
    for (size_t i = 0; i < MOST; ++i)
        most[i] = want_most[i] = -1;
    for (size_t i = 0; i < n; ++i) {
        const size_t place = place_of(shape, axis, over, i);
        x[i] = value_of(i);
        value[i] = (double)x[i];
        want_sum[place] += value[i];
        want_most[place] = x[i] > want_most[place] ? x[i] : want_most[place];
        assert_int_equal(marginal_at(&m, i), place);
    }
    for (size_t first = 0; first < n; first += length) {
        const size_t count = n - first < length ? n - first : length;
        marginal_add(&m, first, count, x + first, false, sum);
        marginal_most(&m, first, count, x + first, most);
    }
    marginal_sum(&m, n, x, whole);
    assert_memory_equal(sum, want_sum, m.count * sizeof *sum);
    assert_memory_equal(whole, want_sum, m.count * sizeof *sum);
    assert_memory_equal(most, want_most, m.count * sizeof *most);
    for (size_t first = 0; first < n; first += length) {
        const size_t count = n - first < length ? n - first : length;
        marginal_spread(&m, most, first, count, spread);
        for (size_t i = 0; i < count; ++i)
            CHECK_CLOSE(spread[i], want_most[place_of(shape, axis, over, first + i)], 0);
    }
}

static void test_marginals(void **state) {
    (void)state;
    static const size_t LENGTHS[] = {1, 3, 5, MOST};
    for (size_t k = 0; k < SHAPES_COUNT; ++k)
        for (int axis = 0; axis < SHAPES[k].ndim; ++axis)
            for (size_t l = 0; l < sizeof LENGTHS / sizeof *LENGTHS; ++l) {
                compare(&SHAPES[k], axis, true, LENGTHS[l]);
                compare(&SHAPES[k], axis, false, LENGTHS[l]);
            }
}

/* Longer than the room that a sum of a whole tensor takes. */
static void test_long_sum(void **state) {
    (void)state;
    enum { ROWS = 3, COLUMNS = 1000 };
    static float x[ROWS * COLUMNS];
    const int64_t dims[] = {ROWS, COLUMNS};
    double want[ROWS] = {0}, sum[ROWS];
    for (size_t i = 0; i < (size_t)ROWS * COLUMNS; ++i) {
        x[i] = value_of(i);
        want[i / COLUMNS] += (double)x[i];
    }
    const marginal_t m = marginal_over(2, dims, 1);
    marginal_sum(&m, (size_t)ROWS * COLUMNS, x, sum);
    assert_memory_equal(sum, want, sizeof want);
}

static void test_dims_without(void **state) {
    (void)state;
    const int64_t dims[] = {2, 3, 5};
    int64_t others[3] = {0};
    assert_int_equal(dims_without(3, dims, 1, others), 2);
    assert_int_equal(others[0], 2);
    assert_int_equal(others[1], 5);
    assert_int_equal(dims_without(1, dims, 0, others), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marginals),
        cmocka_unit_test(test_long_sum),
        cmocka_unit_test(test_dims_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
