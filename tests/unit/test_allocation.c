/*
 * After the first step nothing is allocated, whatever the method: counted by standing in for the allocator. What BLAS
 * takes while it is called does not count: OpenBLAS has kernels that take a buffer for each small product.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "blas_watch.h"
#include "needs.h"
#include "optim/optim.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define SANITIZED
#endif

#ifndef SANITIZED
static _Thread_local long allocations;

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static void count(void) {
    allocations += !blas_watch_within();
}

void *malloc(size_t size) {
    count();
    return __libc_malloc(size);
}
void *calloc(size_t members, size_t size) {
    count();
    return __libc_calloc(members, size);
}
void *realloc(void *old, size_t size) {
    count();
    return __libc_realloc(old, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
    count();
    return __libc_memalign(alignment, size);
}

enum { ROWS = 40, COLUMNS = 300, P = ROWS * COLUMNS, Q = ROWS, N = P + Q };

/* One step with every request answered by the quadratic 1/2 |p|^2, whose Hessian is the identity; gradients in two
   parts. */
static optim_status step(optim_t *opt, const float *p, float *g) {
    optim_status status = OPTIM_OK;
    do {
        if (status == OPTIM_EVAL_HVP) {
            for (int i = 0; i < 2; ++i) {
                const void *direction;
                void *product;
                assert_int_equal(optim_hvp_vector(opt, i, &direction), OPTIM_OK);
                assert_int_equal(optim_hvp_result(opt, i, &product), OPTIM_OK);
                if (product != NULL)
                    memcpy(product, direction, (i == 0 ? P : Q) * sizeof(float));
            }
        } else if (status == OPTIM_EVAL_CONSTRAINTS) {
            double *values;
            assert_int_equal(optim_constraint_values(opt, &values), OPTIM_OK);
            for (int j = 0; j < needs_constraints(opt); ++j)
                values[j] = 0.25;
        } else if (!needs_squares(opt, status, (const needs_param_t[]){{p, OPTIM_F32, P}, {p + P, OPTIM_F32, Q}}, 2)) {
            double loss = 0;
            for (size_t i = 0; i < N; ++i) {
                g[i] = p[i];
                loss += 0.5 * (double)p[i] * (double)p[i];
            }
            const bool is_read = status == OPTIM_EVAL_GRAD || (status == OPTIM_OK && optim_wants_gradient(opt));
            for (int part = 0; part < 2 && is_read; ++part) {
                assert_int_equal(optim_set_loss(opt, loss), OPTIM_OK);
                assert_int_equal(optim_accumulate(opt), OPTIM_OK);
            }
            assert_int_equal(optim_set_loss(opt, loss), OPTIM_OK);
        }
        status = optim_step(opt);
    } while (status > 0);
    if (status == OPTIM_OK)
        assert_int_equal(optim_report(opt, (double)p[0]), OPTIM_OK);
    return status;
}

static void run(const char *algorithm, const char *wrapper) {
    static float p[N], g[N];
    double norms[8];
    const int64_t dims[] = {ROWS, COLUMNS}, length = Q;
    optim_t *opt;
    for (size_t j = 0; j < N; ++j)
        p[j] = 0.1F + (float)(j % 7) / 7;
    assert_int_equal(optim_create(&opt, algorithm, "engine.clip_norm=1e6,zero_grad=0,accumulate=1,loss_scale=1"),
                     OPTIM_OK);
    assert_int_equal(optim_set_components(opt, ROWS), OPTIM_OK);
    assert_int_equal(optim_wrap(opt, wrapper, NULL), OPTIM_OK);
    assert_int_equal(optim_set_threads(opt, 1), OPTIM_OK);
    double *lent = needs_lend(opt, (needs_sizes_t){ROWS, P, Q, ROWS + Q, COLUMNS + 1});
    assert_non_null(lent);
    const int others = needs_group(opt);
    assert_int_equal(optim_add_param(opt, 0, "p", OPTIM_F32, 2, dims, p, g), OPTIM_OK);
    assert_int_equal(optim_add_param(opt, others, "q", OPTIM_F32, 1, &length, p + P, g + P), OPTIM_OK);
    assert_int_equal(optim_set_schedule(opt, 0, "engine.clip_norm", "volsched", "window=2,history=3"), OPTIM_OK);
    assert_int_equal(optim_record_norms(opt, OPTIM_NORM_L2, norms, 8), OPTIM_OK);
    if (optim_memory(opt, NULL, NULL) == OPTIM_OK && step(opt, p, g) == OPTIM_OK) { /* too long for some */
        const long before = allocations;
        for (int k = 0; k < 5; ++k)
            (void)step(opt, p, g);
        if (allocations != before)
            fail_msg("%s + %s: %ld allocations in 5 steps", algorithm, wrapper, allocations - before);
    }
    optim_destroy(opt);
    free(lent);
}

static void steps_allocate_nothing(void **state) {
    (void)state;
    for (size_t i = 0; i < optim_algorithm_count(); ++i)
        run(optim_algorithm_name(i), "ema");
    for (size_t i = 0; i < optim_wrapper_count(); ++i)
        run("adam", optim_wrapper_name(i));
}
#else
static void steps_allocate_nothing(void **state) {
    (void)state;
    skip();
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(steps_allocate_nothing)};
    return cmocka_run_group_tests_name("allocation", tests, NULL, NULL);
}
