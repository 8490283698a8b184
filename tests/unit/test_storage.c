/* Forms in which parameters and states are kept: master copies, rounding, short states. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "check.h"
#include "engine/engine.h"
#include "kernels/primitives.h"
#include "optim/optim.h"

enum { N = 10000 };

static uint16_t bf16(float x) {
    uint16_t bits;
    primitives_base.store_f32(OPTIM_BF16, 1, &x, &bits);
    return bits;
}

static float widen(uint16_t bits) {
    float x;
    primitives_base.load_f32(OPTIM_BF16, 1, &bits, &x);
    return x;
}

/* N bf16 ones, sgd with a step of 1/64 ulp downwards, 64 times 8: the mean should end at 1 - 8 ulp (ulp = 2^-8 below 1). */
static double mean_after_small_steps(const char *options, int threads, uint16_t *p) {
    enum { STEPS = 512 };
    uint16_t *g = malloc(N * sizeof *g);
    optim_t *opt;
    const int64_t dims[] = {N};
    for (size_t i = 0; i < N; ++i) {
        p[i] = bf16(1);
        g[i] = bf16(1);
    }
    assert_int_equal(optim_create(&opt, "sgd", options), OPTIM_OK);
    assert_int_equal(optim_set(opt, -1, "lr", 0x1p-14), OPTIM_OK);
    assert_int_equal(optim_set_threads(opt, threads), OPTIM_OK);
    assert_int_equal(optim_add_param(opt, 0, "p", OPTIM_BF16, 1, dims, p, g), OPTIM_OK);
    for (int step = 0; step < STEPS; ++step)
        assert_int_equal(optim_step(opt), OPTIM_OK);
    double sum = 0;
    for (size_t i = 0; i < N; ++i)
        sum += (double)widen(p[i]);
    optim_destroy(opt);
    free(g);
    return sum / N;
}

static void nearest_does_not_move(void **state) {
    uint16_t *p = malloc(N * sizeof *p);
    (void)state;
    assert_true(mean_after_small_steps("rounding=nearest", 1, p) == 1);
    free(p);
}

static void others_move_by_the_right_mean(void **state) {
    static const struct {
        const char *options;
        double tolerance; /* 512 random roundings of at most an ulp, over N elements: 5 standard errors; else an ulp */
    } CASES[] = {{"rounding=stochastic", 5 * 0x1p-9 * 22.6 / 100}, {"rounding=kahan", 0x1p-8}, {"master=f32", 0x1p-8}};
    uint16_t *p = malloc(N * sizeof *p);
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i) {
        const double mean = mean_after_small_steps(CASES[i].options, 1, p);
        if (fabs(mean - (1 - 512 * 0x1p-14)) > CASES[i].tolerance)
            fail_msg("%s: mean %.8f", CASES[i].options, mean);
    }
    free(p);
}

static void stochastic_bits_do_not_depend_on_threads_or_tiles(void **state) {
    uint16_t *one = malloc(N * sizeof *one), *other = malloc(N * sizeof *other);
    (void)state;
    (void)mean_after_small_steps("rounding=stochastic", 1, one);
    (void)mean_after_small_steps("rounding=stochastic", 5, other);
    assert_memory_equal(one, other, N * sizeof *one);
    (void)mean_after_small_steps("rounding=stochastic,state_block=1000", 2, other);
    assert_memory_equal(one, other, N * sizeof *one);
    (void)mean_after_small_steps("rounding=stochastic,seed=2", 1, other);
    assert_true(memcmp(one, other, N * sizeof *one) != 0);
    free(one);
    free(other);
}

