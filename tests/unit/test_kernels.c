/*
 * Conversion, summation and random numbers, at every instruction-set level that is built and that this machine can run;
 * then every method on buffers that end, or begin, at memory that must not be touched.
 */
#define _GNU_SOURCE
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "element.h"
#include "engine/engine.h"
#include "guarded.h"
#include "kernels/primitives.h"
#include "kernels/random.h"
#include "needs.h"
#include "rig.h"

enum { LONGEST = 130 };

/* ---- Levels ---- */

typedef struct level {
    const char *name;
    const primitives_t *primitives;
} level_t;

/* The levels to test, the last with a NULL. */
static const level_t *levels(void) {
    static level_t list[ENGINE_LEVELS + 1];
    for (int level = 0; level <= engine_best_level(); ++level)
        list[level] = (level_t){ENGINE_LEVEL_NAMES[level], engine_primitives(level)};
    return list;
}

static uint64_t word_at(uint64_t k) {
    return random_word(42, k);
}

static float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static bool same_double(double a, double b) {
    return memcmp(&a, &b, sizeof a) == 0;
}

/* ---- Elementary functions ---- */

static void check_near(const char *name, double x, double got, double want) {
    if (!(fabs(got - want) <= 4 * DBL_EPSILON * fabs(want)))
        fail_msg("%s of %.17g is %.17g, not %.17g", name, x, got, want);
}

static void test_elementary(void **state) {
    (void)state;
    for (uint64_t k = 1; k < 100000; ++k) {
        const double u = random_uniform(11, k), wide = ldexp(2 * u - 1, (int)(k % 90) - 60);
        const double large = 700 * (2 * u - 1), bounded = fabs(wide) < 700 ? wide : large;
        check_near("log", 1 - u, elementary_log(1 - u), log(1 - u));
        check_near("log", ldexp(1 + u, (int)(k % 2000) - 1000), elementary_log(ldexp(1 + u, (int)(k % 2000) - 1000)),
                   log(ldexp(1 + u, (int)(k % 2000) - 1000)));
        check_near("exp", large, elementary_exp(large), exp(large));
        check_near("sinh", bounded, elementary_sinh(bounded), sinh(bounded));
        check_near("asinh", wide, elementary_asinh(wide), asinh(wide));
        if (fabs(elementary_cosine(u) - cos(6.283185307179586 * u)) > 2e-15)
            fail_msg("cosine of %.17g turns is %.17g", u, elementary_cosine(u));
    }
    assert_true(elementary_cosine(0) == 1 && elementary_cosine(0.25) == 0 && elementary_cosine(0.5) == -1);
    assert_true(elementary_log(1) == 0 && elementary_exp(0) == 1 && elementary_sinh(0) == 0 &&
                elementary_asinh(0) == 0);
    assert_true(isnan(elementary_exp(NAN)) && isnan(elementary_sinh(NAN)) && isnan(elementary_asinh(NAN)));
}

/* Mean, variance and fourth moment of many of them; and three that another program made. */
static void test_normal(void **state) {
    (void)state;
    enum { MANY = 200000 };
    static const double KNOWN[] = {-0.034267321791851144, -2.5000674933698677, 0.08772246831488635};
    double moment[5] = {0};
    for (uint64_t k = 0; k < MANY; ++k) {
        const double z = random_normal(5, 2 * k + 1);
        for (int power = 1; power <= 4; ++power)
            moment[power] += pow(z, power) / MANY;
    }
    CHECK_CLOSE(moment[1], 0, 0.01);
    CHECK_CLOSE(moment[2], 1, 0.015);
    CHECK_CLOSE(moment[3], 0, 0.04);
    CHECK_CLOSE(moment[4], 3, 0.12);
    for (uint64_t k = 0; k < 3; ++k)
        CHECK_CLOSE(random_normal(1, 2 * k + 1), KNOWN[k], 1e-14);
}

/* ---- 16-bit formats ---- */

static void test_widening(void **state) {
    (void)state;
    static const optim_dtype HALVES[] = {OPTIM_BF16, OPTIM_F16};
    enum { ALL = 65536 };
    uint16_t *bits = check_memory(ALL, sizeof *bits);
    float *single = check_memory(ALL, sizeof *single);
    double *wide = check_memory(ALL, sizeof *wide);
    for (size_t i = 0; i < ALL; ++i)
        bits[i] = (uint16_t)i;
    for (const level_t *level = levels(); level->primitives != NULL; ++level)
        for (size_t k = 0; k < 2; ++k) {
            level->primitives->load_f32(HALVES[k], ALL, bits, single);
            level->primitives->load_f64(HALVES[k], ALL, bits, wide);
            for (size_t i = 0; i < ALL; ++i) {
                const double want = half_widen(HALVES[k], (uint16_t)i);
                const bool same = isnan(want) ? isnan(single[i]) && isnan(wide[i])
                                              : same_double((double)single[i], want) && same_double(wide[i], want);
                if (!same)
                    fail_msg("%s: %s %04zx widens to %.17g and %.17g, not %.17g", level->name, element_name(HALVES[k]),
                             i, (double)single[i], wide[i], want);
            }
        }
    free(bits);
    free(single);
    free(wide);
}

