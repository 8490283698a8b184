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

static bool has_input(optim_t *opt, const char *name) {
    const int64_t none = 0;
    return optim_set_input(opt, -1, name, OPTIM_F64, 1, &none, NULL) == OPTIM_OK;
}

bool needs_pairs(optim_t *opt) {
    return has_input(opt, "cost");
}

/* An input: a vector, or rows by columns, of numbers. */
typedef struct offer {
    const char *name;
    int ndim;
    size_t rows, columns;
    double value; /* of all; 0: they differ, up to 1 */
    int least; /* of them, in units of 1/101; -1: 0, and the columns are alike, so that what is frozen may be left out */
} offer_t;

static size_t count_of(const offer_t *offer) {
    return offer->ndim == 1 ? offer->rows : offer->rows * offer->columns;
}

static double *fill(const offer_t *offer, double *values) {
    const size_t alike = offer->least < 0 ? offer->columns : 1, least = offer->least < 0 ? 0 : (size_t)offer->least;
    for (size_t i = 0; i < count_of(offer); ++i)
        *values++ = offer->value != 0 ? offer->value : (double)(i / alike * 37 % 101 + least) / 101;
    return values;
}

double *needs_lend(optim_t *opt, needs_sizes_t sizes) {
    const size_t all = sizes.first + sizes.others;
    const bool has_fits = has_input(opt, "mean"); /* a row for each client */
    const offer_t offers[] = {
        {"r", 1, sizes.first, 0, 1 / (double)sizes.first, 0},
        {"c", 1, sizes.others, 0, 1 / (double)sizes.others, 0},
        {"diag", 1, all, 0, 0, 1},
        {"direction", 1, all, 0, 0, 1},
        {"features", 2, NEEDS_SAMPLES, sizes.rows, 0, 1},
        {"targets", 2, NEEDS_SAMPLES, sizes.columns, 0, 1},
        {"b", 1, sizes.components, 0, 0, 0},
        {"z", 1, sizes.components, 0, 0, 0},
        {"x", 1, all, 0, 0.25, 0},
        {"y", 1, 1, 0, 0, 0},
        {"A", 2, sizes.components, all, 0, -1},
        {"mean", 2, sizes.components, all, 0, 101},
        {"precision", has_fits ? 2 : 1, has_fits ? sizes.components : all, all, 0, 101},
        {"reference", 1, all, 0, 0, 101},
        {"center", 1, all, 0, 0, 101},
        {"cost", 2, sizes.first, sizes.others, 0, 0},
    };
    bool wanted[sizeof offers / sizeof *offers];
    size_t count = 1;
    for (size_t k = 0; k < sizeof offers / sizeof *offers; ++k) {
        wanted[k] = has_input(opt, offers[k].name);
        count += wanted[k] ? count_of(&offers[k]) : 0;
    }
    double *values = malloc(count * sizeof *values), *next = values;
    optim_status status = values == NULL ? OPTIM_ERR_NOMEM : OPTIM_OK;
    if (status == OPTIM_OK)
        status = optim_set_constraints(opt, NEEDS_EQUALITIES, NEEDS_INEQUALITIES);
    for (size_t k = 0; status == OPTIM_OK && k < sizeof offers / sizeof *offers; ++k) {
        const int64_t dims[] = {(int64_t)offers[k].rows, (int64_t)offers[k].columns};
        if (!wanted[k])
            continue;
        status = optim_set_input(opt, -1, offers[k].name, OPTIM_F64, offers[k].ndim, dims, next);
        next = fill(&offers[k], next);
    }
    if (status == OPTIM_OK)
        return values;
    free(values);
    return NULL;
}
