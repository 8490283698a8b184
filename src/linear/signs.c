#include <math.h>

#include "linear/common.h"

static bool is_negative(size_t length, size_t step, const double *x) {
    double largest = 0;
    for (size_t i = 0; i < length; ++i)
        if (fabs(x[i * step]) > fabs(largest))
            largest = x[i * step];
    return largest < 0;
}

static void negate(size_t length, size_t step, double *x) {
    for (size_t i = 0; i < length; ++i)
        x[i * step] = -x[i * step];
}

static bool settle(size_t length, size_t step, double *x) {
    if (!is_negative(length, step, x))
        return false;
    negate(length, step, x);
    return true;
}

void linear_sign_pair(size_t length, double *x, size_t partner_length, size_t partner_step, double *partner) {
    if (settle(length, 1, x))
        negate(partner_length, partner_step, partner);
}

void linear_sign_rows(size_t rows, size_t columns, double *x) {
    for (size_t i = 0; i < rows; ++i)
        (void)settle(columns, 1, x + i * columns);
}

void linear_sign_columns(size_t rows, size_t columns, double *x) {
    for (size_t j = 0; j < columns; ++j)
        (void)settle(rows, columns, x + j);
}
