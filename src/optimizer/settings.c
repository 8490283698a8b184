/* Which option of which station a key means; option strings. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "optimizer/optimizer.h"
#include "optimizer/problem.h"

/* ---- Finding ---- */

static const double *values_of(const station_t *station, int group) {
    return station->values[station->per_group ? group : 0].base;
}

/* The station's own option of this name, or "reg.lam". */
static bool option_in(station_t *station, int group, const char *key, size_t length, setting_t *setting) {
    const int i = values_find(station->method->options, values_of(station, group), key, length);
    if (i >= 0)
        *setting = (setting_t){station, i};
    return i >= 0;
}

station_t *setting_station(const optim_t *opt, int group, int position) {
    if (position == 0)
        return engine_owner(&opt->engine, group);
    const int engine = position - 1, wrapper = engine - REGISTRY_ENGINE_COUNT;
    return wrapper < 0 ? opt->own[engine] : chain_wrapper(opt, wrapper);
}

/* A key, "beta1", or with the name of its station, "adamw.beta1". An option of an entry that an option names goes by
 * "reg.lam": that "reg" is no station does not show in the key. */
typedef struct key {
    const char *station, *option; /* parts of the text; station: NULL, or with a length */
    size_t station_length, option_length;
} key_t;

static key_t key_read(const char *text, size_t length) {
    const char *dot = memchr(text, '.', length);
    const size_t prefix = dot == NULL ? 0 : (size_t)(dot - text) + 1;
    return (key_t){dot == NULL ? NULL : text, text + prefix, dot == NULL ? 0 : prefix - 1, length - prefix};
}

/* Whether the key looks into the station: it names it, or none. */
static bool key_covers(const key_t *key, const station_t *station) {
    return key->station == NULL || (strlen(station->name) == key->station_length &&
                                    memcmp(station->name, key->station, key->station_length) == 0);
}

/* An option of the whole handle, said of a group other than 0, is that group's own if there is one: clip_norm of group
 * 1 is its group_clip_norm. */
static void setting_of_group(const optim_t *opt, setting_t *setting) {
    char own[64];
    setting_t found;
    (void)snprintf(own, sizeof own, "group_%s", setting_row(setting, 0)->name);
    for (int i = 0; i < REGISTRY_ENGINE_COUNT; ++i)
        if (opt->own[i]->per_group && option_in(opt->own[i], 0, own, strlen(own), &found))
            *setting = found;
}

/* The key as it stands in some station's table. */
static bool lookup_own(const optim_t *opt, int group, const char *text, size_t length, setting_t *setting) {
    station_t *station;
    for (int i = 0; (station = setting_station(opt, group, i)) != NULL; ++i)
        if (option_in(station, group, text, length, setting)) {
            if (group > 0 && !station->per_group)
                setting_of_group(opt, setting);
            return true;
        }
    return false;
}

/* The key behind the name of its station. */
static bool lookup_in_station(const optim_t *opt, int group, const char *text, size_t length, setting_t *setting) {
    const key_t key = key_read(text, length);
    station_t *station;
    for (int i = 0; key.station != NULL && (station = setting_station(opt, group, i)) != NULL; ++i)
        if (key_covers(&key, station) && option_in(station, group, key.option, key.option_length, setting))
            return true;
    return false;
}

/* A key that no station has, in the entries that options name; *count have it. */
static void lookup_in_entries(const optim_t *opt, int group, const char *text, size_t length, setting_t *setting,
                              size_t *count) {
    station_t *station;
    *count = 0;
    for (int i = 0; (station = setting_station(opt, group, i)) != NULL; ++i) {
        size_t more;
        const int found = values_find_inner(station->method->options, values_of(station, group), text, length, &more);
        if (more > 0)
            *setting = (setting_t){station, found};
        *count += more;
    }
}

bool setting_lookup(const optim_t *opt, int group, const char *text, size_t length, setting_t *setting) {
    size_t count = 0;
    if (lookup_own(opt, group, text, length, setting) || lookup_in_station(opt, group, text, length, setting))
        return true;
    lookup_in_entries(opt, group, text, length, setting, &count);
    return count == 1;
}

const option_t *setting_row(const setting_t *setting, int group) {
    return station_row(setting->station, group, setting->option);
}

static int shown(size_t length) {
    enum { MOST = 60 };
    return length > MOST ? MOST : (int)length;
}

/* The error for a key without a station: the nearest options of all stations, and what the method and the engine
   have. */
