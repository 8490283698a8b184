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

double *needs_lend(optim_t *opt, size_t first, size_t others) {
    const int64_t dims[] = {(int64_t)first, (int64_t)others};
    const bool has_cost = needs_pairs(opt);
    const size_t costs = has_cost ? first * others : 0;
    double *values = malloc((costs + first + others + 1) * sizeof *values);
    if (values == NULL)
        return NULL;
    for (size_t i = 0; i < costs + first + others; ++i)
        values[i] = i < costs ? (double)(i * 37 % 101) / 101 : 1 / (double)(i < costs + first ? first : others);
    if (optim_set_constraints(opt, NEEDS_EQUALITIES, NEEDS_INEQUALITIES) == OPTIM_OK &&
        (!has_cost || lend(opt, "cost", 2, dims, values) == OPTIM_OK) &&
        lend(opt, "r", 1, &dims[0], values + costs) == OPTIM_OK &&
        lend(opt, "c", 1, &dims[1], values + costs + first) == OPTIM_OK)
        return values;
    free(values);
    return NULL;
}
