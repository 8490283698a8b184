/* Buffers beside the parameters that methods read. */
#include <math.h>

#include "engine/engine.h"

static bool lies_as(const input_view_t *input, optim_dtype dtype) {
    return input->dtype == dtype && (uintptr_t)input->data % dtype_size(dtype) == 0;
}

static const void *element(const input_view_t *input, size_t i) {
    return (const char *)input->data + i * dtype_size(input->dtype);
}

const double *input_doubles(const input_view_t *input, size_t first, size_t n, double *room) {
    if (lies_as(input, OPTIM_F64))
        return element(input, first);
    input->primitives->load_f64(input->dtype, n, element(input, first), room);
    return room;
}

const float *input_floats(const input_view_t *input, size_t first, size_t n, float *room) {
    if (lies_as(input, OPTIM_F32))
        return element(input, first);
    input->primitives->load_f32(input->dtype, n, element(input, first), room);
    return room;
}

bool input_is_finite(const input_view_t *input) {
    for (size_t i = 0; i < input->count; ++i) {
        double room;
        if (!isfinite(*input_doubles(input, i, 1, &room)))
            return false;
    }
    return true;
}

const input_view_t *station_input(const station_t *station, size_t owner, int row) {
    if (owner >= station->input_owners)
        return NULL;
    const input_view_t *input = &station->inputs[owner * station->input_rows + (size_t)row];
    return input->data == NULL ? NULL : input;
}

const input_view_t *step_input(const step_t *s, int row) {
    return station_input(s->station, INPUT_OWNER_METHOD, row);
}

const input_view_t *step_tensor_input(const step_t *s, size_t tensor, int row) {
    return station_input(s->station, INPUT_OWNER_TENSORS + tensor, row);
}
