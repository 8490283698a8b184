/* A caller: tensors of three dtypes and the function sum c_i p_i^2 / 2, with c_i from 1 to 3. */
#ifndef OOM_WORLD_H
#define OOM_WORLD_H

#include <stdint.h>

#include "optim/optim.h"

enum { WORLD_TENSORS = 3, WORLD_MOST = 30, WORLD_LOG = 8, WORLD_CONSTRAINTS = 1 };
/* Each is the function; as many as the first tensor has rows, which may be particles. */
enum { WORLD_COMPONENTS = 6 };

typedef struct world {
    double p[WORLD_TENSORS][WORLD_MOST], g[WORLD_TENSORS][WORLD_MOST]; /* room that is aligned for any dtype */
    double log[WORLD_LOG];
} world_t;

typedef struct world_tensor {
    const char *name;
    optim_dtype dtype;
    int ndim;
    int64_t dims[2];
} world_tensor_t;
extern const world_tensor_t WORLD[WORLD_TENSORS];

void world_start(world_t *world);
int world_elements(int tensor);
/* Gradients into g; returns the loss. */
double world_evaluate(world_t *world);
/* Answers OPTIM_EVAL_HVP for the first `tensors` tensors; 0 or an error. */
optim_status world_product(optim_t *opt, int tensors);
/* Answers OPTIM_EVAL_RESIDUALS, ..._JACOBIAN, ..._JVP and ..._VJP of one residual, the sum of all elements; 0 or an error. */
optim_status world_squares(const world_t *world, optim_t *opt, optim_status request, int tensors);
/* Answers OPTIM_EVAL_CONSTRAINTS; 0 or an error. */
optim_status world_constraints(optim_t *opt);

#endif
