/*
 * Passes over the tiles. A pass opens each tile once (widening it if need be), runs on it every kernel that is queued, and
 * closes it, so that whatever several layers do to a tile costs one walk over memory.
 */
#include <stdint.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/part.h"

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

/* Whether kernels may work on the caller's buffer itself. */
static bool works_in_place(const tensor_t *tensor, optim_dtype dtype, const void *buffer) {
    const size_t real = tensor_real(tensor);
    return dtype == (real == sizeof(double) ? OPTIM_F64 : OPTIM_F32) && (uintptr_t)buffer % real == 0;
}

static void load(const primitives_t *primitives, const tensor_t *tensor, optim_dtype dtype, size_t n, const void *from,
                 void *to) {
    if (tensor_precision(tensor) == PRECISION_F64)
        primitives->load_f64(dtype, n, from, to);
    else
        primitives->load_f32(dtype, n, from, to);
}

static void store(const primitives_t *primitives, const tensor_t *tensor, size_t n, const void *from, void *to) {
    if (tensor_precision(tensor) == PRECISION_F64)
        primitives->store_f64(tensor->dtype, n, from, to);
    else
        primitives->store_f32(tensor->dtype, n, from, to);
}

static char *parameters_at(const tensor_t *tensor, size_t offset) {
    return (char *)tensor->data + offset * dtype_size(tensor->dtype);
}
static char *gradient_at(const tensor_t *tensor, size_t offset) {
    return (char *)tensor->grad + offset * dtype_size(tensor->grad_dtype);
}

/* The parameters of the tile: in place, or widened into `room`. */
static void open_parameters(const engine_t *engine, tile_t *t, void *room) {
    void *data = parameters_at(t->tensor, t->offset);
    t->p = data;
    if (works_in_place(t->tensor, t->tensor->dtype, data))
        return;
    t->p = room;
    load(engine->primitives, t->tensor, t->tensor->dtype, t->n, data, room);
}

static void close_parameters(const engine_t *engine, const tile_t *t) {
    void *data = parameters_at(t->tensor, t->offset);
    if (t->p != data)
        store(engine->primitives, t->tensor, t->n, t->p, data);
}

/* Points the tile at one layer's states, scalars and sums. */
static void bind(const engine_t *engine, tile_t *t, const layer_t *layer, size_t tensor, const char *scalars) {
    const size_t real = tensor_real(t->tensor), group = (size_t)t->tensor->group;
    void *const *slot = layer->slot + tensor * layer->states;
    for (size_t k = 0; k < layer->states; ++k) {
        const state_t *state = &layer->method->states[k];
        const bool by_element = state->shape == LIKE_PARAM && state->count == NULL && slot[k] != NULL;
        t->state[k] = by_element ? (char *)slot[k] + t->offset * real : slot[k];
    }
    t->scalars = scalars == NULL ? NULL : scalars + group * METHOD_SCALARS;
    t->tensor_sum = layer->sums + tensor * METHOD_SUMS;
    t->row_sum = layer->row_sums == NULL ? NULL : layer->row_sums + t->tensor->first_row;
    t->moment = NULL;
    if (!(layer->method->flags & USES_MOMENT))
        return;
    const layer_t *owner = engine->owner[group];
    for (size_t k = 0; k < owner->states; ++k) {
        char *moment = owner->slot[tensor * owner->states + k];
        if (owner->method->states[k].role == FIRST_MOMENT && moment != NULL)
            t->moment = moment + t->offset * real;
    }
}

static void run_kernel(const engine_t *engine, tile_t *t, const layer_t *layer, int kernel, size_t tensor,
                       const char *scalars) {
    bind(engine, t, layer, tensor, scalars);
    layer->typed.precision[tensor_precision(t->tensor)]->kernels[kernel](t);
}

