/* A handle into a record. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/number.h"
#include "io/jsontext.h"
#include "io/record.h"
#include "io/safetensors.h"
#include "optimizer/problem.h"

/* NaN keeps its sign: later steps hand it on. */
static void write_value(jsontext_t *record, double value) {
    char text[NUMBER_TEXT];
    number_text(value, text);
    jsontext_string(record, NULL, isnan(value) && signbit(value) ? "-nan" : text);
}

static void write_numbers(jsontext_t *record, const char *key, const double *value, size_t count) {
    jsontext_open(record, key, '[');
    for (size_t i = 0; i < count; ++i)
        write_value(record, value[i]);
    jsontext_close(record, ']');
}

static void write_field(jsontext_t *record, const optim_t *opt, const station_t *station, const field_t *field,
                        int group, const void *memory) {
    const size_t count = field_count(&opt->engine, station->method, field, station_option(station, group));
    jsontext_open(record, field->name, '[');
    for (size_t i = 0; i < count; ++i)
        write_value(record, field_get(field, memory, i));
    jsontext_close(record, ']');
}

/* The kept numbers of the method, or of a group; before there is any memory, none. */
static void write_fields(jsontext_t *record, const optim_t *opt, const station_t *station, bool by_group, int group) {
    jsontext_open(record, "numbers", '{');
    for (const field_t *field = station->method->fields; opt->engine.planned && field_is_row(field); ++field) {
        const bool is_of_group = field->of == OF_GROUP || field->of == OF_COHORT;
        if (field_is_kept(field) && (by_group ? is_of_group : field->of == OF_METHOD))
            write_field(record, opt, station, field, group, field_memory(station, field, group, NULL));
    }
    jsontext_close(record, '}');
}

static void write_options(jsontext_t *record, const station_t *station, int group) {
    const option_t *table = station->method->options;
    const double *option = station->values[group].base; /* NULL: shared by all, they stand under group 0 */
    jsontext_open(record, "options", '{');
    for (size_t i = 0; option != NULL && i < option_values(table); ++i) {
        char name[VALUE_NAME], text[OPTION_TEXT];
        if (values_row(table, option, i) == NULL)
            continue;
        values_name(table, option, i, name);
        values_text(table, option, i, text);
        jsontext_string(record, name, text);
    }
    jsontext_close(record, '}');
}

/* Whether a group has something of its own in the station: options, or numbers where the options are shared. */
static bool has_group(const station_t *station, int group) {
    bool has = station->values[group].base != NULL;
    for (const field_t *field = station->method->fields; !has && station_covers(station, group) && field_is_row(field);
         ++field)
        has = field->of == OF_GROUP || field->of == OF_COHORT;
    return has;
}

static void write_group(jsontext_t *record, const optim_t *opt, const station_t *station, int group) {
    char key[16], role[ROLE_TEXT];
    (void)snprintf(key, sizeof key, "%d", group);
    jsontext_open(record, key, '{');
    write_options(record, station, group);
    if (role_name(station, group, role))
        jsontext_string(record, "role", role);
    write_fields(record, opt, station, true, group);
    jsontext_close(record, '}');
}

/* Of a wrapper, the groups that it acts on, if not all; what was always so is written as older versions read it. */
static void write_covered(jsontext_t *record, const optim_t *opt, const station_t *station) {
    jsontext_open(record, "only", '[');
    for (int g = 0; g < opt->engine.group_count; ++g)
        if (!station->values[g].left_out)
            jsontext_integer(record, NULL, g);
    jsontext_close(record, ']');
}

static void write_station(jsontext_t *record, const optim_t *opt, const station_t *station) {
    jsontext_open(record, NULL, '{');
    jsontext_string(record, "name", record_station_name(opt, station));
    if (!station->is_method && !station->is_wrapper)
        jsontext_string(record, "station", station->method->name);
    if (station->leaves_out)
        write_covered(record, opt, station);
    jsontext_integer(record, "sample", station->next_sample);
    if (station->holds_gradient)
        write_numbers(record, "held", (double[]){station->held_loss, station->held_norm}, 2);
    else {
        jsontext_word(record, "held", "null");
    }
    write_fields(record, opt, station, false, station->first_group);
    jsontext_open(record, "groups", '{');
    for (int g = 0; g < opt->engine.group_count; ++g)
        if (has_group(station, g))
            write_group(record, opt, station, g);
    jsontext_close(record, '}');
    jsontext_close(record, '}');
}

/* ---- Parameters ---- */

/* Whether a number of the tensor's has other bits than its group's: NaN is equal to NaN. */
static bool differs(const void *own, const void *of_group) {
    return memcmp(own, of_group, sizeof(double)) != 0;
}

/* Whether the tensor has taken every step of the handle, as what the record says of the handle and the group tells. */
static bool is_in_step(const optim_t *opt, const tensor_t *tensor) {
    const station_t *owner = tensor->owner;
    const bool same = tensor->states_taken && tensor_steps(&opt->engine, tensor) == opt->steps;
    if (!opt->engine.planned)
        return true;
    return same &&
           (tensor->cohort_bytes == 0 || memcmp(tensor_cohort_memory(&opt->engine, tensor),
                                                owner->cohort_memory[tensor->group], tensor->cohort_bytes) == 0);
}

