/* A record onto a handle: options, numbers, schedules, counters. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/number.h"
#include "io/complaints.h"
#include "io/record.h"
#include "optimizer/problem.h"

static bool read_number(const jsontree_t *json, double *value) {
    const char *text = jsontree_text(json);
    if (text == NULL)
        return false;
    if (strcmp(text, "nan") == 0 || strcmp(text, "-nan") == 0) {
        *value = copysign((double)NAN, *text == '-' ? -1 : 1);
        return true;
    }
    return number_parse(text, strlen(text), value);
}

/* An option, or a schedule of one, that the station refuses: the sentence says that it is the checkpoint's. */
static optim_status refused(const record_t *record, const char *what, const station_t *station, int group,
                            optim_status status) {
    char of_group[32] = "";
    if (station->per_group)
        (void)snprintf(of_group, sizeof of_group, " in group %d", group);
    if (status != OPTIM_ERR_NOMEM)
        error_lead("%s does not fit this optimizer: its %s of \"%s\"%s", record->source, what, station->name, of_group);
    return status;
}

/* ---- Options ---- */

/* What station `l` of the record says of its group `from`, or NULL. */
static const jsontree_t *group_at(const record_t *record, int l, int from) {
    char key[16];
    (void)snprintf(key, sizeof key, "%d", from);
    return from < 0 ? NULL : jsontree_get(jsontree_get(record->station[l], "groups"), key);
}

/* Where the options of this group of the station come from, or NULL: what the whole handle shares has group 0. */
static const jsontree_t *options_for(const record_t *record, const optim_t *opt, int l, int group) {
    const station_t *station = record_listed(opt, l);
    if (station->values[group].base == NULL || (station->per_group && !record->exact[group]))
        return NULL;
    return jsontree_get(group_at(record, l, station->per_group ? record->from[group] : 0), "options");
}

static optim_status apply_option(const record_t *record, optim_t *opt, station_t *station, int group, const char *key,
                                 const char *text) {
    const option_t *table = station->method->options;
    double *base = station->values[group].base;
    const int i = values_find(table, base, key, strlen(key));
    if (i < 0 || text == NULL)
        return error_set(OPTIM_ERR_CHECKPOINT, "%s does not fit this optimizer: \"%s\" has no option \"%.40s\"",
                         record->source, station->name, key);
    const double before = base[i];
    const optim_status status = values_parse(table, base, (size_t)i, text, strlen(text));
    if (status != OPTIM_OK)
        return refused(record, "options", station, group, status);
    if (opt->engine.planned && record_is_planned(record) && option_decides_memory(station, group, i, before, base[i]))
        return error_set(OPTIM_ERR_CHECKPOINT,
                         "%s does not fit this optimizer: it was saved with %s=%s, which decides about memory "
                         "that is taken already; load it before the first step",
                         record->source, key, text);
    return OPTIM_OK;
}

/* Entries are named first: the others may be options of theirs. */
static optim_status apply_group(const record_t *record, optim_t *opt, station_t *station, int group,
                                const jsontree_t *options) {
    const option_t *table = station->method->options;
    optim_status status = OPTIM_OK;
    for (int pass = 0; pass < 2; ++pass)
        for (size_t member = 0; status == OPTIM_OK && member < jsontree_members(options); ++member) {
            const char *key = options->is.items[member].key, *text = jsontree_text(&options->is.items[member]);
            const int own = option_find(table, key, strlen(key));
            const bool is_entry = own >= 0 && option_is_entry(&table[own]);
            if (is_entry == (pass == 0))
                status = apply_option(record, opt, station, group, key, text);
        }
    memcpy(station->values[group].now, station->values[group].base, option_values(table) * sizeof(double));
    return status;
}

