/*
 * Who calls BLAS from where. These definitions of two of its functions stand before those of the library that is
 * linked: they note the caller and pass the call on.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <omp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "kernels/cblas/cblas.h"

enum { CALLERS = 64, ELEMENTS = 400000, SIDE = 192, SHORT = 8192 };

typedef struct calls {
    int64_t count, inside, longest; /* inside: from within a parallel region */
    int callers;
    pthread_t caller[CALLERS];
} calls_t;

static calls_t vectors, products;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void note(calls_t *calls, int64_t length) {
    (void)pthread_mutex_lock(&lock);
    int known = 0;
    while (known < calls->callers && !pthread_equal(calls->caller[known], pthread_self()))
        ++known;
    if (known == calls->callers && known < CALLERS)
        calls->caller[calls->callers++] = pthread_self();
    ++calls->count;
    calls->inside += omp_in_parallel() != 0;
    calls->longest = length > calls->longest ? length : calls->longest;
    (void)pthread_mutex_unlock(&lock);
}

/* POSIX keeps functions and objects of one size; C has no cast between pointers to them. */
static void find_next(const char *name, void *function) {
    void *symbol = dlsym(RTLD_NEXT, name);
    assert_non_null(symbol);
    memcpy(function, &symbol, sizeof symbol);
}

void cblas_saxpy(blas_int n, float a, const float *x, blas_int step_x, float *y, blas_int step_y) {
    void (*next)(blas_int, float, const float *, blas_int, float *, blas_int);
    note(&vectors, n);
    find_next("cblas_saxpy", &next);
    next(n, a, x, step_x, y, step_y);
}

void cblas_sgemm(CBLAS_ORDER order, CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, blas_int m, blas_int n, blas_int k, float a,
                 const float *A, blas_int lda, const float *B, blas_int ldb, float b, float *C, blas_int ldc) {
    void (*next)(CBLAS_ORDER, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, blas_int, blas_int, blas_int, float, const float *,
                 blas_int, const float *, blas_int, float, float *, blas_int);
    note(&products, m);
    find_next("cblas_sgemm", &next);
    next(order, ta, tb, m, n, k, a, A, lda, B, ldb, b, C, ldc);
}

/* One step of the method on a SIDE by SIDE matrix and a long vector, with as many threads as it likes. */
static optim_status step(const char *algorithm, int threads) {
    const int64_t square[] = {SIDE, SIDE}, line[] = {ELEMENTS};
    float *p = check_memory((size_t)SIDE * SIDE + ELEMENTS, sizeof *p);
    float *g = check_memory((size_t)SIDE * SIDE + ELEMENTS, sizeof *g);
    optim_t *opt;
    for (size_t i = 0; i < (size_t)SIDE * SIDE; ++i)
        g[i] = (float)(i % 17) - 8;
    optim_status status = optim_create(&opt, algorithm, NULL);
    if (status == OPTIM_OK)
        status = optim_set_threads(opt, threads);
    if (status == OPTIM_OK)
        status = optim_add_param(opt, 0, "matrix", OPTIM_F32, 2, square, p, g);
    if (status == OPTIM_OK)
        status = optim_add_param(opt, 0, "vector", OPTIM_F32, 1, line, p + SIDE * SIDE, g + SIDE * SIDE);
    if (status == OPTIM_OK)
        status = optim_step(opt);
    optim_destroy(opt);
    free(p);
    free(g);
    return status;
}

static int forget(void **state) {
    (void)state;
    vectors = products = (calls_t){0};
    return 0;
}

/* A BLAS that threads is asked for products by one thread only, and never while ours are at work. */
static void products_are_outside_the_librarys_regions(void **state) {
    (void)state;
    CHECK_OK(step("muon", 4));
    assert_true(products.count >= 15); /* 5 iterations of 3 */
    assert_int_equal(products.inside, 0);
    assert_int_equal(products.callers, 1);
}

/* Vectors are the work of our threads, in runs that BLAS does not share out to its own. */
static void vectors_are_short_inside(void **state) {
    (void)state;
    CHECK_OK(step("sgd", 4));
    assert_true(vectors.count >= (ELEMENTS + SIDE * SIDE) / SHORT);
    assert_int_equal(vectors.inside, vectors.count);
    assert_int_equal(vectors.callers, 4);
    CHECK_AT_MOST((double)vectors.longest, SHORT);
}

/* In a caller's region of two, a handle that may use four threads uses its caller's alone. */
static void a_callers_region_gets_no_further_threads(void **state) {
    (void)state;
    optim_status status[2] = {OPTIM_OK, OPTIM_OK};
    const int levels = omp_get_max_active_levels();
    omp_set_max_active_levels(1); /* as it is by default */
#pragma omp parallel for num_threads(2) schedule(static, 1)
    for (int i = 0; i < 2; ++i)
        status[i] = step("sgd", 4);
    omp_set_max_active_levels(levels);
    CHECK_OK(status[0]);
    CHECK_OK(status[1]);
    assert_int_equal(vectors.callers, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(products_are_outside_the_librarys_regions, forget),
        cmocka_unit_test_setup(vectors_are_short_inside, forget),
        cmocka_unit_test_setup(a_callers_region_gets_no_further_threads, forget),
    };
    return cmocka_run_group_tests_name("blas_threads", tests, NULL, NULL);
}
