/* The output, which is the point that the methods and wrappers stand for; and how much memory a handle takes. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "optimizer/optimizer.h"

/* The outermost station that has an output for this tensor; NULL: the output is the parameters. */
static station_t *output_station(const optim_t *opt, const tensor_t *tensor) {
    if (opt->steps == 0 || opt->swapped != NULL)
        return NULL;
    for (int l = opt->engine.station_count - 1; l >= 0; --l) {
        station_t *station = opt->engine.stations[l];
        const bool knows_it = tensor_steps(&opt->engine, tensor) > 0 || (station->method->flags & INCLUDES_FROZEN);
        if (station->method->output != NULL && station_has(station, tensor) && knows_it)
            return station;
    }
    return NULL;
}

static void write_output(const optim_t *opt, size_t i, void *values) {
    const tensor_t *tensor = &opt->engine.tensors[i];
    station_t *station = output_station(opt, tensor);
    if (station == NULL) {
        if (tensor->count > 0)
            memcpy(values, tensor->data, tensor->count * dtype_size(tensor->dtype));
        return;
    }
    step_t s = step_make(opt, station); /* prepare reads it, nothing writes */
    s.t = (double)opt->steps;
    pass_output(&opt->engine, station, i, step_prepare_output(&s, tensor), values);
}

/* The states of an output may be another rank's. */
static optim_status refuse_output(const optim_t *opt) {
    for (size_t i = 0; i < opt->engine.tensor_count; ++i)
        if (output_station(opt, &opt->engine.tensors[i]) != NULL)
            return replicas_refuse_shard(opt, "reading an output that differs from the parameters");
    return OPTIM_OK;
}

optim_status optim_output(const optim_t *opt, int param, void *values) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_param(opt, param);
    if (status == OPTIM_OK)
        status = refuse_open(opt, "reading the output");
    if (status == OPTIM_OK && opt->engine.tensors[param].count > 0)
        status = refuse_null(values, "values");
    if (status == OPTIM_OK)
        status = refuse_output(opt);
    if (status == OPTIM_OK)
        write_output(opt, (size_t)param, values);
    return status;
}

/* Exchanges every parameter with its part of `other`, laid out one after the other. */
static void exchange(optim_t *opt, char *other) {
    for (size_t i = 0; i < opt->engine.tensor_count; ++i) {
        const tensor_t *tensor = &opt->engine.tensors[i];
        char *data = tensor->data;
        const size_t bytes = tensor->count * dtype_size(tensor->dtype);
        for (size_t b = 0; b < bytes; ++b) {
            const char kept = data[b];
            data[b] = other[b];
            other[b] = kept;
        }
        other += size_aligned(bytes);
    }
}

static size_t all_bytes(const optim_t *opt) {
    size_t bytes = 0;
    for (size_t i = 0; i < opt->engine.tensor_count; ++i)
        bytes += size_aligned(opt->engine.tensors[i].count * dtype_size(opt->engine.tensors[i].dtype));
    return bytes;
}

optim_status optim_swap_output(optim_t *opt) {
    optim_status status = refuse_handle(opt, NOT_OPEN, "swapping the output");
    if (status == OPTIM_OK)
        status = refuse_output(opt);
    if (status != OPTIM_OK)
        return status;
    if (opt->swapped != NULL) {
        exchange(opt, opt->swapped);
        free(opt->swapped);
        opt->swapped = NULL;
        return OPTIM_OK;
    }
    char *output = memory_aligned(all_bytes(opt));
    if (output == NULL)
        return error_nomem("swapping the output in");
    char *next = output;
    for (size_t i = 0; i < opt->engine.tensor_count; ++i) {
        const tensor_t *tensor = &opt->engine.tensors[i];
        write_output(opt, i, next);
        next += size_aligned(tensor->count * dtype_size(tensor->dtype));
    }
    exchange(opt, output);
    opt->swapped = output;
    return OPTIM_OK;
}

optim_status optim_memory(const optim_t *opt, size_t *state_bytes, size_t *scratch_bytes) {
    size_t state = 0, scratch = 0;
    optim_status status = refuse_null(opt, "opt");
    if (status != OPTIM_OK)
        return status;
    engine_t engine = opt->engine;
    replicas_settle(opt, &engine);
    status = engine.planned ? check_searches(opt) : check_plan(opt);
    if (status == OPTIM_OK)
        status = plan_measure(&engine, &state, &scratch);
    if (status != OPTIM_OK)
        return status;
    if (state_bytes != NULL)
        *state_bytes = state;
    if (scratch_bytes != NULL)
        *scratch_bytes = scratch + replicas_bytes(opt, &engine);
    return OPTIM_OK;
}
