/* Maps that options of methods and wrappers name, in a step. */
#include <string.h>

#include "base/memory.h"
#include "engine/slots.h"
#include "engine/storage.h"
#include "engine/tile.h"

bool mapping_of(const engine_t *engine, const station_t *station, const tensor_t *tensor, int option,
                mapping_t *mapping) {
    const double *values = station_option(station, tensor->group);
    if (values == NULL || values[option] < 0 || strcmp(station->method->options[option].range, "map") != 0)
        return false;
    mapping->level = engine->map_at(engine->level, (size_t)values[option]);
    mapping->map = mapping->level->precision[tensor_precision(tensor)];
    const double *inner = values + option_inner(station->method->options, (size_t)option);
    const size_t rows = map_rows(mapping->map, inner, tensor->ndim, tensor->dims);
    mapping->call = (map_call_t){.option = inner, .rows = rows, .work = (double *)(void *)engine->large_room};
    return true;
}

static double step_for(const engine_t *engine, const tensor_t *tensor, double step, bool times_lr) {
    return times_lr ? step * engine_lr(engine, tensor->group) : step;
}

void mapping_run_tile(const engine_t *engine, const tile_t *t, const call_t *call) {
    mapping_t mapping;
    if (!mapping_of(engine, call->station, t->tensor, -1 - call->kernel, &mapping) || mapping.map->reach != MAP_ELEMENT)
        return;
    mapping.call.step = step_for(engine, t->tensor, call->map_step, call->map_times_lr);
    map_apply(mapping.level, tensor_precision(t->tensor), &mapping.call, t->n, t->p);
}

/* Maps that go by element wait in the queue; the others need what is queued to be done. */
static void map_parameters(step_t *s, int option, double step, bool times_lr) {
    engine_t *engine = s->engine;
    bool by_element = false, by_tensor = false;
    mapping_t mapping;
    for (size_t i = 0; i < engine->tensor_count; ++i)
        if (station_takes(s->station, &engine->tensors[i]) &&
            mapping_of(engine, s->station, &engine->tensors[i], option, &mapping)) {
            by_element |= mapping.map->reach == MAP_ELEMENT;
            by_tensor |= mapping.map->reach == MAP_TENSOR;
        }
    if (by_element && engine->updates.count == QUEUE_LENGTH)
        pass_flush(engine, NULL);
    if (by_element)
        engine->updates.entry[engine->updates.count++] =
            (call_t){.station = s->station, .kernel = -1 - option, .map_step = step, .map_times_lr = times_lr};
    if (!by_tensor || pass_is_put_off(engine, s->station))
        return;
    pass_flush(engine, NULL);
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        const tensor_t *tensor = &engine->tensors[i];
        tile_t t = {.n = tensor->count, .tensor = tensor};
        if (!station_takes(s->station, tensor) || !mapping_of(engine, s->station, tensor, option, &mapping) ||
            mapping.map->reach != MAP_TENSOR)
            continue;
        mapping.call.step = step_for(engine, tensor, step, times_lr);
        whole_open_parameter(engine, &t);
        map_apply(mapping.level, tensor_precision(tensor), &mapping.call, t.n, t.p);
        whole_close_parameter(engine, &t);
    }
}

void step_map(step_t *s, int option, double step) {
    map_parameters(s, option, step, false);
}

void step_map_by_lr(step_t *s, int option, double factor) {
    map_parameters(s, option, factor, true);
}

void step_map_state(step_t *s, int option, int state, double step) {
    const engine_t *engine = s->engine;
    mapping_t mapping;
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        const tensor_t *tensor = &engine->tensors[i];
        const slot_t *slot = &s->station->slot[i * s->station->states + (size_t)state];
        if (!station_takes(s->station, tensor) || slot->at == NULL ||
            !mapping_of(engine, s->station, tensor, option, &mapping) || pass_is_put_off(s->engine, s->station))
            continue;
        pass_flush(s->engine, NULL);
        mapping.call.step = step;
        map_apply(mapping.level, tensor_precision(tensor), &mapping.call, tensor->count, slot->at);
    }
}

/* The penalty at one tensor: of a map by element the sum over tiles. */
static double value_at(const engine_t *engine, const mapping_t *mapping, const tensor_t *tensor) {
    part_scratch_t *scratch = (void *)engine->part_scratch;
    const size_t run = mapping->map->reach == MAP_TENSOR ? tensor->count : tensor->tile;
    double sum = 0;
    for (size_t offset = 0; offset < tensor->count; offset += run) {
        const size_t left = tensor->count - offset;
        tile_t t = {.n = left < run ? left : run, .tensor = tensor, .offset = offset};
        if (mapping->map->reach == MAP_TENSOR)
            whole_open_parameter(engine, &t);
        else
            storage_open_parameters(engine, &t, scratch->p);
        sum += map_value(mapping->level, tensor_precision(tensor), &mapping->call, t.n, t.p);
    }
    return sum;
}

double step_map_value(step_t *s, int option) {
    const engine_t *engine = s->engine;
    mapping_t mapping;
    double sum = 0;
    if (pass_is_put_off(s->engine, s->station))
        return 0;
    pass_flush(s->engine, NULL);
    for (size_t i = 0; i < engine->tensor_count; ++i)
        if (station_takes(s->station, &engine->tensors[i]) &&
            mapping_of(engine, s->station, &engine->tensors[i], option, &mapping))
            sum += value_at(engine, &mapping, &engine->tensors[i]);
    return sum;
}

bool step_map_has_role(const step_t *s, int option, map_role_t role) {
    const engine_t *engine = s->engine;
    mapping_t mapping;
    for (size_t i = 0; i < engine->tensor_count; ++i)
        if (station_takes(s->station, &engine->tensors[i]) &&
            mapping_of(engine, s->station, &engine->tensors[i], option, &mapping) && mapping.map->role != role)
            return false;
    return true;
}

bool step_map_is(const step_t *s, int option, const char *name) {
    const engine_t *engine = s->engine;
    mapping_t mapping;
    for (size_t i = 0; i < engine->tensor_count; ++i)
        if (station_takes(s->station, &engine->tensors[i]) &&
            mapping_of(engine, s->station, &engine->tensors[i], option, &mapping) &&
            strcmp(mapping.map->name, name) != 0)
            return false;
    return true;
}

const char *step_map_refuses(const step_t *s, int option, double step, bool times_lr) {
    const engine_t *engine = s->engine;
    mapping_t mapping;
    const char *wrong = NULL;
    for (size_t i = 0; wrong == NULL && i < engine->tensor_count; ++i) {
        const tensor_t *tensor = &engine->tensors[i];
        if (!station_takes(s->station, tensor) || !mapping_of(engine, s->station, tensor, option, &mapping) ||
            mapping.map->check == NULL)
            continue;
        wrong = mapping.map->check(mapping.call.option, step_for(engine, tensor, step, times_lr));
    }
    return wrong;
}

bool mapping_needs(const engine_t *engine, const station_t *station, const tensor_t *tensor, size_t *whole,
                   size_t *work) {
    const option_t *table = station->method->options;
    mapping_t mapping;
    *whole = *work = 0;
    for (int row = 0; table[row].name != NULL; ++row) {
        size_t bytes;
        if (!option_is_entry(&table[row]) || !mapping_of(engine, station, tensor, row, &mapping))
            continue;
        if (!size_multiply(map_workspace(mapping.map, tensor->count, mapping.call.rows), sizeof(double), &bytes))
            return false;
        if (mapping.map->reach == MAP_TENSOR)
            *whole = tensor->count * tensor_real(tensor);
        *work = bytes > *work ? bytes : *work;
    }
    return true;
}
