#include "gaussian.h"

#include <math.h>
#include <stdlib.h>

#include "check.h"

enum { D = GAUSSIAN_D };
const double GAUSSIAN_H[D] = {1, 2}, GAUSSIAN_TAU[D] = {-0.5, -0.13636363636363635};

void gaussian_gradient(int rows, const double *x, double *g) {
    for (int i = 0; i < rows * D; ++i)
        g[i] = GAUSSIAN_H[i % D] * (x[i] - GAUSSIAN_TAU[i % D]);
}

/* The product of the Hessian that is asked for. */
static void multiply(optim_t *opt, int rows) {
    const void *from;
    void *to;
    CHECK_OK(optim_hvp_vector(opt, 0, &from));
    CHECK_OK(optim_hvp_result(opt, 0, &to));
    for (int i = 0; i < rows * D; ++i)
        ((double *)to)[i] = GAUSSIAN_H[i % D] * ((const double *)from)[i];
}

void gaussian_step(optim_t *opt, int rows, const double *x, double *g) {
    if (optim_wants_gradient(opt))
        gaussian_gradient(rows, x, g);
    optim_status status;
    while ((status = optim_step(opt)) > 0) {
        if (status == OPTIM_EVAL_GRAD)
            gaussian_gradient(rows, x, g);
        else
            multiply(opt, rows);
    }
    CHECK_OK(status);
}

optim_t *gaussian_open(const char *method, const char *options, int rows, double *x, double *g) {
    optim_t *opt;
    CHECK_OK(optim_create(&opt, method, options));
    CHECK_OK(optim_set_components(opt, rows));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 2, (int64_t[]){rows, D}, x, g));
    CHECK_OK(optim_set_threads(opt, 1));
    return opt;
}

void chain_run(const chain_t *c, int seeds, double mean[D], double variance[D]) {
    double sum[D] = {0}, square[D] = {0};
    const double share = 1.0 / CHAIN_STEPS / seeds;
    for (int seed = 1; seed <= seeds; ++seed) {
        double x[D] = {0}, g[D], out[D];
        char *options = check_text("%s,seed=%d", c->options, seed);
        optim_t *opt = gaussian_open(c->method, options, 1, x, g);
        for (int t = 0; t < CHAIN_SKIPPED + CHAIN_STEPS; ++t) {
            gaussian_step(opt, 1, x, g);
            CHECK_OK(optim_output(opt, 0, out));
            for (int i = 0; i < D && t >= CHAIN_SKIPPED; ++i) {
                sum[i] += (out[i] - GAUSSIAN_TAU[i]) * share;
                square[i] += (out[i] - GAUSSIAN_TAU[i]) * (out[i] - GAUSSIAN_TAU[i]) * share;
            }
        }
        optim_destroy(opt);
        free(options);
    }
    for (int i = 0; i < D; ++i) {
        mean[i] = GAUSSIAN_TAU[i] + sum[i];
        variance[i] = square[i] - sum[i] * sum[i];
    }
}

void chain_check(const chain_t *c, int seeds, double mean_slack) {
    double mean[D], variance[D];
    chain_run(c, seeds, mean, variance);
    for (int i = 0; i < D; ++i) {
        const double off = mean[i] - GAUSSIAN_TAU[i], scaled = GAUSSIAN_H[i] * variance[i];
        if (!(fabs(off) <= mean_slack) || !(fabs(scaled - c->variance[i]) <= c->slack))
            fail_msg("%s (%s), coordinate %d: mean %g, variance %g of %g", c->method, c->options, i, off, scaled,
                     c->variance[i]);
    }
}
