/* Rows that a parameter gets or loses. */
#include <inttypes.h>

#include "base/error.h"
#include "engine/rows.h"
#include "optimizer/optimizer.h"

/* Whether the tensor's method keeps an array of it. */
static bool keeps_arrays(const tensor_t *tensor) {
    const station_t *owner = tensor->owner;
    for (size_t k = 0; k < owner->states; ++k) {
        const slot_t *slot = &owner->slot[tensor->id * owner->states + k];
        if (slot->kept && slot->at != NULL)
            return true;
    }
    return false;
}

/* Methods that remember other points, or sums over elements: what they have of the old rows would be wrong. */
static optim_status refuse_method(const optim_t *opt, const tensor_t *tensor) {
    enum {
        REMEMBERS_POINTS = REQUESTS | VALUES_ONLY | PARTICLES | NEEDS_COMPONENTS | COMPONENT_GRADIENTS |
                           NEEDS_CONSTRAINTS | ASKS_FOR_ALL
    };
    if (!opt->engine.planned || !(tensor->owner->method->flags & REMEMBERS_POINTS) || !keeps_arrays(tensor))
        return OPTIM_OK;
    return error_set(OPTIM_ERR_MISMATCH,
                     "\"%s\" remembers other points of parameter \"%s\", which would have rows that it knows nothing "
                     "of: make a new optimizer",
                     tensor->owner->name, tensor->name);
}

static optim_status check_kept(const tensor_t *tensor, const int64_t *kept, size_t count, int64_t rows) {
    if (tensor->ndim == 0)
        return error_set(OPTIM_ERR_SHAPE, "parameter \"%s\" is a single number and has no rows", tensor->name);
    if (rows < 0 || (uint64_t)rows < count)
        return error_set(OPTIM_ERR_ARGUMENT, "parameter \"%s\" cannot have %" PRId64 " rows, of which %zu are old ones",
                         tensor->name, rows, count);
    const optim_status status = count > 0 ? refuse_null(kept, "kept") : OPTIM_OK;
    for (size_t k = 0; status == OPTIM_OK && k < count; ++k)
        if (kept[k] < 0 || kept[k] >= tensor->dims[0])
            return error_set(OPTIM_ERR_ARGUMENT, "kept[%zu] is %" PRId64 ": parameter \"%s\" has rows 0 to %" PRId64, k,
                             kept[k], tensor->name, tensor->dims[0] - 1);
    return status;
}

/* Puts it in the place of the tensor; with a plan, what is remembered goes with it. */
static optim_status exchange(optim_t *opt, const tensor_t *resized, const int64_t *kept, size_t count) {
    tensor_t *tensor = &opt->engine.tensors[resized->id];
    const tensor_t old = *tensor;
    const rows_kept_t rows = {resized->id, count, kept};
    replan_t aside;
    optim_status status = change_begin(opt, &aside, "changing the rows of a parameter");
    if (status != OPTIM_OK)
        return status;
    *tensor = *resized;
    tensor->arena = NULL; /* put aside, if there was one */
    status = change_end(opt, &aside, &rows);
    if (status == OPTIM_OK) {
        for (size_t i = 1; resized->id + i < opt->engine.tensor_count; ++i)
            tensor[i].first_of_all = tensor[i - 1].first_of_all + tensor[i - 1].count;
        rows_free(old.rows);
        return OPTIM_OK;
    }
    *tensor = old;
    replan_cancel(&opt->engine, &aside);
    return status;
}

/* The list of dimensions is the tensor's, and as long as before: only its first entry changes. */
static optim_status resize(optim_t *opt, tensor_t resized, const int64_t *kept, size_t count, int64_t rows) {
    const int64_t before = resized.dims[0];
    resized.dims[0] = rows;
    resized.rows = NULL;
    optim_status status = tensor_shape(resized.name, resized.ndim, resized.dims, &resized.count, &resized.row);
    if (status == OPTIM_OK && resized.count > 0)
        status = refuse_null(resized.data, "data");
    if (status == OPTIM_OK)
        status = exchange(opt, &resized, kept, count);
    if (status == OPTIM_OK)
        opt->buffers.checked = false;
    else
        resized.dims[0] = before;
    return status;
}

optim_status optim_resize(optim_t *opt, int param, const int64_t *kept, size_t count, int64_t rows, void *data,
                          void *grad) {
    optim_status status = refuse_handle(opt, NOT_OPEN | NOT_SWAPPED, "changing the rows of a parameter");
    if (status == OPTIM_OK)
        status = refuse_param(opt, param);
    if (status != OPTIM_OK)
        return status;
    tensor_t resized = opt->engine.tensors[param];
    status = check_kept(&resized, kept, count, rows);
    if (status == OPTIM_OK && (resized.lower != NULL || resized.upper != NULL))
        status =
            error_set(OPTIM_ERR_ORDER,
                      "parameter \"%s\" has bounds for the rows that it has: lift them (optim_set_bounds), and set "
                      "others afterwards",
                      resized.name);
    if (status == OPTIM_OK)
        status = refuse_method(opt, &resized);
    resized.data = data;
    resized.grad = grad;
    return status == OPTIM_OK ? resize(opt, resized, kept, count, rows) : status;
}
