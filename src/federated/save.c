/*
 * Checkpoints of servers are saved, in the format of optimizers' (io/safetensors.h): a record in JSON, and the vectors,
 * each parameter's part an array of its own, PARAMETER/RULE.VECTOR, of client 3 PARAMETER/RULE.VECTOR.3. The record:
 *
 *     {"format": 1, "library": "0.1.0", "rule": "scaffold", "opened": true, "options": {"lr": "0.05", ...},
 *      "parameters": {"w": {"dtype": "F32", "shape": [3, 4]}}, "round": 7, "version": 7, "skipped": 0, "draws": 28,
 *      "selection": [0, 3], "numbers": {}, "clients": [{"id": 0, "version": 7, "steps": 0, "local": 2, "stage": 1,
 *      "asked": 0, "numbers": {}}], "sums": {"w/scaffold.c": "0123456789abcdef", ...}}
 */
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/number.h"
#include "base/option.h"
#include "federated/kept_arrays.h"
#include "io/byteorder.h"

static void put_number(jsontext_t *text, const char *key, double value) {
    char digits[NUMBER_TEXT];
    number_text(value, digits);
    jsontext_string(text, key, digits);
}

static void put_numbers(jsontext_t *text, const server_t *s, kept_of_t of, const double *number) {
    const size_t rows = server_rows(s);
    jsontext_open(text, "numbers", '{');
    for (size_t row = 0; row < rows; ++row)
        if (server_has_row(s, row, of, true))
            put_number(text, s->rule->kept[row].name, number[row]);
    jsontext_close(text, '}');
}

static void put_client(jsontext_t *text, const server_t *s, const client_t *c) {
    jsontext_open(text, NULL, '{');
    jsontext_integer(text, "id", c->id);
    jsontext_integer(text, "version", c->version);
    jsontext_integer(text, "steps", c->steps);
    jsontext_integer(text, "local", c->local);
    jsontext_integer(text, "stage", c->stage);
    jsontext_integer(text, "asked", c->asked);
    put_numbers(text, s, OF_CLIENT, c->number);
    jsontext_close(text, '}');
}

static void put_setup(jsontext_t *text, const server_t *s) {
    jsontext_open(text, "options", '{');
    for (size_t i = 0; s->rule->options[i].name != NULL; ++i) {
        char value[OPTION_TEXT];
        option_text(&s->rule->options[i], s->option[i], value);
        jsontext_string(text, s->rule->options[i].name, value);
    }
    jsontext_close(text, '}');
    jsontext_open(text, "parameters", '{');
    for (size_t i = 0; i < s->param_count; ++i) {
        jsontext_open(text, s->param[i].name, '{');
        jsontext_string(text, "dtype", safetensors_dtype(s->param[i].dtype));
        jsontext_integers(text, "shape", s->param[i].dims, (size_t)s->param[i].ndim);
        jsontext_close(text, '}');
    }
    jsontext_close(text, '}');
}

static void put_kept(jsontext_t *text, const server_t *s) {
    jsontext_integer(text, "round", s->round);
    jsontext_integer(text, "version", s->version);
    jsontext_integer(text, "skipped", s->skipped);
    jsontext_integer(text, "draws", (int64_t)s->draws);
    if (s->has_selection)
        jsontext_integers(text, "selection", s->selection, s->selected);
    put_numbers(text, s, OF_SERVER, s->number);
    jsontext_open(text, "clients", '[');
    for (size_t k = 0; k < s->count; ++k)
        put_client(text, s, s->client[k]);
    jsontext_close(text, ']');
}

static optim_status add_to_checksum(void *context, const void *bytes, size_t count) {
    (void)XXH3_64bits_update(context, bytes, count);
    return OPTIM_OK;
}

