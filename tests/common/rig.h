/*
 * A rig: tensors, a function of them, and the caller's part of the conversation with an optimizer. Everything is
 * evaluated in double at the parameters as they stand and rounded to the gradients' dtype.
 */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optim/optim.h"
#include "oracle.h"

/* Each component of the function is the function. */
enum { RIG_COMPONENTS = 3 };
enum { RIG_TENSORS = 16, RIG_DIMS = 6, RIG_LOSSES = 64 };

typedef struct layout {
    const char *name;
    int count;
    struct {
        const char *name;
        int ndim;
        int64_t dims[RIG_DIMS];
    } tensor[RIG_TENSORS];
} layout_t;

/* Evaluations handed out in the order asked for, whatever the parameters are. */
typedef struct replay {
    size_t count, next;
    const double *loss;     /* [count] */
    const double *gradient; /* [count][d] */
} replay_t;

typedef struct rig_tensor {
    const char *name;
    int ndim, group;
    int role; /* where the method has roles: 1 for all but the first tensor that has elements */
    const int64_t *dims;
    size_t count;
    optim_dtype dtype, grad_dtype;
    void *data, *grad; /* as lent to the library */
    void *data_block, *grad_block;
    bool frozen; /* grad was not lent */
} rig_tensor_t;

typedef struct rig {
    optim_t *opt;
    layout_t layout;
    const oracle_t *oracle;
    replay_t *replay; /* instead of the oracle, if there is one */
    int count;
    rig_tensor_t tensor[RIG_TENSORS];
    size_t misalign;
    bool begins_without_gradient; /* a step does, the first one too: the method reads none, or asks for all it reads */
    bool by_values;               /* the method reads no gradients: optim_freeze freezes, not a missing buffer */

    int guests;             /* of the tensors the last ones, which another method has: inputs say nothing of them */
    bool starts_on_simplex; /* start values are scaled: rows along the last axis have the sum 1 */

    /* what the caller does out of the ordinary */
    double sign;            /* hands over sign times the function (1) */
    double scale;           /* multiplies the gradients it hands over (1) */
    bool withhold_loss;     /* never says the loss */
    bool leaves_out_frozen; /* the function is one of the other tensors only */
    int poison_at;          /* evaluation of the step that is spoilt (0: none) ... */
    size_t poison_index;    /* ... at this live element ... */
    double poison_value;    /* ... with this; a loss asked for alone becomes this too */
    bool poison_loss;       /* the loss is what is spoilt, not the gradient */
    bool accumulates;       /* hands over every gradient in four parts, of which the mean is the gradient */
    bool loss_scaled;       /* multiplies its gradients by the library's loss scale */
    bool by_param;          /* steps parameter by parameter, the last one first, and the first of all with the end */
    void *const *updates;   /* [count]: optim_update hands out what a step adds; NULL: optim_step */
    int stop_at;            /* leaves the step open instead of making this evaluation (0: never) */

    double lowest, highest; /* no element may be beyond where the library asks for an evaluation (infinite) */

    int evaluation;                      /* of the present step, counted from 1 */
    int64_t gradients, losses, products; /* evaluations made, in all; losses of components count one by one */
    double loss;                         /* the last one */
    int held;                            /* losses handed over in this step: the first of them */
    double handed[RIG_LOSSES];
    size_t room; /* of the arrays below */
    double *x, *g, *v, *hv;
    double *lent; /* inputs; see needs.h */
} rig_t;

/* Tensors with their start values (rig_start); 16-bit dtypes too. `misalign` bytes off alignment. */
rig_t *rig_new(const layout_t *layout, optim_dtype dtype, optim_dtype grad_dtype, size_t misalign);
/* For this algorithm: what moves particles gets RIG_COMPONENTS of them, each with tensors of this layout. */
rig_t *rig_new_for(const char *algorithm, const layout_t *layout, optim_dtype dtype, optim_dtype grad_dtype,
                   size_t misalign);
void rig_free(rig_t *rig);

/* Start value of element i of all tensors concatenated: between 1/2 and 3/2, the same number on every machine. */
double rig_start(size_t i);
/* Puts `values`, all tensors concatenated, into the parameters; NULL: the start values. */
void rig_write(rig_t *rig, const double *values);
/* The parameters, all tensors concatenated; valid until the next call with this rig. */
const double *rig_read(rig_t *rig);
size_t rig_elements(const rig_t *rig);

/* Lends the tensors to the optimizer, in order, each to its group, or with role=y where the method has that role and no
 * other group is said; the first always to its group. The rig then owns and destroys the optimizer. */
optim_status rig_lend(rig_t *rig, optim_t *opt);

/* One step: evaluates, hands over, answers. Returns what optim_step returned last. */
optim_status rig_step(rig_t *rig);
/* That many steps, stopping at the first that does not return OPTIM_OK. */
optim_status rig_steps(rig_t *rig, int steps);
/* Goes on with a step that was left open by stop_at. */
optim_status rig_continue(rig_t *rig, optim_status request);

/* The function at the parameters as they stand. */
double rig_value(rig_t *rig);
/* Evaluates loss and gradient at the parameters as they stand and hands both over. */
void rig_evaluate(rig_t *rig);

/* Moves a tensor's gradient out of reach, or lends it again. */
void rig_freeze(rig_t *rig, int tensor, bool frozen);
/* Moves every buffer to new memory and binds it; the old memory is overwritten. */
void rig_move(rig_t *rig);

/* Copy of all parameters' bytes; to be freed. */
void *rig_snapshot(const rig_t *rig);
/* The parameters back to what they were then, or to those of a rig with the same tensors. */
void rig_restore(rig_t *rig, const void *snapshot);
/* Fails the test unless all parameters' bytes are as in the snapshot, or as in the other rig. */
void rig_check_snapshot(const rig_t *rig, const void *snapshot, const char *what);
void rig_check_same(const rig_t *rig, const rig_t *other, const char *what);
/* Fails unless |a - b| <= tolerance max(1, |b|) for every element, dtypes may differ. */
void rig_check_near(rig_t *rig, rig_t *other, double tolerance, const char *what);
void rig_check_finite(rig_t *rig, const char *what);

#endif
