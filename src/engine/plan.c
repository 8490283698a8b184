/*
 * The plan: what the first step decides once, when the list of parameters is complete, so that later steps neither
 * allocate nor decide anything. It holds the list of tiles, who works on which of them, and the memory.
 *
 * Tiles. Every tensor is cut into runs of consecutive elements, short enough that a tile's parameters, gradient and
 * states stay in a cache while several kernels run on them. Threads get runs of tiles, equal in elements plus a fixed
 * cost a tile, so that ten thousand small tensors cost little more than one large one. Which thread works on a tile
 * never decides a bit.
 *
 *     tensors      | weight                     | bias |
 *     tiles        | 0      | 1      | 2        | 3    |     cut by tiles_cut
 *     shares       | thread 0        | thread 1        |     cut by tiles_share
 *
 * Memory is of four kinds, which differ in who needs it and for how long:
 *
 *     arena         states, row after row of a state table, each over all tensors:
 *                   | m of weight | m of bias | v of weight | v of bias | ... next station |
 *                   (a pass over many small tensors runs along few streams; an `undone` state has its copy behind it)
 *     scratch       | tiles | sums by tile | arguments | room for large whole tensors | for each station: slots, memory
 *                   structs and their backup, sums |
 *     part_scratch  | share 0 | share 1 | ...: a widened tile, the terms of a reduction, widened states, small tensors
 *     cohorts.c     what prepare fills for each call that is queued, by cohort and precision
 *
 * The arena must be zeroed, and each thread touches its own share of it first, so that its pages lie near that thread;
 * the rest need not be zero. States of a tensor that never had a gradient are not in the arena: plan_take_states gives
 * them a block of their own when the tensor thaws.
 *
 * How much is needed is asked once: slots_fill (slots.c) says what a tensor has of each state under its options, and
 * measuring, placing, checkpoints and optim_set all use its answer. scratch_lay_out is written so that the same walk
 * measures (over a region without a base) and assigns: the two cannot disagree. plan_build measures first, takes all,
 * and calls the engine planned only when it has it: where memory is short the caller's handle is as it was, and
 * optim_memory has told the truth before.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/engine.h"
#include "engine/part.h"
#include "engine/rows.h"
#include "engine/slots.h"
#include "engine/storage.h"

/* Memory from which parts are taken one after the other; with base NULL it only counts. */
typedef struct region {
    char *base;
    size_t used;
} region_t;

static void *region_take(region_t *region, size_t count, size_t size) {
    void *taken = region->base == NULL ? NULL : region->base + region->used;
    region->used += size_aligned(count * size);
    return taken;
}

static size_t room_bytes(const room_t *room) {
    return size_aligned(room->work) + 2 * size_aligned(room->whole);
}

/* The most bytes of arguments that a kernel of any station takes. */
static size_t most_arguments(const engine_t *engine) {
    size_t most = 0;
    for (int l = 0; l < engine->station_count; ++l)
        for (int k = 0; k < METHOD_KERNELS; ++k) {
            const size_t bytes = size_aligned(engine->stations[l]->method->arguments[k]);
            most = bytes > most ? bytes : most;
        }
    return most;
}

/* The most bytes that a station's prepare fills for one precision; and which precisions the tensors have. */
static void measure_constants(engine_t *engine) {
    bool has[PRECISIONS] = {false, false};
    for (size_t i = 0; i < engine->tensor_count; ++i)
        has[tensor_precision(&engine->tensors[i])] = true;
    engine->precision_count = has[PRECISION_F32] && has[PRECISION_F64] ? PRECISIONS : 1;
    engine->precision = has[PRECISION_F64] ? PRECISION_F64 : PRECISION_F32;
    engine->constants_bytes = 0;
    for (int l = 0; l < engine->station_count; ++l) {
        enum { WIDEST = 16 };
        const size_t bytes = (engine->stations[l]->method->constants + WIDEST - 1) / WIDEST * WIDEST;
        engine->constants_bytes = bytes > engine->constants_bytes ? bytes : engine->constants_bytes;
    }
}

