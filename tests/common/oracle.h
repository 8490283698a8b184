/*
 * Functions with gradients and Hessian-vector products. All act on the parameters flattened row-major and concatenated
 * in the order of declaration; `m` is the size of the first parameter (the games' player x, who minimises).
 */
#ifndef TESTS_ORACLE_H
#define TESTS_ORACLE_H

#include <stddef.h>

typedef struct oracle {
    const char *name;
    double (*loss)(size_t d, size_t m, const double *x);
    /* For games: the descent direction of each player, that is, minus the gradient for y. */
    void (*gradient)(size_t d, size_t m, const double *x, double *g);
    /* The Hessian of the loss itself, for games too. */
    void (*product)(size_t d, size_t m, const double *x, const double *v, double *hv);
} oracle_t;

/* quadratic, coupled (a Hessian that is not diagonal, and no greater than 1), rosenbrock, logistic, bilinear, quadgame, matrixgame; NULL for any other name. */
const oracle_t *oracle_find(const char *name);

/* Curvature and minimum of coordinate i of `quadratic`. */
double quadratic_curvature(size_t i);
double quadratic_minimum(size_t i);

/* Smallest value of `logistic` in 20 and in 34 dimensions. */
#define LOGISTIC_MINIMUM_20 0.68021434279333
#define LOGISTIC_MINIMUM_34 0.6801619118947507

#endif
