/* Data for methods that read inputs and evaluate nothing. The last kinds go by the name of the method that reads
 * them. */
#include <math.h>
#include <string.h>

#include "golden_text.h"
#include "problem.h"
#include "verdict.h"

/* ---- wins: how often i beat j ---- */

static void open_wins(problem_t *p) {
    const size_t n = problem_size(p, "n");
    double *wins = problem_offer(p, "wins", n, n);
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j)
            wins[i * n + j] = i == j ? 0 : (double)((3 * i + 5 * j + i * j) % 4) + (i < j ? 2 : 0);
}

/* ---- bcd_net: samples in columns, classes one-hot ---- */

static void open_bcd_net(problem_t *p) {
    const size_t n = problem_size(p, "n"), width = problem_size(p, "d0"), classes = problem_size(p, "classes");
    p->components = n;
    double *x = problem_offer(p, "X", width, n), *y = problem_offer(p, "Y", classes, n);
    for (size_t i = 0; i < n; ++i) {
        for (size_t j = 0; j < width; ++j)
            x[j * n + i] = sample_a(i, j);
        y[(i % classes) * n + i] = 1;
    }
}

/* ---- pca_clients ---- */

static void open_pca_clients(problem_t *p) {
    const size_t clients = problem_size(p, "clients"), d = problem_size(p, "d"), base = problem_size(p, "base");
    const double grow = problem_number(p, "grow");
    for (size_t c = 0; c < clients; ++c) {
        const size_t n = base + (size_t)grow * c;
        double *data = problem_offer(p, file_text("data_%zu", c), d, n);
        for (size_t row = 0; row < d; ++row)
            for (size_t column = 0; column < n; ++column) {
                const double i = (double)row, j = (double)column, client = (double)c;
                data[row * n + column] = 2 * cos(0.5 * i + 1.3 * j + client) + sin(0.9 * i - 0.7 * j + 0.4 * client) +
                                         0.3 * sin(1.7 * i + 2.9 * j + 0.6 * i * j + client);
            }
    }
}

/* ---- relu_data ---- */

static void open_relu_data(problem_t *p) {
    const size_t n = problem_size(p, "n"), d = problem_size(p, "d"), patterns = problem_size(p, "patterns");
    p->components = n;
    double *x = problem_offer(p, "X", n, d), *y = problem_offer(p, "y", n, 0);
    double *gates = problem_offer(p, "gates", patterns, d);
    for (size_t i = 0; i < n; ++i) {
        y[i] = sample_b(i);
        for (size_t j = 0; j < d; ++j)
            x[i * d + j] = j + 1 == d ? 1 : sample_a(i, j);
    }
    for (size_t i = 0; i < patterns; ++i)
        for (size_t j = 0; j < d; ++j)
            gates[i * d + j] = sample_other_a(i, j);
}

/* ---- rows: a batch of b rows each step ---- */

static void open_rows(problem_t *p) {
    p->n = problem_size(p, "b");
    p->m = problem_size(p, "d");
    (void)problem_offer(p, "features", p->n, p->m);
    (void)problem_offer(p, "targets", p->n, problem_size(p, "k"));
}

static void refresh_rows(problem_t *p, int step, const double *x) {
    (void)x;
    const size_t outputs = (size_t)p->input[1].dims[1];
    for (size_t r = 0; r < p->n; ++r) {
        const size_t s = (size_t)(step - 1) * p->n + r;
        for (size_t j = 0; j < p->m; ++j)
            p->input[0].values[r * p->m + j] = sample_a(s, j);
        for (size_t k = 0; k < outputs; ++k)
            p->input[1].values[r * outputs + k] = cos(0.9 * (double)s + 0.4 * (double)k);
    }
}

/* ---- iv: one observation with q instruments each step ---- */

static void open_iv(problem_t *p) {
    p->m = problem_size(p, "p");
    p->n = p->components = problem_size(p, "q");
    (void)problem_offer(p, "x", p->m, 0);
    (void)problem_offer(p, "y", 1, 0);
    (void)problem_offer(p, "z", p->n, 0);
}

static void refresh_iv(problem_t *p, int step, const double *x) {
    (void)x;
    const double t = (double)step, e = cos(0.9 * t + 0.2 * t * t);
    double *regressor = p->input[0].values, *outcome = p->input[1].values, *instrument = p->input[2].values;
    for (size_t j = 0; j < p->n; ++j)
        instrument[j] = sample_a((size_t)step, j);
    *outcome = 0.3 * e;
    for (size_t k = 0; k < p->m; ++k) {
        regressor[k] = instrument[k] + 0.5 * instrument[(k + 1) % p->n] + 0.4 * e;
        *outcome += regressor[k] / (double)(1 + k);
    }
}

