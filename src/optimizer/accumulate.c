/* Gradients of several micro-batches as one. */
#include <math.h>

#include "base/error.h"
#include "optimizer/optimizer.h"

static double *number(const optim_t *opt, enum accumulate_state which) {
    return handle_engine_station(opt, REGISTRY_ENGINE_ACCUMULATE)->scalar[which];
}

/* As it was set: memory does not follow schedules. */
bool accumulation_has_memory(const optim_t *opt) {
    return handle_engine_station(opt, REGISTRY_ENGINE_ACCUMULATE)->values[0].base[ACCUMULATE] != 0;
}

/* A count without memory for the sum can come from a damaged checkpoint only. */
bool accumulation_exists(const optim_t *opt) {
    return opt->engine.planned && accumulation_has_memory(opt) && *number(opt, ACCUMULATE_COUNT) > 0;
}

const void *accumulation_sum(const optim_t *opt, size_t tensor) {
    const station_t *station = handle_engine_station(opt, REGISTRY_ENGINE_ACCUMULATE);
    return station->slot[tensor * station->states + ACCUMULATE_SUM].at;
}

double accumulation_mean(const optim_t *opt, double sum) {
    return opt->accumulation_scale > 0 ? sum * opt->accumulation_scale : sum / *number(opt, ACCUMULATE_COUNT);
}

double accumulation_loss(const optim_t *opt) {
    return accumulation_mean(opt, *number(opt, ACCUMULATE_LOSS));
}

void accumulation_clear(optim_t *opt) {
    *number(opt, ACCUMULATE_COUNT) = *number(opt, ACCUMULATE_LOSS) = 0;
    opt->accumulation_scale = 0;
}

static optim_status check_call(const optim_t *opt) {
    optim_status status = refuse_null(opt, "opt");
    if (status != OPTIM_OK)
        return status;
    if (!accumulation_has_memory(opt))
        return error_set(OPTIM_ERR_ORDER, "there is no memory to accumulate gradients in: create the optimizer with "
                                          "accumulate=1");
    if (opt->engine.stations[0]->method->flags & VALUES_ONLY)
        return error_set(OPTIM_ERR_MISMATCH, "\"%s\" reads no gradient that could be accumulated",
                         opt->engine.stations[0]->name);
    if (opt->open != OPTIM_OK && opt->open != OPTIM_EVAL_GRAD)
        return error_set(OPTIM_ERR_OPEN, "the open request asks for no gradient that could be accumulated");
    return OPTIM_OK;
}

optim_status optim_accumulate(optim_t *opt) {
    optim_status status = check_call(opt);
    if (status == OPTIM_OK && opt->open == OPTIM_OK)
        status = step_ready(opt);
    if (status == OPTIM_OK)
        status = refuse_missing_loss(opt);
    if (status != OPTIM_OK)
        return status;
    opt->engine.filters.count = 0;
    opt->accumulation = ACCUMULATION_ADDS;
    opt->loss = opt->has_loss ? opt->loss : 0;
    const int outermost = opt->engine.station_count - 1;
    status = step_deliver(opt, outermost, outermost - (REGISTRY_ENGINE_COUNT - 1 - REGISTRY_ENGINE_ACCUMULATE));
    pass_flush(&opt->engine, &(pass_end_t){.zero_gradient = handle_option_value(opt, ZERO_GRAD) != 0});
    opt->engine.filters.count = 0;
    opt->has_loss = false;
    return status;
}

optim_status optim_accumulate_scale(optim_t *opt, double scale) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK && !(scale > 0 && isfinite(scale)))
        status = error_set(OPTIM_ERR_ARGUMENT, "the scale of a sum of gradients cannot be %g; valid: (0,inf)", scale);
    if (status == OPTIM_OK && !accumulation_exists(opt))
        status = error_set(OPTIM_ERR_ORDER, "there is no sum of gradients to scale: optim_accumulate first");
    if (status == OPTIM_OK)
        opt->accumulation_scale = scale;
    return status;
}
