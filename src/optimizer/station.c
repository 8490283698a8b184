/* A station: a method or wrapper at work, and its option values by group. */
#include <stdlib.h>
#include <string.h>

#include "optimizer/optimizer.h"

station_t *station_create(optim_t *opt, const registry_method_t *entry, station_kind_t kind, int groups) {
    station_t *station = calloc(1, sizeof *station);
    if (station == NULL)
        return NULL;
    station->name = entry->name;
    station->preset = entry->preset.options;
    station->engine = &opt->engine;
    station->typed = entry->level[opt->engine.level];
    station->base = entry->level[0];
    station->method = entry->level[0].precision[PRECISION_F64];
    station->is_method = kind == STATION_METHOD;
    station->is_wrapper = kind == STATION_WRAPPER;
    station->next_sample =
        method_first_sample(station->method); /* before the first step too, as a checkpoint says it */
    station->per_group = station->is_method || (station->method->flags & BY_GROUP);
    station->values = calloc((size_t)groups, sizeof *station->values);
    if (station->values == NULL) {
        free(station);
        return NULL;
    }
    return station;
}

void station_destroy(station_t *station, int groups) {
    if (station == NULL)
        return;
    for (int g = 0; g < groups; ++g)
        station_uncover(station, g);
    free(station->values);
    free(station->inputs);
    free(station);
}

bool station_add_group(station_t *station, int groups) {
    values_t *grown = realloc(station->values, ((size_t)groups + 1) * sizeof *grown);
    if (grown == NULL)
        return false;
    grown[groups] = (values_t){.left_out = station->leaves_out};
    station->values = grown;
    return true;
}

bool station_cover(station_t *station, int group, const values_t *from) {
    const size_t count = option_values(station->method->options);
    double *base = calloc(2 * count + 1, sizeof *base);
    if (base == NULL)
        return false;
    if (from == NULL)
        values_default(station->method->options, station->preset, base);
    else
        memcpy(base, from->base, count * sizeof *base);
    memcpy(base + count, base, count * sizeof *base);
    station->values[group] = (values_t){.base = base, .now = base + count};
    ++station->groups;
    if (group < station->first_group || station->values[station->first_group].base == NULL)
        station->first_group = group;
    return true;
}

static const values_t *values_of(const station_t *station, int group) {
    return &station->values[station->per_group ? group : 0];
}

const option_t *station_row(const station_t *station, int group, int i) {
    return values_row(station->method->options, values_of(station, group)->base, (size_t)i);
}

void station_value_name(const station_t *station, int group, int i, char name[VALUE_NAME]) {
    values_name(station->method->options, values_of(station, group)->base, (size_t)i, name);
}

void station_uncover(station_t *station, int group) {
    station->groups -= station->values[group].base != NULL;
    free(station->values[group].base);
    free(station->values[group].from);
    station->values[group] = (values_t){.left_out = station->values[group].left_out};
}
