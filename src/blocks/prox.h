/* What extragradient and past_extragradient share: their options, and how they take the step of entropic.h. */
#ifndef BLOCKS_PROX_H
#define BLOCKS_PROX_H

#include "blocks/entropic.h"

enum { LR, LR_EXTRA, MIRROR, REG };
enum { EUCLIDEAN, ENTROPIC };
static const option_t PROX_OPTIONS[] = {
    [LR] = {"lr", 0.1, "(0,inf)", "step of the update", .pauses = true},
    [LR_EXTRA] = {"lr_extra", 0, "[0,inf)", "step of the trial; 0: lr", .zero_apart = true},
    [MIRROR] = {"mirror", EUCLIDEAN, "euclidean|entropic", "entropic: rows are probability vectors"},
    [REG] = {"reg", 0, "[0,inf)", "strength of the pull towards the initial point"},
    {0},
};

static inline prox_t prox_update_of(const double *option) {
    return prox_of(option[LR], option[REG]);
}
static inline prox_t prox_trial_of(const double *option) {
    return prox_of(option[LR_EXTRA] > 0 ? option[LR_EXTRA] : option[LR], option[REG]);
}

/* Kernel: counts what has no logarithm. */
static void prox_outside(const tile_t *t) {
    const real *p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = p[i] > 0 ? 0 : 1;
}

/* Whether the step must be refused: `kernel` is prox_outside's number. */
static inline bool prox_starts_outside(step_t *s, int kernel) {
    return step_is_a_first(s) && (int)s->option[MIRROR] == ENTROPIC && step_reduce(s, kernel, NULL, 1)[0] > 0;
}

/* Runs the kernel that works element by element, or for rows that are probability vectors the one on whole tensors. */
static inline void prox_step(step_t *s, int euclidean, int entropic, const void *arguments) {
    if ((int)s->option[MIRROR] == ENTROPIC)
        step_tensors(s, entropic, arguments);
    else
        step_update(s, euclidean, arguments);
}

static const char PROX_OUTSIDE[] = "mirror=entropic needs positive parameters: start inside the simplex";

#endif
