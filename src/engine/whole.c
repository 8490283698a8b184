/*
 * What goes by tensors and not by tiles: kernels on whole tensors, outputs, restoring. A parameter that kernels cannot
 * work on where it lies is gathered tile by tile into room that the plan has taken, and put back likewise.
 */
#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"
#include "engine/storage.h"
#include "engine/tile.h"

/* ---- Whole tensors ---- */

/* A tile of tensor `t->tensor`, from `offset` on. */
static tile_t tile_from(const tile_t *t, size_t offset) {
    const size_t left = t->tensor->count - offset, most = t->tensor->tile;
    return (tile_t){.n = left < most ? left : most, .tensor = t->tensor, .offset = offset};
}

static part_scratch_t *first_scratch(const engine_t *engine) {
    return (void *)engine->part_scratch;
}

/* Where one thread works on a whole tensor. */
typedef struct room_at {
    char *work, *p, *g;
    part_scratch_t *scratch;
} room_at_t;

static room_at_t room_at(char *base, const room_t *room, part_scratch_t *scratch) {
    char *p = base + size_aligned(room->work);
    return (room_at_t){.work = base, .p = p, .g = p + size_aligned(room->whole), .scratch = scratch};
}

static room_at_t large_room(const engine_t *engine) {
    return room_at(engine->large_room, &engine->large, first_scratch(engine));
}

static room_at_t small_room(const engine_t *engine, int part) {
    char *base = engine->part_scratch + (size_t)part * engine->part_bytes;
    return room_at(base + engine->part_room, &engine->small, (void *)base);
}

void *whole_room(const engine_t *engine) {
    return large_room(engine).p;
}

static void open_parameter(const engine_t *engine, tile_t *t, const room_at_t *room) {
    const tensor_t *tensor = t->tensor;
    const size_t real = tensor_real(tensor);
    t->p = tensor->data;
    if (tensor->plain_data)
        return;
    t->p = room->p;
    for (size_t offset = 0; offset < tensor->count; offset += tensor->tile) {
        tile_t tile = tile_from(t, offset);
        storage_open_parameters(engine, &tile, room->scratch->p);
        memcpy((char *)t->p + offset * real, tile.p, tile.n * real);
    }
}

void whole_close_parameter(const engine_t *engine, const tile_t *t) {
    const tensor_t *tensor = t->tensor;
    const size_t real = tensor_real(tensor);
    for (size_t offset = 0; t->p != tensor->data && offset < tensor->count; offset += tensor->tile) {
        tile_t tile = tile_from(t, offset);
        storage_replace_parameters(engine, &tile, (const char *)t->p + offset * real);
    }
}

void whole_open_parameter(const engine_t *engine, tile_t *t) {
    const room_at_t room = large_room(engine);
    open_parameter(engine, t, &room);
}

static void open_whole_gradient(const engine_t *engine, tile_t *t, const room_at_t *room) {
    const tensor_t *tensor = t->tensor;
    const size_t real = tensor_real(tensor);
    t->g = tensor->grad;
    if (engine->filters.count == 0 && tensor->plain_grad && engine_reads_gradient(engine, tensor))
        return;
    t->g = room->g;
    for (size_t offset = 0; offset < tensor->count; offset += tensor->tile) {
        tile_t tile = tile_from(t, offset);
        char *at = (char *)t->g + offset * real;
        tile.p = (char *)t->p + offset * real;
        tile_open_gradient(engine, &tile, at, room->scratch);
    }
}

static void run_whole(const engine_t *engine, const tensor_t *tensor, const call_t *call, const room_at_t *room) {
    tile_t t = {.n = tensor->count, .tensor = tensor, .work = room->work};
    open_parameter(engine, &t, room);
    open_whole_gradient(engine, &t, room);
    tile_run(engine, &t, call, room->scratch);
    whole_close_parameter(engine, &t);
}

static bool takes_whole(const call_t *call, const tensor_t *tensor) {
    return station_takes(call->station, tensor) && tensor_is_whole(tensor, call->station->method) &&
           tensor->count > 0 && !tensor_is_elsewhere(tensor);
}

/* Small tensors go to the threads one by one: whose turn it is does not show in the bits. */
typedef struct small_tensors {
    const call_t *call;
    atomic_size_t next;
} small_tensors_t;

static void run_small(const engine_t *engine, int part, void *context) {
    small_tensors_t *tensors = context;
    const room_at_t room = small_room(engine, part);
    for (size_t i; (i = atomic_fetch_add(&tensors->next, 1)) < engine->tensor_count;) {
        const tensor_t *tensor = &engine->tensors[i];
        if (tensor_is_small(tensor) && takes_whole(tensors->call, tensor))
            run_whole(engine, tensor, tensors->call, &room);
    }
}

void pass_tensors(engine_t *engine, const call_t *call) {
    small_tensors_t small = {.call = call};
    const room_at_t room = large_room(engine);
    pass_flush(engine, NULL);
    engine_parallel(engine, run_small, &small);
    for (size_t i = 0; i < engine->tensor_count; ++i)
        if (!tensor_is_small(&engine->tensors[i]) && takes_whole(call, &engine->tensors[i]))
            run_whole(engine, &engine->tensors[i], call, &room);
}

void pass_tensors_in_turn(engine_t *engine, const call_t *call) {
    const room_at_t small = small_room(engine, 0), large = large_room(engine);
    pass_flush(engine, NULL);
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        const tensor_t *tensor = &engine->tensors[i];
        if (takes_whole(call, tensor))
            run_whole(engine, tensor, call, tensor_is_small(tensor) ? &small : &large);
    }
}

/* ---- Output and restoring ---- */

void pass_output(const engine_t *engine, const station_t *station, size_t i, const char *constants, void *out) {
    part_scratch_t *scratch = first_scratch(engine);
    const tile_t whole = {.tensor = &engine->tensors[i]};
    for (size_t offset = 0; offset < whole.tensor->count; offset += whole.tensor->tile) {
        tile_t t = tile_from(&whole, offset);
        t.out = scratch->g;
        storage_open_parameters(engine, &t, scratch->p);
        tile_bind(engine, &t, &(call_t){.station = station}, scratch);
        t.constants = constants;
        station->typed.precision[tensor_precision(t.tensor)]->output(&t);
        storage_write(engine, t.tensor, t.tensor->dtype, t.n, t.out,
                      (char *)out + offset * dtype_size(t.tensor->dtype));
    }
}

void pass_restore(engine_t *engine, const station_t *station) {
    for (size_t i = 0; i < engine->tensor_count; ++i)
        for (size_t k = 0; k < station->states; ++k) {
            const tile_t whole = {.tensor = &engine->tensors[i]};
            const char *saved = station->slot[i * station->states + k].at;
            if (station->method->states[k].role != RESTORE_POINT || !station_takes(station, &engine->tensors[i]) ||
                saved == NULL)
                continue;
            for (size_t offset = 0; offset < whole.tensor->count; offset += whole.tensor->tile) {
                tile_t t = tile_from(&whole, offset);
                storage_replace_parameters(engine, &t, saved + offset * tensor_real(t.tensor));
            }
        }
}
