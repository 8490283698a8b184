/*
 * Conjugate gradients on H z = -g for methods that search (blocks/searched.h), truncated where the method says: z is
 * row D of the state table, the residual R, the search direction P, its product with H BP.
 *
 *     z = 0, r = g, p = -g;   then for each product:   z <- z + a p,  r <- r + a Bp, by the method;
 *     r'r, and p <- (r'r / r'r of before) p - r
 *
 * In a box r'r and p are of the elements that are free (blocks/face.h), x + z stays inside, and where it meets a wall
 * CG begins anew from there among the elements that are left: p = -r. The r of held ones is kept up, so that z'H z is
 * z'(r - g) all the same.
 */
#ifndef BLOCKS_TRUNCATED_CG_H
#define BLOCKS_TRUNCATED_CG_H

#include "blocks/face.h"
#include "blocks/searched.h"

enum { R = SEARCHED_ROWS, P, BP };
#define TRUNCATED_CG_STATES                                                                                            \
    [R] = {"r", "residual of CG", LIKE_PARAM, WITHIN_STEP},                                                            \
    [P] = {"p", "search direction of CG", LIKE_PARAM, DIRECTION}, [BP] = {"Bp", "the product", LIKE_PARAM, PRODUCT}

typedef struct truncated_cg {
    double rr;        /* r'r */
    int64_t products; /* so far */
    face_t face;
} truncated_cg_t;

/* Of a row, over free elements. */
static double truncated_cg_square(step_t *s, truncated_cg_t *cg, int row) {
    if (!step_has_box(s))
        return dot(s, vector(row), vector(row));
    (void)norm_max(s, vector(row)); /* runs the queue */
    return face_square(s, &cg->face, row);
}

static void truncated_cg_restrict(step_t *s, truncated_cg_t *cg, int row) {
    if (!step_has_box(s))
        return;
    (void)norm_max(s, vector(row));
    face_restrict(s, &cg->face, row);
}

/* Where x is the row X: which elements are free. */
static void truncated_cg_find(step_t *s, truncated_cg_t *cg) {
    if (!step_has_box(s))
        return;
    (void)norm_max(s, vector(G));
    (void)face_find(s, &cg->face, X, G);
}

static void truncated_cg_start(step_t *s, truncated_cg_t *cg) {
    truncated_cg_find(s, cg);
    copy(s, vector(G), vector(D));
    scale(s, 0, vector(D));
    copy(s, vector(G), vector(R));
    copy(s, vector(G), vector(P));
    scale(s, -1, vector(P));
    truncated_cg_restrict(s, cg, P);
    cg->rr = truncated_cg_square(s, cg, R);
    cg->products = 0;
}

/* Whether another product may be asked for: `most`, or 20 for each element where that is 0. */
static bool truncated_cg_may_go_on(const step_t *s, const truncated_cg_t *cg, double most) {
    return (double)cg->products < (most > 0 ? most : 20 * (double)step_own_elements(s)) && cg->rr > 0;
}

/* z <- z + a p,  r <- r + a Bp, or as much of it as the box has room for; true: it has met a wall. */
static bool truncated_cg_go(step_t *s, truncated_cg_t *cg, double a) {
    const bool has_box = step_has_box(s);
    (void)(has_box ? norm_max(s, vector(P)) : 0);
    const double room = has_box ? face_room(s, &cg->face, X, D, P) : (double)INFINITY, go = fmin(a, room);
    if (has_box)
        face_go(s, &cg->face, X, D, P, go);
    else
        axpy(s, go, vector(P), vector(D));
    axpy(s, go, vector(BP), vector(R));
    return room <= a;
}

/* Behind that: the next direction. */
static void truncated_cg_turn(step_t *s, truncated_cg_t *cg, bool anew) {
    const double rr = truncated_cg_square(s, cg, R);
    scale(s, anew ? 0 : rr / cg->rr, vector(P));
    axpy(s, -1, vector(R), vector(P));
    truncated_cg_restrict(s, cg, P);
    cg->rr = rr;
}

#endif
