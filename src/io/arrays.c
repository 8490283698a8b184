#include "io/arrays.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/storage.h"
#include "io/safetensors.h"

static char *joined(const char *parameter, const char *method, const char *state, const char *end) {
    const size_t size = strlen(parameter) + strlen(method) + strlen(state) + strlen(end) + 3;
    char *name = malloc(size);
    if (name != NULL)
        (void)snprintf(name, size, "%s/%s.%s%s", parameter, method, state, end);
    return name;
}

static shape_t shape_of(size_t copies, const int64_t *dims, int ndim) {
    shape_t shape = {.count = 0};
    if (copies != 1)
        shape.dims[shape.count++] = (int64_t)copies;
    for (int i = 0; i < ndim; ++i)
        shape.dims[shape.count++] = dims[i];
    return shape;
}

static shape_t row_of(size_t copies, size_t elements) {
    return shape_of(copies, (int64_t[]){(int64_t)elements}, 1);
}

/* Takes over the name. */
static optim_status add(arrays_t *arrays, array_t array) {
    void *grown = arrays->array;
    if (array.name == NULL || !memory_grow(&grown, &arrays->capacity, arrays->count + 1, sizeof array)) {
        free(array.name);
        return error_nomem("listing the states");
    }
    arrays->array = grown;
    arrays->array[arrays->count++] = array;
    return OPTIM_OK;
}

static const char *dtype_name(stored_t form, const tensor_t *tensor) {
    switch (form) {
    case STORED_INT8:
    case STORED_INT4:
        return "U8";
    case STORED_F32:
        return "F32";
    case STORED_BF16:
        return "BF16";
    case STORED_PARAM:
        return safetensors_dtype(tensor->dtype);
    case STORED_DOUBLE:
        return "F64";
    case STORED_U8:
        return "U8";
    case STORED_U16:
        return "U16";
    case STORED_U32:
        return "U32";
    default:
        return tensor_precision(tensor) == PRECISION_F64 ? "F64" : "F32";
    }
}

/* Codes are followed, in every copy, by a scale for each block. */
static optim_status add_scales(arrays_t *arrays, const tensor_t *tensor, const station_t *station, const state_t *state,
                               const slot_t *slot) {
    const size_t real = tensor_real(tensor);
    const size_t blocks = tensor->count / tensor->block + (tensor->count % tensor->block != 0);
    char *at = slot->at == NULL
                   ? NULL
                   : (char *)slot->at + size_aligned(storage_code_bytes(slot->form, tensor, tensor->count));
    return add(arrays, (array_t){joined(tensor->name, station->name, state->name, ".scales"), real == 8 ? "F64" : "F32",
                                 row_of(slot->copies, blocks), at, slot->copies, blocks * real, slot->bytes});
}

/* An array with dimensions of its own: PARAMETER/METHOD.STATE, or one for each axis, PARAMETER/METHOD.STATE.AXIS. */
static optim_status add_shaped(arrays_t *arrays, const tensor_t *tensor, const station_t *station, const state_t *state,
                               const slot_t *slot, int axis, const char *end) {
    const char *dtype = dtype_name((stored_t)slot->form, tensor);
    const double *option = station_option(station, tensor->group);
    int64_t dims[TENSOR_DIMS + 1];
    const int ndim = state_dims(state, tensor, option, axis, dims);
    size_t elements = 1;
    for (int i = 0; i < ndim; ++i)
        elements *= (size_t)dims[i]; /* slots_fill has seen that it fits */
    if (ndim < 0)
        return OPTIM_OK;
    char *at =
        slot->at == NULL ? NULL : (char *)slot->at + (state->shape == PER_AXIS && elements > 0 ? slot->axis[axis] : 0);
    return add(arrays, (array_t){.name = joined(tensor->name, station->name, state->name, end),
                                 .dtype = dtype,
                                 .shape = shape_of(slot->copies, dims, ndim),
                                 .at = at,
                                 .copies = slot->copies,
                                 .bytes = elements * safetensors_item(dtype),
                                 .stride = slot->bytes});
}

static optim_status add_axes(arrays_t *arrays, const tensor_t *tensor, const station_t *station, const state_t *state,
                             const slot_t *slot) {
    optim_status status = OPTIM_OK;
    for (int axis = 0; status == OPTIM_OK && axis < tensor_axes(tensor); ++axis) {
        char end[16];
        (void)snprintf(end, sizeof end, ".%d", axis);
        status = add_shaped(arrays, tensor, station, state, slot, axis, end);
    }
    return status;
}

