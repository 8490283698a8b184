/* Details of the open request. */
#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "optimizer/abi.h"
#include "optimizer/optimizer.h"
#include "optimizer/problem.h"

void request_name_sample(const optim_t *opt, optim_request *request) {
    const bool by_index = opt->engine.ahead != NULL;
    request->sample = by_index ? OPTIM_SAMPLE_INDEX : chain_method(opt)->next_sample;
    request->index = by_index ? opt->steps : 0;
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
                          .roles = open->roles,
                          .index = open->index};
    if (opt->open == OPTIM_OK) {
        info = (optim_request){.component = -1, .evaluation = 1};
        request_name_sample(opt, &info);
    }
    return abi_write(request, &info, sizeof info, "optim_request");
}

static const char *product_name(optim_status kind) {
    if (kind == OPTIM_EVAL_HVP)
        return "Hessian-vector product";
    return kind == OPTIM_EVAL_JVP ? "product with the Jacobian" : "product with the transposed Jacobian";
}

/* The state with this role, of the station that asked, for one parameter, while a request of this kind is open. */
static optim_status find_product_state(const optim_t *opt, int param, optim_status kind, state_role_t role,
                                       void **found) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_param(opt, param);
    if (status != OPTIM_OK)
        return status;
    if (opt->open != kind)
        return error_set(OPTIM_ERR_CLOSED, "no %s is asked for", product_name(kind));
    const station_t *station = opt->engine.stations[opt->asker];
    for (size_t k = 0; k < station->states; ++k)
        if (station->method->states[k].role == role)
            *found = station->slot[(size_t)param * station->states + k].at;
    return OPTIM_OK;
}

optim_status optim_hvp_vector(const optim_t *opt, int param, const void **direction) {
    void *found = NULL;
    optim_status status = refuse_null(direction, "direction");
    if (status == OPTIM_OK)
        status = find_product_state(opt, param, OPTIM_EVAL_HVP, DIRECTION, &found);
    if (status == OPTIM_OK)
        *direction = found;
    return status;
}

optim_status optim_hvp_result(optim_t *opt, int param, void **product) {
    void *found = NULL;
    optim_status status = refuse_null(product, "product");
    if (status == OPTIM_OK)
        status = find_product_state(opt, param, OPTIM_EVAL_HVP, PRODUCT, &found);
    if (status == OPTIM_OK)
        *product = found;
    return status;
}

optim_status optim_jvp_vector(const optim_t *opt, int param, const void **direction) {
    void *found = NULL;
    optim_status status = refuse_null(direction, "direction");
    if (status == OPTIM_OK)
        status = find_product_state(opt, param, OPTIM_EVAL_JVP, DIRECTION, &found);
    if (status == OPTIM_OK)
        *direction = found;
    return status;
}

optim_status optim_vjp_result(optim_t *opt, int param, void **product) {
    void *found = NULL;
    optim_status status = refuse_null(product, "product");
    if (status == OPTIM_OK)
        status = find_product_state(opt, param, OPTIM_EVAL_VJP, PRODUCT, &found);
    if (status == OPTIM_OK)
        *product = found;
    return status;
}