/* Everything but the states, in one region; the same walk measures and assigns. */
static void scratch_lay_out(engine_t *engine, const needs_t *needs, region_t *region) {
    const size_t groups = (size_t)engine->group_count, tensors = engine->tensor_count;
    measure_constants(engine);
    engine->tiles = region_take(region, needs->tiles, sizeof *engine->tiles);
    engine->partial = region_take(region, needs->tiles * METHOD_SUMS, sizeof *engine->partial);
    engine->edge = region_take(region, needs->sums_rows ? needs->tiles * 2 * METHOD_ROW_SUMS : 0, sizeof *engine->edge);
    engine->arguments_bytes = most_arguments(engine);
    engine->arguments = region_take(region, (size_t)2 * (QUEUE_LENGTH + 1), engine->arguments_bytes);
    engine->axes = region_take(region, needs->axes, sizeof *engine->axes);
    engine->effort = needs->effort;
    engine->large = needs->large;
    engine->small = needs->small;
    engine->large_room = region_take(region, room_bytes(&needs->large), 1);
    const size_t constraints = engine_constraints(engine);
    engine->constraint = region_take(region, constraints, sizeof *engine->constraint);
    engine->weights = region_take(region, constraints, sizeof *engine->weights);
    engine->asked_weights = region_take(region, constraints, sizeof *engine->asked_weights);
    engine->order = region_take(region, needs->orders ? (size_t)engine->components : 0, sizeof *engine->order);
    engine->tables = region_take(region, needs->has_codes ? QUANTIZE_TABLES : 0, sizeof *engine->tables);
    if (!needs->has_codes)
        engine->tables = NULL;
    for (int l = 0; l < engine_keepers(engine); ++l) {
        station_t *station = engine_keeper(engine, l);
        const bool backs_up = (station->method->flags & REQUESTS) || engine_rewinds(engine, station);
        station->states = state_count(station->method->states);
        station->slot = region_take(region, tensors * station->states, sizeof *station->slot);
        station->memory_bytes = memory_bytes(engine, station);
        station->memory = region_take(region, station->memory_bytes, 1);
        station->memory_backup = region_take(region, backs_up ? station->memory_bytes : 0, 1);
        station->group_memory = region_take(region, station->memory_bytes > 0 ? groups : 0, sizeof(void *));
        station->cohort_memory = region_take(region, station->memory_bytes > 0 ? groups : 0, sizeof(void *));
        station->tensor_memory = region_take(region, station->memory_bytes > 0 ? tensors : 0, sizeof(void *));
        if (station->memory_bytes == 0)
            station->group_memory = station->cohort_memory = station->tensor_memory = NULL;
        station->sums = region_take(region, (tensors + groups + 1) * METHOD_SUMS, sizeof *station->sums);
        station->row_sums =
            region_take(region, station->method->flags & SUMS_ROWS ? needs->rows * METHOD_ROW_SUMS : 0, sizeof(double));
    }
}

/* How many threads a pass of this effort is worth. */
static int parts_for(size_t effort, int threads) {
    enum { ELEMENTS_WORTH_A_THREAD = 32768 };
    const size_t useful = effort / ELEMENTS_WORTH_A_THREAD + 1;
    return useful < (size_t)threads ? (int)useful : threads;
}

static size_t part_bytes(const needs_t *needs) {
    return size_aligned(part_room(needs->widened) + room_bytes(&needs->small) + PART_PADDING);
}

/* Bytes that plan_share takes. */
static size_t share_bytes(int parts, size_t bytes) {
    return (size_t)parts * bytes + ((size_t)parts + 1) * sizeof(size_t);
}