/* ---- sinkhorn, sns: costs and marginals, for potentials x (n) and y (m) ---- */

static void fill_marginal(double *marginal, size_t n, size_t period) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += marginal[i] = (double)(1 + i % period);
    for (size_t i = 0; i < n; ++i)
        marginal[i] /= sum;
}

static void open_transport(problem_t *p) {
    if (p->tensors != 2)
        fail_file("%s wants two parameters, x and y", p->method);
    const size_t n = p->sizes[0], m = p->sizes[1];
    double *cost = problem_offer(p, "cost", n, m);
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < m; ++j) {
            const double apart = (double)i / (double)n - (double)j / (double)m;
            cost[i * m + j] = apart * apart;
        }
    fill_marginal(problem_offer(p, "r", n, 0), n, 3);
    fill_marginal(problem_offer(p, "c", m, 0), m, 2);
}

/* ---- altmin_completion: an 8 x 7 matrix of rank 2, of which three quarters are seen ---- */

static void open_completion(problem_t *p) {
    enum { ROWS = 8, COLUMNS = 7 };
    double *matrix = problem_offer(p, "M", ROWS, COLUMNS), *observed = problem_offer(p, "observed", ROWS, COLUMNS);
    for (size_t i = 0; i < ROWS; ++i)
        for (size_t j = 0; j < COLUMNS; ++j) {
            for (size_t a = 0; a < 2; ++a)
                matrix[i * COLUMNS + j] += sin((double)(1 + i + 2 * a)) * cos((double)(1 + j + 3 * a));
            observed[i * COLUMNS + j] = (3 * i + 5 * j + i * j) % 4 != 0;
        }
}

/* ---- odl_frank_wolfe: twelve samples, in columns, of as many entries as the square dictionary has rows ---- */

static void open_dictionary(problem_t *p) {
    enum { SAMPLES = 12 };
    const size_t d = (size_t)lround(sqrt(p->tensors > 0 ? (double)p->sizes[0] : 0));
    double *samples = problem_offer(p, "samples", d, SAMPLES);
    for (size_t row = 0; row < d; ++row)
        for (size_t i = 0; i < SAMPLES; ++i) {
            const double j = (double)row, sample = (double)i;
            samples[row * SAMPLES + i] = sin(1.7 * j + 0.9 * sample * j + 2.3 * sample * sample + 0.5);
        }
}

/* ---- sor_bandit: a tridiagonal system each step ---- */

static void open_systems(problem_t *p) {
    double d = 10;
    (void)golden_option(p->options, "d", &d);
    p->n = (size_t)d;
    (void)problem_offer(p, "matrix", p->n, p->n);
    double *b = problem_offer(p, "b", p->n, 0);
    for (size_t i = 0; i < p->n; ++i)
        b[i] = sin((double)(i + 1));
}

static void refresh_systems(problem_t *p, int step, const double *x) {
    (void)x;
    double *matrix = p->input[0].values;
    for (size_t i = 0; i < p->n; ++i)
        for (size_t j = 0; j < p->n; ++j)
            matrix[i * p->n + j] = i == j ? 2 + 0.1 * (double)(1 + step % 3) : i + 1 == j || j + 1 == i ? -1 : 0;
}

const problem_kind_t PROBLEMS_OF_DATA[] = {
    {"wins", open_wins, NULL, NULL, NULL, NULL, NULL, NULL, NULL},
    {"bcd_net", open_bcd_net, NULL, NULL, NULL, NULL, NULL, NULL, NULL},
    {"pca_clients", open_pca_clients, NULL, NULL, NULL, NULL, NULL, NULL, NULL},
    {"relu_data", open_relu_data, NULL, NULL, NULL, NULL, NULL, NULL, NULL},
    {"rows", open_rows, NULL, NULL, NULL, NULL, NULL, NULL, refresh_rows},
    {"iv", open_iv, NULL, NULL, NULL, NULL, NULL, NULL, refresh_iv},
    {"sinkhorn", open_transport, NULL, NULL, NULL, NULL, NULL, NULL, NULL},
    {"sns", open_transport, NULL, NULL, NULL, NULL, NULL, NULL, NULL},
    {"altmin_completion", open_completion, NULL, NULL, NULL, NULL, NULL, NULL, NULL},
    {"odl_frank_wolfe", open_dictionary, NULL, NULL, NULL, NULL, NULL, NULL, NULL},
    {"sor_bandit", open_systems, NULL, NULL, NULL, NULL, NULL, NULL, refresh_systems},
    {0},
};
