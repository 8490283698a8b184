/* Samplers on U = sum_i H_i (x_i - TAU_i)^2 / 2 in two variables, a row for each particle; U is of the temperature 1. */
#ifndef PROPERTY_GAUSSIAN_H
#define PROPERTY_GAUSSIAN_H

#include "optim/optim.h"

enum { GAUSSIAN_D = 2 };
extern const double GAUSSIAN_H[GAUSSIAN_D], GAUSSIAN_TAU[GAUSSIAN_D];

void gaussian_gradient(int rows, const double *x, double *g);
optim_t *gaussian_open(const char *method, const char *options, int rows, double *x, double *g);
/* A step with what it asks for, products too. */
void gaussian_step(optim_t *opt, int rows, const double *x, double *g);

/* A chain in the long run: mean is off by no more than mean_slack, variance times H by no more than slack. */
typedef struct chain {
    const char *method, *options;
    double variance[GAUSSIAN_D], slack; /* of the method at this step size */
} chain_t;

enum { CHAIN_SKIPPED = 2000, CHAIN_STEPS = 200000 };

/* Mean and variance of `seeds` chains from 0, each of so many steps. */
void chain_run(const chain_t *c, int seeds, double mean[GAUSSIAN_D], double variance[GAUSSIAN_D]);
void chain_check(const chain_t *c, int seeds, double mean_slack);

#endif
