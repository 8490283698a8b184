/* Functions of all variables at once that tests/common does not have, and operators: their "gradient" is x - T(x). */
#include <math.h>

#include "problem.h"
#include "verdict.h"

static const double TURN = 6.283185307179586; /* 2 pi */

static void open_d(problem_t *p) {
    problem_shape(p, problem_size(p, "d"), 0);
}

/* ---- rastrigin: sum z^2 + 2.5 (1 - cos 2 pi z), z = x - 1/2 ---- */

static double rastrigin_value(const problem_t *p, int objective, size_t component, const double *x) {
    (void)objective;
    (void)component;
    double sum = 0;
    for (size_t i = 0; i < p->d; ++i)
        sum += (x[i] - 0.5) * (x[i] - 0.5) + 2.5 * (1 - cos(TURN * (x[i] - 0.5)));
    return sum;
}

static void rastrigin_gradient(const problem_t *p, int objective, size_t component, const double *x, double *g) {
    (void)objective;
    (void)component;
    for (size_t i = 0; i < p->d; ++i)
        g[i] += 2 * (x[i] - 0.5) + 2.5 * TURN * sin(TURN * (x[i] - 0.5));
}

/* ---- maxlin: max a_i x - b_i; the subgradient is that of the first ---- */

static void open_maxlin(problem_t *p) {
    open_d(p);
    p->n = problem_size(p, "n");
}

static size_t first_largest(const problem_t *p, const double *x) {
    size_t best = 0;
    for (size_t i = 1; i < p->n; ++i)
        if (dot_sample(i, p->d, x) - sample_b(i) > dot_sample(best, p->d, x) - sample_b(best))
            best = i;
    return best;
}

static double maxlin_value(const problem_t *p, int objective, size_t component, const double *x) {
    (void)objective;
    (void)component;
    const size_t i = first_largest(p, x);
    return dot_sample(i, p->d, x) - sample_b(i);
}

static void maxlin_gradient(const problem_t *p, int objective, size_t component, const double *x, double *g) {
    (void)objective;
    (void)component;
    const size_t i = first_largest(p, x);
    for (size_t j = 0; j < p->d; ++j)
        g[j] += sample_a(i, j);
}

/* ---- spd: 1/2 x' A x - b x ---- */

static double spd_entry(size_t i, size_t j) {
    const double band = i == j ? 2 + 0.1 * (double)(1 + i % 3) : i + 1 == j || j + 1 == i ? -1 : 0;
    return band + 0.2 * sin(1 + (double)i) * sin(1 + (double)j);
}

static double spd_row(const problem_t *p, size_t i, const double *x) {
    double sum = 0;
    for (size_t j = 0; j < p->d; ++j)
        sum += spd_entry(i, j) * x[j];
    return sum;
}

static double spd_b(size_t i) {
    return cos(0.7 * (double)i);
}

static void open_spd(problem_t *p) {
    open_d(p);
    double *diagonal = problem_offer(p, "diag", p->d, 0);
    for (size_t i = 0; i < p->d; ++i)
        diagonal[i] = spd_entry(i, i);
    (void)problem_offer(p, "direction", p->d, 0);
}

/* The direction that the caller of flexible_cg makes of the residual. */
static void spd_refresh(problem_t *p, int step, const double *x) {
    double *q = p->input[1].values, square = 0;
    for (size_t i = 0; i < p->d; ++i) {
        q[i] = spd_b(i) - spd_row(p, i, x);
        square += q[i] * q[i];
    }
    for (size_t i = 0; i < p->d; ++i)
        q[i] = q[i] * (1 + 0.3 * cos((double)(1 + i) + (double)(step - 1))) + 0.1 * sqrt(square) * sin(2 + (double)i);
}

static double spd_value(const problem_t *p, int objective, size_t component, const double *x) {
    (void)objective;
    (void)component;
    double sum = 0;
    for (size_t i = 0; i < p->d; ++i)
        sum += x[i] * (0.5 * spd_row(p, i, x) - spd_b(i));
    return sum;
}

static void spd_gradient(const problem_t *p, int objective, size_t component, const double *x, double *g) {
    (void)objective;
    (void)component;
    for (size_t i = 0; i < p->d; ++i)
        g[i] += spd_row(p, i, x) - spd_b(i);
}

static void spd_product(const problem_t *p, int objective, size_t component, const double *x, const double *v,
                        double *hv) {
    (void)objective;
    (void)component;
    (void)x;
    for (size_t i = 0; i < p->d; ++i)
        hv[i] += spd_row(p, i, v);
}

/* ---- spiked: 1/2 x' V x ---- */

static double spiked_entry(const problem_t *p, size_t i, size_t j) {
    const double spike = i < p->n && j < p->n ? 3 / (double)p->n : 0;
    return spike + 0.25 * (sin(1.3 * (double)i + 0.7 * (double)j) + sin(1.3 * (double)j + 0.7 * (double)i));
}

