/*
 * Handles share nothing and leave the host alone: parallel handles, errors by thread, floating-point environment,
 * thread counts; and the memory a handle takes is what it says, all of it in the first step.
 */
#define _GNU_SOURCE
#include <fenv.h>
#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include "check.h"
#include "needs.h"
#include "oracle.h"
#include "rig.h"

/* ---- Handles in parallel; nothing in a worker may fail through cmocka, which knows one thread only ---- */

enum { ELEMENTS = 40000, WORKERS = 6, STEPS = 12 };
static const char *const METHODS[WORKERS] = {"adamw", "sgd", "lion", "random_scaling_sgdm", "dog", "adagrad"};

typedef struct worker {
    const char *algorithm;
    float *x, *g;
    optim_status status;
    bool own_error; /* optim_error named this worker's own mistakes */
} worker_t;

static void *work(void *argument) {
    worker_t *w = argument;
    const int64_t count = ELEMENTS;
    optim_t *opt, *none;
    char *wrong = check_text("no_such_%s", w->algorithm);
    w->status = optim_create(&opt, w->algorithm, "clip_norm=10");
    if (w->status == OPTIM_OK)
        w->status = optim_set_components(opt, 3);
    if (w->status == OPTIM_OK)
        w->status = optim_add_param(opt, 0, w->algorithm, OPTIM_F32, 1, &count, w->x, w->g);
    if (w->status == OPTIM_OK)
        w->status = optim_set_threads(opt, 2);
    w->own_error = true;
    for (int step = 0; step < STEPS && w->status == OPTIM_OK; ++step) {
        for (size_t i = 0; i < ELEMENTS; ++i)
            w->g[i] = (float)(quadratic_curvature(i) * ((double)w->x[i] - quadratic_minimum(i)));
        w->own_error = w->own_error && optim_create(&none, wrong, NULL) == OPTIM_ERR_NAME;
        w->status = optim_step(opt);
        w->own_error = w->own_error && strstr(optim_error(), wrong) != NULL;
    }
    optim_destroy(opt);
    free(wrong);
    return NULL;
}

static void worker_open(worker_t *w, const char *algorithm) {
    *w = (worker_t){.algorithm = algorithm};
    w->x = check_memory(ELEMENTS, sizeof *w->x);
    w->g = check_memory(ELEMENTS, sizeof *w->g);
    for (size_t i = 0; i < ELEMENTS; ++i)
        w->x[i] = (float)rig_start(i);
}

static void worker_close(worker_t *w) {
    free(w->x);
    free(w->g);
}

static void test_parallel_handles(void **state) {
    (void)state;
    worker_t parallel[WORKERS], serial[WORKERS];
    pthread_t threads[WORKERS];
    for (int i = 0; i < WORKERS; ++i) {
        worker_open(&parallel[i], METHODS[i]);
        worker_open(&serial[i], METHODS[i]);
        (void)work(&serial[i]);
    }
    for (int i = 0; i < WORKERS; ++i)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &parallel[i]), 0);
    for (int i = 0; i < WORKERS; ++i)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < WORKERS; ++i) {
        assert_int_equal(serial[i].status, OPTIM_OK);
        assert_int_equal(parallel[i].status, OPTIM_OK);
        assert_true(parallel[i].own_error);
        assert_memory_equal(parallel[i].x, serial[i].x, ELEMENTS * sizeof(float));
        worker_close(&parallel[i]);
        worker_close(&serial[i]);
    }
}

static void *first_error(void *argument) {
    *(bool *)argument = optim_error() != NULL && *optim_error() == '\0';
    return NULL;
}

