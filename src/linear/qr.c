#include <string.h>

#include "linear/common.h"

/* Both workspaces of LAPACK are `columns` times the width of its blocks: never above 256. */
static bool fits(size_t rows, size_t columns) {
    return rows >= columns && linear_holds((double)rows) && linear_holds(256 * (double)columns);
}

/* The factors of the reflections, the signs of R's diagonal, LAPACK's workspace. */
size_t linear_qr_room(size_t rows, size_t columns) {
    if (columns == 0)
        return 0;
    size_t doubles;
    if (!fits(rows, columns) || !size_add(2 * columns, lapack_qr_work(rows, columns), &doubles))
        return SIZE_MAX;
    return linear_room(doubles, 0);
}

/* The signs of the diagonal of R, which is the upper triangle of a; r, if wanted, is R with rows of these signs. */
static void take_triangle(size_t columns, const double *a, double *signs, double *r) {
    for (size_t i = 0; i < columns; ++i) {
        signs[i] = a[i * columns + i] < 0 ? -1 : 1;
        if (r == NULL)
            continue;
        memset(r + i * columns, 0, i * sizeof *r);
        for (size_t j = i; j < columns; ++j)
            r[i * columns + j] = signs[i] * a[i * columns + j];
    }
}

linear_status_t linear_qr(size_t rows, size_t columns, double *a, double *r, void *room) {
    if (columns == 0)
        return LINEAR_OK;
    if (!fits(rows, columns))
        return LINEAR_SIZE;
    if (!linear_finite(rows * columns, a))
        return LINEAR_NONFINITE;
    double *tau = room, *signs = tau + columns, *work = signs + columns;
    const size_t work_length = lapack_qr_work(rows, columns);
    int info = lapack_qr(rows, columns, a, tau, work, work_length);
    if (info == 0) {
        take_triangle(columns, a, signs, r);
        info = lapack_qr_unfold(rows, columns, a, tau, work, work_length);
    }
    for (size_t i = 0; info == 0 && i < rows; ++i)
        for (size_t j = 0; j < columns; ++j)
            a[i * columns + j] *= signs[j];
    return linear_outcome(info, LINEAR_STALLED);
}
