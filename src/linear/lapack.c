/*
 * LAPACK is column-major: what it sees is the transpose of each matrix. The lower triangle is the upper one to it, Q R
 * is L Q, and the two sides of singular vectors change places.
 *
 * Fortran takes everything by address, and behind the arguments the lengths of those that are text, which a LAPACK that
 * does not want them does not notice.
 */
#include "linear/lapack.h"

#include "base/memory.h"

typedef blas_int integer;

void dpotrf_(const char *triangle, const integer *n, double *a, const integer *lda, integer *info, size_t);
void dpotrs_(const char *triangle, const integer *n, const integer *count, const double *a, const integer *lda,
             double *b, const integer *ldb, integer *info, size_t);
void dtrsm_(const char *side, const char *triangle, const char *transposed, const char *unit, const integer *m,
            const integer *n, const double *alpha, const double *a, const integer *lda, double *b, const integer *ldb,
            size_t, size_t, size_t, size_t);
void dsytrf_(const char *triangle, const integer *n, double *a, const integer *lda, integer *pivots, double *work,
             const integer *work_length, integer *info, size_t);
void dsytrs_(const char *triangle, const integer *n, const integer *count, const double *a, const integer *lda,
             const integer *pivots, double *b, const integer *ldb, integer *info, size_t);
void dsyevd_(const char *job, const char *triangle, const integer *n, double *a, const integer *lda, double *values,
             double *work, const integer *work_length, integer *integers, const integer *integer_count, integer *info,
             size_t, size_t);
void dgelqf_(const integer *m, const integer *n, double *a, const integer *lda, double *tau, double *work,
             const integer *work_length, integer *info);
void dorglq_(const integer *m, const integer *n, const integer *k, double *a, const integer *lda, const double *tau,
             double *work, const integer *work_length, integer *info);
void dgesdd_(const char *job, const integer *m, const integer *n, double *a, const integer *lda, double *values,
             double *u, const integer *ldu, double *vt, const integer *ldvt, double *work, const integer *work_length,
             integer *integers, integer *info, size_t);

static const integer ASK = -1; /* a length of workspace: how much is wanted? The answer comes as a double */

bool lapack_available(void) {
    return true;
}

/* ---- Cholesky ---- */

int lapack_cholesky(size_t n, double *a) {
    const integer order = (integer)n;
    integer info = 0;
    dpotrf_("U", &order, a, &order, &info, 1);
    return (int)info;
}

void lapack_cholesky_rows(size_t n, const double *l, size_t count, double *b) {
    const integer order = (integer)n, sides = (integer)count;
    integer info = 0;
    dpotrs_("U", &order, &sides, l, &order, b, &order, &info, 1);
}

/* The transposes: b' (U' U) = given, with U = L'. */
void lapack_cholesky_columns(size_t n, const double *l, size_t count, double *b) {
    const integer order = (integer)n, sides = (integer)count;
    const double one = 1;
    dtrsm_("R", "U", "N", "N", &sides, &order, &one, l, &order, b, &sides, 1, 1, 1, 1);
    dtrsm_("R", "U", "T", "N", &sides, &order, &one, l, &order, b, &sides, 1, 1, 1, 1);
}

/* ---- L D L' ---- */

size_t lapack_ldl_work(size_t n) {
    const integer order = (integer)n;
    integer info = 0, pivot = 0;
    double a = 0, length = 0;
    dsytrf_("U", &order, &a, &order, &pivot, &length, &ASK, &info, 1);
    return (size_t)length;
}

int lapack_ldl(size_t n, double *a, blas_int *pivots, double *work, size_t work_length) {
    const integer order = (integer)n, length = (integer)work_length;
    integer info = 0;
    dsytrf_("U", &order, a, &order, pivots, work, &length, &info, 1);
    return (int)info;
}

void lapack_ldl_rows(size_t n, const double *factors, const blas_int *pivots, size_t count, double *b) {
    const integer order = (integer)n, sides = (integer)count;
    integer info = 0;
    dsytrs_("U", &order, &sides, factors, &order, pivots, b, &order, &info, 1);
}

/* ---- Eigenvalues ---- */

/* Both lengths of workspace, with vectors, which is the larger. */
static void eigen_lengths(size_t n, double *length, integer *count) {
    const integer order = (integer)n;
    integer info = 0;
    double a = 0, value = 0;
    dsyevd_("V", "U", &order, &a, &order, &value, length, &ASK, count, &ASK, &info, 1, 1);
}

size_t lapack_eigen_work(size_t n) {
    double length = 0;
    integer count = 0;
    eigen_lengths(n, &length, &count);
    return (size_t)length;
}

size_t lapack_eigen_integers(size_t n) {
    double length = 0;
    integer count = 0;
    eigen_lengths(n, &length, &count);
    return (size_t)count;
}

int lapack_eigen(size_t n, bool vectors, double *a, double *values, double *work, size_t work_length,
                 blas_int *integers, size_t integer_count) {
    const integer order = (integer)n, length = (integer)work_length, count = (integer)integer_count;
    integer info = 0;
    dsyevd_(vectors ? "V" : "N", "U", &order, a, &order, values, work, &length, integers, &count, &info, 1, 1);
    return (int)info;
}

/* ---- Q R ---- */

size_t lapack_qr_work(size_t rows, size_t columns) {
    const integer m = (integer)columns, n = (integer)rows;
    integer info = 0;
    double a = 0, tau = 0, factor = 0, unfold = 0;
    dgelqf_(&m, &n, &a, &m, &tau, &factor, &ASK, &info);
    dorglq_(&m, &n, &m, &a, &m, &tau, &unfold, &ASK, &info);
    return (size_t)(factor > unfold ? factor : unfold);
}

int lapack_qr(size_t rows, size_t columns, double *a, double *tau, double *work, size_t work_length) {
    const integer m = (integer)columns, n = (integer)rows, length = (integer)work_length;
    integer info = 0;
    dgelqf_(&m, &n, a, &m, tau, work, &length, &info);
    return (int)info;
}

int lapack_qr_unfold(size_t rows, size_t columns, double *a, const double *tau, double *work, size_t work_length) {
    const integer m = (integer)columns, n = (integer)rows, length = (integer)work_length;
    integer info = 0;
    dorglq_(&m, &n, &m, a, &m, tau, work, &length, &info);
    return (int)info;
}

/* ---- Singular values ---- */

size_t lapack_svd_work(size_t rows, size_t columns) {
    const integer m = (integer)columns, n = (integer)rows, r = (integer)size_smaller(rows, columns);
    integer info = 0, integers = 0;
    double a = 0, u = 0, v = 0, value = 0, with = 0, without = 0;
    dgesdd_("S", &m, &n, &a, &m, &value, &v, &m, &u, &r, &with, &ASK, &integers, &info, 1);
    dgesdd_("N", &m, &n, &a, &m, &value, &v, &m, &u, &r, &without, &ASK, &integers, &info, 1);
    return (size_t)(with > without ? with : without);
}

size_t lapack_svd_integers(size_t rows, size_t columns) {
    return 8 * size_smaller(rows, columns);
}

int lapack_svd(size_t rows, size_t columns, double *a, double *u, double *values, double *v, double *work,
               size_t work_length, blas_int *integers) {
    const integer m = (integer)columns, n = (integer)rows, r = (integer)size_smaller(rows, columns);
    const integer length = (integer)work_length;
    integer info = 0;
    double none = 0;
    dgesdd_(u != NULL ? "S" : "N", &m, &n, a, &m, values, u != NULL ? v : &none, &m, u != NULL ? u : &none, &r, work,
            &length, integers, &info, 1);
    return (int)info;
}
