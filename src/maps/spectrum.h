/*
 * Functions of the singular values of a rows x columns matrix: V = sum_i s_i u_i w_i' becomes sum_i f_i u_i w_i'.
 *
 * One-sided Jacobi rotations of the shorter side's vectors until all are orthogonal: their lengths are the singular
 * values, to high relative accuracy even for small ones. All in double.
 */
#ifndef MAPS_SPECTRUM_H
#define MAPS_SPECTRUM_H

#include <string.h>

#include "engine/map.h"

typedef struct spectrum {
    size_t count, length; /* the shorter side and the longer one */
    bool transposed;      /* rows are the longer side */
    double scale;         /* of all entries */
    double *vector;       /* [count][length]: s_i w_i */
    double *rotation;     /* [count][count]: row i is u_i */
    double *value;        /* [count]: s_i / scale; to be replaced by f_i / scale */
    double *old;          /* [count]: s_i / scale */
} spectrum_t;

static inline size_t spectrum_workspace(size_t n, size_t rows) {
    const size_t columns = n / rows, count = rows < columns ? rows : columns;
    return n + count * count + 2 * count; /* count * count <= n, and n doubles are in memory */
}

static inline double spectrum_dot(size_t n, const double *a, const double *b) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += a[i] * b[i];
    return sum;
}

static inline void spectrum_rotate(size_t n, double *a, double *b, double c, double s) {
    for (size_t i = 0; i < n; ++i) {
        const double x = a[i], y = b[i];
        a[i] = c * x - s * y;
        b[i] = s * x + c * y;
    }
}

/* Makes vectors p and q orthogonal; whether they were not. */
static inline bool spectrum_turn(const spectrum_t *z, size_t p, size_t q) {
    double *a = z->vector + p * z->length, *b = z->vector + q * z->length;
    const double aa = spectrum_dot(z->length, a, a), bb = spectrum_dot(z->length, b, b);
    const double ab = spectrum_dot(z->length, a, b);
    if (!(fabs(ab) > DBL_EPSILON * sqrt(aa) * sqrt(bb)))
        return false;
    const double zeta = (bb - aa) / (2 * ab);
    const double tangent = (zeta < 0 ? -1 : 1) / (fabs(zeta) + hypot(1.0, zeta));
    const double c = 1 / hypot(1.0, tangent);
    spectrum_rotate(z->length, a, b, c, c * tangent);
    spectrum_rotate(z->count, z->rotation + p * z->count, z->rotation + q * z->count, c, c * tangent);
    return true;
}

/* Fills everything from v. */
static inline spectrum_t spectrum_of(size_t n, size_t rows, const real *v, double *work) {
    enum { MOST_SWEEPS = 60 };
    const size_t columns = n / rows, count = rows < columns ? rows : columns;
    spectrum_t z = {.count = count, .length = n / count, .transposed = rows > columns, .vector = work};
    z.rotation = z.vector + n;
    z.value = z.rotation + count * count;
    z.old = z.value + count;
    z.scale = map_largest_abs(n, v);
    memset(z.rotation, 0, count * count * sizeof *z.rotation);
    for (size_t i = 0; i < count; ++i)
        z.rotation[i * count + i] = 1;
    for (size_t i = 0; i < count; ++i)
        for (size_t j = 0; j < z.length; ++j) {
            const double entry = (double)v[z.transposed ? j * columns + i : i * columns + j];
            z.vector[i * z.length + j] = z.scale > 0 ? entry / z.scale : 0;
        }
    bool turned = true;
    for (int sweep = 0; turned && sweep < MOST_SWEEPS; ++sweep) {
        turned = false;
        for (size_t p = 0; p + 1 < count; ++p)
            for (size_t q = p + 1; q < count; ++q)
                turned |= spectrum_turn(&z, p, q);
    }
    for (size_t i = 0; i < count; ++i)
        z.value[i] = z.old[i] = sqrt(spectrum_dot(z.length, z.vector + i * z.length, z.vector + i * z.length));
    return z;
}

/* v from the new values, which are 0 where the old ones are. */
static inline void spectrum_write(const spectrum_t *z, size_t n, real *v) {
    const size_t columns = z->transposed || z->count == 0 ? z->count : n / z->count;
    for (size_t i = 0; i < z->count; ++i) {
        const double factor = z->old[i] > 0 ? z->value[i] / z->old[i] : 0;
        for (size_t j = 0; j < z->length; ++j)
            z->vector[i * z->length + j] *= factor;
    }
    for (size_t i = 0; i < z->count; ++i)
        for (size_t j = 0; j < z->length; ++j) {
            double sum = 0;
            for (size_t k = 0; k < z->count; ++k)
                sum += z->rotation[k * z->count + i] * z->vector[k * z->length + j];
            v[z->transposed ? j * columns + i : i * columns + j] = (real)(z->scale * sum);
        }
}

#endif
