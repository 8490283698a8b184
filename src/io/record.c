/* A record against a handle: what must be there, and which section is for which group, station and parameter. */
#include "io/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/complaints.h"
#include "io/safetensors.h"

enum { DIMS_TEXT = 200 };

const char *record_text(const jsontree_t *object, const char *key) {
    const char *text = jsontree_text(jsontree_get(object, key));
    return text == NULL ? "" : text;
}

static optim_status malformed(const record_t *record, const char *what) {
    return error_set(OPTIM_ERR_FORMAT, "%s is not a checkpoint that can be read: %s", record->source, what);
}

/* ---- What must be there, whatever the handle ---- */

/* Far from where counting on would overflow. */
static bool is_count(const jsontree_t *json) {
    return jsontree_is(json, JSONTREE_INTEGER) && jsontree_integer(json) >= 0 &&
           jsontree_integer(json) <= (int64_t)1 << 62;
}

static bool is_switch(const jsontree_t *json) {
    return jsontree_is(json, JSONTREE_TRUE) || jsontree_is(json, JSONTREE_FALSE);
}

static optim_status check_form(const record_t *record) {
    const jsontree_t *json = record->json;
    const int64_t format = jsontree_integer(jsontree_get(json, "format"));
    if (!jsontree_is(json, JSONTREE_OBJECT) || format < 1)
        return malformed(record, "its record is malformed");
    if (format > RECORD_FORMAT)
        return error_set(OPTIM_ERR_FORMAT,
                         "%s has format %lld, which this version (%s) does not know: load it with a newer one",
                         record->source, (long long)format, optim_version());
    const bool complete = is_count(jsontree_get(json, "steps")) && is_count(jsontree_get(json, "skipped")) &&
                          is_count(jsontree_get(json, "draws")) && is_switch(jsontree_get(json, "planned")) &&
                          jsontree_is(jsontree_get(json, "parameters"), JSONTREE_OBJECT) &&
                          jsontree_is(jsontree_get(json, "groups"), JSONTREE_ARRAY) &&
                          jsontree_is(jsontree_get(json, "wrappers"), JSONTREE_ARRAY) &&
                          jsontree_is(jsontree_get(json, "layers"), JSONTREE_ARRAY) &&
                          jsontree_is(jsontree_get(json, "schedules"), JSONTREE_ARRAY) &&
                          jsontree_is(jsontree_get(json, "sums"), JSONTREE_OBJECT);
    return complete ? OPTIM_OK : malformed(record, "its record lacks a part");
}

/* ---- Parameters and groups ---- */

static bool same_shape(const tensor_t *tensor, const jsontree_t *shape) {
    if (jsontree_items(shape) != (size_t)tensor->ndim)
        return false;
    for (int i = 0; i < tensor->ndim; ++i)
        if (jsontree_integer(jsontree_at(shape, (size_t)i)) != tensor->dims[i])
            return false;
    return true;
}

/* "[2,3]" */
static void dims_text(const int64_t *dims, size_t count, char text[DIMS_TEXT]) {
    size_t used = (size_t)snprintf(text, DIMS_TEXT, "[");
    for (size_t i = 0; i < count && used < DIMS_TEXT; ++i)
        used += (size_t)snprintf(text + used, DIMS_TEXT - used, "%s%" PRId64, i == 0 ? "" : ",", dims[i]);
    if (used < DIMS_TEXT)
        (void)snprintf(text + used, DIMS_TEXT - used, "]");
}

static void complain_of_shape(complaints_t *complaints, const tensor_t *tensor, const jsontree_t *shape) {
    char here[DIMS_TEXT], there[DIMS_TEXT];
    int64_t dims[TENSOR_DIMS] = {0};
    const size_t items = jsontree_items(shape), count = items < TENSOR_DIMS ? items : TENSOR_DIMS;
    for (size_t i = 0; i < count; ++i)
        dims[i] = jsontree_integer(jsontree_at(shape, i));
    dims_text(dims, count, there);
    dims_text(tensor->dims, (size_t)tensor->ndim, here);
    complain(complaints, "parameter \"%s\" has shape %s there and %s here", tensor->name, there, here);
}