static void open_spiked(problem_t *p) {
    open_d(p);
    p->n = problem_size(p, "k");
    double *matrix = problem_offer(p, "matrix", p->d, p->d);
    for (size_t i = 0; i < p->d; ++i)
        for (size_t j = 0; j < p->d; ++j)
            matrix[i * p->d + j] = spiked_entry(p, i, j);
}

static void spiked_gradient(const problem_t *p, int objective, size_t component, const double *x, double *g) {
    (void)objective;
    (void)component;
    for (size_t i = 0; i < p->d; ++i)
        for (size_t j = 0; j < p->d; ++j)
            g[i] += spiked_entry(p, i, j) * x[j];
}

static double spiked_value(const problem_t *p, int objective, size_t component, const double *x) {
    double *g = file_memory(p->d, sizeof *g), sum = 0;
    spiked_gradient(p, objective, component, x, g);
    for (size_t i = 0; i < p->d; ++i)
        sum += 0.5 * x[i] * g[i];
    return sum;
}

static void spiked_product(const problem_t *p, int objective, size_t component, const double *x, const double *v,
                           double *hv) {
    (void)x;
    spiked_gradient(p, objective, component, v, hv);
}

/* ---- contraction, policy_map: T(s)_i = kappa cos s_(i+1) + 0.1 i; softmax(kappa ln s + c) ---- */

static void open_operator(problem_t *p) {
    open_d(p);
    p->kappa = problem_number(p, "kappa");
}

static double operator_value(const problem_t *p, int objective, size_t component, const double *x) {
    (void)p;
    (void)objective;
    (void)component;
    (void)x;
    return 0;
}

static void contraction_gradient(const problem_t *p, int objective, size_t component, const double *x, double *g) {
    (void)objective;
    (void)component;
    for (size_t i = 0; i < p->d; ++i)
        g[i] += x[i] - (p->kappa * cos(x[(i + 1) % p->d]) + 0.1 * (double)i);
}

static double policy_weight(const problem_t *p, size_t i, const double *x) {
    return exp(p->kappa * log(x[i]) + cos(1.1 * (double)i));
}

static void policy_gradient(const problem_t *p, int objective, size_t component, const double *x, double *g) {
    (void)objective;
    (void)component;
    double sum = 0;
    for (size_t i = 0; i < p->d; ++i)
        sum += policy_weight(p, i, x);
    for (size_t i = 0; i < p->d; ++i)
        g[i] += x[i] - policy_weight(p, i, x) / sum;
}

/* ---- dirichlet: -log density of theta = softmax(eta, 0), a_j = 1 + j mod 3, as a function of eta ---- */

static void open_dirichlet(problem_t *p) {
    const size_t categories = problem_size(p, "D");
    if (categories < 2)
        fail_file("dirichlet wants D of 2 or more");
    problem_shape(p, categories - 1, 0);
}

static double excess(size_t j) {
    return (double)(j % 3); /* a_j - 1 */
}

static double log_normalizer(const problem_t *p, const double *eta) {
    double largest = 0, sum = 0;
    for (size_t j = 0; j < p->d; ++j)
        largest = fmax(largest, eta[j]);
    for (size_t j = 0; j < p->d; ++j)
        sum += exp(eta[j] - largest);
    return largest + log(sum + exp(-largest));
}

static double dirichlet_value(const problem_t *p, int objective, size_t component, const double *eta) {
    (void)objective;
    (void)component;
    const double normalizer = log_normalizer(p, eta);
    double sum = excess(p->d) * normalizer;
    for (size_t j = 0; j < p->d; ++j)
        sum -= excess(j) * (eta[j] - normalizer);
    return sum;
}

static void dirichlet_gradient(const problem_t *p, int objective, size_t component, const double *eta, double *g) {
    (void)objective;
    (void)component;
    const double normalizer = log_normalizer(p, eta);
    double all = 0;
    for (size_t j = 0; j <= p->d; ++j)
        all += excess(j);
    for (size_t j = 0; j < p->d; ++j)
        g[j] += all * exp(eta[j] - normalizer) - excess(j);
}

const problem_kind_t PROBLEMS_OF_OPERATORS[] = {
    {"rastrigin", open_d, rastrigin_value, rastrigin_gradient, NULL, NULL, NULL, NULL, NULL},
    {"maxlin", open_maxlin, maxlin_value, maxlin_gradient, NULL, NULL, NULL, NULL, NULL},
    {"spd", open_spd, spd_value, spd_gradient, spd_product, NULL, NULL, NULL, spd_refresh},
    {"spiked", open_spiked, spiked_value, spiked_gradient, spiked_product, NULL, NULL, NULL, NULL},
    {"contraction", open_operator, operator_value, contraction_gradient, NULL, NULL, NULL, NULL, NULL},
    {"policy_map", open_operator, operator_value, policy_gradient, NULL, NULL, NULL, NULL, NULL},
    {"dirichlet", open_dirichlet, dirichlet_value, dirichlet_gradient, NULL, NULL, NULL, NULL, NULL},
    {0},
};
