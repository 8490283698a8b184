/*
 * Which memory belongs to which parameter: what is lent under two names would be stepped twice, and by two threads at
 * once. Checked when memory is taken and before the step after something moved. The index, sorted by address, is of
 * the parameters that are not frozen, as they stood then; no two of them overlap.
 */
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "optimizer/optimizer.h"

static buffer_t range_of(const void *first, size_t count, optim_dtype dtype, size_t tensor) {
    const uintptr_t at = (uintptr_t)first;
    return (buffer_t){at, at + count * dtype_size(dtype), tensor};
}
static buffer_t data_of(const tensor_t *tensor) {
    return range_of(tensor->data, tensor->count, tensor->dtype, tensor->id);
}
static buffer_t grad_of(const tensor_t *tensor) {
    return range_of(tensor->grad, tensor->grad == NULL ? 0 : tensor->count, tensor->grad_dtype, tensor->id);
}

static bool overlap(buffer_t a, buffer_t b) {
    return a.first < b.end && b.first < a.end;
}

/* Shell's sort: qsort may take memory. */
static void sort(buffer_t *list, size_t count) {
    for (size_t gap = count; gap > 1;) {
        gap = gap < 5 ? 1 : (gap * 5 - 1) / 11;
        for (size_t i = gap; i < count; ++i) {
            const buffer_t moving = list[i];
            size_t at = i;
            for (; at >= gap && list[at - gap].first > moving.first; at -= gap)
                list[at] = list[at - gap];
            list[at] = moving;
        }
    }
}

