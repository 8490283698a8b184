/* A record onto a handle. */
#include "io/record.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/number.h"
#include "io/complaints.h"

/* ---- Reading text ---- */

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static bool read_number(const json_t *json, double *value) {
    const char *text = json_string_value(json);
    if (text == NULL)
        return false;
    if (strcmp(text, "nan") == 0) {
        *value = (double)NAN;
        return true;
    }
    return number_parse(text, strlen(text), value);
}

static optim_status malformed(const record_t *record, const char *what) {
    return error_set(OPTIM_ERR_FORMAT, "%s is not a checkpoint that can be read: %s", record->source, what);
}

static optim_status misfit(const record_t *record, complaints_t *complaints) {
    char rest[40];
    if (complaints->count == 0)
        return OPTIM_OK;
    return error_set(OPTIM_ERR_CHECKPOINT, "%s does not fit this optimizer: %s%s", record->source, complaints->text,
                     complaints_rest(complaints, rest, sizeof rest));
}

/* ---- What must be there, whatever the handle ---- */

static bool is_count(const json_t *json) {
    return json_is_integer(json) && json_integer_value(json) >= 0;
}

static optim_status check_form(const record_t *record) {
    const json_t *json = record->json;
    const json_int_t format = json_integer_value(json_object_get(json, "format"));
    if (!json_is_object(json) || format < 1)
        return malformed(record, "its record is malformed");
    if (format > RECORD_FORMAT)
        return error_set(OPTIM_ERR_FORMAT,
                         "%s has format %lld, which this version (%s) does not know: load it with a newer one",
                         record->source, (long long)format, optim_version());
    const bool whole =
        is_count(json_object_get(json, "steps")) && is_count(json_object_get(json, "skipped")) &&
        is_count(json_object_get(json, "draws")) && json_is_boolean(json_object_get(json, "planned")) &&
        json_is_object(json_object_get(json, "parameters")) && json_is_array(json_object_get(json, "groups")) &&
        json_is_array(json_object_get(json, "wrappers")) && json_is_array(json_object_get(json, "layers")) &&
        json_is_array(json_object_get(json, "schedules")) && json_is_object(json_object_get(json, "sums"));
    return whole ? OPTIM_OK : malformed(record, "its record lacks a part");
}

/* ---- Parameters and groups ---- */

static bool same_shape(const tensor_t *tensor, const json_t *shape) {
    if (json_array_size(shape) != (size_t)tensor->ndim)
        return false;
    for (int i = 0; i < tensor->ndim; ++i)
        if (json_integer_value(json_array_get(shape, (size_t)i)) != tensor->dims[i])
            return false;
    return true;
}

/* Finds the record's group of every group of the handle. */
static void match_parameters(record_t *record, const optim_t *opt, complaints_t *complaints) {
    const json_t *parameters = json_object_get(record->json, "parameters");
    for (size_t i = 0; i < opt->engine.tensor_count; ++i) {
        const tensor_t *tensor = &opt->engine.tensors[i];
        const json_t *there = json_object_get(parameters, tensor->name);
        const json_int_t group = json_integer_value(json_object_get(there, "group"));
        int *from = &record->from[tensor->group];
        if (there == NULL)
            complain(complaints, "parameter \"%.60s\" is missing in it", tensor->name);
        else if (!same_shape(tensor, json_object_get(there, "shape")))
            complain(complaints, "parameter \"%.60s\" has another shape there", tensor->name);
        else if (*from >= 0 && *from != group)
            complain(complaints, "group %d holds parameters of its groups %d and %lld", tensor->group, *from,
                     (long long)group);
        else
            *from = (int)group;
    }
}

static void find_unknown(const record_t *record, const optim_t *opt, complaints_t *complaints) {
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(record->json, "parameters"), name, value) {
        if (!names_has(&opt->names, name))
            complain(complaints, "its parameter \"%.60s\" is unknown here", name);
    }
}