static void check_narrowing(const level_t *level, optim_dtype dtype, const float *values, size_t count) {
    uint16_t *got = check_memory(count, sizeof *got);
    level->primitives->store_f32(dtype, count, values, got);
    for (size_t i = 0; i < count; ++i) {
        const uint16_t want = half_narrow(dtype, (double)values[i]);
        const bool same = isnan(values[i]) ? isnan(half_widen(dtype, got[i])) : got[i] == want;
        if (!same)
            fail_msg("%s: %a narrows to %s %04x, not %04x", level->name, (double)values[i], element_name(dtype), got[i],
                     want);
    }
    free(got);
}

/* Every value of the format, every midpoint between neighbours, and the floats next to both. */
static void test_narrowing_near_every_value(void **state) {
    (void)state;
    static const optim_dtype HALVES[] = {OPTIM_BF16, OPTIM_F16};
    float *values = check_memory((size_t)65536 * 6, sizeof *values);
    for (size_t k = 0; k < 2; ++k) {
        size_t count = 0;
        for (uint32_t i = 0; i < 65536; ++i) {
            const double value = half_widen(HALVES[k], (uint16_t)i), next = half_widen(HALVES[k], (uint16_t)(i + 1));
            const float here = (float)value, middle = (float)(isfinite(next) ? (value + next) / 2 : value * 1.001);
            const float around[] = {here,   nextafterf(here, INFINITY),   nextafterf(here, -INFINITY),
                                    middle, nextafterf(middle, INFINITY), nextafterf(middle, -INFINITY)};
            memcpy(values + count, around, sizeof around);
            count += 6;
        }
        for (const level_t *level = levels(); level->primitives != NULL; ++level)
            check_narrowing(level, HALVES[k], values, count);
    }
    free(values);
}

static void test_narrowing_of_any_float(void **state) {
    (void)state;
    enum { COUNT = 1 << 18 };
    float *values = check_memory(COUNT, sizeof *values);
    for (size_t i = 0; i < COUNT; ++i)
        values[i] = float_of((uint32_t)word_at(i + 1));
    /* around the largest finite numbers, the infinities, NaNs with payloads, the smallest subnormals */
    static const uint32_t EDGES[] = {0x477FEFFF, 0x477FF000, 0x477FE000, 0x7F7F7FFF, 0x7F7F8000, 0x7F7FFFFF,
                                     0x7F800000, 0xFF800000, 0x7F800001, 0x7FC00000, 0xFFFFFFFF, 0x7F80FFFF,
                                     0x00000001, 0x80000001, 0x33000000, 0x33000001, 0x32FFFFFF, 0x38800000,
                                     0x387FFFFF, 0x387FC000, 0x387FE000, 0x007FFFFF, 0x00800000, 0x80000000};
    for (size_t i = 0; i < sizeof EDGES / sizeof *EDGES; ++i)
        values[i] = float_of(EDGES[i]);
    for (const level_t *level = levels(); level->primitives != NULL; ++level) {
        check_narrowing(level, OPTIM_BF16, values, COUNT);
        check_narrowing(level, OPTIM_F16, values, COUNT);
    }
    free(values);
}

/* ---- Conversion between guards and off alignment ---- */

static void convert_at(const level_t *level, optim_dtype dtype, size_t n, void *narrow, float *single, double *full) {
    for (size_t i = 0; i < n; ++i)
        element_write(dtype, narrow, i, sin((double)(7 * i + n)));
    level->primitives->load_f32(dtype, n, narrow, single);
    for (size_t i = 0; i < n; ++i)
        assert_true(single[i] == (float)element_read(dtype, narrow, i));
    if (dtype != OPTIM_F64) {
        for (size_t i = 0; i < n; ++i)
            single[i] = (float)cos((double)(5 * i + n));
        level->primitives->store_f32(dtype, n, single, narrow);
        for (size_t i = 0; i < n; ++i)
            assert_true(same_double(element_read(dtype, narrow, i), element_round(dtype, (double)single[i])));
    }
    level->primitives->load_f64(dtype, n, narrow, full);
    for (size_t i = 0; i < n; ++i)
        assert_true(same_double(full[i], element_read(dtype, narrow, i)));
    if (dtype == OPTIM_F64) {
        for (size_t i = 0; i < n; ++i)
            full[i] = cos((double)(3 * i + n));
        level->primitives->store_f64(dtype, n, full, narrow);
        for (size_t i = 0; i < n; ++i)
            assert_true(same_double(element_read(dtype, narrow, i), full[i]));
    }
}

