/* Means of one function for each sample: least squares, logistic, absolute values, clients. */
#include <math.h>
#include <string.h>

#include "golden_text.h"
#include "optim/federated.h"
#include "problem.h"
#include "verdict.h"

static double square_norm(const problem_t *p, const double *x) {
    double sum = 0;
    for (size_t j = 0; j < p->d; ++j)
        sum += x[j] * x[j];
    return sum;
}

/* g += weight a_i + l2 x */
static void add_sample(const problem_t *p, size_t i, double weight, const double *x, double *g) {
    for (size_t j = 0; j < p->d; ++j)
        g[j] += weight * sample_a(i, j) + p->l2 * x[j];
}

static void open_rows(problem_t *p) {
    problem_shape(p, problem_size(p, "d"), problem_size(p, "n"));
    p->l2 = strcmp(p->kind->name, "phase") == 0 ? 0 : problem_number(p, "l2");
    double *a = problem_offer(p, "A", p->components, p->d);
    for (size_t i = 0; i < p->components; ++i)
        for (size_t j = 0; j < p->d; ++j)
            a[i * p->d + j] = sample_a(i, j);
}

/* ---- lsq ---- */

/* hyperlista is about dictionaries, whose columns have norm 1. */
static void normalize_columns(size_t n, size_t d, double *a) {
    for (size_t j = 0; j < d; ++j) {
        double square = 0;
        for (size_t i = 0; i < n; ++i)
            square += a[i * d + j] * a[i * d + j];
        for (size_t i = 0; i < n; ++i)
            a[i * d + j] /= sqrt(square);
    }
}

static void open_lsq(problem_t *p) {
    open_rows(p);
    if (strcmp(p->method, "hyperlista") == 0)
        normalize_columns(p->components, p->d, p->input[0].values);
    double *b = problem_offer(p, "b", p->components, 0);
    for (size_t i = 0; i < p->components; ++i)
        b[i] = sample_b(i);
}

static double lsq_value(const problem_t *p, int objective, size_t i, const double *x) {
    (void)objective;
    const double residual = dot_sample(i, p->d, x) - sample_b(i);
    return 0.5 * residual * residual + 0.5 * p->l2 * square_norm(p, x);
}

static void lsq_gradient(const problem_t *p, int objective, size_t i, const double *x, double *g) {
    (void)objective;
    add_sample(p, i, dot_sample(i, p->d, x) - sample_b(i), x, g);
}

static void lsq_product(const problem_t *p, int objective, size_t i, const double *x, const double *v, double *hv) {
    (void)objective;
    (void)x;
    add_sample(p, i, dot_sample(i, p->d, v), v, hv);
}

/* ---- logreg ---- */

static double label(size_t i) {
    return sample_b(i) >= 0 ? 1 : -1;
}

enum { A_INPUT, METRIC_INPUT, DERIVATIVE_INPUT }; /* the last two for svng */

static bool has_metric(const problem_t *p) {
    return p->tensors > 0 && strcmp(p->method, "svng") == 0;
}

static void open_logreg(problem_t *p) {
    open_rows(p);
    if (has_metric(p)) {
        (void)problem_offer(p, "metric", p->sizes[0], p->d);
        (void)problem_offer(p, "derivative", p->sizes[0] * p->d, p->d);
    }
    double *y = problem_offer(p, "b", p->components, 0);
    for (size_t i = 0; i < p->components; ++i)
        y[i] = label(i);
}

static double logreg_value(const problem_t *p, int objective, size_t i, const double *x) {
    (void)objective;
    const double margin = label(i) * dot_sample(i, p->d, x);
    const double loss = margin > 0 ? log1p(exp(-margin)) : log1p(exp(margin)) - margin;
    return loss + 0.5 * p->l2 * square_norm(p, x);
}

static void logreg_gradient(const problem_t *p, int objective, size_t i, const double *x, double *g) {
    (void)objective;
    add_sample(p, i, -label(i) / (1 + exp(label(i) * dot_sample(i, p->d, x))), x, g);
}

static void logreg_product(const problem_t *p, int objective, size_t i, const double *x, const double *v, double *hv) {
    (void)objective;
    const double probability = 1 / (1 + exp(-dot_sample(i, p->d, x)));
    add_sample(p, i, probability * (1 - probability) * dot_sample(i, p->d, v), v, hv);
}

/* Adds p (1 - p) a a' / n to the metric of one particle, and its derivatives by each of the d elements. */
static void add_metric(const problem_t *p, size_t i, const double *x, double *metric, double *derivative) {
    const double probability = 1 / (1 + exp(-dot_sample(i, p->d, x)));
    const double weight = probability * (1 - probability) / (double)p->components, slope = 1 - 2 * probability;
    for (size_t j = 0; j < p->d; ++j)
        for (size_t k = 0; k < p->d; ++k) {
            const double entry = weight * sample_a(i, j) * sample_a(i, k);
            metric[j * p->d + k] += entry;
            for (size_t l = 0; l < p->d; ++l)
                derivative[(l * p->d + j) * p->d + k] += entry * slope * sample_a(i, l);
        }
}