/* A group is the same if it has as many parameters as there: all of them are from there. An empty one goes by number. */
static optim_status match_groups(record_t *record, const optim_t *opt, complaints_t *complaints) {
    const json_t *groups = json_object_get(record->json, "groups");
    const size_t there = json_array_size(groups), here = (size_t)opt->engine.group_count;
    size_t *count = calloc(there + here + 1, sizeof *count);
    const char *name;
    json_t *value;
    if (count == NULL)
        return error_nomem("loading a checkpoint");
    json_object_foreach(json_object_get(record->json, "parameters"), name, value) {
        const json_int_t group = json_integer_value(json_object_get(value, "group"));
        if (group >= 0 && (size_t)group < there)
            ++count[group];
    }
    for (size_t i = 0; i < opt->engine.tensor_count; ++i)
        ++count[there + (size_t)opt->engine.tensors[i].group];
    for (size_t g = 0; g < here; ++g) {
        if (record->from[g] < 0 && g < there && count[there + g] == 0 && count[g] == 0)
            record->from[g] = (int)g;
        const int from = record->from[g];
        if (from < 0)
            continue;
        const char *wanted = engine_owner(&opt->engine, (int)g)->name;
        const char *found = (size_t)from < there ? json_string_value(json_array_get(groups, (size_t)from)) : NULL;
        if (found == NULL || strcmp(found, wanted) != 0)
            complain(complaints, "group %zu runs \"%s\" here and \"%.40s\" there", g, wanted,
                     found == NULL ? "" : found);
        else
            record->exact[g] = count[there + g] == count[from];
    }
    free(count);
    return OPTIM_OK;
}

/* ---- Layers ---- */

static void check_wrappers(const record_t *record, const optim_t *opt, complaints_t *complaints) {
    const json_t *wrappers = json_object_get(record->json, "wrappers");
    size_t next = 0;
    for (int l = 0; l < opt->engine.layer_count; ++l) {
        if (!layer_is_wrapper(opt, l))
            continue;
        const char *there = json_string_value(json_array_get(wrappers, next++));
        if (there == NULL || strcmp(there, opt->engine.layers[l]->name) != 0)
            complain(complaints, "wrapper %zu is \"%s\" here and \"%.40s\" there", next, opt->engine.layers[l]->name,
                     there == NULL ? "none" : there);
    }
    for (; next < json_array_size(wrappers); ++next)
        complain(complaints, "its wrapper \"%.40s\" is missing here",
                 json_string_value(json_array_get(wrappers, next)) == NULL
                     ? ""
                     : json_string_value(json_array_get(wrappers, next)));
}

/* Number `ordinal` of the record's layers with that name. */
static const json_t *find_layer(const record_t *record, const char *name, int ordinal) {
    const json_t *layers = json_object_get(record->json, "layers");
    for (size_t i = 0; i < json_array_size(layers); ++i)
        if (strcmp(text_of(json_array_get(layers, i), "name"), name) == 0 && ordinal-- == 0)
            return json_array_get(layers, i);
    return NULL;
}

/* A layer's own numbers and names: those of the engine have one name and are told apart by their order. */
static void match_layers(record_t *record, const optim_t *opt, complaints_t *complaints) {
    for (int l = 0; l < opt->engine.layer_count; ++l) {
        const char *name = opt->engine.layers[l]->name;
        int ordinal = 0;
        for (int before = 0; before < l; ++before)
            ordinal += strcmp(opt->engine.layers[before]->name, name) == 0;
        record->layer[l] = find_layer(record, name, ordinal);
        if (record->layer[l] == NULL)
            complain(complaints, "it knows nothing of \"%s\"", name);
    }
}

optim_status record_read(record_t *record, const char *text, const char *source, const optim_t *opt) {
    const size_t groups = (size_t)opt->engine.group_count;
    complaints_t complaints = {.used = 0};
    *record = (record_t){.source = source};
    if (text == NULL)
        return malformed(record, "it was not written by libgradopt");
    record->json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    record->from = malloc(groups * sizeof *record->from);
    record->exact = calloc(groups, sizeof *record->exact);
    record->layer = calloc((size_t)opt->engine.layer_count, sizeof *record->layer);
    optim_status status = OPTIM_OK;
    if (record->from == NULL || record->exact == NULL || record->layer == NULL)
        status = error_nomem("loading a checkpoint");
    if (status == OPTIM_OK)
        status = check_form(record);
    if (status == OPTIM_OK) {
        for (size_t g = 0; g < groups; ++g)
            record->from[g] = -1;
        match_parameters(record, opt, &complaints);
        find_unknown(record, opt, &complaints);
        check_wrappers(record, opt, &complaints);
        status = match_groups(record, opt, &complaints);
    }
    if (status == OPTIM_OK && complaints.count == 0)
        match_layers(record, opt, &complaints);
    if (status == OPTIM_OK)
        status = misfit(record, &complaints);
    if (status != OPTIM_OK)
        record_free(record);
    return status;
}

void record_free(record_t *record) {
    json_decref(record->json);
    free(record->from);
    free(record->exact);
    free(record->layer);
    *record = (record_t){0};
}

bool record_is_planned(const record_t *record) {
    return json_is_true(json_object_get(record->json, "planned"));
}

const char *record_sum(const record_t *record, const char *name) {
    return json_string_value(json_object_get(json_object_get(record->json, "sums"), name));
}

/* ---- Options ---- */

