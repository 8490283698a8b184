/*
 * A quasi-Newton direction inside a box: the generalized Cauchy point, then the minimizer over the variables that are
 * free there, as L-BFGS-B has them.
 *
 * Byrd, Lu, Nocedal, Zhu, "A limited memory algorithm for bound constrained optimization", SIAM J. Sci. Comput. 16,
 * 1995, algorithms CP and direct primal; Morales, Nocedal, "Remark on algorithm 778", ACM TOMS 38, 2011: the minimizer
 * is projected onto the box, if that goes down, and otherwise the way to it is cut off at the box.
 *
 * Everything is in units of theta = 1 / gamma, the scale of the initial Hessian, so that no product has the unit of the
 * loss: g~ = gamma g and B~ = gamma B = I - W M W' with W = [gamma Y, S], M^-1 = [-D L'; L S'S], where D and L are the
 * diagonal and what is below it of S'(gamma Y), pairs in the order of age.
 *
 * Serial code in double: walks over the elements, with 2 (2 pairs)^2 products for each, and a heap of breakpoints.
 * A method that uses this has the flag KEEPS_BOX, a box_t as a member `box` of its memory, and BOX_FIELDS.
 */
#ifndef BLOCKS_BOX_H
#define BLOCKS_BOX_H

#include "engine/method.h"

typedef struct box {
    double *time;   /* of each element: when x - t g~ meets its bound */
    double *move;   /* what it may move until then; then what it moves */
    double *spare;  /* the heap; then the residual; then the way from the Cauchy point */
    double *dense;  /* small matrices and vectors */
    double longest; /* in units of the direction: how far the box reaches */
} box_t;

size_t box_elements(size_t elements, const double *option);
/* For `pairs` pairs. */
size_t box_dense(size_t pairs);

#define BOX_FIELD(member, doc, size)                                                                                   \
    {                                                                                                                  \
        "box_" #member, doc, FIELD(OF_METHOD, memory_t, box.member), .length = (size), .of_box = true,                 \
                                                                     .within_step = true                               \
    }
#define BOX_FIELDS(dense_size)                                                                                         \
    BOX_FIELD(time, "when elements meet their bounds", box_elements), BOX_FIELD(move, "what they move", box_elements), \
        BOX_FIELD(spare, "heap of breakpoints", box_elements), BOX_FIELD(dense, "small matrices", dense_size)

/* The model: rows of the state table, and pairs as a ring of copies. */
typedef struct box_model {
    int x, g, d; /* the point, the gradient, and where the direction is put */
    int s, y;    /* pairs */
    size_t pairs, oldest, history;
    double gamma;
} box_model_t;

/* Of no pairs, for what reads x, g and d alone. */
static inline box_model_t box_rows(int x, int g, int d) {
    return (box_model_t){.x = x, .g = g, .d = d, .s = x, .y = x, .history = 1};
}

/* What a walk over x, g and the box tells. */
typedef struct box_look {
    bool outside;          /* x lies outside the box */
    double norm_1, norm_2; /* of g, without elements that it would drive out of the box from their bounds */
    double criterion;      /* |x - P(x - g)|_2: 0 where x is stationary */
} box_look_t;
box_look_t box_look(const step_t *s, const box_model_t *model);

/* d <- x^ - x; false: the matrix of the pairs is singular. Nothing may be queued. */
bool box_direction(step_t *s, box_t *box, const box_model_t *model);

#endif
