/* A caller with a function of its own, for tests whose problem is no oracle's: one vector of variables, which the
 * parameters of the handle are laid out in, one behind the other. */
#ifndef PROPERTY_SOLVE_H
#define PROPERTY_SOLVE_H

#include <stddef.h>

#include "check.h"

enum { SOLVE_MOST = 512 };

typedef struct solve {
    optim_t *opt;
    /* The gradient, and what is returned is the loss; the product with the Hessian, NULL: not asked for. */
    double (*gradient)(const struct solve *s, const double *x, double *g);
    void (*product)(const struct solve *s, const double *v, double *hv);
    const void *data;
    size_t d;
    double x[SOLVE_MOST], g[SOLVE_MOST];
} solve_t;

/* Adds a parameter of two dimensions, or with columns = 0 of one, behind those that there are. */
void solve_add(solve_t *s, const char *name, size_t rows, size_t columns);
/* One step, with what it asks for; products where there is one parameter. */
optim_status solve_step(solve_t *s);
void solve_steps(solve_t *s, int steps);

/* Uniform numbers in [0, 1), and normal ones: the same in every run. */
double solve_uniform(uint64_t *state);
double solve_normal(uint64_t *state);

#endif
