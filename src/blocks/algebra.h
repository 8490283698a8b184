/*
 * Vector algebra for methods that are written in it (line searches, quasi-Newton): copy, scale, axpy, inner products of
 * rows of the state table, the parameters and the gradient, each over all tensors. What is queued runs in one pass with
 * the next inner product.
 *
 * A method that uses this puts ALGEBRA_STATE first into its state table and ALGEBRA_KERNELS first among its kernels,
 * and has algebra_prepare as prepare.
 */
#ifndef BLOCKS_ALGEBRA_H
#define BLOCKS_ALGEBRA_H

#include <string.h>

#include "engine/method.h"
#include "kernels/blas.h"

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

/* ---- Operands, as numbers of the method ---- */
enum { ALGEBRA_ROW, ALGEBRA_NUMBERS = 5 };
#define ALGEBRA_STATE                                                                                                  \
    [ALGEBRA_ROW] = {"operands", "of the vector operation under way", PER_METHOD, WITHIN_STEP,                         \
                     .numbers = ALGEBRA_NUMBERS}

typedef struct algebra_constants {
    vector_t to, from;
    double factor;
} algebra_constants_t;

static void algebra_prepare(const group_t *group, void *constants) {
    const double *o = group->scalar[ALGEBRA_ROW];
    *(algebra_constants_t *)constants =
        (algebra_constants_t){{(int)o[0], (size_t)o[1]}, {(int)o[2], (size_t)o[3]}, o[4]};
}

/* ---- Kernels ---- */
static real *algebra_at(const tile_t *t, vector_t v) {
    if (v.row < 0)
        return v.row == PARAMETERS ? t->p : t->g;
    return (real *)t->state[v.row] + v.copy * t->stride;
}

static void algebra_copy(const tile_t *t) {
    const algebra_constants_t *k = t->constants;
    memcpy(algebra_at(t, k->to), algebra_at(t, k->from), t->n * sizeof(real));
}
static void algebra_scale(const tile_t *t) {
    const algebra_constants_t *k = t->constants;
    blas_scal(t->n, k->factor, algebra_at(t, k->to));
}
static void algebra_axpy(const tile_t *t) {
    const algebra_constants_t *k = t->constants;
    blas_axpy(t->n, k->factor, algebra_at(t, k->from), algebra_at(t, k->to));
}
static void algebra_multiply(const tile_t *t) {
    const algebra_constants_t *k = t->constants;
    const real *a = algebra_at(t, k->to), *b = algebra_at(t, k->from);
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = (k->factor * (double)a[i]) * (k->factor * (double)b[i]);
}
static void algebra_modulus(const tile_t *t) {
    const real *a = algebra_at(t, ((const algebra_constants_t *)t->constants)->to);
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = (double)fabs(a[i]);
}

enum { ALGEBRA_COPY, ALGEBRA_SCALE, ALGEBRA_AXPY, ALGEBRA_MULTIPLY, ALGEBRA_MODULUS, ALGEBRA_KERNEL_COUNT };
#define ALGEBRA_KERNELS algebra_copy, algebra_scale, algebra_axpy, algebra_multiply, algebra_modulus

/* ---- Operations ---- */
static void algebra_operands(step_t *s, vector_t to, vector_t from, double factor) {
    const double operands[] = {to.row, (double)to.copy, from.row, (double)from.copy, factor};
    memcpy(s->scalar[ALGEBRA_ROW], operands, sizeof operands);
}

/* y <- x */
static inline void copy(step_t *s, vector_t x, vector_t y) {
    algebra_operands(s, y, x, 0);
    step_update(s, ALGEBRA_COPY, NULL);
}

/* y <- a y */
static inline void scale(step_t *s, double a, vector_t y) {
    algebra_operands(s, y, y, a);
    step_update(s, ALGEBRA_SCALE, NULL);
}

/* y <- y + a x */
static inline void axpy(step_t *s, double a, vector_t x, vector_t y) {
    algebra_operands(s, y, x, a);
    step_update(s, ALGEBRA_AXPY, NULL);
}

/* (a x)'(a y) */
static inline double dot_scaled(step_t *s, double a, vector_t x, vector_t y) {
    algebra_operands(s, x, y, a);
    return step_reduce(s, ALGEBRA_MULTIPLY, NULL, 1)[0];
}

/* x'y */
static inline double dot(step_t *s, vector_t x, vector_t y) {
    return dot_scaled(s, 1, x, y);
}

/* |x|_1, and the largest |x_i| */
static inline double norm_1(step_t *s, vector_t x) {
    algebra_operands(s, x, x, 0);
    return step_reduce(s, ALGEBRA_MODULUS, NULL, 1)[0];
}
static inline double norm_max(step_t *s, vector_t x) {
    algebra_operands(s, x, x, 0);
    return step_reduce_max(s, ALGEBRA_MODULUS, NULL, 1)[0];
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

#endif
