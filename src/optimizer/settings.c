/* Which option of which station a key means; option strings. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "optimizer/optimizer.h"
#include "optimizer/problem.h"

/* ---- Finding ---- */

static bool option_in(station_t *station, const char *key, size_t length, setting_t *setting) {
    const int option = option_find(station->method->options, key, length);
    if (option >= 0)
        *setting = (setting_t){station, option};
    return option >= 0;
}

station_t *setting_station(const optim_t *opt, int group, int position) {
    if (position == 0)
        return engine_owner(&opt->engine, group);
    const int engine = position - 1, wrapper = engine - REGISTRY_ENGINE_COUNT;
    return wrapper < 0 ? opt->own[engine] : chain_wrapper(opt, wrapper);
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
        if (opt->own[i]->per_group && option_in(opt->own[i], own, strlen(own), &found))
            *setting = found;
}

bool setting_lookup(const optim_t *opt, int group, const char *text, size_t length, setting_t *setting) {
    const key_t key = key_read(text, length);
    station_t *station;
    for (int i = 0; (station = setting_station(opt, group, i)) != NULL; ++i)
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

/* The error for a key without a station: the nearest options of all stations, and what the method and the engine
   have. */
static optim_status refuse_option(const optim_t *opt, int group, const char *text, size_t length) {
    nearest_t nearest = nearest_begin(text, length);
    list_t own = {.used = 0}, engine = {.used = 0};
    char question[NEAREST_TEXT];
    const station_t *station, *method = setting_station(opt, group, 0);
    for (int i = 0; (station = setting_station(opt, group, i)) != NULL; ++i)
        option_offer(station->method->options, &nearest);
    nearest_text(&nearest, question);
    option_list(method->method->options, &own);
    for (int i = 0; i < REGISTRY_ENGINE_COUNT; ++i)
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
    for (int l = 0; more == 0 && status == OPTIM_OK && l < engine_keepers(&opt->engine); ++l)
        if (station_covers(engine_keeper(&opt->engine, l), group))
            status = station_check(engine_keeper(&opt->engine, l), group);
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
