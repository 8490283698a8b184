/*
 * The engine's station between clipping and the methods. Where one method of a handle asks for further evaluations, the
 * others wait for it: its evaluations are at points that differ in its own parameters alone. Meanwhile the caller's
 * buffers and the loss become those of its trial points; what belongs to the step's own point is kept here for the
 * others.
 *
 *     the first gradient that reaches the methods in a step:  held <- g, held loss <- loss
 *     once the method that asks is done, for the others:      g <- held, loss <- held loss
 */
#include <string.h>

#include "engine/engine.h"
#include "engine/handle_option.h"

static const option_t OPTIONS[] = {{0}};

enum { HELD };

static bool waits(const tensor_t *tensor, const double *option) {
    const station_t *asker = engine_asker(tensor->owner->engine);
    (void)option;
    return asker != NULL && tensor->owner != asker;
}

static const state_t STATE[] = {
    [HELD] = {"held", "gradient at the step's own point, of methods that wait", LIKE_PARAM, WITHIN_STEP,
              .exists = waits},
    {0},
};

static void keep(const tile_t *t) {
    if (t->state[HELD] != NULL)
        memcpy(t->state[HELD], t->g, t->n * sizeof(real));
}

static void hand_out(const tile_t *t) {
    if (t->state[HELD] != NULL)
        memcpy(t->g, t->state[HELD], t->n * sizeof(real));
}

enum { KEEP, HAND_OUT };

static optim_status advance(step_t *s) {
    shared_t *m = s->memory;
    const station_t *asker = engine_asker(s->engine);
    if (asker == NULL)
        return OPTIM_OK;
    if (s->first) {
        step_update(s, KEEP, NULL);
        m->loss = s->loss;
    } else if (asker->line == 0) { /* it is done */
        step_filter(s, HAND_OUT, NULL);
        s->loss = m->loss;
    }
    return OPTIM_OK;
}

const method_t METHOD(share) = {
    .name = "share",
    .purpose = "gradients of methods that wait for another one's evaluations",
    .options = OPTIONS,
    .states = STATE,
    .memory = sizeof(shared_t),
    .advance = advance,
    .kernels = {[KEEP] = keep, [HAND_OUT] = hand_out},
};
