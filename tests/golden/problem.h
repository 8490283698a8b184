/*
 * The test problems that golden files name: functions with gradients and Hessian-vector products, alone or as the mean
 * of components, on two levels or with constraints; and data that methods read as inputs. Everything in double.
 */
#ifndef GOLDEN_PROBLEM_H
#define GOLDEN_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oracle.h"

enum { PROBLEM_PARTS = 2, PROBLEM_INPUTS = 8, PROBLEM_DIMS = 2 };

typedef struct problem problem_t;

/*
 * All functions but `open` may be NULL. `i` is the component of a finite sum, otherwise 0. Gradients, products and
 * constraints are added to what `g`, `hv` and `c` hold, the constraints' gradients and products by their weights.
 */
typedef struct problem_kind {
    const char *name;
    void (*open)(problem_t *p);
    double (*value)(const problem_t *p, int objective, size_t i, const double *x);
    void (*gradient)(const problem_t *p, int objective, size_t i, const double *x, double *g);
    void (*product)(const problem_t *p, int objective, size_t i, const double *x, const double *v, double *hv);
    void (*constrain)(const problem_t *p, size_t i, const double *x, double *c);
    void (*constraint_gradient)(const problem_t *p, size_t i, const double *x, const double *weights, double *g);
    void (*constraint_product)(const problem_t *p, const double *x, const double *weights, const double *v, double *hv);
    void (*refresh)(problem_t *p, int step, const double *x); /* the inputs of this step, counted from 1 */
} problem_kind_t;

typedef struct problem_input {
    const char *name;
    int ndim;
    int64_t dims[PROBLEM_DIMS];
    double *values;
} problem_input_t;

struct problem {
    const problem_kind_t *kind;
    const oracle_t *oracle; /* of tests/common; kind NULL */
    const char *options, *method;
    const size_t *sizes; /* the file's tensors */
    int tensors;

    size_t d; /* variables; 0: as many as the parameters have elements */
    int parts;
    const char *part[PROBLEM_PARTS]; /* names of the parameters that hold them; NULL: all in a row */
    size_t size[PROBLEM_PARTS];
    size_t components; /* 0: no finite sum */
    size_t equalities, inequalities;
    int inputs;
    problem_input_t input[PROBLEM_INPUTS];

    size_t n, m; /* of the problem line */
    double l2, lam, rho, kappa, p, scale, hash;
};

/* What is to be evaluated: components first .. first + count - 1 (count 0: all) of an objective. */
typedef struct term {
    int objective;
    int64_t first, count;
    const double *weights; /* of the constraints, which are added; or NULL */
} term_t;

/* The problem of that name (of a problem line, an oracle line, or of a method that has data of its own), for tensors of
 * those sizes; NULL: there is none. Fails the file if the options do not suit. */
problem_t *problem_open(const char *name, const char *options, const char *method, int tensors, const size_t *sizes);

double problem_value(const problem_t *p, const term_t *term, const double *x);
void problem_gradient(const problem_t *p, const term_t *term, const double *x, double *g);
void problem_product(const problem_t *p, const term_t *term, const double *x, const double *v, double *hv);
void problem_constraints(const problem_t *p, const term_t *term, const double *x, double *c);

/* ---- For the problems ---- */

size_t problem_size(const problem_t *p, const char *key);
double problem_number(const problem_t *p, const char *key);
/* One block of `d` variables, a sum of n components (0: none). */
void problem_shape(problem_t *p, size_t d, size_t components);
/* Memory of an input, to be filled; columns 0: one dimension. */
double *problem_offer(problem_t *p, const char *name, size_t rows, size_t columns);

double sample_a(size_t i, size_t j);       /* a_ij */
double sample_other_a(size_t i, size_t j); /* a'_ij */
double sample_b(size_t i);                 /* b_i */
double dot_sample(size_t i, size_t d, const double *x);

extern const problem_kind_t PROBLEMS_OF_SUMS[], PROBLEMS_WITH_CONSTRAINTS[], PROBLEMS_OF_TWO_LEVELS[],
    PROBLEMS_OF_OPERATORS[], PROBLEMS_OF_DATA[], PROBLEMS_OF_NETWORKS[], PROBLEMS_OF_VALUES[]; /* last row: no name */

#endif