static void write_own_numbers(jsontext_t *record, const optim_t *opt, const tensor_t *tensor) {
    const station_t *owner = tensor->owner;
    jsontext_open(record, "numbers", '{');
    for (const field_t *field = owner->method->fields; field_is_row(field); ++field) {
        if (field->of != OF_COHORT)
            continue;
        const void *own_memory = tensor_cohort_memory(&opt->engine, tensor);
        const double value = field_get(field, own_memory, 0),
                     of_group = field_get(field, owner->cohort_memory[tensor->group], 0);
        if (differs(&value, &of_group))
            write_field(record, opt, owner, field, tensor->group, own_memory);
    }
    jsontext_close(record, '}');
}

static void write_parameter(jsontext_t *record, const optim_t *opt, const tensor_t *tensor) {
    jsontext_open(record, tensor->name, '{');
    jsontext_integer(record, "group", tensor->group);
    jsontext_string(record, "dtype", safetensors_dtype(tensor->dtype));
    jsontext_integers(record, "shape", tensor->dims, (size_t)tensor->ndim);
    if (opt->engine.planned && !tensor->states_taken)
        jsontext_word(record, "states", "false");
    else if (!is_in_step(opt, tensor)) {
        jsontext_integer(record, "steps", tensor_steps(&opt->engine, tensor));
        write_own_numbers(record, opt, tensor);
    }
    jsontext_close(record, '}');
}

/* The oldest format that can say it: what was always in step is read by older versions too. */
static int format_of(const optim_t *opt) {
    for (size_t i = 0; i < opt->engine.tensor_count; ++i)
        if (!is_in_step(opt, &opt->engine.tensors[i]))
            return 2;
    return 1;
}

/* ---- Schedules ---- */

static void write_schedule_state(jsontext_t *record, const schedule_run_t *run) {
    const size_t count = schedule_state_count(run);
    double *state = malloc((count + 1) * sizeof *state);
    if (state == NULL) {
        record->failed = true;
        return;
    }
    schedule_state_read(run, state);
    write_numbers(record, "state", state, count);
    free(state);
}

static void write_schedule(jsontext_t *record, const optim_t *opt, const scheduled_t *scheduled) {
    int station = 0;
    while (record_listed(opt, station) != scheduled->station)
        ++station;
    jsontext_open(record, NULL, '{');
    jsontext_integer(record, "layer", station);
    jsontext_integer(record, "group", scheduled->group);
    char name[VALUE_NAME];
    station_value_name(scheduled->station, scheduled->group, scheduled->option, name);
    jsontext_string(record, "option", name);
    jsontext_string(record, "name", scheduled->run->schedule->name);
    jsontext_string(record, "options", scheduled->run->text);
    write_schedule_state(record, scheduled->run);
    jsontext_close(record, '}');
}

static void write_counters(jsontext_t *record, const optim_t *opt, bool of_ranks) {
    jsontext_integer(record, "format", of_ranks ? RECORD_FORMAT : format_of(opt));
    jsontext_string(record, "library", optim_version());
    jsontext_integer(record, "steps", opt->steps);
    jsontext_integer(record, "skipped", opt->skipped);
    jsontext_integer(record, "draws", (int64_t)opt->engine.draws);
    jsontext_word(record, "planned", opt->engine.planned ? "true" : "false");
}

static void write_parts(jsontext_t *record, const optim_t *opt) {
    const engine_t *engine = &opt->engine;
    jsontext_open(record, "parameters", '{');
    for (size_t i = 0; i < engine->tensor_count; ++i)
        write_parameter(record, opt, &engine->tensors[i]);
    jsontext_close(record, '}');
    jsontext_open(record, "groups", '[');
    for (int g = 0; g < engine->group_count; ++g)
        jsontext_string(record, NULL, engine_owner(engine, g)->name);
    jsontext_close(record, ']');
    jsontext_open(record, "wrappers", '[');
    const station_t *station;
    for (int i = 0; (station = chain_wrapper(opt, i)) != NULL; ++i)
        jsontext_string(record, NULL, station->name);
    jsontext_close(record, ']');
    jsontext_open(record, "layers", '[');
    for (int l = 0; (station = record_listed(opt, l)) != NULL; ++l)
        write_station(record, opt, station);
    jsontext_close(record, ']');
    jsontext_open(record, "schedules", '[');
    for (size_t i = 0; i < opt->scheduled_count; ++i)
        write_schedule(record, opt, &opt->scheduled[i]);
    jsontext_close(record, ']');
}

/* JSON is UTF-8; a name that is not could not be found again. */
static optim_status check_names(const optim_t *opt) {
    for (size_t i = 0; i < opt->engine.tensor_count; ++i)
        if (!jsontext_can_hold(opt->engine.tensors[i].name))
            return error_set(OPTIM_ERR_VALUE, "the name of parameter %zu is not UTF-8: it cannot stand in a checkpoint",
                             i);
    return OPTIM_OK;
}

optim_status record_make(jsontext_t *record, const optim_t *opt, bool of_ranks) {
    const optim_status status = check_names(opt);
    if (status != OPTIM_OK)
        return status;
    jsontext_open(record, NULL, '{');
    write_counters(record, opt, of_ranks);
    write_parts(record, opt);
    return OPTIM_OK;
}
