/* What gradopt-golden cases name as oracles beside those of tests/common: a bandit, preferences, a network of two
 * layers. */
#include <math.h>

#include "problem.h"
#include "verdict.h"

/* All parameters in a row, however many they are. */
static void open_any(problem_t *p) {
    size_t d = 0;
    for (int i = 0; i < p->tensors; ++i)
        d += p->sizes[i];
    problem_shape(p, d, 0);
}

/* ---- bandit: -r x ---- */

static double reward(size_t i) {
    return 0.5 + 0.5 * sin(1 + 1.3 * (double)i);
}

static double bandit_value(const problem_t *p, int objective, size_t component, const double *x) {
    (void)objective;
    (void)component;
    double sum = 0;
    for (size_t i = 0; i < p->d; ++i)
        sum -= reward(i) * x[i];
    return sum;
}

static void bandit_gradient(const problem_t *p, int objective, size_t component, const double *x, double *g) {
    (void)objective;
    (void)component;
    (void)x;
    for (size_t i = 0; i < p->d; ++i)
        g[i] -= reward(i);
}

/* ---- preference: gradient -P x, which no function has ---- */

static double preference(size_t i, size_t j) {
    return 1 / (1 + exp(-2 * sin(2.1 * ((double)i - (double)j))));
}

static void preference_gradient(const problem_t *p, int objective, size_t component, const double *x, double *g) {
    (void)objective;
    (void)component;
    for (size_t i = 0; i < p->d; ++i)
        for (size_t j = 0; j < p->d; ++j)
            g[i] -= preference(i, j) * x[j];
}

static double preference_value(const problem_t *p, int objective, size_t component, const double *x) {
    double *g = file_memory(p->d, sizeof *g), sum = 0;
    preference_gradient(p, objective, component, x, g);
    for (size_t i = 0; i < p->d; ++i)
        sum += x[i] * g[i];
    return sum;
}

/* ---- relunet: 1/16 sum |V relu(W x_i + b) - y_i|^2 over eight samples; parameters W (h x d), b (h), V (m x h) ---- */

enum { NET_SAMPLES = 8 };

static void open_net(problem_t *p) {
    open_any(p);
    if (p->tensors != 3 || p->sizes[1] == 0)
        fail_file("relunet wants three parameters, W, b and V");
    p->n = p->sizes[1];               /* h */
    p->m = p->sizes[2] / p->sizes[1]; /* outputs */
}

static double net_unit(const problem_t *p, const double *x, size_t i, size_t k) {
    const size_t inputs = p->sizes[0] / p->n;
    return x[p->sizes[0] + k] + dot_sample(i, inputs, x + k * inputs);
}

static double net_residual(const problem_t *p, const double *x, size_t i, size_t k) {
    const double *v = x + p->sizes[0] + p->n + k * p->n;
    double sum = -cos(0.9 * (double)i + 1.3 * (double)k);
    for (size_t u = 0; u < p->n; ++u)
        sum += v[u] * fmax(net_unit(p, x, i, u), 0);
    return sum;
}

static double net_value(const problem_t *p, int objective, size_t component, const double *x) {
    (void)objective;
    (void)component;
    double sum = 0;
    for (size_t i = 0; i < NET_SAMPLES; ++i)
        for (size_t k = 0; k < p->m; ++k)
            sum += net_residual(p, x, i, k) * net_residual(p, x, i, k);
    return sum / (2 * NET_SAMPLES);
}

static void net_gradient(const problem_t *p, int objective, size_t component, const double *x, double *g) {
    (void)objective;
    (void)component;
    const size_t inputs = p->sizes[0] / p->n, bias = p->sizes[0], out = bias + p->n;
    for (size_t i = 0; i < NET_SAMPLES; ++i)
        for (size_t k = 0; k < p->m; ++k) {
            const double residual = net_residual(p, x, i, k) / NET_SAMPLES;
            for (size_t u = 0; u < p->n; ++u) {
                const double unit = net_unit(p, x, i, u), back = unit > 0 ? residual * x[out + k * p->n + u] : 0;
                g[out + k * p->n + u] += residual * fmax(unit, 0);
                g[bias + u] += back;
                for (size_t j = 0; j < inputs; ++j)
                    g[u * inputs + j] += back * sample_a(i, j);
            }
        }
}

const problem_kind_t PROBLEMS_OF_NETWORKS[] = {
    {"bandit", open_any, bandit_value, bandit_gradient, NULL, NULL, NULL, NULL, NULL},
    {"preference", open_any, preference_value, preference_gradient, NULL, NULL, NULL, NULL, NULL},
    {"relunet", open_net, net_value, net_gradient, NULL, NULL, NULL, NULL, NULL},
    {0},
};
