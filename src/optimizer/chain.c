/* Stations of a handle and their option values by group. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "optimizer/optimizer.h"

station_t *station_create(const registry_method_t *entry, int level, int groups, bool is_method) {
    station_t *station = calloc(1, sizeof *station);
    if (station == NULL)
        return NULL;
    station->name = entry->name;
    station->typed = entry->level[level];
    station->base = entry->level[0];
    station->method = entry->level[0].precision[PRECISION_F64];
    station->is_method = is_method;
    station->next_sample =
        method_first_sample(station->method); /* before the first step too, as a checkpoint says it */
    station->per_group = is_method || (station->method->flags & BY_GROUP);
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
    grown[groups] = (values_t){0};
    station->values = grown;
    return true;
}

bool station_cover(station_t *station, int group, const values_t *from) {
    const size_t count = option_count(station->method->options);
    double *base = malloc((2 * count + 1) * sizeof *base);
    if (base == NULL)
        return false;
    for (size_t i = 0; i < count; ++i)
        base[i] = from == NULL ? station->method->options[i].initial : from->base[i];
    memcpy(base + count, base, count * sizeof *base);
    station->values[group] = (values_t){.base = base, .now = base + count};
    ++station->groups;
    if (group < station->first_group || station->values[station->first_group].base == NULL)
        station->first_group = group;
    return true;
}

void station_uncover(station_t *station, int group) {
    station->groups -= station->values[group].base != NULL;
    free(station->values[group].base);
    station->values[group] = (values_t){0};
}

bool handle_insert_station(optim_t *opt, station_t *station, int position) {
    engine_t *engine = &opt->engine;
    void *stations = engine->stations;
    size_t capacity = (size_t)engine->station_capacity;
    if (!memory_grow(&stations, &capacity, (size_t)engine->station_count + 1, sizeof *engine->stations))
        return false;
    engine->stations = stations;
    engine->station_capacity = (int)capacity;
    for (int l = engine->station_count; l > position; --l)
        engine->stations[l] = engine->stations[l - 1];
    engine->stations[position] = station;
    ++engine->station_count;
    engine->method_count += station->is_method;
    return true;
}

station_t *handle_engine_station(const optim_t *opt, int which) {
    const engine_t *engine = &opt->engine;
    return engine->stations[which < REGISTRY_ENGINE_INNER ? engine->method_count + which
                                                          : engine->station_count - REGISTRY_ENGINE_COUNT + which];
}

double handle_option_value(const optim_t *opt, enum handle_option option) {
    return station_option(handle_engine_station(opt, REGISTRY_ENGINE_GUARD), 0)[option];
}
