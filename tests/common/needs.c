#include "needs.h"

#include <math.h>
#include <stdlib.h>

/* Methods that take a number of parameters in order of declaration keep to that. */
int needs_group(optim_t *opt) {
    double split;
    int group = 0;
    if (optim_get(opt, 0, "split", &split) != OPTIM_OK)
        (void)optim_add_group(opt, "role=y", &group);
    return group;
}

static optim_status lend(optim_t *opt, const char *name, int ndim, const int64_t *dims, const double *values) {
    const optim_status status = optim_set_input(opt, -1, name, OPTIM_F64, ndim, dims, values);
    return status == OPTIM_ERR_NAME ? OPTIM_OK : status; /* the method reads no such thing */
}

static bool reads(optim_t *opt, const char *name) {
    const int64_t none = 0;
    return optim_set_input(opt, -1, name, OPTIM_F64, 1, &none, NULL) == OPTIM_OK;
}

/* A square matrix with a row for each element. */
static bool reads_square(optim_t *opt) {
    return reads(opt, "wins") || reads(opt, "matrix") || reads(opt, "A");
}

bool needs_pairs(optim_t *opt) {
    return reads(opt, "cost") || reads_square(opt);
}

/* Samples that span their space: a square of them for a first parameter that is square. */
static optim_status lend_samples(optim_t *opt, size_t first) {
    enum { SIDE = 8 };
    static double values[SIDE * SIDE];
    const int64_t side = (int64_t)sqrt((double)first), dims[] = {side, side};
    for (int i = 0; i < SIDE * SIDE; ++i)
        values[i] = (double)(i * 37 % 101) / 101 - 0.5;
    return side <= SIDE ? lend(opt, "samples", 2, dims, values) : OPTIM_OK;
}

static void fill(size_t costs, size_t first, size_t others, double *values) {
    for (size_t i = 0; i < costs + first + others; ++i)
        values[i] = i < costs ? (double)(i * 37 % 101) / 101 : 1 / (double)(i < costs + first ? first : others);
}

/* 2^-|i - j|: symmetric, positive, definite. */
static void fill_square(size_t n, double *values) {
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j)
            values[i * n + j] = ldexp(1.0, -(int)(i < j ? j - i : i - j));
}

/* Methods of sketches take equalities alone. */
static optim_status set_constraints(optim_t *opt) {
    double most;
    const bool all_equal = optim_get(opt, 0, "max_sketch", &most) == OPTIM_OK;
    return optim_set_constraints(opt, NEEDS_EQUALITIES + (all_equal ? NEEDS_INEQUALITIES : 0),
                                 all_equal ? 0 : NEEDS_INEQUALITIES);
}

double *needs_lend(optim_t *opt, size_t first, size_t others) {
    enum { MOST = 5000 }; /* of a square: methods that read one take no more than a vector, none that is longer here */
    const int64_t dims[] = {(int64_t)first, (int64_t)others};
    const bool has_cost = reads(opt, "cost"), has_square = reads_square(opt) && first + others <= MOST;
    const size_t costs = has_cost ? first * others : 0, all = first + others, squares = has_square ? all * all : 0;
    const int64_t square[] = {(int64_t)all, (int64_t)all};
    double *values = malloc((costs + all + squares + 1) * sizeof *values);
    if (values == NULL)
        return NULL;
    fill(costs, first, others, values);
    fill_square(has_square ? all : 0, values + costs + all);
    if (set_constraints(opt) == OPTIM_OK &&
        (!has_cost || lend(opt, "cost", 2, dims, values) == OPTIM_OK) &&
        lend(opt, "r", 1, &dims[0], values + costs) == OPTIM_OK &&
        lend(opt, "c", 1, &dims[1], values + costs + first) == OPTIM_OK &&
        lend_samples(opt, first) == OPTIM_OK &&
        (!has_square || (lend(opt, "wins", 2, square, values + costs + all) == OPTIM_OK &&
                         lend(opt, "matrix", 2, square, values + costs + all) == OPTIM_OK &&
                         lend(opt, "A", 2, square, values + costs + all) == OPTIM_OK &&
                         lend(opt, "b", 1, square, values + costs) == OPTIM_OK)))
        return values;
    free(values);
    return NULL;
}
