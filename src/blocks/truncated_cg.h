/*
 * Conjugate gradients on H z = -g for methods that search (blocks/searched.h), truncated where the method says: z is
 * row D of the state table, the residual R, the search direction P, its product with H BP.
 *
 *     z = 0, r = g, p = -g;   then for each product:   z <- z + a p,  r <- r + a Bp, by the method;
 *     r'r, and p <- (r'r / r'r of before) p - r
 */
#ifndef BLOCKS_TRUNCATED_CG_H
#define BLOCKS_TRUNCATED_CG_H

#include "blocks/searched.h"

enum { R = SEARCHED_ROWS, P, BP };
#define TRUNCATED_CG_STATES                                                                                            \
    [R] = {"r", "residual of CG", LIKE_PARAM, WITHIN_STEP},                                                            \
    [P] = {"p", "search direction of CG", LIKE_PARAM, DIRECTION}, [BP] = {"Bp", "the product", LIKE_PARAM, PRODUCT}

typedef struct truncated_cg {
    double rr;        /* r'r */
    int64_t products; /* so far */
} truncated_cg_t;

static void truncated_cg_start(step_t *s, truncated_cg_t *cg) {
    copy(s, vector(G), vector(D));
    scale(s, 0, vector(D));
    copy(s, vector(G), vector(R));
    copy(s, vector(G), vector(P));
    scale(s, -1, vector(P));
    *cg = (truncated_cg_t){.rr = dot(s, vector(R), vector(R))};
}

/* Whether another product may be asked for: `most`, or 20 for each element where that is 0. */
static bool truncated_cg_may_go_on(const step_t *s, const truncated_cg_t *cg, double most) {
    return (double)cg->products < (most > 0 ? most : 20 * (double)step_own_elements(s)) && cg->rr > 0;
}

/* Behind a step that has moved z and r: the next direction. */
static void truncated_cg_turn(step_t *s, truncated_cg_t *cg) {
    const double rr = dot(s, vector(R), vector(R));
    scale(s, rr / cg->rr, vector(P));
    axpy(s, -1, vector(R), vector(P));
    cg->rr = rr;
}

#endif