/* Roles decide which memory is whose: they are the handle's own, and must be the record's where that names one. */
static optim_status check_role(const record_t *record, const optim_t *opt, int l, int group) {
    const station_t *station = record_listed(opt, l);
    const char *there = record_text(group_at(record, l, record->from[group]), "role");
    char here[ROLE_TEXT];
    if (!station->is_method || *there == 0 || (role_name(station, group, here) && strcmp(here, there) == 0))
        return OPTIM_OK;
    return error_set(OPTIM_ERR_CHECKPOINT,
                     "%s does not fit this optimizer: parameters of \"%s\" in group %d have the role \"%.40s\" there",
                     record->source, station->name, group, there);
}

optim_status record_apply_options(const record_t *record, optim_t *opt) {
    for (int l = 0; l < record_stations(opt); ++l)
        for (int g = 0; g < opt->engine.group_count; ++g) {
            optim_status status = check_role(record, opt, l, g);
            if (status != OPTIM_OK)
                return status;
            const jsontree_t *options = options_for(record, opt, l, g);
            if (options == NULL)
                continue;
            station_t *station = record_listed(opt, l);
            status = apply_group(record, opt, station, g, options);
            if (status != OPTIM_OK)
                return status;
            status = station_check(station, g);
            if (status != OPTIM_OK)
                return refused(record, "options", station, g, status);
        }
    return OPTIM_OK;
}

/* ---- Numbers ---- */

/* One field's values, for the struct `memory`, out of `object`. */
static void read_field(const engine_t *engine, const station_t *station, const field_t *field, int group,
                       const jsontree_t *object, void *memory, assignment_t *list, size_t *count,
                       complaints_t *complaints) {
    const jsontree_t *values = jsontree_get(object, field->name);
    const double *option = station_option(station, group);
    const size_t length = field_count(engine, station->method, field, option);
    if (values == NULL && !station->is_method && !station->is_wrapper)
        return; /* an older version had none; it stays as it is */
    if (jsontree_items(values) != length) {
        complain(complaints, "\"%s.%s\" has %zu numbers there and %zu here", station->name, field->name,
                 jsontree_items(values), length);
        return;
    }
    for (size_t i = 0; i < length; ++i) {
        assignment_t *assignment = &list[(*count)++];
        *assignment = (assignment_t){.field = field, .memory = memory, .i = i};
        if (!read_number(jsontree_at(values, i), &assignment->value))
            complain(complaints, "\"%s.%s\" is not a number there", station->name, field->name);
        else if (!field_admits(station->method, field, option, assignment->value))
            complain(complaints, "\"%s.%s\" cannot be %g", station->name, field->name, assignment->value);
    }
}

/* Where the record has field `name` of a group: the group's numbers, or the method's where an older version had one for
   all. */
static const jsontree_t *numbers_of_group(const record_t *record, int l, int from, const char *name) {
    const jsontree_t *of_group = jsontree_get(group_at(record, l, from), "numbers");
    return jsontree_get(of_group, name) != NULL ? of_group : jsontree_get(record->station[l], "numbers");
}

/* The numbers that the tensor shares with its cohort: its own, or those of its group in the record. */
static void read_own_numbers(const record_t *record, const optim_t *opt, int l, const tensor_t *tensor,
                             assignment_t *list, size_t *count, complaints_t *complaints) {
    const station_t *station = record_listed(opt, l);
    const jsontree_t *there = jsontree_get(jsontree_get(record->json, "parameters"), tensor->name),
                     *own = jsontree_get(there, "numbers");
    for (const field_t *field = station->method->fields; field_is_row(field); ++field) {
        if (field->of != OF_COHORT)
            continue;
        if (record->stateless[tensor->id])
            list[(*count)++] = (assignment_t){
                .field = field, .memory = tensor->cohort_memory, .value = field_initial(station, field, tensor->group)};
        else
            read_field(&opt->engine, station, field, tensor->group,
                       jsontree_get(own, field->name) != NULL
                           ? own
                           : numbers_of_group(record, l, record->from[tensor->group], field->name),
                       tensor->cohort_memory, list, count, complaints);
    }
}

