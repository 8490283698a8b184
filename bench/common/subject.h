/* An optimizer with its parameters and gradients, ready to be stepped. */
#ifndef BENCH_SUBJECT_H
#define BENCH_SUBJECT_H

#include <optim/optim.h>
#include <stdbool.h>

#include "model.h"

/* What a user would write to make it. */
typedef struct recipe {
    const char *method, *options; /* options may be NULL */
    const char *const *wrappers, *const *wrapper_options;
    int wrapper_count;
    optim_dtype dtype, grad_dtype;
} recipe_t;

/* Parameters and gradients of all tensors of a model, one after the other, each beginning on a cache line. */
typedef struct lent {
    char *data, *grad;
} lent_t;

typedef struct subject {
    optim_t *opt;
    bool reads_loss;     /* and is told 1 */
    optim_status status; /* of the first step that failed, or 0 */
} subject_t;

/* False: out of memory. lent_free frees them, whatever happened. */
bool lent_take(lent_t *lent, const model_t *model, const recipe_t *recipe, int threads);
/* Takes back what a method has done to them. */
void lent_refresh(const lent_t *lent, const model_t *model, const recipe_t *recipe, int threads);
void lent_free(lent_t *lent);

/* A handle without parameters, and all parameters of the model; false: refused, see optim_error. */
bool subject_create(subject_t *subject, const recipe_t *recipe, int threads);
bool subject_add(subject_t *subject, const model_t *model, const recipe_t *recipe, const lent_t *lent);
void subject_destroy(subject_t *subject);

/* One step; `subject` is a subject_t. A request or an error is kept in its status, and no further step is taken. */
void subject_step(void *subject);

/* Bytes of state for each element, to the nearest whole number. */
size_t subject_state_bytes(const subject_t *subject, const model_t *model);

#endif