static void test_conversion_between_guards(void **state) {
    (void)state;
    guarded_t narrow = guarded_new(1), single = guarded_new(1), full = guarded_new(1);
    for (const level_t *level = levels(); level->primitives != NULL; ++level)
        for (optim_dtype dtype = OPTIM_F32; dtype <= OPTIM_F16; ++dtype)
            for (size_t n = 0; n <= LONGEST; ++n)
                for (int at_end = 0; at_end < 2; ++at_end)
                    convert_at(level, dtype, n, guarded_place(&narrow, n * element_size(dtype), at_end != 0),
                               guarded_place(&single, n * sizeof(float), at_end != 0),
                               guarded_place(&full, n * sizeof(double), at_end != 0));
    guarded_free(&narrow);
    guarded_free(&single);
    guarded_free(&full);
}

/* Off alignment by every number of bytes; what lies around stays as it is. */
static void test_conversion_unaligned(void **state) {
    (void)state;
    unsigned char buffer[2048];
    float single[LONGEST];
    double full[LONGEST];
    for (const level_t *level = levels(); level->primitives != NULL; ++level)
        for (optim_dtype dtype = OPTIM_F32; dtype <= OPTIM_F16; ++dtype)
            for (size_t n = 0; n <= LONGEST; n += 13)
                for (size_t offset = 1; offset < 64; offset += 2) {
                    memset(buffer, 0xA5, sizeof buffer);
                    convert_at(level, dtype, n, buffer + offset, single, full);
                    for (size_t i = 0; i < offset; ++i)
                        assert_int_equal(buffer[i], 0xA5);
                    for (size_t i = offset + n * element_size(dtype); i < sizeof buffer; ++i)
                        assert_int_equal(buffer[i], 0xA5);
                }
}

static void test_sizes(void **state) {
    (void)state;
    assert_int_equal(dtype_size(OPTIM_F32), 4);
    assert_int_equal(dtype_size(OPTIM_F64), 8);
    assert_int_equal(dtype_size(OPTIM_BF16), 2);
    assert_int_equal(dtype_size(OPTIM_F16), 2);
}

/* ---- Summation ---- */

/* The tree as the header tells it: sixteen interleaved partial sums, halved until one is left. */
static double tree_sum(size_t n, const double *x) {
    double lane[16] = {0};
    for (size_t i = 0; i < n; ++i)
        lane[i % 16] += x[i];
    for (size_t half = 8; half >= 1; half /= 2)
        for (size_t j = 0; j < half; ++j)
            lane[j] = lane[j] + lane[half + j];
    return lane[0];
}

static void check_sum(const level_t *level, size_t n, double *x) {
    for (size_t i = 0; i < n; ++i) /* of every magnitude, so that the order shows */
        x[i] = ldexp((double)(int64_t)word_at(n * 5000 + i), (int)(word_at(i + 1) % 60) - 90);
    const double got = level->primitives->sum(n, x), want = tree_sum(n, x);
    if (!same_double(got, want))
        fail_msg("%s: the sum of %zu terms is %a, not %a", level->name, n, got, want);
}

static void test_sum(void **state) {
    (void)state;
    guarded_t memory = guarded_new(40960);
    for (const level_t *level = levels(); level->primitives != NULL; ++level) {
        for (size_t n = 0; n <= LONGEST; ++n) {
            check_sum(level, n, guarded_place(&memory, n * sizeof(double), true));
            check_sum(level, n, guarded_place(&memory, n * sizeof(double), false));
        }
        check_sum(level, 4096, guarded_place(&memory, 4096 * sizeof(double), true));
        check_sum(level, 5003, guarded_place(&memory, 5003 * sizeof(double), true));
    }
    guarded_free(&memory);
}

/* ---- Random numbers ---- */

/* Numbers that the format has stay what they are, whatever is drawn: above all f16's below its normal range. */
static void test_rounding_at_random_keeps_its_numbers(void **state) {
    (void)state;
    static const optim_dtype HALVES[] = {OPTIM_BF16, OPTIM_F16};
    enum { BELOW = 2048, KEYS = 1024 };
    float values[BELOW];
    uint16_t got[BELOW];
    for (const level_t *level = levels(); level->primitives != NULL; ++level)
        for (size_t k = 0; k < 2; ++k)
            for (uint64_t key = 1; key <= KEYS; ++key) {
                for (size_t i = 0; i < BELOW; ++i)
                    values[i] = (float)half_widen(HALVES[k], (uint16_t)i);
                level->primitives->store_random(HALVES[k], BELOW, values, word_at(key), 0, got);
                for (size_t i = 0; i < BELOW; ++i)
                    if (got[i] != i)
                        fail_msg("%s: %s %04zx became %04x", level->name, element_name(HALVES[k]), i, got[i]);
            }
}

