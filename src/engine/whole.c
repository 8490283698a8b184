/* What walks tensors one after the other: whole-tensor kernels, outputs, restoring. */
#include <string.h>

#include "engine/storage.h"
#include "engine/tile.h"

/* ---- Whole tensors ---- */

/* A tile of tensor `t->tensor`, from `offset` on. */
static tile_t piece_of(const tile_t *t, size_t offset) {
    const size_t left = t->tensor->count - offset, tile = t->tensor->tile;
    return (tile_t){.n = left < tile ? left : tile, .tensor = t->tensor, .offset = offset};
}

static part_scratch_t *first_scratch(const engine_t *engine) {
    return (void *)engine->part_scratch;
}

void whole_open_parameter(const engine_t *engine, tile_t *t) {
    const tensor_t *tensor = t->tensor;
    const size_t real = tensor_real(tensor);
    t->p = tensor->data;
    if (tensor->plain_data)
        return;
    t->p = engine->whole_p;
    for (size_t offset = 0; offset < tensor->count; offset += tensor->tile) {
        tile_t piece = piece_of(t, offset);
        storage_open_parameters(engine, &piece, first_scratch(engine)->p);
        memcpy((char *)t->p + offset * real, piece.p, piece.n * real);
    }
}

void whole_close_parameter(const engine_t *engine, const tile_t *t) {
    const tensor_t *tensor = t->tensor;
    const size_t real = tensor_real(tensor);
    for (size_t offset = 0; t->p != tensor->data && offset < tensor->count; offset += tensor->tile) {
        tile_t piece = piece_of(t, offset);
        storage_replace_parameters(engine, &piece, (const char *)t->p + offset * real);
    }
}

static void open_whole_gradient(const engine_t *engine, tile_t *t) {
    const tensor_t *tensor = t->tensor;
    const size_t real = tensor_real(tensor);
    t->g = tensor->grad;
    if (engine->filters.count == 0 && tensor->plain_grad && engine_reads_gradient(engine, tensor))
        return;
    t->g = engine->whole_g;
    for (size_t offset = 0; offset < tensor->count; offset += tensor->tile) {
        tile_t piece = piece_of(t, offset);
        char *room = (char *)t->g + offset * real;
        piece.p = (char *)t->p + offset * real;
        tile_open_gradient(engine, &piece, room, first_scratch(engine));
    }
}

void pass_tensors(engine_t *engine, const call_t *call) {
    const station_t *station = call->station;
    pass_flush(engine, NULL);
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        tile_t t = {.n = engine->tensors[i].count, .tensor = &engine->tensors[i], .work = engine->work};
        if (!station_takes(station, &engine->tensors[i]) || !tensor_is_whole(&engine->tensors[i], station->method) ||
            t.n == 0)
            continue;
        whole_open_parameter(engine, &t);
        open_whole_gradient(engine, &t);
        tile_run(engine, &t, call, first_scratch(engine));
        whole_close_parameter(engine, &t);
    }
}

/* ---- Output and restoring ---- */

void pass_output(const engine_t *engine, const station_t *station, size_t i, const char *constants, void *out) {
    part_scratch_t *scratch = first_scratch(engine);
    const tile_t whole = {.tensor = &engine->tensors[i]};
    for (size_t offset = 0; offset < whole.tensor->count; offset += whole.tensor->tile) {
        tile_t t = piece_of(&whole, offset);
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
                tile_t t = piece_of(&whole, offset);
                storage_replace_parameters(engine, &t, saved + offset * tensor_real(t.tensor));
            }
        }
}
