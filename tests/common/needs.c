#include "needs.h"

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

static bool has_input(optim_t *opt, const char *name) {
    const int64_t none = 0;
    return optim_set_input(opt, -1, name, OPTIM_F64, 1, &none, NULL) == OPTIM_OK;
}

bool needs_pairs(optim_t *opt) {
    return has_input(opt, "cost");
}

static double value_at(size_t i) {
    return (double)(i * 37 % 101) / 101;
}

/* values: r, c, b, an x of all elements, then cost or A, whose columns are alike: what is frozen may be left out. */
static optim_status lend_all(optim_t *opt, size_t components, size_t first, size_t others, const double *values) {
    const int64_t pairs[] = {(int64_t)first, (int64_t)others}, one = 1;
    const int64_t samples[] = {(int64_t)components, (int64_t)(first + others)};
    const double *b = values + first + others, *x = b + components, *costs = x + first + others;
    optim_status status = lend(opt, "r", 1, &pairs[0], values);
    if (status == OPTIM_OK)
        status = lend(opt, "c", 1, &pairs[1], values + first);
    if (status == OPTIM_OK)
        status = lend(opt, "b", 1, &samples[0], b);
    if (status == OPTIM_OK)
        status = lend(opt, "z", 1, &samples[0], b);
    if (status == OPTIM_OK)
        status = lend(opt, "x", 1, &samples[1], x);
    if (status == OPTIM_OK)
        status = lend(opt, "y", 1, &one, b);
    if (status == OPTIM_OK && needs_pairs(opt))
        status = lend(opt, "cost", 2, pairs, costs);
    if (status == OPTIM_OK && has_input(opt, "A"))
        status = lend(opt, "A", 2, samples, costs);
    return status;
}

double *needs_lend(optim_t *opt, size_t components, size_t first, size_t others) {
    const size_t marginals = first + others, before = 2 * marginals + components;
    const size_t rows = has_input(opt, "A") ? components * marginals : 0;
    const size_t rest = needs_pairs(opt) ? first * others : rows;
    double *values = malloc((before + rest + 1) * sizeof *values);
    if (values == NULL)
        return NULL;
    for (size_t i = 0; i < before; ++i)
        values[i] = i < first ? 1 / (double)first : i < marginals ? 1 / (double)others : 0.25;
    for (size_t i = 0; i < components; ++i)
        values[marginals + i] = value_at(i);
    for (size_t i = 0; i < rest; ++i)
        values[before + i] = value_at(rows > 0 ? i / marginals : i);
    if (optim_set_constraints(opt, NEEDS_EQUALITIES, NEEDS_INEQUALITIES) == OPTIM_OK &&
        lend_all(opt, components, first, others, values) == OPTIM_OK)
        return values;
    free(values);
    return NULL;
}
