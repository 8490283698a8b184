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
static _Thread_local int within;         /* a call may make others */
static uint64_t nudge_seed, nudge_count; /* by one thread */

int64_t blas_watch_calls(void) {
    return calls;
}

bool blas_watch_within(void) {
    return within > 0;
}

void blas_watch_nudge(uint64_t seed) {
    nudge_seed = seed;
    nudge_count = 0;
}

/* POSIX keeps functions and objects of one size; C has no cast between pointers to them. */
static void enter(const char *name, void *function) {
    ++within;
    ++calls;
    void *symbol = dlsym(RTLD_NEXT, name);
    if (symbol == NULL) {
        (void)fprintf(stderr, "no library behind this program has %s\n", name);
        abort();
    }
    memcpy(function, &symbol, sizeof symbol);
}

static void leave(void) {
    --within;
}

/* `value` and between -1 and 1 of the rounding error of a number as large as `scale`. */
static float moved(float value, double scale) {
    uint64_t bits = nudge_seed + ++nudge_count * UINT64_C(0x9E3779B97F4A7C15);
    bits = (bits ^ (bits >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (float)((double)value + ((double)(bits >> 11) * 0x1p-52 - 1) * FLT_EPSILON * scale);
}

/* ---- In place of BLAS ---- */

void cblas_saxpy(const blas_int n, const float a, const float *x, const blas_int incx, float *y, const blas_int incy) {
    void (*next)(blas_int, float, const float *, blas_int, float *, blas_int);
    enter("cblas_saxpy", &next);
    next(n, a, x, incx, y, incy);
    for (blas_int i = 0; nudge_seed != 0 && i < n; ++i)
        y[i] = moved(y[i], fmax(fabs((double)a * (double)x[i]), fabs((double)y[i])));
    leave();
}

void cblas_daxpy(const blas_int n, const double a, const double *x, const blas_int incx, double *y,
                 const blas_int incy) {
    void (*next)(blas_int, double, const double *, blas_int, double *, blas_int);
    enter("cblas_daxpy", &next);
    next(n, a, x, incx, y, incy);
    leave();
}

void cblas_sscal(const blas_int n, const float a, float *x, const blas_int incx) {
    void (*next)(blas_int, float, float *, blas_int);
    enter("cblas_sscal", &next);
    next(n, a, x, incx);
    leave();
}

void cblas_dscal(const blas_int n, const double a, double *x, const blas_int incx) {
    void (*next)(blas_int, double, double *, blas_int);
    enter("cblas_dscal", &next);
    next(n, a, x, incx);
    leave();
}

/* A product's rounding errors are those of its sums, which may be larger than what is left of them. */
static void move_matrix(blas_int rows, blas_int columns, float *C, blas_int ldc) {
    double largest = 0;
    for (blas_int i = 0; i < rows * columns; ++i)
        largest = fmax(largest, fabs((double)C[i / columns * ldc + i % columns]));
    for (blas_int i = 0; i < rows * columns; ++i)
        C[i / columns * ldc + i % columns] = moved(C[i / columns * ldc + i % columns], 4 * largest);
}

void cblas_sgemm(const CBLAS_ORDER order, const CBLAS_TRANSPOSE ta, const CBLAS_TRANSPOSE tb, const blas_int m,
                 const blas_int n, const blas_int k, const float a, const float *A, const blas_int lda, const float *B,
                 const blas_int ldb, const float b, float *C, const blas_int ldc) {
    void (*next)(CBLAS_ORDER, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, blas_int, blas_int, blas_int, float, const float *,
                 blas_int, const float *, blas_int, float, float *, blas_int);
    enter("cblas_sgemm", &next);
    next(order, ta, tb, m, n, k, a, A, lda, B, ldb, b, C, ldc);
    if (nudge_seed != 0)
        move_matrix(m, n, C, ldc);
    leave();
}

void cblas_dgemm(const CBLAS_ORDER order, const CBLAS_TRANSPOSE ta, const CBLAS_TRANSPOSE tb, const blas_int m,
                 const blas_int n, const blas_int k, const double a, const double *A, const blas_int lda,
                 const double *B, const blas_int ldb, const double b, double *C, const blas_int ldc) {
    void (*next)(CBLAS_ORDER, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, blas_int, blas_int, blas_int, double, const double *,
                 blas_int, const double *, blas_int, double, double *, blas_int);
    enter("cblas_dgemm", &next);
    next(order, ta, tb, m, n, k, a, A, lda, B, ldb, b, C, ldc);
    leave();
}

/* ---- In place of LAPACK, as src/linear/lapack.c declares it ---- */

void dsyevd_(const char *job, const char *triangle, const blas_int *n, double *a, const blas_int *lda, double *values,
             double *work, const blas_int *work_length, blas_int *integers, const blas_int *integer_count,
             blas_int *info, size_t job_length, size_t triangle_length);
void dsyevd_(const char *job, const char *triangle, const blas_int *n, double *a, const blas_int *lda, double *values,
             double *work, const blas_int *work_length, blas_int *integers, const blas_int *integer_count,
             blas_int *info, size_t job_length, size_t triangle_length) {
    void (*next)(const char *, const char *, const blas_int *, double *, const blas_int *, double *, double *,
                 const blas_int *, blas_int *, const blas_int *, blas_int *, size_t, size_t);
    enter("dsyevd_", &next);
    next(job, triangle, n, a, lda, values, work, work_length, integers, integer_count, info, job_length,
         triangle_length);
    leave();
}

void dgesdd_(const char *job, const blas_int *m, const blas_int *n, double *a, const blas_int *lda, double *values,
             double *u, const blas_int *ldu, double *vt, const blas_int *ldvt, double *work,
             const blas_int *work_length, blas_int *integers, blas_int *info, size_t job_length);
void dgesdd_(const char *job, const blas_int *m, const blas_int *n, double *a, const blas_int *lda, double *values,
             double *u, const blas_int *ldu, double *vt, const blas_int *ldvt, double *work,
             const blas_int *work_length, blas_int *integers, blas_int *info, size_t job_length) {
    void (*next)(const char *, const blas_int *, const blas_int *, double *, const blas_int *, double *, double *,
                 const blas_int *, double *, const blas_int *, double *, const blas_int *, blas_int *, blas_int *,
                 size_t);
    enter("dgesdd_", &next);
    next(job, m, n, a, lda, values, u, ldu, vt, ldvt, work, work_length, integers, info, job_length);
    leave();
}

void dpotrf_(const char *triangle, const blas_int *n, double *a, const blas_int *lda, blas_int *info, size_t length);
void dpotrf_(const char *triangle, const blas_int *n, double *a, const blas_int *lda, blas_int *info, size_t length) {
    void (*next)(const char *, const blas_int *, double *, const blas_int *, blas_int *, size_t);
    enter("dpotrf_", &next);
    next(triangle, n, a, lda, info, length);
    leave();
}

void dpotrs_(const char *triangle, const blas_int *n, const blas_int *count, const double *a, const blas_int *lda,
             double *b, const blas_int *ldb, blas_int *info, size_t length);
void dpotrs_(const char *triangle, const blas_int *n, const blas_int *count, const double *a, const blas_int *lda,
             double *b, const blas_int *ldb, blas_int *info, size_t length) {
    void (*next)(const char *, const blas_int *, const blas_int *, const double *, const blas_int *, double *,
                 const blas_int *, blas_int *, size_t);
    enter("dpotrs_", &next);
    next(triangle, n, count, a, lda, b, ldb, info, length);
    leave();
}
