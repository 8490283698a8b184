#include "needs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "element.h"

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

static bool is_among(const char *const *names, const char *name) {
    for (; *names != NULL; ++names)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

/* The first six have a number for each pair of elements, as have two others, two poll each coordinate, one keeps a long
 * history, the last factors a matrix of a vector's length. */
bool needs_short(const char *algorithm) {
    static const char *const NAMES[] = {"sinkhorn",
                                        "sns",
                                        "altmin_completion",
                                        "bradley_terry",
                                        "sor_bandit",
                                        "hypernet",
                                        "direct_search",
                                        "cdsm",
                                        "s_sgld",
                                        "nelder_mead",
                                        "cma_es",
                                        "scaled_gd",
                                        "levenberg_marquardt",
                                        NULL};
    return is_among(NAMES, algorithm);
}

bool needs_few(const char *algorithm) {
    static const char *const NAMES[] = {
        "damped_newton", "gns",        "cubic_newton", "acc_cubic", "direct_search",       "cdsm",
        "fb_gvi",        "psgd_dense", "nelder_mead",  "cma_es",    "levenberg_marquardt", NULL};
    return is_among(NAMES, algorithm);
}

/* An input: a vector, or rows by columns, of numbers. */
typedef struct offer {
    const char *name;
    int ndim;
    size_t rows, columns;
    double value; /* of all; 0: they differ, up to 1 */
    int least;    /* of them, in units of 1/101; ALIKE, SQUARE */
} offer_t;
enum {
    ALIKE = -1, /* the columns are, so that what is frozen may be left out */
    SQUARE = -2 /* 2^-|i - j|: symmetric, positive, definite */
};

static size_t count_of(const offer_t *offer) {
    return offer->ndim == 1 ? offer->rows : offer->rows * offer->columns;
}

static double value_at(const offer_t *offer, size_t i) {
    if (offer->value != 0)
        return offer->value;
    if (offer->least == SQUARE)
        return ldexp(1.0, -abs((int)(i / offer->columns) - (int)(i % offer->columns)));
    if (offer->least == ALIKE)
        return (double)(i / offer->columns * 37 % 101) / 101;
    return (double)(i * 37 % 101 + (size_t)offer->least) / 101;
}

static double *fill(const offer_t *offer, double *values) {
    for (size_t i = 0; i < count_of(offer); ++i)
        *values++ = value_at(offer, i);
    return values;
}

/* Methods of sketches take equalities alone. */
static int inequalities(optim_t *opt) {
    enum { GROUPS = 3 };
    double most;
    for (int group = 0; group < GROUPS; ++group)
        if (optim_get(opt, group, "max_sketch", &most) == OPTIM_OK)
            return 0;
    return NEEDS_INEQUALITIES;
}

int needs_constraints(optim_t *opt) {
    return NEEDS_EQUALITIES + inequalities(opt);
}

/* r_j = sum_i a_ji (x_i - 1/4 + (x_i - 1/4)^2 / 8) - [j = 0]: the same on every machine. */
static double slope_of(size_t j, size_t i) {
    return ((double)((7 * i + 3 * j) % 13) - 6) / 13 + (i % NEEDS_RESIDUALS == j ? 1 : 0);
}

static bool fill_residuals(optim_t *opt, const needs_param_t *params, int count) {
    double *r;
    if (optim_residual_values(opt, &r) != OPTIM_OK)
        return false;
    for (size_t j = 0; j < NEEDS_RESIDUALS; ++j) {
        size_t at = 0;
        r[j] = j == 0 ? -1 : 0;
        for (int n = 0; n < count; at += params[n++].count)
            for (size_t k = 0; k < params[n].count; ++k) {
                const double x = element_read(params[n].dtype, params[n].data, k) - 0.25;
                r[j] += slope_of(j, at + k) * (x + x * x / 8);
            }
    }
    return true;
}

static bool fill_rows(optim_t *opt, const needs_param_t *params, int count) {
    size_t at = 0;
    double *rows;
    for (int n = 0; n < count; at += params[n++].count) {
        if (optim_jacobian_rows(opt, n, &rows) != OPTIM_OK)
            return false;
        for (size_t j = 0; rows != NULL && j < NEEDS_RESIDUALS; ++j)
            for (size_t k = 0; k < params[n].count; ++k) {
                const double x = element_read(params[n].dtype, params[n].data, k) - 0.25;
                rows[j * params[n].count + k] = slope_of(j, at + k) * (1 + x / 4);
            }
    }
    return true;
}

static optim_dtype wide(optim_dtype dtype) {
    return dtype == OPTIM_F64 ? OPTIM_F64 : OPTIM_F32;
}

/* dr_j / dx of element k of parameter n, which is number `at` + k of all. */
static double derivative(const needs_param_t *param, size_t j, size_t at, size_t k) {
    return slope_of(j, at + k) * (1 + (element_read(param->dtype, param->data, k) - 0.25) / 4);
}

static bool fill_forward(optim_t *opt, const needs_param_t *params, int count) {
    double *product;
    size_t at = 0;
    if (optim_jvp_result(opt, &product) != OPTIM_OK)
        return false;
    memset(product, 0, NEEDS_RESIDUALS * sizeof *product);
    for (int n = 0; n < count; at += params[n++].count) {
        const void *v;
        if (optim_jvp_vector(opt, n, &v) != OPTIM_OK)
            return false;
        for (size_t j = 0; v != NULL && j < NEEDS_RESIDUALS; ++j)
            for (size_t k = 0; k < params[n].count; ++k)
                product[j] += derivative(&params[n], j, at, k) * element_read(wide(params[n].dtype), v, k);
    }
    return true;
}

static bool fill_backward(optim_t *opt, const needs_param_t *params, int count) {
    const double *w;
    size_t at = 0;
    if (optim_vjp_vector(opt, &w) != OPTIM_OK)
        return false;
    for (int n = 0; n < count; at += params[n++].count) {
        void *product;
        if (optim_vjp_result(opt, n, &product) != OPTIM_OK)
            return false;
        for (size_t k = 0; product != NULL && k < params[n].count; ++k) {
            double sum = 0;
            for (size_t j = 0; j < NEEDS_RESIDUALS; ++j)
                sum += derivative(&params[n], j, at, k) * w[j];
            element_write(wide(params[n].dtype), product, k, sum);
        }
    }
    return true;
}

bool needs_squares(optim_t *opt, optim_status request, const needs_param_t *params, int count) {
    if (request == OPTIM_EVAL_RESIDUALS)
        return fill_residuals(opt, params, count);
    if (request == OPTIM_EVAL_JVP)
        return fill_forward(opt, params, count);
    if (request == OPTIM_EVAL_VJP)
        return fill_backward(opt, params, count);
    return request == OPTIM_EVAL_JACOBIAN && fill_rows(opt, params, count);
}

double *needs_lend(optim_t *opt, needs_sizes_t sizes) {
    const size_t all = sizes.first + sizes.others;
    const bool has_fits = has_input(opt, "mean");                            /* a row for each client */
    const bool has_multipliers = has_input(opt, "u");                        /* z goes with them: by element */
    const bool has_system = has_input(opt, "matrix") && has_input(opt, "b"); /* a row for each element */
    const size_t rank = sizes.columns / 2;                                   /* of two factors */
    const size_t square = all <= NEEDS_SQUARE ? all : 0, side = (size_t)sqrt((double)sizes.first);
    const size_t width = sizes.others > 0 && has_input(opt, "Y") ? sizes.first / sizes.others : 0; /* of a layer */
    const bool has_gates = has_input(opt, "gates");
    const offer_t offers[] = {
        {"r", 1, sizes.first, 0, 1 / (double)sizes.first, 0},
        {"c", 1, sizes.others, 0, 1 / (double)sizes.others, 0},
        {"diag", 1, all, 0, 0, 1},
        {"direction", 1, all, 0, 0, 1},
        {"features", 2, NEEDS_SAMPLES, sizes.rows, 0, 1},
        {"targets", 2, NEEDS_SAMPLES, sizes.columns, 0, 1},
        {"b", 1, has_system ? all : sizes.components, 0, 0, 0},
        {"z", 1, has_multipliers ? all : sizes.components, 0, 0, 0},
        {"u", 1, all, 0, 0, 0},
        {"x", 1, all, 0, 0.25, 0},
        {"y", 1, has_gates ? sizes.components : 1, 0, 0, 0},
        {"A", 2, sizes.components, all, 0, ALIKE},
        {"G", 2, 3, all, 0, ALIKE},
        {"rows", 2, sizes.components, all, 0, 1},
        {"wins", 2, square, square, 0, SQUARE},
        {has_system ? "matrix" : "", 2, square, square, 0, SQUARE}, /* else products are asked for */
        {"samples", 2, side, side, 0, SQUARE},
        {"mean", 2, sizes.components, all, 0, 101},
        {"precision", has_fits ? 2 : 1, has_fits ? sizes.components : all, all, 0, 101},
        {"reference", 1, all, 0, 0, 101},
        {"center", 1, all, 0, 0, 101},
        {"M", 2, rank > 0 ? sizes.first / rank : 0, rank > 0 ? sizes.others / rank : 0, 0, 1},
        {"observed", 2, rank > 0 ? sizes.first / rank : 0, rank > 0 ? sizes.others / rank : 0, 1, 0},
        {"X", 2, has_gates ? sizes.components : width, has_gates ? sizes.columns : sizes.components, 0, 1},
        {"Y", 2, width > 0 ? sizes.others : 0, sizes.components, 0, 1},
        {"cost", 2, sizes.first, sizes.others, 0, 0},
    };
    bool wanted[sizeof offers / sizeof *offers];
    size_t count = 1;
    for (size_t k = 0; k < sizeof offers / sizeof *offers; ++k) {
        wanted[k] = has_input(opt, offers[k].name) && (count_of(&offers[k]) > 0 || sizes.others == 0);
        count += wanted[k] ? count_of(&offers[k]) : 0;
    }
    double *values = malloc(count * sizeof *values), *next = values;
    optim_status status = values == NULL ? OPTIM_ERR_NOMEM : OPTIM_OK;
    if (status == OPTIM_OK)
        status = optim_set_constraints(opt, NEEDS_EQUALITIES, inequalities(opt));
    if (status == OPTIM_OK)
        status = optim_set_residuals(opt, NEEDS_RESIDUALS);
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
