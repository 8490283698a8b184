/* What must hold before memory is taken: shapes, mixing, nesting, forms of storage. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "engine/storage.h"
#include "optimizer/optimizer.h"

static optim_status check_storage(const optim_t *opt) {
    const engine_t *engine = &opt->engine;
    for (int g = 0; g < engine->group_count; ++g) {
        const station_t *owner = engine_owner(engine, g);
        const bool full = (int)station_option(engine->storage, g)[STATE_DTYPE] == STATE_FULL;
        if (!full && !storage_may_be_short(owner->method))
            return error_set(OPTIM_ERR_MISMATCH,
                             "state_dtype is for element-wise methods; \"%s\" is none: leave it at full in group %d",
                             owner->name, g);
    }
    return OPTIM_OK;
}

static optim_status check_shapes(const optim_t *opt, const station_t *station) {
    for (size_t i = 0; station->method->refuses != NULL && i < opt->engine.tensor_count; ++i) {
        const tensor_t *tensor = &opt->engine.tensors[i];
        if (!station_has(station, tensor))
            continue;
        const char *wrong = station->method->refuses(tensor, station_option(station, tensor->group));
        if (wrong != NULL)
            return error_set(OPTIM_ERR_SHAPE, "\"%s\" cannot take parameter \"%s\": %s", station->name, tensor->name,
                             wrong);
    }
    return OPTIM_OK;
}

/* Every tensor has a row for each particle. */
static optim_status check_particles(const optim_t *opt, const station_t *station) {
    for (size_t i = 0; (station->method->flags & PARTICLES) && i < opt->engine.tensor_count; ++i) {
        const tensor_t *tensor = &opt->engine.tensors[i];
        const int64_t rows = tensor->ndim == 0 ? 0 : tensor->dims[0];
        if (station_has(station, tensor) && rows != opt->engine.components)
            return error_set(OPTIM_ERR_SHAPE,
                             "\"%s\" moves particles, of which optim_set_components says that there are %" PRId64
                             ": dimension 0 of parameter \"%s\" must be that",
                             station->name, opt->engine.components, tensor->name);
    }
    return OPTIM_OK;
}

/* That the maps which options name can take the tensors. */
static optim_status check_maps(const optim_t *opt, const station_t *station) {
    const option_t *table = station->method->options;
    mapping_t mapping;
    for (int row = 0; table[row].name != NULL; ++row)
        for (size_t i = 0; option_is_entry(&table[row]) && i < opt->engine.tensor_count; ++i) {
            const tensor_t *tensor = &opt->engine.tensors[i];
            if (!mapping_of(&opt->engine, station, tensor, row, &mapping))
                continue;
            const char *wrong = map_refuses(mapping.map, tensor->count, mapping.call.rows);
            if (wrong != NULL)
                return error_set(OPTIM_ERR_SHAPE, "map \"%s\" of \"%s\" cannot take parameter \"%s\": %s",
                                 mapping.map->name, station->name, tensor->name, wrong);
        }
    return OPTIM_OK;
}

/* A wrapper whose inner step begins elsewhere hands on one gradient, and nothing outside it may move the parameters. */
static optim_status check_nesting(const optim_t *opt) {
    const engine_t *engine = &opt->engine;
    for (int w = engine->method_count; w < engine->station_count; ++w) {
        const station_t *wrapper = engine->stations[w];
        for (int l = 0; (wrapper->method->flags & STEPS_ELSEWHERE) && l < engine->station_count; ++l) {
            const station_t *station = engine->stations[l];
            const int flags = station->method->flags;
            if (l < w && (flags & (REQUESTS | REQUESTS_PRODUCTS)))
                return error_set(
                    OPTIM_ERR_MISMATCH,
                    "\"%s\" hands one gradient to what it wraps, and \"%s\" asks for further evaluations%s",
                    wrapper->name, station->name, station->is_method ? "" : ": wrap it outside");
            if (l > w && station->is_wrapper && station->method->finish != NULL && !(flags & INCLUDES_FROZEN))
                return error_set(OPTIM_ERR_MISMATCH,
                                 "\"%s\" sets the parameters anew in every step, so that \"%s\" cannot move them "
                                 "afterwards: wrap it inside",
                                 wrapper->name, station->name);
        }
    }
    return OPTIM_OK;
}

/* Methods wait for the one that asks, and have their turn when its step can no longer be undone. */
static optim_status check_sharing(const optim_t *opt) {
    const engine_t *engine = &opt->engine;
    const station_t *asker = engine_asker(engine);
    for (int l = 0; asker != NULL && l < engine->method_count; ++l) {
        const station_t *other = engine->stations[l];
        if (other == asker || !(other->method->flags & (REQUESTS | MAY_FAIL)))
            continue;
        return error_set(
            OPTIM_ERR_MISMATCH,
            "\"%s\" asks for further evaluations in a step and cannot share a handle with \"%s\", which %s: "
            "use one handle each",
            asker->name, other->name, other->method->flags & REQUESTS ? "does too" : "may refuse a gradient");
    }
    return OPTIM_OK;
}