/* A narrow quadratic in f32; the root mean square distance to its minimum after 300 steps, and the state's bytes. */
static double distance_after(const char *algorithm, const char *options, size_t *bytes) {
    float *p = malloc(N * sizeof *p), *g = malloc(N * sizeof *g);
    optim_t *opt;
    const int64_t dims[] = {N};
    size_t before;
    assert_int_equal(optim_create(&opt, algorithm, options), OPTIM_OK);
    for (size_t i = 0; i < N; ++i)
        p[i] = 1;
    assert_int_equal(optim_add_param(opt, 0, "p", OPTIM_F32, 1, dims, p, g), OPTIM_OK);
    assert_int_equal(optim_memory(opt, &before, NULL), OPTIM_OK);
    for (int step = 0; step < 300; ++step) {
        for (size_t i = 0; i < N; ++i)
            g[i] = (1 + (float)(i % 7)) * (p[i] - (float)(i % 11) / 11);
        assert_int_equal(optim_step(opt), OPTIM_OK);
    }
    assert_int_equal(optim_memory(opt, bytes, NULL), OPTIM_OK);
    assert_int_equal(*bytes, before);
    double sum = 0;
    for (size_t i = 0; i < N; ++i)
        sum += pow((double)p[i] - (double)(i % 11) / 11, 2);
    optim_destroy(opt);
    free(p);
    free(g);
    return sqrt(sum / N);
}

static void short_states_keep_the_way(void **state) {
    static const struct {
        const char *algorithm, *options;
        double bytes; /* a parameter */
    } CASES[] = {
        {"adamw", "lr=0.01,weight_decay=0,state_dtype=full", 8},
        {"adamw", "lr=0.01,weight_decay=0,state_dtype=bf16", 4},
        {"adamw", "lr=0.01,weight_decay=0,state_dtype=int8", 2 + 8.0 / 256},
        {"adamw", "lr=0.01,weight_decay=0,state_dtype=int4", 1 + 8.0 / 128},
        {"adamw", "lr=0.01,weight_decay=0,state_dtype=int4,state_block=14",
         8.0 / 7 + 8.0 / 7}, /* 4 bytes for 7 codes */
        {"adam8bit", "lr=0.01", 2 + 8.0 / 256},
        {"sgd", "lr=0.01,momentum=0.9,state_dtype=bf16", 2},
        {"sgd", "lr=0.01,momentum=0.9,state_dtype=int8", 1 + 4.0 / 256},
        {"sgd", "lr=0.01,momentum=0.9,state_dtype=int4", 0.5 + 4.0 / 128},
        {"rmsprop", "lr=0.001,momentum=0.9,centered=1,state_dtype=bf16", 6},
        {"adam", "lr=0.01,state_dtype=int8,state_min=20000", 8},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i) {
        size_t bytes;
        const double distance = distance_after(CASES[i].algorithm, CASES[i].options, &bytes);
        if (!(distance < 0.05) || fabs((double)bytes / N - CASES[i].bytes) > 0.05)
            fail_msg("%s %s: distance %g, %g bytes a parameter", CASES[i].algorithm, CASES[i].options, distance,
                     (double)bytes / N);
    }
}

static void adam8bit_is_adamw_with_int8_states(void **state) {
    size_t bytes;
    (void)state;
    const double a = distance_after("adam8bit", "lr=0.01", &bytes);
    assert_true(a == distance_after("adamw", "lr=0.01,weight_decay=0,state_dtype=int8", &bytes));
}

static void short_states_need_an_elementwise_method(void **state) {
    float p[4] = {0}, g[4] = {0};
    const int64_t dims[] = {4};
    optim_t *opt;
    (void)state;
    assert_int_equal(optim_create(&opt, "lamb", "state_dtype=int8"), OPTIM_OK);
    assert_int_equal(optim_add_param(opt, 0, "p", OPTIM_F32, 1, dims, p, g), OPTIM_OK);
    assert_int_equal(optim_step(opt), OPTIM_ERR_MISMATCH);
    assert_non_null(strstr(optim_error(), "lamb"));
    assert_int_equal(optim_set(opt, -1, "state_dtype", 0), OPTIM_OK);
    assert_int_equal(optim_step(opt), OPTIM_OK);
    assert_int_equal(optim_set(opt, -1, "state_dtype", 3), OPTIM_ERR_ORDER);
    optim_destroy(opt);
    assert_int_equal(optim_create(&opt, "sgd", "master=f32,rounding=kahan"), OPTIM_ERR_VALUE);
}