optim_status plan_measure(const engine_t *engine, size_t *state_bytes, size_t *scratch_bytes) {
    if (engine->planned) {
        *state_bytes = engine->state_bytes;
        *scratch_bytes = engine->scratch_bytes + cohorts_bytes(engine, engine->cohort_room) +
                         share_bytes(engine->parts, engine->part_bytes);
        return OPTIM_OK;
    }
    needs_t needs;
    const optim_status status = needs_of(engine, &needs);
    if (status != OPTIM_OK)
        return status;
    region_t region = {NULL, 0};
    size_t memory = 0;
    engine_t measured = *engine; /* takes the NULL pointers of a layout that only counts */
    scratch_lay_out(&measured, &needs, &region);
    for (int l = 0; l < engine_keepers(engine); ++l)
        memory += memory_kept_bytes(engine, engine_keeper(engine, l));
    *state_bytes = needs.kept + memory;
    *scratch_bytes = memory_zeroed_size(needs.arena) - needs.kept + region.used - memory +
                     cohorts_bytes(&measured, cohorts_least(engine)) +
                     share_bytes(parts_for(needs.effort, engine->threads), part_bytes(&needs));
    return OPTIM_OK;
}

/* ---- Layout ---- */

static void tiles_cut(engine_t *engine) {
    size_t flat = 0, row = 0, tile = 0;
    for (int l = 0; l < engine->method_count; ++l)
        engine->stations[l]->own_elements = 0;
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        tensor_t *tensor = &engine->tensors[i];
        tensor->first_of_all = flat;
        tensor->first_of_method = tensor->owner->own_elements;
        tensor->owner->own_elements += tensor->count;
        tensor->first_row = row;
        tensor->stride = size_aligned(tensor->count * tensor_real(tensor)) / tensor_real(tensor);
        flat += tensor->count;
        row += tensor_rows(tensor);
        for (size_t offset = 0; offset < tensor->count; offset += tensor->tile) {
            const size_t left = tensor->count - offset;
            engine->tiles[tile++] = (tile_ref_t){i, offset, (uint32_t)(left < tensor->tile ? left : tensor->tile)};
        }
    }
    engine->tile_count = tile;
    engine->element_count = flat;
    engine->row_count = row;
}

/* Gives a state of a tensor its memory. */
static void slot_place(station_t *station, size_t k, const tensor_t *tensor, region_t *arena) {
    slot_t *slot = &station->slot[tensor->id * station->states + k];
    if (slot->copies == 0)
        return;
    arena->used += state_skew(tensor, k);
    slot->at = slot->elements == 0 ? NULL : region_take(arena, slot->copies, slot->bytes);
    if (state_is_undone(station->engine, station, &station->method->states[k]) && slot->at != NULL)
        slot->undo = region_take(arena, slot->copies, slot->bytes);
    station->undoes |= slot->undo != NULL;
    station->any_short |= slot->widened;
}

/* Where each axis of PER_AXIS states begins; `next` is what is left of the room for that. */
static size_t *axes_place(const station_t *station, const tensor_t *tensor, size_t *next) {
    for (size_t k = 0; k < station->states; ++k) {
        const state_t *state = &station->method->states[k];
        slot_t *slot = &station->slot[tensor->id * station->states + k];
        size_t begin = 0;
        if (state->shape != PER_AXIS)
            continue;
        slot->axis = next;
        for (int axis = 0; axis < tensor_axes(tensor); ++axis) {
            const size_t bytes = state_axis_bytes(state, tensor, station_option(station, tensor->group), axis);
            slot->axis[axis] = bytes == 0 ? SIZE_MAX : begin;
            begin += bytes;
        }
        next += tensor_axes(tensor);
    }
    return next;
}

