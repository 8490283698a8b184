/* Problems on two levels: objective 0 is the upper, F(x, y), objective 1 the lower, G(x, y). The variables are x, then
 * y. */
#include <math.h>

#include "golden_text.h"
#include "problem.h"

enum { UPPER = 0, LOWER = 1 };

static void open_levels(problem_t *p, size_t dx, size_t dy) {
    p->parts = 2;
    p->part[0] = "x";
    p->part[1] = "y";
    p->size[0] = dx;
    p->size[1] = dy;
    p->d = dx + dy;
}

/* ---- bilevel_quad: F = 1/2 |y - t|^2 + rho/2 |x|^2, G = 1/2 y' H y - y' (B x + c); sum x + sum y <= 1/2 ---- */

static void open_quad(problem_t *p) {
    open_levels(p, problem_size(p, "dx"), problem_size(p, "dy"));
    p->rho = problem_number(p, "rho");
    p->inequalities = 1;
    p->scale = 0.5; /* the bound on sum x + sum y */
    (void)golden_option(p->options, "s", &p->scale);
}

static double quad_h(size_t i) {
    return (double)(1 + i % 3);
}

static double quad_b(size_t i, size_t j) {
    const double row = (double)i, column = (double)j;
    return 0.5 * cos(1.3 * row + 0.7 * column + 0.4 * row * column);
}

/* (B x)_i */
static double quad_bx(const problem_t *p, size_t i, const double *x) {
    double sum = 0;
    for (size_t j = 0; j < p->size[0]; ++j)
        sum += quad_b(i, j) * x[j];
    return sum;
}

static double quad_value(const problem_t *p, int objective, size_t component, const double *x) {
    (void)component;
    const double *y = x + p->size[0];
    double sum = 0;
    for (size_t i = 0; i < p->size[1]; ++i) {
        const double distance = y[i] - cos(0.5 * (double)i);
        sum += objective == UPPER ? 0.5 * distance * distance
                                  : 0.5 * quad_h(i) * y[i] * y[i] - y[i] * (quad_bx(p, i, x) + sin((double)i + 1));
    }
    for (size_t j = 0; j < p->size[0] && objective == UPPER; ++j)
        sum += 0.5 * p->rho * x[j] * x[j];
    return sum;
}

static void quad_gradient(const problem_t *p, int objective, size_t component, const double *x, double *g) {
    (void)component;
    const size_t dx = p->size[0];
    const double *y = x + dx;
    for (size_t j = 0; j < dx && objective == UPPER; ++j)
        g[j] += p->rho * x[j];
    for (size_t i = 0; i < p->size[1]; ++i) {
        if (objective == UPPER) {
            g[dx + i] += y[i] - cos(0.5 * (double)i);
            continue;
        }
        g[dx + i] += quad_h(i) * y[i] - quad_bx(p, i, x) - sin((double)i + 1);
        for (size_t j = 0; j < dx; ++j)
            g[j] -= quad_b(i, j) * y[i];
    }
}

static void quad_product(const problem_t *p, int objective, size_t component, const double *x, const double *v,
                         double *hv) {
    (void)component;
    (void)x;
    const size_t dx = p->size[0];
    const double *vy = v + dx;
    for (size_t j = 0; j < dx && objective == UPPER; ++j)
        hv[j] += p->rho * v[j];
    for (size_t i = 0; i < p->size[1]; ++i) {
        hv[dx + i] += objective == UPPER ? vy[i] : quad_h(i) * vy[i] - quad_bx(p, i, v);
        for (size_t j = 0; j < dx && objective == LOWER; ++j)
            hv[j] -= quad_b(i, j) * vy[i];
    }
}

static void quad_constrain(const problem_t *p, size_t component, const double *x, double *c) {
    (void)component;
    c[0] -= p->scale;
    for (size_t i = 0; i < p->d; ++i)
        c[0] += x[i];
}

static void quad_constraint_gradient(const problem_t *p, size_t component, const double *x, const double *weights,
                                     double *g) {
    (void)component;
    (void)x;
    for (size_t i = 0; i < p->d; ++i)
        g[i] += weights[0];
}

/* ---- bilevel_ridge: F = |A' y - b'|^2 / 2n, G = |A y - b|^2 / 2n + e^x / 2 |y|^2 ---- */

static void open_ridge(problem_t *p) {
    open_levels(p, 1, problem_size(p, "dy"));
    p->n = problem_size(p, "n");
}

static double ridge_entry(int objective, size_t i, size_t j) {
    return objective == UPPER ? sample_other_a(i, j) : sample_a(i, j);
}

static double ridge_row(const problem_t *p, int objective, size_t i, const double *y) {
    double sum = 0;
    for (size_t j = 0; j < p->size[1]; ++j)
        sum += ridge_entry(objective, i, j) * y[j];
    return sum;
}

static double ridge_target(int objective, size_t i) {
    return objective == UPPER ? cos(0.9 * (double)i + 0.3) : sample_b(i);
}

static double square(const problem_t *p, const double *y) {
    double sum = 0;
    for (size_t j = 0; j < p->size[1]; ++j)
        sum += y[j] * y[j];
    return sum;
}

static double ridge_value(const problem_t *p, int objective, size_t component, const double *x) {
    (void)component;
    double sum = 0;
    for (size_t i = 0; i < p->n; ++i) {
        const double residual = ridge_row(p, objective, i, x + 1) - ridge_target(objective, i);
        sum += residual * residual;
    }
    return sum / (2 * (double)p->n) + (objective == LOWER ? 0.5 * exp(x[0]) * square(p, x + 1) : 0);
}

static void ridge_gradient(const problem_t *p, int objective, size_t component, const double *x, double *g) {
    (void)component;
    const double weight = objective == LOWER ? exp(x[0]) : 0;
    g[0] += 0.5 * weight * square(p, x + 1);
    for (size_t i = 0; i < p->n; ++i) {
        const double residual = ridge_row(p, objective, i, x + 1) - ridge_target(objective, i);
        for (size_t j = 0; j < p->size[1]; ++j)
            g[1 + j] += ridge_entry(objective, i, j) * residual / (double)p->n;
    }
    for (size_t j = 0; j < p->size[1]; ++j)
        g[1 + j] += weight * x[1 + j];
}

static void ridge_product(const problem_t *p, int objective, size_t component, const double *x, const double *v,
                          double *hv) {
    (void)component;
    const double weight = objective == LOWER ? exp(x[0]) : 0;
    hv[0] += 0.5 * weight * square(p, x + 1) * v[0];
    for (size_t i = 0; i < p->n; ++i) {
        const double row = ridge_row(p, objective, i, v + 1);
        for (size_t j = 0; j < p->size[1]; ++j)
            hv[1 + j] += ridge_entry(objective, i, j) * row / (double)p->n;
    }
    for (size_t j = 0; j < p->size[1]; ++j) {
        hv[0] += weight * x[1 + j] * v[1 + j];
        hv[1 + j] += weight * (v[1 + j] + x[1 + j] * v[0]);
    }
}

const problem_kind_t PROBLEMS_OF_TWO_LEVELS[] = {
    {"bilevel_quad", open_quad, quad_value, quad_gradient, quad_product, quad_constrain, quad_constraint_gradient, NULL,
     NULL},
    {"bilevel_ridge", open_ridge, ridge_value, ridge_gradient, ridge_product, NULL, NULL, NULL, NULL},
    {0},
};
