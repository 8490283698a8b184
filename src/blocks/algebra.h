/*
 * Vector algebra for methods that are written in it (line searches, quasi-Newton): copy, scale, axpy, inner products of
 * rows of the state table, the parameters and the gradient, each over all tensors. What is queued runs in one pass with
 * the next inner product.
 *
 * A method that uses this puts ALGEBRA_KERNELS first among its kernels and ALGEBRA_ARGUMENTS first among their
 * arguments.
 */
#ifndef BLOCKS_ALGEBRA_H
#define BLOCKS_ALGEBRA_H

#include <string.h>

#include "engine/method.h"

/* A vector: a row of the state table (and which of its copies), or one of these two. */
enum { PARAMETERS = -1, GRADIENT = -2 };
typedef struct vector {
    int row;
    size_t copy;
} vector_t;

static inline vector_t vector(int row) {
    return (vector_t){row, 0};
}
static inline vector_t vector_copy(int row, size_t copy) {
    return (vector_t){row, copy};
}

/* ---- Kernels ---- */

/* What they take. */
typedef struct operands {
    vector_t to, from;
    double factor;
} operands_t;

static real *algebra_at(const tile_t *t, vector_t v) {
    if (v.row < 0)
        return v.row == PARAMETERS ? t->p : t->g;
    return (real *)t->state[v.row] + v.copy * t->stride;
}

static void algebra_copy(const tile_t *t) {
    const operands_t *o = t->arguments;
    memcpy(algebra_at(t, o->to), algebra_at(t, o->from), t->n * sizeof(real));
}
/* This and the next are not BLAS's: a line search multiplies a rounding error from step to step, and BLAS rounds as the
 * processor's kernels do. */
static void algebra_scale(const tile_t *t) {
    const operands_t *o = t->arguments;
    const real factor = (real)o->factor;
    real *to = algebra_at(t, o->to);
    for (size_t i = 0; i < t->n; ++i)
        to[i] *= factor;
}
static void algebra_axpy(const tile_t *t) {
    const operands_t *o = t->arguments;
    const real factor = (real)o->factor, *from = algebra_at(t, o->from);
    real *to = algebra_at(t, o->to);
    for (size_t i = 0; i < t->n; ++i)
        to[i] += factor * from[i];
}
static void algebra_multiply(const tile_t *t) {
    const operands_t *o = t->arguments;
    const real *a = algebra_at(t, o->to), *b = algebra_at(t, o->from);
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = (o->factor * (double)a[i]) * (o->factor * (double)b[i]);
}
static void algebra_modulus(const tile_t *t) {
    const real *a = algebra_at(t, ((const operands_t *)t->arguments)->to);
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = (double)fabs(a[i]);
}

enum { ALGEBRA_COPY, ALGEBRA_SCALE, ALGEBRA_AXPY, ALGEBRA_MULTIPLY, ALGEBRA_MODULUS, ALGEBRA_KERNEL_COUNT };
#define ALGEBRA_KERNELS algebra_copy, algebra_scale, algebra_axpy, algebra_multiply, algebra_modulus
#define ALGEBRA_ARGUMENTS                                                                                              \
    sizeof(operands_t), sizeof(operands_t), sizeof(operands_t), sizeof(operands_t), sizeof(operands_t)

/* ---- Operations ---- */
/* y <- x */
static inline void copy(step_t *s, vector_t x, vector_t y) {
    step_update(s, ALGEBRA_COPY, &(operands_t){.to = y, .from = x});
}

/* y <- a y */
static inline void scale(step_t *s, double a, vector_t y) {
    step_update(s, ALGEBRA_SCALE, &(operands_t){.to = y, .factor = a});
}

/* y <- y + a x */
static inline void axpy(step_t *s, double a, vector_t x, vector_t y) {
    step_update(s, ALGEBRA_AXPY, &(operands_t){.to = y, .from = x, .factor = a});
}

/* (a x)'(a y) */
static inline double dot_scaled(step_t *s, double a, vector_t x, vector_t y) {
    return step_reduce(s, ALGEBRA_MULTIPLY, &(operands_t){.to = x, .from = y, .factor = a}, 1)[0];
}

/* x'y */
static inline double dot(step_t *s, vector_t x, vector_t y) {
    return dot_scaled(s, 1, x, y);
}

/* |x|_1, and the largest |x_i| */
static inline double norm_1(step_t *s, vector_t x) {
    return step_reduce(s, ALGEBRA_MODULUS, &(operands_t){.to = x}, 1)[0];
}
static inline double norm_max(step_t *s, vector_t x) {
    return step_reduce_max(s, ALGEBRA_MODULUS, &(operands_t){.to = x}, 1)[0];
}

/* The power of two that brings x near 1; 1 where that is no question. */
static inline double unit_of(double x) {
    int exponent = 0;
    if (isfinite(x))
        (void)frexp(x, &exponent);
    return ldexp(1.0, exponent > 1000 ? -1000 : exponent < -1000 ? 1000 : -exponent);
}

/* x'x = square / unit / unit: what the squares of very long and very short vectors are, which no double holds. */
typedef struct square {
    double square, unit;
} square_t;
static inline square_t square_of(step_t *s, vector_t x) {
    const double square = dot(s, x, x);
    if (isnan(square) || (square > 0x1p-900 && square < 0x1p900))
        return (square_t){square, 1};
    const double unit = unit_of(norm_max(s, x));
    return (square_t){dot_scaled(s, unit, x, x), unit};
}

/* |x|_2 */
static inline double norm_2(step_t *s, vector_t x) {
    const square_t square = square_of(s, x);
    return sqrt(square.square) / square.unit;
}

/* Where a step ends, loss and gradient g are known: the next one begins without an evaluation. A gradient that is not
 * finite is not held: another one may be. */
static inline optim_status hold_gradient(step_t *s, double loss, vector_t g) {
    s->held_loss = loss;
    s->held_norm = norm_2(s, g);
    s->held_row = g.row;
    s->holds_gradient = !isnan(s->held_norm);
    return OPTIM_OK;
}

#endif