static void test_error_of_a_new_thread_is_empty(void **state) {
    (void)state;
    optim_t *opt;
    pthread_t thread;
    bool is_empty = false;
    CHECK_STATUS(optim_create(&opt, "no_such_method", NULL), OPTIM_ERR_NAME);
    assert_int_equal(pthread_create(&thread, NULL, first_error, &is_empty), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(is_empty);
    assert_non_null(strstr(optim_error(), "no_such_method"));
}

/* ---- The host's settings ---- */

extern int omp_get_max_threads(void) __attribute__((weak));
extern int openblas_get_num_threads(void) __attribute__((weak));

typedef struct host {
    unsigned vector_control;
    int rounding, omp_threads, blas_threads;
} host_t;

static host_t host_now(void) {
    host_t host = {0, fegetround(), 0, 0};
#if defined(__SSE__)
    host.vector_control = _mm_getcsr() & ~0x3Fu; /* without the flags that any inexact operation raises */
#endif
    if (omp_get_max_threads != NULL)
        host.omp_threads = omp_get_max_threads();
    if (openblas_get_num_threads != NULL)
        host.blas_threads = openblas_get_num_threads();
    return host;
}

static void test_host_is_left_alone(void **state) {
    (void)state;
    static const layout_t LONG = {"matrix", 2, {{"w", 2, {128, 200}}, {"b", 1, {30000}}}};
    static const layout_t SHORT = {"short matrix", 2, {{"w", 2, {16, 20}}, {"b", 1, {300}}}};
    const host_t before = host_now();
    for (size_t i = 0; i < optim_algorithm_count(); ++i) {
        optim_t *opt;
        CHECK_OK(optim_create(&opt, optim_algorithm_name(i), "nonfinite=skip"));
        rig_t *rig = rig_new(needs_short(optim_algorithm_name(i)) ? &SHORT : &LONG, OPTIM_F32, OPTIM_F32, 0);
        CHECK_OK(optim_set_components(opt, 3));
        CHECK_OK(rig_lend(rig, opt));
        CHECK_OK(optim_set_threads(opt, 3));
        (void)rig_steps(rig, 2);
        rig_free(rig);
        const host_t after = host_now();
        assert_memory_equal(&after, &before, sizeof after);
    }
}

/* Rounding upwards is the host's business: it is obeyed and still set afterwards. */
static void test_rounding_mode_survives(void **state) {
    (void)state;
    double x = 1, g = 1;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "adamw", NULL));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &x, &g));
    assert_int_equal(fesetround(FE_UPWARD), 0);
    const optim_status status = optim_step(opt);
    const int after = fegetround();
    (void)fesetround(FE_TONEAREST);
    CHECK_OK(status);
    assert_int_equal(after, FE_UPWARD);
    optim_destroy(opt);
}

/* ---- Memory ---- */

/* Small blocks that were given back may count as taken: they wait in the allocator's caches. */
enum { CACHED = 8192 };

