/*
 * Passes over the tiles. A pass opens each tile once (widening it if need be), runs on it every kernel that is queued, and
 * closes it, so that whatever several layers do to a tile costs one walk over memory.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine.h"
#include "engine/part.h"
#include "engine/storage.h"

typedef struct pass {
    engine_t *engine;
    const layer_t *reduce_layer; /* NULL: no reduction */
    reduction_t reduction;
    int reduce_kernel, terms;
    char *reduce_scalars;
    bool writes, includes_frozen;
    pass_end_t end;
} pass_t;

/* ---- Opening and closing a tile ---- */

static char *gradient_at(const tensor_t *tensor, size_t offset) {
    return (char *)tensor->grad + offset * dtype_size(tensor->grad_dtype);
}

/* Where the inner method keeps its first moment, if this layer asks for it; or NULL. */
static const slot_t *moment_of(const engine_t *engine, const layer_t *layer, const tensor_t *tensor) {
    if (!(layer->method->flags & USES_MOMENT))
        return NULL;
    const layer_t *owner = engine_owner(engine, tensor->group);
    for (size_t k = 0; k < owner->states; ++k) {
        const slot_t *slot = &owner->slot[tensor->id * owner->states + k];
        if (owner->method->states[k].role == FIRST_MOMENT && slot->at != NULL)
            return slot;
    }
    return NULL;
}

/* One copy of a state for the tile: in place, or widened into `room`. */
static void *bind_state(const engine_t *engine, const tile_t *t, const slot_t *slot, size_t copy, void *room) {
    if (slot->form == STORED_REAL)
        return (char *)slot->at + copy * slot->bytes + t->offset * tensor_real(t->tensor);
    storage_load(engine, slot, copy, t, room);
    return room;
}

/* Points the tile at one layer's states, scalars and sums; states kept in a shorter form are widened into `room`. */
static void bind(const engine_t *engine, tile_t *t, const layer_t *layer, const char *scalars, part_scratch_t *room) {
    const size_t tensor = t->tensor->id;
    const slot_t *slot = layer->slot + tensor * layer->states;
    size_t widened = 0;
    t->stride = t->tensor->stride;
    for (size_t k = 0; k < layer->states; ++k, ++slot) {
        t->state[k] = slot->by_element && slot->at != NULL ? bind_state(engine, t, slot, 0, room->state[widened]) : slot->at;
        if (slot->form == STORED_REAL)
            continue;
        t->stride = sizeof *room->state / tensor_real(t->tensor);
        for (size_t c = 1; c < slot->copies; ++c)
            (void)bind_state(engine, t, slot, c, room->state[widened + c]);
        widened += slot->copies;
    }
    t->scalars = scalars == NULL ? NULL : scalars + (size_t)t->tensor->group * METHOD_SCALARS;
    t->tensor_sum = layer->sums + tensor * METHOD_SUMS;
    t->row_sum = layer->row_sums == NULL ? NULL : layer->row_sums + t->tensor->first_row;
    const slot_t *moment = moment_of(engine, layer, t->tensor);
    t->moment = moment == NULL ? NULL : bind_state(engine, t, moment, 0, room->state[widened]);
}

/* Back into their form. */
static void unbind(const engine_t *engine, const tile_t *t, const layer_t *layer, part_scratch_t *room) {
    const slot_t *slot = layer->slot + t->tensor->id * layer->states;
    size_t widened = 0;
    for (size_t k = 0; k < layer->states; ++k, ++slot)
        for (size_t c = 0; slot->form != STORED_REAL && c < slot->copies; ++c)
            storage_store(engine, slot, c, t, room->state[widened++]);
    const slot_t *moment = moment_of(engine, layer, t->tensor);
    if (moment != NULL && moment->form != STORED_REAL)
        storage_store(engine, moment, 0, t, t->moment);
}

static void run_kernel(const engine_t *engine, tile_t *t, const layer_t *layer, int kernel, const char *scalars,
                       part_scratch_t *room) {
    bind(engine, t, layer, scalars, room);
    layer->typed.precision[tensor_precision(t->tensor)]->kernels[kernel](t);
    if (layer->any_short || t->moment != NULL)
        unbind(engine, t, layer, room);
}

