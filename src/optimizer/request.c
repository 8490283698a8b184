/* Details of the open request. */
#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "optimizer/abi.h"
#include "optimizer/optimizer.h"
#include "optimizer/problem.h"

/* The sample for the gradient that the next step begins with. */
static int next_sample(const optim_t *opt) {
    return chain_method(opt)->next_sample;
}

optim_status optim_request_info(const optim_t *opt, optim_request *request) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_null(request, "request");
    if (status != OPTIM_OK)
        return status;
    const request_t *open = &opt->engine.request;
    optim_request info = {.kind = opt->open,
                          .sample = open->sample,
                          .objective = open->objective,
                          .needs_loss = answer_needs_loss(opt),
                          .component = open->count > 0 ? open->first : -1,
                          .evaluation = opt->evaluation,
                          .count = open->count,
                          .roles = open->roles};
    if (opt->open == OPTIM_OK)
        info = (optim_request){.sample = next_sample(opt), .component = -1, .evaluation = 1};
    return abi_write(request, &info, sizeof info, "optim_request");
}

/* The state with this role, of the station that asked, for one parameter. */
static optim_status find_product_state(const optim_t *opt, int param, state_role_t role, void **found) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_param(opt, param);
    if (status != OPTIM_OK)
        return status;
    if (opt->open != OPTIM_EVAL_HVP)
        return error_set(OPTIM_ERR_CLOSED, "no Hessian-vector product is asked for");
    const station_t *station = opt->engine.stations[opt->waiting];
    for (size_t k = 0; k < station->states; ++k)
        if (station->method->states[k].role == role)
            *found = station->slot[(size_t)param * station->states + k].at;
    return OPTIM_OK;
}

optim_status optim_hvp_vector(const optim_t *opt, int param, const void **direction) {
    void *found = NULL;
    optim_status status = refuse_null(direction, "direction");
    if (status == OPTIM_OK)
        status = find_product_state(opt, param, DIRECTION, &found);
    if (status == OPTIM_OK)
        *direction = found;
    return status;
}

optim_status optim_hvp_result(optim_t *opt, int param, void **product) {
    void *found = NULL;
    optim_status status = refuse_null(product, "product");
    if (status == OPTIM_OK)
        status = find_product_state(opt, param, PRODUCT, &found);
    if (status == OPTIM_OK)
        *product = found;
    return status;
}
