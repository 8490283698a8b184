/*
 * Passes over the tiles. A step of an element-wise method costs what its memory traffic costs; so nothing may walk
 * memory twice that could walk it once. Stations therefore run no loops. They queue kernels, and a pass runs the whole
 * queue on a tile while that tile is in the cache:
 *
 *     for each tile, on the thread that has it:
 *
 *         open       parameters (bf16, f16 and unaligned ones widened into the thread's scratch)
 *           |        gradient (likewise)  -->  filters, in the order in which stations put them there
 *           v
 *         queue      kernel of one station, kernel of the next, map, projection onto the box ...
 *           |
 *           v
 *         reduce     the terms that one kernel writes are summed: partial[tile]
 *           |
 *           v
 *         end        of the pass that completes a step: project onto the box, zero the gradient
 *           |
 *           v
 *         close      parameters rounded back to where they are kept
 *
 *     then, on one thread: tiles --> tensors --> groups --> all, in the order of declaration
 *
 * The queue holds what changes tiles: step_update adds to it. It waits until somebody needs its result: a reduction, a
 * request (the caller evaluates at the parameters), work on whole tensors, the end of the step, or the queue is full.
 *
 * Filters change the gradient for the stations further in: unscaling, clipping, what a wrapper puts in its place. They
 * stay until the next gradient arrives and run again in each pass, on a copy: the caller's buffer is never written, and
 * no second gradient has to be kept. A filter that needs a norm waits for one reduction.
 *
 * A reduction is the one thing that ends a pass, since its sums must be complete before anyone can use them. Its kernel
 * runs behind the queue in the same walk and must not write parameters. It writes terms in double for up to
 * PIECE_ELEMENTS elements at a time, so that terms stay in the first-level cache. Every tile's sum has its own place
 * and all are added in one fixed order: the bits depend neither on the number of threads nor on which of them was
 * faster. Sums over rows (REDUCE_ROWS) keep the halves of a row that two tiles share apart and join them at the end.
 *
 * tile.c binds a tile to a station's states and runs one kernel; whole.c does for whole tensors what is done here for
 * tiles.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "engine/fork.h"
#include "engine/storage.h"
#include "engine/tile.h"

typedef struct pass {
    engine_t *engine;
    const call_t *reduce; /* NULL: no reduction */
    reduction_t reduction;
    int terms;
    bool writes, includes_frozen;
    pass_end_t end;
} pass_t;

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

static void project_tile(const engine_t *engine, const tile_t *t, void *room) {
    project(engine, t, t->tensor->lower, -1, room);
    project(engine, t, t->tensor->upper, +1, room);
}

static void end_tile(const pass_t *pass, const tile_t *t, void *room) {
    if (pass->end.project)
        project_tile(pass->engine, t, room);
    if (pass->end.zero_gradient && t->tensor->grad != NULL)
        memset(tile_gradient(t), 0, t->n * dtype_size(t->tensor->grad_dtype));
}

/* ---- Summing ---- */

static double maximum(size_t n, const double *x) {
    double largest = 0;
    for (size_t i = 0; i < n; ++i)
        largest = x[i] > largest ? x[i] : largest;
    return largest;
}

/* One stream alone is read faster when it is asked for early; of several the machine sees by itself what comes next. */
static void prefetch(const char *next, size_t bytes) {
#ifdef __GNUC__
    enum { LINE = 64 };
    for (size_t b = 0; b < bytes; b += LINE)
        __builtin_prefetch(next + b);
#else
    (void)next, (void)bytes;
#endif
}

static bool keeps_elements(const station_t *station, const slot_t *slot) {
    for (size_t k = 0; k < station->states; ++k)
        if (slot[k].by_element)
            return true;
    return false;
}