/* The parameter's own count of steps, and whether it has states. */
static optim_status read_own_clock(record_t *record, const optim_t *opt, size_t i) {
    const jsontree_t *there = jsontree_get(jsontree_get(record->json, "parameters"), opt->engine.tensors[i].name),
                     *steps = jsontree_get(there, "steps"), *states = jsontree_get(there, "states");
    record->stateless[i] = jsontree_is(states, JSONTREE_FALSE);
    record->steps[i] = record->stateless[i] ? 0
                       : steps == NULL      ? jsontree_integer(jsontree_get(record->json, "steps"))
                                            : jsontree_integer(steps);
    if ((steps != NULL && !is_count(steps)) || (states != NULL && !is_switch(states)))
        return malformed(record, "a parameter's steps are none");
    return OPTIM_OK;
}

/* States are of the precision of their parameters: f64, or else f32. */
static bool same_precision(const tensor_t *tensor, const char *there) {
    return *there == '\0' || (strcmp(there, "F64") == 0) == (tensor->dtype == OPTIM_F64);
}

/* The tensor begins fresh. */
static void begin_fresh(record_t *record, const tensor_t *tensor) {
    record->fresh[tensor->id] = record->stateless[tensor->id] = true;
    record->steps[tensor->id] = 0;
    ++record->rules.fresh;
}

/* The record's group of the tensor's group. */
static void match_group(record_t *record, const tensor_t *tensor, const jsontree_t *there, complaints_t *complaints) {
    const int64_t group = jsontree_integer(jsontree_get(there, "group"));
    int *from = &record->from[tensor->group];
    if (group < 0 || (uint64_t)group >= jsontree_items(jsontree_get(record->json, "groups")))
        complain(complaints, "parameter \"%s\" is in a group there, %lld, that does not exist", tensor->name,
                 (long long)group);
    else if (*from >= 0 && *from != group)
        complain(complaints, "parameter \"%s\" is in its group %lld, others of group %d in its group %d", tensor->name,
                 (long long)group, tensor->group, *from);
    else
        *from = (int)group;
}

/* Finds the record's group of every group of the handle. */
static void match_parameters(record_t *record, const optim_t *opt, complaints_t *complaints) {
    const jsontree_t *parameters = jsontree_get(record->json, "parameters");
    for (size_t i = 0; i < opt->engine.tensor_count; ++i) {
        const tensor_t *tensor = &opt->engine.tensors[i];
        const jsontree_t *there = jsontree_get(parameters, tensor->name);
        if (there == NULL) {
            if (record->rules.missing)
                begin_fresh(record, tensor);
            else
                complain(complaints, "parameter \"%s\" is missing in it", tensor->name);
            continue;
        }
        match_group(record, tensor, there, complaints);
        const bool shape = same_shape(tensor, jsontree_get(there, "shape")),
                   precision = same_precision(tensor, record_text(there, "dtype"));
        if (record->rules.reshaped && !(shape && precision)) {
            begin_fresh(record, tensor);
            continue;
        }
        if (!shape)
            complain_of_shape(complaints, tensor, jsontree_get(there, "shape"));
        if (!precision)
            complain(complaints, "parameter \"%s\" is %.8s there and %s here", tensor->name,
                     record_text(there, "dtype"), safetensors_dtype(tensor->dtype));
    }
}

static void find_unknown(record_t *record, const optim_t *opt, complaints_t *complaints) {
    const jsontree_t *parameters = jsontree_get(record->json, "parameters");
    for (size_t i = 0; i < jsontree_members(parameters); ++i) {
        const char *name = parameters->is.items[i].key;
        if (names_has(&opt->names, name))
            continue;
        ++record->rules.left_out;
        if (!record->rules.unknown)
            complain(complaints, "its parameter \"%s\" is unknown here", name);
    }
}

/* Whether a group of the handle before this one has the same group of the record. */
static bool is_taken(const record_t *record, size_t group) {
    for (size_t g = 0; g < group; ++g)
        if (record->from[g] == record->from[group])
            return true;
    return false;
}

/* A group is the same if it has as many parameters as there: all of them are from there; or, where some may be missing,
   if it is the first with parameters from there. An empty one goes by number. */
