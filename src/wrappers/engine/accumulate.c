/*
 * The engine's third station from outside: the sum that optim_accumulate adds gradients to, and their mean in place of
 * the bound gradients when the step is taken. What is added has been scaled by the stations outside.
 *
 *     optim_accumulate:  g <- g min(1, accumulate_clip / |g|),   sum <- sum + g,   count <- count + 1
 *     optim_step, if count > 0:  g <- sum / count,  or scale sum after optim_accumulate_scale
 */
#include <math.h>
#include <string.h>

#include "engine/handle_option.h"
#include "engine/method.h"

static const option_t OPTIONS[] = {
    [ACCUMULATE] = {"accumulate", 0, "0|1", "take memory for optim_accumulate"},
    [ACCUMULATE_CLIP] = {"accumulate_clip", 0, "[0,inf)",
                         "bound on the norm of each gradient that is accumulated; 0: none", .zero_apart = true},
    {0},
};

enum { SUM = ACCUMULATE_SUM, FACTOR = ACCUMULATE_STATES };
static const state_t STATE[] = {
    [ACCUMULATE_COUNT] = {"accumulated", "gradients in the sum", PER_METHOD, KEPT},
    [ACCUMULATE_LOSS] = {"accumulated_loss", "sum of their losses", PER_METHOD, KEPT},
    [SUM] = {"sum", "of the gradients since the last evaluation", LIKE_PARAM, KEPT, .when = "accumulate"},
    [FACTOR] = {"accumulate_factor", "that brings a gradient's norm to its bound", PER_METHOD, WITHIN_STEP},
    {0},
};

typedef struct constants {
    double factor, on_sum;
    bool begins;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){
        .factor = *group->scalar[FACTOR],
        .on_sum = group->step->accumulation_factor,
        .begins = *group->scalar[ACCUMULATE_COUNT] == 0,
    };
}

static void squares(const tile_t *t) {
    const real *g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = (double)g[i] * (double)g[i];
}

/* A frozen tensor has no gradient, and no sum if it never had one; otherwise its sum begins at 0 too, for it may
   thaw. */
static void add(const tile_t *t) {
    const constants_t *k = t->constants;
    const real factor = (real)k->factor;
    real *restrict sum = t->state[SUM];
    const real *restrict g = t->g;
    if (sum == NULL)
        return;
    if (k->begins)
        memset(sum, 0, t->n * sizeof *sum);
    for (size_t i = 0; g != NULL && i < t->n; ++i)
        sum[i] += factor * g[i];
}

static void mean(const tile_t *t) {
    const real factor = (real)((const constants_t *)t->constants)->on_sum;
    const real *restrict sum = t->state[SUM];
    real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        g[i] = factor * sum[i];
}

enum { SQUARES, ADD, MEAN };

static optim_status advance(step_t *s) {
    if (s->accumulation == ACCUMULATION_MEAN)
        step_filter(s, MEAN, NULL);
    if (s->accumulation != ACCUMULATION_ADDS)
        return OPTIM_OK;
    const double bound = s->option[ACCUMULATE_CLIP];
    const double norm = bound > 0 ? sqrt(step_reduce(s, SQUARES, NULL, 1)[0]) : 0;
    *s->scalar[FACTOR] = norm > bound ? bound / norm : 1;
    step_update(s, ADD, NULL);
    *s->scalar[ACCUMULATE_COUNT] += 1;
    *s->scalar[ACCUMULATE_LOSS] += s->loss;
    return OPTIM_OK;
}

const method_t METHOD(accumulate) = {
    .name = "accumulate",
    .purpose = "mean of the gradients of several micro-batches",
    .options = OPTIONS,
    .states = STATE,
    .flags = INCLUDES_FROZEN,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares, [ADD] = add, [MEAN] = mean},
};
