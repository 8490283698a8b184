/*
 * A step that hands out what it would add and leaves the parameters. It is a step like all others, of copies: while it
 * runs, `data` of every tensor that moves is the caller's room for the update, which holds the parameter in reals, and
 * `dtype` is theirs. Behind it the parameter is subtracted from its copy.
 *
 *     update <- x,  step of update,  update <- update - x
 *
 * Kernels write reals whatever a parameter is kept in, so that nothing is rounded in between. Where a step asks for an
 * evaluation the caller's parameters must be the point that is meant: all stations that asks go with must leave them
 * where they are. Then the copy is what it was, and made anew when the answer is there.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/storage.h"
#include "optimizer/optimizer.h"

static bool moves_within_step(const station_t *station) {
    if (station->method->flags & STEPS_ELSEWHERE)
        return true;
    for (size_t k = 0; k < station->states; ++k)
        if (station->method->states[k].role == RESTORE_POINT)
            return true;
    return false;
}

static optim_status refuse_trials(const optim_t *opt) {
    const engine_t *engine = &opt->engine;
    bool asks = false;
    for (int l = 0; l < engine->station_count; ++l)
        asks |= (engine->stations[l]->method->flags & REQUESTS) != 0;
    for (int l = 0; asks && l < engine->station_count; ++l)
        if (moves_within_step(engine->stations[l]))
            return error_set(OPTIM_ERR_MISMATCH,
                             "\"%s\" moves the parameters within a step that asks for evaluations there: take "
                             "optim_step, and the difference yourself",
                             engine->stations[l]->name);
    return OPTIM_OK;
}

static optim_status refuse_exchanges(const optim_t *opt) {
    const station_t *station = chain_exchanger(opt);
    if (station == NULL)
        return OPTIM_OK;
    return error_set(
        OPTIM_ERR_MISMATCH,
        "\"%s\" exchanges the parameters with other ranks, which are not there before the update is added: "
        "take optim_step",
        station->name);
}

static optim_status refuse_kept_parts(const engine_t *engine) {
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        const slot_t *slot = &engine->storage->slot[i * engine->storage->states];
        const bool has_master = slot[STORAGE_MASTER].at != NULL;
        if (has_master || slot[STORAGE_CARRY].at != NULL)
            return error_set(OPTIM_ERR_MISMATCH,
                             "%s keeps a part of parameter \"%s\" in the handle, which would be left behind: who adds "
                             "updates keeps the parameter in f32 himself",
                             has_master ? "master=f32" : "rounding=kahan", engine->tensors[i].name);
    }
    return OPTIM_OK;
}

/* Whether its parameter is worked on in the update's room. */
static bool is_copied(const tensor_t *tensor) {
    return !tensor_is_frozen(tensor) && tensor->count > 0;
}

static optim_status refuse_updates(optim_t *opt, void *const *updates, size_t count) {
    const engine_t *engine = &opt->engine;
    if (count != engine->tensor_count)
        return error_set(OPTIM_ERR_ARGUMENT, "there are %zu updates for %zu parameters: hand over one for each", count,
                         engine->tensor_count);
    for (size_t i = 0; i < count; ++i)
        if (updates[i] == NULL && is_copied(&engine->tensors[i]))
            return error_set(OPTIM_ERR_NULL, "updates[%zu] is NULL, but parameter \"%s\" has a gradient and elements",
                             i, engine->tensors[i].name);
    return buffers_check_updates(opt, updates);
}

/* ---- Copies ---- */

/* Elements of a tile: as many as lie in the first level of the cache. */
typedef struct piece {
    const tensor_t *tensor;
    size_t n;
    const void *from; /* the caller's parameter */
    char *to;         /* the update */
} piece_t;

static void copy_piece(const engine_t *engine, const piece_t *piece) {
    double room[READ_ELEMENTS];
    storage_read(engine, piece->tensor, engine_own_dtype(engine, piece->tensor), piece->n, piece->from, room);
    memcpy(piece->to, room, piece->n * tensor_real(piece->tensor));
}

/* An infinity that stays is no difference. */
static void subtract_f32(size_t n, const float *x, float *moved) {
    for (size_t i = 0; i < n; ++i)
        moved[i] = moved[i] == x[i] ? 0 : moved[i] - x[i];
}
static void subtract_f64(size_t n, const double *x, double *moved) {
    for (size_t i = 0; i < n; ++i)
        moved[i] = moved[i] == x[i] ? 0 : moved[i] - x[i];
}