/* The member of a sorted list without overlaps that shares memory with `wanted`, or NULL. */
static const buffer_t *find_overlap(const buffer_t *list, size_t count, buffer_t wanted) {
    size_t low = 0, high = count;
    while (low < high) { /* the first that ends behind its beginning */
        const size_t middle = low + (high - low) / 2;
        if (list[middle].end <= wanted.first)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && overlap(list[low], wanted) ? &list[low] : NULL;
}

static const char *name_of(const optim_t *opt, size_t tensor) {
    return opt->engine.tensors[tensor].name;
}

/* ---- Everything, between steps ---- */

static optim_status refuse_shared_data(const optim_t *opt, size_t a, size_t b) {
    return error_set(
        OPTIM_ERR_DUPLICATE,
        "parameters \"%s\" and \"%s\" share memory and would be stepped twice; tied weights are one parameter",
        name_of(opt, a < b ? a : b), name_of(opt, a < b ? b : a));
}

static optim_status refuse_grad_in_data(const optim_t *opt, size_t grad, size_t data) {
    return error_set(OPTIM_ERR_DUPLICATE, "the gradient of parameter \"%s\" lies in the memory of parameter \"%s\"",
                     name_of(opt, grad), name_of(opt, data));
}

/* Frozen parameters are only read: they may share memory with each other. */
static optim_status check_data(const optim_t *opt, const buffers_t *buffers) {
    for (size_t i = 1; i < buffers->count; ++i)
        if (overlap(buffers->sorted[i - 1], buffers->sorted[i]))
            return refuse_shared_data(opt, buffers->sorted[i - 1].tensor, buffers->sorted[i].tensor);
    for (size_t i = 0; i < opt->engine.tensor_count; ++i) {
        const tensor_t *tensor = &opt->engine.tensors[i];
        const bool frozen = tensor_is_frozen(tensor);
        const buffer_t *other = tensor->count == 0 ? NULL
                                                   : find_overlap(buffers->sorted, buffers->count,
                                                                  frozen ? data_of(tensor) : grad_of(tensor));
        if (other != NULL)
            return frozen ? refuse_shared_data(opt, i, other->tensor) : refuse_grad_in_data(opt, i, other->tensor);
    }
    return OPTIM_OK;
}

/* zero_grad=1 writes gradients while others are read, and so does replicas=mean. */
static optim_status check_zeroed(const optim_t *opt, const buffers_t *buffers) {
    buffer_t *grad = buffers->sorted + opt->engine.tensor_count;
    for (size_t i = 0; i < buffers->count; ++i)
        grad[i] = grad_of(&opt->engine.tensors[buffers->sorted[i].tensor]);
    sort(grad, buffers->count);
    for (size_t i = 1; i < buffers->count; ++i)
        if (overlap(grad[i - 1], grad[i]))
            return error_set(OPTIM_ERR_DUPLICATE,
                             "the gradients of parameters \"%s\" and \"%s\" share memory, which zero_grad=1 clears "
                             "(and replicas=mean writes) before both are used",
                             name_of(opt, grad[i - 1].tensor), name_of(opt, grad[i].tensor));
    for (size_t i = 0; i < opt->engine.tensor_count; ++i) {
        const tensor_t *tensor = &opt->engine.tensors[i];
        const buffer_t *other = !tensor_is_frozen(tensor) || tensor->count == 0
                                    ? NULL
                                    : find_overlap(grad, buffers->count, data_of(tensor));
        if (other != NULL)
            return refuse_grad_in_data(opt, other->tensor, i);
    }
    return OPTIM_OK;
}

optim_status buffers_check(optim_t *opt) {
    buffers_t *buffers = &opt->buffers;
    const size_t tensors = opt->engine.tensor_count;
    const bool zeroes = handle_option_value(opt, ZERO_GRAD) != 0 || replicas_work(opt);
    if (buffers->checked && (buffers->zeroes || !zeroes))
        return OPTIM_OK;
    if (buffers->room < tensors) {
        size_t bytes;
        const bool fits = size_multiply(tensors, 2 * sizeof *buffers->sorted, &bytes); /* half of it for check_zeroed */
        buffer_t *grown = fits ? realloc(buffers->sorted, bytes) : NULL;
        if (grown == NULL)
            return error_nomem("looking at the parameters' memory");
        buffers->sorted = grown;
        buffers->room = tensors;
    }
    buffers->count = 0;
    for (size_t i = 0; i < tensors; ++i)
        if (!tensor_is_frozen(&opt->engine.tensors[i]) && opt->engine.tensors[i].count > 0)
            buffers->sorted[buffers->count++] = data_of(&opt->engine.tensors[i]);
    sort(buffers->sorted, buffers->count);
    optim_status status = check_data(opt, buffers);
    if (status == OPTIM_OK && zeroes)
        status = check_zeroed(opt, buffers);
    buffers->checked = status == OPTIM_OK;
    buffers->zeroes = zeroes;
    return status;
}

/* ---- Updates ---- */

static optim_status refuse_update(const optim_t *opt, size_t update, const char *what, size_t tensor) {
    return error_set(OPTIM_ERR_DUPLICATE, "the update of parameter \"%s\" shares memory with %s \"%s\"",
                     name_of(opt, update), what, name_of(opt, tensor));
}

optim_status buffers_check_updates(optim_t *opt, void *const *updates) {
    buffer_t *list = opt->buffers.sorted + opt->engine.tensor_count;
    size_t count = 0;
    for (size_t i = 0; i < opt->engine.tensor_count; ++i) {
        const tensor_t *tensor = &opt->engine.tensors[i];
        const optim_dtype dtype = tensor_real_dtype(tensor);
        if (updates[i] != NULL && tensor->count > 0)
            list[count++] = range_of(updates[i], tensor->count, dtype, i);
    }
    sort(list, count);
    for (size_t i = 1; i < count; ++i)
        if (overlap(list[i - 1], list[i]))
            return refuse_update(opt, list[i - 1].tensor, "that of", list[i].tensor);
    for (size_t i = 0; i < opt->engine.tensor_count; ++i) {
        const tensor_t *tensor = &opt->engine.tensors[i];
        const buffer_t *data = tensor->count == 0 ? NULL : find_overlap(list, count, data_of(tensor)),
                       *grad = tensor->grad == NULL || tensor->count == 0 ? NULL
                                                                          : find_overlap(list, count, grad_of(tensor));
        if (data != NULL)
            return refuse_update(opt, data->tensor, "parameter", i);
        if (grad != NULL)
            return refuse_update(opt, grad->tensor, "the gradient of parameter", i);
    }
    return OPTIM_OK;
}

/* ---- One parameter that moves ---- */

/* Another parameter that has some of this memory, and had it at the last look; or NULL. */
static const tensor_t *owner_of(const optim_t *opt, buffer_t wanted, size_t param) {
    const buffers_t *buffers = &opt->buffers;
    const tensor_t *tensors = opt->engine.tensors;
    const buffer_t *found = find_overlap(buffers->sorted, buffers->count, wanted);
    for (; found != NULL && found < buffers->sorted + buffers->count && overlap(*found, wanted); ++found)
        if (found->tensor != param && data_of(&tensors[found->tensor]).first == found->first)
            return &tensors[found->tensor];
    for (size_t i = 0; buffers->room == 0 && i < opt->engine.tensor_count; ++i) /* before the first step */
        if (i != param && tensors[i].count > 0 && overlap(data_of(&tensors[i]), wanted))
            return &tensors[i];
    return NULL;
}

optim_status buffers_move(optim_t *opt, const tensor_t *moved) {
    buffers_t *buffers = &opt->buffers;
    const tensor_t *old = &opt->engine.tensors[moved->id];
    const bool same_data = moved->data == old->data, same_grad = moved->grad == old->grad;
    if ((same_data && same_grad) || moved->count == 0)
        return OPTIM_OK;
    if (overlap(data_of(moved), grad_of(moved)))
        return refuse_grad_in_data(opt, moved->id, moved->id);
    const tensor_t *owner = same_data ? NULL : owner_of(opt, data_of(moved), moved->id);
    if (owner != NULL && (!tensor_is_frozen(moved) || !tensor_is_frozen(owner)))
        return refuse_shared_data(opt, moved->id, owner->id);
    owner = same_grad || moved->grad == NULL || buffers->room == 0 ? NULL : owner_of(opt, grad_of(moved), moved->id);
    if (owner != NULL && !tensor_is_frozen(owner) && owner->data == moved->grad)
        return refuse_grad_in_data(opt, moved->id, owner->id);
    const bool thaws = tensor_is_frozen(old) != tensor_is_frozen(moved);
    if (!same_data || thaws || buffers->zeroes || find_overlap(buffers->sorted, buffers->count, grad_of(moved)) != NULL)
        buffers->checked = false;
    return OPTIM_OK;
}
