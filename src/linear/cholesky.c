#include <math.h>
#include <string.h>

#include "linear/common.h"

/* Some BLAS let a NaN that arises on the way go through. */
static bool is_factor(size_t n, const double *l) {
    for (size_t i = 0; i < n; ++i)
        if (!(l[i * n + i] > 0) || isinf(l[i * n + i]))
            return false;
    return true;
}

linear_status_t linear_cholesky(size_t n, double *a) {
    if (n == 0)
        return LINEAR_OK;
    if (!linear_holds((double)n))
        return LINEAR_SIZE;
    if (!linear_finite_symmetric(n, a))
        return LINEAR_NONFINITE;
    const linear_status_t status = linear_outcome(lapack_cholesky(n, a), LINEAR_SINGULAR);
    if (status != LINEAR_OK)
        return status;
    for (size_t i = 0; i < n; ++i)
        memset(a + i * n + i + 1, 0, (n - 1 - i) * sizeof *a);
    return is_factor(n, a) ? LINEAR_OK : LINEAR_SINGULAR;
}

void linear_cholesky_solve_rows(size_t n, const double *l, size_t count, double *b) {
    if (n > 0 && count > 0)
        lapack_cholesky_rows(n, l, count, b);
}

void linear_cholesky_solve_columns(size_t n, const double *l, size_t count, double *b) {
    if (n > 0 && count > 0)
        lapack_cholesky_columns(n, l, count, b);
}
