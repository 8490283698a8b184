/* Initial values of states. Arrays by element are set tile by tile, each tile by the thread that will work on it: a
 * page lies near the processor that writes it first. All others, which are small, are set by one thread. */
#include <string.h>

#include "engine/engine.h"
#include "engine/part.h"
#include "engine/storage.h"

static void fill(const tensor_t *tensor, void *to, size_t reals, double value) {
    if (tensor_precision(tensor) == PRECISION_F64)
        for (size_t i = 0; i < reals; ++i)
            ((double *)to)[i] = value;
    else
        for (size_t i = 0; i < reals; ++i)
            ((float *)to)[i] = (float)value;
}

double state_initial(const station_t *station, const state_t *state, int group) {
    const double *option = station->values[station->per_group ? group : 0].base;
    return state->initial_option == NULL ? state->initial
                                         : method_option(station->method, state->initial_option, option);
}

/* The tile's share of one state; fresh memory is zero already. */
static void reset_state(const engine_t *engine, const station_t *station, size_t k, const tile_t *t, bool fresh,
                        void *room) {
    const state_t *state = &station->method->states[k];
    const slot_t *slot = &station->slot[t->tensor->id * station->states + k];
    const size_t real = tensor_real(t->tensor);
    const double initial = slot->at == NULL ? 0 : state_initial(station, state, t->tensor->group);
    if (fresh && !state->from_param && initial == 0 && !stored_is_codes(slot->form))
        return;
    for (size_t c = 0; slot->at != NULL && c < slot->copies; ++c) {
        void *to = slot->form == STORED_REAL ? (char *)slot->at + c * slot->bytes + t->offset * real : room;
        if (state->from_param)
            storage_read(engine, t->tensor, t->tensor->dtype, t->n,
                         (const char *)t->tensor->data + t->offset * dtype_size(t->tensor->dtype), to);
        else
            fill(t->tensor, to, t->n, initial);
        if (slot->form != STORED_REAL)
            storage_store(engine, slot, c, t, room);
    }
}

/* The tile's share of all states; of them only those that a tensor gets with its first gradient if it `thaws`. */
static void reset_tile(const engine_t *engine, const tile_t *t, bool fresh, bool thaws, void *room) {
    for (int l = 0; l < engine_keepers(engine); ++l) {
        const station_t *station = engine_keeper(engine, l);
        for (size_t k = 0; k < station->states; ++k)
            if (state_is_by_element(&station->method->states[k]) && !(thaws && station->method->states[k].of_frozen))
                reset_state(engine, station, k, t, fresh, room);
    }
}

/* By the thread that will use them, so that the pages lie near it. */
static void reset_part(const engine_t *engine, int part, void *fresh) {
    part_scratch_t *scratch = (void *)(engine->part_scratch + (size_t)part * engine->part_bytes);
    for (size_t tile = engine->part[part]; tile < engine->part[part + 1]; ++tile) {
        const tile_ref_t *ref = &engine->tiles[tile];
        const tile_t t = {.n = ref->n, .tensor = &engine->tensors[ref->tensor], .offset = ref->offset};
        reset_tile(engine, &t, *(const bool *)fresh, false, scratch->p);
    }
}

/* Copies the elements of the parameters that the state keeps: every stride-th one. */
static void read_some(const engine_t *engine, const tensor_t *tensor, size_t reals, size_t stride, char *to) {
    const char *data = tensor->data;
    for (size_t i = 0; i < reals; ++i)
        storage_read(engine, tensor, tensor->dtype, 1, data + i * stride * dtype_size(tensor->dtype),
                     to + i * tensor_real(tensor));
}

/* Sets the states that have not an element for each of the parameter. */
static void reset_rest(const engine_t *engine, station_t *station, const tensor_t *tensor) {
    const double *option = station_option(station, tensor->group);
    for (size_t k = 0; k < station->states; ++k) {
        const state_t *state = &station->method->states[k];
        const slot_t *slot = &station->slot[tensor->id * station->states + k];
        const double initial = slot->at == NULL ? 0 : state_initial(station, state, tensor->group);
        for (size_t c = 0; slot->at != NULL && c < slot->copies; ++c)
            if (!slot->by_element && slot->form != STORED_REAL)
                memset((char *)slot->at + c * slot->bytes, 0, slot->bytes); /* integers and doubles begin at 0 */
            else if (!slot->by_element) {
                const size_t reals = slot->bytes / tensor_real(tensor);
                char *to = (char *)slot->at + c * slot->bytes;
                if (state->from_param)
                    read_some(engine, tensor, slot->elements, state_stride(station->method, state, option), to);
                else
                    fill(tensor, to, reals, initial);
            }
    }
}

void plan_initialise_tensor(const engine_t *engine, const tensor_t *tensor) {
    part_scratch_t *scratch = (void *)engine->part_scratch;
    for (int l = 0; l < engine_keepers(engine); ++l)
        memory_initialise_tensor(engine, engine_keeper(engine, l), tensor);
    for (int l = 0; l < engine_keepers(engine); ++l)
        reset_rest(engine, engine_keeper(engine, l), tensor);
    for (size_t offset = 0; offset < tensor->count; offset += tensor->tile) {
        const size_t left = tensor->count - offset;
        const tile_t t = {.n = left < tensor->tile ? left : tensor->tile, .tensor = tensor, .offset = offset};
        reset_tile(engine, &t, false, true, scratch->p);
    }
}

void plan_initialise(engine_t *engine, bool fresh) {
    for (int l = 0; l < engine_keepers(engine); ++l) {
        station_t *station = engine_keeper(engine, l);
        station->line = 0;
        station->moved = station->holds_gradient = false;
        station->next_sample = method_first_sample(station->method);
        memory_initialise(engine, station);
        for (size_t i = 0; i < engine->tensor_count; ++i) {
            reset_rest(engine, station, &engine->tensors[i]);
        }
        memset(station->sums, 0,
               (engine->tensor_count + (size_t)engine->group_count + 1) * METHOD_SUMS * sizeof(double));
    }
    engine_parallel(engine, reset_part, &fresh);
    for (size_t i = 0; i < engine->tensor_count; ++i)
        engine->tensors[i].steps = 0;
    engine->uncollected = 0;
    engine->unsettled = true;
    engine->draws = 0;
}