static optim_status match_groups(record_t *record, const optim_t *opt, complaints_t *complaints) {
    const jsontree_t *groups = jsontree_get(record->json, "groups");
    const size_t there = jsontree_items(groups), here = (size_t)opt->engine.group_count;
    size_t groups_in_all, *count = NULL;
    if (size_add(there, here, &groups_in_all))
        count = calloc(groups_in_all, sizeof *count);
    if (count == NULL)
        return error_nomem("loading a checkpoint");
    const jsontree_t *parameters = jsontree_get(record->json, "parameters");
    for (size_t i = 0; i < jsontree_members(parameters); ++i) {
        const int64_t group = jsontree_integer(jsontree_get(&parameters->is.items[i], "group"));
        if (group >= 0 && (uint64_t)group < there)
            ++count[group];
    }
    for (size_t i = 0; i < opt->engine.tensor_count; ++i)
        ++count[there + (size_t)opt->engine.tensors[i].group];
    for (size_t g = 0; g < here; ++g) {
        // NOLINTNEXTLINE(clang-analyzer-core*): filled for every group by record_read
        if (g < there && record->from[g] < 0 && count[there + g] == 0 && count[g] == 0)
            record->from[g] = (int)g;
        // NOLINTNEXTLINE(clang-analyzer-core*): filled for every group by record_read
        const int from = record->from[g];
        if (from < 0)
            continue;
        const char *wanted = engine_owner(&opt->engine, (int)g)->name;
        const char *found = (size_t)from < there ? jsontree_text(jsontree_at(groups, (size_t)from)) : NULL;
        if (found == NULL || strcmp(found, wanted) != 0)
            complain(complaints, "group %zu runs \"%s\" here and \"%.40s\" there", g, wanted,
                     found == NULL ? "" : found);
        else
            record->exact[g] = count[there + g] == count[from] ||
                               ((record->rules.missing || record->rules.unknown) && !is_taken(record, g));
    }
    free(count);
    return OPTIM_OK;
}

/* ---- Stations ---- */

static void check_wrappers(const record_t *record, const optim_t *opt, complaints_t *complaints) {
    const jsontree_t *wrappers = jsontree_get(record->json, "wrappers");
    const station_t *wrapper;
    size_t next = 0;
    if (record->rules.wrappers)
        return;
    for (; (wrapper = chain_wrapper(opt, (int)next)) != NULL; ++next) {
        const char *there = jsontree_text(jsontree_at(wrappers, next));
        if (there == NULL || strcmp(there, wrapper->name) != 0)
            complain(complaints, "wrapper %zu is \"%s\" here and \"%.40s\" there", next + 1, wrapper->name,
                     there == NULL ? "none" : there);
    }
    for (; next < jsontree_items(wrappers); ++next)
        complain(complaints, "its wrapper \"%.40s\" is missing here",
                 jsontree_text(jsontree_at(wrappers, next)) == NULL ? "" : jsontree_text(jsontree_at(wrappers, next)));
}

int record_stations(const optim_t *opt) {
    return engine_keepers(&opt->engine) - 2;
}

/* The chain, with storage in front of guard, without share, which keeps nothing, and without replicas, which is a
 * matter of the run and not of the state. */
station_t *record_listed(const optim_t *opt, int i) {
    const int share = chain_position(opt, opt->own[REGISTRY_ENGINE_SHARE]),
              storage = chain_position(opt, opt->own[REGISTRY_ENGINE_GUARD]) - 1;
    if (i == storage)
        return opt->engine.storage;
    const int listed = i < storage ? i : i - 1, l = listed < share ? listed : listed + 1;
    return l < chain_position(opt, opt->own[REGISTRY_ENGINE_REPLICAS]) ? opt->engine.stations[l] : NULL;
}

static bool is_younger(const optim_t *opt, const station_t *station) {
    return station == opt->own[REGISTRY_ENGINE_GROUP_CLIP];
}

const char *record_station_name(const optim_t *opt, const station_t *station) {
    return is_younger(opt, station) ? "engine.group_clip" : station->name;
}

/* The record's station with that name, and with that name of its own; number `ordinal` of those that have none. */
static const jsontree_t *find_station(const record_t *record, const char *name, const char *own, int ordinal) {
    const jsontree_t *stations = jsontree_get(record->json, "layers");
    for (size_t i = 0; i < jsontree_items(stations); ++i) {
        const jsontree_t *station = jsontree_at(stations, i);
        const char *there = jsontree_text(jsontree_get(station, "station"));
        if (strcmp(record_text(station, "name"), name) == 0 &&
            (there == NULL ? ordinal-- == 0 : strcmp(there, own) == 0))
            return station;
    }
    return NULL;
}

/* Whether the record's station acts on that group of the record's. */
static bool acts_on(const jsontree_t *station, int group) {
    const jsontree_t *only = jsontree_get(station, "only");
    for (size_t i = 0; i < jsontree_items(only); ++i)
        if (jsontree_integer(jsontree_at(only, i)) == group)
            return true;
    return only == NULL;
}

