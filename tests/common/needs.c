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

bool needs_pairs(optim_t *opt) {
    const int64_t none = 0;
    return optim_set_input(opt, -1, "cost", OPTIM_F64, 1, &none, NULL) == OPTIM_OK;
}

/* Positive numbers: a weight or a precision for each element; of a client's fits, a row for each of them. */
static optim_status lend_weights(optim_t *opt, int64_t components, int64_t elements, const double *values) {
    const int64_t rows[] = {components, elements};
    const bool has_fits = optim_set_input(opt, -1, "mean", OPTIM_F64, 2, rows, values) == OPTIM_OK;
    optim_status status = lend(opt, "reference", 1, &elements, values);
    if (status == OPTIM_OK)
        status = lend(opt, "center", 1, &elements, values);
    if (status == OPTIM_OK)
        status = lend(opt, "precision", has_fits ? 2 : 1, has_fits ? rows : &elements, values);
    return status;
}

double *needs_lend(optim_t *opt, size_t first, size_t others, size_t components) {
    const int64_t dims[] = {(int64_t)first, (int64_t)others};
    const bool has_cost = needs_pairs(opt);
    const size_t costs = has_cost ? first * others : 0;
    const size_t weights = components * (first + others), count = costs + first + others;
    double *values = malloc((count + weights + 1) * sizeof *values);
    if (values == NULL)
        return NULL;
    for (size_t i = 0; i < weights; ++i)
        values[count + i] = 1 + (double)(i * 37 % 101) / 101;
    for (size_t i = 0; i < count; ++i)
        values[i] = i < costs ? (double)(i * 37 % 101) / 101 : 1 / (double)(i < costs + first ? first : others);
    if (optim_set_constraints(opt, NEEDS_EQUALITIES, NEEDS_INEQUALITIES) == OPTIM_OK &&
        (!has_cost || lend(opt, "cost", 2, dims, values) == OPTIM_OK) &&
        lend(opt, "r", 1, &dims[0], values + costs) == OPTIM_OK &&
        lend(opt, "c", 1, &dims[1], values + costs + first) == OPTIM_OK &&
        lend_weights(opt, (int64_t)components, (int64_t)(first + others), values + count) == OPTIM_OK)
        return values;
    free(values);
    return NULL;
}
