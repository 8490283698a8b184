#include "federated/code.h"

#include <math.h>
#include <string.h>

#include "linear/elimination.h"

size_t code_make_room(size_t s) {
    return s * s + s;
}

bool code_make(size_t n, size_t s, const double *h, double *b, double *room) {
    double *rest = room, *x = room + s * s;
    memset(b, 0, n * n * sizeof *b);
    for (size_t i = 0; i < n; ++i) {
        for (size_t k = 0; k < s; ++k) {
            x[k] = -h[k * n + i];
            for (size_t j = 0; j < s; ++j)
                rest[k * s + j] = h[k * n + (i + 1 + j) % n];
        }
        if (!elimination_solve(s, rest, x))
            return false;
        b[i * n + i] = 1;
        for (size_t j = 0; j < s; ++j)
            b[i * n + (i + 1 + j) % n] = x[j];
    }
    return true;
}

/* ---- Least squares by Householder's reflections ---- */

/* Of column `k` of q (rows by columns), and of the right-hand side: below the diagonal becomes 0. */
static bool reflect(size_t rows, size_t columns, double *q, double *right, size_t k) {
    double norm = 0;
    for (size_t i = k; i < rows; ++i)
        norm += q[i * columns + k] * q[i * columns + k];
    norm = sqrt(norm);
    if (!(norm > 0))
        return false;
    const double diagonal = q[k * columns + k] > 0 ? -norm : norm;
    q[k * columns + k] -= diagonal; /* the vector v stands in the column */
    double square = 0;
    for (size_t i = k; i < rows; ++i)
        square += q[i * columns + k] * q[i * columns + k];
    for (size_t j = k + 1; j <= columns; ++j) {
        double along = 0;
        for (size_t i = k; i < rows; ++i)
            along += q[i * columns + k] * (j < columns ? q[i * columns + j] : right[i]);
        along *= 2 / square;
        for (size_t i = k; i < rows; ++i)
            *(j < columns ? &q[i * columns + j] : &right[i]) -= along * q[i * columns + k];
    }
    q[k * columns + k] = diagonal;
    return true;
}

size_t code_decode_room(size_t n, size_t s) {
    return n * (n - s) + n;
}

bool code_decode(size_t n, size_t s, const double *b, const int64_t *worker, double *a, double *room) {
    const size_t kept = n - s;
    double *q = room, *right = room + n * kept;
    for (size_t i = 0; i < n; ++i) {
        right[i] = 1;
        for (size_t k = 0; k < kept; ++k)
            q[i * kept + k] = b[(size_t)worker[k] * n + i];
    }
    for (size_t k = 0; k < kept; ++k)
        if (!reflect(n, kept, q, right, k))
            return false;
    double left_over = 0;
    for (size_t i = kept; i < n; ++i)
        left_over += right[i] * right[i];
    for (size_t k = kept; k-- > 0;) {
        a[k] = right[k];
        for (size_t j = k + 1; j < kept; ++j)
            a[k] -= q[k * kept + j] * a[j];
        a[k] /= q[k * kept + k];
    }
    return sqrt(left_over) <= 1e-6 * sqrt((double)n);
}
