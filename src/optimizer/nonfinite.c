/* What becomes of a step whose gradient is not finite. */
#include <math.h>

#include "base/error.h"
#include "engine/rows.h"
#include "optimizer/optimizer.h"

bool nonfinite_skips(optim_t *opt) {
    bool skips = (int)handle_option_value(opt, NONFINITE) == NONFINITE_SKIP;
    for (int l = 0; l < opt->engine.station_count; ++l) {
        const method_t *method = opt->engine.stations[l]->method;
        step_t s = step_make(opt, opt->engine.stations[l]);
        skips |= method->rejected != NULL && method->rejected(&s);
    }
    return skips;
}

optim_status nonfinite_limit(optim_t *opt) {
    guarded_t *m = station_memory(opt->own[REGISTRY_ENGINE_GUARD]);
    const double limit = handle_option_value(opt, SKIP_LIMIT);
    if (limit > 0 && (double)m->skips >= limit)
        return error_set(
            OPTIM_ERR_NONFINITE,
            "%lld steps in a row were passed over and this would be one more (skip_limit): the gradient is "
            "not finite, or above skip_norm; the step was undone",
            (long long)m->skips);
    ++m->skips;
    return OPTIM_OK;
}

optim_status nonfinite_name(const optim_t *opt) {
    double chunk[READ_ELEMENTS];
    for (size_t i = 0; i < opt->engine.tensor_count; ++i) {
        const tensor_t *tensor = &opt->engine.tensors[i];
        const size_t count = tensor_has_gradient(tensor) ? tensor->count : 0;
        for (size_t offset = 0, n; (n = gradient_read(opt->engine.primitives, tensor, count, offset, chunk)) > 0;
             offset += n)
            for (size_t j = 0; j < n; ++j)
                if (!isfinite(chunk[j]))
                    return error_set(OPTIM_ERR_NONFINITE,
                                     "the gradient of parameter \"%s\" is %g at element %zu; the step was undone",
                                     tensor->name, chunk[j], offset + j);
    }
    return error_set(
        OPTIM_ERR_NONFINITE,
        "the loss, a Hessian-vector product, or the gradient once accumulated and scaled, is not finite; the step was "
        "undone");
}
