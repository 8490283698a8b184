/*
 * Who takes the tensors that a method refuses: method_t.otherwise. That other method is a station like any; it covers
 * the same groups, with options that it has from the first one's: aux_lr there is lr here.
 */
#include <stdlib.h>
#include <string.h>

#include "optimizer/optimizer.h"

static const otherwise_t *otherwise_of(const station_t *station) {
    return station->is_method && station->method->otherwise.method != NULL ? &station->method->otherwise : NULL;
}

/* The station of the other method: there already, or new. NULL: no memory. */
static station_t *other_station(optim_t *opt, const otherwise_t *otherwise, int groups) {
    const registry_method_t *entry = registry_find_method(otherwise->method, strlen(otherwise->method));
    station_t *station = NULL;
    for (int l = 0; l < opt->engine.method_count; ++l)
        if (strcmp(opt->engine.stations[l]->name, otherwise->method) == 0)
            return opt->engine.stations[l];
    return entry != NULL && chain_add_method(opt, entry, groups, &station) ? station : NULL;
}

/* The option of `primary` that is option `name` of the other one, or -1. */
static int option_from(const station_t *primary, const char *name) {
    const char *prefix = primary->method->otherwise.prefix, *only = primary->method->otherwise.only;
    const size_t length = strlen(prefix);
    if (only != NULL && strcmp(only, name) != 0)
        return -1;
    const option_t *options = primary->method->options;
    for (int i = 0; options[i].name != NULL; ++i)
        if (strncmp(options[i].name, prefix, length) == 0 && strcmp(options[i].name + length, name) == 0)
            return i;
    return -1;
}

bool otherwise_cover(optim_t *opt, station_t *primary, int group, int groups) {
    const otherwise_t *otherwise = otherwise_of(primary);
    if (otherwise == NULL)
        return true;
    station_t *other = other_station(opt, otherwise, groups);
    if (other == NULL || !station_cover(other, group, NULL))
        return false;
    values_t *values = &other->values[group];
    const size_t count = option_count(other->method->options);
    values->from = malloc((count + 1) * sizeof *values->from);
    if (values->from == NULL)
        return false;
    for (size_t i = 0; i < count; ++i)
        values->from[i] = option_from(primary, other->method->options[i].name);
    values->primary = primary;
    return true;
}

void otherwise_uncover(optim_t *opt, int group) {
    for (int l = opt->engine.method_count - 1; l >= 0; --l) {
        station_t *station = opt->engine.stations[l];
        if (station->values[group].primary == NULL)
            continue;
        station_uncover(station, group);
        if (station->groups == 0) {
            chain_remove(opt, station);
            station_destroy(station, opt->engine.group_count);
        }
    }
}

void otherwise_take_options(optim_t *opt) {
    for (int l = 0; l < opt->engine.method_count; ++l) {
        const station_t *station = opt->engine.stations[l];
        const size_t count = option_count(station->method->options);
        for (int g = 0; g < opt->engine.group_count; ++g) {
            const values_t *to = &station->values[g];
            const values_t *primary = to->primary == NULL ? NULL : &to->primary->values[g];
            for (size_t i = 0; primary != NULL && i < count; ++i)
                if (to->from[i] >= 0) {
                    to->base[i] = primary->base[to->from[i]];
                    to->now[i] = primary->now[to->from[i]];
                }
        }
    }
}

/* The station that takes what `primary` refuses of a group, or NULL. */
static station_t *other_of(const optim_t *opt, const station_t *primary, int group) {
    for (int l = 0; l < opt->engine.method_count; ++l)
        if (opt->engine.stations[l]->values[group].primary == primary)
            return opt->engine.stations[l];
    return NULL;
}

station_t *otherwise_owner(const optim_t *opt, const tensor_t *tensor) {
    station_t *primary = engine_owner(&opt->engine, tensor->group), *other;
    const method_t *method = primary->method;
    if (otherwise_of(primary) == NULL || method->refuses == NULL ||
        method->refuses(tensor, station_option(primary, tensor->group)) == NULL)
        return primary;
    other = other_of(opt, primary, tensor->group);
    return other == NULL ? primary : other;
}

void otherwise_assign(optim_t *opt) {
    for (size_t i = 0; !opt->engine.planned && i < opt->engine.tensor_count; ++i)
        opt->engine.tensors[i].owner = otherwise_owner(opt, &opt->engine.tensors[i]);
    otherwise_take_options(opt);
}