static void subtract_piece(const engine_t *engine, const piece_t *piece) {
    double x[READ_ELEMENTS], moved[READ_ELEMENTS];
    const size_t bytes = piece->n * tensor_real(piece->tensor);
    storage_read(engine, piece->tensor, engine_own_dtype(engine, piece->tensor), piece->n, piece->from, x);
    memcpy(moved, piece->to, bytes);
    if (tensor_precision(piece->tensor) == PRECISION_F64)
        subtract_f64(piece->n, x, moved);
    else
        subtract_f32(piece->n, (const float *)(const void *)x, (float *)(void *)moved);
    memcpy(piece->to, moved, bytes);
}

/* What is done with every piece of every copy; `data` is the copy then. */
typedef void piece_work_t(const engine_t *engine, const piece_t *piece);
typedef struct work {
    piece_work_t *run;
} work_t;

static void run_part(const engine_t *engine, int part, void *context) {
    const work_t *work = context;
    for (size_t i = engine->part[part]; i < engine->part[part + 1]; ++i) {
        const tile_ref_t *tile = &engine->tiles[i];
        const tensor_t *tensor = &engine->tensors[tile->tensor];
        const size_t end = tile->offset + tile->n;
        for (size_t at = tile->offset; is_copied(tensor) && at < end; at += READ_ELEMENTS) {
            const own_t *own = &engine->own[tensor->id];
            const piece_t piece = {.tensor = tensor,
                                   .n = end - at < READ_ELEMENTS ? end - at : READ_ELEMENTS,
                                   .from = (const char *)own->data + at * dtype_size(own->dtype),
                                   .to = (char *)tensor->data + at * tensor_real(tensor)};
            work->run(engine, &piece);
        }
    }
}

static void go_to_copies(optim_t *opt, void *const *updates) {
    engine_t *engine = &opt->engine;
    engine->own = opt->own_parameters;
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        tensor_t *tensor = &engine->tensors[i];
        engine->own[i] = (own_t){tensor->data, tensor->dtype};
        if (!is_copied(tensor)) {
            if (updates[i] != NULL && tensor->count > 0)
                memset(updates[i], 0, tensor->count * tensor_real(tensor));
            continue;
        }
        tensor->data = updates[i];
        tensor->dtype = tensor_real_dtype(tensor);
        plan_bind(engine, tensor);
    }
    engine_parallel(engine, run_part, &(work_t){copy_piece});
}

static void come_back(optim_t *opt) {
    engine_t *engine = &opt->engine;
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        tensor_t *tensor = &engine->tensors[i];
        if (!is_copied(tensor))
            continue;
        tensor->data = engine->own[i].data;
        tensor->dtype = engine->own[i].dtype;
        plan_bind(engine, tensor);
    }
    engine->own = NULL;
}

/* With the first update: where the caller's parameters are meanwhile. */
static optim_status take_room(optim_t *opt) {
    if (opt->own_parameters == NULL)
        opt->own_parameters = malloc(opt->engine.tensor_count * sizeof *opt->own_parameters);
    return opt->own_parameters == NULL ? error_nomem("handing out updates") : OPTIM_OK;
}

/* Memory may be taken, which starts states from parameters: before they are copies. */
static optim_status look(optim_t *opt, void *const *updates, size_t count) {
    optim_status status = opt->open == OPTIM_OK ? step_ready(opt) : OPTIM_OK;
    if (status == OPTIM_OK)
        status = refuse_trials(opt);
    if (status == OPTIM_OK)
        status = refuse_exchanges(opt);
    if (status == OPTIM_OK)
        status = refuse_kept_parts(&opt->engine);
    if (status == OPTIM_OK)
        status = refuse_updates(opt, updates, count);
    return status == OPTIM_OK ? take_room(opt) : status;
}

optim_status optim_update(optim_t *opt, void *const *updates, size_t count) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_null(updates, "updates");
    if (status == OPTIM_OK)
        status = refuse_by_param(opt, "handing out updates");
    if (status == OPTIM_OK)
        status = replicas_refuse_shard(opt, "handing out updates");
    if (status == OPTIM_OK)
        status = look(opt, updates, count);
    if (status != OPTIM_OK)
        return status;
    go_to_copies(opt, updates);
    status = step_take(opt, false);
    if (status == OPTIM_OK)
        engine_parallel(&opt->engine, run_part, &(work_t){subtract_piece});
    come_back(opt);
    return status;
}
