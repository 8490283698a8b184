/* What calls refuse before they do anything else: each refusal is one sentence. */
#include "base/error.h"
#include "optimizer/optimizer.h"

optim_status refuse_by_param(const optim_t *opt, const char *doing) {
    if (!opt->by_param.open)
        return OPTIM_OK;
    return error_set(OPTIM_ERR_OPEN,
                     "%s is not possible while a step is taken parameter by parameter: optim_step_end first", doing);
}

optim_status refuse_open(const optim_t *opt, const char *doing) {
    states_await_copy(opt);
    if (opt->open == OPTIM_OK)
        return refuse_by_param(opt, doing);
    return error_set(OPTIM_ERR_OPEN,
                     "%s is not possible while a request is open: answer it with optim_step, or optim_cancel", doing);
}

optim_status refuse_planned(const optim_t *opt, const char *doing) {
    if (!opt->engine.planned)
        return OPTIM_OK;
    return error_set(OPTIM_ERR_ORDER, "%s is possible before the first step only", doing);
}

optim_status refuse_swapped(const optim_t *opt, const char *doing) {
    if (opt->swapped == NULL)
        return OPTIM_OK;
    return error_set(OPTIM_ERR_SWAPPED, "the output is swapped in: optim_swap_output before %s", doing);
}

optim_status refuse_swapped_move(const optim_t *opt) {
    if (opt->swapped == NULL)
        return OPTIM_OK;
    return error_set(OPTIM_ERR_SWAPPED,
                     "a parameter cannot move while the output is swapped in: optim_swap_output first");
}

optim_status refuse_swapped_state(const optim_t *opt, const char *doing) {
    if (opt->swapped == NULL)
        return OPTIM_OK;
    return error_set(OPTIM_ERR_SWAPPED,
                     "%s while the output is swapped in would mix two points: optim_swap_output first", doing);
}

optim_status refuse_handle(const optim_t *opt, int needs, const char *doing) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK && (needs & NOT_OPEN))
        status = refuse_open(opt, doing);
    if (status == OPTIM_OK && (needs & NOT_PLANNED))
        status = refuse_planned(opt, doing);
    if (status == OPTIM_OK && (needs & NOT_SWAPPED))
        status = refuse_swapped(opt, doing);
    return status;
}

optim_status refuse_param(const optim_t *opt, int param) {
    if (param >= 0 && (size_t)param < opt->engine.tensor_count)
        return OPTIM_OK;
    return error_set(OPTIM_ERR_ARGUMENT, "there is no parameter %d; there are %zu, counted from 0", param,
                     opt->engine.tensor_count);
}

optim_status refuse_group(const optim_t *opt, int group) {
    if (group >= -1 && group < opt->engine.group_count)
        return OPTIM_OK;
    return error_set(OPTIM_ERR_ARGUMENT, "there is no group %d; there are %d, counted from 0 (-1: all)", group,
                     opt->engine.group_count);
}

optim_status refuse_dtype(optim_dtype dtype) {
    if (dtype >= OPTIM_F32 && dtype <= OPTIM_F16)
        return OPTIM_OK;
    return error_set(OPTIM_ERR_ARGUMENT, "there is no dtype %d; valid: OPTIM_F32, OPTIM_F64, OPTIM_BF16, OPTIM_F16",
                     dtype);
}
