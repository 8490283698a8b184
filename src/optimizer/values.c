/* The values of options: setting, reading, looking ahead. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/slots.h"
#include "optimizer/optimizer.h"

/* ---- Setting ---- */

/* Whether a tensor of the group would have other states under these options: option_decides_memory does not see what a
 * state table decides tensor by tensor. */
static bool changes_states(const engine_t *engine, const station_t *station, int group, const double *option) {
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        const tensor_t *tensor = &engine->tensors[i];
        if (tensor->group == group && station_has(station, tensor) && tensor->count > 0 &&
            slots_differ(engine, station, tensor, option))
            return true;
    }
    return false;
}

/* Whether the value could be set: its range, its combination with the others, memory; *replans: by a plan made anew. */
static optim_status check_value(optim_t *opt, int group, const setting_t *setting, double value, bool *replans) {
    const option_t *option = setting_row(setting, group);
    double *base = &setting_values(setting, group)->base[setting->option];
    const double before = *base;
    optim_status status = option_check(option, value);
    if (status != OPTIM_OK)
        return status;
    *base = value;
    status = station_check(setting->station, group);
    if (status == OPTIM_OK)
        status = schedules_check(opt, setting->station, group);
    const bool other_states = opt->engine.planned && changes_states(&opt->engine, setting->station, group,
                                                                    setting_values(setting, group)->base);
    *base = before;
    if (status != OPTIM_OK || !opt->engine.planned ||
        (!other_states && !option_decides_memory(setting->station, group, setting->option, before, value)))
        return status;
    *replans = option->live;
    return option->live ? OPTIM_OK
                        : error_set(OPTIM_ERR_ORDER, "option \"%s\" decides about memory: set it before the first step",
                                    option->name);
}

/* An option of some groups, and what it was in each of them, if that is kept. */
typedef struct before {
    double base, now;
} before_t;
typedef struct change {
    const char *key;
    int first, last;
    before_t *before;
} change_t;

static void write_values(optim_t *opt, const change_t *change, double value) {
    for (int g = change->first; g <= change->last; ++g) {
        setting_t setting;
        (void)setting_find_number(opt, g, change->key, &setting);
        const values_t *values = setting_values(&setting, g);
        const size_t i = (size_t)setting.option;
        if (change->before != NULL)
            change->before[g - change->first] = (before_t){values->base[i], values->now[i]};
        values->base[i] = value;
        const bool ends = change->before != NULL && value == 0; /* whatever a schedule has made of it */
        if (ends || !scheduled_drives(opt, &setting, g))
            values->now[i] = value;
    }
    otherwise_assign(opt);
}

static void write_back(optim_t *opt, const change_t *change) {
    for (int g = change->first; g <= change->last; ++g) {
        setting_t setting;
        (void)setting_find_number(opt, g, change->key, &setting);
        setting_values(&setting, g)->base[setting.option] = change->before[g - change->first].base;
        setting_values(&setting, g)->now[setting.option] = change->before[g - change->first].now;
    }
    otherwise_assign(opt);
}

/* States begin or end: the plan is made anew. */
static optim_status replan_values(optim_t *opt, const change_t *change, double value) {
    replan_t aside;
    optim_status status = refuse_swapped(opt, "setting an option that decides about memory");
    if (status == OPTIM_OK)
        status = change_begin(opt, &aside, "setting an option that decides about memory");
    if (status != OPTIM_OK)
        return status;
    write_values(opt, change, value);
    status = change_end(opt, &aside, NULL);
    if (status == OPTIM_OK)
        return OPTIM_OK;
    write_back(opt, change);
    replan_cancel(&opt->engine, &aside);
    return status;
}

static optim_status set_and_replan(optim_t *opt, change_t *change, double value) {
    change->before = calloc((size_t)(change->last - change->first) + 1, sizeof *change->before);
    if (change->before == NULL)
        return error_nomem("setting an option");
    const optim_status status = replan_values(opt, change, value);
    free(change->before);
    return status;
}