/* The record's group that is for this group of the layer, or NULL: what the whole handle shares has group 0. */
static const json_t *group_of(const record_t *record, const optim_t *opt, int l, int group, bool exactly) {
    const layer_t *layer = opt->engine.layers[l];
    if (layer->values[group].base == NULL)
        return NULL;
    const int from = layer->per_group ? record->from[group] : 0;
    if (from < 0 || (layer->per_group && exactly && !record->exact[group]))
        return NULL;
    char key[16];
    (void)snprintf(key, sizeof key, "%d", from);
    return json_object_get(json_object_get(record->layer[l], "groups"), key);
}

static optim_status apply_group(const record_t *record, optim_t *opt, layer_t *layer, int group,
                                const json_t *options) {
    const option_t *table = layer->method->options;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)options, key, value) {
        const char *text = json_string_value(value);
        const int i = option_find(table, key, strlen(key));
        if (i < 0 || text == NULL)
            return error_set(OPTIM_ERR_CHECKPOINT, "%s does not fit this optimizer: \"%s\" has no option \"%.40s\"",
                             record->source, layer->name, key);
        double number;
        const optim_status status = option_parse(&table[i], text, strlen(text), &number);
        if (status != OPTIM_OK)
            return status;
        double *base = &layer->values[group].base[i];
        if (opt->engine.planned && option_decides_memory(layer, table[i].name, *base, number))
            return error_set(OPTIM_ERR_CHECKPOINT,
                             "%s does not fit this optimizer: it was saved with %s=%s, which decides about memory "
                             "that is taken already; load it before the first step",
                             record->source, key, text);
        layer->values[group].now[i] = *base = number;
    }
    return OPTIM_OK;
}

optim_status record_apply_options(const record_t *record, optim_t *opt) {
    for (int l = 0; l < opt->engine.layer_count; ++l)
        for (int g = 0; g < opt->engine.group_count; ++g) {
            const json_t *group = group_of(record, opt, l, g, true);
            if (group == NULL)
                continue;
            layer_t *layer = opt->engine.layers[l];
            optim_status status = apply_group(record, opt, layer, g, json_object_get(group, "options"));
            if (status == OPTIM_OK)
                status = layer_check(layer, g);
            if (status != OPTIM_OK)
                return status;
        }
    return OPTIM_OK;
}

/* ---- Numbers ---- */

/* One state's numbers out of `object`. */
static void read_state(const record_t *record, const layer_t *layer, size_t k, int group, const json_t *object,
                       assignment_t *list, size_t *count, complaints_t *complaints) {
    const state_t *state = &layer->method->states[k];
    const json_t *values = json_object_get(object, state->name);
    const size_t copies = state_copies(layer->method, state, layer_option(layer, group));
    double *at = layer->scalar[(size_t)group * layer->states + k];
    (void)record;
    if (json_array_size(values) != copies) {
        complain(complaints, "\"%s.%s\" has %zu numbers there and %zu here", layer->name, state->name,
                 json_array_size(values), copies);
        return;
    }
    for (size_t i = 0; i < copies; ++i) {
        assignment_t *assignment = &list[(*count)++];
        assignment->at = at + i;
        if (!read_number(json_array_get(values, i), &assignment->value))
            complain(complaints, "\"%s.%s\" is not a number there", layer->name, state->name);
    }
}

static void read_layer(const record_t *record, const optim_t *opt, int l, assignment_t *list, size_t *count,
                       complaints_t *complaints) {
    const layer_t *layer = opt->engine.layers[l];
    for (size_t k = 0; k < layer->states; ++k) {
        const state_t *state = &layer->method->states[k];
        if (!state_is_kept(state))
            continue;
        if (state->shape == PER_METHOD)
            read_state(record, layer, k, layer->first_group, json_object_get(record->layer[l], "numbers"), list, count,
                       complaints);
        for (int g = 0; state->shape == PER_GROUP && g < opt->engine.group_count; ++g) {
            const json_t *group = group_of(record, opt, l, g, false);
            if (group != NULL && layer_covers(layer, g))
                read_state(record, layer, k, g, json_object_get(group, "numbers"), list, count, complaints);
        }
    }
}

optim_status record_numbers(const record_t *record, const optim_t *opt, assignment_t **list, size_t *count) {
    size_t most = 1;
    complaints_t complaints = {.used = 0};
    for (int l = 0; l < opt->engine.layer_count; ++l)
        most += opt->engine.layers[l]->number_count;
    *count = 0;
    *list = malloc(most * sizeof **list);
    if (*list == NULL)
        return error_nomem("loading a checkpoint");
    for (int l = 0; l < opt->engine.layer_count; ++l)
        read_layer(record, opt, l, *list, count, &complaints);
    return misfit(record, &complaints);
}

