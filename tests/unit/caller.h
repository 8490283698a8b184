/* A problem for optim_minimize that counts its callbacks and can stop in any of them. */
#ifndef UNIT_CALLER_H
#define UNIT_CALLER_H

#include "rig.h"

typedef struct caller {
    rig_t *rig;
    optim_problem problem;
    int gradients, losses, products, progresses;
    int stop_gradient, stop_loss, stop_product,
        stop_progress;     /* the callback of this number returns -7 or 7; 0: none */
    double nan_from_value; /* the loss is NaN from this many gradients on; 0: never */
    optim_progress last;
} caller_t;

extern const layout_t PLANE, NINE, TENSORS; /* 2, 9, and 12 + 5 elements */

/* A rig that runs `algorithm`, and callbacks for it; the loss goes through the callback alone. */
void caller_open(caller_t *c, const char *algorithm, const char *options, const layout_t *layout, const char *oracle);
void caller_close(caller_t *c);

/* At most 1000 steps, with the progress callback. */
optim_stop stop_new(caller_t *c);

/* Runs, and checks the reason and all counts. */
optim_result minimize(caller_t *c, const optim_stop *stop, int reason);

int on_progress(void *user, const optim_progress *progress);

/* Of the oracle, at the parameters as they stand. */
double gradient_norm(caller_t *c);

#endif
