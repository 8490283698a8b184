/* Gradients of some rows of a parameter alone: which methods and wrappers step so, and for how long the rows stand. */
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/rows.h"
#include "engine/storage.h"
#include "optimizer/optimizer.h"

/* Methods that look at more than an element, or at a parameter's elements more than once in a step. */
enum {
    LOOKS_FARTHER = REQUESTS | WHOLE_TENSORS | SUMS_ROWS | INCLUDES_FROZEN | OWN_STORAGE | NEEDS_COMPONENTS |
                    NEEDS_CONSTRAINTS | VALUES_ONLY | ASKS_FOR_ALL | MAY_FAIL
};

static optim_status refuse_method(const tensor_t *tensor) {
    const station_t *owner = tensor->owner;
    const int flags = (int)owner->method->flags;
    if ((flags & (CUTS_EXACTLY | BY_ELEMENT)) && !(flags & LOOKS_FARTHER))
        return OPTIM_OK;
    return error_set(OPTIM_ERR_MISMATCH,
                     "\"%s\" moves parameter \"%s\" and does not step element by element: give it a gradient of all "
                     "rows, or a group with a method that does (sgd, adagrad, adam, ...)",
                     owner->name, tensor->name);
}

/* The second gradient of a step would be of the rows of the first. */
static optim_status refuse_requests(const engine_t *engine, const tensor_t *tensor) {
    for (int l = 0; l < engine->station_count; ++l)
        if (engine->stations[l]->method->flags & REQUESTS)
            return error_set(OPTIM_ERR_MISMATCH,
                             "\"%s\" asks for several gradients in a step, and parameter \"%s\" has one of some rows: "
                             "give it a handle of its own",
                             engine->stations[l]->name, tensor->name);
    return OPTIM_OK;
}

static optim_status refuse_wrappers(const optim_t *opt, const tensor_t *tensor) {
    for (int i = 0; chain_wrapper(opt, i) != NULL; ++i)
        if (station_has(chain_wrapper(opt, i), tensor))
            return error_set(OPTIM_ERR_MISMATCH,
                             "the wrapper \"%s\" looks at all rows of parameter \"%s\", whose gradient has some alone: "
                             "leave its group out (optim_wrap_groups)",
                             chain_wrapper(opt, i)->name, tensor->name);
    return OPTIM_OK;
}

/* Codes share a scale over a block of elements, which need not end where a row does. */
static optim_status refuse_codes(const tensor_t *tensor) {
    const station_t *owner = tensor->owner;
    for (size_t k = 0; k < owner->states; ++k)
        if (stored_is_codes(owner->slot[tensor->id * owner->states + k].form))
            return error_set(OPTIM_ERR_MISMATCH,
                             "parameter \"%s\" keeps its states in 8 or 4 bits, in blocks that do not end with its "
                             "rows: give its group state_dtype=bf16 or f32",
                             tensor->name);
    return OPTIM_OK;
}

optim_status sparse_check(const optim_t *opt) {
    const engine_t *engine = &opt->engine;
    optim_status status = OPTIM_OK;
    for (size_t i = 0; engine->has_rows && status == OPTIM_OK && i < engine->tensor_count; ++i) {
        const tensor_t *tensor = &engine->tensors[i];
        if (tensor->rows == NULL)
            continue;
        status = refuse_requests(engine, tensor);
        if (status == OPTIM_OK && accumulation_has_memory(opt))
            status = error_set(OPTIM_ERR_MISMATCH,
                               "accumulate=1 adds whole gradients, and parameter \"%s\" has one of some rows: add the "
                               "rows of all micro-batches by handing them over together",
                               tensor->name);
        if (status == OPTIM_OK && replicas_work(opt))
            status = error_set(OPTIM_ERR_MISMATCH,
                               "replicas=mean averages whole gradients, and parameter \"%s\" has one of some rows: "
                               "exchange the rows yourself, and give the table a handle of its own",
                               tensor->name);
        if (status == OPTIM_OK)
            status = refuse_wrappers(opt, tensor);
        if (status == OPTIM_OK)
            status = refuse_codes(tensor);
    }
    return status;
}

void sparse_use_up(engine_t *engine) {
    for (size_t i = 0; engine->has_rows && i < engine->tensor_count; ++i)
        if (engine->tensors[i].rows != NULL)
            engine->tensors[i].rows->count = 0;
}

/* ---- Handing rows over ---- */

/* The elements of a row; 0 rows is not told from rows without elements. */
static size_t row_length(const tensor_t *tensor) {
    return tensor->dims[0] == 0 ? 0 : tensor->count / (size_t)tensor->dims[0];
}

static optim_status check_rows(const tensor_t *tensor, int64_t rows, const int64_t *index, const void *values) {
    size_t count;
    if (tensor->ndim == 0)
        return error_set(OPTIM_ERR_SHAPE, "parameter \"%s\" is a single number and has no rows", tensor->name);
    if (!size_of_count(rows, &count))
        return error_set(OPTIM_ERR_ARGUMENT, "the gradient of parameter \"%s\" cannot have %lld rows", tensor->name,
                         (long long)rows);
    if (count == 0)
        return OPTIM_OK;
    optim_status status = refuse_null(index, "index");
    if (status == OPTIM_OK && row_length(tensor) > 0)
        status = refuse_null(values, "values");
    for (size_t k = 0; status == OPTIM_OK && k < count; ++k)
        if (index[k] < 0 || index[k] >= tensor->dims[0])
            status = error_set(OPTIM_ERR_ARGUMENT, "index[%zu] is %lld: parameter \"%s\" has rows 0 to %lld", k,
                               (long long)index[k], tensor->name, (long long)tensor->dims[0] - 1);
    return status;
}

/* From a whole gradient, or none, to one of rows. */
static void take_over(optim_t *opt, tensor_t *tensor, rows_t *rows) {
    if (tensor_is_frozen(tensor)) {
        cohorts_collect(&opt->engine);
        opt->engine.unsettled = true;
        opt->buffers.checked = false;
    }
    tensor->rows = rows;
    tensor->grad = NULL;
    opt->engine.has_rows = true;
}

optim_status optim_set_sparse_grad(optim_t *opt, int param, int64_t rows, const int64_t *index, const void *values) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_param(opt, param);
    if (status == OPTIM_OK)
        status = refuse_handle(opt, NOT_OPEN | NOT_SWAPPED, "handing over the rows of a gradient");
    tensor_t *tensor = status == OPTIM_OK ? &opt->engine.tensors[param] : NULL;
    if (status == OPTIM_OK)
        status = refuse_method(tensor);
    if (status == OPTIM_OK)
        status = check_rows(tensor, rows, index, values);
    if (status != OPTIM_OK)
        return status;
    rows_t *taken = tensor->rows != NULL ? tensor->rows : calloc(1, sizeof *taken);
    if (taken == NULL)
        return error_nomem("taking the rows of a gradient");
    taken->length = size_larger(row_length(tensor), 1);
    const size_t count = tensor->count == 0 ? 0 : (size_t)rows;
    status = rows_take(taken, opt->engine.primitives, tensor->grad_dtype, count, index, values);
    if (status == OPTIM_OK && tensor->rows == NULL)
        take_over(opt, tensor, taken);
    else if (status != OPTIM_OK && tensor->rows == NULL)
        rows_free(taken);
    if (status == OPTIM_OK && opt->engine.planned)
        plan_bind(&opt->engine, tensor);
    return status;
}
