/* One run of a trajectory file: a handle, its buffers, and the caller's part of the conversation. */
#ifndef GOLDEN_RUN_H
#define GOLDEN_RUN_H

#include <stdint.h>

#include "optim/optim.h"
#include "problem.h"
#include "trajectory.h"

typedef struct run_param {
    const tensor_t *tensor;
    void *data, *grad;
} run_param_t;

typedef struct run {
    const trajectory_t *f;
    problem_t *problem; /* NULL: none, or evaluations handed out in order */
    optim_t *opt;
    optim_dtype dtype;

    int params;
    run_param_t param[TENSORS]; /* by the handle's ids */

    int variables;          /* parameters that hold what the problem is a function of, ... */
    int variable[TENSORS];  /* ... in its order */
    size_t d, rows;         /* variables, in all or of each particle; particles */
    double *x, *g, *v, *hv; /* rows times d */
    double *constraints;
    size_t next_evaluation;
    int evaluation; /* of the present step */

    int64_t values, gradients, component_gradients; /* evaluations that were asked for */
} run_t;

/* Ends the file as not run if the library lacks the method, a wrapper or the schedule. */
run_t *run_new(const trajectory_t *f, optim_dtype dtype, int threads);
/* Frees the handle, of which a file makes many. */
void run_close(run_t *run);

/* One step, whose number it is from 1. */
void run_step(run_t *run, int step);

/* The present values of output number `output`, count of them. */
void run_output(const run_t *run, int output, int step, double *values);

/* ---- Parts of it ---- */

/* The caller's answers. */
void answer_first(run_t *run);
void answer_request(run_t *run, optim_status request);
void read_variables(run_t *run);

/* The states called `name` of all parameters and of the method, as a checkpoint holds them; false: not as many. */
bool read_state(const optim_t *opt, const char *name, size_t count, double *values);

/* The whole check of a file. */
void check_trajectory(const trajectory_t *f);

#endif
