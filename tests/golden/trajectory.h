/* Reader of "gradopt-golden 1" and "gradopt-solver 1": a method's run, step by step. */
#ifndef GOLDEN_TRAJECTORY_H
#define GOLDEN_TRAJECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "golden_text.h"

enum { TENSORS = 16, DIMS = 5, PARTS = 8 };

typedef struct tensor {
    const char *name;
    int ndim;
    int64_t dims[DIMS];
    size_t count;
    double *start; /* NULL: not said */
} tensor_t;

/* What output number `output` is to be after `step` completed steps. */
typedef struct want {
    int step, output;
    const double *values;
} want_t;

typedef struct part {
    const char *name, *options; /* options may be "" */
} part_t;

typedef struct evaluation {
    double loss;
    double *gradient; /* of all parameters in a row */
} evaluation_t;

typedef struct trajectory {
    bool is_solver;
    const char *name; /* the case */
    const char *method, *options;
    const char *problem, *problem_options; /* NULL, "": the method has no function, or its own */
    double tolerance;
    int steps;

    int params, outputs;
    tensor_t param[TENSORS], output[TENSORS]; /* golden files: the outputs are the parameters */
    size_t wants;
    want_t *want;

    int wraps;
    part_t wrap[PARTS];
    part_t schedule; /* name NULL: none */
    int swap_step;   /* from this step on the output is compared, not the parameter; 0: never */

    size_t evaluations; /* handed out in the order asked for, whatever the parameters are; 0: there is a problem */
    evaluation_t *evaluation;
} trajectory_t;

size_t trajectory_elements(const trajectory_t *f);

/* The rest of a file whose first line named the format. Fails the file if it is not as the format says. */
trajectory_t *trajectory_read(golden_line_t *line, bool is_solver);

#endif