static void read_station(const record_t *record, const optim_t *opt, int l, assignment_t *list, size_t *count,
                         complaints_t *complaints) {
    const station_t *station = record_listed(opt, l);
    for (const field_t *field = station->method->fields; field_is_row(field); ++field) {
        if (field_is_kept(field) && field->of == OF_METHOD)
            read_field(&opt->engine, station, field, station->first_group, jsontree_get(record->station[l], "numbers"),
                       station->memory, list, count, complaints);
        for (int g = 0; (field->of == OF_GROUP || field->of == OF_COHORT) && g < opt->engine.group_count; ++g)
            if (record->from[g] >= 0 && station_covers(station, g))
                read_field(&opt->engine, station, field, g, numbers_of_group(record, l, record->from[g], field->name),
                           field_memory(station, field, g, NULL), list, count, complaints);
    }
    const bool has_cohorts = station->method->cohort_memory > 0;
    for (size_t i = 0; has_cohorts && i < opt->engine.tensor_count; ++i)
        if (station_has(station, &opt->engine.tensors[i]))
            read_own_numbers(record, opt, l, &opt->engine.tensors[i], list, count, complaints);
}

optim_status record_numbers(const record_t *record, const optim_t *opt, assignment_t **list, size_t *count) {
    size_t most = 1;
    complaints_t complaints = {.used = 0};
    for (int l = 0; l < record_stations(opt); ++l)
        most += record_listed(opt, l)->memory_bytes / sizeof(double);
    *count = 0;
    *list = malloc(most * sizeof **list);
    if (*list == NULL)
        return error_nomem("loading a checkpoint");
    for (int l = 0; l < record_stations(opt); ++l)
        if (record->station[l] != NULL)
            read_station(record, opt, l, *list, count, &complaints);
    return complaints_end(&complaints, record->source);
}

/* ---- Schedules ---- */

/* The station of the handle that the record's station number `index` is. */
static int station_at(const record_t *record, const optim_t *opt, int64_t index) {
    const jsontree_t *wanted = jsontree_at(jsontree_get(record->json, "layers"), (uint64_t)index);
    for (int l = 0; wanted != NULL && l < record_stations(opt); ++l)
        if (record->station[l] == wanted)
            return l;
    return -1;
}

