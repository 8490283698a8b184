/* Parameters that steps leave alone for a while. */
#include "base/error.h"
#include "optimizer/optimizer.h"

optim_status optim_freeze(optim_t *opt, int param, int frozen) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_param(opt, param);
    if (status == OPTIM_OK && frozen != 0 && frozen != 1)
        status = error_set(OPTIM_ERR_ARGUMENT, "a parameter cannot be frozen %d; valid: 0, 1", frozen);
    if (status == OPTIM_OK)
        status = refuse_open(opt, "freezing a parameter");
    if (status == OPTIM_OK)
        status = refuse_swapped(opt, "freezing a parameter");
    if (status != OPTIM_OK || opt->engine.tensors[param].frozen == (frozen != 0))
        return status;
    tensor_t *tensor = &opt->engine.tensors[param];
    cohorts_collect(&opt->engine); /* while it is known which tensors have taken the steps */
    tensor->frozen = frozen != 0;
    opt->engine.unsettled = true;
    opt->buffers.checked = false;
    return OPTIM_OK;
}
