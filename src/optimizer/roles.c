/* What a group's parameters are to a method that tells several kinds of them apart. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/words.h"
#include "optimizer/optimizer.h"
#include "optimizer/problem.h"

static optim_status refuse_role(const method_t *method, const char *text, size_t length) {
    enum { SHOWN = 60 };
    list_t list = {.used = 0};
    for (int i = 0; method->roles[i] != NULL; ++i)
        list_add(&list, method->roles[i]);
    return error_set(OPTIM_ERR_VALUE, "\"%s\" has no role \"%.*s\"; it has: %s", method->name,
                     (int)(length > SHOWN ? SHOWN : length), text, list_end(&list, "its page"));
}

optim_status role_read(optim_t *opt, int group, const char *text, size_t length) {
    station_t *owner = engine_owner(&opt->engine, group);
    const method_t *method = owner->method;
    if (method->roles == NULL)
        return error_set(OPTIM_ERR_OPTION, "\"%s\" tells no roles of parameters apart: leave \"role\" out",
                         method->name);
    for (int i = 0; method->roles[i] != NULL; ++i)
        if (strlen(method->roles[i]) == length && memcmp(method->roles[i], text, length) == 0) {
            owner->values[group].role = i + 1;
            return OPTIM_OK;
        }
    return refuse_role(method, text, length);
}

const char *role_name(const station_t *station, int group) {
    const int role = station->values[group].role;
    return role <= 1 ? NULL : station->method->roles[role - 1];
}

static bool any_is_named(const station_t *station, int groups) {
    for (int g = 0; g < groups; ++g)
        if (station->values[g].role > 0)
            return true;
    return false;
}

/* Where no group names a role: so many parameters, in order of declaration, have the first, the others the second. */
static void split(engine_t *engine, const station_t *station, size_t first) {
    for (size_t i = 0; i < engine->tensor_count; ++i)
        if (station_covers(station, engine->tensors[i].group))
            engine->tensors[i].role = i < first ? 0 : 1;
}

void roles_settle(optim_t *opt) {
    engine_t *engine = &opt->engine;
    for (int l = 0; l < engine->method_count; ++l) {
        const station_t *station = engine->stations[l];
        const int row = station->method->roles == NULL ? -1 : option_find(station->method->options, "split", 5);
        if (row >= 0 && !any_is_named(station, engine->group_count))
            split(engine, station, size_of_number(station_option(station, station->first_group)[row]));
    }
}