/* The definition: the nearest table value in exact arithmetic, the lower code on a tie. */
static uint8_t nearest_by_search(const quantize_table_t *table, int bits, double y) {
    uint8_t best = 0;
    for (int code = 1; code < 1 << bits; ++code)
        if (fabs((double)table->value[code] - y) < fabs((double)table->value[best] - y))
            best = (uint8_t)code;
    return best;
}

/* Of 4 bits there are two codes a byte. */
static int code_of(const quantize_table_t *table, const uint8_t *code, size_t i) {
    return !table->packed ? code[i] : i % 2 == 0 ? code[i / 2] & 15 : code[i / 2] >> 4;
}

static void check_codes(const quantizer_t *quantizer, const quantize_table_t *table, int bits, size_t count,
                        const float *x, const double *wide) {
    uint8_t *code = check_memory(count, 1), *code_wide = check_memory(count, 1);
    assert_true(quantizer->encode_f32(table, count, x, false, code) == 1);
    assert_true(quantizer->encode_f64(table, count, wide, false, code_wide) == 1);
    for (size_t i = 0; i < count; ++i) {
        const int want = nearest_by_search(table, bits, wide[i]);
        const int got = code_of(table, code, i), got_wide = code_of(table, code_wide, i);
        if (got != want || got_wide != want)
            fail_msg("%.9g: codes %d, %d, want %d", wide[i], got, got_wide, want);
    }
    free(code);
    free(code_wide);
}

static void codes_are_the_nearest(void **state) {
    enum { COUNT = 20000 };
    static quantize_table_t table;
    static float x[COUNT];
    static double wide[COUNT];
    (void)state;
    for (int form = 0; form < 4; ++form) {
        const int is_signed = form % 2, bits = form < 2 ? 8 : 4;
        quantizer_base.make(&table, bits, is_signed);
        for (size_t i = 0; i < COUNT; ++i) {
            const double spread = pow(10, -8 * (double)((i * 7919) % COUNT) / COUNT);
            x[i] = (float)(is_signed && i % 2 ? -spread : spread);
            if (i <
                3 * (((size_t)1 << bits) - 1)) { /* the middles, ties where a float can hold them, and next to them */
                const float middle = table.middle_f32[i / 3];
                x[i] = i % 3 == 0 ? middle : nextafterf(middle, i % 3 == 1 ? -1 : 1);
            }
            wide[i] = (double)x[i];
        }
        x[COUNT - 1] = 1;
        wide[COUNT - 1] = 1;
        for (int level = 0; level <= engine_best_level(); ++level)
            check_codes(engine_primitives(level)->quantizer, &table, bits, COUNT, x, wide);
    }
}

/* The figures of the method's description: the largest error between a tenth of the scale and the scale. */
static void codes_are_as_close_as_said(void **state) {
    static const double SAID[] = {3.52e-3, 7.03e-3, 0.03125, 0.1125}; /* without a sign, with one; 8 bits, 4 */
    enum { COUNT = 90001 };
    static quantize_table_t table;
    static float y[COUNT], back[COUNT];
    static uint8_t code[COUNT];
    (void)state;
    for (int form = 0; form < 4; ++form) {
        double worst = 0;
        quantizer_base.make(&table, form < 2 ? 8 : 4, form % 2);
        for (size_t i = 0; i < COUNT; ++i)
            y[i] = (float)(0.1 + 0.9 * (double)i / (COUNT - 1));
        quantizer_base.decode_f32(&table, COUNT, code, quantizer_base.encode_f32(&table, COUNT, y, false, code), back);
        for (size_t i = 0; i < COUNT; ++i)
            worst = fmax(worst, fabs((double)back[i] - (double)y[i]));
        if (fabs(worst - SAID[form]) > 0.01 * SAID[form])
            fail_msg("the largest error is %g, not %g", worst, SAID[form]);
    }
}

