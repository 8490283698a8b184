/* Element-wise methods, and sums, give the same bits on every instruction-set level: every such method of the
   registry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "optim/optim.h"

enum { N = 5003, STEPS = 4 };

/* Four steps from fixed gradients on the level that the environment names. */
static optim_status run(const char *level, const char *algorithm, optim_dtype dtype, void *p) {
    static double g[N];
    const int64_t dims[] = {N};
    optim_t *opt;
    assert_int_equal(setenv("GRADOPT_LEVEL", level, 1), 0);
    assert_int_equal(optim_create(&opt, algorithm, "clip_norm=30"), OPTIM_OK);
    for (size_t i = 0; i < N; ++i)
        if (dtype == OPTIM_F64)
            ((double *)p)[i] = 0.5 + (double)(i * 37 % 101) / 101;
        else
            ((float *)p)[i] = 0.5F + (float)(i * 37 % 101) / 101;
    assert_int_equal(optim_add_param(opt, 0, "p", dtype, 1, dims, p, g), OPTIM_OK);
    assert_int_equal(optim_set_grad_dtype(opt, 0, OPTIM_F64), OPTIM_OK);
    optim_status status = OPTIM_OK;
    for (int step = 1; status == OPTIM_OK && step <= STEPS; ++step) {
        for (size_t i = 0; i < N; ++i)
            g[i] = (double)((i * 53 + (size_t)step * 17) % 211) / 211 - 0.4;
        (void)optim_set_loss(opt, 1.0 / step);
        status = optim_step(opt);
    }
    optim_destroy(opt);
    return status;
}

static bool is_exact(const char *algorithm) {
    optim_description description = {.size = sizeof description};
    assert_int_equal(optim_describe(OPTIM_ALGORITHM, algorithm, &description), OPTIM_OK);
    return (description.can & OPTIM_CAN_SPLIT) &&
           !(description.needs & (OPTIM_NEEDS_MORE_GRADIENTS | OPTIM_NEEDS_PRODUCTS));
}

static void levels_agree(void **state) {
    static double base[N], other[N];
    int compared = 0;
    (void)state;
    assert_int_equal(unsetenv("GRADOPT_LEVEL"), 0);
    const int best = engine_best_level();
    for (size_t i = 0; i < optim_algorithm_count(); ++i) {
        const char *algorithm = optim_algorithm_name(i);
        if (!is_exact(algorithm))
            continue;
        for (optim_dtype dtype = OPTIM_F32; dtype <= OPTIM_F64; ++dtype) {
            const optim_status status = run(ENGINE_LEVEL_NAMES[0], algorithm, dtype, base);
            for (int level = 1; level <= best; ++level, ++compared) {
                assert_int_equal(run(ENGINE_LEVEL_NAMES[level], algorithm, dtype, other), status);
                if (memcmp(base, other, N * (dtype == OPTIM_F64 ? sizeof(double) : sizeof(float))) != 0)
                    fail_msg("%s, dtype %d: %s differs from the base", algorithm, dtype, ENGINE_LEVEL_NAMES[level]);
            }
        }
    }
    assert_true(compared >= 12 * best);
}

static void level_can_be_bounded(void **state) {
    (void)state;
    assert_int_equal(unsetenv("GRADOPT_LEVEL"), 0);
    const int best = engine_best_level();
    for (int level = 0; level < ENGINE_LEVELS; ++level) {
        assert_int_equal(setenv("GRADOPT_LEVEL", ENGINE_LEVEL_NAMES[level], 1), 0);
        assert_int_equal(engine_best_level(), level < best ? level : best);
    }
    assert_int_equal(unsetenv("GRADOPT_LEVEL"), 0);
}

/* A word that is no level is refused by name, rather than a level taken that was not asked for; an empty one is
   none. */
static void unknown_level_is_named(void **state) {
    const char *const WRONG[] = {"abacus", "avx2", "x86-64-v2", "BASE", "base ", "x86-64-v33"};
    optim_t *opt;
    (void)state;
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; ++i) {
        assert_int_equal(setenv("GRADOPT_LEVEL", WRONG[i], 1), 0);
        assert_int_equal(optim_create(&opt, "adamw", NULL), OPTIM_ERR_VALUE);
        assert_null(opt);
        assert_non_null(strstr(optim_error(), WRONG[i]));
        assert_non_null(strstr(optim_error(), "valid: base, x86-64-v3, x86-64-v4"));
    }
    assert_int_equal(setenv("GRADOPT_LEVEL", "", 1), 0);
    assert_int_equal(optim_create(&opt, "adamw", NULL), OPTIM_OK);
    optim_destroy(opt);
    assert_int_equal(unsetenv("GRADOPT_LEVEL"), 0);
}

/* A level needs every feature that the compiler may use there, and the system's word that it saves the registers. */
static void every_feature_is_needed(void **state) {
    const engine_processor_t whole = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    (void)state;
    assert_int_equal(engine_level_of((engine_processor_t){0}), 0);
    assert_int_equal(engine_level_of(whole), 2);
    const struct {
        size_t word;
        int bit, level;
        const char *name;
    } NEEDED[] = {
        {0, 0, 0, "sse3"},        {0, 9, 0, "ssse3"},       {0, 12, 0, "fma"},      {0, 13, 0, "cx16"},
        {0, 19, 0, "sse4.1"},     {0, 20, 0, "sse4.2"},     {0, 22, 0, "movbe"},    {0, 23, 0, "popcnt"},
        {0, 27, 0, "osxsave"},    {0, 28, 0, "avx"},        {0, 29, 0, "f16c"},     {1, 3, 0, "bmi1"},
        {1, 5, 0, "avx2"},        {1, 8, 0, "bmi2"},        {1, 16, 1, "avx512f"},  {1, 17, 1, "avx512dq"},
        {1, 28, 1, "avx512cd"},   {1, 30, 1, "avx512bw"},   {1, 31, 1, "avx512vl"}, {2, 0, 0, "lahf"},
        {2, 5, 0, "lzcnt"},       {3, 1, 0, "xmm saved"},   {3, 2, 0, "ymm saved"}, {3, 5, 1, "masks saved"},
        {3, 6, 1, "upper saved"}, {3, 7, 1, "zmm16 saved"},
    };
    for (size_t i = 0; i < sizeof NEEDED / sizeof *NEEDED; ++i) {
        engine_processor_t without = whole;
        uint32_t *const words[] = {&without.leaf1, &without.leaf7, &without.extended, &without.saved};
        *words[NEEDED[i].word] &= ~(UINT32_C(1) << NEEDED[i].bit);
        if (engine_level_of(without) != NEEDED[i].level)
            fail_msg("without %s the level is %d, not %d", NEEDED[i].name, engine_level_of(without), NEEDED[i].level);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_agree),
        cmocka_unit_test(level_can_be_bounded),
        cmocka_unit_test(unknown_level_is_named),
        cmocka_unit_test(every_feature_is_needed),
    };
    return cmocka_run_group_tests_name("levels", tests, NULL, NULL);
}
