/* Lengths of gradients and steps, and copies of parameters, for calls that own the loop: in double, by tensor. */
#ifndef OPTIMIZER_MEASURES_H
#define OPTIMIZER_MEASURES_H

#include "optimizer/optimizer.h"

/* A Euclidean norm, right also where squares leave the range of a double; the largest size of an element. */
typedef struct measure {
    double norm, most;
} measure_t;

/* Of the gradient in the bound buffers, or with row >= 0 of the one that the method keeps in that row of its state
 * table; in boxes of x - P(x - g), which is 0 where a bound holds x back. */
enum { MEASURE_BOUND = -1 };
measure_t measure_gradient(const optim_t *opt, int row);

/* Elements that lie on one of their bounds. */
int64_t measure_active(const optim_t *opt);

/* ---- Copies of all parameters, or of all gradients ---- */
typedef struct copies {
    void **of; /* by tensor; NULL: none are kept */
    size_t count;
    bool gradients;
} copies_t;

/* False: no memory. */
bool copies_make(copies_t *copies, const optim_t *opt, bool gradients);
void copies_free(copies_t *copies);
void copies_take(const copies_t *copies, const optim_t *opt);
void copies_put_back(const copies_t *copies, const optim_t *opt);

/* Of parameters: |x - copy|; |x|. */
measure_t measure_step(const optim_t *opt, const copies_t *from);
measure_t measure_parameters(const optim_t *opt);

/* Of such a gradient, without regard to boxes and of the loss as the caller has it: its elements as doubles; and with
 * those of the gradient at `from`, (g + g_now)'(x - from) / 2. */
void measure_read_gradient(const optim_t *opt, int row, double *g);
double measure_mean_slope(const optim_t *opt, const double *g, int row, const copies_t *from);

/* Elements at .. at + n - 1 of tensor i, at most READ_ELEMENTS, become these numbers or the nearest in the box, and
 * these what they then are. */
void measure_write(const optim_t *opt, size_t i, size_t at, size_t n, double *numbers);

/* Of the coarsest parameter that moves: the relative spacing of its numbers. What is not f64 throughout may have been
 * evaluated in f32: the relative rounding of a loss. */
double measure_spacing(const optim_t *opt);
double measure_rounding(const optim_t *opt);

#endif
