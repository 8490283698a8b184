#include "engine/tile.h"

#include <string.h>

#include "engine/storage.h"

/* One copy of a state for the tile: in place, or widened into `room`. */
static void *bind_state(const engine_t *engine, const tile_t *t, const slot_t *slot, size_t copy, void *room) {
    if (slot->form == STORED_REAL)
        return (char *)slot->at + copy * slot->bytes + t->offset * tensor_real(t->tensor);
    storage_load(engine, slot, copy, t, room);
    return room;
}

void tile_bind(const engine_t *engine, tile_t *t, const call_t *call, part_scratch_t *room) {
    const station_t *station = call->station;
    const size_t tensor = t->tensor->id;
    const slot_t *slot = station->slot + tensor * station->states;
    size_t widened = 0;
    t->stride = t->tensor->stride;
    t->slot = slot;
    for (size_t k = 0; k < station->states; ++k, ++slot) {
        t->state[k] =
            slot->by_element && slot->at != NULL ? bind_state(engine, t, slot, 0, room->state[widened]) : slot->at;
        if (!slot->widened)
            continue;
        t->stride = sizeof *room->state / tensor_real(t->tensor);
        for (size_t c = 1; slot->at != NULL && c < slot->copies; ++c)
            (void)bind_state(engine, t, slot, c, room->state[widened + c]);
        widened += slot->copies;
    }
    t->constants = call->constants == NULL ? NULL : tensor_constants(engine, t->tensor, call->constants);
    t->arguments = call->arguments;
    t->memory = station->tensor_memory == NULL ? NULL : station->tensor_memory[tensor];
    t->input = INPUT_OWNER_TENSORS + tensor < station->input_owners
                   ? station->inputs + (INPUT_OWNER_TENSORS + tensor) * station->input_rows
                   : NULL;
    t->tensor_sum = station->sums + tensor * METHOD_SUMS;
    t->row_sum = station->row_sums == NULL ? NULL : station->row_sums + t->tensor->first_row * METHOD_ROW_SUMS;
}

/*
 * Encoding in 8 or 4 bits what was decoded from them need not give the same bits: where a step has several evaluations,
 * states that it only read are left as they are, so that cancelling finds them untouched. `spare` takes them decoded
 * once more.
 */
static bool was_only_read(const engine_t *engine, const tile_t *t, const slot_t *slot, size_t copy, const void *reals,
                          void *spare) {
    if (!stored_is_codes(slot->form))
        return false;
    storage_load(engine, slot, copy, t, spare);
    return memcmp(spare, reals, t->n * tensor_real(t->tensor)) == 0;
}

void tile_unbind(const engine_t *engine, const tile_t *t, const station_t *station, part_scratch_t *room) {
    const bool asks = station->method->flags & REQUESTS;
    const slot_t *slot = station->slot + t->tensor->id * station->states;
    size_t widened = 0;
    for (size_t k = 0; k < station->states; ++k, ++slot)
        for (size_t c = 0; slot->widened && c < slot->copies; ++c, ++widened)
            if (!asks || !was_only_read(engine, t, slot, c, room->state[widened], room->spare))
                storage_store(engine, slot, c, t, room->state[widened]);
}

/* The wrapper's states with a copy for each first moment, at the copy for this one. */
static void bind_per_moment(const tile_t *t, const station_t *station, size_t moment, void **state) {
    const slot_t *slot = station->slot + t->tensor->id * station->states;
    for (size_t k = 0; k < station->states; ++k)
        if (station->method->states[k].per_moment && slot[k].at != NULL)
            state[k] = (char *)slot[k].at + moment * slot[k].bytes + t->offset * tensor_real(t->tensor);
}

/* Runs the kernel once for each first moment that the inner method keeps. */
static void run_moments(const engine_t *engine, tile_t *t, const station_t *station, kernel_t *kernel,
                        part_scratch_t *room) {
    const station_t *owner = t->tensor->owner;
    size_t moment = 0;
    for (size_t k = 0; k < owner->states; ++k) {
        const slot_t *slot = &owner->slot[t->tensor->id * owner->states + k];
        if (owner->method->states[k].role != FIRST_MOMENT || slot->at == NULL || !slot->by_element)
            continue;
        for (size_t c = 0; c < slot->copies; ++c, ++moment) {
            bind_per_moment(t, station, moment, t->state);
            t->moment = bind_state(engine, t, slot, c, room->state[0]);
            kernel(t);
            if (slot->form != STORED_REAL)
                storage_store(engine, slot, c, t, t->moment);
        }
    }
}

void tile_run(const engine_t *engine, tile_t *t, const call_t *call, part_scratch_t *room) {
    const station_t *station = call->station;
    tile_bind(engine, t, call, room);
    kernel_t *run = station->typed.precision[tensor_precision(t->tensor)]->kernels[call->kernel];
    if (call->kernel != 0 && call->kernel == station->method->moment_kernel)
        run_moments(engine, t, station, run, room);
    else
        run(t);
    if (station->any_short)
        tile_unbind(engine, t, station, room);
}

void tile_open_gradient(const engine_t *engine, tile_t *t, void *room, part_scratch_t *scratch) {
    if (!engine_reads_gradient(engine, t->tensor)) {
        t->g = room; /* a method of values does not look at it */
        if (!t->tensor->gradient_free)
            memset(room, 0, t->n * tensor_real(t->tensor));
        return;
    }
    void *grad = tile_gradient(t);
    t->g = grad;
    if (engine->filters.count > 0 || !t->tensor->plain_grad) {
        t->g = room;
        storage_read(engine, t->tensor, t->tensor->grad_dtype, t->n, grad, room);
    }
    for (int i = 0; i < engine->filters.count; ++i) {
        const call_t *filter = &engine->filters.entry[i];
        if (station_has(filter->station, t->tensor))
            tile_run(engine, t, filter, scratch);
    }
}