/* State after state, each over all tensors: a pass over many small tensors then runs along few streams of memory. */
static void station_place(engine_t *engine, station_t *station, region_t *arena, size_t **axes) {
    station->any_short = station->undoes = false;
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        const tensor_t *tensor = &engine->tensors[i];
        slot_t *slot = station->slot + i * station->states;
        memset(slot, 0, station->states * sizeof *slot);
        if (!station_has(station, tensor))
            continue;
        (void)slots_fill(engine, station, tensor, station_option(station, tensor->group), slot); /* it was measured */
        *axes = axes_place(station, tensor, *axes);
    }
    for (size_t k = 0; k < station->states; ++k)
        for (size_t i = 0; i < engine->tensor_count; ++i) {
            const tensor_t *tensor = &engine->tensors[i];
            const state_t *state = &station->method->states[k];
            if (state_has_memory(state, tensor))
                slot_place(station, k, tensor, arena);
        }
}

optim_status plan_take_states(engine_t *engine, tensor_t *tensor) {
    size_t bytes, kept;
    tensor->states_taken |= tensor_is_elsewhere(tensor); /* there */
    if (tensor->states_taken)
        return OPTIM_OK;
    const optim_status status = states_measure(engine, tensor, &bytes, &kept);
    if (status != OPTIM_OK)
        return status;
    region_t arena = {memory_zeroed(bytes, &tensor->arena), 0};
    if (arena.base == NULL)
        return error_set(OPTIM_ERR_NOMEM, "out of memory while taking %zu bytes of state for parameter \"%s\"", bytes,
                         tensor->name);
    for (int l = 0; l < engine_keepers(engine); ++l) {
        station_t *station = engine_keeper(engine, l);
        for (size_t k = 0; k < station->states; ++k) {
            const state_t *state = &station->method->states[k];
            if (!state_has_memory(state, tensor))
                slot_place(station, k, tensor, &arena);
        }
    }
    tensor->states_taken = true;
    engine->state_bytes += kept;
    engine->scratch_bytes += memory_zeroed_size(bytes) - kept;
    plan_bind(engine, tensor);
    plan_initialise_tensor(engine, tensor);
    return OPTIM_OK;
}

void plan_drop_states(engine_t *engine, tensor_t *tensor) {
    size_t bytes, kept;
    tensor->states_taken = false;
    if (tensor_is_elsewhere(tensor))
        return;
    (void)states_measure(engine, tensor, &bytes, &kept); /* it has succeeded before */
    engine->state_bytes -= kept;
    engine->scratch_bytes += kept; /* what the plan took is not given back ... */
    if (tensor->arena != NULL)
        engine->scratch_bytes -= memory_zeroed_size(bytes); /* ... its own is */
    for (int l = 0; l < engine_keepers(engine); ++l) {
        const station_t *station = engine_keeper(engine, l);
        for (size_t k = 0; k < station->states; ++k) {
            const state_t *state = &station->method->states[k];
            slot_t *slot = &station->slot[tensor->id * station->states + k];
            if (!state_has_memory(state, tensor))
                slot->at = slot->undo = NULL;
        }
    }
    free(tensor->arena);
    tensor->arena = NULL;
    plan_bind(engine, tensor);
}

/* What a tile costs: its elements and a fixed number more; nothing if another rank has it. */
static size_t tile_cost(const engine_t *engine, size_t tile) {
    enum { TILE_COST = 64 };
    const tile_ref_t *ref = &engine->tiles[tile];
    return tensor_is_elsewhere(&engine->tensors[ref->tensor]) ? 0 : ref->n + TILE_COST;
}

/* Which tiles each part gets: equal shares of the cost. */
static void tiles_share(const engine_t *engine, size_t *part, int parts) {
    size_t cost = 0, done = 0, tile = 0;
    for (size_t i = 0; i < engine->tile_count; ++i)
        cost += tile_cost(engine, i);
    for (int i = 0; i < parts; ++i) {
        part[i] = tile;
        const double end = (double)cost * (i + 1) / parts;
        for (; tile < engine->tile_count && (double)done < end; ++tile)
            done += tile_cost(engine, tile);
    }
    part[parts] = engine->tile_count;
}

