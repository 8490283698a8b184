/*
 * Functions of inner values, as compositional methods take them. lme, nce: objective 1 has the inner values as its
 * components, objective 0 is the rest. comp_quad: a component has several inner values, which are asked for as
 * constraints. onemax has values alone, atoms measures on a finite set.
 */
#include <math.h>
#include <stdint.h>

#include "problem.h"

enum { REST = 0, INNER = 1 };

static double half_square(const problem_t *p, const double *x) {
    double sum = 0;
    for (size_t j = 0; j < p->d; ++j)
        sum += x[j] * x[j];
    return 0.5 * p->l2 * sum;
}

static void add_ridge(const problem_t *p, const double *x, double *g) {
    for (size_t j = 0; j < p->d; ++j)
        g[j] += p->l2 * x[j];
}

/* ---- lme: lam log mean exp(c_i / lam) + l2/2 |x|^2, c_i = 1/2 (a_i x - b_i)^2 ---- */

static void open_lme(problem_t *p) {
    problem_shape(p, problem_size(p, "d"), problem_size(p, "n"));
    p->l2 = problem_number(p, "l2");
}

static double lme_value(const problem_t *p, int objective, size_t i, const double *x) {
    const double residual = dot_sample(i, p->d, x) - sample_b(i);
    return objective == INNER ? 0.5 * residual * residual : half_square(p, x);
}

static void lme_gradient(const problem_t *p, int objective, size_t i, const double *x, double *g) {
    const double residual = dot_sample(i, p->d, x) - sample_b(i);
    if (objective == REST)
        add_ridge(p, x, g);
    for (size_t j = 0; j < p->d && objective == INNER; ++j)
        g[j] += residual * sample_a(i, j);
}

/* ---- nce: -mean a_i x + log mean exp c_j + l2/2 |x|^2, c_j = a'_j x - 0.2 sin j ---- */

static void open_nce(problem_t *p) {
    problem_shape(p, problem_size(p, "d"), problem_size(p, "m"));
    p->n = problem_size(p, "n");
    p->l2 = problem_number(p, "l2");
}

static double nce_value(const problem_t *p, int objective, size_t i, const double *x) {
    double sum = 0;
    if (objective == INNER) {
        for (size_t j = 0; j < p->d; ++j)
            sum += sample_other_a(i, j) * x[j];
        return sum - 0.2 * sin((double)i);
    }
    for (size_t row = 0; row < p->n; ++row)
        sum -= dot_sample(row, p->d, x) / (double)p->n;
    return sum + half_square(p, x);
}

static void nce_gradient(const problem_t *p, int objective, size_t i, const double *x, double *g) {
    for (size_t j = 0; j < p->d && objective == INNER; ++j)
        g[j] += sample_other_a(i, j);
    if (objective == INNER)
        return;
    add_ridge(p, x, g);
    for (size_t row = 0; row < p->n; ++row)
        for (size_t j = 0; j < p->d; ++j)
            g[j] -= sample_a(row, j) / (double)p->n;
}

/* ---- comp_quad: 1/2 |mean g_i|^2, g_i = A_i x - b_i of m numbers each ---- */

static void open_comp(problem_t *p) {
    problem_shape(p, problem_size(p, "d"), problem_size(p, "n"));
    p->equalities = problem_size(p, "m");
}

static double comp_entry(size_t i, size_t k, size_t j) {
    const double sample = (double)i, row = (double)k, column = (double)j;
    return sin(1.7 * sample + 0.9 * row + 2.3 * column * column + 0.6 * sample * row + 0.5);
}

static double comp_value(const problem_t *p, int objective, size_t i, const double *x) {
    (void)p;
    (void)objective;
    (void)i;
    (void)x;
    return 0;
}

static void comp_gradient(const problem_t *p, int objective, size_t i, const double *x, double *g) {
    (void)p;
    (void)objective;
    (void)i;
    (void)x;
    (void)g;
}

static void comp_constrain(const problem_t *p, size_t i, const double *x, double *c) {
    for (size_t k = 0; k < p->equalities; ++k) {
        c[k] -= cos(0.9 * (double)i + 0.4 * (double)k);
        for (size_t j = 0; j < p->d; ++j)
            c[k] += comp_entry(i, k, j) * x[j];
    }
}

static void comp_constraint_gradient(const problem_t *p, size_t i, const double *x, const double *weights, double *g) {
    (void)x;
    for (size_t k = 0; k < p->equalities; ++k)
        for (size_t j = 0; j < p->d; ++j)
            g[j] += weights[k] * comp_entry(i, k, j);
}

/* ---- onemax: minus the ones, minus a bump that depends on the bits alone ---- */

static void open_onemax(problem_t *p) {
    problem_shape(p, problem_size(p, "d"), 0);
    p->p = problem_number(p, "p");
    p->scale = problem_number(p, "scale");
    p->hash = problem_number(p, "hash");
}

/* Word k of the stream `seed`, as a uniform number. */
static double stream_uniform(uint64_t seed, uint64_t k) {
    uint64_t z = seed + k * 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return (double)(z >> 11) * 0x1p-53;
}

static double onemax_value(const problem_t *p, int objective, size_t component, const double *x) {
    (void)objective;
    (void)component;
    double ones = 0;
    uint64_t bits = 0;
    for (size_t i = 0; i < p->d; ++i) {
        ones += x[i];
        bits += x[i] > 0.5 ? (uint64_t)1 << i : 0;
    }
    const uint64_t seed = (uint64_t)p->hash;
    const bool bumped = stream_uniform(seed, 2 * bits + 1) < p->p;
    return -(ones + (bumped ? -p->scale * log(1 - stream_uniform(seed, 2 * bits + 2)) : 0));
}

/* ---- atoms: 1/n sum 1/2 (u_i - y_i)^2, u = H w ---- */

static void open_atoms(problem_t *p) {
    problem_shape(p, problem_size(p, "N"), 0);
    p->n = problem_size(p, "n");
}

static double atom(size_t i, size_t a) {
    return tanh(2 * sample_a(i, a));
}

static double atoms_residual(const problem_t *p, size_t i, const double *w) {
    double sum = -0.5 * sample_b(i);
    for (size_t a = 0; a < p->d; ++a)
        sum += atom(i, a) * w[a];
    return sum;
}

static double atoms_value(const problem_t *p, int objective, size_t component, const double *w) {
    (void)objective;
    (void)component;
    double sum = 0;
    for (size_t i = 0; i < p->n; ++i)
        sum += 0.5 * atoms_residual(p, i, w) * atoms_residual(p, i, w);
    return sum / (double)p->n;
}

static void atoms_gradient(const problem_t *p, int objective, size_t component, const double *w, double *g) {
    (void)objective;
    (void)component;
    for (size_t i = 0; i < p->n; ++i)
        for (size_t a = 0; a < p->d; ++a)
            g[a] += atom(i, a) * atoms_residual(p, i, w) / (double)p->n;
}

const problem_kind_t PROBLEMS_OF_VALUES[] = {
    {"lme", open_lme, lme_value, lme_gradient, NULL, NULL, NULL, NULL, NULL},
    {"nce", open_nce, nce_value, nce_gradient, NULL, NULL, NULL, NULL, NULL},
    {"comp_quad", open_comp, comp_value, comp_gradient, NULL, comp_constrain, comp_constraint_gradient, NULL, NULL},
    {"onemax", open_onemax, onemax_value, NULL, NULL, NULL, NULL, NULL, NULL},
    {"atoms", open_atoms, atoms_value, atoms_gradient, NULL, NULL, NULL, NULL, NULL},
    {0},
};