static void a_block_of_zeros_stays_zero(void **state) {
    static quantize_table_t table;
    const float x[3] = {0};
    float back[3] = {1, 1, 1};
    uint8_t code[3];
    (void)state;
    for (int form = 0; form < 4; ++form) {
        quantizer_base.make(&table, form < 2 ? 8 : 4, form % 2);
        assert_true(quantizer_base.encode_f32(&table, 3, x, true, code) == 0);
        quantizer_base.decode_f32(&table, 3, code, 0, back);
        assert_true(back[0] == 0 && back[1] == 0 && back[2] == 0);
    }
}

/* What is not finite has some code; the others have theirs, and the scale, as if it were not there. */
static void a_block_outlives_what_is_not_finite(void **state) {
    enum { COUNT = 256, BAD = 100 };
    static const float NOT_FINITE[] = {INFINITY, -INFINITY, NAN, -NAN};
    static quantize_table_t table;
    static float x[COUNT];
    static double wide[COUNT];
    static uint8_t want[COUNT], code[COUNT], code_wide[COUNT];
    (void)state;
    for (int form = 0; form < 4; ++form) {
        quantizer_base.make(&table, form < 2 ? 8 : 4, form % 2);
        for (size_t i = 0; i < COUNT; ++i)
            wide[i] = (double)(x[i] = i == BAD ? 0 : (float)(i * 37 % 101) / 7);
        const float scale = quantizer_base.encode_f32(&table, COUNT, x, false, want);
        for (size_t k = 0; k < 4; ++k) {
            wide[BAD] = (double)(x[BAD] = NOT_FINITE[k]);
            assert_true(quantizer_base.encode_f32(&table, COUNT, x, false, code) == scale);
            assert_true(quantizer_base.encode_f64(&table, COUNT, wide, false, code_wide) == (double)scale);
            for (size_t i = 0; i < COUNT; ++i) {
                const int right = code_of(&table, want, i);
                assert_true(i == BAD || (code_of(&table, code, i) == right && code_of(&table, code_wide, i) == right));
            }
        }
    }
}

/* A square that overflows is finite as a gradient: it costs its own element, not the other 255 of the block. */
static void one_element_costs_no_block(void **state) {
    static const char *const CASES[][2] = {
        {"adam8bit", NULL},
        {"adamw", "state_dtype=int8"},
        {"rmsprop", "momentum=0.9,state_dtype=int8"},
        {"adamw", "state_dtype=int4"},
    };
    static const float BAD[] = {1e30F, INFINITY, NAN};
    static float p[N], g[N];
    const int64_t dims[] = {N};
    (void)state;
    for (size_t c = 0; c < sizeof CASES / sizeof *CASES; ++c)
        for (size_t k = 0; k < sizeof BAD / sizeof *BAD; ++k) {
            optim_t *opt;
            assert_int_equal(optim_create(&opt, CASES[c][0], CASES[c][1]), OPTIM_OK);
            assert_int_equal(optim_add_param(opt, 0, "p", OPTIM_F32, 1, dims, p, g), OPTIM_OK);
            for (size_t i = 0; i < N; ++i)
                p[i] = 1;
            for (int step = 0; step < 6; ++step) {
                for (size_t i = 0; i < N; ++i)
                    g[i] = 0.1F * ((float)(i % 7) - 3);
                if (step == 2)
                    g[1000] = BAD[k];
                assert_int_equal(optim_step(opt), OPTIM_OK);
            }
            for (size_t i = 0; i < N; ++i)
                if (i != 1000 && !isfinite(p[i]))
                    fail_msg("%s, %g: element %zu is %g", CASES[c][0], (double)BAD[k], i, (double)p[i]);
            optim_destroy(opt);
        }
}

