/* A handle that is known to work: plain sgd with lr 0.25 on two tensors, one with gradient 1, the other with 0. */
#ifndef UNIT_PLAIN_HANDLE_H
#define UNIT_PLAIN_HANDLE_H

#include "optim/optim.h"

typedef struct handle {
    optim_t *opt;
    double x[4], g[4], y[2], h[2]; /* "x" is 2 by 2, "y" has 2 elements */
} handle_t;

void handle_open(handle_t *s);

/* Fails unless the handle is still as handle_open left it; then destroys it. */
void handle_close(handle_t *s);

#endif
