/* The cubic model of a whole Hessian: its eigenvectors in the place of the Hessian, and the model's minimiser. */
#ifndef BLOCKS_CUBIC_MODEL_H
#define BLOCKS_CUBIC_MODEL_H

#include "blocks/cubic.h"
#include "blocks/hessian.h"

/* Doubles behind the matrix: eigenvalues, g and c, the step, and what LAPACK needs. */
static size_t cubic_model_length(size_t d, const double *option) {
    const size_t room = linear_eigen_room(d), most = hessian_length(SIZE_MAX, 1, 0);
    (void)option;
    return hessian_length(d, 1, 4) + (room == SIZE_MAX ? most : room / sizeof(double) + 1);
}

/* H, made of products, becomes its eigenvectors; g is the gradient. */
static inline optim_status cubic_model_open(step_t *s, const hessian_t *h, vector_t g, const char *doing) {
    const size_t n = (size_t)h->n;
    double *values = h->room + n * n, *gradient = values + n, *c = gradient + n;
    const linear_status_t status = linear_eigen(n, h->room, values, c + 2 * n);
    if (status != LINEAR_OK)
        return linear_error(status, doing);
    gather(s, g, gradient);
    for (size_t k = 0; k < n; ++k)
        c[k] = inner_product(n, h->room + k * n, gradient);
    return OPTIM_OK;
}

/* to <- the minimiser; returns the model there. */
static inline double cubic_model_step(step_t *s, const hessian_t *h, double shift, double M, vector_t to) {
    const size_t n = (size_t)h->n;
    double *values = h->room + n * n, *turned = values + n, *c = turned + n, *step = c + n;
    const double value = cubic_step(n, values, c, shift, M, step);
    for (size_t j = 0; j < n; ++j)
        turned[j] = 0;
    for (size_t k = 0; k < n; ++k)
        for (size_t j = 0; j < n; ++j)
            turned[j] += step[k] * h->room[k * n + j];
    scatter(s, turned, to);
    return value;
}

#endif
