/* Checkpoints of servers (save.c) are loaded: a whole new server beside this one, which takes its place in the end. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/number.h"
#include "base/option.h"
#include "federated/kept_arrays.h"
#include "io/byteorder.h"
#include "io/complaints.h"

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
    if (jsontree_integer(jsontree_get(load->record, "format")) != SERVER_FORMAT)
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

static optim_status read_array(load_t *load, const kept_array_t *array) {
    safetensors_entry_t *entry = safetensors_find(&load->file, array->name);
    const char *wanted = jsontree_text(jsontree_get(jsontree_get(load->record, "sums"), array->name));
    char found[CHECKSUM_TEXT];
    if (entry == NULL || strcmp(entry->dtype, "F64") != 0 || entry->bytes != kept_array_bytes(array) ||
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
    kept_arrays_t arrays;
    optim_status status = kept_arrays_list(&arrays, &load->fresh);
    if (status != OPTIM_OK)
        return status;
    for (size_t i = 0; status == OPTIM_OK && i < arrays.count; ++i)
        status = read_array(load, &arrays.array[i]);
    kept_arrays_free(&arrays);
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