/* The gradient of the tile as the filters leave it; copied into `room` where it must not be changed in place. */
static void open_gradient(const engine_t *engine, tile_t *t, void *room, part_scratch_t *scratch) {
    void *grad = gradient_at(t->tensor, t->offset);
    t->g = grad;
    if (engine->filters.count > 0 || !t->tensor->plain_grad) {
        t->g = room;
        storage_read(engine, t->tensor, t->tensor->grad_dtype, t->n, grad, room);
    }
    for (int i = 0; i < engine->filters.count; ++i) {
        const queued_t *filter = &engine->filters.entry[i];
        if (layer_covers(filter->layer, t->tensor->group))
            run_kernel(engine, t, filter->layer, filter->kernel, filter->scalars, scratch);
    }
}

/* ---- The end of a step ---- */

static void project_f32(size_t n, float *p, const float *bound, int direction) {
    for (size_t i = 0; i < n; ++i)
        if (direction < 0 ? p[i] < bound[i] : p[i] > bound[i])
            p[i] = bound[i];
}
static void project_f64(size_t n, double *p, const double *bound, int direction) {
    for (size_t i = 0; i < n; ++i)
        if (direction < 0 ? p[i] < bound[i] : p[i] > bound[i])
            p[i] = bound[i];
}

/* p <- max(p, lower), or min(p, upper); `room` takes the widened bound. */
static void project(const engine_t *engine, const tile_t *t, const void *bound, int direction, void *room) {
    if (bound == NULL)
        return;
    const char *from = (const char *)bound + t->offset * dtype_size(t->tensor->dtype);
    storage_read(engine, t->tensor, t->tensor->dtype, t->n, from, room);
    if (tensor_precision(t->tensor) == PRECISION_F64)
        project_f64(t->n, t->p, room, direction);
    else
        project_f32(t->n, t->p, room, direction);
}

static void end_tile(const pass_t *pass, const tile_t *t, void *room) {
    if (pass->end.project) {
        project(pass->engine, t, t->tensor->lower, -1, room);
        project(pass->engine, t, t->tensor->upper, +1, room);
    }
    if (pass->end.zero_gradient)
        memset(gradient_at(t->tensor, t->offset), 0, t->n * dtype_size(t->tensor->grad_dtype));
}

/* ---- Summing ---- */

static double maximum(size_t n, const double *x) {
    double largest = 0;
    for (size_t i = 0; i < n; ++i)
        largest = x[i] > largest ? x[i] : largest;
    return largest;
}

/* Runs the kernel on the tile in pieces short enough that their terms stay in the first-level cache. */
static void reduce_tile(const pass_t *pass, tile_t *t, double *partial) {
    enum { PIECE = 512 };
    const primitives_t *primitives = pass->engine->primitives;
    kernel_t *kernel = pass->reduce_layer->typed.precision[tensor_precision(t->tensor)]->kernels[pass->reduce_kernel];
    const size_t real = tensor_real(t->tensor), n = t->n;
    const slot_t *slot = pass->reduce_layer->slot + t->tensor->id * pass->reduce_layer->states;
    memset(partial, 0, METHOD_SUMS * sizeof *partial);
    for (size_t i = 0; i < n; i += PIECE) {
        t->n = n - i < PIECE ? n - i : PIECE;
        kernel(t);
        for (int j = 0; j < pass->terms; ++j)
            if (pass->reduction == REDUCE_MAX)
                partial[j] = fmax(partial[j], maximum(t->n, t->term[j]));
            else
                partial[j] += primitives->sum(t->n, t->term[j]);
        t->offset += t->n;
        t->p = (char *)t->p + t->n * real;
        t->g = (char *)t->g + t->n * real;
        for (size_t k = 0; k < pass->reduce_layer->states; ++k)
            if (slot[k].by_element && t->state[k] != NULL)
                t->state[k] = (char *)t->state[k] + t->n * real;
    }
    t->n = n; /* and back, for what is still to be done with the tile */
    t->offset -= n;
    t->p = (char *)t->p - n * real;
    t->g = (char *)t->g - n * real;
}