/* Complains of wrappers that act on other groups here than there. */
static void check_covered(const record_t *record, const optim_t *opt, complaints_t *complaints) {
    const station_t *station;
    for (int l = 0; (station = record_listed(opt, l)) != NULL; ++l)
        for (int g = 0; station->is_wrapper && record->station[l] != NULL && g < opt->engine.group_count; ++g)
            // NOLINTNEXTLINE(clang-analyzer-core*): filled for every group by record_read
            if (record->from[g] >= 0 && acts_on(record->station[l], record->from[g]) == station->values[g].left_out)
                complain(complaints, "\"%s\" %s group %d here, and there not", station->name,
                         station->values[g].left_out ? "leaves out" : "acts on", g);
}

/* A station's own numbers and names; NULL for one that is younger than the record. */
static void match_stations(record_t *record, const optim_t *opt, complaints_t *complaints) {
    const station_t *station;
    for (int l = 0; (station = record_listed(opt, l)) != NULL; ++l) {
        const char *name = record_station_name(opt, station);
        int ordinal = 0;
        for (int before = 0; before < l; ++before)
            ordinal += strcmp(record_station_name(opt, record_listed(opt, before)), name) == 0;
        record->station[l] = find_station(record, name, station->method->name, ordinal);
        const bool may_lack = is_younger(opt, station) || (station->is_wrapper && record->rules.wrappers);
        if (record->station[l] == NULL && !may_lack)
            complain(complaints, "it knows nothing of \"%s\"", name);
    }
}

optim_status record_read(record_t *record, const char *text, const char *source, const optim_t *opt,
                         const optim_load_rules *rules) {
    const size_t groups = (size_t)opt->engine.group_count;
    complaints_t complaints = {.used = 0};
    *record = (record_t){.source = source};
    if (rules != NULL)
        record->rules = *rules;
    record->rules.fresh = record->rules.left_out = 0;
    if (text == NULL)
        return malformed(record, "it was not written by libgradopt");
    bool no_memory;
    record->json = jsontree_read(text, strlen(text), &no_memory);
    record->from = malloc(groups * sizeof *record->from);
    record->exact = calloc(groups, sizeof *record->exact);
    record->station = calloc((size_t)record_stations(opt), sizeof *record->station);
    record->steps = calloc(opt->engine.tensor_count + 1, sizeof *record->steps);
    record->stateless = calloc(opt->engine.tensor_count + 1, sizeof *record->stateless);
    record->fresh = calloc(opt->engine.tensor_count + 1, sizeof *record->fresh);
    optim_status status = OPTIM_OK;
    if (no_memory || record->from == NULL || record->exact == NULL || record->station == NULL ||
        record->steps == NULL || record->stateless == NULL || record->fresh == NULL)
        status = error_nomem("loading a checkpoint");
    if (status == OPTIM_OK)
        status = check_form(record);
    for (size_t i = 0; status == OPTIM_OK && i < opt->engine.tensor_count; ++i)
        status = read_own_clock(record, opt, i);
    if (status == OPTIM_OK) {
        for (size_t g = 0; g < groups; ++g)
            record->from[g] = -1;
        match_parameters(record, opt, &complaints);
        find_unknown(record, opt, &complaints);
        check_wrappers(record, opt, &complaints);
        status = match_groups(record, opt, &complaints);
    }
    if (status == OPTIM_OK && complaints.count == 0)
        match_stations(record, opt, &complaints);
    if (status == OPTIM_OK && complaints.count == 0)
        check_covered(record, opt, &complaints);
    if (status == OPTIM_OK)
        status = complaints_end(&complaints, record->source);
    if (status != OPTIM_OK)
        record_free(record);
    return status;
}

void record_free(record_t *record) {
    jsontree_free(record->json);
    free(record->from);
    free(record->exact);
    free(record->station);
    free(record->steps);
    free(record->stateless);
    free(record->fresh);
    *record = (record_t){0};
}

bool record_is_planned(const record_t *record) {
    return jsontree_is(jsontree_get(record->json, "planned"), JSONTREE_TRUE);
}

bool record_has_arrays(const record_t *record) {
    return !jsontree_is(jsontree_get(record->json, "arrays"), JSONTREE_FALSE);
}

const char *record_checksum(const record_t *record, const char *name) {
    return jsontree_text(jsontree_get(jsontree_get(record->json, "sums"), name));
}
