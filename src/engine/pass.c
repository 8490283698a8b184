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
 * PIECE_ELEMENTS elements at a time, so that terms stay in the first-level cache, or adds up sums itself (step_sums),
 * which then never leave registers. Every tile's sum has its own place and all are added in one fixed order: the bits
 * depend neither on the number of threads nor on which of them was faster. Sums over rows (REDUCE_ROWS) keep the halves
 * of a row that two tiles share apart and join them at the end.
 *
 * A gradient of some rows alone (rows.h) cuts its tensor's tiles down to the runs of elements that have one, and tiles
 * without any are passed by: such a step costs what those rows cost.
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
    const call_t *then;   /* NULL, or what runs behind the reduction on tensors of a single piece */
    reduction_t reduction;
    int terms;
    bool writes, includes_frozen;
    pass_end_t end;
    bool of_one; /* tensor: the tiles first .. last - 1 alone */
    size_t first, last;
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
    const optim_dtype dtype = engine_own_dtype(engine, t->tensor);
    storage_read(engine, t->tensor, dtype, t->n, (const char *)bound + t->offset * dtype_size(dtype), room);
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

/* Adds up what the kernel wrote for a piece, or, at the end of one, summed itself. */
static void reduce_terms(const pass_t *pass, const tile_t *t, bool ends, double *partial) {
    for (int j = 0; j < pass->terms; ++j)
        if (pass->reduction == REDUCE_MAX)
            partial[j] = fmax(partial[j], maximum(t->n, t->term[j]));
        else if (pass->reduction == REDUCE_SUM)
            partial[j] += pass->engine->primitives->sum(t->n, t->term[j]);
        else if (ends) {
            partial[j] += t->sum[j];
            t->sum[j] = 0;
        }
}

/* The tile goes on behind its first n elements. */
static void go_on(tile_t *t, const station_t *station, const slot_t *slot, size_t n) {
    const size_t real = tensor_real(t->tensor);
    t->offset += n;
    t->p = (char *)t->p + n * real;
    t->g = (char *)t->g + n * real;
    for (size_t k = 0; k < station->states; ++k)
        if (slot[k].by_element && t->state[k] != NULL)
            t->state[k] = (char *)t->state[k] + n * real;
}

/* Runs the kernel on the tile in pieces short enough that their terms stay in the first-level cache. What it sums
 * itself is added up piece by piece too, though it sees less at a time: tiles may be as short as a piece. */
