/* What becomes of a step whose gradient is not finite. */
#include <math.h>

#include "base/error.h"
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

optim_status nonfinite_name(const optim_t *opt) {
    double chunk[READ_ELEMENTS];
    for (size_t i = 0; i < opt->engine.tensor_count; ++i) {
        const tensor_t *tensor = &opt->engine.tensors[i];
        const size_t count = tensor_has_gradient(tensor) ? tensor->count : 0;
        for (size_t offset = 0, n;
             (n = primitives_read(opt->engine.primitives, tensor->grad_dtype, tensor->grad, count, offset, chunk)) > 0;
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
