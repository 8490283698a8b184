#include "linear/common.h"

#include <float.h>
#include <limits.h>
#include <math.h>

bool linear_holds(double number) {
    return number <= (sizeof(blas_int) == sizeof(int) ? (double)INT_MAX : 0x1p53);
}

size_t linear_room(size_t doubles, size_t integers) {
    size_t bytes, more;
    if (!size_multiply(doubles, sizeof(double), &bytes) || !size_multiply(integers, sizeof(blas_int), &more) ||
        !size_add(bytes, more, &bytes))
        return SIZE_MAX;
    return bytes;
}

blas_int *linear_integers(void *room, size_t doubles) {
    return (void *)((double *)room + doubles);
}

linear_status_t linear_outcome(int info, linear_status_t failed) {
    return info == 0 ? LINEAR_OK : info == NO_LAPACK ? LINEAR_MISSING : info > 0 ? failed : LINEAR_SIZE;
}

bool linear_finite(size_t count, const double *x) {
    bool finite = true;
    for (size_t i = 0; i < count; ++i)
        finite &= fabs(x[i]) <= DBL_MAX;
    return finite;
}

bool linear_finite_symmetric(size_t n, const double *a) {
    bool finite = true;
    for (size_t i = 0; i < n; ++i)
        finite &= linear_finite(i + 1, a + i * n);
    return finite;
}

void linear_mirror(size_t n, double *a) {
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < i; ++j)
            a[j * n + i] = a[i * n + j];
}

void linear_multiply(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, const double *a, const double *b,
                     double *c) {
    cblas_dgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans,
                (blas_int)m, (blas_int)n, (blas_int)k, 1, a, (blas_int)(transpose_a ? m : k), b,
                (blas_int)(transpose_b ? k : n), 0, c, (blas_int)n);
}
