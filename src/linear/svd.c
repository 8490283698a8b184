#include "linear/common.h"

/* LAPACK asks for at most some 7 r^2 and the longer side times the width of its blocks. */
static bool fits(size_t rows, size_t columns) {
    const double r = (double)size_smaller(rows, columns), sides = (double)rows + (double)columns;
    return linear_holds(8 * r * r + 256 * sides);
}

size_t linear_svd_room(size_t rows, size_t columns) {
    if (rows == 0 || columns == 0)
        return 0;
    if (!fits(rows, columns))
        return SIZE_MAX;
    return linear_room(lapack_svd_work(rows, columns), lapack_svd_integers(rows, columns));
}

/* u is NULL: the values alone. */
static linear_status_t svd(size_t rows, size_t columns, double *a, double *u, double *values, double *v, void *room) {
    if (rows == 0 || columns == 0)
        return LINEAR_OK;
    if (!fits(rows, columns))
        return LINEAR_SIZE;
    if (!linear_finite(rows * columns, a))
        return LINEAR_NONFINITE;
    const size_t work = lapack_svd_work(rows, columns);
    const int info = lapack_svd(rows, columns, a, u, values, v, room, work, linear_integers(room, work));
    return linear_outcome(info, LINEAR_STALLED);
}

linear_status_t linear_svd(size_t rows, size_t columns, double *a, double *u, double *values, double *v, void *room) {
    const size_t r = size_smaller(rows, columns);
    const linear_status_t status = svd(rows, columns, a, u, values, v, room);
    for (size_t k = 0; status == LINEAR_OK && k < r; ++k)
        linear_sign_pair(columns, v + k * columns, rows, r, u + k);
    return status;
}

linear_status_t linear_singular_values(size_t rows, size_t columns, double *a, double *values, void *room) {
    return svd(rows, columns, a, NULL, values, NULL, room);
}