/* Whole rows are done here; pieces of rows that go on in the next tile or came from the last are left to combine_rows. */
static void sum_tile_rows(const pass_t *pass, const tile_t *t, size_t tile) {
    double *edge = pass->engine->edge + tile * 2;
    double *sums = pass->reduce_layer->row_sums + t->tensor->first_row;
    edge[0] = edge[1] = 0;
    for (size_t i = 0, end; i < t->n; i = end) {
        end = tile_row_end(t, i);
        const double sum = pass->engine->primitives->sum(end - i, t->term[0] + i);
        const size_t first = t->offset + i;
        if (first % t->tensor->row != 0)
            edge[0] = sum;
        else if (end - i < t->tensor->row)
            edge[1] = sum;
        else
            sums[first / t->tensor->row] = sum;
    }
}

static bool takes_part(const engine_t *engine, const layer_t *layer, size_t tensor) {
    return engine->tensors[tensor].grad != NULL && layer_covers(layer, engine->tensors[tensor].group);
}

/* Adds (or takes the larger of) what was reduced over a part to what it belongs to. */
static void join(const pass_t *pass, double *whole, const double *part) {
    for (int j = 0; j < pass->terms; ++j)
        if (pass->reduction == REDUCE_SUM)
            whole[j] += part[j];
        else
            whole[j] = part[j] > whole[j] ? part[j] : whole[j];
}

/* Tiles into tensors, tensors into groups and all, in the order of declaration. */
static void combine(const pass_t *pass) {
    const engine_t *engine = pass->engine;
    const size_t tensors = engine->tensor_count, groups = (size_t)engine->group_count;
    double *sums = pass->reduce_layer->sums;
    memset(sums, 0, (tensors + groups + 1) * METHOD_SUMS * sizeof *sums);
    for (size_t tile = 0; tile < engine->tile_count; ++tile) {
        const size_t tensor = engine->tiles[tile].tensor;
        if (takes_part(engine, pass->reduce_layer, tensor))
            join(pass, sums + tensor * METHOD_SUMS, engine->partial + tile * METHOD_SUMS);
    }
    for (size_t i = 0; i < tensors; ++i) {
        join(pass, sums + (tensors + (size_t)engine->tensors[i].group) * METHOD_SUMS, sums + i * METHOD_SUMS);
        join(pass, sums + (tensors + groups) * METHOD_SUMS, sums + i * METHOD_SUMS);
    }
}

static void combine_rows(const pass_t *pass) {
    const engine_t *engine = pass->engine;
    for (size_t tile = 0; tile < engine->tile_count; ++tile) {
        const tile_ref_t *ref = &engine->tiles[tile];
        const tensor_t *tensor = &engine->tensors[ref->tensor];
        if (!takes_part(engine, pass->reduce_layer, ref->tensor))
            continue;
        double *sums = pass->reduce_layer->row_sums + tensor->first_row;
        if (ref->offset % tensor->row != 0)
            sums[ref->offset / tensor->row] += engine->edge[tile * 2];
        const size_t end = ref->offset + ref->n, last = (end - 1) / tensor->row;
        if (end % tensor->row != 0 && last * tensor->row >= ref->offset)
            sums[last] = engine->edge[tile * 2 + 1];
    }
}

/* ---- One pass ---- */

static void run_queue(const pass_t *pass, tile_t *t, part_scratch_t *scratch) {
    const engine_t *engine = pass->engine;
    for (int i = 0; i < engine->updates.count; ++i) {
        const queued_t *update = &engine->updates.entry[i];
        const bool skip = t->tensor->grad == NULL && !(update->layer->method->flags & INCLUDES_FROZEN);
        if (!skip && layer_covers(update->layer, t->tensor->group))
            run_kernel(engine, t, update->layer, update->kernel, update->scalars, scratch);
    }
}

