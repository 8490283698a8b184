/*
 * A step parameter by parameter, each as soon as its gradient is there: within a backward pass, in whose end there need
 * not be room for all gradients at once. The bits are those of a whole step.
 *
 *     optim_step_begin    stations take the step: they count and queue what a step of this handle does with a tile, as
 *                         if the gradient were there, and are told that it is complete: the queue is of the last pass
 *     optim_step_param    the pass over this parameter alone
 *     optim_step_end      the pass over those that are left; the step counts
 *
 * So nobody may look at a gradient in between: no reduction, no work on whole tensors, no second pass, no request. The
 * engine passes nothing while `by_tensor` is set, and notes who wanted to; the stations then are put back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "optimizer/optimizer.h"
#include "optimizer/problem.h"

/* ---- Who cannot ---- */

static optim_status refuse_way(const char *who, const char *why) {
    return error_set(OPTIM_ERR_MISMATCH, "%s %s: a step parameter by parameter is not possible, take optim_step", who,
                     why);
}

static optim_status refuse_handle_options(const optim_t *opt) {
    if (accumulation_has_memory(opt))
        return refuse_way("accumulate=1", "keeps the gradients of all parameters");
    if (replicas_work(opt))
        return refuse_way("replicas=mean", "exchanges the whole gradient");
    if (opt->norm_log.norm != OPTIM_NORM_NONE)
        return refuse_way("the log of norms (optim_record_norms)", "is of the whole gradient");
    return OPTIM_OK;
}

static optim_status refuse_stations(const optim_t *opt) {
    for (int l = 0; l < opt->engine.station_count; ++l) {
        const station_t *station = opt->engine.stations[l];
        const int flags = station->method->flags;
        char who[96];
        (void)snprintf(who, sizeof who, "\"%.80s\"", station->name);
        if (flags & (REQUESTS | VALUES_ONLY | ASKS_FOR_ALL))
            return refuse_way(who, "asks for evaluations within a step");
        if (station->method->exchanges != NULL)
            return refuse_way(who, "exchanges all parameters with other ranks");
        if (flags & ACROSS_TENSORS)
            return refuse_way(who, "looks at several parameters at once");
        if (flags & WHOLE_TENSORS)
            return refuse_way(who, "works on whole parameters in several passes");
    }
    return OPTIM_OK;
}

/* Names what of the engine's own looks at the whole gradient. */
static optim_status refuse_looking(const optim_t *opt, const station_t *station) {
    char who[96];
    if (station->is_method || station->is_wrapper) {
        (void)snprintf(who, sizeof who, "\"%.80s\"", station->name);
        return refuse_way(who, "sums over all of the gradient before it moves anything");
    }
    const bool checks = (int)handle_option_value(opt, NONFINITE) != NONFINITE_PROPAGATE;
    const bool bounds = strcmp(station->method->name, "group_clip") == 0;
    if (checks)
        return refuse_way("nonfinite=skip|error", "looks at all of the gradient first");
    if (method_option(opt->own[REGISTRY_ENGINE_LOSS_SCALE]->method, "loss_scale",
                      station_option(opt->own[REGISTRY_ENGINE_LOSS_SCALE], 0)) != 0)
        return refuse_way("loss_scale", "looks at all of the gradient first");
    return refuse_way(bounds ? "a bound on a group's norm" : "a bound on the gradient's norm",
                      "needs the whole gradient");
}

/* ---- Beginning ---- */

/* Room to put stations back to where they were, and for which parameters have been stepped. */
static optim_status take_room(optim_t *opt) {
    size_t bytes = 0;
    for (int l = 0; l < opt->engine.station_count; ++l)
        bytes += opt->engine.stations[l]->memory_bytes;
    if (opt->by_param.stepped != NULL)
        return OPTIM_OK;
    bool *stepped = malloc(opt->engine.tensor_count * sizeof *stepped);
    char *kept = malloc(bytes + 1);
    if (stepped == NULL || kept == NULL) {
        free(stepped);
        free(kept);
        return error_nomem("a step parameter by parameter");
    }
    opt->by_param.stepped = stepped;
    opt->by_param.kept = kept;
    return OPTIM_OK;
}

