#include "linear/common.h"

/* The workspace is n columns of a block, whose width LAPACK chooses: never above 256. */
static bool fits(size_t n) {
    return linear_holds(256 * (double)n);
}

size_t linear_ldl_room(size_t n) {
    if (n == 0)
        return 0;
    return fits(n) ? linear_room(lapack_ldl_work(n), 0) : SIZE_MAX;
}

/* A block of D of order two, whose pivots are negative, has a negative determinant: one value of each sign. */
static linear_inertia_t inertia_of(size_t n, const double *factors, const linear_pivot_t *pivots) {
    linear_inertia_t inertia = {0};
    for (size_t i = 0; i < n; ++i) {
        const double d = factors[i * n + i];
        if (pivots[i] < 0) {
            ++inertia.positive;
            ++inertia.negative;
            ++i;
        } else if (d > 0) {
            ++inertia.positive;
        } else if (d < 0) {
            ++inertia.negative;
        } else {
            ++inertia.zero;
        }
    }
    return inertia;
}

linear_status_t linear_ldl(size_t n, double *a, linear_pivot_t *pivots, linear_inertia_t *inertia, void *room) {
    *inertia = (linear_inertia_t){0};
    if (n == 0)
        return LINEAR_OK;
    if (!fits(n))
        return LINEAR_SIZE;
    if (!linear_finite_symmetric(n, a))
        return LINEAR_NONFINITE;
    const linear_status_t status = linear_outcome(lapack_ldl(n, a, pivots, room, lapack_ldl_work(n)), LINEAR_SINGULAR);
    if (status == LINEAR_OK || status == LINEAR_SINGULAR)
        *inertia = inertia_of(n, a, pivots);
    return status;
}

void linear_ldl_solve_rows(size_t n, const double *factors, const linear_pivot_t *pivots, size_t count, double *b) {
    if (n > 0 && count > 0)
        lapack_ldl_rows(n, factors, pivots, count, b);
}
