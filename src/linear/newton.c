/*
 * A^(-1/p) by the coupled Newton iteration: Guo, Higham, "A Schur-Newton method for the matrix p-th root and its
 * inverse", 2006; Iannazzo, "On the Newton method for the matrix p-th root", 2006.
 *
 *     z = (p + 1) / (2 |A|_inf),  X <- z^(1/p) I,  M <- z A
 *     until M = I:  T = ((p + 1) I - M) / p,  X <- X T,  M <- T^p M
 *
 * The eigenvalues of z A lie in (0, (p + 1) / 2], from where each goes to 1: the small ones grow at least twofold a
 * round, and near 1 the distance is squared.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "linear/common.h"

/* From ROUNDS twofold growths 2^-100 would get to 1; a regular matrix of doubles begins above 2^-60. NEAR: the last
   round, after which the distance is some NEAR^2. */
enum { ROUNDS = 100 };
static const double NEAR = 1e-9;

/* T and the product. */
size_t linear_newton_root_room(size_t n) {
    size_t squares;
    if (!linear_holds((double)n) || !size_multiply(n, n, &squares) || !size_add(squares, squares, &squares))
        return SIZE_MAX;
    return linear_room(squares, 0);
}

static double row_sum_norm(size_t n, const double *a) {
    double largest = 0;
    for (size_t i = 0; i < n; ++i) {
        double sum = 0;
        for (size_t j = 0; j < n; ++j)
            sum += fabs(a[i * n + j]);
        largest = fmax(largest, sum);
    }
    return largest;
}

/* T = ((p + 1) I - M) / p; returns the largest entry of |M - I|, NaN if there is one. */
static double correction(size_t n, double p, const double *m, double *t) {
    double distance = 0;
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j) {
            const double entry = m[i * n + j], off = fabs(entry - (i == j));
            if (isnan(off))
                return off;
            distance = fmax(distance, off);
            t[i * n + j] = ((i == j ? p + 1 : 0) - entry) / p;
        }
    return distance;
}

/* *x <- a *x, through *spare, with which it changes places. */
static void multiply_into(size_t n, const double *a, double **x, double **spare) {
    double *product = *spare;
    linear_multiply(false, false, n, n, n, a, *x, product);
    *spare = *x;
    *x = product;
}

/* M = a and X = x <- their values to begin with; false: A + ridge I has no norm to go by. */
static bool begin(size_t n, double *a, double p, double ridge, double *x) {
    for (size_t i = 0; i < n; ++i)
        a[i * n + i] += ridge;
    linear_mirror(n, a);
    const double norm = row_sum_norm(n, a), z = (p + 1) / 2 / norm;
    if (!(norm > 0) || !isfinite(norm) || !isfinite(z))
        return false;
    memset(x, 0, n * n * sizeof *x);
    for (size_t i = 0; i < n; ++i)
        x[i * n + i] = pow(z, 1 / p);
    for (size_t i = 0; i < n * n; ++i)
        a[i] *= z;
    return true;
}

linear_status_t linear_newton_root(size_t n, double *a, unsigned p, double ridge, double *out, void *room) {
    if (n == 0)
        return LINEAR_OK;
    if (!linear_holds((double)n))
        return LINEAR_SIZE;
    if (!linear_finite_symmetric(n, a))
        return LINEAR_NONFINITE;
    double *t = room, *spare = t + n * n, *m = a, *x = out, distance = 1;
    if (!begin(n, a, p, ridge, x))
        return LINEAR_SINGULAR;
    for (int round = 0; round < ROUNDS && distance > NEAR; ++round) {
        distance = correction(n, p, m, t);
        multiply_into(n, t, &x, &spare);
        for (unsigned i = 0; i < p && distance > NEAR; ++i)
            multiply_into(n, t, &m, &spare);
    }
    if (!(distance <= NEAR))
        return LINEAR_SINGULAR;
    if (x != out)
        memcpy(out, x, n * n * sizeof *out);
    linear_mirror(n, out);
    return LINEAR_OK;
}
