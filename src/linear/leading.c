/*
 * The largest singular values by iteration on a subspace (Halko, Martinsson, Tropp, "Finding structure with
 * randomness", 2011, algorithm 4.4), of b = count + SPARE columns:
 *
 *     Q = orthonormal(A V),  Z = A' Q = V diag(s) P',  U = Q P
 *
 * until A V = U diag(s) in the first `count` columns. A' U = V diag(s) holds always. A round brings the subspace nearer
 * by (s_(b+1) / s_count)^2; with b = r the first is exact.
 */
#include <math.h>
#include <string.h>

#include "kernels/random.h"
#include "linear/common.h"

enum { SPARE = 8, ROUNDS = 300 };

typedef struct subspace {
    size_t rows, columns, count, width;
    double *right, *image, *left, *product, *values, *rotation; /* V, A V and then Q, U, Z, s, P' */
    void *rest;
} subspace_t;

static size_t width_of(size_t rows, size_t columns, size_t count) {
    const size_t r = rows < columns ? rows : columns;
    return count + SPARE < r ? count + SPARE : r;
}

/* Doubles of all but `rest`; SIZE_MAX if they overflow. */
static size_t arrays(size_t rows, size_t columns, size_t width) {
    size_t sides, total;
    if (!size_add(rows, columns, &sides) || !size_multiply(2, sides, &sides) || !size_add(sides, width + 1, &sides) ||
        !size_multiply(sides, width, &total))
        return SIZE_MAX;
    return total;
}

size_t linear_leading_room(size_t rows, size_t columns, size_t count) {
    const size_t width = width_of(rows, columns, count);
    const size_t product_rows = columns;
    const size_t qr = linear_qr_room(rows, width), svd = linear_svd_room(product_rows, width);
    size_t bytes;
    if (!linear_holds((double)rows) || !linear_holds((double)columns) ||
        !size_add(linear_room(arrays(rows, columns, width), 0), qr > svd ? qr : svd, &bytes))
        return SIZE_MAX;
    return bytes;
}

static subspace_t subspace_of(size_t rows, size_t columns, size_t count, void *room) {
    const size_t width = width_of(rows, columns, count);
    subspace_t s = {.rows = rows, .columns = columns, .count = count, .width = width, .right = room};
    s.image = s.right + columns * width;
    s.left = s.image + rows * width;
    s.product = s.left + rows * width;
    s.values = s.product + columns * width;
    s.rotation = s.values + width;
    s.rest = s.rotation + width * width;
    return s;
}

/* One round; image is A V, and becomes that of the new V. */
static linear_status_t turn(subspace_t *s, const double *a) {
    linear_status_t status = linear_qr(s->rows, s->width, s->image, NULL, s->rest);
    if (status != LINEAR_OK)
        return status;
    linear_multiply(true, false, s->columns, s->width, s->rows, a, s->image, s->product);
    status = linear_svd(s->columns, s->width, s->product, s->right, s->values, s->rotation, s->rest);
    if (status != LINEAR_OK)
        return status;
    linear_multiply(false, true, s->rows, s->width, s->width, s->image, s->rotation, s->left);
    linear_multiply(false, false, s->rows, s->width, s->columns, a, s->right, s->image);
    return LINEAR_OK;
}

static bool converged(const subspace_t *s, double tolerance) {
    double largest = 0;
    for (size_t i = 0; i < s->rows; ++i)
        for (size_t k = 0; k < s->count; ++k) {
            const size_t ik = i * s->width + k;
            largest = fmax(largest, fabs(s->image[ik] - s->values[k] * s->left[ik]));
        }
    return largest <= tolerance * s->values[0];
}

/* The first columns of `from` become rows. */
static void take(size_t length, size_t width, size_t count, const double *from, double *to) {
    for (size_t k = 0; k < count; ++k)
        for (size_t i = 0; i < length; ++i)
            to[k * length + i] = from[i * width + k];
}

static void hand_over(const subspace_t *s, double *u, double *values, double *v) {
    memcpy(values, s->values, s->count * sizeof *values);
    take(s->rows, s->width, s->count, s->left, u);
    take(s->columns, s->width, s->count, s->right, v);
    for (size_t k = 0; k < s->count; ++k)
        linear_sign_pair(s->columns, v + k * s->columns, s->rows, 1, u + k * s->rows);
}

linear_status_t linear_leading(size_t rows, size_t columns, const double *a, size_t count, double tolerance, double *u,
                               double *values, double *v, void *room) {
    if (count == 0)
        return LINEAR_OK;
    if (!linear_holds((double)rows) || !linear_holds((double)columns) || count > rows || count > columns)
        return LINEAR_SIZE;
    if (!linear_finite(rows * columns, a))
        return LINEAR_NONFINITE;
    subspace_t s = subspace_of(rows, columns, count, room);
    for (size_t i = 0; i < columns * s.width; ++i)
        s.right[i] = random_uniform(0, i + 1) - 0.5;
    linear_multiply(false, false, rows, s.width, columns, a, s.right, s.image);
    bool done = false;
    for (int round = 0; round < ROUNDS && !done; ++round) {
        const linear_status_t status = turn(&s, a);
        if (status != LINEAR_OK)
            return status;
        done = converged(&s, tolerance);
    }
    hand_over(&s, u, values, v);
    return done ? LINEAR_OK : LINEAR_STALLED;
}
