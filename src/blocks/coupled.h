/*
 * What methods with one step size for all groups share. Their lr is a factor on it, the same for every group; a group
 * may have lr = 0: it stays where it is and counts in no sum, as if it had no gradient.
 */
#ifndef BLOCKS_COUPLED_H
#define BLOCKS_COUPLED_H

#include <string.h>

#include "engine/method.h"

#define COUPLED_LR_ROW                                                                                                 \
    { "lr", 1, "[0,inf)", "factor on the step: leave at 1; 0 in some groups: they stay" }

/* Sets the shared lr, which is that of the groups that move, or fails; `lr` is a row of the option table. Prepare asks
 * for the shared lr, so that it lies in the method's memory. */
static inline optim_status coupled_check(step_t *s, int lr, double *shared) {
    *shared = 0;
    for (int i = 0; i < s->groups; ++i)
        *shared = fmax(*shared, step_group(s, i).option[lr]);
    for (int i = 0; i < s->groups; ++i) {
        const double own = step_group(s, i).option[lr];
        if (own != *shared && own != 0)
            return step_fail(s, OPTIM_ERR_VALUE, "lr must be the same in all groups, or 0 in those that are to stay");
    }
    return OPTIM_OK;
}

/* Whether this group stays while others move. */
static inline bool coupled_stays(const group_t *group, int lr, double shared) {
    return group->option[lr] == 0 && shared > 0;
}

/* Whether the tile's group stays; that it adds nothing to the first `count` terms of a reduction is then written. */
static inline bool coupled_skips(const tile_t *t, bool stays, int count) {
    for (int j = 0; stays && j < count; ++j)
        memset(t->term[j], 0, t->n * sizeof *t->term[j]);
    return stays;
}

/* ---- D-adaptation: d is a lower estimate of the distance to the solution ---- */

#define D0_ROW                                                                                                         \
    { "d0", 1e-6, "(0,inf)", "first estimate of the distance: too large cannot be undone" }
#define GROWTH_RATE_ROW                                                                                                \
    { "growth_rate", HUGE_VAL, "[1,inf]", "bound on the growth of d in a step; 1.02 acts as a warmup" }
#define D_FIELD                                                                                                        \
    {                                                                                                                  \
        "d", "estimated distance to the solution", FIELD(OF_METHOD, memory_t, d), .initial_option = "d0",              \
                                                                                  .step_factor = true                  \
    }

/* d as an estimate d_hat, which may be negative, raises it. */
static inline double raised(double d, double d_hat, double growth_rate) {
    return fmax(d, fmin(d_hat, d * growth_rate));
}

/* The end of a step: moves by this kernel, with d as it is, and raises d to the estimate numerator / norm. Where the
 * norm is 0 nothing is known yet and nothing moves: false. */
static inline bool dadapt_move(step_t *s, int kernel, double *d, double numerator, double norm, double growth_rate) {
    if (norm == 0)
        return false;
    step_update(s, kernel, NULL);
    *d = raised(*d, numerator / norm, growth_rate);
    return true;
}

#endif
