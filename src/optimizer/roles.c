/* What a group's parameters are to a method that tells several kinds of them apart. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "optimizer/optimizer.h"
#include "optimizer/problem.h"

/* Position of a word among those of "x|y", or -1. */
static int role_find(const char *roles, const char *text, size_t length) {
    for (int i = 0;; ++i) {
        const size_t word = strcspn(roles, "|");
        if (word == length && memcmp(roles, text, length) == 0)
            return i;
        if (roles[word] == '\0')
            return -1;
        roles += word + 1;
    }
}

optim_status role_read(optim_t *opt, int group, const char *text, size_t length) {
    enum { SHOWN = 60 };
    station_t *owner = engine_owner(&opt->engine, group);
    const method_t *method = owner->method;
    if (method->roles == NULL)
        return error_set(OPTIM_ERR_OPTION, "\"%s\" tells no roles of parameters apart: leave \"role\" out",
                         method->name);
    const int role = role_find(method->roles, text, length);
    if (role < 0)
        return error_set(OPTIM_ERR_VALUE, "\"%s\" has no role \"%.*s\"; it has: %s", method->name,
                         (int)(length > SHOWN ? SHOWN : length), text, method->roles);
    owner->values[group].role = role + 1;
    return OPTIM_OK;
}

bool role_name(const station_t *station, int group, char name[ROLE_TEXT]) {
    const int role = station->values[group].role - 1;
    const char *word = station->method->roles;
    if (role < 1)
        return false;
    for (int i = 0; i < role; ++i)
        word += strcspn(word, "|") + 1;
    (void)snprintf(name, ROLE_TEXT, "%.*s", (int)strcspn(word, "|"), word);
    return true;
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
        if (station_has(station, &engine->tensors[i]))
            engine->tensors[i].role = i < first ? 0 : 1;
}

/* Where each tensor begins among those of its role. */
static void place(engine_t *engine, const station_t *station) {
    size_t next[METHOD_ROLES] = {0};
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        tensor_t *tensor = &engine->tensors[i];
        if (tensor->owner != station)
            continue;
        tensor->first_of_role = next[tensor->role];
        next[tensor->role] += tensor->count;
    }
}

void roles_settle(optim_t *opt) {
    engine_t *engine = &opt->engine;
    for (int l = 0; l < engine->method_count; ++l) {
        const station_t *station = engine->stations[l];
        const int row = station->method->roles == NULL ? -1 : option_find(station->method->options, "split", 5);
        if (row >= 0 && !any_is_named(station, engine->group_count))
            split(engine, station, size_of_number(station_option(station, station->first_group)[row]));
        if (station->method->roles != NULL)
            place(engine, station);
    }
}
