/*
 * Sums of 12 functions of 6 variables, with the constants that theorems speak of:
 *
 *     f(x) = mean_i f_i(x),   a_ij = sin(1.7 i + 0.9 i j + 2.3 j^2 + 0.5),   b_i = cos(0.9 i)
 *     f_i  = (a_i x - b_i)^2 / 2, ln(1 + exp(-y_i a_i x)) with y_i the sign of b_i, or |a_i x - b_i|;  + l2 / 2 |x|^2
 */
#ifndef PROPERTY_SUMS_H
#define PROPERTY_SUMS_H

#include <stdint.h>

#include "optim/optim.h"

enum { SUM_N = 12, SUM_D = 6 };

typedef enum sum_kind { SQUARES, LOGISTIC, DEVIATIONS } sum_kind_t;

typedef struct sum {
    sum_kind_t kind;
    double l2, a[SUM_N][SUM_D], b[SUM_N];
    /* Of the smooth kinds: f is L-smooth and mu-strongly convex, every f_i L_max-smooth. */
    double L, L_max, mu;
    double solution[SUM_D], least;
    double variance; /* mean |grad f_i(solution)|^2 */
} sum_t;

/* SQUARES and LOGISTIC: with all of these; DEVIATIONS: without. */
sum_t sum_make(sum_kind_t kind, double l2);
/* f_i and its gradient, and f with its; kinks have the slope 0. */
double sum_component(const sum_t *f, int i, const double *x, double *g);
double sum_whole(const sum_t *f, const double *x, double *g);

double sum_square(const double *x);                    /* |x|^2 */
double sum_distance(const double *x, const double *y); /* |x - y|^2 */

/* A run from x_j = sin(1 + 1.3 j); draws are the caller's. */
typedef struct descent {
    const sum_t *f;
    optim_t *opt;
    double x[SUM_D], g[SUM_D];
    uint64_t stream;
} descent_t;

void descent_open(descent_t *r, const sum_t *f, const char *algorithm, const char *options, uint64_t seed);
/* A step on a gradient of all, of components first asked for by the method included; and on the mean of `batch`
 * different components. */
void descent_step(descent_t *r);
void descent_sampled(descent_t *r, int batch);

/* What a number is on average over runs, at some times of theirs. */
enum { MEANS_MOST = 4 };

typedef struct means {
    int runs;
    double sum[MEANS_MOST], square[MEANS_MOST];
} means_t;

void means_add(means_t *m, int k, double value);
double means_get(const means_t *m, int k);
/* No more than the bound, with three standard errors to spare. */
void means_check(const means_t *m, int k, double bound, const char *what);

#endif
