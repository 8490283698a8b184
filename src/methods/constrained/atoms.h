/*
 * The active set of Frank-Wolfe methods: the point is x = sum w_j v_j of atoms v_j, vertices of the set, with weights
 * above 0 whose sum is 1. The vertices are copies of a state, `row` in what follows, whose places are taken and freed
 * in any order; weights and places are lists of the method's memory, in order of the atoms' arrival.
 */
#ifndef METHODS_CONSTRAINED_ATOMS_H
#define METHODS_CONSTRAINED_ATOMS_H

#include <string.h>

#include "engine/method.h"

typedef struct atoms {
    int64_t count;
    double *weight, *place; /* of atom j: w_j, and its copy of the state */
} atoms_t;

static inline real *atoms_copy(const tile_t *t, int row, int64_t place) {
    return (real *)t->state[row] + (size_t)place * t->stride;
}
static inline real *atoms_at(const tile_t *t, int row, const atoms_t *a, int64_t j) {
    return atoms_copy(t, row, (int64_t)a->place[j]);
}

/* ---- The list ---- */

/* A copy of the state that no atom has. */
static inline double atoms_free_place(const atoms_t *a) {
    double place = 0;
    for (int64_t j = 0; j < a->count; ++j)
        if (a->place[j] == place) {
            ++place;
            j = -1;
        }
    return place;
}

static inline void atoms_drop(atoms_t *a, int64_t j) {
    const size_t behind = (size_t)(a->count - j - 1) * sizeof *a->weight;
    memmove(a->weight + j, a->weight + j + 1, behind);
    memmove(a->place + j, a->place + j + 1, behind);
    --a->count;
}

static inline void atoms_scale(const atoms_t *a, double factor) {
    for (int64_t j = 0; j < a->count; ++j)
        a->weight[j] *= factor;
}

/* ---- Sums by atom: METHOD_SUMS of them in a pass ---- */

typedef struct batch {
    int64_t first, count;
} batch_t;

static inline batch_t batch_from(const atoms_t *a, int64_t first) {
    return (batch_t){first, a->count - first < METHOD_SUMS ? a->count - first : METHOD_SUMS};
}

/* The kernel that counts the entries in which atoms are not s. */
static inline void atoms_differ(const tile_t *t, int row, const atoms_t *a, const real *restrict s) {
    const batch_t *batch = t->arguments;
    for (int64_t j = 0; j < batch->count; ++j) {
        const real *restrict v = atoms_at(t, row, a, batch->first + j);
        for (size_t i = 0; i < t->n; ++i)
            t->term[j][i] = v[i] != s[i];
    }
}

/* Which atom s is, or their count; `differ` is that kernel. */
static inline int64_t atoms_find(step_t *s, int differ, const atoms_t *a) {
    for (batch_t batch = batch_from(a, 0); batch.first < a->count; batch = batch_from(a, batch.first + METHOD_SUMS)) {
        const double *sum = step_reduce(s, differ, &batch, (int)batch.count);
        for (int64_t j = 0; j < batch.count; ++j)
            if (sum[j] == 0)
                return batch.first + j;
    }
    return a->count;
}

/* The kernel that makes <g, v_j>. */
static inline void atoms_slopes(const tile_t *t, int row, const atoms_t *a) {
    const batch_t *batch = t->arguments;
    const real *restrict g = t->g;
    for (int64_t j = 0; j < batch->count; ++j) {
        const real *restrict v = atoms_at(t, row, a, batch->first + j);
        for (size_t i = 0; i < t->n; ++i)
            t->term[j][i] = (double)g[i] * (double)v[i];
    }
}

/* The first of the atoms with the largest <g, v_j>; `slopes` is that kernel. */
static inline int64_t atoms_worst(step_t *s, int slopes, const atoms_t *a) {
    int64_t worst = 0;
    double most = -(double)INFINITY;
    for (batch_t batch = batch_from(a, 0); batch.first < a->count; batch = batch_from(a, batch.first + METHOD_SUMS)) {
        const double *sum = step_reduce(s, slopes, &batch, (int)batch.count);
        for (int64_t j = 0; j < batch.count; ++j)
            if (sum[j] > most) {
                most = sum[j];
                worst = batch.first + j;
            }
    }
    return worst;
}

/* ---- The point ---- */

/* The part of all atoms of a tensor that joins is where the tensor stands. */
static inline void atoms_join(const tile_t *t, int row, const atoms_t *a) {
    for (int64_t j = 0; j < a->count; ++j)
        memcpy(atoms_at(t, row, a, j), t->p, t->n * sizeof(real));
}

/* x of its atoms. */
static inline void atoms_sum(const tile_t *t, int row, const atoms_t *a) {
    real *restrict p = t->p;
    memset(p, 0, t->n * sizeof(real));
    for (int64_t j = 0; j < a->count; ++j) {
        const real w = (real)a->weight[j], *restrict v = atoms_at(t, row, a, j);
        for (size_t i = 0; i < t->n; ++i)
            p[i] += w * v[i];
    }
}

#endif