static void run_tile(const pass_t *pass, size_t tile, part_scratch_t *scratch) {
    engine_t *engine = pass->engine;
    const tile_ref_t *ref = &engine->tiles[tile];
    const tensor_t *tensor = &engine->tensors[ref->tensor];
    const bool frozen = tensor->grad == NULL;
    if (frozen && !pass->includes_frozen)
        return;
    tile_t t;
    t.n = ref->n;
    t.tensor = tensor;
    t.offset = ref->offset;
    t.work = t.out = t.g = NULL;
    for (int j = 0; j < METHOD_SUMS; ++j)
        t.term[j] = scratch->term[j];
    storage_open_parameters(engine, &t, scratch->p, scratch->term[0]);
    if (!frozen)
        open_gradient(engine, &t, scratch->g, scratch);
    run_queue(pass, &t, scratch);
    if (pass->reduce_layer != NULL && takes_part(engine, pass->reduce_layer, ref->tensor)) {
        if (pass->reduction == REDUCE_ROWS) {
            run_kernel(engine, &t, pass->reduce_layer, pass->reduce_kernel, pass->reduce_scalars, scratch);
            sum_tile_rows(pass, &t, tile);
        } else {
            bind(engine, &t, pass->reduce_layer, pass->reduce_scalars, scratch);
            reduce_tile(pass, &t, engine->partial + tile * METHOD_SUMS);
            if (pass->reduce_layer->any_short)
                unbind(engine, &t, pass->reduce_layer, scratch);
        }
    }
    if (!frozen)
        end_tile(pass, &t, scratch->term[0]);
    if (pass->writes)
        storage_close_parameters(engine, &t, scratch->term[0]);
}

static void run_part(const engine_t *engine, int part, void *pass) {
    part_scratch_t *scratch = (void *)(engine->part_scratch + (size_t)part * engine->part_bytes);
    for (size_t tile = engine->part[part]; tile < engine->part[part + 1]; ++tile)
        run_tile(pass, tile, scratch);
}

void engine_parallel(const engine_t *engine, void (*work)(const engine_t *engine, int part, void *context), void *context) {
    if (engine->parts == 1 || (long)getpid() != engine->process) {
        for (int part = 0; part < engine->parts; ++part)
            work(engine, part, context);
        return;
    }
#pragma omp parallel for num_threads(engine->parts) schedule(static, 1)
    for (int part = 0; part < engine->parts; ++part)
        work(engine, part, context);
}

static void run(pass_t *pass) {
    engine_t *engine = pass->engine;
    pass->writes = engine->updates.count > 0 || pass->end.project;
    for (int i = 0; i < engine->updates.count; ++i)
        pass->includes_frozen |= (engine->updates.entry[i].layer->method->flags & INCLUDES_FROZEN) != 0;
    engine_parallel(engine, run_part, pass);
    engine->updates.count = 0;
    if (pass->reduce_layer != NULL && pass->reduction == REDUCE_ROWS)
        combine_rows(pass);
    else if (pass->reduce_layer != NULL)
        combine(pass);
}

void pass_flush(engine_t *engine, const pass_end_t *end) {
    pass_t pass = {.engine = engine};
    if (end != NULL)
        pass.end = *end;
    if (engine->updates.count > 0 || pass.end.project || pass.end.zero_gradient)
        run(&pass);
}

void pass_reduce(engine_t *engine, const layer_t *layer, reduction_t reduction, int kernel, char *scalars, int terms) {
    pass_t pass = {.engine = engine, .reduce_layer = layer, .reduction = reduction, .reduce_kernel = kernel,
                   .terms = terms, .reduce_scalars = scalars};
    run(&pass);
}

/* ---- Whole tensors ---- */

/* A tile of tensor `t->tensor`, from `offset` on. */
static tile_t piece_of(const tile_t *t, size_t offset) {
    const size_t left = t->tensor->count - offset, tile = t->tensor->tile;
    return (tile_t){.n = left < tile ? left : tile, .tensor = t->tensor, .offset = offset};
}

