/* What ema and swa share: their state, and the average a of the parameters on its way. */
#ifndef WRAPPERS_AVERAGE_H
#define WRAPPERS_AVERAGE_H

#include <tgmath.h>

#include "engine/method.h"

enum { AVG };
static const state_t AVERAGE_STATES[] = {
    [AVG] = {"avg", "the average", LIKE_PARAM, KEPT, .from_param = true, .of_frozen = true},
    {0},
};

/* Constants of both. */
typedef struct average {
    real take;    /* weight of the newest parameters */
    real past;    /* 0 while nothing is averaged yet, then 1 */
    real weights; /* that the average carries: the output divides by them */
    bool answers; /* the average is the output; if not, the parameters are */
} average_t;

/* a <- a + take (p - a) */
static void average(const tile_t *t) {
    const average_t k = *(const average_t *)t->constants;
    real *restrict avg = t->state[AVG];
    const real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i) {
        const real before = k.past * avg[i];
        avg[i] = before + k.take * (p[i] - before);
    }
}

static void average_output(const tile_t *t) {
    const average_t k = *(const average_t *)t->constants;
    const real *avg = t->state[AVG], *p = t->p;
    real *out = t->out;
    for (size_t i = 0; i < t->n; ++i)
        out[i] = k.answers ? avg[i] / k.weights : p[i];
}

#endif
