/* Options: which station a key belongs to, setting and reading. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "engine/sizes.h"
#include "optimizer/optimizer.h"
#include "optimizer/problem.h"

/* ---- Finding ---- */

static bool option_in(const station_t *station, const char *key, size_t length, setting_t *setting) {
    const int option = option_find(station->method->options, key, length);
    if (option >= 0)
        *setting = (setting_t){(station_t *)(uintptr_t)station, option};
    return option >= 0;
}

/* The stations in the order in which an unqualified key is looked up: method, engine, wrappers from the inside out. */
static const station_t *lookup_station(const optim_t *opt, int group, int position) {
    const engine_t *engine = &opt->engine;
    if (position == 0)
        for (int l = 0; l < engine->method_count; ++l)
            if (station_covers(engine->stations[l], group))
                return engine->stations[l];
    if (position <= REGISTRY_ENGINE_COUNT)
        return handle_engine_station(opt, position - 1);
    const int wrapper = engine->method_count + REGISTRY_ENGINE_INNER + position - REGISTRY_ENGINE_COUNT - 1;
    return wrapper < engine->station_count - REGISTRY_ENGINE_OUTER ? engine->stations[wrapper] : NULL;
}

/* A key, "beta1", or with the name of its station, "adamw.beta1". */
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
    (void)snprintf(own, sizeof own, "group_%s", setting->station->method->options[setting->option].name);
    for (int i = 0; i < REGISTRY_ENGINE_COUNT; ++i)
        if (handle_engine_station(opt, i)->per_group &&
            option_in(handle_engine_station(opt, i), own, strlen(own), &found))
            *setting = found;
}

static bool setting_lookup(const optim_t *opt, int group, const char *text, size_t length, setting_t *setting) {
    const key_t key = key_read(text, length);
    const station_t *station;
    for (int i = 0; (station = lookup_station(opt, group, i)) != NULL; ++i)
        if (key_covers(&key, station) && option_in(station, key.option, key.option_length, setting)) {
            if (group > 0 && key.station == NULL && !station->per_group)
                setting_of_group(opt, setting);
            return true;
        }
    return false;
}

static int shown(size_t length) {
    enum { MOST = 60 };
    return length > MOST ? MOST : (int)length;
}

/* The error for a key without a station: the nearest options of all stations, and what the method and the engine have. */
static optim_status refuse_option(const optim_t *opt, int group, const char *text, size_t length) {
    nearest_t nearest = nearest_begin(text, length);
    list_t own = {.used = 0}, engine = {.used = 0};
    char question[NEAREST_TEXT];
    const station_t *station, *method = lookup_station(opt, group, 0);
    for (int i = 0; (station = lookup_station(opt, group, i)) != NULL; ++i)
        option_offer(station->method->options, &nearest);
    nearest_text(&nearest, question);
    option_list(method->method->options, &own);
    for (int i = 0; i < REGISTRY_ENGINE_COUNT; ++i)
        option_list(handle_engine_station(opt, i)->method->options, &engine);
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
    for (int i = 0; (station = lookup_station(opt, group, i)) != NULL; ++i) {
        if (i <= 1 || i > REGISTRY_ENGINE_COUNT) { /* the engine is several stations of one name */
            nearest_offer(&stations, station->name, strlen(station->name));
            list_add(&names, station->name);
        }
        if (!key_covers(&key, station))
            continue;
        named = station;
        option_offer(station->method->options, &options);
        option_list(station->method->options, &has);
    }
    nearest_text(named == NULL ? &stations : &options, question);
    if (named == NULL)
        return error_set(OPTIM_ERR_OPTION,
                         "option \"%.*s\" names a method or wrapper that is not there%s; there are: %s", shown(length),
                         text, question, list_end(&names, "optim_describe"));
    return error_set(OPTIM_ERR_OPTION, "\"%s\" has no option \"%.*s\"%s; it has: %s", named->name, shown(length), text,
                     question, list_end(&has, "optim_describe_option"));
}

static optim_status refuse_unknown(const optim_t *opt, int group, const char *key, size_t length) {
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
    const double *option = station->values[station->per_group ? group : 0].base;
    const char *wrong = station->method->check == NULL ? NULL : station->method->check(option);
    return wrong == NULL ? OPTIM_OK : error_set(OPTIM_ERR_VALUE, "%s: %s", station->name, wrong);
}

