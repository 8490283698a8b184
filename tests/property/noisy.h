/*
 * The quadratic in 21 dimensions (curvatures 1 to 7), with and without noise. Noise is a function of the sample and the
 * coordinate: the same sample gives the same noise again.
 */
#ifndef PROPERTY_NOISY_H
#define PROPERTY_NOISY_H

#include <stdint.h>

#include "play.h"

enum { D = 21 };

/* A standard normal number for coordinate i of a sample. */
double standard_normal(uint64_t sample, uint64_t i);
/* The sample that noisy oracles are evaluated on. */
extern uint64_t present_sample;

/* The quadratic from 1, without noise. */
rig_t *on_quadratic(const char *algorithm, const char *options);
double quadratic_slope(const double *x, size_t i);
void gradient_of_quadratic(const double *x, double *g);
double distance_to_minimum(const double *x); /* squared */

/* Mean norm of the gradient over a run of T steps, each on its own sample, with noise 1 in every coordinate. */
double mean_gradient(const char *algorithm, const char *options, int T);

double euclidean_norm(const double *a, size_t d);
void check_all_close(const double *got, const double *want, size_t d, double tolerance);
void check_refused_options(const char *algorithm, const char *options, const char *offender);

#endif
