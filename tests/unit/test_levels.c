/* Element-wise methods, and sums, give the same bits on every instruction-set level: every such method of the registry. */
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
    assert_int_equal(setenv("GRADOPT_LEVEL", "abacus", 1), 0); /* unknown: as if unset */
    assert_int_equal(engine_best_level(), best);
    assert_int_equal(unsetenv("GRADOPT_LEVEL"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_agree),
        cmocka_unit_test(level_can_be_bounded),
    };
    return cmocka_run_group_tests_name("levels", tests, NULL, NULL);
}
