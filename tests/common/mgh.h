/*
 * The 35 problems of More, Garbow, Hillstrom, "Testing unconstrained optimization software", ACM TOMS 7 (1), 1981, with
 * their standard dimensions and starts: f(x) is the sum of squares of m residuals. And each of them in two boxes that
 * cut its minimum off.
 */
#ifndef TESTS_MGH_H
#define TESTS_MGH_H

#include <stddef.h>

enum { MGH_COUNT = 35, MGH_MOST = 12, MGH_RESIDUALS = 99, MGH_MINIMA = 3, MGH_BOXES = 2 };

typedef struct mgh {
    const char *name;
    size_t n, m;
    /* r_i(x), and the Jacobian by rows, which is 0 before. */
    void (*residuals)(const struct mgh *problem, const double *x, double *r, double *jacobian);
    double start[MGH_MOST];
    double least[MGH_MINIMA];   /* the minima that the literature lists; those behind the first may be NAN */
    double minimizer[MGH_MOST]; /* of one of them, to some digits: boxes are made from it */
    double boxed[MGH_BOXES];    /* the least values known within the boxes */
} mgh_t;

extern const mgh_t MGH[MGH_COUNT];

/* Residuals, f, and the gradient or NULL. */
void mgh_residuals(const mgh_t *problem, const double *x, double *r, double *jacobian);
double mgh_value(const mgh_t *problem, const double *x, double *gradient);

/* By how much f exceeds the nearest minimum below it, in units of 1 + |f*|. */
double mgh_excess(const mgh_t *problem, double f);

/* Box 0 goes in every coordinate half the way from the start to the minimizer, and as far as that to the other side;
 * box 1 in every other coordinate, the rest being free. */
void mgh_box(const mgh_t *problem, int which, double *lower, double *upper);

#endif