/* The Fisher information of the samples at each particle. */
static void refresh_logreg(problem_t *p, int step, const double *x) {
    (void)step;
    const size_t d = p->d, particles = has_metric(p) ? p->sizes[0] / d : 0;
    for (size_t n = 0; n < particles; ++n) {
        double *metric = p->input[METRIC_INPUT].values + n * d * d;
        double *derivative = p->input[DERIVATIVE_INPUT].values + n * d * d * d;
        memset(metric, 0, d * d * sizeof *metric);
        memset(derivative, 0, d * d * d * sizeof *derivative);
        for (size_t i = 0; i < p->components; ++i)
            add_metric(p, i, x + n * d, metric, derivative);
    }
}

/* ---- absdev, phase: absolute values; the subgradient at the kink is 0 ---- */

static double sign(double value) {
    return value > 0 ? 1 : value < 0 ? -1 : 0;
}

static double absdev_value(const problem_t *p, int objective, size_t i, const double *x) {
    (void)objective;
    return fabs(dot_sample(i, p->d, x) - sample_b(i)) + 0.5 * p->l2 * square_norm(p, x);
}

static void absdev_gradient(const problem_t *p, int objective, size_t i, const double *x, double *g) {
    (void)objective;
    add_sample(p, i, sign(dot_sample(i, p->d, x) - sample_b(i)), x, g);
}

/* b_i of phase: the square of a_i x*, x*_j = 1/(1 + j) */
static double phase_b(const problem_t *p, size_t i) {
    double sum = 0;
    for (size_t j = 0; j < p->d; ++j)
        sum += sample_a(i, j) / (double)(1 + j);
    return sum * sum;
}

static void open_phase(problem_t *p) {
    open_rows(p);
    double *b = problem_offer(p, "b", p->components, 0);
    for (size_t i = 0; i < p->components; ++i)
        b[i] = phase_b(p, i);
}

static double phase_value(const problem_t *p, int objective, size_t i, const double *x) {
    (void)objective;
    const double product = dot_sample(i, p->d, x);
    return fabs(product * product - phase_b(p, i));
}

static void phase_gradient(const problem_t *p, int objective, size_t i, const double *x, double *g) {
    (void)objective;
    const double product = dot_sample(i, p->d, x);
    add_sample(p, i, sign(product * product - phase_b(p, i)) * 2 * product, x, g);
}

/* ---- clients: 1/2 sum h_ci (x_i - t_ci)^2 for client c ---- */

static double client_h(size_t c, size_t i) {
    return (double)(1 + (i + 2 * c) % 5);
}

static double client_t(size_t c, size_t i) {
    return sin(2 + (double)i + 3 * (double)c);
}

static void open_clients(problem_t *p) {
    problem_shape(p, problem_size(p, "d"), problem_size(p, "clients"));
    optim_description rule = {.size = sizeof rule};
    if (problem_number(p, "sigma") != 0 && optim_describe(OPTIM_RULE, p->method, &rule) != OPTIM_OK)
        leave_file("the noise of these clients is drawn from the method's own stream, which no caller has");
    double *precision = problem_offer(p, "precision", p->components, p->d);
    double *center = problem_offer(p, "center", p->components, p->d);
    double *mean = problem_offer(p, "mean", p->components, p->d), shift = 0.1; /* Gaussian fits, off by so much */
    (void)golden_option(p->options, "shift", &shift);
    for (size_t c = 0; c < p->components; ++c)
        for (size_t i = 0; i < p->d; ++i) {
            precision[c * p->d + i] = client_h(c, i);
            center[c * p->d + i] = client_t(c, i);
            mean[c * p->d + i] = client_t(c, i) + shift;
        }
}

static double clients_value(const problem_t *p, int objective, size_t c, const double *x) {
    (void)objective;
    double sum = 0;
    for (size_t i = 0; i < p->d; ++i)
        sum += client_h(c, i) * (x[i] - client_t(c, i)) * (x[i] - client_t(c, i));
    return 0.5 * sum;
}

static void clients_gradient(const problem_t *p, int objective, size_t c, const double *x, double *g) {
    (void)objective;
    for (size_t i = 0; i < p->d; ++i)
        g[i] += client_h(c, i) * (x[i] - client_t(c, i));
}

static void clients_product(const problem_t *p, int objective, size_t c, const double *x, const double *v, double *hv) {
    (void)objective;
    (void)x;
    for (size_t i = 0; i < p->d; ++i)
        hv[i] += client_h(c, i) * v[i];
}

const problem_kind_t PROBLEMS_OF_SUMS[] = {
    {"lsq", open_lsq, lsq_value, lsq_gradient, lsq_product, NULL, NULL, NULL, NULL},
    {"logreg", open_logreg, logreg_value, logreg_gradient, logreg_product, NULL, NULL, NULL, refresh_logreg},
    {"absdev", open_lsq, absdev_value, absdev_gradient, NULL, NULL, NULL, NULL, NULL},
    {"phase", open_phase, phase_value, phase_gradient, NULL, NULL, NULL, NULL, NULL},
    {"clients", open_clients, clients_value, clients_gradient, clients_product, NULL, NULL, NULL, NULL},
    {0},
};