/* What must have been said about the problem. */
static optim_status check_problem(const optim_t *opt, const station_t *station) {
    const int flags = station->method->flags;
    if ((flags & NEEDS_COMPONENTS) && opt->engine.components == 0)
        return error_set(OPTIM_ERR_ORDER,
                         "\"%s\" works on the components of a finite sum: say how many there are with "
                         "optim_set_components",
                         station->name);
    if ((flags & NEEDS_CONSTRAINTS) && engine_constraints(&opt->engine) == 0)
        return error_set(OPTIM_ERR_ORDER,
                         "\"%s\" works on constraints: say how many there are with optim_set_constraints",
                         station->name);
    if ((flags & LEAST_SQUARES) && opt->engine.residuals == 0)
        return error_set(OPTIM_ERR_ORDER,
                         "\"%s\" minimizes squares of residuals: say how many there are with optim_set_residuals",
                         station->name);
    if ((flags & LEAST_SQUARES) && loss_sign(opt) < 0)
        return error_set(OPTIM_ERR_MISMATCH, "\"%s\" minimizes squares of residuals: leave maximize at 0",
                         station->name);
    if ((flags & LEAST_SQUARES) && opt->has_bounds)
        return error_set(OPTIM_ERR_MISMATCH,
                         "\"%s\" knows of no bounds: lift them (optim_set_bounds), or use \"lbfgs\" or \"trust_ncg\"",
                         station->name);
    return OPTIM_OK;
}

/* A method of values alone begins a step without a gradient: nothing around it sees one. */
static optim_status check_values_only(const optim_t *opt, const station_t *station) {
    const engine_t *engine = &opt->engine;
    for (int l = 0; (station->method->flags & VALUES_ONLY) && l < engine->station_count; ++l) {
        const station_t *other = engine->stations[l];
        if (other->is_method && other != station)
            return error_set(OPTIM_ERR_MISMATCH,
                             "\"%s\" reads no gradients and cannot share a handle with \"%s\": use one handle each",
                             station->name, other->name);
        if (other->is_wrapper && other->method->advance != NULL)
            return error_set(OPTIM_ERR_MISMATCH, "\"%s\" acts on gradients, and \"%s\" reads none", other->name,
                             station->name);
    }
    return OPTIM_OK;
}

/* An option that makes another gradient of that which arrives: NULL, or what to leave it at. */
static const char *neutral(const char *option) {
    if (strcmp(option, "grad_scale") == 0)
        return "1 (loss_scale=s, loss_scale_growth=1 undoes a scale of the gradients)";
    return strstr(option, "clip") != NULL ? "0" : NULL;
}

/* One that is set, of the handle or a group; NULL: there is none. */
static const char *bends_gradient(const optim_t *opt, const station_t *station) {
    for (int row = 0; !station->is_method && !station->is_wrapper && station->method->options[row].name != NULL;
         ++row) {
        const option_t *option = &station->method->options[row];
        for (int g = 0; neutral(option->name) != NULL && g < opt->engine.group_count; ++g)
            if (station_covers(station, g) && station_option(station, g)[row] != option->initial)
                return option->name;
    }
    return NULL;
}

static optim_status check_search(const optim_t *opt, const station_t *method) {
    const engine_t *engine = &opt->engine;
    if (opt->has_bounds && !(method->method->flags & KEEPS_BOX))
        return error_set(OPTIM_ERR_MISMATCH,
                         "\"%s\" compares losses along a line, which may leave the bounds of a parameter: lift them "
                         "(optim_set_bounds), or use \"lbfgs\", \"ncg\", \"newton_cg\" or \"trust_ncg\", which keep to "
                         "them",
                         method->name);
    for (int l = 0; l < engine->station_count; ++l) {
        const station_t *station = engine->stations[l];
        const char *option = bends_gradient(opt, station);
        if (option != NULL)
            return error_set(
                OPTIM_ERR_MISMATCH,
                "\"%s\" compares the loss with its gradient, and %s makes another one of that: leave it at %s",
                method->name, option, neutral(option));
        if (station->is_wrapper && station->method->advance != NULL)
            return error_set(OPTIM_ERR_MISMATCH,
                             "\"%s\" compares the loss with its gradient, and \"%s\" makes another one of that",
                             method->name, station->name);
    }
    return OPTIM_OK;
}

optim_status check_searches(const optim_t *opt) {
    const engine_t *engine = &opt->engine;
    optim_status status = OPTIM_OK;
    for (int l = 0; status == OPTIM_OK && l < engine->method_count; ++l)
        if ((engine->stations[l]->method->flags & SEARCHES) && station_reads_loss(engine->stations[l]))
            status = check_search(opt, engine->stations[l]);
    return status;
}

