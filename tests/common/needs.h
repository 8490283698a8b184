/* What some methods must be told of the problem: constraints, inputs, roles. For callers that take any method. */
#ifndef TESTS_NEEDS_H
#define TESTS_NEEDS_H

#include <stdbool.h>
#include <stddef.h>

#include "optim/optim.h"

/* One of c(x) = 0 and, where the method takes such, one of c(x) <= 0. */
enum { NEEDS_EQUALITIES = 1, NEEDS_INEQUALITIES = 1 };
enum { NEEDS_SAMPLES = 3 };   /* rows of data */
enum { NEEDS_SQUARE = 5000 }; /* the longest side of a square matrix that is handed over */

enum { NEEDS_RESIDUALS = 11 };

/* Components; of the parameters that have elements: those of the first, and of all others; rows and columns, each summed over all. A
 * vector is a column. */
typedef struct needs_sizes {
    size_t components, first, others, rows, columns;
} needs_sizes_t;

/* The group for parameters but the first: one with role=y, added here, where the method has that role; else 0. */
int needs_group(optim_t *opt);

/* Whether a step on thousands of elements takes the algorithm too long, or too much memory, for a short test. */
bool needs_short(const char *algorithm);

/* Whether a step makes an evaluation for each element or works on a whole matrix for each pair: checks that make hundreds
 * of steps should have few. */
bool needs_few(const char *algorithm);

/* How many constraints the method is told of. */
int needs_constraints(optim_t *opt);

/* A parameter's elements, as they lie in memory. */
typedef struct needs_param {
    const void *data;
    optim_dtype dtype;
    size_t count;
} needs_param_t;

/* Answers OPTIM_EVAL_RESIDUALS, ..._JACOBIAN, ..._JVP and ..._VJP, of one function of all parameters in their order;
 * false: the request is another one. */
bool needs_squares(optim_t *opt, optim_status request, const needs_param_t *params, int count);

/* Says how many constraints and residuals there are, and hands over whatever inputs the method has. Returns them, to be freed when
 * the handle is gone; NULL: out of memory or refused. */
double *needs_lend(optim_t *opt, needs_sizes_t sizes);

#endif
