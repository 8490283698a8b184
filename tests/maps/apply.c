#include "apply.h"

void apply(const char *map, double step, int rows, double v[D]) {
    const int64_t dims[] = {rows > 0 ? rows : D, rows > 0 ? D / rows : 1};
    CHECK_OK(optim_map_apply(map, step, OPTIM_F64, rows > 0 ? 2 : 1, dims, v));
}

double value_of(const char *map, int rows, const double v[D]) {
    const int64_t dims[] = {rows > 0 ? rows : D, rows > 0 ? D / rows : 1};
    double value = -1;
    CHECK_OK(optim_map_value(map, OPTIM_F64, rows > 0 ? 2 : 1, dims, v, &value));
    return value;
}

void fill(uint64_t stream, double size, double v[D]) {
    uint64_t word = stream * UINT64_C(0x9E3779B97F4A7C15) + 1;
    for (int i = 0; i < D; ++i) {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        v[i] = size * (2 * (double)(word >> 11) * 0x1p-53 - 1);
    }
}

double inner_product(const double *a, const double *b) {
    double sum = 0;
    for (int i = 0; i < D; ++i)
        sum += a[i] * b[i];
    return sum;
}

double distance2(const double *a, const double *b) {
    double sum = 0;
    for (int i = 0; i < D; ++i)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}
