/* Least squares: how many residuals there are, their values and derivatives. */
#include <inttypes.h>

#include "base/error.h"
#include "optimizer/optimizer.h"

optim_status optim_set_residuals(optim_t *opt, int64_t count) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK && (count < 1 || count > INT32_MAX))
        status =
            error_set(OPTIM_ERR_ARGUMENT, "there cannot be %" PRId64 " residuals; valid: 1 to %d", count, INT32_MAX);
    if (status == OPTIM_OK)
        status = refuse_planned(opt, "saying how many residuals there are");
    if (status == OPTIM_OK)
        opt->engine.residuals = count;
    return status;
}

optim_status optim_residual_values(optim_t *opt, double **values) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_null(values, "values");
    if (status == OPTIM_OK && opt->open != OPTIM_EVAL_RESIDUALS)
        status = error_set(OPTIM_ERR_CLOSED, "no residuals are asked for");
    if (status == OPTIM_OK) {
        *values = opt->engine.request.values;
        opt->answers.complete = true;
    }
    return status;
}

optim_status optim_jacobian_rows(optim_t *opt, int param, double **rows) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_null(rows, "rows");
    if (status == OPTIM_OK)
        status = refuse_param(opt, param);
    if (status == OPTIM_OK && opt->open != OPTIM_EVAL_JACOBIAN)
        status = error_set(OPTIM_ERR_CLOSED, "no derivatives of residuals are asked for");
    if (status != OPTIM_OK)
        return status;
    const engine_t *engine = &opt->engine;
    const tensor_t *tensor = &engine->tensors[param];
    const bool is_theirs = tensor->count > 0 && station_has(engine->stations[opt->asker], tensor);
    *rows = is_theirs ? engine->request.values + (size_t)engine->residuals * tensor->first_of_method : NULL;
    return OPTIM_OK;
}

optim_status optim_jvp_result(optim_t *opt, double **product) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_null(product, "product");
    if (status == OPTIM_OK && opt->open != OPTIM_EVAL_JVP)
        status = error_set(OPTIM_ERR_CLOSED, "no product with the Jacobian is asked for");
    if (status == OPTIM_OK) {
        *product = opt->engine.request.values;
        opt->answers.complete = true;
    }
    return status;
}

optim_status optim_vjp_vector(const optim_t *opt, const double **weights) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_null(weights, "weights");
    if (status == OPTIM_OK && opt->open != OPTIM_EVAL_VJP)
        status = error_set(OPTIM_ERR_CLOSED, "no product with the transposed Jacobian is asked for");
    if (status == OPTIM_OK)
        *weights = opt->engine.request.values;
    return status;
}
