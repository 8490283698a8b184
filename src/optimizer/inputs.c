/* Inputs: named buffers beside the parameters, lent to the methods and wrappers that read them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/words.h"
#include "optimizer/optimizer.h"
#include "optimizer/problem.h"

size_t input_count(const method_t *method) {
    size_t count = 0;
    while (method->inputs != NULL && method->inputs[count].name != NULL)
        ++count;
    return count;
}

/* Whether the station may have inputs of this parameter, or for -1 of its own. */
static bool may_have(const optim_t *opt, const station_t *station, int param) {
    return station->method->inputs != NULL && (param < 0 || station_has(station, &opt->engine.tensors[param]));
}

static bool is_in_place(const input_t *input, int param) {
    return (input->place == INPUT_OF_METHOD) == (param < 0);
}

/* ---- Finding ---- */

typedef struct found {
    station_t *station;
    size_t row;
} found_t;

static bool find(const optim_t *opt, int param, const char *name, found_t *found) {
    for (int l = 0; l < opt->engine.station_count; ++l) {
        station_t *station = opt->engine.stations[l];
        for (size_t row = 0; may_have(opt, station, param) && row < input_count(station->method); ++row)
            if (is_in_place(&station->method->inputs[row], param) &&
                strcmp(station->method->inputs[row].name, name) == 0) {
                *found = (found_t){station, row};
                return true;
            }
    }
    return false;
}

static optim_status refuse_unknown(const optim_t *opt, int param, const char *name) {
    list_t list = {.used = 0};
    for (int l = 0; l < opt->engine.station_count; ++l) {
        const station_t *station = opt->engine.stations[l];
        for (size_t row = 0; may_have(opt, station, param) && row < input_count(station->method); ++row)
            if (is_in_place(&station->method->inputs[row], param))
                list_add(&list, station->method->inputs[row].name);
    }
    const char *names = list_end(&list, "the method's page");
    if (param < 0)
        return error_set(OPTIM_ERR_NAME, "the method has no input \"%.60s\" of its own (parameter -1); it has: %s",
                         name, names);
    return error_set(OPTIM_ERR_NAME, "there is no input \"%.60s\" of parameter \"%s\"; there are: %s", name,
                     opt->engine.tensors[param].name, names);
}

/* ---- Setting ---- */

static optim_status count_elements(const char *name, int ndim, const int64_t *dims, size_t *count) {
    size_t size, bytes;
    *count = 1;
    for (int i = 0; i < ndim; ++i) {
        if (dims[i] < 0)
            return error_set(OPTIM_ERR_SHAPE, "dimension %d of input \"%s\" is %" PRId64 "; it must be 0 or more", i,
                             name, dims[i]);
        if (!size_of_count(dims[i], &size) || !size_multiply(*count, size, count) ||
            !size_multiply(*count, sizeof(double), &bytes) || bytes > PTRDIFF_MAX)
            return error_set(OPTIM_ERR_SIZE, "input \"%s\" has more elements than memory can hold", name);
    }
    return OPTIM_OK;
}

static optim_status view_make(const optim_t *opt, const input_t *input, optim_dtype dtype, int ndim,
                              const int64_t *dims, const void *data, input_view_t *view) {
    *view = (input_view_t){.data = data, .dtype = dtype, .ndim = ndim, .primitives = opt->engine.primitives};
    optim_status status = refuse_dtype(dtype);
    if (status == OPTIM_OK && (ndim < 0 || ndim > INPUT_DIMS))
        status = error_set(OPTIM_ERR_SHAPE, "input \"%s\" cannot have %d dimensions; valid: 0 to %d", input->name, ndim,
                           INPUT_DIMS);
    if (status == OPTIM_OK && ndim > 0)
        status = refuse_null(dims, "dims");
    if (status == OPTIM_OK)
        status = count_elements(input->name, ndim, dims, &view->count);
    if (status == OPTIM_OK && ndim > 0)
        memcpy(view->dims, dims, (size_t)ndim * sizeof *dims);
    return status;
}