static optim_status refuse_option(const optim_t *opt, int group, const char *text, size_t length) {
    nearest_t nearest = nearest_begin(text, length);
    list_t own = {.used = 0}, engine = {.used = 0};
    char question[NEAREST_TEXT];
    const station_t *station, *method = engine_owner(&opt->engine, group);
    setting_t setting = {0};
    size_t count;
    lookup_in_entries(opt, group, text, length, &setting, &count);
    if (count > 1)
        return error_set(OPTIM_ERR_OPTION,
                         "%zu entries have an option \"%.*s\": put the name of the option before it "
                         "that they are the values of, as in \"reg.%.*s\"",
                         count, shown(length), text, shown(length), text);
    for (int i = 0; (station = setting_station(opt, group, i)) != NULL; ++i)
        values_offer(station->method->options, values_of(station, group), &nearest);
    nearest_text(&nearest, question);
    values_list(method->method->options, values_of(method, group), &own);
    for (int i = 0; i < REGISTRY_ENGINE_COUNT; ++i)
        // NOLINTNEXTLINE(clang-analyzer-core*): every group has a method
        option_list(opt->own[i]->method->options, &engine);
    return error_set(OPTIM_ERR_OPTION, "\"%s\" has no option \"%.*s\"%s; it has: %s; the engine has: %s", method->name,
                     shown(length), text, question, list_end(&own, "optim_describe_option"),
                     list_end(&engine, "optim_describe_option"));
}

/* For a key with a station: what that has, or which stations there are. */
static optim_status refuse_station_option(const optim_t *opt, int group, const char *text, size_t length) {
    const key_t key = key_read(text, length);
    nearest_t options = nearest_begin(key.option, key.option_length);
    nearest_t stations = nearest_begin(key.station, key.station_length);
    list_t has = {.used = 0}, names = {.used = 0};
    char question[NEAREST_TEXT];
    const station_t *station, *named = NULL;
    const char *last = "";
    for (int i = 0; (station = setting_station(opt, group, i)) != NULL; ++i) {
        if (strcmp(station->name, last) != 0) { /* the engine is several stations of one name */
            nearest_offer(&stations, station->name, strlen(station->name));
            list_add(&names, station->name);
        }
        last = station->name;
        if (!key_covers(&key, station))
            continue;
        named = station;
        values_offer(station->method->options, values_of(station, group), &options);
        values_list(station->method->options, values_of(station, group), &has);
    }
    nearest_text(named == NULL ? &stations : &options, question);
    if (named == NULL)
        return error_set(OPTIM_ERR_OPTION,
                         "option \"%.*s\" names a method or wrapper that is not there%s; there are: %s", shown(length),
                         text, question, list_end(&names, "optim_describe"));
    return error_set(OPTIM_ERR_OPTION, "\"%s\" has no option \"%.*s\"%s; it has: %s", named->name, shown(length), text,
                     question, list_end(&has, "optim_describe_option"));
}

/* The entry that a key like "reg.lam" looks into, or NULL. */
static const entry_t *entry_of_key(const optim_t *opt, int group, const char *text, size_t length) {
    const key_t key = key_read(text, length);
    setting_t setting = {0};
    if (key.station == NULL || !lookup_own(opt, group, key.station, key.station_length, &setting))
        return NULL;
    return values_entry(setting.station->method->options, values_of(setting.station, group), (size_t)setting.option);
}

static optim_status refuse_unknown(const optim_t *opt, int group, const char *key, size_t length) {
    const entry_t *entry = entry_of_key(opt, group, key, length);
    if (entry != NULL) {
        const key_t inner = key_read(key, length);
        char owner[VALUE_NAME];
        (void)snprintf(owner, sizeof owner, "\"%s\"", entry->name);
        return option_refuse(entry->options, owner, inner.option, inner.option_length);
    }
    return memchr(key, '.', length) == NULL ? refuse_option(opt, group, key, length)
                                            : refuse_station_option(opt, group, key, length);
}

optim_status setting_find(const optim_t *opt, int group, const char *key, size_t length, setting_t *setting) {
    return setting_lookup(opt, group, key, length, setting) ? OPTIM_OK : refuse_unknown(opt, group, key, length);
}

/* ---- Setting ---- */

values_t *setting_values(const setting_t *setting, int group) {
    return &setting->station->values[setting->station->per_group ? group : 0];
}

optim_status station_check(const station_t *station, int group) {
    const double *option = values_of(station, group);
    const char *owner = station->name;
    const char *wrong = station->method->check == NULL ? NULL : station->method->check(option);
    if (wrong == NULL)
        wrong = values_refuse(station->method->options, option, &owner);
    return wrong == NULL ? OPTIM_OK : error_set(OPTIM_ERR_VALUE, "%s: %s", owner, wrong);
}

static optim_status refuse_handle_option(const setting_t *setting, int group) {
    if (setting->station == NULL || setting->station->per_group || group <= 0)
        return OPTIM_OK;
    return error_set(OPTIM_ERR_OPTION, "option \"%s\" belongs to the whole handle, not to group %d",
                     setting_row(setting, 0)->name, group);
}

/* A string of options being read into a group. */
typedef struct reading {
    optim_t *opt;
    int group;
    const char *skip;
    bool entries; /* options that name an entry are read first: the other keys may be options of these */
} reading_t;