/* A hash of the parameters after some steps with 4-bit states; blocks of 7, so that bytes are shared and halves left. */
static uint64_t hash_after(optim_dtype dtype) {
    enum { COUNT = 1003 };
    union {
        float f32[COUNT];
        double f64[COUNT];
    } p = {{0}}, g;
    const size_t bytes = dtype == OPTIM_F64 ? sizeof p.f64 : sizeof p.f32;
    const int64_t dims[] = {COUNT};
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    optim_t *opt;
    assert_int_equal(optim_create(&opt, "adamw", "lr=0.01,state_dtype=int4,state_min=0,state_block=14"), OPTIM_OK);
    assert_int_equal(optim_add_param(opt, 0, "p", dtype, 1, dims, &p, &g), OPTIM_OK);
    for (int step = 0; step < 20; ++step) {
        for (int i = 0; i < COUNT; ++i) {
            const double sixteenths = (double)(i * 37 % 101 - 50 + step) / 16;
            if (dtype == OPTIM_F64)
                g.f64[i] = p.f64[i] - sixteenths;
            else
                g.f32[i] = p.f32[i] - (float)sixteenths;
        }
        assert_int_equal(optim_step(opt), OPTIM_OK);
    }
    optim_destroy(opt);
    for (size_t i = 0; i < bytes; ++i)
        hash = (hash ^ ((const unsigned char *)&p)[i]) * UINT64_C(0x100000001B3);
    return hash;
}

static void four_bits_are_the_same_everywhere(void **state) {
    static const uint64_t HASH[] = {UINT64_C(0xF5589450DBC90E6D), UINT64_C(0x8FD3DBF4DE8E015A)};
    (void)state;
    for (int level = 0; level <= engine_best_level(); ++level) {
        assert_int_equal(setenv("GRADOPT_LEVEL", ENGINE_LEVEL_NAMES[level], 1), 0);
        for (int wide = 0; wide < 2; ++wide) {
            const uint64_t hash = hash_after(wide ? OPTIM_F64 : OPTIM_F32);
            if (hash != HASH[wide])
                fail_msg("%s, %s: %016llx", ENGINE_LEVEL_NAMES[level], wide ? "f64" : "f32", (unsigned long long)hash);
        }
    }
    assert_int_equal(unsetenv("GRADOPT_LEVEL"), 0);
}

static void cancelling_restores_masters(void **state) {
    uint16_t p[64], g[64], before[64];
    const int64_t dims[] = {64};
    optim_t *opt;
    (void)state;
    assert_int_equal(optim_create(&opt, "adamw", "lr=1e-3,master=f32"), OPTIM_OK);
    assert_int_equal(optim_wrap(opt, "sam", "rho=0.5"), OPTIM_OK);
    for (size_t i = 0; i < 64; ++i) {
        p[i] = bf16((float)i / 64);
        g[i] = bf16(1 - (float)i / 32);
    }
    assert_int_equal(optim_add_param(opt, 0, "p", OPTIM_BF16, 1, dims, p, g), OPTIM_OK);
    for (int step = 0; step < 3; ++step) {
        assert_int_equal(optim_step(opt), OPTIM_EVAL_GRAD);
        assert_int_equal(optim_step(opt), OPTIM_OK);
    }
    memcpy(before, p, sizeof p);
    assert_int_equal(optim_step(opt), OPTIM_EVAL_GRAD);
    assert_true(memcmp(before, p, sizeof p) != 0);
    assert_int_equal(optim_cancel(opt), OPTIM_OK);
    assert_memory_equal(before, p, sizeof p);
    optim_destroy(opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nearest_does_not_move),
        cmocka_unit_test(others_move_by_the_right_mean),
        cmocka_unit_test(stochastic_bits_do_not_depend_on_threads_or_tiles),
        cmocka_unit_test(short_states_keep_the_way),
        cmocka_unit_test(adam8bit_is_adamw_with_int8_states),
        cmocka_unit_test(four_bits_are_the_same_everywhere),
        cmocka_unit_test(short_states_need_an_elementwise_method),
        cmocka_unit_test(codes_are_the_nearest),
        cmocka_unit_test(codes_are_as_close_as_said),
        cmocka_unit_test(a_block_of_zeros_stays_zero),
        cmocka_unit_test(a_block_outlives_what_is_not_finite),
        cmocka_unit_test(one_element_costs_no_block),
        cmocka_unit_test(cancelling_restores_masters),
    };
    return cmocka_run_group_tests_name("storage", tests, NULL, NULL);
}
