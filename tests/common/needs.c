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

/* An input: a vector, or rows by columns, of numbers. */
typedef struct offer {
    const char *name;
    int ndim;
    size_t rows, columns;
    double value; /* of all; 0: they differ, up to 1 */
    int least;    /* of them, in units of 1/101 */
} offer_t;

static size_t count_of(const offer_t *offer) {
    return offer->ndim == 1 ? offer->rows : offer->rows * offer->columns;
}

static double *fill(const offer_t *offer, double *values) {
    for (size_t i = 0; i < count_of(offer); ++i)
        *values++ = offer->value != 0 ? offer->value : (double)(i * 37 % 101 + (size_t)offer->least) / 101;
    return values;
}

double *needs_lend(optim_t *opt, needs_sizes_t sizes) {
    const size_t all = sizes.first + sizes.others;
    const offer_t offers[] = {
        {"r", 1, sizes.first, 0, 1 / (double)sizes.first, 0},
        {"c", 1, sizes.others, 0, 1 / (double)sizes.others, 0},
        {"diag", 1, all, 0, 0, 1},
        {"direction", 1, all, 0, 0, 1},
        {"features", 2, NEEDS_SAMPLES, sizes.rows, 0, 1},
        {"targets", 2, NEEDS_SAMPLES, sizes.columns, 0, 1},
        {"cost", 2, needs_pairs(opt) ? sizes.first : 0, sizes.others, 0, 0},
    };
    size_t count = 1;
    for (size_t k = 0; k < sizeof offers / sizeof *offers; ++k)
        count += count_of(&offers[k]);
    double *values = malloc(count * sizeof *values), *next = values;
    optim_status status = values == NULL ? OPTIM_ERR_NOMEM : OPTIM_OK;
    if (status == OPTIM_OK)
        status = optim_set_constraints(opt, NEEDS_EQUALITIES, NEEDS_INEQUALITIES);
    for (size_t k = 0; status == OPTIM_OK && k < sizeof offers / sizeof *offers; ++k) {
        const int64_t dims[] = {(int64_t)offers[k].rows, (int64_t)offers[k].columns};
        status = lend(opt, offers[k].name, offers[k].ndim, dims, next);
        next = fill(&offers[k], next);
    }
    if (status == OPTIM_OK)
        return values;
    free(values);
    return NULL;
}
