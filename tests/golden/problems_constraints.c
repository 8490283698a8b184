/* A separable quadratic under linear or quadratic constraints. */
#include <math.h>

#include "problem.h"

static double row_entry(size_t k, size_t j) {
    const double row = (double)k, column = (double)j;
    return cos(row + 0.5 * column * column + 0.7 * row * column);
}

static double curvature_entry(const problem_t *p, size_t k, size_t j) {
    return p->scale * cos(0.5 * (double)k + 0.8 * (double)j);
}

static void open_lincon(problem_t *p) {
    problem_shape(p, problem_size(p, "d"), 0);
    p->equalities = problem_size(p, "m");
}

static void open_quadcon(problem_t *p) {
    open_lincon(p);
    p->scale = 0.25;
}

static double quad_value(const problem_t *p, int objective, size_t i, const double *x) {
    (void)objective;
    (void)i;
    return oracle_find("quadratic")->loss(p->d, p->d, x);
}

static void quad_gradient(const problem_t *p, int objective, size_t i, const double *x, double *g) {
    (void)objective;
    (void)i;
    for (size_t j = 0; j < p->d; ++j)
        g[j] += quadratic_curvature(j) * (x[j] - quadratic_minimum(j));
}

static void quad_product(const problem_t *p, int objective, size_t i, const double *x, const double *v, double *hv) {
    (void)objective;
    (void)i;
    (void)x;
    for (size_t j = 0; j < p->d; ++j)
        hv[j] += quadratic_curvature(j) * v[j];
}

static void constrain(const problem_t *p, size_t i, const double *x, double *c) {
    (void)i;
    for (size_t k = 0; k < p->equalities; ++k) {
        c[k] -= 0.3 * (double)(k + 1);
        for (size_t j = 0; j < p->d; ++j)
            c[k] += row_entry(k, j) * x[j] + curvature_entry(p, k, j) * x[j] * x[j];
    }
}

static void constraint_gradient(const problem_t *p, size_t i, const double *x, const double *weights, double *g) {
    (void)i;
    for (size_t k = 0; k < p->equalities; ++k)
        for (size_t j = 0; j < p->d; ++j)
            g[j] += weights[k] * (row_entry(k, j) + 2 * curvature_entry(p, k, j) * x[j]);
}

static void constraint_product(const problem_t *p, const double *x, const double *weights, const double *v,
                               double *hv) {
    (void)x;
    for (size_t k = 0; k < p->equalities; ++k)
        for (size_t j = 0; j < p->d; ++j)
            hv[j] += weights[k] * 2 * curvature_entry(p, k, j) * v[j];
}

const problem_kind_t PROBLEMS_WITH_CONSTRAINTS[] = {
    {"lincon", open_lincon, quad_value, quad_gradient, quad_product, constrain, constraint_gradient, constraint_product,
     NULL},
    {"quadcon", open_quadcon, quad_value, quad_gradient, quad_product, constrain, constraint_gradient,
     constraint_product, NULL},
    {0},
};