static size_t memory_taken(void) {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static bool memory_is_counted(void) {
    const size_t before = memory_taken();
    void *block = check_memory(1 << 20, 1);
    const bool counted = memory_taken() >= before + (1 << 20);
    free(block);
    return counted;
}

static void check_memory_of(const char *algorithm) {
    static const layout_t LONG = {"tensors", 2, {{"w", 2, {128, 256}}, {"b", 1, {32768}}}};
    static const layout_t SHORT = {"short tensors", 2, {{"w", 2, {16, 32}}, {"b", 1, {512}}}};
    optim_t *opt;
    size_t state_bytes, scratch_bytes;
    CHECK_OK(optim_create(&opt, algorithm, NULL));
    rig_t *rig = rig_new(needs_short(algorithm) ? &SHORT : &LONG, OPTIM_F32, OPTIM_F32, 0);
    rig->scale = 1e-4; /* so that no rate that grows with the squared gradient runs away; some ask for at most 1 */
    CHECK_OK(optim_set_components(opt, 3));
    CHECK_OK(rig_lend(rig, opt));
    CHECK_OK(optim_set_threads(opt, 1));
    const bool takes = optim_memory(opt, &state_bytes, &scratch_bytes) == OPTIM_OK;
    const size_t before = memory_taken();
    const optim_status status = takes ? rig_step(rig) : OPTIM_ERR_SHAPE;
    if (status != OPTIM_ERR_SHAPE) {
        CHECK_OK(status);
        const size_t first = memory_taken();
        const double said = (double)(state_bytes + scratch_bytes), took = (double)first - (double)before;
        if (fabs(took - said) > 0.01 * said + CACHED)
            fail_msg("%s says %zu + %zu bytes and takes %.0f", algorithm, state_bytes, scratch_bytes, took);
        CHECK_OK(rig_steps(rig, 6));
        CHECK_AT_MOST((double)memory_taken(), (double)first + CACHED); /* later steps take nothing */
    }
    rig_free(rig);
}

/* Skipped, and reported as skipped, where the allocator does not count (sanitizers). */
static void test_memory_is_as_said(void **state) {
    (void)state;
    if (!memory_is_counted())
        skip();
    for (size_t i = 0; i < optim_algorithm_count(); ++i)
        check_memory_of(optim_algorithm_name(i));
}

static void test_swapping_takes_one_copy(void **state) {
    (void)state;
    if (!memory_is_counted())
        skip();
    static const layout_t LAYOUT = {"vector", 1, {{"b", 1, {65536}}}};
    rig_t *rig = rig_new(&LAYOUT, OPTIM_F32, OPTIM_F32, 0);
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sgd", NULL));
    CHECK_OK(optim_wrap(opt, "ema", NULL));
    CHECK_OK(rig_lend(rig, opt));
    CHECK_OK(rig_step(rig));
    const size_t before = memory_taken();
    CHECK_OK(optim_swap_output(opt));
    CHECK_CLOSE((double)(memory_taken() - before) / (65536 * 4), 1, 0.05);
    CHECK_OK(optim_swap_output(opt));
    CHECK_AT_MOST((double)memory_taken(), (double)before + CACHED);
    rig_free(rig);
}

static void test_nothing_stays_behind(void **state) {
    (void)state;
    if (!memory_is_counted())
        skip();
    static const layout_t LAYOUT = {"vector", 1, {{"b", 1, {5003}}}};
    size_t after_first = 0;
    for (int round = 0; round < 5; ++round) {
        rig_t *rig = rig_new(&LAYOUT, OPTIM_F32, OPTIM_F32, 0);
        optim_t *opt;
        CHECK_OK(optim_create(&opt, "adam", "amsgrad=1"));
        CHECK_OK(optim_wrap(opt, "sam", NULL));
        CHECK_OK(optim_add_group(opt, "algorithm=lion,lr=0.1", NULL));
        CHECK_OK(optim_set_schedule(opt, 0, "lr", "chain", "children=constant;linear"));
        CHECK_OK(rig_lend(rig, opt));
        CHECK_OK(rig_steps(rig, 2));
        rig_free(rig);
        if (round == 0)
            after_first = memory_taken();
        CHECK_AT_MOST((double)memory_taken(), (double)after_first + CACHED);
    }
}

/* ---- No memory: more than there is of anything ---- */

static void test_no_memory(void **state) {
    (void)state;
    const int64_t count = (int64_t)1 << 44; /* the states alone would fill the address space */
    double x = 0, g = 0;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "adam", NULL));
    if (sizeof(size_t) < sizeof count) {
        CHECK_REFUSED(optim_add_param(opt, 0, "vast", OPTIM_F32, 1, &count, &x, &g), OPTIM_ERR_SIZE, "vast");
        optim_destroy(opt);
        return;
    }
    CHECK_OK(optim_add_param(opt, 0, "vast", OPTIM_F32, 1, &count, &x, &g));
    CHECK_OK(optim_memory(opt, NULL, NULL));
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_NOMEM, "memory");
    assert_int_equal(optim_steps(opt), 0);
    assert_true(x == 0);
    CHECK_STATUS(optim_swap_output(opt), OPTIM_ERR_NOMEM);
    optim_destroy(opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parallel_handles),     cmocka_unit_test(test_error_of_a_new_thread_is_empty),
        cmocka_unit_test(test_host_is_left_alone),   cmocka_unit_test(test_rounding_mode_survives),
        cmocka_unit_test(test_memory_is_as_said),    cmocka_unit_test(test_swapping_takes_one_copy),
        cmocka_unit_test(test_nothing_stays_behind), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