/* The gradient of the tile as the filters leave it; copied into `room` where it must not be changed in place. */
static void open_gradient(const engine_t *engine, tile_t *t, size_t tensor, void *room) {
    void *grad = gradient_at(t->tensor, t->offset);
    t->g = grad;
    if (engine->filters.count > 0 || !works_in_place(t->tensor, t->tensor->grad_dtype, grad)) {
        t->g = room;
        load(engine->primitives, t->tensor, t->tensor->grad_dtype, t->n, grad, room);
    }
    for (int i = 0; i < engine->filters.count; ++i) {
        const queued_t *filter = &engine->filters.entry[i];
        if (layer_covers(filter->layer, t->tensor->group))
            run_kernel(engine, t, filter->layer, filter->kernel, tensor, filter->scalars);
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
    load(engine->primitives, t->tensor, t->tensor->dtype, t->n, from, room);
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

static void reduce_tile(const pass_t *pass, const tile_t *t, size_t tile) {
    const engine_t *engine = pass->engine;
    double *partial = engine->partial + tile * METHOD_SUMS;
    for (int j = 0; j < pass->terms; ++j)
        partial[j] = pass->reduction == REDUCE_MAX ? maximum(t->n, t->term[j]) : engine->primitives->sum(t->n, t->term[j]);
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

static void run_queue(const pass_t *pass, tile_t *t, size_t tensor) {
    const engine_t *engine = pass->engine;
    for (int i = 0; i < engine->updates.count; ++i) {
        const queued_t *update = &engine->updates.entry[i];
        const bool skip = t->tensor->grad == NULL && !(update->layer->method->flags & INCLUDES_FROZEN);
        if (!skip && layer_covers(update->layer, t->tensor->group))
            run_kernel(engine, t, update->layer, update->kernel, tensor, update->scalars);
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
    t.stride = tensor->stride;
    t.work = t.out = t.g = NULL;
    for (int j = 0; j < METHOD_SUMS; ++j)
        t.term[j] = scratch->term[j];
    open_parameters(engine, &t, scratch->p);
    if (!frozen)
        open_gradient(engine, &t, ref->tensor, scratch->g);
    run_queue(pass, &t, ref->tensor);
    if (pass->reduce_layer != NULL && takes_part(engine, pass->reduce_layer, ref->tensor)) {
        run_kernel(engine, &t, pass->reduce_layer, pass->reduce_kernel, ref->tensor, pass->reduce_scalars);
        if (pass->reduction == REDUCE_ROWS)
            sum_tile_rows(pass, &t, tile);
        else
            reduce_tile(pass, &t, tile);
    }
    if (!frozen)
        end_tile(pass, &t, scratch->term[0]);
    if (pass->writes)
        close_parameters(engine, &t);
}

static void run_part(const pass_t *pass, int part) {
    part_scratch_t *scratch = (void *)(pass->engine->part_scratch + (size_t)part * PART_BYTES);
    for (size_t tile = pass->engine->part[part]; tile < pass->engine->part[part + 1]; ++tile)
        run_tile(pass, tile, scratch);
}

static void run(pass_t *pass) {
    engine_t *engine = pass->engine;
    pass->writes = engine->updates.count > 0 || pass->end.project;
    for (int i = 0; i < engine->updates.count; ++i)
        pass->includes_frozen |= (engine->updates.entry[i].layer->method->flags & INCLUDES_FROZEN) != 0;
    if (engine->parts == 1)
        run_part(pass, 0);
    else {
#pragma omp parallel for num_threads(engine->parts) schedule(static, 1)
        for (int part = 0; part < engine->parts; ++part)
            run_part(pass, part);
    }
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

static void open_whole(const engine_t *engine, tile_t *t, size_t i) {
    const tensor_t *tensor = t->tensor;
    t->p = tensor->data;
    if (!works_in_place(tensor, tensor->dtype, tensor->data)) {
        t->p = engine->whole_p;
        load(engine->primitives, tensor, tensor->dtype, tensor->count, tensor->data, t->p);
    }
    t->g = tensor->grad;
    if (engine->filters.count == 0 && works_in_place(tensor, tensor->grad_dtype, tensor->grad))
        return;
    tile_t piece = *t;
    for (size_t offset = 0; offset < tensor->count; offset += piece.n) {
        const size_t real = tensor_real(tensor), left = tensor->count - offset;
        char *room = engine->whole_g + offset * real;
        piece.n = left < TILE_ELEMENTS ? left : TILE_ELEMENTS;
        piece.offset = offset;
        piece.p = (char *)t->p + offset * real;
        open_gradient(engine, &piece, i, room);
        if (piece.g != room)
            memcpy(room, piece.g, piece.n * real);
    }
    t->g = engine->whole_g;
}

void pass_tensors(engine_t *engine, const layer_t *layer, int kernel, char *scalars) {
    pass_flush(engine, NULL);
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        const tensor_t *tensor = &engine->tensors[i];
        if (!takes_part(engine, layer, i) || tensor->count == 0)
            continue;
        tile_t t = {.n = tensor->count, .tensor = tensor, .work = engine->work};
        t.stride = tensor->stride;
        open_whole(engine, &t, i);
        run_kernel(engine, &t, layer, kernel, i, scalars);
        close_parameters(engine, &t);
    }
}

/* ---- Output and restoring ---- */

void pass_output(const engine_t *engine, const layer_t *layer, size_t i, const char *scalars, void *out) {
    const tensor_t *tensor = &engine->tensors[i];
    part_scratch_t *scratch = (void *)engine->part_scratch;
    for (size_t offset = 0; offset < tensor->count; offset += TILE_ELEMENTS) {
        const size_t left = tensor->count - offset;
        tile_t t = {.n = left < TILE_ELEMENTS ? left : TILE_ELEMENTS, .tensor = tensor, .offset = offset};
        t.out = scratch->term[0];
        t.stride = tensor->stride;
        open_parameters(engine, &t, scratch->p);
        bind(engine, &t, layer, i, scalars);
        layer->typed.precision[tensor_precision(tensor)]->output(&t);
        store(engine->primitives, tensor, t.n, t.out, (char *)out + offset * dtype_size(tensor->dtype));
    }
}

void pass_restore(engine_t *engine, const layer_t *layer) {
    for (size_t k = 0; k < layer->states; ++k) {
        if (layer->method->states[k].role != RESTORE_POINT)
            continue;
        for (size_t i = 0; i < engine->tensor_count; ++i) {
            const tensor_t *tensor = &engine->tensors[i];
            const void *saved = layer->slot[i * layer->states + k];
            if (takes_part(engine, layer, i) && saved != NULL)
                store(engine->primitives, tensor, tensor->count, saved, tensor->data);
        }
    }
}