static part_scratch_t *first_scratch(const engine_t *engine) {
    return (void *)engine->part_scratch;
}

/* All of the parameter as reals: where it lies, or gathered tile by tile. */
static void open_whole_parameter(const engine_t *engine, tile_t *t) {
    const tensor_t *tensor = t->tensor;
    const size_t real = tensor_real(tensor);
    t->p = tensor->data;
    if (tensor->plain_data)
        return;
    t->p = engine->whole_p;
    for (size_t offset = 0; offset < tensor->count; offset += tensor->tile) {
        tile_t piece = piece_of(t, offset);
        storage_open_parameters(engine, &piece, first_scratch(engine)->p, first_scratch(engine)->term[0]);
        memcpy((char *)t->p + offset * real, piece.p, piece.n * real);
    }
}

static void close_whole_parameter(const engine_t *engine, const tile_t *t) {
    const tensor_t *tensor = t->tensor;
    const size_t real = tensor_real(tensor);
    for (size_t offset = 0; t->p != tensor->data && offset < tensor->count; offset += tensor->tile) {
        tile_t piece = piece_of(t, offset);
        storage_replace_parameters(engine, &piece, (const char *)t->p + offset * real, first_scratch(engine)->term[0]);
    }
}

static void open_whole_gradient(const engine_t *engine, tile_t *t) {
    const tensor_t *tensor = t->tensor;
    const size_t real = tensor_real(tensor);
    t->g = tensor->grad;
    if (engine->filters.count == 0 && tensor->plain_grad)
        return;
    t->g = engine->whole_g;
    for (size_t offset = 0; offset < tensor->count; offset += tensor->tile) {
        tile_t piece = piece_of(t, offset);
        char *room = (char *)t->g + offset * real;
        piece.p = (char *)t->p + offset * real;
        open_gradient(engine, &piece, room, first_scratch(engine));
    }
}

void pass_tensors(engine_t *engine, const layer_t *layer, int kernel, char *scalars) {
    pass_flush(engine, NULL);
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        tile_t t = {.n = engine->tensors[i].count, .tensor = &engine->tensors[i], .work = engine->work};
        if (!takes_part(engine, layer, i) || t.n == 0)
            continue;
        open_whole_parameter(engine, &t);
        open_whole_gradient(engine, &t);
        run_kernel(engine, &t, layer, kernel, scalars, first_scratch(engine));
        close_whole_parameter(engine, &t);
    }
}

/* ---- Output and restoring ---- */

void pass_output(const engine_t *engine, const layer_t *layer, size_t i, const char *scalars, void *out) {
    part_scratch_t *scratch = first_scratch(engine);
    const tile_t whole = {.tensor = &engine->tensors[i]};
    for (size_t offset = 0; offset < whole.tensor->count; offset += whole.tensor->tile) {
        tile_t t = piece_of(&whole, offset);
        t.out = scratch->g;
        storage_open_parameters(engine, &t, scratch->p, scratch->term[0]);
        bind(engine, &t, layer, scalars, scratch);
        layer->typed.precision[tensor_precision(t.tensor)]->output(&t);
        storage_write(engine, t.tensor, t.tensor->dtype, t.n, t.out, (char *)out + offset * dtype_size(t.tensor->dtype));
    }
}

void pass_restore(engine_t *engine, const layer_t *layer) {
    for (size_t i = 0; i < engine->tensor_count; ++i)
        for (size_t k = 0; k < layer->states; ++k) {
            const tile_t whole = {.tensor = &engine->tensors[i]};
            const char *saved = layer->slot[i * layer->states + k].at;
            if (layer->method->states[k].role != RESTORE_POINT || !takes_part(engine, layer, i) || saved == NULL)
                continue;
            for (size_t offset = 0; offset < whole.tensor->count; offset += whole.tensor->tile) {
                tile_t t = piece_of(&whole, offset);
                storage_replace_parameters(engine, &t, saved + offset * tensor_real(t.tensor),
                                           first_scratch(engine)->term[0]);
            }
        }
}
