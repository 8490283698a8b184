/* What is in a handle: its groups and parameters. */
#include "base/error.h"
#include "optimizer/abi.h"
#include "optimizer/optimizer.h"

size_t optim_group_count(const optim_t *opt) {
    return opt == NULL ? 0 : (size_t)opt->engine.group_count;
}

size_t optim_param_count(const optim_t *opt) {
    return opt == NULL ? 0 : opt->engine.tensor_count;
}

optim_status optim_describe_param(const optim_t *opt, int param, optim_param_info *info) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_param(opt, param);
    if (status == OPTIM_OK)
        status = refuse_null(info, "info");
    if (status != OPTIM_OK)
        return status;
    const tensor_t *tensor = &opt->engine.tensors[param];
    const optim_param_info ours = {.name = tensor->name,
                                   .algorithm = tensor->owner->name,
                                   .group = tensor->group,
                                   .dtype = tensor->dtype,
                                   .ndim = tensor->ndim,
                                   .frozen = tensor_is_frozen(tensor),
                                   .dims = tensor->dims,
                                   .steps = tensor_steps(&opt->engine, tensor)};
    return abi_write(info, &ours, sizeof ours, "optim_param_info");
}

optim_status optim_set_param_steps(optim_t *opt, int param, int64_t steps) {
    optim_status status = refuse_handle(opt, NOT_OPEN | NOT_SWAPPED, "setting a count of steps");
    if (status == OPTIM_OK)
        status = refuse_param(opt, param);
    if (status == OPTIM_OK && (steps < 0 || steps > INT64_MAX / 2))
        status = error_set(OPTIM_ERR_ARGUMENT, "a parameter cannot have taken %lld steps", (long long)steps);
    if (status == OPTIM_OK && !opt->engine.planned)
        status = error_set(OPTIM_ERR_ORDER, "there are no states yet: optim_prepare first");
    if (status != OPTIM_OK)
        return status;
    cohorts_collect(&opt->engine);
    opt->engine.tensors[param].steps = steps;
    opt->engine.unsettled = true;
    opt->steps = steps > opt->steps ? steps : opt->steps;
    return OPTIM_OK;
}

optim_status optim_prepare(optim_t *opt) {
    optim_status status = refuse_handle(opt, NOT_OPEN | NOT_SWAPPED, "preparing");
    if (status == OPTIM_OK)
        status = step_ready(opt);
    return status == OPTIM_OK ? replicas_prepare(opt) : status;
}
