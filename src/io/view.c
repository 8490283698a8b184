/* The arrays of one parameter, lent to the caller. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "io/arrays.h"
#include "io/checkpoint.h"
#include "optimizer/abi.h"

/* `list` has the arrays of `tensor` alone. */
static void show(const arrays_t *list, const tensor_t *tensor, size_t i, optim_array *ours) {
    const array_t *array = &list->array[i];
    const char *name = array->name + strlen(tensor->name) + 1;
    const shape_t shape = array->shape;
    const size_t first = array->copies != 1; /* the copies are a dimension of the shape there, not here */
    (void)snprintf(ours->name, sizeof ours->name, "%s", name);
    (void)snprintf(ours->dtype, sizeof ours->dtype, "%s", array->dtype);
    ours->ndim = shape.count - first;
    memcpy(ours->dims, shape.dims + first, ours->ndim * sizeof *ours->dims);
    ours->copies = array->copies;
    ours->bytes = array->bytes;
    ours->stride = array->stride;
    ours->data = array->at;
}

optim_status optim_param_array(optim_t *opt, int param, size_t i, optim_array *array) {
    optim_status status = checkpoint_refuse(opt, "looking at states");
    if (status == OPTIM_OK)
        status = refuse_param(opt, param);
    if (status == OPTIM_OK)
        status = refuse_null(array, "array");
    if (status != OPTIM_OK)
        return status;
    optim_array ours = {.name = ""};
    arrays_t list = {0};
    status = arrays_add(&list, opt, (size_t)param, false);
    if (status == OPTIM_OK && i < list.count)
        show(&list, &opt->engine.tensors[param], i, &ours);
    arrays_free(&list);
    return status == OPTIM_OK ? abi_write(array, &ours, sizeof ours, "optim_array") : status;
}
