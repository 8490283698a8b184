/* Parameters: adding, moving, bounding them. */
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/rows.h"
#include "optimizer/optimizer.h"

/* In sentences: parameter "w", or the data if it has no name. */
#define WHOSE "%s%s%s"
#define WHO(name) (name) == NULL ? "" : "parameter \"", (name) == NULL ? "the data" : (name), (name) == NULL ? "" : "\""

optim_status tensor_shape(const char *name, int ndim, const int64_t *dims, size_t *count, size_t *row) {
    size_t size, bytes;
    *count = *row = 1;
    for (int i = 0; i < ndim; ++i) {
        if (dims[i] < 0)
            return error_set(OPTIM_ERR_SHAPE, "dimension %d of " WHOSE " is %" PRId64 "; it must be 0 or more", i,
                             WHO(name), dims[i]);
        if (dims[i] == 0)
            *count = *row = 0;
    }
    for (int i = 0; *count > 0 && i < ndim; ++i)
        if (!size_of_count(dims[i], &size) || !size_multiply(*count, size, count) ||
            !size_multiply(*count, sizeof(double), &bytes) || bytes > PTRDIFF_MAX ||
            !size_multiply(*row, i > 0 ? size : 1, row))
            return error_set(OPTIM_ERR_SIZE, WHOSE " has more elements than memory can hold", WHO(name));
    if (ndim < 2)
        *row = *count;
    return OPTIM_OK;
}

optim_status data_shape(optim_dtype dtype, int ndim, const int64_t *dims, size_t *count) {
    size_t row;
    optim_status status = refuse_dtype(dtype);
    if (status == OPTIM_OK && (ndim < 0 || ndim > TENSOR_DIMS))
        status = error_set(OPTIM_ERR_SHAPE, "the data cannot have %d dimensions; valid: 0 to %d", ndim, TENSOR_DIMS);
    if (status == OPTIM_OK && ndim > 0)
        status = refuse_null(dims, "dims");
    return status == OPTIM_OK ? tensor_shape(NULL, ndim, dims, count, &row) : status;
}

static optim_status check_new(const optim_t *opt, int group, const char *name, optim_dtype dtype, int ndim,
                              const int64_t *dims) {
    optim_status status = refuse_handle(opt, NOT_OPEN | NOT_SWAPPED, "adding a parameter");
    if (status == OPTIM_OK && group < 0)
        status = error_set(OPTIM_ERR_ARGUMENT, "there is no group %d to add a parameter to", group);
    if (status == OPTIM_OK)
        status = refuse_group(opt, group);
    if (status == OPTIM_OK)
        status = refuse_dtype(dtype);
    if (status == OPTIM_OK && (ndim < 0 || ndim > TENSOR_DIMS))
        status = error_set(OPTIM_ERR_SHAPE, "parameter \"%.200s\" cannot have %d dimensions; valid: 0 to %d", name,
                           ndim, TENSOR_DIMS);
    if (status == OPTIM_OK && ndim > 0)
        status = refuse_null(dims, "dims");
    if (status == OPTIM_OK && opt->engine.tensor_count == INT_MAX)
        status = error_set(OPTIM_ERR_SIZE, "there are too many parameters");
    if (status == OPTIM_OK && names_has(&opt->names, name))
        status = error_set(OPTIM_ERR_DUPLICATE, "there is a parameter \"%s\" already; names must differ", name);
    return status;
}

/* Puts it at the end of the list. */
static optim_status append(optim_t *opt, tensor_t *added) {
    engine_t *engine = &opt->engine;
    void *tensors = engine->tensors;
    replan_t aside;
    optim_status status = change_begin(opt, &aside, "adding a parameter");
    if (status != OPTIM_OK)
        return status;
    if (!memory_grow(&tensors, &engine->tensor_capacity, engine->tensor_count + 1, sizeof *engine->tensors)) {
        replan_cancel(engine, &aside);
        return error_nomem("adding a parameter");
    }
    engine->tensors = tensors;
    added->owner = otherwise_owner(opt, added);
    engine->tensors[engine->tensor_count++] = *added;
    status = change_end(opt, &aside, NULL);
    if (status == OPTIM_OK)
        return OPTIM_OK;
    --engine->tensor_count;
    replan_cancel(engine, &aside);
    return status;
}

static optim_status add(optim_t *opt, const tensor_t *tensor, const char *name, const int64_t *dims) {
    tensor_t added = *tensor;
    added.name = memory_text(name, strlen(name));
    added.dims = malloc(((size_t)added.ndim + 1) * sizeof *dims);
    optim_status status = OPTIM_OK;
    if (added.name == NULL || added.dims == NULL || !names_reserve(&opt->names))
        status = error_nomem("adding a parameter");
    if (status == OPTIM_OK && added.ndim > 0)
        memcpy(added.dims, dims, (size_t)added.ndim * sizeof *dims);
    if (status == OPTIM_OK)
        status = append(opt, &added);
    if (status != OPTIM_OK) {
        free(added.name);
        free(added.dims);
        return status;
    }
    names_add(&opt->names, added.name);
    opt->buffers.checked = false;
    return OPTIM_OK;
}