/* What cannot be sharded: what works across tensors, or on what it is told of the problem; gradients that are added up
 * on each rank. */
static optim_status check_shard(const optim_t *opt, const station_t *station) {
    enum {
        ACROSS = REQUESTS_PRODUCTS | NEEDS_COMPONENTS | COMPONENT_GRADIENTS | COMPONENT_LOSSES | NEEDS_CONSTRAINTS |
                 VALUES_ONLY | PARTICLES | ASKS_FOR_ALL | KEEPS_BOX | ACROSS_TENSORS
    };
    const method_t *method = station->method;
    bool has_entry = false;
    for (const option_t *row = method->options; row->name != NULL; ++row)
        has_entry |= option_is_entry(row);
    if (replicas_shard(opt) && ((method->flags & ACROSS) || method->inputs != NULL || has_entry))
        return error_set(OPTIM_ERR_MISMATCH,
                         "\"%s\" works on all parameters together, or on what it is told of the problem, so that its "
                         "states cannot be shared out among ranks: shard=0",
                         station->name);
    return OPTIM_OK;
}

static optim_status check_shard_of_handle(const optim_t *opt) {
    if (replicas_shard(opt) && accumulation_has_memory(opt))
        return error_set(OPTIM_ERR_MISMATCH, "accumulate=1 keeps a sum of all gradients on each rank, and shard=1 only "
                                             "what is this rank's: add them up in the gradient buffers");
    return replicas_shard(opt) && opt->norm_log.norm != OPTIM_NORM_NONE ? replicas_refuse_shard(opt, "recording norms")
                                                                        : OPTIM_OK;
}

/* What a wrapper that steps ahead can be put around, and what around it. */
static optim_status check_inside(const station_t *ahead, const station_t *station) {
    const int asks = REQUESTS | REQUESTS_PRODUCTS | VALUES_ONLY | ASKS_FOR_ALL;
    if (station->method->flags & asks)
        return error_set(OPTIM_ERR_MISMATCH, "\"%s\" keeps one gradient for each step of what it wraps, and \"%s\" %s",
                         ahead->name, station->name,
                         station->method->flags & VALUES_ONLY ? "reads none" : "asks for evaluations of its own");
    if (station->method->exchanges != NULL)
        return error_set(OPTIM_ERR_MISMATCH, "\"%s\" may take steps back, which other ranks have seen through \"%s\"",
                         ahead->name, station->name);
    if (station->method->inputs != NULL)
        return error_set(OPTIM_ERR_MISMATCH,
                         "\"%s\" keeps the gradients of steps to come, but not the inputs that \"%s\" reads with them",
                         ahead->name, station->name);
    return OPTIM_OK;
}

static optim_status check_ahead(const optim_t *opt) {
    const engine_t *engine = &opt->engine;
    const station_t *ahead = engine->ahead;
    bool inside = true;
    for (int l = 0; ahead != NULL && l < engine->station_count; ++l) {
        const station_t *station = engine->stations[l];
        const optim_status status = inside && station != ahead ? check_inside(ahead, station) : OPTIM_OK;
        if (status != OPTIM_OK)
            return status;
        if (!inside && station->is_wrapper)
            return error_set(OPTIM_ERR_MISMATCH,
                             "\"%s\" takes several steps of what it wraps at once, which \"%s\" would count as one: "
                             "wrap \"%s\" first",
                             ahead->name, station->name, station->name);
        inside &= station != ahead;
    }
    if (ahead != NULL && ahead->leaves_out)
        return error_set(OPTIM_ERR_MISMATCH, "\"%s\" runs whole steps ahead: it cannot leave groups out", ahead->name);
    return OPTIM_OK;
}

optim_status check_plan(const optim_t *opt) {
    const engine_t *engine = &opt->engine;
    optim_status status = check_nesting(opt);
    if (status == OPTIM_OK)
        status = check_ahead(opt);
    if (status == OPTIM_OK)
        status = check_searches(opt);
    if (status == OPTIM_OK)
        status = check_sharing(opt);
    if (status == OPTIM_OK)
        status = check_shard_of_handle(opt);
    if (status != OPTIM_OK)
        return status;
    for (int l = 0; l < engine->station_count; ++l) {
        const station_t *station = engine->stations[l];
        status = check_values_only(opt, station);
        if (status == OPTIM_OK)
            status = check_problem(opt, station);
        if (status == OPTIM_OK)
            status = check_shard(opt, station);
        if (status == OPTIM_OK)
            status = check_shapes(opt, station);
        if (status == OPTIM_OK)
            status = check_particles(opt, station);
        if (status == OPTIM_OK)
            status = check_maps(opt, station);
        if (status != OPTIM_OK)
            return status;
    }
    return check_storage(opt);
}