optim_status optim_set(optim_t *opt, int group, const char *key, double value) {
    bool replans = false;
    optim_status status = settings_check_call(opt, group, key, "setting an option");
    if (status != OPTIM_OK)
        return status;
    change_t change = {key, settings_first_group(group), settings_last_group(opt, group, key), NULL};
    for (int g = change.first; status == OPTIM_OK && g <= change.last; ++g) {
        setting_t setting;
        bool replans_here = false;
        status = setting_find_number(opt, g, key, &setting);
        if (status == OPTIM_OK)
            status = check_value(opt, g, &setting, value, &replans_here);
        replans |= replans_here;
    }
    if (status != OPTIM_OK || replans)
        return status != OPTIM_OK ? status : set_and_replan(opt, &change, value);
    write_values(opt, &change, value);
    return OPTIM_OK;
}

/* ---- Reading ---- */

/* Which of `count` numbers called `name` the text means: "name" if there is one, else "name_0", "name_1", ... */
static bool number_find(const char *text, const char *name, size_t count, size_t *i) {
    const size_t length = strlen(name);
    size_t digits = 0;
    *i = 0;
    if (strncmp(text, name, length) != 0)
        return false;
    if (count == 1 || text[length] != '_')
        return count == 1 && text[length] == '\0';
    for (const char *c = text + length + 1; *c >= '0' && *c <= '9' && *i < count; ++c, ++digits)
        *i = 10 * *i + (size_t)(*c - '0');
    const char *first = text + length + 1;
    return digits > 0 && first[digits] == '\0' && *i < count && (*first != '0' || digits == 1);
}

static bool read_field(const optim_t *opt, const station_t *station, int group, const char *name, double *value) {
    size_t i;
    for (const field_t *field = station->method->fields; field_is_row(field); ++field) {
        if (field->of == OF_TENSOR || !field_is_kept(field) ||
            !number_find(name, field->name,
                         field_count(&opt->engine, station->method, field, station_option(station, group)), &i))
            continue;
        *value = opt->engine.planned ? field_get(field, field_memory(station, field, group, NULL), i)
                                     : field_initial(station, field, group);
        return true;
    }
    return false;
}

/* A number that a station keeps, by its name in the table of fields. */
static bool read_number(const optim_t *opt, int group, const char *key, double *value) {
    const char *dot = strchr(key, '.'), *name = dot == NULL ? key : dot + 1;
    const size_t prefix = dot == NULL ? 0 : (size_t)(dot - key);
    const station_t *station;
    for (int i = 0; (station = setting_station(opt, group, i)) != NULL; ++i) {
        if (dot != NULL && (strlen(station->name) != prefix || memcmp(station->name, key, prefix) != 0))
            continue;
        if (read_field(opt, station, group, name, value))
            return true;
    }
    return false;
}

/* What optim_get and optim_schedule_values check. */
static optim_status check_read(const optim_t *opt, int group, const char *key) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_null(key, "key");
    return status == OPTIM_OK ? refuse_group(opt, group) : status;
}

optim_status optim_get(const optim_t *opt, int group, const char *key, double *value) {
    setting_t setting;
    const int first = settings_first_group(group);
    optim_status status = check_read(opt, group, key);
    if (status == OPTIM_OK)
        status = refuse_null(value, "value");
    if (status != OPTIM_OK)
        return status;
    if (!setting_lookup(opt, first, key, strlen(key), &setting) && read_number(opt, first, key, value))
        return OPTIM_OK;
    status = setting_find_number(opt, first, key, &setting);
    if (status == OPTIM_OK)
        *value = scheduled_value(opt, &setting, first, (double)opt->steps);
    return status;
}

optim_status optim_schedule_values(const optim_t *opt, int group, const char *key, int64_t first, size_t count,
                                   double *values) {
    setting_t setting;
    optim_status status = check_read(opt, group, key);
    if (status == OPTIM_OK)
        status = setting_find_number(opt, settings_first_group(group), key, &setting);
    if (status == OPTIM_OK && count > 0)
        status = refuse_null(values, "values");
    if (status == OPTIM_OK && first < 0)
        status = error_set(OPTIM_ERR_ARGUMENT, "the first step cannot be %lld; steps count from 0", (long long)first);
    for (size_t i = 0; status == OPTIM_OK && i < count; ++i)
        values[i] = scheduled_value(opt, &setting, settings_first_group(group), (double)first + (double)i);
    return status;
}
