/*
 * Logistic regression whose components are evaluated one by one:
 *
 *     f_i(x) = ln(1 + exp(-y_i a_i x)) + 0.05 |x|^2,   a_ij = sin(1.7 i + 0.9 i j + 2.3 j^2 + 0.5),
 *     y_i the sign of cos(0.9 i)
 */
#ifndef PROPERTY_LOGISTIC_H
#define PROPERTY_LOGISTIC_H

#include "optim/optim.h"

enum { N = 12, D = 6 };

typedef struct problem {
    optim_t *opt;
    double x[D], g[D];
    int full, single; /* evaluations */
} problem_t;

/* Loss and gradient at x, into g: for optim_problem, or to be called. */
int whole(void *user, const optim_request *request, double *loss);
int component(void *user, const optim_request *request, double *loss);

void open_problem(problem_t *p, const char *algorithm, const char *options);
/* So many steps of optim_minimize, unless the gradient is as good as 0 before. */
optim_result run(problem_t *p, int64_t steps);

#endif