static optim_status add_state(arrays_t *arrays, const tensor_t *tensor, const station_t *station, size_t k) {
    const state_t *state = &station->method->states[k];
    const slot_t *slot = &station->slot[tensor->id * station->states + k];
    if (state->shape == PER_AXIS)
        return add_axes(arrays, tensor, station, state, slot);
    if (state->shape == SHAPED)
        return add_shaped(arrays, tensor, station, state, slot, 0, "");
    char *name = joined(tensor->name, station->name, state->name, "");
    const char *dtype = dtype_name((stored_t)slot->form, tensor);
    const bool packed = slot->form == STORED_INT4; /* a row of bytes, whatever the tensor's shape */
    const size_t elements = packed ? storage_code_bytes(slot->form, tensor, slot->elements) : slot->elements;
    const shape_t shape = slot->by_element && !packed ? shape_of(slot->copies, tensor->dims, tensor->ndim)
                                                      : row_of(slot->copies, elements);
    optim_status status = add(
        arrays, (array_t){name, dtype, shape, slot->at, slot->copies, elements * safetensors_item(dtype), slot->bytes});
    if (status == OPTIM_OK && stored_is_codes(slot->form))
        status = add_scales(arrays, tensor, station, state, slot);
    return status;
}

/* A kept number, or several, of one tensor. */
static optim_status add_field(arrays_t *arrays, const engine_t *engine, const tensor_t *tensor,
                              const station_t *station, const field_t *field) {
    const size_t count = field_count(engine, station->method, field, station_option(station, tensor->group));
    char *name = joined(tensor->name, station->name, field->name, "");
    return add(arrays, (array_t){.name = name,
                                 .dtype = "F64",
                                 .shape = row_of(1, count),
                                 .at = field_address(field, station->tensor_memory[tensor->id]),
                                 .copies = 1,
                                 .bytes = count * sizeof(double),
                                 .field = field});
}

/* What the station keeps of one tensor. `stateless`: the tensor has no states but those that frozen ones have. */
static optim_status add_tensor(arrays_t *arrays, const optim_t *opt, const station_t *station, const tensor_t *tensor,
                               bool stateless) {
    const size_t first = arrays->count;
    optim_status status = OPTIM_OK;
    for (size_t k = 0; status == OPTIM_OK && k < station->states; ++k) {
        const state_t *state = &station->method->states[k];
        if (state_is_kept(state) && station->slot[tensor->id * station->states + k].copies > 0 &&
            (!stateless || state->of_frozen))
            status = add_state(arrays, tensor, station, k);
    }
    const bool has_fields = !stateless && station_has(station, tensor);
    for (const field_t *field = station->method->fields; status == OPTIM_OK && has_fields && field_is_row(field);
         ++field)
        if (field->of == OF_TENSOR && field_is_kept(field) &&
            field_count(&opt->engine, station->method, field, station_option(station, tensor->group)) > 0)
            status = add_field(arrays, &opt->engine, tensor, station, field);
    for (size_t i = first; i < arrays->count; ++i) {
        arrays->array[i].station = station;
        arrays->array[i].of = tensor;
    }
    return status;
}

static int by_width(const void *a, const void *b) {
    const array_t *left = a, *right = b;
    const size_t l = safetensors_item(left->dtype), r = safetensors_item(right->dtype);
    return l != r ? (l < r) - (l > r) : strcmp(left->name, right->name);
}

optim_status arrays_make(arrays_t *arrays, const optim_t *opt, const bool *stateless) {
    *arrays = (arrays_t){0};
    optim_status status = OPTIM_OK;
    for (size_t i = 0; status == OPTIM_OK && i < opt->engine.tensor_count; ++i)
        status = arrays_add(arrays, opt, i, stateless != NULL && stateless[i]);
    if (status != OPTIM_OK)
        arrays_free(arrays);
    else if (arrays->count > 0)
        qsort(arrays->array, arrays->count, sizeof *arrays->array, by_width);
    return status;
}

optim_status arrays_add(arrays_t *arrays, const optim_t *opt, size_t param, bool stateless) {
    const tensor_t *tensor = &opt->engine.tensors[param];
    optim_status status = OPTIM_OK;
    for (int l = 0; opt->engine.planned && status == OPTIM_OK && l < engine_keepers(&opt->engine); ++l)
        status = add_tensor(arrays, opt, engine_keeper(&opt->engine, l), tensor, stateless || !tensor->states_taken);
    return status;
}

void arrays_free(arrays_t *arrays) {
    for (size_t i = 0; i < arrays->count; ++i)
        free(arrays->array[i].name);
    free(arrays->array);
    *arrays = (arrays_t){0};
}