static void test_random(void **state) {
    (void)state;
    /* the sequence that the generator's authors publish for seed 1234567 */
    static const uint64_t KNOWN[] = {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                                     UINT64_C(9817491932198370423), UINT64_C(4593380528125082431),
                                     UINT64_C(16408922859458223821)};
    for (uint64_t k = 0; k < 5; ++k)
        assert_true(random_word(1234567, k + 1) == KNOWN[k]);
    double sum = 0, square = 0, least = 1, most = 0;
    enum { DRAWS = 100000 };
    for (uint64_t k = 1; k <= DRAWS; ++k) {
        const double u = random_uniform(7, k);
        assert_true(u == (double)(random_word(7, k) >> 11) * 0x1p-53);
        sum += u;
        square += u * u;
        least = fmin(least, u);
        most = fmax(most, u);
    }
    assert_true(least >= 0 && most < 1);
    CHECK_CLOSE(sum / DRAWS, 0.5, 5 * sqrt(1.0 / 12 / DRAWS));
    CHECK_CLOSE(square / DRAWS, 1.0 / 3, 5 * sqrt(4.0 / 45 / DRAWS));
}

/* ---- Methods between guards ---- */

/* The rig's only tensor on guarded memory instead of its own. */
static void guard_tensor(rig_t *rig, const guarded_t *data, const guarded_t *grad, bool at_end) {
    rig_tensor_t *t = &rig->tensor[0];
    const size_t bytes = t->count * element_size(t->dtype);
    void *place = guarded_place(data, bytes, at_end);
    memcpy(place, t->data, bytes);
    t->data = place;
    t->grad = guarded_place(grad, t->count * element_size(t->grad_dtype), at_end);
}

/* Reading too far depends on how many elements there are; reading before the first does not. */
static void run_between_guards(const char *algorithm, optim_dtype dtype, size_t n, const guarded_t *memory) {
    layout_t layout = {"vector", 1, {{"vector", 1, {(int64_t)n}}}};
    for (int at_end = n % 8 == 1 ? 0 : 1; at_end < 2; ++at_end) {
        rig_t *rig = rig_new_for(algorithm, &layout, dtype, dtype, 0);
        optim_t *opt;
        guard_tensor(rig, &memory[0], &memory[1], at_end != 0);
        CHECK_OK(optim_create(&opt, algorithm, "clip_norm=1,zero_grad=1"));
        CHECK_OK(optim_set_components(opt, 3));
        CHECK_OK(rig_lend(rig, opt));
        if (optim_memory(opt, NULL, NULL) == OPTIM_ERR_MISMATCH) /* a search wants the gradient as it is */
            CHECK_OK(optim_set(opt, 0, "clip_norm", 0));
        optim_status status = rig_steps(rig, 2);
        if (status == OPTIM_ERR_SHAPE || status == OPTIM_ERR_LINE_SEARCH || status == OPTIM_ERR_DOMAIN)
            status = OPTIM_OK; /* nor do two constraints of one variable suit all */
        CHECK_OK(status);
        rig_free(rig);
    }
}

static void test_methods_between_guards(void **state) {
    (void)state;
    static const optim_dtype DTYPES[] = {OPTIM_F32, OPTIM_F64, OPTIM_BF16, OPTIM_F16};
    guarded_t memory[2] = {guarded_new(1), guarded_new(1)};
    for (size_t i = 0; i < optim_algorithm_count(); ++i) {
        const char *name = optim_algorithm_name(i);
        const size_t longest = needs_few(name) || needs_short(name) ? 34 : LONGEST;
        for (size_t k = 0; k < 4; ++k)
            for (size_t n = 0; n <= longest; n += n < 35 || n > 124 ? 1 : 9)
                run_between_guards(name, DTYPES[k], n, memory);
    }
    guarded_free(&memory[0]);
    guarded_free(&memory[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_elementary),
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_widening),
        cmocka_unit_test(test_narrowing_near_every_value),
        cmocka_unit_test(test_narrowing_of_any_float),
        cmocka_unit_test(test_conversion_between_guards),
        cmocka_unit_test(test_conversion_unaligned),
        cmocka_unit_test(test_sum),
        cmocka_unit_test(test_rounding_at_random_keeps_its_numbers),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_methods_between_guards),
    };
    (void)printf("levels: base to %s\n", ENGINE_LEVEL_NAMES[engine_best_level()]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
