#include "engine/map.h"

#include <math.h>

#include "base/memory.h"

size_t map_rows(const map_t *map, const double *option, int ndim, const int64_t *dims) {
    const int row = map->of_matrices ? option_find(map->options, "rows", 4) : -1;
    if (row >= 0 && option[row] > 0)
        return size_of_number(option[row]);
    return ndim >= 2 ? (size_t)dims[0] : 1;
}

const char *map_refuses(const map_t *map, size_t n, size_t rows) {
    if (!map->of_matrices || n == 0 || (rows <= n && n % rows == 0))
        return NULL;
    return "the elements are no whole number of rows";
}

size_t map_workspace(const map_t *map, size_t n, size_t rows) {
    return map->workspace == NULL || n == 0 ? 0 : map->workspace(n, rows);
}

static bool all_finite_f32(size_t n, const float *v) {
    bool finite = true;
    for (size_t i = 0; i < n; ++i)
        finite &= v[i] - v[i] == 0;
    return finite;
}

static bool all_finite_f64(size_t n, const double *v) {
    bool finite = true;
    for (size_t i = 0; i < n; ++i)
        finite &= v[i] - v[i] == 0;
    return finite;
}

static bool all_finite(int precision, size_t n, const void *v) {
    return precision == 0 ? all_finite_f32(n, v) : all_finite_f64(n, v);
}

static void fill_nan(int precision, size_t n, void *v) {
    for (size_t i = 0; i < n; ++i)
        if (precision == 0)
            ((float *)v)[i] = NAN;
        else
            ((double *)v)[i] = (double)NAN;
}

void map_apply(const map_level_t *map, int precision, const map_call_t *m, size_t n, void *v) {
    const map_t *typed = map->precision[precision];
    if (n == 0)
        return;
    if (typed->reach == MAP_ELEMENT || all_finite(precision, n, v))
        typed->apply(m, n, v);
    else
        fill_nan(precision, n, v); /* one entry that is not finite is in all that depends on it */
}

double map_value(const map_level_t *map, int precision, const map_call_t *m, size_t n, const void *v) {
    const map_t *typed = map->precision[precision];
    if (typed->value == NULL || !all_finite(precision, n, v))
        return (double)NAN;
    return n == 0 ? 0 : typed->value(m, n, v);
}