static optim_status read_setting(void *context, const option_pair_t *pair) {
    const reading_t *reading = context;
    const char *skip = reading->skip;
    setting_t setting = {0};
    if (pair->key_length == 4 && memcmp(pair->key, "role", 4) == 0)
        return reading->entries ? OPTIM_OK : role_read(reading->opt, reading->group, pair->value, pair->value_length);
    if (skip != NULL && pair->key_length == strlen(skip) && memcmp(pair->key, skip, pair->key_length) == 0)
        return OPTIM_OK;
    const bool own = lookup_own(reading->opt, reading->group, pair->key, pair->key_length, &setting) ||
                     lookup_in_station(reading->opt, reading->group, pair->key, pair->key_length, &setting);
    const bool is_entry = own && option_is_entry(setting_row(&setting, reading->group));
    if (is_entry != reading->entries)
        return OPTIM_OK;
    optim_status status = setting_find(reading->opt, reading->group, pair->key, pair->key_length, &setting);
    if (status == OPTIM_OK)
        status = refuse_handle_option(&setting, reading->group);
    if (status != OPTIM_OK)
        return status;
    const option_t *table = setting.station->method->options;
    values_t *values = setting_values(&setting, reading->group);
    status = values_parse(table, values->base, (size_t)setting.option, pair->value, pair->value_length);
    if (status == OPTIM_OK && is_entry)
        memcpy(values->now + option_count(table), values->base + option_count(table),
               (option_values(table) - option_count(table)) * sizeof *values->now);
    if (status == OPTIM_OK)
        values->now[setting.option] = values->base[setting.option];
    return status;
}

optim_status settings_read(optim_t *opt, int group, const char *options, const char *skip) {
    reading_t reading = {opt, group, skip, true};
    optim_status status = option_read(options, read_setting, &reading);
    reading.entries = false;
    if (status == OPTIM_OK)
        status = option_read(options, read_setting, &reading);
    for (int l = 0; status == OPTIM_OK && l < engine_keepers(&opt->engine); ++l)
        if (station_covers(engine_keeper(&opt->engine, l), group))
            status = station_check(engine_keeper(&opt->engine, l), group);
    if (status == OPTIM_OK)
        otherwise_assign(opt);
    return status;
}

bool option_decides_memory(const station_t *station, int group, int option, double before, double after) {
    const option_t *row = station_row(station, group, option);
    if (before != after && (row->decides_memory || option_is_entry(row)))
        return true;
    if ((size_t)option >= option_count(station->method->options)) /* no state depends on it */
        return false;
    for (const state_t *state = station->method->states; state != NULL && state->name != NULL; ++state) {
        const bool by_value = state->exists != NULL ? before != after : (before != 0) != (after != 0);
        if (state->when != NULL && strcmp(state->when, row->name) == 0 && by_value)
            return true;
        if (state->copies != NULL && strcmp(state->copies, row->name) == 0 && before != after)
            return true;
        if (state->every != NULL && strcmp(state->every, row->name) == 0 && before != after)
            return true;
    }
    for (const field_t *field = station->method->fields; field_is_row(field); ++field)
        if ((field->when != NULL && strcmp(field->when, row->name) == 0 && (before != 0) != (after != 0)) ||
            (field->copies != NULL && strcmp(field->copies, row->name) == 0 && before != after))
            return true;
    return strcmp(row->name, "rounding") == 0 && ((int)before == ROUND_KAHAN) != ((int)after == ROUND_KAHAN);
}

int settings_first_group(int group) {
    return group < 0 ? 0 : group;
}
int settings_last_group(const optim_t *opt, int group, const char *key) {
    setting_t setting = {0};
    if (group >= 0)
        return group;
    const bool shared = setting_lookup(opt, 0, key, strlen(key), &setting) && !setting.station->per_group;
    return shared ? 0 : opt->engine.group_count - 1;
}

optim_status setting_find_number(const optim_t *opt, int group, const char *key, setting_t *setting) {
    if (!setting_lookup(opt, group, key, strlen(key), setting))
        return refuse_unknown(opt, group, key, strlen(key));
    if (option_is_text(setting_row(setting, group)))
        return error_set(OPTIM_ERR_VALUE, "option \"%s\" is not a number", key);
    return OPTIM_OK;
}

optim_status settings_check_call(const optim_t *opt, int group, const char *key, const char *doing) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_null(key, "key");
    if (status == OPTIM_OK)
        status = refuse_open(opt, doing);
    if (status == OPTIM_OK)
        status = refuse_group(opt, group);
    for (int g = settings_first_group(group); status == OPTIM_OK && g <= settings_last_group(opt, group, key); ++g) {
        setting_t setting = {0};
        status = setting_find_number(opt, g, key, &setting);
        if (status == OPTIM_OK)
            status = refuse_handle_option(&setting, group);
    }
    return status;
}