static void copy_memory(const optim_t *opt, bool back) {
    char *kept = opt->by_param.kept;
    for (int l = 0; l < opt->engine.station_count; ++l) {
        const station_t *station = opt->engine.stations[l];
        if (station->memory_bytes > 0)
            memcpy(back ? station->memory : kept, back ? kept : station->memory, station->memory_bytes);
        kept += station->memory_bytes;
    }
}

/* The queue of the step, without a pass. */
static optim_status queue_step(optim_t *opt) {
    engine_t *engine = &opt->engine;
    engine->filters.count = engine->updates.count = 0;
    engine->gradient_roles = 0;
    accumulation_use(opt, false);
    engine->by_tensor = true;
    engine->looks = NULL;
    optim_status status = step_deliver(opt, engine->station_count - 1, 0);
    if (status == OPTIM_OK)
        opt->by_param.end =
            step_close(opt, 0, engine->station_count - 1, opt->steps + 1, handle_option_value(opt, ZERO_GRAD) != 0);
    engine->by_tensor = false;
    if (engine->looks != NULL)
        return refuse_looking(opt, engine->looks);
    if (engine->rejected)
        status = error_set(OPTIM_ERR_NONFINITE, "the loss is not finite; the step was undone");
    return status;
}

/* Nothing has been passed over: numbers alone go back. */
static void put_back(optim_t *opt) {
    engine_t *engine = &opt->engine;
    engine->updates.count = engine->filters.count = 0;
    engine->rejected = false;
    for (int l = 0; l < engine->station_count; ++l)
        step_put_back(opt, engine->stations[l]);
    copy_memory(opt, true);
    engine->draws = engine->draws_backup;
}

static optim_status refuse_begin(optim_t *opt) {
    optim_status status = refuse_handle(opt, NOT_OPEN | NOT_SWAPPED, "beginning a step parameter by parameter");
    if (status == OPTIM_OK)
        status = refuse_handle_options(opt);
    return status == OPTIM_OK ? refuse_stations(opt) : status;
}

optim_status optim_step_begin(optim_t *opt) {
    optim_status status = refuse_begin(opt);
    if (status == OPTIM_OK)
        status = step_open(opt);
    if (status == OPTIM_OK)
        status = refuse_missing_answer(opt);
    if (status == OPTIM_OK)
        status = inputs_check(opt);
    if (status == OPTIM_OK)
        status = take_room(opt);
    if (status != OPTIM_OK)
        return status;
    copy_memory(opt, false);
    status = queue_step(opt);
    opt->has_loss = false;
    if (status != OPTIM_OK) {
        put_back(opt);
        return status;
    }
    memset(opt->by_param.stepped, 0, opt->engine.tensor_count * sizeof *opt->by_param.stepped);
    opt->by_param.open = true;
    return OPTIM_OK;
}

/* ---- Going on ---- */

static optim_status refuse_closed(const optim_t *opt) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK && !opt->by_param.open)
        status = error_set(OPTIM_ERR_CLOSED, "no step parameter by parameter is open: optim_step_begin first");
    return status;
}

static void step_one(optim_t *opt, size_t tensor) {
    pass_tensor(&opt->engine, tensor, &opt->by_param.end);
    opt->by_param.stepped[tensor] = true;
}

optim_status optim_step_param(optim_t *opt, int param) {
    optim_status status = refuse_closed(opt);
    if (status == OPTIM_OK)
        status = refuse_param(opt, param);
    if (status == OPTIM_OK && opt->by_param.stepped[param])
        status =
            error_set(OPTIM_ERR_ORDER, "parameter \"%s\" has been stepped already: it takes one step with the others",
                      opt->engine.tensors[param].name);
    if (status == OPTIM_OK)
        step_one(opt, (size_t)param);
    return status;
}

optim_status optim_step_end(optim_t *opt) {
    const optim_status status = refuse_closed(opt);
    if (status != OPTIM_OK)
        return status;
    for (size_t i = 0; i < opt->engine.tensor_count; ++i)
        if (!opt->by_param.stepped[i])
            step_one(opt, i);
    opt->engine.updates.count = opt->engine.filters.count = 0;
    step_count(opt, opt->steps + 1);
    sparse_use_up(&opt->engine);
    opt->by_param.open = false;
    return OPTIM_OK;
}
