/*
 * Tensors longer than a tile, with another value in every element: whatever is kept beside the parameters is found again at
 * its own element. A long tensor goes where its elements go one by one.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "engine/engine.h"

enum { LONG = 3000, STEPS = 3 };

static float start_of(size_t i) {
    return 1 + (float)(i % 977) / 64;
}
static float gradient_of(size_t i, int step) {
    return ((i * 7919 + (size_t)step * 104729) % 31) / 8.0F - 2;
}

static void fill(optim_dtype dtype, void *to, const float *from, size_t n) {
    engine_primitives(0)->store_f32(dtype, n, from, to);
}

/* Elements first, first + 1, ... of the long tensor, n of them, as a tensor of their own; the result is widened. */
static void run(const char *algorithm, const char *options, optim_dtype dtype, size_t first, size_t n, float *result) {
    float *wide = check_memory(n, sizeof *wide);
    void *p = check_memory(n, dtype_size(dtype)), *g = check_memory(n, dtype_size(dtype));
    const int64_t dims[] = {(int64_t)n};
    optim_t *opt;
    for (size_t i = 0; i < n; ++i)
        wide[i] = start_of(first + i);
    fill(dtype, p, wide, n);
    CHECK_OK(optim_create(&opt, algorithm, options));
    CHECK_OK(optim_add_param(opt, 0, "p", dtype, 1, dims, p, g));
    for (int step = 0; step < STEPS; ++step) {
        for (size_t i = 0; i < n; ++i)
            wide[i] = gradient_of(first + i, step);
        fill(dtype, g, wide, n);
        CHECK_OK(optim_step(opt));
    }
    engine_primitives(0)->load_f32(dtype, n, p, result);
    optim_destroy(opt);
    free(wide);
    free(p);
    free(g);
}

/* Pieces begin where blocks of 8-bit states do. */
static void check(const char *algorithm, const char *options, optim_dtype dtype) {
    enum { PIECE = 256 };
    static float whole[LONG], piece[PIECE];
    run(algorithm, options, dtype, 0, LONG, whole);
    for (size_t first = 0; first < LONG; first += PIECE) {
        const size_t n = LONG - first < PIECE ? LONG - first : PIECE;
        run(algorithm, options, dtype, first, n, piece);
        for (size_t i = 0; i < n; ++i)
            if (memcmp(&whole[first + i], &piece[i], sizeof(float)) != 0)
                fail_msg("%s(%s), dtype %d: element %zu is %.9g in the long tensor, %.9g in a short one", algorithm,
                         options, dtype, first + i, (double)whole[first + i], (double)piece[i]);
    }
}

static void kept_values_are_found_again(void **state) {
    static const struct {
        const char *algorithm, *options;
        optim_dtype dtype;
    } CASES[] = {
        {"adamw", "lr=0.01", OPTIM_BF16},
        {"adamw", "lr=0.01,master=f32", OPTIM_BF16},
        {"adamw", "lr=0.01,master=f32", OPTIM_F16},
        {"adamw", "lr=0.01,rounding=kahan", OPTIM_BF16},
        {"adamw", "lr=0.01,state_dtype=bf16,state_min=0", OPTIM_F32},
        {"adamw", "lr=0.01,state_dtype=int8,state_min=0,state_block=256", OPTIM_F32},
        {"adamw", "lr=0.01,state_dtype=int8,state_min=0,state_block=64", OPTIM_BF16},
        {"adamw", "lr=0.01,state_dtype=int4,state_min=0", OPTIM_F32},
        {"adamw", "lr=0.01,state_dtype=int4,state_min=0,state_block=16", OPTIM_BF16},
        {"adam8bit", "lr=0.01,min_8bit_size=0", OPTIM_F32},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i)
        check(CASES[i].algorithm, CASES[i].options, CASES[i].dtype);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(kept_values_are_found_again)};
    return cmocka_run_group_tests_name("tiles", tests, NULL, NULL);
}
