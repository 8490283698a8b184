/*
 * Checkpoints of servers, in the format of optimizers' (io/safetensors.h): a record in JSON, and the vectors, each
 * parameter's part an array of its own, PARAMETER/RULE.VECTOR, of client 3 PARAMETER/RULE.VECTOR.3. The record:
 *
 *     {"format": 1, "library": "0.1.0", "rule": "scaffold", "opened": true, "options": {"lr": "0.05", ...},
 *      "parameters": {"w": {"dtype": "F32", "shape": [3, 4]}}, "round": 7, "version": 7, "skipped": 0, "draws": 28,
 *      "selection": [0, 3], "numbers": {}, "clients": [{"id": 0, "version": 7, "steps": 0, "local": 2, "stage": 1,
 *      "asked": 0, "numbers": {}}], "sums": {"w/scaffold.c": "0123456789abcdef", ...}}
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/memory.h"
#include "base/number.h"
#include "base/option.h"
#include "federated/server.h"
#include "io/byteorder.h"
#include "io/complaints.h"
#include "io/safetensors.h"

enum { FORMAT = 1 };

/* ---- Arrays ---- */

typedef struct array {
    char *name;
    const server_param_t *param;
    double *at;
} array_t;
typedef struct arrays {
    array_t *array;
    size_t count, room;
} arrays_t;

static void arrays_free(arrays_t *arrays) {
    for (size_t i = 0; i < arrays->count; ++i)
        free(arrays->array[i].name);
    free(arrays->array);
}

/* The parts of one vector; client NULL: the server's. */
static bool list_vector(arrays_t *arrays, const server_t *s, const client_t *c, const char *row, double *vector) {
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
        arrays->array[arrays->count++] = (array_t){name, &s->param[i], vector + s->param[i].first};
    }
    return true;
}

static bool list_rows(arrays_t *arrays, const server_t *s, const client_t *c, double *const *vector) {
    const size_t rows = server_rows(s);
    bool done = true;
    for (size_t row = 0; done && row < rows; ++row)
        if (server_has_row(s, row, c == NULL ? OF_SERVER : OF_CLIENT, false))
            done = list_vector(arrays, s, c, s->rule->kept[row].name, vector[row]);
    return done;
}

static optim_status list_arrays(arrays_t *arrays, const server_t *s) {
    *arrays = (arrays_t){0};
    bool done = list_rows(arrays, s, NULL, s->vector);
    for (size_t k = 0; done && k < s->count; ++k) {
        const client_t *c = s->client[k];
        done = list_rows(arrays, s, c, c->vector) &&
               (c->stage == CLIENT_IDLE || list_vector(arrays, s, c, "start", c->start)) &&
               (c->stage != CLIENT_ENDED || list_vector(arrays, s, c, "result", c->result));
    }
    if (done)
        return OPTIM_OK;
    arrays_free(arrays);
    return error_nomem("listing a server's vectors");
}

static shape_t shape_of(const server_param_t *param) {
    shape_t shape = {.count = (size_t)param->ndim};
    if (param->ndim > 0)
        memcpy(shape.dims, param->dims, (size_t)param->ndim * sizeof *param->dims);
    return shape;
}

static size_t bytes_of(const array_t *array) {
    return array->param->count * sizeof *array->at;
}

/* ---- Saving ---- */

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

static void put_sums(jsontext_t *text, const arrays_t *arrays) {
    jsontext_open(text, "sums", '{');
    for (size_t i = 0; i < arrays->count; ++i) {
        char checksum[CHECKSUM_TEXT];
        XXH3_state_t state;
        (void)XXH3_64bits_reset(&state);
        const array_t *array = &arrays->array[i];
        (void)byteorder_to_file(array->at, bytes_of(array), sizeof *array->at, add_to_checksum, &state);
        checksum_text(XXH3_64bits_digest(&state), checksum);
        jsontext_string(text, array->name, checksum);
    }
    jsontext_close(text, '}');
}