static optim_status refuse_handle_option(const setting_t *setting, int group) {
    if (setting->station->per_group || group <= 0)
        return OPTIM_OK;
    return error_set(OPTIM_ERR_OPTION, "option \"%s\" belongs to the whole handle, not to group %d",
                     setting->station->method->options[setting->option].name, group);
}

optim_status settings_read(optim_t *opt, int group, const char *options, const char *skip) {
    option_piece_t piece;
    optim_status status = option_check_unique(options);
    int more;
    if (status != OPTIM_OK)
        return status;
    while ((more = option_next(&options, &piece)) > 0) {
        setting_t setting;
        if (piece.key_length == 4 && memcmp(piece.key, "role", 4) == 0) {
            status = role_read(opt, group, piece.value, piece.value_length);
            if (status != OPTIM_OK)
                return status;
            continue;
        }
        if (skip != NULL && piece.key_length == strlen(skip) && memcmp(piece.key, skip, piece.key_length) == 0)
            continue;
        status = setting_find(opt, group, piece.key, piece.key_length, &setting);
        if (status == OPTIM_OK)
            status = refuse_handle_option(&setting, group);
        if (status != OPTIM_OK)
            return status;
        const option_t *option = &setting.station->method->options[setting.option];
        values_t *values = setting_values(&setting, group);
        status = option_parse(option, piece.value, piece.value_length, &values->base[setting.option]);
        if (status != OPTIM_OK)
            return status;
        values->now[setting.option] = values->base[setting.option];
    }
    for (int l = 0; more == 0 && status == OPTIM_OK && l < opt->engine.station_count; ++l)
        if (station_covers(opt->engine.stations[l], group))
            status = station_check(opt->engine.stations[l], group);
    return more < 0 ? more : status;
}

bool option_decides_memory(const station_t *station, const char *option, double before, double after) {
    static const char *const FORMS[] = {"master",    "state_dtype", "state_block",
                                        "state_min", "block_size",  "min_8bit_size"};
    for (const state_t *state = station->method->states; state != NULL && state->name != NULL; ++state) {
        const bool by_value = state->exists != NULL ? before != after : (before != 0) != (after != 0);
        if (state->when != NULL && strcmp(state->when, option) == 0 && by_value)
            return true;
        if (state->copies != NULL && strcmp(state->copies, option) == 0 && before != after)
            return true;
        if (state->every != NULL && strcmp(state->every, option) == 0 && before != after)
            return true;
    }
    for (const field_t *field = station->method->fields; field != NULL && field->name != NULL; ++field)
        if ((field->when != NULL && strcmp(field->when, option) == 0 && (before != 0) != (after != 0)) ||
            (field->copies != NULL && strcmp(field->copies, option) == 0 && before != after))
            return true;
    for (size_t i = 0; i < sizeof FORMS / sizeof *FORMS; ++i)
        if (strcmp(FORMS[i], option) == 0 && before != after)
            return true;
    const bool carries = strcmp(option, "rounding") == 0 && ((int)before == ROUND_KAHAN) != ((int)after == ROUND_KAHAN);
    return carries;
}

/* The same for what a state table decides tensor by tensor, with the group's options as they would be. */
static bool changes_states(const engine_t *engine, const station_t *station, int group, const double *option) {
    for (size_t i = 0; i < engine->tensor_count; ++i)
        for (size_t k = 0; k < station->states; ++k) {
            const tensor_t *tensor = &engine->tensors[i];
            const state_t *state = &station->method->states[k];
            if (tensor->group != group || tensor->count == 0 || state->shape != LIKE_PARAM || state->exists == NULL ||
                !state_is_taken(state, tensor))
                continue;
            const bool exists = state->exists(tensor, option) && station_copies(engine, station, state, option) > 0;
            if (exists != (station->slot[i * station->states + k].at != NULL))
                return true;
        }
    return false;
}

/* Whether the value could be set: its range, its combination with the others, memory. */
static optim_status check_value(const optim_t *opt, int group, const setting_t *setting, double value) {
    const option_t *option = &setting->station->method->options[setting->option];
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
    if (status == OPTIM_OK && opt->engine.planned &&
        (other_states || option_decides_memory(setting->station, option->name, before, value)))
        status = error_set(OPTIM_ERR_ORDER, "option \"%s\" decides about memory: set it before the first step",
                           option->name);
    return status;
}

