/* optim_map_apply and optim_map_value as calls: what they refuse, dtypes, shapes, numbers that are not finite. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "apply.h"

static const int64_t FOUR[] = {4}, TWO_BY_TWO[] = {2, 2};

/* ---- Errors ---- */

static void check_refused_map(const char *map, double step, optim_status status, const char *offender) {
    double v[4] = {1, -2, 3, -4};
    const double before[4] = {1, -2, 3, -4};
    CHECK_REFUSED(optim_map_apply(map, step, OPTIM_F64, 1, FOUR, v), status, offender);
    assert_memory_equal(v, before, sizeof v);
}

static void test_refuses_maps(void **state) {
    (void)state;
    check_refused_map(NULL, 1, OPTIM_ERR_NULL, "map");
    check_refused_map("", 1, OPTIM_ERR_VALUE, "name(options)");
    check_refused_map("prox_l9", 1, OPTIM_ERR_NAME, "prox_l9");
    check_refused_map("none", 1, OPTIM_ERR_NAME, "none");
    check_refused_map("prox_l1(", 1, OPTIM_ERR_VALUE, "prox_l1(");
    check_refused_map("prox_l1(lam=1))", 1, OPTIM_ERR_VALUE, "prox_l1(lam=1))");
    check_refused_map("(lam=1)", 1, OPTIM_ERR_VALUE, "(lam=1)");
    check_refused_map("prox_l1(lam=1)x", 1, OPTIM_ERR_VALUE, "prox_l1(lam=1)x");
    check_refused_map("prox_l1(lamb=1)", 1, OPTIM_ERR_OPTION, "lamb");
    check_refused_map("prox_l1(lam=1,lam=2)", 1, OPTIM_ERR_DUPLICATE, "lam");
    check_refused_map("prox_l1(lam=-1)", 1, OPTIM_ERR_VALUE, "lam");
    check_refused_map("prox_l1(lam)", 1, OPTIM_ERR_VALUE, "lam");
    check_refused_map("prox_l1(lam=1)", -1, OPTIM_ERR_VALUE, "step");
    check_refused_map("prox_l1(lam=1)", (double)NAN, OPTIM_ERR_VALUE, "step");
    check_refused_map("prox_l1(lam=1)", (double)INFINITY, OPTIM_ERR_VALUE, "step");
    check_refused_map("prox_scad(a=3)", 2, OPTIM_ERR_VALUE, "a - 1");
    check_refused_map("prox_mcp(gamma=2)", 2, OPTIM_ERR_VALUE, "gamma");
    check_refused_map("proj_box(lo=1,hi=0)", 1, OPTIM_ERR_VALUE, "lo");
    check_refused_map("proj_dot(group=4)", 1, OPTIM_ERR_VALUE, "odd");
    check_refused_map("prox_nuclear(rows=3)", 1, OPTIM_ERR_SHAPE, "4 elements in 3 rows");
    check_refused_map("prox_nuclear(rows=8)", 1, OPTIM_ERR_SHAPE, "4 elements in 8 rows");
}

static void test_refuses_data(void **state) {
    (void)state;
    double v[4] = {0}, value;
    const int64_t negative[] = {2, -2}, huge[] = {INT64_MAX, 8};
    CHECK_REFUSED(optim_map_apply("prox_l1", 1, 7, 1, FOUR, v), OPTIM_ERR_ARGUMENT, "dtype");
    CHECK_REFUSED(optim_map_apply("prox_l1", 1, OPTIM_F64, -1, FOUR, v), OPTIM_ERR_SHAPE, "-1");
    CHECK_REFUSED(optim_map_apply("prox_l1", 1, OPTIM_F64, 65, FOUR, v), OPTIM_ERR_SHAPE, "65");
    CHECK_REFUSED(optim_map_apply("prox_l1", 1, OPTIM_F64, 1, NULL, v), OPTIM_ERR_NULL, "dims");
    CHECK_REFUSED(optim_map_apply("prox_l1", 1, OPTIM_F64, 2, negative, v), OPTIM_ERR_SHAPE, "dimension 1");
    CHECK_REFUSED(optim_map_apply("prox_l1", 1, OPTIM_F64, 2, huge, v), OPTIM_ERR_SIZE, "the data");
    CHECK_REFUSED(optim_map_apply("prox_l1", 1, OPTIM_F64, 1, FOUR, NULL), OPTIM_ERR_NULL, "data");
    CHECK_REFUSED(optim_map_value("prox_l1", OPTIM_F64, 1, FOUR, NULL, &value), OPTIM_ERR_NULL, "data");
    CHECK_REFUSED(optim_map_value("prox_l1", OPTIM_F64, 1, FOUR, v, NULL), OPTIM_ERR_NULL, "value");
}

/* ---- What there is ---- */

static void test_describes_maps(void **state) {
    (void)state;
    assert_int_equal(optim_map_count(), 36);
    assert_null(optim_map_name(optim_map_count()));
    for (size_t i = 0; i < optim_map_count(); ++i) {
        optim_description d = {.size = sizeof d};
        CHECK_OK(optim_describe(OPTIM_MAP, optim_map_name(i), &d));
        assert_string_equal(d.name, optim_map_name(i));
        assert_string_equal(d.family, "maps");
        assert_true(*d.purpose != '\0' && *d.citation != '\0');
        assert_in_range(d.options, 0, 8); /* there is room for so many in an option's value */
        for (size_t k = 0; k < d.options; ++k) {
            optim_option option = {.size = sizeof option};
            CHECK_OK(optim_describe_option(OPTIM_MAP, d.name, k, &option));
            assert_true(option.kind >= OPTIM_KIND_NUMBER && option.kind <= OPTIM_KIND_SWITCH);
            assert_string_equal(option.default_entry, "");
        }
    }
    optim_description d = {.size = sizeof d};
    CHECK_REFUSED(optim_describe(OPTIM_MAP, "prox_l9", &d), OPTIM_ERR_NAME, "prox_l9");
    CHECK_REFUSED(optim_describe(9, "prox_l1", &d), OPTIM_ERR_ARGUMENT, "9");
}