static void reduce_tile(const pass_t *pass, tile_t *t, double *partial) {
    const station_t *station = pass->reduce->station;
    kernel_t *kernel = station->typed.precision[tensor_precision(t->tensor)]->kernels[pass->reduce->kernel];
    const size_t real = tensor_real(t->tensor), n = t->n;
    const size_t longest = pass->reduction == REDUCE_OWN ? SUM_ELEMENTS : PIECE_ELEMENTS;
    const slot_t *slot = station->slot + t->tensor->id * station->states;
    const bool one_stream = !keeps_elements(station, slot);
    double sum[METHOD_SUMS] = {0};
    t->sum = sum;
    for (size_t i = 0; i < n; i += longest) {
        t->n = n - i < longest ? n - i : longest;
        if (one_stream && n - i > longest)
            prefetch((const char *)t->g + longest * real, longest * real);
        kernel(t);
        reduce_terms(pass, t, (i + longest) % PIECE_ELEMENTS == 0 || i + longest >= n, partial);
        go_on(t, station, slot, t->n);
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
        if (pass->reduction == REDUCE_MAX)
            whole[j] = part[j] > whole[j] ? part[j] : whole[j];
        else
            whole[j] += part[j];
}

/* Tiles into tensors, tensors into groups and all, in the order of declaration. */
static void combine(const pass_t *pass) {
    const engine_t *engine = pass->engine;
    const size_t tensors = engine->tensor_count, groups = (size_t)engine->group_count;
    double *sums = pass->reduce->station->sums;
    memset(sums, 0, (tensors + groups + 1) * METHOD_SUMS * sizeof *sums);
    for (size_t tile = 0; tile < engine->tile_count; ++tile) {
        const size_t i = engine->tiles[tile].tensor;
        const tensor_t *tensor = &engine->tensors[i];
        if (station_takes(pass->reduce->station, tensor) && !tensor_is_elsewhere(tensor))
            join(pass, sums + i * METHOD_SUMS, engine->partial + tile * METHOD_SUMS);
    }
    if (engine->shard_ranks > 1)
        engine->join_sums(engine->join_context, sums);
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
        if (!station_takes(pass->reduce->station, tensor) || tensor_is_elsewhere(tensor))
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

/* What is copied is copied piece by piece, into the first-level cache. */
static size_t piece_elements(const engine_t *engine, const tensor_t *tensor) {
    const bool copies = engine->filters.count > 0 || !tensor->plain_grad || !tensor->plain_data;
    return copies ? tensor->piece : tensor->tile;
}

static bool is_one_piece(const engine_t *engine, const tensor_t *tensor) {
    return tensor->rows == NULL && tensor->count <= piece_elements(engine, tensor);
}

static void run_queue(const pass_t *pass, tile_t *t, part_scratch_t *scratch) {
    const engine_t *engine = pass->engine;
    for (int i = 0; i < engine->updates.count; ++i) {
        const call_t *update = &engine->updates.entry[i];
        const bool frozen = tensor_is_frozen(t->tensor);
        if (update->station == NULL && !frozen)
            project_tile(engine, t, scratch->term);
        if (update->station == NULL || (frozen && !(update->station->method->flags & INCLUDES_FROZEN)))
            continue;
        if (!station_has(update->station, t->tensor) || (update->is_rest && is_one_piece(engine, t->tensor)))
            continue;
        if (update->kernel < 0)
            mapping_run_tile(engine, t, update);
        else
            tile_run(engine, t, update, scratch);
    }
}

/* The sums of this piece are its tensor's. */
static void run_then(const pass_t *pass, tile_t *t, const double *partial, part_scratch_t *scratch) {
    double *sums = pass->reduce->station->sums + t->tensor->id * METHOD_SUMS;
    memcpy(sums, partial, METHOD_SUMS * sizeof *sums);
    tile_run(pass->engine, t, pass->then, scratch);
}

/* A tile, or a piece of one. */
static void run_piece(const pass_t *pass, tile_t *t, size_t tile, part_scratch_t *scratch) {
    engine_t *engine = pass->engine;
    const bool frozen = tensor_is_frozen(t->tensor);
    t->work = t->out = t->g = NULL;
    storage_open_parameters(engine, t, scratch->p);
    if (!frozen)
        tile_open_gradient(engine, t, scratch->g, scratch);
    run_queue(pass, t, scratch);
    if (pass->reduce != NULL && station_takes(pass->reduce->station, t->tensor)) {
        if (pass->reduction == REDUCE_ROWS) {
            tile_run(engine, t, pass->reduce, scratch);
            sum_tile_rows(pass, t, tile);
        } else {
            tile_bind(engine, t, pass->reduce, scratch);
            reduce_tile(pass, t, engine->partial + tile * METHOD_SUMS);
            if (pass->reduce->station->any_short)
                tile_unbind(engine, t, pass->reduce->station, scratch);
        }
        if (pass->then != NULL && is_one_piece(engine, t->tensor))
            run_then(pass, t, engine->partial + tile * METHOD_SUMS, scratch);
    }
    if (!frozen)
        end_tile(pass, t, scratch->term);
    if (pass->writes)
        storage_close_parameters(engine, t);
}

/* All that the pass does with these elements of tile `tile`. */
static void run_stretch(const pass_t *pass, size_t tile, stretch_t stretch, part_scratch_t *scratch) {
    const tensor_t *tensor = &pass->engine->tensors[pass->engine->tiles[tile].tensor];
    const bool rows = pass->reduce != NULL && pass->reduction == REDUCE_ROWS;
    const size_t longest = rows ? tensor->tile : piece_elements(pass->engine, tensor); /* tiles know of their rows */
    tile_t t;
    t.tensor = tensor;
    t.sum = scratch->more_terms[0]; /* of a kernel that nobody asks for its sums */
    t.term[0] = scratch->term;
    for (int j = 1; j < METHOD_SUMS; ++j)
        t.term[j] = rows && j < METHOD_ROW_SUMS ? scratch->row_term[j - 1] : scratch->more_terms[j - 1];
    for (size_t i = 0; i < stretch.n; i += longest) {
        t.n = stretch.n - i < longest ? stretch.n - i : longest;
        t.offset = stretch.first + i;
        run_piece(pass, &t, tile, scratch);
    }
}

/* What becomes of a tile whose tensor another rank steps. */
static void pass_by(const pass_t *pass, const tensor_t *tensor, const tile_ref_t *ref) {
    const tile_t t = {.n = ref->n, .tensor = tensor, .offset = ref->offset};
    if (!tensor_is_frozen(tensor) && pass->end.zero_gradient)
        memset(tile_gradient(&t), 0, t.n * dtype_size(tensor->grad_dtype));
}

static void run_tile(const pass_t *pass, size_t tile, part_scratch_t *scratch) {
    const tile_ref_t *ref = &pass->engine->tiles[tile];
    const tensor_t *tensor = &pass->engine->tensors[ref->tensor];
    const size_t end = ref->offset + ref->n;
    if (tensor_is_frozen(tensor) && !pass->includes_frozen)
        return;
    if (pass->reduce != NULL)
        memset(pass->engine->partial + tile * METHOD_SUMS, 0, METHOD_SUMS * sizeof(double));
    if (tensor_is_elsewhere(tensor)) {
        pass_by(pass, tensor, ref);
        return;
    }
    if (tensor->rows == NULL || tensor->frozen) {
        run_stretch(pass, tile, (stretch_t){ref->offset, ref->n}, scratch);
        return;
    }
    for (stretch_t next = rows_next(tensor->rows, ref->offset, end); next.n > 0;
         next = rows_next(tensor->rows, next.first + next.n, end))
        run_stretch(pass, tile, next, scratch);
}

/* The tile to go on with behind this one. Those without a row that has a gradient are passed by, unless their sums, 0,
 * are asked for. */
static size_t next_tile(const pass_t *pass, size_t tile) {
    const tile_ref_t *ref = &pass->engine->tiles[tile];
    const tensor_t *tensor = &pass->engine->tensors[ref->tensor];
    if (tensor->rows == NULL || tensor->frozen || pass->reduce != NULL)
        return tile + 1;
    const size_t end = ref->offset + ref->n;
    const stretch_t next =
        end < tensor->count ? rows_next(tensor->rows, end, tensor->count) : (stretch_t){tensor->count, 0};
    const size_t to = next.n > 0 ? next.first / tensor->tile : (tensor->count + tensor->tile - 1) / tensor->tile;
    return tile - ref->offset / tensor->tile + to;
}

static void run_part(const engine_t *engine, int part, void *context) {
    const pass_t *pass = context;
    part_scratch_t *scratch = (void *)(engine->part_scratch + (size_t)part * engine->part_bytes);
    const size_t share = (pass->last - pass->first) / (size_t)engine->parts + 1,
                 begin = pass->first + share * (size_t)part;
    const size_t first = pass->of_one ? begin : engine->part[part];
    const size_t end = !pass->of_one ? engine->part[part + 1] : begin + share < pass->last ? begin + share : pass->last;
    for (size_t tile = first; tile < end; tile = next_tile(pass, tile))
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

/* Where passes are made later, tensor by tensor, one over all is noted and not made. */
bool pass_is_put_off(engine_t *engine, const station_t *station) {
    if (engine->by_tensor && engine->looks == NULL)
        engine->looks = station == NULL ? engine->stations[0] : station;
    return engine->by_tensor;
}

/* What the queue and the end of the pass do with parameters. */
static void look_through(pass_t *pass) {
    const engine_t *engine = pass->engine;
    pass->writes = pass->end.project || pass->end.round || pass->then != NULL;
    for (int i = 0; i < engine->updates.count; ++i) {
        const station_t *station = engine->updates.entry[i].station;
        const bool only_looks = station != NULL && (station->method->flags & INCLUDES_FROZEN);
        pass->includes_frozen |= only_looks;
        pass->writes |= !only_looks;
    }
}

static void run(pass_t *pass) {
    engine_t *engine = pass->engine;
    look_through(pass);
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
    if (engine->updates.count > 0 && pass_is_put_off(engine, engine->updates.entry[0].station)) {
        engine->updates.count = 0;
        return;
    }
    if (end != NULL)
        pass.end = *end;
    if (engine->updates.count > 0 || pass.end.project || pass.end.zero_gradient || pass.end.round)
        run(&pass);
}

void pass_tensor(engine_t *engine, size_t tensor, const pass_end_t *end) {
    pass_t pass = {.engine = engine, .end = *end, .of_one = true};
    size_t low = 0, high = engine->tile_count;
    while (low < high) { /* its first tile: they lie in the order of tensors */
        const size_t middle = low + (high - low) / 2;
        if (engine->tiles[middle].tensor < tensor)
            low = middle + 1;
        else
            high = middle;
    }
    for (pass.first = pass.last = low; pass.last < engine->tile_count && engine->tiles[pass.last].tensor == tensor;)
        ++pass.last;
    look_through(&pass);
    if (pass.last - pass.first > 1)
        engine_parallel(engine, run_part, &pass);
    else
        run_part(engine, 0, &pass);
}

/* Sums that are not there yet are 0. */
static bool reduces_nothing(engine_t *engine, const call_t *call) {
    if (!pass_is_put_off(engine, call->station))
        return false;
    const size_t all = engine->tensor_count + (size_t)engine->group_count + 1;
    memset(call->station->sums, 0, all * METHOD_SUMS * sizeof *call->station->sums);
    return true;
}

void pass_reduce(engine_t *engine, const call_t *call, reduction_t reduction, int terms) {
    if (reduces_nothing(engine, call))
        return;
    pass_t pass = {.engine = engine, .reduce = call, .reduction = reduction, .terms = terms};
    run(&pass);
}

bool pass_sums_then(engine_t *engine, const call_t *call, int terms, const call_t *then) {
    if (reduces_nothing(engine, call))
        return false;
    pass_t pass = {.engine = engine, .reduce = call, .then = then, .reduction = REDUCE_OWN, .terms = terms};
    run(&pass);
    for (size_t i = 0; i < engine->tensor_count; ++i)
        if (station_takes(call->station, &engine->tensors[i]) && !is_one_piece(engine, &engine->tensors[i]))
            return true;
    return false;
}
