#include <math.h>

#include "linear/common.h"

/* The eigenvalues, and then what linear_eigen or, after it, linear_compose takes. */
size_t linear_inverse_root_room(size_t n) {
    const size_t values = linear_room(n, 0), rest = size_larger(linear_eigen_room(n), linear_compose_room(n));
    size_t bytes;
    return size_add(values, rest, &bytes) ? bytes : SIZE_MAX;
}

linear_status_t linear_inverse_root(size_t n, double *a, double exponent, double ridge, double *out, void *room) {
    double *values = room;
    void *rest = values + n;
    const linear_status_t status = linear_eigen(n, a, values, rest);
    if (status != LINEAR_OK)
        return status;
    for (size_t k = 0; k < n; ++k) {
        values[k] = pow(fmax(values[k], 0) + ridge, -exponent);
        if (!isfinite(values[k]))
            return LINEAR_SINGULAR;
    }
    linear_compose(n, a, values, out, rest);
    return LINEAR_OK;
}

linear_status_t linear_pseudo_inverse(size_t n, double *a, double cut, double *out, void *room) {
    double *values = room;
    void *rest = values + n;
    const linear_status_t status = linear_eigen(n, a, values, rest);
    if (status != LINEAR_OK || n == 0)
        return status;
    const double largest = fmax(fabs(values[0]), fabs(values[n - 1]));
    for (size_t k = 0; k < n; ++k) {
        values[k] = fabs(values[k]) <= cut * largest ? 0 : 1 / values[k];
        if (!isfinite(values[k]))
            return LINEAR_SINGULAR;
    }
    linear_compose(n, a, values, out, rest);
    return LINEAR_OK;
}