optim_status optim_add_param(optim_t *opt, int group, const char *name, optim_dtype dtype, int ndim,
                             const int64_t *dims, void *data, void *grad) {
    char generated[32];
    optim_status status = refuse_null(opt, "opt");
    if (status != OPTIM_OK)
        return status;
    if (name == NULL) {
        (void)snprintf(generated, sizeof generated, "param%zu", opt->engine.tensor_count);
        name = generated;
    }
    status = check_new(opt, group, name, dtype, ndim, dims);
    tensor_t tensor = {.dtype = dtype, .grad_dtype = dtype, .ndim = ndim, .group = group, .data = data, .grad = grad};
    tensor.id = opt->engine.tensor_count;
    const tensor_t *before = tensor.id > 0 ? &opt->engine.tensors[tensor.id - 1] : NULL;
    tensor.first_of_all = before == NULL ? 0 : before->first_of_all + before->count;
    if (status == OPTIM_OK) {
        const station_t *owner = engine_owner(&opt->engine, group);
        tensor.gradient_free = owner->method->flags & VALUES_ONLY;
        tensor.role = owner->values[group].role > 0 ? owner->values[group].role - 1 : 0;
    }
    if (status == OPTIM_OK)
        status = tensor_shape(name, ndim, dims, &tensor.count, &tensor.row);
    if (status == OPTIM_OK && tensor.count > 0)
        status = refuse_null(data, "data");
    return status == OPTIM_OK ? add(opt, &tensor, name, dims) : status;
}

/* For the calls that change one parameter between steps. */
static optim_status check_change(const optim_t *opt, int param, const char *doing) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_param(opt, param);
    if (status == OPTIM_OK)
        status = refuse_open(opt, doing);
    return status;
}

/* While a request is open only gradients may move: what is to be undone lies in the parameters. */
static optim_status refuse_open_move(const optim_t *opt, const tensor_t *old, const tensor_t *moved) {
    if (moved->data == old->data && tensor_is_frozen(moved) == tensor_is_frozen(old))
        return OPTIM_OK;
    return refuse_open(opt, "moving, freezing or thawing a parameter");
}

/* Takes over the addresses. */
static void move(optim_t *opt, const tensor_t *moved) {
    tensor_t *tensor = &opt->engine.tensors[moved->id];
    if (tensor_is_frozen(tensor) != tensor_is_frozen(moved)) {
        cohorts_collect(&opt->engine);
        opt->engine.unsettled = true;
    }
    tensor->data = moved->data;
    tensor->grad = moved->grad;
    if (tensor->rows != moved->rows) {
        rows_free(tensor->rows);
        tensor->rows = moved->rows;
    }
    if (opt->engine.planned)
        plan_bind(&opt->engine, tensor);
}

/* What of the buffers is otherwise looked at when a step begins. */
static optim_status check_open(optim_t *opt, const tensor_t *old) {
    const optim_status status = opt->open == OPTIM_OK && !opt->by_param.open ? OPTIM_OK : buffers_check(opt);
    if (status != OPTIM_OK) {
        move(opt, old);
        opt->buffers.checked = false;
    }
    return status;
}

static optim_status bind(optim_t *opt, int param, void *data, void *grad) {
    const tensor_t old = opt->engine.tensors[param];
    tensor_t moved = old;
    moved.data = data;
    moved.grad = grad;
    moved.rows = NULL;
    optim_status status = moved.count > 0 ? refuse_null(data, "data") : OPTIM_OK;
    if (status == OPTIM_OK)
        status = refuse_open_move(opt, &old, &moved);
    if (status == OPTIM_OK)
        status = buffers_move(opt, &moved);
    if (status != OPTIM_OK)
        return status;
    move(opt, &moved);
    return check_open(opt, &old);
}

optim_status optim_bind(optim_t *opt, int param, void *data, void *grad) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_param(opt, param);
    if (status == OPTIM_OK)
        status = refuse_swapped_move(opt);
    return status == OPTIM_OK ? bind(opt, param, data, grad) : status;
}

optim_status optim_bind_all(optim_t *opt, void *const *data, void *const *grads, size_t count) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK && count > opt->engine.tensor_count)
        status = error_set(OPTIM_ERR_ARGUMENT, "there are %zu parameters, not %zu", opt->engine.tensor_count, count);
    if (status == OPTIM_OK && count > 0)
        status = refuse_null(grads, "grads");
    if (status == OPTIM_OK)
        status = refuse_swapped_move(opt);
    for (size_t i = 0; status == OPTIM_OK && i < count; ++i)
        status = bind(opt, (int)i, data == NULL ? opt->engine.tensors[i].data : data[i], grads[i]);
    return status;
}