/* Runs the kernel on the tile in pieces short enough that their terms stay in the first-level cache. */
static void reduce_tile(const pass_t *pass, tile_t *t, double *partial) {
    const primitives_t *primitives = pass->engine->primitives;
    const station_t *station = pass->reduce->station;
    kernel_t *kernel = station->typed.precision[tensor_precision(t->tensor)]->kernels[pass->reduce->kernel];
    const size_t real = tensor_real(t->tensor), n = t->n;
    const slot_t *slot = station->slot + t->tensor->id * station->states;
    const bool one_stream = !keeps_elements(station, slot);
    memset(partial, 0, METHOD_SUMS * sizeof *partial);
    for (size_t i = 0; i < n; i += PIECE_ELEMENTS) {
        t->n = n - i < PIECE_ELEMENTS ? n - i : PIECE_ELEMENTS;
        if (one_stream && n - i > PIECE_ELEMENTS)
            prefetch((const char *)t->g + PIECE_ELEMENTS * real, PIECE_ELEMENTS * real);
        kernel(t);
        for (int j = 0; j < pass->terms; ++j)
            if (pass->reduction == REDUCE_MAX)
                partial[j] = fmax(partial[j], maximum(t->n, t->term[j]));
            else
                partial[j] += primitives->sum(t->n, t->term[j]);
        t->offset += t->n;
        t->p = (char *)t->p + t->n * real;
        t->g = (char *)t->g + t->n * real;
        for (size_t k = 0; k < station->states; ++k)
            if (slot[k].by_element && t->state[k] != NULL)
                t->state[k] = (char *)t->state[k] + t->n * real;
    }
    t->n = n; /* and back, for what is still to be done with the tile */
    t->offset -= n;
    t->p = (char *)t->p - n * real;
    t->g = (char *)t->g - n * real;
}

/* Whole rows are done here; pieces of rows that go on in the next tile or came from the last are left to
   combine_rows. */
static void sum_tile_rows(const pass_t *pass, const tile_t *t, size_t tile) {
    enum { BEGINS = 0, ENDS = METHOD_ROW_SUMS };
    double *edge = pass->engine->edge + tile * 2 * METHOD_ROW_SUMS;
    double *sums = pass->reduce->station->row_sums + t->tensor->first_row * METHOD_ROW_SUMS;
    memset(edge, 0, (size_t)2 * METHOD_ROW_SUMS * sizeof *edge);
    for (size_t i = 0, end; i < t->n; i = end) {
        end = tile_row_end(t, i);
        const size_t first = t->offset + i;
        double *to = first % t->tensor->row != 0 ? edge + BEGINS
                     : end - i < t->tensor->row  ? edge + ENDS
                                                 : sums + first / t->tensor->row * METHOD_ROW_SUMS;
        for (int j = 0; j < pass->terms; ++j)
            to[j] = pass->engine->primitives->sum(end - i, t->term[j] + i);
    }
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
    double *sums = pass->reduce->station->sums;
    memset(sums, 0, (tensors + groups + 1) * METHOD_SUMS * sizeof *sums);
    for (size_t tile = 0; tile < engine->tile_count; ++tile) {
        const size_t tensor = engine->tiles[tile].tensor;
        if (station_takes(pass->reduce->station, &engine->tensors[tensor]))
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
        if (!station_takes(pass->reduce->station, tensor))
            continue;
        const double *edge = engine->edge + tile * 2 * METHOD_ROW_SUMS;
        double *sums = pass->reduce->station->row_sums + tensor->first_row * METHOD_ROW_SUMS;
        const size_t end = ref->offset + ref->n, last = (end - 1) / tensor->row;
        for (int j = 0; j < pass->terms; ++j) {
            if (ref->offset % tensor->row != 0)
                sums[ref->offset / tensor->row * METHOD_ROW_SUMS + (size_t)j] += edge[j];
            if (end % tensor->row != 0 && last * tensor->row >= ref->offset)
                sums[last * METHOD_ROW_SUMS + (size_t)j] = edge[METHOD_ROW_SUMS + j];
        }
    }
}

/* ---- One pass ---- */