optim_status plan_share(engine_t *engine, int threads) {
    const int parts = parts_for(engine->effort, threads);
    size_t *part = malloc(((size_t)parts + 1) * sizeof *part);
    char *scratch = memory_aligned((size_t)parts * engine->part_bytes);
    if (part == NULL || scratch == NULL) {
        free(part);
        free(scratch);
        return error_nomem("sharing the work among threads");
    }
    tiles_share(engine, part, parts);
    free(engine->part);
    free(engine->part_scratch);
    engine->part = part;
    engine->part_scratch = scratch;
    engine->parts = parts;
    return OPTIM_OK;
}

optim_status plan_build(engine_t *engine) {
    needs_t needs;
    size_t state_bytes, scratch_bytes;
    optim_status status = plan_measure(engine, &state_bytes, &scratch_bytes);
    if (status != OPTIM_OK || (status = needs_of(engine, &needs)) != OPTIM_OK)
        return status;
    region_t measure = {NULL, 0};
    scratch_lay_out(engine, &needs, &measure);
    void *arena;
    char *states_base = memory_zeroed(needs.arena, &arena), *scratch = memory_aligned(measure.used);
    if (states_base == NULL || scratch == NULL) {
        free(arena);
        free(scratch);
        return error_set(OPTIM_ERR_NOMEM, "out of memory while taking %zu bytes of state and %zu of scratch",
                         state_bytes, scratch_bytes);
    }
    region_t region = {scratch, 0}, states = {states_base, 0};
    scratch_lay_out(engine, &needs, &region);
    tiles_cut(engine);
    size_t *axes = engine->axes;
    for (int l = 0; l < engine_keepers(engine); ++l)
        station_place(engine, engine_keeper(engine, l), &states, &axes);
    engine->part_bytes = part_bytes(&needs);
    engine->part_room = part_room(needs.widened);
    for (int i = 0; engine->tables != NULL && i < QUANTIZE_TABLES; ++i)
        engine->primitives->quantizer->make(&engine->tables[i], i < 2 ? 8 : 4, i % 2 == 0);
    status = plan_share(engine, engine->threads);
    if (status != OPTIM_OK) {
        free(arena);
        free(scratch);
        return status;
    }
    engine->arena = arena;
    engine->scratch = scratch;
    engine->state_bytes = state_bytes;
    engine->scratch_bytes =
        scratch_bytes - share_bytes(engine->parts, engine->part_bytes) - cohorts_bytes(engine, cohorts_least(engine));
    engine->planned = true;
    for (size_t i = 0; i < engine->tensor_count; ++i)
        plan_bind(engine, &engine->tensors[i]);
    plan_initialise(engine, true);
    status = cohorts_settle(engine);
    if (status != OPTIM_OK)
        plan_free(engine);
    return status;
}

void plan_bind(const engine_t *engine, tensor_t *tensor) {
    tensor->plain_data = storage_in_place(engine, tensor);
    tensor->plain_grad =
        storage_is_real(tensor, tensor->grad_dtype, tensor->rows != NULL ? tensor->rows->values : tensor->grad);
}

void plan_let_go(engine_t *engine) {
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        tensor_t *tensor = &engine->tensors[i];
        tensor->arena = tensor->cohort_memory = NULL;
        tensor->cohort_bytes = 0;
        tensor->steps = 0;
    }
    engine->uncollected = 0;
    engine->arena = engine->scratch = engine->part_scratch = NULL;
    engine->part = NULL;
    engine->cohorts = NULL;
    engine->constants = NULL;
    engine->cohort_count = engine->cohort_room = 0;
    engine->planned = false;
}

void plan_free(engine_t *engine) {
    for (size_t i = 0; i < engine->tensor_count; ++i)
        free(engine->tensors[i].arena);
    free(engine->arena);
    free(engine->scratch);
    free(engine->part);
    free(engine->part_scratch);
    cohorts_free(engine);
    plan_let_go(engine);
}