static void put_sums(jsontext_t *text, const kept_arrays_t *arrays) {
    jsontext_open(text, "sums", '{');
    for (size_t i = 0; i < arrays->count; ++i) {
        char checksum[CHECKSUM_TEXT];
        XXH3_state_t state;
        (void)XXH3_64bits_reset(&state);
        const kept_array_t *array = &arrays->array[i];
        (void)byteorder_to_file(array->at, kept_array_bytes(array), sizeof *array->at, add_to_checksum, &state);
        checksum_text(XXH3_64bits_digest(&state), checksum);
        jsontext_string(text, array->name, checksum);
    }
    jsontext_close(text, '}');
}

static void put_record(jsontext_t *text, const server_t *s, const kept_arrays_t *arrays) {
    jsontext_open(text, NULL, '{');
    jsontext_integer(text, "format", SERVER_FORMAT);
    jsontext_string(text, "library", optim_version());
    jsontext_string(text, "rule", s->rule->name);
    jsontext_word(text, "opened", s->opened ? "true" : "false");
    put_setup(text, s);
    put_kept(text, s);
    put_sums(text, arrays);
    jsontext_close(text, '}');
}

static optim_status write_to_sink(void *context, const void *bytes, size_t count) {
    sink_t *sink = context;
    return sink->write(sink, bytes, count);
}

static optim_status write_all(sink_t *sink, const kept_arrays_t *arrays, const char *record) {
    jsontext_t header = {.at = NULL};
    size_t bytes = 0;
    safetensors_begin(&header, record);
    for (size_t i = 0; i < arrays->count; ++i) {
        const shape_t shape = kept_array_shape(arrays->array[i].param);
        safetensors_add(&header, arrays->array[i].name, "F64", &shape, kept_array_bytes(&arrays->array[i]), &bytes);
    }
    char checksum[CHECKSUM_TEXT];
    optim_status status = safetensors_end(&header, checksum);
    if (status == OPTIM_OK)
        status = safetensors_write_header(sink, &header);
    free(header.at);
    for (size_t i = 0; status == OPTIM_OK && i < arrays->count; ++i)
        status = byteorder_to_file(arrays->array[i].at, kept_array_bytes(&arrays->array[i]), sizeof(double),
                                   write_to_sink, sink);
    return status;
}

/* A writer_t: `context` is the server. */
static optim_status write_server(sink_t *sink, const void *context) {
    const server_t *s = context;
    kept_arrays_t arrays;
    for (size_t i = 0; i < s->param_count; ++i)
        if (!jsontext_can_hold(s->param[i].name))
            return error_set(OPTIM_ERR_VALUE, "the name of parameter %zu is not UTF-8: it cannot be saved", i);
    optim_status status = kept_arrays_list(&arrays, s);
    if (status != OPTIM_OK)
        return status;
    jsontext_t record = {.at = NULL};
    put_record(&record, s, &arrays);
    status = record.failed ? error_nomem("saving") : write_all(sink, &arrays, record.at);
    free(record.at);
    kept_arrays_free(&arrays);
    return status;
}

optim_status optim_server_save(const optim_server_t *server, const char *path) {
    optim_status status = refuse_null(server, "server");
    if (status == OPTIM_OK)
        status = refuse_null(path, "path");
    if (status != OPTIM_OK)
        return status;
    file_place_t place;
    status = file_find(&place, path);
    if (status == OPTIM_OK)
        status = file_replace(&place, write_server, server);
    file_place_free(&place);
    return status;
}

optim_status optim_server_serialize(const optim_server_t *server, void *buffer, size_t room, size_t *size) {
    optim_status status = refuse_null(server, "server");
    if (status == OPTIM_OK)
        status = refuse_null(size, "size");
    if (status != OPTIM_OK)
        return status;
    memory_sink_t memory = memory_sink(buffer, room);
    status = write_server(&memory.sink, server);
    if (status != OPTIM_OK)
        return status;
    *size = memory.used;
    if (buffer != NULL && room < memory.used)
        return error_set(OPTIM_ERR_ARGUMENT, "the state takes %zu bytes; there is room for %zu", memory.used, room);
    return OPTIM_OK;
}
