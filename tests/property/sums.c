#include "sums.h"

#include <math.h>
#include <string.h>

#include "check.h"
#include "solve.h"

/* ---- Functions ---- */

double sum_square(const double *x) {
    double square = 0;
    for (int j = 0; j < SUM_D; ++j)
        square += x[j] * x[j];
    return square;
}

double sum_distance(const double *x, const double *y) {
    double away[SUM_D];
    for (int j = 0; j < SUM_D; ++j)
        away[j] = x[j] - y[j];
    return sum_square(away);
}

double sum_component(const sum_t *f, int i, const double *x, double *g) {
    const double y = f->b[i] >= 0 ? 1 : -1;
    double z = 0, loss = 0, slope = 0;
    for (int j = 0; j < SUM_D; ++j)
        z += f->a[i][j] * x[j];
    if (f->kind == LOGISTIC) {
        loss = log1p(exp(-y * z));
        slope = -y / (1 + exp(y * z));
    } else {
        const double rest = z - f->b[i];
        loss = f->kind == SQUARES ? rest * rest / 2 : fabs(rest);
        slope = f->kind == SQUARES ? rest : (rest > 0) - (rest < 0);
    }
    for (int j = 0; j < SUM_D; ++j)
        g[j] = slope * f->a[i][j] + f->l2 * x[j];
    return loss + f->l2 / 2 * sum_square(x);
}

double sum_whole(const sum_t *f, const double *x, double *g) {
    double loss = 0, one[SUM_D];
    memset(g, 0, SUM_D * sizeof *g);
    for (int i = 0; i < SUM_N; ++i) {
        loss += sum_component(f, i, x, one) / SUM_N;
        for (int j = 0; j < SUM_D; ++j)
            g[j] += one[j] / SUM_N;
    }
    return loss;
}

/* Extreme eigenvalues of A'A / n, by as many turns as make it diagonal. */
static void extremes(const sum_t *f, double *least, double *most) {
    double m[SUM_D][SUM_D] = {{0}};
    for (int i = 0; i < SUM_N * SUM_D * SUM_D; ++i) {
        const int row = i / SUM_D % SUM_D, column = i % SUM_D, sample = i / (SUM_D * SUM_D);
        m[row][column] += f->a[sample][row] * f->a[sample][column] / SUM_N;
    }
    for (int turn = 0; turn < 20 * SUM_D * SUM_D; ++turn) {
        const int p = turn / SUM_D % SUM_D, q = turn % SUM_D;
        if (p >= q)
            continue;
        const double angle = atan2(2 * m[p][q], m[q][q] - m[p][p]) / 2, c = cos(angle), s = sin(angle);
        for (int k = 0; k < SUM_D; ++k) {
            const double x = m[k][p], y = m[k][q];
            m[k][p] = c * x - s * y;
            m[k][q] = s * x + c * y;
        }
        for (int k = 0; k < SUM_D; ++k) {
            const double x = m[p][k], y = m[q][k];
            m[p][k] = c * x - s * y;
            m[q][k] = s * x + c * y;
        }
    }
    *least = *most = m[0][0];
    for (int k = 1; k < SUM_D; ++k) {
        *least = fmin(*least, m[k][k]);
        *most = fmax(*most, m[k][k]);
    }
}

sum_t sum_make(sum_kind_t kind, double l2) {
    sum_t f = {.kind = kind, .l2 = l2};
    double least, most, longest = 0, g[SUM_D];
    for (int i = 0; i < SUM_N; ++i) {
        f.b[i] = cos(0.9 * i);
        for (int j = 0; j < SUM_D; ++j)
            f.a[i][j] = sin(1.7 * i + 0.9 * i * j + 2.3 * j * j + 0.5);
        longest = fmax(longest, sum_square(f.a[i]));
    }
    if (kind == DEVIATIONS)
        return f;
    const double curvature = kind == SQUARES ? 1 : 0.25;
    extremes(&f, &least, &most);
    f.L = curvature * most + l2;
    f.L_max = curvature * longest + l2;
    f.mu = (kind == SQUARES ? least : 0) + l2;
    for (int t = 0; t < 10000; ++t) {
        (void)sum_whole(&f, f.solution, g);
        for (int j = 0; j < SUM_D; ++j)
            f.solution[j] -= g[j] / f.L;
    }
    f.least = sum_whole(&f, f.solution, g);
    assert_true(sum_square(g) < 1e-24);
    for (int i = 0; i < SUM_N; ++i) {
        (void)sum_component(&f, i, f.solution, g);
        f.variance += sum_square(g) / SUM_N;
    }
    return f;
}

/* ---- Runs ---- */

void descent_open(descent_t *r, const sum_t *f, const char *algorithm, const char *options, uint64_t seed) {
    const int64_t d = SUM_D;
    *r = (descent_t){.f = f, .stream = seed << 32};
    for (int j = 0; j < SUM_D; ++j)
        r->x[j] = sin(1 + 1.3 * j);
    CHECK_OK(optim_create(&r->opt, algorithm, options));
    CHECK_OK(optim_set_components(r->opt, SUM_N));
    CHECK_OK(optim_set_threads(r->opt, 1));
    CHECK_OK(optim_add_param(r->opt, 0, "x", OPTIM_F64, 1, &d, r->x, r->g));
}

static void answer(descent_t *r) {
    optim_request request = {.size = sizeof request};
    CHECK_OK(optim_request_info(r->opt, &request));
    CHECK_OK(optim_set_loss(r->opt, request.count == 1 ? sum_component(r->f, (int)request.component, r->x, r->g)
                                                       : sum_whole(r->f, r->x, r->g)));
}

void descent_step(descent_t *r) {
    optim_status status;
    if (optim_wants_gradient(r->opt))
        CHECK_OK(optim_set_loss(r->opt, sum_whole(r->f, r->x, r->g)));
    while ((status = optim_step(r->opt)) > 0)
        answer(r);
    CHECK_OK(status);
}

void descent_sampled(descent_t *r, int batch) {
    int order[SUM_N];
    double g[SUM_D], loss = 0;
    for (int i = 0; i < SUM_N; ++i)
        order[i] = i;
    memset(r->g, 0, sizeof r->g);
    for (int k = 0; k < batch; ++k) {
        const int other = k + (int)((SUM_N - k) * solve_uniform(&r->stream)), i = order[other];
        order[other] = order[k];
        loss += sum_component(r->f, i, r->x, g) / batch;
        for (int j = 0; j < SUM_D; ++j)
            r->g[j] += g[j] / batch;
    }
    CHECK_OK(optim_set_loss(r->opt, loss));
    CHECK_OK(optim_step(r->opt));
}

/* ---- Means ---- */

void means_add(means_t *m, int k, double value) {
    m->sum[k] += value;
    m->square[k] += value * value;
}

double means_get(const means_t *m, int k) {
    return m->sum[k] / m->runs;
}

void means_check(const means_t *m, int k, double bound, const char *what) {
    const double mean = means_get(m, k), variance = fmax(0, m->square[k] / m->runs - mean * mean);
    if (!(mean <= bound + 3 * sqrt(variance / m->runs)))
        fail_msg("%s, time %d: %g on average, above %g", what, k, mean, bound);
}