static void run_queue(const pass_t *pass, tile_t *t, part_scratch_t *scratch) {
    const engine_t *engine = pass->engine;
    for (int i = 0; i < engine->updates.count; ++i) {
        const call_t *update = &engine->updates.entry[i];
        const bool frozen = tensor_is_frozen(t->tensor);
        if (update->station == NULL && !frozen)
            project_tile(engine, t, scratch->term);
        if (update->station == NULL || (frozen && !(update->station->method->flags & INCLUDES_FROZEN)))
            continue;
        if (!station_has(update->station, t->tensor))
            continue;
        if (update->kernel < 0)
            mapping_run_tile(engine, t, update);
        else
            tile_run(engine, t, update, scratch);
    }
}

static void run_tile(const pass_t *pass, size_t tile, part_scratch_t *scratch) {
    engine_t *engine = pass->engine;
    const tile_ref_t *ref = &engine->tiles[tile];
    const tensor_t *tensor = &engine->tensors[ref->tensor];
    const bool frozen = tensor_is_frozen(tensor);
    if (frozen && !pass->includes_frozen)
        return;
    tile_t t;
    t.n = ref->n;
    t.tensor = tensor;
    t.offset = ref->offset;
    t.work = t.out = t.g = NULL;
    const bool rows = pass->reduce != NULL && pass->reduction == REDUCE_ROWS;
    t.term[0] = scratch->term;
    for (int j = 1; j < METHOD_SUMS; ++j)
        t.term[j] = rows && j < METHOD_ROW_SUMS ? scratch->row_term[j - 1] : scratch->more_terms[j - 1];
    storage_open_parameters(engine, &t, scratch->p);
    if (!frozen)
        tile_open_gradient(engine, &t, scratch->g, scratch);
    run_queue(pass, &t, scratch);
    if (pass->reduce != NULL && station_takes(pass->reduce->station, tensor)) {
        if (pass->reduction == REDUCE_ROWS) {
            tile_run(engine, &t, pass->reduce, scratch);
            sum_tile_rows(pass, &t, tile);
        } else {
            tile_bind(engine, &t, pass->reduce, scratch);
            reduce_tile(pass, &t, engine->partial + tile * METHOD_SUMS);
            if (pass->reduce->station->any_short)
                tile_unbind(engine, &t, pass->reduce->station, scratch);
        }
    }
    if (!frozen)
        end_tile(pass, &t, scratch->term);
    if (pass->writes)
        storage_close_parameters(engine, &t);
}

static void run_part(const engine_t *engine, int part, void *pass) {
    part_scratch_t *scratch = (void *)(engine->part_scratch + (size_t)part * engine->part_bytes);
    for (size_t tile = engine->part[part]; tile < engine->part[part + 1]; ++tile)
        run_tile(pass, tile, scratch);
}

void engine_parallel(const engine_t *engine, void (*work)(const engine_t *engine, int part, void *context),
                     void *context) {
    if (engine->parts == 1 || !fork_left_threads_usable()) {
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
    pass->writes = pass->end.project || pass->end.round;
    for (int i = 0; i < engine->updates.count; ++i) {
        const station_t *station = engine->updates.entry[i].station;
        const bool only_looks = station != NULL && (station->method->flags & INCLUDES_FROZEN);
        pass->includes_frozen |= only_looks;
        pass->writes |= !only_looks;
    }
    engine_parallel(engine, run_part, pass);
    ++engine->walks;
    engine->updates.count = 0;
    if (pass->reduce != NULL && pass->reduction == REDUCE_ROWS)
        combine_rows(pass);
    else if (pass->reduce != NULL)
        combine(pass);
}

void pass_flush(engine_t *engine, const pass_end_t *end) {
    pass_t pass = {.engine = engine};
    if (end != NULL)
        pass.end = *end;
    if (engine->updates.count > 0 || pass.end.project || pass.end.zero_gradient || pass.end.round)
        run(&pass);
}

void pass_reduce(engine_t *engine, const call_t *call, reduction_t reduction, int terms) {
    pass_t pass = {.engine = engine, .reduce = call, .reduction = reduction, .terms = terms};
    run(&pass);
}