/* Room in the station for the inputs of so many owners. */
static bool reserve(station_t *station, size_t owners) {
    size_t bytes;
    if (owners <= station->input_owners)
        return true;
    station->input_rows = input_count(station->method);
    if (!size_multiply(owners, station->input_rows * sizeof *station->inputs, &bytes))
        return false;
    input_view_t *grown = realloc(station->inputs, bytes);
    if (grown == NULL)
        return false;
    memset(grown + station->input_owners * station->input_rows, 0,
           (owners - station->input_owners) * station->input_rows * sizeof *grown);
    station->inputs = grown;
    station->input_owners = owners;
    return true;
}

optim_status optim_set_input(optim_t *opt, int param, const char *name, optim_dtype dtype, int ndim,
                             const int64_t *dims, const void *data) {
    found_t found = {0};
    input_view_t view = {0};
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_null(name, "name");
    if (status == OPTIM_OK && param != -1)
        status = refuse_param(opt, param);
    if (status == OPTIM_OK && !find(opt, param, name, &found))
        status = refuse_unknown(opt, param, name);
    if (status != OPTIM_OK || found.station == NULL)
        return status;
    if (data != NULL)
        status = view_make(opt, &found.station->method->inputs[found.row], dtype, ndim, dims, data, &view);
    if (status != OPTIM_OK)
        return status;
    const size_t owner = param < 0 ? INPUT_OWNER_METHOD : INPUT_OWNER_TENSORS + (size_t)param;
    const size_t owners = INPUT_OWNER_TENSORS + (param < 0 ? 0 : opt->engine.tensor_count);
    if (!reserve(found.station, owners))
        return error_nomem("taking an input");
    found.station->inputs[owner * found.station->input_rows + found.row] = view;
    return OPTIM_OK;
}

/* ---- Before a step goes on ---- */

static optim_status refuse_missing(const station_t *station, const input_t *input, const tensor_t *tensor) {
    if (tensor == NULL)
        return error_set(OPTIM_ERR_ORDER, "\"%s\" reads the input \"%s\" (%s): hand it over with optim_set_input",
                         station->name, input->name, input->doc);
    return error_set(OPTIM_ERR_ORDER,
                     "\"%s\" reads the input \"%s\" (%s) of parameter \"%s\": hand it over with optim_set_input",
                     station->name, input->name, input->doc, tensor->name);
}

/* One row of one station. */
static optim_status check_row(const optim_t *opt, const station_t *station, int row) {
    const input_t *input = &station->method->inputs[row];
    if (input->optional)
        return OPTIM_OK;
    if (input->place == INPUT_OF_METHOD)
        return station_input(station, INPUT_OWNER_METHOD, row) != NULL ? OPTIM_OK
                                                                       : refuse_missing(station, input, NULL);
    for (size_t i = 0; i < opt->engine.tensor_count; ++i) {
        const tensor_t *tensor = &opt->engine.tensors[i];
        if (!tensor_is_frozen(tensor) && station_has(station, tensor) && tensor->count > 0 &&
            station_input(station, INPUT_OWNER_TENSORS + i, row) == NULL)
            return refuse_missing(station, input, tensor);
    }
    return OPTIM_OK;
}

optim_status inputs_check(optim_t *opt) {
    for (int l = 0; l < opt->engine.station_count; ++l) {
        station_t *station = opt->engine.stations[l];
        for (size_t row = 0; row < input_count(station->method); ++row) {
            const optim_status status = check_row(opt, station, (int)row);
            if (status != OPTIM_OK)
                return status;
        }
        if (station->method->refuses_inputs == NULL)
            continue;
        const step_t s = step_make(opt, station);
        const char *wrong = station->method->refuses_inputs(&s);
        if (wrong != NULL)
            return error_set(OPTIM_ERR_SHAPE, "\"%s\": %s", station->name, wrong);
    }
    return OPTIM_OK;
}
