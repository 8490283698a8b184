/* The vectors of a server that its checkpoint keeps: PARAMETER/RULE.VECTOR, of client 3 PARAMETER/RULE.VECTOR.3. */
#include "federated/kept_arrays.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void kept_arrays_free(kept_arrays_t *arrays) {
    for (size_t i = 0; i < arrays->count; ++i)
        free(arrays->array[i].name);
    free(arrays->array);
}

/* The parts of one vector; client NULL: the server's. */
static bool list_vector(kept_arrays_t *arrays, const server_t *s, const client_t *c, const char *row, double *vector) {
    for (size_t i = 0; vector != NULL && i < s->param_count; ++i) {
        void *grown = arrays->array;
        if (!memory_grow(&grown, &arrays->room, arrays->count + 1, sizeof *arrays->array))
            return false;
        arrays->array = grown;
        char end[24] = "";
        if (c != NULL)
            (void)snprintf(end, sizeof end, ".%" PRId64, c->id);
        const size_t size = strlen(s->param[i].name) + strlen(s->rule->name) + strlen(row) + sizeof end + 2;
        char *name = malloc(size);
        if (name == NULL)
            return false;
        (void)snprintf(name, size, "%s/%s.%s%s", s->param[i].name, s->rule->name, row, end);
        arrays->array[arrays->count++] = (kept_array_t){name, &s->param[i], vector + s->param[i].first};
    }
    return true;
}

static bool list_rows(kept_arrays_t *arrays, const server_t *s, const client_t *c, double *const *vector) {
    const size_t rows = server_rows(s);
    bool done = true;
    for (size_t row = 0; done && vector != NULL && row < rows; ++row)
        if (server_has_row(s, row, c == NULL ? OF_SERVER : OF_CLIENT, false))
            done = list_vector(arrays, s, c, s->rule->kept[row].name, vector[row]);
    return done;
}

optim_status kept_arrays_list(kept_arrays_t *arrays, const server_t *s) {
    *arrays = (kept_arrays_t){0};
    bool done = list_rows(arrays, s, NULL, s->vector);
    for (size_t k = 0; done && k < s->count; ++k) {
        const client_t *c = s->client[k];
        done = list_rows(arrays, s, c, c->vector) &&
               (c->stage == CLIENT_IDLE || list_vector(arrays, s, c, "start", c->start)) &&
               (c->stage != CLIENT_ENDED || list_vector(arrays, s, c, "result", c->result));
    }
    if (done)
        return OPTIM_OK;
    kept_arrays_free(arrays);
    return error_nomem("listing a server's vectors");
}

shape_t kept_array_shape(const server_param_t *param) {
    shape_t shape = {.count = (size_t)param->ndim};
    if (param->ndim > 0)
        memcpy(shape.dims, param->dims, (size_t)param->ndim * sizeof *param->dims);
    return shape;
}

size_t kept_array_bytes(const kept_array_t *array) {
    return array->param->count * sizeof *array->at;
}