/* What reports have taught it. On an error the schedule is gone. */
static optim_status read_schedule_state(const record_t *record, const jsontree_t *json, scheduled_t *made) {
    const jsontree_t *list = jsontree_get(json, "state");
    const size_t count = schedule_state_count(made->run);
    double *state = calloc(count + 1, sizeof *state);
    optim_status status = state == NULL ? error_nomem("loading a checkpoint") : OPTIM_OK;
    bool read = jsontree_items(list) == count;
    for (size_t i = 0; status == OPTIM_OK && read && i < count; ++i)
        read = read_number(jsontree_at(list, i), &state[i]);
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

static optim_status make_schedule(const record_t *record, const optim_t *opt, const jsontree_t *json, int l, int group,
                                  scheduled_t *made) {
    station_t *station = record_listed(opt, l);
    const char *option = record_text(json, "option"), *name = record_text(json, "name"),
               *options = record_text(json, "options");
    const int i = values_find(station->method->options, station->values[group].base, option, strlen(option));
    if (i < 0 || option_is_text(station_row(station, group, i)))
        return error_set(OPTIM_ERR_CHECKPOINT,
                         "%s does not fit this optimizer: \"%s\" has no option \"%.40s\" to schedule", record->source,
                         station->name, option);
    const setting_t setting = {station, i};
    char what[64];
    (void)snprintf(what, sizeof what, "schedule for \"%s\"", station_row(station, group, i)->name);
    optim_status status = scheduled_make(&setting, group, name, options, made);
    if (status != OPTIM_OK)
        return refused(record, what, station, group, status);
    status = read_schedule_state(record, json, made);
    if (status != OPTIM_OK || (status = scheduled_check(made)) == OPTIM_OK)
        return status;
    schedule_destroy(made->run);
    return refused(record, what, station, group, status);
}

/* An option follows one schedule. */
static optim_status refuse_second(const record_t *record, const scheduled_t *made, size_t count) {
    const scheduled_t *last = &made[count];
    for (size_t i = 0; i < count; ++i)
        if (made[i].station == last->station && made[i].option == last->option && made[i].group == last->group)
            return error_set(OPTIM_ERR_CHECKPOINT,
                             "%s does not fit this optimizer: it has two schedules for the option \"%s\" of \"%s\"",
                             record->source, station_row(last->station, last->group, last->option)->name,
                             last->station->name);
    return OPTIM_OK;
}

/* The group that takes over the schedules of the record's group `from`, or -1; of `groups` in the record. */
static int *receivers(const record_t *record, const optim_t *opt, size_t groups) {
    int *receiver = malloc((groups + 1) * sizeof *receiver);
    for (size_t from = 0; receiver != NULL && from < groups; ++from)
        receiver[from] = -1;
    for (int g = 0; receiver != NULL && g < opt->engine.group_count; ++g)
        if (record->exact[g])
            receiver[record->from[g]] = g;
    return receiver;
}

/* Makes the schedule that the record describes, if some group takes it over. */
static optim_status take_schedule(const record_t *record, const optim_t *opt, const jsontree_t *json,
                                  const int *receiver, size_t groups, scheduled_t *made, size_t *count) {
    const int l = station_at(record, opt, jsontree_integer(jsontree_get(json, "layer")));
    const int64_t from = jsontree_integer(jsontree_get(json, "group"));
    if (l < 0 || from < 0 || (uint64_t)from >= groups)
        return OPTIM_OK;
    const station_t *station = record_listed(opt, l);
    const int group = station->per_group ? receiver[from] : 0;
    if (group < 0 || station->values[group].base == NULL)
        return OPTIM_OK;
    const optim_status status = make_schedule(record, opt, json, l, group, &made[*count]);
    return status == OPTIM_OK ? refuse_second(record, made, (*count)++) : status;
}

optim_status record_schedules(const record_t *record, const optim_t *opt, scheduled_t **made, size_t *count) {
    const jsontree_t *schedules = jsontree_get(record->json, "schedules");
    const size_t total = jsontree_items(schedules), groups = jsontree_items(jsontree_get(record->json, "groups"));
    int *receiver = receivers(record, opt, groups);
    optim_status status = OPTIM_OK;
    *count = 0;
    *made = calloc(total + 1, sizeof **made);
    if (*made == NULL || receiver == NULL)
        status = error_nomem("loading a checkpoint");
    for (size_t i = 0; status == OPTIM_OK && i < total; ++i)
        status = take_schedule(record, opt, jsontree_at(schedules, i), receiver, groups, *made, count);
    free(receiver);
    if (status == OPTIM_OK)
        return OPTIM_OK;
    for (size_t i = 0; i < *count; ++i)
        schedule_destroy((*made)[i].run);
    free(*made);
    *made = NULL;
    *count = 0;
    return status;
}

/* ---- Counters ---- */

void record_apply_counters(const record_t *record, optim_t *opt) {
    opt->steps = jsontree_integer(jsontree_get(record->json, "steps"));
    opt->skipped = jsontree_integer(jsontree_get(record->json, "skipped"));
    for (size_t i = 0; i < opt->engine.tensor_count; ++i)
        opt->engine.tensors[i].steps = opt->engine.planned ? record->steps[i] : 0;
    opt->engine.uncollected = 0;
    opt->engine.unsettled = true;
    opt->engine.draws = (uint64_t)jsontree_integer(jsontree_get(record->json, "draws"));
    for (int l = 0; l < record_stations(opt); ++l) {
        station_t *station = record_listed(opt, l);
        if (record->station[l] == NULL)
            continue;
        const jsontree_t *held = jsontree_get(record->station[l], "held");
        station->holds_gradient = read_number(jsontree_at(held, 0), &station->held_loss) &&
                                  read_number(jsontree_at(held, 1), &station->held_norm);
        const int64_t sample = jsontree_integer(jsontree_get(record->station[l], "sample"));
        station->next_sample = sample >= 0 && sample <= OPTIM_SAMPLE_MODEL ? (int)sample : OPTIM_SAMPLE_FRESH;
    }
}
