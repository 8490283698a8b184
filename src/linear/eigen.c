#include "linear/common.h"

/* LAPACK asks for 2 n^2 + 6 n + 1, or more where its blocks are wider. */
static bool fits(size_t n) {
    return linear_holds(1 + 256 * (double)n) && linear_holds(1 + 6 * (double)n + 2 * (double)n * (double)n);
}

size_t linear_eigen_room(size_t n) {
    if (n == 0)
        return 0;
    return fits(n) ? linear_room(lapack_eigen_work(n), lapack_eigen_integers(n)) : SIZE_MAX;
}

static linear_status_t eigen(size_t n, bool vectors, double *a, double *values, void *room) {
    if (n == 0)
        return LINEAR_OK;
    if (!fits(n))
        return LINEAR_SIZE;
    if (!linear_finite_symmetric(n, a))
        return LINEAR_NONFINITE;
    const size_t work = lapack_eigen_work(n);
    const int info =
        lapack_eigen(n, vectors, a, values, room, work, linear_integers(room, work), lapack_eigen_integers(n));
    return linear_outcome(info, LINEAR_STALLED);
}

linear_status_t linear_eigen(size_t n, double *a, double *values, void *room) {
    const linear_status_t status = eigen(n, true, a, values, room);
    if (status == LINEAR_OK)
        linear_sign_rows(n, n, a);
    return status;
}

linear_status_t linear_eigenvalues(size_t n, double *a, double *values, void *room) {
    return eigen(n, false, a, values, room);
}

size_t linear_compose_room(size_t n) {
    size_t square;
    return size_multiply(n, n, &square) ? linear_room(square, 0) : SIZE_MAX;
}

void linear_compose(size_t n, const double *vectors, const double *values, double *out, void *room) {
    double *scaled = room;
    if (n == 0)
        return;
    for (size_t k = 0; k < n; ++k)
        for (size_t j = 0; j < n; ++j)
            scaled[k * n + j] = values[k] * vectors[k * n + j];
    linear_multiply(true, false, n, n, n, vectors, scaled, out);
    linear_mirror(n, out);
}
