/*
 * The parameters of a method as one vector: lists of doubles (EACH_ELEMENT), where tensor_t.first_of_method says. For
 * methods that work on all of them in serial code; frozen tensors count as 0.
 */
#ifndef BLOCKS_JOINED_H
#define BLOCKS_JOINED_H

#include <string.h>

#include "blocks/double_vector.h"
#include "engine/method.h"

/* For field_t.length: a square of the elements' number; what no memory holds stays that much. */
static inline size_t joined_square(size_t elements, const double *option) {
    enum { MOST = 1 << 15 };
    (void)option;
    return elements > MOST ? PTRDIFF_MAX / 1024 : elements * elements;
}

/* What the kernels take: the list; what is copied to it, a row of the state table, the gradient or the parameters; or
 * what it is multiplied by. */
enum { JOINED_GRADIENT = -1, JOINED_PARAMETERS = -2 };
typedef struct joined {
    double *list;
    int from;
    double factor;
} joined_t;

/* On whole tensors. */
static inline void joined_collect(const tile_t *t) {
    const joined_t *j = t->arguments;
    const real *from = j->from == JOINED_GRADIENT ? t->g : j->from == JOINED_PARAMETERS ? t->p : t->state[j->from];
    for (size_t i = 0; i < t->n; ++i)
        j->list[t->tensor->first_of_method + i] = (double)from[i];
}

/* p <- list */
static inline void joined_put(const tile_t *t) {
    const double *list = ((const joined_t *)t->arguments)->list + tile_first(t);
    real *p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = (real)list[i];
}

/* p <- p - lr factor list */
static inline void joined_move(const tile_t *t, real lr) {
    const joined_t *j = t->arguments;
    const double step = (double)lr * j->factor, *list = j->list + tile_first(t);
    real *p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = (real)((double)p[i] - step * list[i]);
}

/* Runs the queue and joined_collect, which is number `kernel`. */
static inline void joined_from(step_t *s, int kernel, int from, double *list) {
    memset(list, 0, step_own_elements(s) * sizeof *list);
    step_tensors_in_turn(s, kernel, &(joined_t){.list = list, .from = from});
}

/* What makes x no longer than `most`; 0: any length will do. */
static inline double joined_bound(size_t n, const double *x, double most) {
    const double length = norm(n, x);
    return most > 0 && length > most ? most / length : 1;
}

#endif
