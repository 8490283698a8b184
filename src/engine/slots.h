/* What the plan measures before it takes memory, so that it either has all of it or has changed nothing. */
#ifndef ENGINE_SLOTS_H
#define ENGINE_SLOTS_H

#include "engine/engine.h"

typedef struct needs {
    size_t arena, kept;  /* bytes of states, and of those that live between steps */
    room_t large, small; /* for whole-tensor kernels: in all, and of each part */
    size_t effort;       /* elements, those of whole tensors several times */
    size_t tiles, rows;
    size_t widened; /* most tiles of short states that a kernel needs at once */
    size_t axes;    /* of tensors with PER_AXIS states, once for each */
    bool sums_rows, has_codes;
    bool orders; /* a method draws places of components */
} needs_t;

/* Measures everything, and the tiles of every tensor. Errors: SIZE. */
optim_status needs_of(const engine_t *engine, needs_t *needs);

/* Whether the state has memory: never of a tensor that another rank keeps; of one that never had a gradient only those
 * that averages keep of it or that OPTIM_EVAL_HVP hands out. */
static inline bool state_has_memory(const state_t *state, const tensor_t *tensor) {
    return !tensor_is_elsewhere(tensor) &&
           (tensor->states_taken || state->of_frozen || state->role == DIRECTION || state->role == PRODUCT);
}
/* Bytes of the states that plan_take_states takes for this tensor, and of those among them that live between steps.
 * Error: SIZE. */
optim_status states_measure(const engine_t *engine, const tensor_t *tensor, size_t *bytes, size_t *kept);
/* Bytes before row `state` of a table: states of long tensors begin at different places of a page, because streams at
 * the same place get in each other's way. */
size_t state_skew(const tensor_t *tensor, size_t state);

#endif