/* ---- Schedules ---- */

/* The layer of the handle that the record's layer number `index` is. */
static int layer_at(const record_t *record, const optim_t *opt, json_int_t index) {
    const json_t *wanted = index < 0 ? NULL : json_array_get(json_object_get(record->json, "layers"), (size_t)index);
    for (int l = 0; wanted != NULL && l < opt->engine.layer_count; ++l)
        if (record->layer[l] == wanted)
            return l;
    return -1;
}

/* What reports have taught it. On an error the schedule is gone. */
static optim_status read_schedule_state(const record_t *record, const json_t *json, scheduled_t *made) {
    const json_t *list = json_object_get(json, "state");
    const size_t count = schedule_state_count(made->run);
    double *state = calloc(count + 1, sizeof *state);
    optim_status status = state == NULL ? error_nomem("loading a checkpoint") : OPTIM_OK;
    bool read = json_array_size(list) == count;
    for (size_t i = 0; status == OPTIM_OK && read && i < count; ++i)
        read = read_number(json_array_get(list, i), &state[i]);
    if (status == OPTIM_OK && !read)
        status =
            error_set(OPTIM_ERR_CHECKPOINT, "%s does not fit this optimizer: the state of schedule \"%s\" is another",
                      record->source, made->run->schedule->name);
    if (status == OPTIM_OK)
        schedule_state_write(made->run, state);
    else
        schedule_destroy(made->run);
    free(state);
    return status;
}

static optim_status make_schedule(const record_t *record, const optim_t *opt, const json_t *json, int l, int group,
                                  scheduled_t *made) {
    layer_t *layer = opt->engine.layers[l];
    const char *option = text_of(json, "option"), *name = text_of(json, "name"), *options = text_of(json, "options");
    const int i = option_find(layer->method->options, option, strlen(option));
    if (i < 0 || option_is_text(&layer->method->options[i]))
        return error_set(OPTIM_ERR_CHECKPOINT,
                         "%s does not fit this optimizer: \"%s\" has no option \"%.40s\" to schedule", record->source,
                         layer->name, option);
    const setting_t setting = {layer, i};
    const optim_status status = scheduled_make(&setting, group, name, options, made);
    return status == OPTIM_OK ? read_schedule_state(record, json, made) : status;
}

optim_status record_schedules(const record_t *record, const optim_t *opt, scheduled_t **made, size_t *count) {
    const json_t *schedules = json_object_get(record->json, "schedules");
    const size_t groups = (size_t)opt->engine.group_count, total = json_array_size(schedules);
    size_t most;
    optim_status status = OPTIM_OK;
    *count = 0;
    *made = size_multiply(total, groups, &most) ? calloc(most + 1, sizeof **made) : NULL;
    if (*made == NULL)
        return error_nomem("loading a checkpoint");
    for (size_t i = 0; i < total; ++i) {
        const json_t *json = json_array_get(schedules, i);
        const int l = layer_at(record, opt, json_integer_value(json_object_get(json, "layer")));
        const json_int_t from = json_integer_value(json_object_get(json, "group"));
        for (int g = 0; status == OPTIM_OK && l >= 0 && g < opt->engine.group_count; ++g) {
            const layer_t *layer = opt->engine.layers[l];
            const bool taken = layer->per_group ? record->exact[g] && record->from[g] == from : g == 0;
            if (taken && layer->values[g].base != NULL &&
                (status = make_schedule(record, opt, json, l, g, &(*made)[*count])) == OPTIM_OK)
                ++*count;
        }
    }
    if (status == OPTIM_OK)
        return OPTIM_OK;
    for (size_t i = 0; i < *count; ++i)
        schedule_destroy((*made)[i].run);
    free(*made);
    *made = NULL;
    return status;
}

/* ---- Counters ---- */

void record_apply_counters(const record_t *record, optim_t *opt) {
    opt->steps = json_integer_value(json_object_get(record->json, "steps"));
    opt->skipped = json_integer_value(json_object_get(record->json, "skipped"));
    opt->engine.draws = (uint64_t)json_integer_value(json_object_get(record->json, "draws"));
    for (int l = 0; l < opt->engine.layer_count; ++l) {
        layer_t *layer = opt->engine.layers[l];
        const json_t *held = json_object_get(record->layer[l], "held");
        layer->holds_gradient = read_number(json_array_get(held, 0), &layer->held_loss) &&
                                read_number(json_array_get(held, 1), &layer->held_norm);
        const json_int_t sample = json_integer_value(json_object_get(record->layer[l], "sample"));
        layer->next_sample = sample >= 0 && sample <= OPTIM_SAMPLE_FULL ? (int)sample : OPTIM_SAMPLE_FRESH;
    }
}