static void put_record(jsontext_t *text, const server_t *s, const arrays_t *arrays) {
    jsontext_open(text, NULL, '{');
    jsontext_integer(text, "format", FORMAT);
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

static optim_status write_all(sink_t *sink, const arrays_t *arrays, const char *record) {
    jsontext_t header = {.at = NULL};
    size_t bytes = 0;
    safetensors_begin(&header, record);
    for (size_t i = 0; i < arrays->count; ++i) {
        const shape_t shape = shape_of(arrays->array[i].param);
        safetensors_add(&header, arrays->array[i].name, "F64", &shape, bytes_of(&arrays->array[i]), &bytes);
    }
    optim_status status = safetensors_write_header(sink, &header, bytes);
    free(header.at);
    for (size_t i = 0; status == OPTIM_OK && i < arrays->count; ++i)
        status =
            byteorder_to_file(arrays->array[i].at, bytes_of(&arrays->array[i]), sizeof(double), write_to_sink, sink);
    return status;
}

/* A writer_t: `context` is the server. */
static optim_status write_server(sink_t *sink, const void *context) {
    const server_t *s = context;
    arrays_t arrays;
    for (size_t i = 0; i < s->param_count; ++i)
        if (!jsontext_can_hold(s->param[i].name))
            return error_set(OPTIM_ERR_VALUE, "the name of parameter %zu is not UTF-8: it cannot be saved", i);
    optim_status status = list_arrays(&arrays, s);
    if (status != OPTIM_OK)
        return status;
    jsontext_t record = {.at = NULL};
    put_record(&record, s, &arrays);
    status = record.failed ? error_nomem("saving") : write_all(sink, &arrays, record.at);
    free(record.at);
    arrays_free(&arrays);
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

/* ---- Loading: a whole new server beside this one, which takes its place in the end ---- */

typedef struct load {
    const server_t *s;
    server_t fresh; /* what it is to become */
    source_t *source;
    safetensors_t file;
    jsontree_t *record;
    complaints_t complaints;
} load_t;

static optim_status damaged(const load_t *load, const char *what) {
    return error_set(OPTIM_ERR_FORMAT, "%s is damaged, or no checkpoint of a server: %s", load->source->name, what);
}

static optim_status read_record(load_t *load) {
    bool no_memory = false;
    optim_status status = safetensors_read(&load->file, load->source);
    if (status != OPTIM_OK)
        return status;
    if (load->file.text == NULL || !load->file.is_intact)
        return damaged(load, "its record is missing, or the checksum of its header is wrong");
    load->record = jsontree_read(load->file.text, strlen(load->file.text), &no_memory);
    if (no_memory)
        return error_nomem("loading a server");
    const char *rule = jsontree_text(jsontree_get(load->record, "rule"));
    if (rule == NULL)
        return error_set(OPTIM_ERR_CHECKPOINT, "%s is of an optimizer, not of a server", load->source->name);
    if (strcmp(rule, load->s->rule->name) != 0)
        return error_set(OPTIM_ERR_CHECKPOINT, "%s is of rule %.60s, not %s", load->source->name, rule,
                         load->s->rule->name);
    if (jsontree_integer(jsontree_get(load->record, "format")) != FORMAT)
        return error_set(OPTIM_ERR_FORMAT, "%s was written by a newer version", load->source->name);
    return OPTIM_OK;
}

static bool same_shape(const server_param_t *param, const jsontree_t *shape) {
    bool same = jsontree_items(shape) == (size_t)param->ndim;
    for (int i = 0; same && i < param->ndim; ++i)
        same = jsontree_integer(jsontree_at(shape, (uint64_t)i)) == param->dims[i];
    return same;
}

static void match_parameters(load_t *load) {
    const jsontree_t *there = jsontree_get(load->record, "parameters");
    if (jsontree_members(there) != load->s->param_count)
        complain(&load->complaints, "it has %zu parameters, not %zu", jsontree_members(there), load->s->param_count);
    for (size_t i = 0; i < load->s->param_count; ++i) {
        const server_param_t *param = &load->s->param[i];
        const jsontree_t *found = jsontree_get(there, param->name);
        const char *dtype = jsontree_text(jsontree_get(found, "dtype"));
        if (found == NULL)
            complain(&load->complaints, "parameter \"%.100s\" is missing in it", param->name);
        else if (dtype == NULL || strcmp(dtype, safetensors_dtype(param->dtype)) != 0 ||
                 !same_shape(param, jsontree_get(found, "shape")))
            complain(&load->complaints, "parameter \"%.100s\" has another dtype or shape there", param->name);
    }
}

static optim_status read_options(load_t *load) {
    const jsontree_t *options = jsontree_get(load->record, "options");
    const option_t *table = load->s->rule->options;
    for (size_t i = 0; i < jsontree_members(options); ++i) {
        const jsontree_t *member = &options->is.items[i];
        const char *text = jsontree_text(member);
        const int row = option_find(table, member->key, strlen(member->key));
        if (row < 0 || text == NULL) {
            complain(&load->complaints, "its option \"%.60s\" is unknown here", member->key);
            continue;
        }
        const optim_status status = option_parse(&table[row], text, strlen(text), &load->fresh.option[row]);
        if (status != OPTIM_OK)
            return status;
    }
    const char *wrong = load->s->rule->check == NULL ? NULL : load->s->rule->check(load->fresh.option);
    if (wrong != NULL)
        complain(&load->complaints, "its options do not go together: %s", wrong);
    return complaints_end(&load->complaints, load->source->name);
}

static bool read_count(const jsontree_t *object, const char *key, int64_t *count) {
    const jsontree_t *found = jsontree_get(object, key);
    *count = jsontree_integer(found);
    return jsontree_is(found, JSONTREE_INTEGER) && *count >= 0;
}

static bool read_numbers(const load_t *load, const jsontree_t *object, kept_of_t of, double *number) {
    const jsontree_t *numbers = jsontree_get(object, "numbers");
    const size_t rows = server_rows(load->s);
    for (size_t row = 0; row < rows; ++row) {
        const kept_t *kept = &load->s->rule->kept[row];
        if (kept->of != of || !kept->is_number)
            continue;
        const char *text = jsontree_text(jsontree_get(numbers, kept->name));
        double value;
        if (text == NULL || !number_parse(text, strlen(text), &value))
            return false;
        if ((kept->lowest != 0 || kept->highest != 0) && !(value >= kept->lowest && value <= kept->highest))
            return false;
        number[row] = value;
    }
    return true;
}

static bool is_client(const server_t *s, int64_t id) {
    return id >= 0 && (s->clients == 0 || id < s->clients);
}

static optim_status read_selection(load_t *load) {
    const jsontree_t *selection = jsontree_get(load->record, "selection");
    const size_t count = jsontree_items(selection);
    if (selection == NULL)
        return OPTIM_OK;
    load->fresh.selection = calloc(count + 1, sizeof *load->fresh.selection);
    if (load->fresh.selection == NULL)
        return error_nomem("loading a server");
    for (size_t i = 0; i < count; ++i) {
        const jsontree_t *item = jsontree_at(selection, i);
        const int64_t id = jsontree_integer(item);
        if (!jsontree_is(item, JSONTREE_INTEGER) || !is_client(load->s, id) ||
            (i > 0 && id <= load->fresh.selection[i - 1]))
            return damaged(load, "its selection names no clients in ascending order");
        load->fresh.selection[i] = id;
    }
    load->fresh.has_selection = true;
    load->fresh.selected = count;
    return OPTIM_OK;
}

static optim_status read_client(load_t *load, const jsontree_t *json) {
    int64_t id, stage, asked;
    server_t *fresh = &load->fresh;
    const bool right = read_count(json, "id", &id) && is_client(load->s, id) && read_count(json, "stage", &stage) &&
                       stage <= CLIENT_ENDED && read_count(json, "asked", &asked) &&
                       (fresh->count == 0 || fresh->client[fresh->count - 1]->id < id);
    if (!right)
        return damaged(load, "it has a client that cannot be, or clients that are not in ascending order");
    client_t *c = client_new(fresh, id);
    if (c == NULL || (stage != CLIENT_IDLE && !client_take_vectors(fresh, c)) || !server_insert(fresh, c)) {
        client_free(c);
        return error_nomem("loading a server");
    }
    c->stage = (stage_t)stage;
    c->asked = asked > 0;
    if (!read_count(json, "version", &c->version) || !read_count(json, "steps", &c->steps) ||
        !read_count(json, "local", &c->local) || !read_numbers(load, json, OF_CLIENT, c->number))
        return damaged(load, "numbers of a client are missing or out of range");
    return OPTIM_OK;
}

static optim_status read_kept(load_t *load) {
    server_t *fresh = &load->fresh;
    int64_t draws;
    if (!read_count(load->record, "round", &fresh->round) || !read_count(load->record, "version", &fresh->version) ||
        !read_count(load->record, "skipped", &fresh->skipped) || !read_count(load->record, "draws", &draws))
        return damaged(load, "a counter is missing or negative");
    fresh->draws = (uint64_t)draws;
    fresh->opened = jsontree_is(jsontree_get(load->record, "opened"), JSONTREE_TRUE);
    if (!fresh->opened)
        return OPTIM_OK;
    if (!server_take_vectors(fresh))
        return error_nomem("loading a server");
    if (!read_numbers(load, load->record, OF_SERVER, fresh->number))
        return damaged(load, "numbers of the server are missing or out of range");
    optim_status status = read_selection(load);
    const jsontree_t *clients = jsontree_get(load->record, "clients");
    for (size_t i = 0; status == OPTIM_OK && i < jsontree_items(clients); ++i)
        status = read_client(load, jsontree_at(clients, i));
    if (status == OPTIM_OK && load->s->rule->flags & MEETS_ALL && (int64_t)fresh->count != load->s->clients)
        status = error_set(OPTIM_ERR_CHECKPOINT, "%s has %zu clients, not %" PRId64, load->source->name, fresh->count,
                           load->s->clients);
    return status;
}

static optim_status read_array(load_t *load, const array_t *array) {
    safetensors_entry_t *entry = safetensors_find(&load->file, array->name);
    const char *wanted = jsontree_text(jsontree_get(jsontree_get(load->record, "sums"), array->name));
    char found[CHECKSUM_TEXT];
    if (entry == NULL || strcmp(entry->dtype, "F64") != 0 || entry->bytes != bytes_of(array) ||
        !same_shape(array->param, entry->shape))
        return error_set(OPTIM_ERR_FORMAT, "%s is damaged: array \"%.100s\" is missing, or of another shape",
                         load->source->name, array->name);
    entry->taken = true;
    if (entry->bytes > 0) {
        const optim_status status = load->source->read(load->source, entry->begin, array->at, entry->bytes);
        if (status != OPTIM_OK)
            return status;
    }
    checksum_text(XXH3_64bits(array->at, entry->bytes), found);
    if (wanted == NULL || strcmp(wanted, found) != 0)
        return error_set(OPTIM_ERR_FORMAT, "%s is damaged: the checksum of array \"%.100s\" is wrong",
                         load->source->name, array->name);
    byteorder_from_file(array->at, entry->bytes, sizeof *array->at);
    return OPTIM_OK;
}

static optim_status read_arrays(load_t *load) {
    arrays_t arrays;
    optim_status status = list_arrays(&arrays, &load->fresh);
    if (status != OPTIM_OK)
        return status;
    for (size_t i = 0; status == OPTIM_OK && i < arrays.count; ++i)
        status = read_array(load, &arrays.array[i]);
    arrays_free(&arrays);
    for (size_t i = 0; status == OPTIM_OK && i < load->file.count; ++i)
        if (!load->file.entries[i].taken)
            complain(&load->complaints, "its array \"%.100s\" is unknown here", load->file.entries[i].name);
    return status == OPTIM_OK ? complaints_end(&load->complaints, load->source->name) : status;
}

static optim_status stage(load_t *load) {
    optim_status status = read_record(load);
    if (status != OPTIM_OK)
        return status;
    match_parameters(load);
    status = read_options(load);
    if (status == OPTIM_OK)
        status = read_kept(load);
    return status == OPTIM_OK ? read_arrays(load) : status;
}

/* Empty of all that a checkpoint keeps, with the options as they are. */
static server_t emptied(const server_t *s) {
    server_t fresh = *s;
    fresh.client = NULL;
    fresh.selection = NULL;
    fresh.count = fresh.room = fresh.selected = 0;
    fresh.has_selection = false;
    memset(fresh.vector, 0, sizeof fresh.vector);
    memset(fresh.number, 0, sizeof fresh.number);
    return fresh;
}

/* Cannot fail. What the rule made of the options is made anew. */
static void take_over(server_t *s, server_t *fresh) {
    free(s->memory);
    fresh->memory = NULL;
    server_free_kept(s);
    const bool opened = fresh->opened;
    *s = *fresh;
    if (!opened)
        server_close(s);
}

static optim_status load_server(server_t *s, source_t *source) {
    const bool was_open = s->opened;
    optim_status status = server_open(s);
    if (status != OPTIM_OK)
        return status;
    load_t load = {.s = s, .source = source, .fresh = emptied(s)};
    status = stage(&load);
    if (status == OPTIM_OK)
        take_over(s, &load.fresh);
    else
        server_free_kept(&load.fresh);
    if (status != OPTIM_OK && !was_open)
        server_close(s);
    jsontree_free(load.record);
    safetensors_free(&load.file);
    return status;
}

optim_status optim_server_load(optim_server_t *server, const char *path) {
    file_source_t file;
    optim_status status = refuse_null(server, "server");
    if (status == OPTIM_OK)
        status = refuse_null(path, "path");
    if (status == OPTIM_OK)
        status = file_open(&file, path);
    if (status != OPTIM_OK)
        return status;
    status = load_server(server, &file.source);
    file_close(&file);
    return status;
}

optim_status optim_server_deserialize(optim_server_t *server, const void *buffer, size_t size) {
    optim_status status = refuse_null(server, "server");
    if (status == OPTIM_OK)
        status = refuse_null(buffer, "buffer");
    if (status != OPTIM_OK)
        return status;
    memory_source_t memory = memory_source(buffer, size);
    return load_server(server, &memory.source);
}
