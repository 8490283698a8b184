/*
 * The engine's third station from outside: the sum that optim_accumulate adds gradients to, and their mean in place of
 * the bound gradients when the step is taken. What is added has been scaled by the stations outside.
 *
 *     optim_accumulate:  g <- g min(1, accumulate_clip / |g|),   sum <- sum + g,   count <- count + 1
 *     optim_step, if count > 0:  g <- sum / count,  or scale sum after optim_accumulate_scale
 */
#include <math.h>
#include <string.h>

#include "blocks/reduce.h"
#include "engine/handle_option.h"

static const option_t OPTIONS[] = {
    [ACCUMULATE] = {"accumulate", 0, "0|1", "take memory for optim_accumulate"},
    [ACCUMULATE_CLIP] = {"accumulate_clip", 0, "[0,inf)",
                         "bound on the norm of each gradient that is accumulated; 0: none", .zero_apart = true},
    {0},
};

static const state_t STATE[] = {
    [ACCUMULATE_SUM] = {"sum", "of the gradients since the last evaluation", LIKE_PARAM, KEPT, .when = "accumulate"},
    {0},
};

static const field_t FIELDS[] = {
    {"accumulated", "gradients in the sum", FIELD(OF_METHOD, accumulated_t, count)},
    {"accumulated_loss", "sum of their losses", FIELD(OF_METHOD, accumulated_t, loss)},
    {0},
};

typedef struct add {
    double factor; /* that brings a gradient's norm to its bound */
    bool begins;   /* the sum */
} add_t;
typedef struct mean {
    double factor; /* on the sum */
} mean_t;

/* A frozen tensor has no gradient, and no sum if it never had one; otherwise its sum begins at 0 too, for it may
   thaw. */
static void add(const tile_t *t) {
    const add_t *a = t->arguments;
    const real factor = (real)a->factor;
    real *restrict sum = t->state[ACCUMULATE_SUM];
    const real *restrict g = t->g;
    if (sum == NULL)
        return;
    if (a->begins)
        memset(sum, 0, t->n * sizeof *sum);
    for (size_t i = 0; g != NULL && i < t->n; ++i)
        sum[i] += factor * g[i];
}

static void mean(const tile_t *t) {
    const real factor = (real)((const mean_t *)t->arguments)->factor;
    const real *restrict sum = t->state[ACCUMULATE_SUM];
    real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        g[i] = factor * sum[i];
}

enum { SQUARES, ADD, MEAN };

static optim_status advance(step_t *s) {
    accumulated_t *m = s->memory;
    if (s->accumulation == ACCUMULATION_MEAN)
        step_filter(s, MEAN, &(mean_t){s->accumulation_factor});
    if (s->accumulation != ACCUMULATION_ADDS)
        return OPTIM_OK;
    const double bound = s->option[ACCUMULATE_CLIP];
    const double norm = bound > 0 ? sqrt(step_sums(s, SQUARES, NULL, 1)[0]) : 0;
    step_update(s, ADD, &(add_t){.factor = norm > bound ? bound / norm : 1, .begins = m->count == 0});
    ++m->count;
    m->loss += s->loss;
    return OPTIM_OK;
}

const method_t METHOD(accumulate) = {
    .name = "accumulate",
    .purpose = "mean of the gradients of several micro-batches",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .memory = sizeof(accumulated_t),
    .flags = INCLUDES_FROZEN,
    .advance = advance,
    .kernels = {[SQUARES] = squares, [ADD] = add, [MEAN] = mean},
    .arguments = {[ADD] = sizeof(add_t), [MEAN] = sizeof(mean_t)},
};
