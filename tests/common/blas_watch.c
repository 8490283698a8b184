#define _GNU_SOURCE
#include "blas_watch.h"

#include <cblas.h>
#include <dlfcn.h>
#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Atomic int64_t calls;
static _Thread_local bool within;
static uint64_t nudge_seed, nudge_count; /* by one thread */

int64_t blas_watch_calls(void) {
    return calls;
}

bool blas_watch_within(void) {
    return within;
}

void blas_watch_nudge(uint64_t seed) {
    nudge_seed = seed;
    nudge_count = 0;
}

/* POSIX keeps functions and objects of one size; C has no cast between pointers to them. */
static void enter(const char *name, void *function) {
    within = true;
    ++calls;
    void *symbol = dlsym(RTLD_NEXT, name);
    if (symbol == NULL) {
        (void)fprintf(stderr, "no library behind this program has %s\n", name);
        abort();
    }
    memcpy(function, &symbol, sizeof symbol);
}

static void leave(void) {
    within = false;
}

/* `value` and between -1 and 1 of the rounding error of a number as large as `scale`. */
static float moved(float value, double scale) {
    uint64_t bits = nudge_seed + ++nudge_count * UINT64_C(0x9E3779B97F4A7C15);
    bits = (bits ^ (bits >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (float)((double)value + ((double)(bits >> 11) * 0x1p-52 - 1) * FLT_EPSILON * scale);
}

/* ---- In place of BLAS ---- */

void cblas_saxpy(const blasint n, const float a, const float *x, const blasint incx, float *y, const blasint incy) {
    void (*next)(blasint, float, const float *, blasint, float *, blasint);
    enter("cblas_saxpy", &next);
    next(n, a, x, incx, y, incy);
    for (blasint i = 0; nudge_seed != 0 && i < n; ++i)
        y[i] = moved(y[i], fmax(fabs((double)a * (double)x[i]), fabs((double)y[i])));
    leave();
}

void cblas_daxpy(const blasint n, const double a, const double *x, const blasint incx, double *y, const blasint incy) {
    void (*next)(blasint, double, const double *, blasint, double *, blasint);
    enter("cblas_daxpy", &next);
    next(n, a, x, incx, y, incy);
    leave();
}

void cblas_sscal(const blasint n, const float a, float *x, const blasint incx) {
    void (*next)(blasint, float, float *, blasint);
    enter("cblas_sscal", &next);
    next(n, a, x, incx);
    leave();
}

void cblas_dscal(const blasint n, const double a, double *x, const blasint incx) {
    void (*next)(blasint, double, double *, blasint);
    enter("cblas_dscal", &next);
    next(n, a, x, incx);
    leave();
}

/* A product's rounding errors are those of its sums, which may be larger than what is left of them. */
static void move_matrix(blasint rows, blasint columns, float *C, blasint ldc) {
    double largest = 0;
    for (blasint i = 0; i < rows * columns; ++i)
        largest = fmax(largest, fabs((double)C[i / columns * ldc + i % columns]));
    for (blasint i = 0; i < rows * columns; ++i)
        C[i / columns * ldc + i % columns] = moved(C[i / columns * ldc + i % columns], 4 * largest);
}

void cblas_sgemm(const enum CBLAS_ORDER order, const enum CBLAS_TRANSPOSE ta, const enum CBLAS_TRANSPOSE tb,
                 const blasint m, const blasint n, const blasint k, const float a, const float *A, const blasint lda,
                 const float *B, const blasint ldb, const float b, float *C, const blasint ldc) {
    void (*next)(enum CBLAS_ORDER, enum CBLAS_TRANSPOSE, enum CBLAS_TRANSPOSE, blasint, blasint, blasint, float,
                 const float *, blasint, const float *, blasint, float, float *, blasint);
    enter("cblas_sgemm", &next);
    next(order, ta, tb, m, n, k, a, A, lda, B, ldb, b, C, ldc);
    if (nudge_seed != 0)
        move_matrix(m, n, C, ldc);
    leave();
}

void cblas_dgemm(const enum CBLAS_ORDER order, const enum CBLAS_TRANSPOSE ta, const enum CBLAS_TRANSPOSE tb,
                 const blasint m, const blasint n, const blasint k, const double a, const double *A, const blasint lda,
                 const double *B, const blasint ldb, const double b, double *C, const blasint ldc) {
    void (*next)(enum CBLAS_ORDER, enum CBLAS_TRANSPOSE, enum CBLAS_TRANSPOSE, blasint, blasint, blasint, double,
                 const double *, blasint, const double *, blasint, double, double *, blasint);
    enter("cblas_dgemm", &next);
    next(order, ta, tb, m, n, k, a, A, lda, B, ldb, b, C, ldc);
    leave();
}