/* ---- Every map ---- */

/* Entries that are not finite stay so, by element, or make all NaN; an empty vector is one, and f32 agrees with f64. */
static void test_every_map(void **state) {
    (void)state;
    static const int64_t NONE[] = {0, 3}, SHAPE[] = {3, 4};
    for (size_t m = 0; m < optim_map_count(); ++m) {
        const char *map = optim_map_name(m);
        CHECK_OK(optim_map_apply(map, 0.5, OPTIM_F64, 2, NONE, NULL));
        double v[D], mapped[D];
        float single[D];
        fill(m, 2, v);
        memcpy(mapped, v, sizeof v);
        for (int i = 0; i < D; ++i)
            v[i] = single[i] = (float)v[i];
        memcpy(mapped, v, sizeof v);
        CHECK_OK(optim_map_apply(map, 0.5, OPTIM_F64, 2, SHAPE, mapped));
        CHECK_OK(optim_map_apply(map, 0.5, OPTIM_F32, 2, SHAPE, single));
        for (int i = 0; i < D; ++i)
            CHECK_CLOSE((double)single[i], mapped[i], 2e-6);
        double spoilt[D];
        memcpy(spoilt, v, sizeof v);
        spoilt[2] = (double)NAN;
        spoilt[7] = -(double)INFINITY;
        CHECK_OK(optim_map_apply(map, 0.5, OPTIM_F64, 2, SHAPE, spoilt));
        assert_true(isnan(spoilt[2]) && !isfinite(spoilt[7]));
        const bool by_element = isfinite(spoilt[0]);
        for (int i = 0; i < D; ++i)
            if (i != 2 && i != 7)
                assert_true(by_element ? spoilt[i] == mapped[i] : isnan(spoilt[i]));
        double value = 0;
        CHECK_OK(optim_map_value(map, OPTIM_F64, 2, SHAPE, spoilt, &value));
        assert_true(isnan(value));
    }
}

/* bf16 and f16 are worked on in f32 and rounded. */
static void test_short_dtypes(void **state) {
    (void)state;
    uint16_t bf16[4] = {0x3FC0, 0xBF00, 0x4040, 0xC040}; /* 1.5, -0.5, 3, -3 */
    CHECK_OK(optim_map_apply("prox_l1(lam=0.5)", 2, OPTIM_BF16, 1, FOUR, bf16));
    const uint16_t want[4] = {0x3F00, 0, 0x4000, 0xC000}; /* 0.5, 0, 2, -2 */
    for (int i = 0; i < 4; ++i)
        assert_int_equal(bf16[i] & (want[i] == 0 ? 0x7FFF : 0xFFFF), want[i]);
}

/* Without `rows` dimension 0 tells, and a vector is one row. */
static void test_rows(void **state) {
    (void)state;
    const double v[4] = {1, 2, 3, 5};
    double by_dims[4], by_option[4], one_row[4], as_norm[4];
    memcpy(by_dims, v, sizeof v);
    memcpy(by_option, v, sizeof v);
    memcpy(one_row, v, sizeof v);
    memcpy(as_norm, v, sizeof v);
    CHECK_OK(optim_map_apply("prox_nuclear(lam=0.4)", 1, OPTIM_F64, 2, TWO_BY_TWO, by_dims));
    CHECK_OK(optim_map_apply("prox_nuclear(lam=0.4,rows=2)", 1, OPTIM_F64, 1, FOUR, by_option));
    CHECK_OK(optim_map_apply("prox_nuclear(lam=0.4)", 1, OPTIM_F64, 1, FOUR, one_row));
    CHECK_OK(optim_map_apply("prox_l2(lam=0.4)", 1, OPTIM_F64, 1, FOUR, as_norm));
    assert_memory_equal(by_dims, by_option, sizeof v);
    for (int i = 0; i < 4; ++i) {
        CHECK_CLOSE(one_row[i], as_norm[i], 1e-14);
        assert_true(fabs(by_dims[i] - one_row[i]) > 1e-3);
    }
}

/* Lengths whose squares would overflow or vanish. */
static void test_far_numbers(void **state) {
    (void)state;
    double large[4] = {3e200, 4e200, 0, 0}, small[4] = {3e-200, 4e-200, 0, 0};
    CHECK_OK(optim_map_apply("proj_l2_ball(radius=1)", 1, OPTIM_F64, 1, FOUR, large));
    CHECK_CLOSE(large[0], 0.6, 1e-15);
    CHECK_OK(optim_map_apply("lmo_l2(radius=1)", 1, OPTIM_F64, 1, FOUR, small));
    CHECK_CLOSE(small[1], -0.8, 1e-15);
    double apart[4] = {1e17, 1, 2, 3};
    CHECK_OK(optim_map_apply("proj_simplex(radius=1e-20)", 1, OPTIM_F64, 1, FOUR, apart));
    for (int i = 0; i < 4; ++i)
        assert_true(isfinite(apart[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses_maps), cmocka_unit_test(test_refuses_data), cmocka_unit_test(test_describes_maps),
        cmocka_unit_test(test_every_map),    cmocka_unit_test(test_short_dtypes), cmocka_unit_test(test_rows),
        cmocka_unit_test(test_far_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
