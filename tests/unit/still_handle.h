/* A handle with one parameter, 1, and gradient 0: its clock runs, nothing moves. */
#ifndef UNIT_STILL_HANDLE_H
#define UNIT_STILL_HANDLE_H

#include "optim/optim.h"

typedef struct still {
    optim_t *opt;
    double x, g;
} still_t;

void still_open(still_t *s, const char *algorithm, const char *options);

/* The option's value in the next step. */
double still_get(const optim_t *opt, const char *key);

#endif