optim_status optim_set_grad_dtype(optim_t *opt, int param, optim_dtype dtype) {
    optim_status status = check_change(opt, param, "changing a gradient's dtype");
    if (status == OPTIM_OK)
        status = refuse_planned(opt, "changing a gradient's dtype");
    if (status == OPTIM_OK)
        status = refuse_dtype(dtype);
    if (status == OPTIM_OK)
        opt->engine.tensors[param].grad_dtype = dtype;
    return status;
}

/* An empty box, or none at all. */
static optim_status check_bounds(const optim_t *opt, const tensor_t *tensor, const void *lower, const void *upper) {
    enum { PIECE = 256 };
    double low[PIECE], high[PIECE];
    for (size_t offset = 0; (lower != NULL || upper != NULL) && offset < tensor->count; offset += PIECE) {
        const size_t left = tensor->count - offset, n = left < PIECE ? left : PIECE;
        engine_bounds_read(&opt->engine, tensor, lower, -HUGE_VAL, offset, n, low);
        engine_bounds_read(&opt->engine, tensor, upper, HUGE_VAL, offset, n, high);
        for (size_t i = 0; i < n; ++i)
            if (!(low[i] <= high[i]))
                return error_set(
                    OPTIM_ERR_ARGUMENT,
                    "the bounds of parameter \"%s\" at element %zu are %.9g and %.9g: lower must not exceed "
                    "upper, and neither may be NaN",
                    tensor->name, offset + i, low[i], high[i]);
    }
    return OPTIM_OK;
}

/* A method that steps along the walls of the box has memory for that. */
static optim_status check_box_memory(const optim_t *opt, const void *lower, const void *upper) {
    const station_t *method = chain_method(opt);
    const bool has_memory = !opt->engine.planned || opt->engine.boxed || !(method->method->flags & KEEPS_BOX);
    if ((lower == NULL && upper == NULL) || has_memory)
        return OPTIM_OK;
    return error_set(OPTIM_ERR_ORDER,
                     "\"%s\" takes memory for bounds in its first step, where there were none: set bounds before that",
                     method->name);
}

optim_status optim_set_bounds(optim_t *opt, int param, const void *lower, const void *upper) {
    optim_status status = check_change(opt, param, "setting bounds");
    if (status == OPTIM_OK)
        status = check_bounds(opt, &opt->engine.tensors[param], lower, upper);
    if (status == OPTIM_OK)
        status = check_box_memory(opt, lower, upper);
    if (status != OPTIM_OK)
        return status;
    opt->engine.tensors[param].lower = lower;
    opt->engine.tensors[param].upper = upper;
    opt->has_bounds = false;
    for (size_t i = 0; i < opt->engine.tensor_count; ++i)
        opt->has_bounds |= opt->engine.tensors[i].lower != NULL || opt->engine.tensors[i].upper != NULL;
    if (!opt->engine.planned)
        opt->engine.boxed = opt->has_bounds;
    chain_forget_gradient(opt); /* its point may lie outside */
    return OPTIM_OK;
}

optim_status optim_active_bounds(const optim_t *opt, int param, int8_t *active) {
    enum { PIECE = 256 };
    double x[PIECE], low[PIECE], high[PIECE];
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_param(opt, param);
    const tensor_t *tensor = status == OPTIM_OK ? &opt->engine.tensors[param] : NULL;
    if (status == OPTIM_OK && tensor->count > 0)
        status = refuse_null(active, "active");
    for (size_t first = 0; status == OPTIM_OK && first < tensor->count; first += PIECE) {
        const size_t left = tensor->count - first, n = left < PIECE ? left : PIECE;
        engine_bounds_read(&opt->engine, tensor, tensor->data, 0, first, n, x);
        engine_bounds_read(&opt->engine, tensor, tensor->lower, -HUGE_VAL, first, n, low);
        engine_bounds_read(&opt->engine, tensor, tensor->upper, HUGE_VAL, first, n, high);
        for (size_t i = 0; i < n; ++i)
            active[first + i] = (int8_t)(low[i] == high[i] ? 2 : x[i] <= low[i] ? -1 : x[i] >= high[i]);
    }
    return status;
}

optim_status optim_zero_grad(optim_t *opt) {
    const optim_status status = refuse_null(opt, "opt");
    for (size_t i = 0; status == OPTIM_OK && i < opt->engine.tensor_count; ++i) {
        const tensor_t *tensor = &opt->engine.tensors[i];
        if (tensor->grad != NULL)
            memset(tensor->grad, 0, tensor->count * dtype_size(tensor->grad_dtype));
    }
    if (status == OPTIM_OK)
        sparse_use_up(&opt->engine);
    return status;
}
