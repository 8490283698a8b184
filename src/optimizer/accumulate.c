/* optim_accumulate: gradients of several micro-batches as one. */
#include <math.h>

#include "base/error.h"
#include "optimizer/optimizer.h"
#include "optimizer/problem.h"

static optim_status check_call(const optim_t *opt) {
    optim_status status = refuse_null(opt, "opt");
    if (status != OPTIM_OK)
        return status;
    if (!accumulation_has_memory(opt))
        return error_set(OPTIM_ERR_ORDER, "there is no memory to accumulate gradients in: create the optimizer with "
                                          "accumulate=1");
    if (chain_method(opt)->method->flags & VALUES_ONLY)
        return error_set(OPTIM_ERR_MISMATCH, "\"%s\" reads no gradient that could be accumulated",
                         chain_method(opt)->name);
    if (opt->open == OPTIM_OK && asks_for_all(opt))
        return error_set(
            OPTIM_ERR_ORDER,
            "a step of \"%s\" begins without a gradient: call optim_step, then accumulate what it asks for",
            chain_method(opt)->name);
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
    opt->engine.gradient_roles = opt->open == OPTIM_OK ? 0 : opt->engine.request.roles;
    opt->accumulation = ACCUMULATION_ADDS;
    opt->accumulation_factor = 0;
    opt->loss = opt->has_loss ? opt->loss : 0;
    status =
        step_deliver(opt, opt->engine.station_count - 1, chain_position(opt, opt->own[REGISTRY_ENGINE_ACCUMULATE]));
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