optim_status refuse_group(const optim_t *opt, int group) {
    if (group >= -1 && group < opt->engine.group_count)
        return OPTIM_OK;
    return error_set(OPTIM_ERR_ARGUMENT, "there is no group %d; there are %d, counted from 0 (-1: all)", group,
                     opt->engine.group_count);
}

int settings_first_group(int group) {
    return group < 0 ? 0 : group;
}
int settings_last_group(const optim_t *opt, int group, const char *key) {
    setting_t setting;
    if (group >= 0)
        return group;
    const bool shared = setting_lookup(opt, 0, key, strlen(key), &setting) && !setting.station->per_group;
    return shared ? 0 : opt->engine.group_count - 1;
}

optim_status setting_find_number(const optim_t *opt, int group, const char *key, setting_t *setting) {
    if (!setting_lookup(opt, group, key, strlen(key), setting))
        return refuse_unknown(opt, group, key, strlen(key));
    if (option_is_text(&setting->station->method->options[setting->option]))
        return error_set(OPTIM_ERR_VALUE, "option \"%s\" is not a number", key);
    return OPTIM_OK;
}

/* What optim_set and optim_set_schedule check before anything changes. */
optim_status settings_check_call(const optim_t *opt, int group, const char *key, const char *doing) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_null(key, "key");
    if (status == OPTIM_OK)
        status = refuse_open(opt, doing);
    if (status == OPTIM_OK)
        status = refuse_group(opt, group);
    for (int g = settings_first_group(group); status == OPTIM_OK && g <= settings_last_group(opt, group, key); ++g) {
        setting_t setting;
        status = setting_find_number(opt, g, key, &setting);
        if (status == OPTIM_OK)
            status = refuse_handle_option(&setting, group);
    }
    return status;
}

optim_status optim_set(optim_t *opt, int group, const char *key, double value) {
    setting_t setting;
    optim_status status = settings_check_call(opt, group, key, "setting an option");
    if (status != OPTIM_OK)
        return status;
    for (int g = settings_first_group(group); status == OPTIM_OK && g <= settings_last_group(opt, group, key); ++g) {
        status = setting_find_number(opt, g, key, &setting);
        if (status == OPTIM_OK)
            status = check_value(opt, g, &setting, value);
    }
    for (int g = settings_first_group(group); status == OPTIM_OK && g <= settings_last_group(opt, group, key); ++g) {
        (void)setting_find_number(opt, g, key, &setting);
        setting_values(&setting, g)->base[setting.option] = value;
        if (!scheduled_drives(opt, &setting, g))
            setting_values(&setting, g)->now[setting.option] = value;
    }
    return status;
}

/* A single number that a station keeps, by its name in the state table. */
static bool read_number(const optim_t *opt, int group, const char *key, double *value) {
    const char *dot = strchr(key, '.'), *name = dot == NULL ? key : dot + 1;
    const size_t prefix = dot == NULL ? 0 : (size_t)(dot - key);
    const station_t *station;
    for (int i = 0; (station = lookup_station(opt, group, i)) != NULL; ++i) {
        const state_t *state = station->method->states;
        if (dot != NULL && (strlen(station->name) != prefix || memcmp(station->name, key, prefix) != 0))
            continue;
        for (size_t k = 0; state != NULL && state[k].name != NULL; ++k) {
            const bool is_number = state[k].shape == PER_METHOD || state_is_by_group(&state[k]);
            if (!is_number || state[k].role != KEPT || strcmp(state[k].name, name) != 0 ||
                station_copies(&opt->engine, station, &state[k], station_option(station, group)) != 1)
                continue;
            *value = opt->engine.planned ? *station->scalar[(size_t)group * station->states + k]
                                         : state_initial(station, &state[k], group);
            return true;
        }
        for (const field_t *field = station->method->fields; field != NULL && field->name != NULL; ++field) {
            if (field->of == OF_TENSOR || !field_is_kept(field) || strcmp(field->name, name) != 0 ||
                field_count(&opt->engine, station->method, field, station_option(station, group)) != 1)
                continue;
            *value = opt->engine.planned ? field_get(field, field_memory(station, field, group, NULL), 0)
                                         : field_initial(station, field, group);
            return true;
        }
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
