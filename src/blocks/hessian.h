/*
 * The whole Hessian H of the elements that a step moves, d of them, from a product for each: for methods that solve
 * with it. In double, in the method's memory, so that d is a few thousand at most.
 *
 * A method that uses this has the algebra's kernels and behind them HESSIAN_KERNELS and HESSIAN_ARGUMENTS, the rows
 * HESSIAN_STATES in its state table, and in its memory a hessian_t called `hessian` with HESSIAN_FIELD(length), where
 * length says how many doubles `room` is: d^2 for the matrix, behind which the method has what it needs besides. Its
 * flags are HESSIAN_FLAGS, and it has hessian_refuses. H is made by
 *
 *     for (hessian_begin(s, h); hessian_aim(s, h, V); hessian_take(s, h, HV))
 *         STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
 */
#ifndef BLOCKS_HESSIAN_H
#define BLOCKS_HESSIAN_H

#include "blocks/algebra.h"
#include "blocks/double_vector.h"
#include "blocks/moving.h"
#include "linear/linear.h"

enum { HESSIAN_FLAGS = REQUESTS | REQUESTS_PRODUCTS | WHOLE_TENSORS | NEEDS_LAPACK };
enum { HESSIAN_ELEMENTS = 4096 }; /* most of one parameter */

#define HESSIAN_STATES(direction, product)                                                                             \
    [direction] = {"v", "a unit vector", LIKE_PARAM, DIRECTION}, [product] = {"Hv", "the product", LIKE_PARAM, PRODUCT}

typedef struct hessian {
    double *room;
    int64_t n, column; /* within a step: d, and the row of H that is wanted next */
} hessian_t;
#define HESSIAN_FIELD(count)                                                                                           \
    {                                                                                                                  \
        "room", "the Hessian and what is made of it", FIELD(OF_METHOD, memory_t, hessian.room), .length = (count),     \
                                                                                                .within_step = true    \
    }

/* For `length`: d^2 and so much for each element; a number that no memory has, where d is far too large. */
static inline size_t hessian_length(size_t d, size_t squares, size_t vectors) {
    const size_t side = d < (1 << 24) ? d : (1 << 24);
    return side * side * squares + side * vectors;
}

static const char *hessian_refuses(const tensor_t *tensor, const double *option) {
    (void)option;
    return tensor->count > HESSIAN_ELEMENTS ? "a Hessian of so many elements is too large: it takes up to 4096 of a "
                                              "parameter"
                                            : NULL;
}

/* ---- Kernels ---- */

typedef struct unit_vector {
    uint64_t at; /* among the elements of the method */
    int row;
} unit_vector_t;

static void hessian_unit(const tile_t *t) {
    const unit_vector_t *unit = t->arguments;
    const uint64_t first = tile_first(t);
    real *v = t->state[unit->row];
    memset(v, 0, t->n * sizeof(real));
    if (unit->at >= first && unit->at - first < t->n)
        v[unit->at - first] = 1;
}

/* All moving elements of a vector, in order of declaration, to doubles or back. */
typedef struct passage {
    vector_t vector;
    double **next;
} passage_t;

static void hessian_gather(const tile_t *t) {
    const passage_t *passage = t->arguments;
    const real *from = algebra_at(t, passage->vector);
    for (size_t i = 0; i < t->n; ++i)
        *(*passage->next)++ = (double)from[i];
}
static void hessian_scatter(const tile_t *t) {
    const passage_t *passage = t->arguments;
    real *to = algebra_at(t, passage->vector);
    for (size_t i = 0; i < t->n; ++i)
        to[i] = (real) * (*passage->next)++;
}

enum { HESSIAN_UNIT = ALGEBRA_KERNEL_COUNT, HESSIAN_GATHER, HESSIAN_SCATTER, HESSIAN_KERNEL_COUNT };
#define HESSIAN_KERNELS ALGEBRA_KERNELS, hessian_unit, hessian_gather, hessian_scatter
#define HESSIAN_ARGUMENTS ALGEBRA_ARGUMENTS, sizeof(unit_vector_t), sizeof(passage_t), sizeof(passage_t)

/* to[0 .. d) <- x;   x <- from[0 .. d) */
static inline void gather(step_t *s, vector_t x, double *to) {
    step_tensors_in_turn(s, HESSIAN_GATHER, &(passage_t){x, &to});
}
static inline void scatter(step_t *s, double *from, vector_t x) {
    step_tensors_in_turn(s, HESSIAN_SCATTER, &(passage_t){x, &from});
}

/* ---- A product for each element; `h` is the method's ---- */

static inline void hessian_begin(const step_t *s, hessian_t *h) {
    h->n = (int64_t)moving_elements(s);
    h->column = 0;
}

/* The place of moving element `column` among the elements of the method. */
static inline size_t hessian_place(const step_t *s, size_t column) {
    for (size_t i = 0; i < step_tensor_count(s); ++i) {
        const tensor_t *tensor = step_tensor(s, i);
        if (tensor != NULL && column < tensor->count)
            return tensor->first_of_method + column;
        column -= tensor == NULL ? 0 : tensor->count;
    }
    return SIZE_MAX;
}

/* H <- (H + H') / 2 */
static inline void hessian_symmetrise(const hessian_t *h) {
    const size_t n = (size_t)h->n;
    double *H = h->room;
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < i; ++j)
            H[i * n + j] = H[j * n + i] = (H[i * n + j] + H[j * n + i]) / 2;
}

/* Sets the direction of the next product; false: H is there. */
static inline bool hessian_aim(step_t *s, const hessian_t *h, int direction) {
    if (h->column == h->n) {
        hessian_symmetrise(h);
        return false;
    }
    step_update(s, HESSIAN_UNIT, &(unit_vector_t){hessian_place(s, (size_t)h->column), direction});
    return true;
}

static inline void hessian_take(step_t *s, hessian_t *h, int product) {
    gather(s, vector(product), h->room + h->column * h->n);
    ++h->column;
}

#endif
