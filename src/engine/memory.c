/*
 * What methods remember beside arrays. A station has one block of memory:
 *
 *     | the method's struct | a struct for each group | a cohort struct for each group, for each tensor |
 *     | a struct for each tensor | the lists that the method's and the tensors' structs point to |
 *
 * A step that is undone gets all of it back as one copy; pointers to lists are the same in both. Tables of fields say
 * which members live from step to step: those are what checkpoints, optim_get and descriptions know.
 */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "engine/engine.h"
#include "engine/slots.h"

/* ---- One field ---- */

size_t field_count(const engine_t *engine, const method_t *method, const field_t *field, const double *option) {
    if (field->when != NULL && method_option(method, field->when, option) == 0)
        return 0;
    if (field->of_box && !engine->boxed)
        return 0;
    if (field->length != NULL)
        return field->length(engine_each(engine, method, EACH_ELEMENT), option) *
               (field->by_residual ? engine_each(engine, method, EACH_RESIDUAL) : 1);
    if (field->type == FIELD_LIST)
        return engine_each(engine, method, field->each) *
               (field->copies == NULL ? 1 : size_of_number(method_option(method, field->copies, option)));
    return field->type == FIELD_ARRAY ? field->size / sizeof(double) : 1;
}

/* Where value `i` is. */
static void *value_at(const field_t *field, const void *memory, size_t i) {
    char *member = (char *)(uintptr_t)memory + field->offset;
    if (field->type == FIELD_LIST)
        return *(double **)(void *)member + i;
    return (double *)(void *)member + i; /* an integer is as wide */
}

void *field_address(const field_t *field, const void *memory) {
    return value_at(field, memory, 0);
}

double field_get(const field_t *field, const void *memory, size_t i) {
    const void *at = value_at(field, memory, i);
    return field->type == FIELD_INTEGER ? (double)*(const int64_t *)at : *(const double *)at;
}

void field_set(const field_t *field, void *memory, size_t i, double value) {
    void *at = value_at(field, memory, i);
    if (field->type == FIELD_INTEGER)
        *(int64_t *)at = (int64_t)value;
    else
        *(double *)at = value;
}

double field_initial(const station_t *station, const field_t *field, int group) {
    const int from = field->of == OF_METHOD ? station->first_group : group; /* as advance reads options */
    const double *option = station->values[station->per_group ? from : 0].base;
    return field->initial_option == NULL ? field->initial
                                         : method_option(station->method, field->initial_option, option);
}

bool field_admits(const method_t *method, const field_t *field, const double *option, double value) {
    if (!field->whole && field->type != FIELD_INTEGER)
        return true;
    const double most = field->most == NULL ? 0x1p62 : method_option(method, field->most, option);
    return value >= 0 && value <= most && value == floor(value);
}

bool field_is_kept(const field_t *field) {
    return !field->within_step;
}

void *field_memory(const station_t *station, const field_t *field, int group, const tensor_t *tensor) {
    switch (field->of) {
    case OF_GROUP:
        return station->group_memory[group];
    case OF_COHORT:
        return tensor == NULL ? station->cohort_memory[group] : tensor->cohort_memory;
    case OF_TENSOR:
        return station->tensor_memory[tensor->id];
    default:
        return station->memory;
    }
}

/* ---- A station's block ---- */

static size_t padded(size_t bytes) {
    return (bytes + sizeof(double) - 1) / sizeof(double) * sizeof(double);
}

/* Doubles in the lists of one struct. */
static size_t list_length(const engine_t *engine, const method_t *method, memory_of_t of, const double *option) {
    size_t count = 0;
    for (const field_t *field = method->fields; field_is_row(field); ++field)
        if (field->of == of && field->type == FIELD_LIST)
            count += field_count(engine, method, field, option);
    return count;
}

/* Points the lists of a struct to what follows `next`; returns what is left. */
static char *place_lists(const engine_t *engine, const method_t *method, memory_of_t of, const double *option,
                         void *memory, char *next) {
    for (const field_t *field = method->fields; field_is_row(field); ++field) {
        if (field->of != of || field->type != FIELD_LIST)
            continue;
        *(double **)(void *)((char *)memory + field->offset) = (double *)(void *)next;
        next += field_count(engine, method, field, option) * sizeof(double);
    }
    return next;
}

size_t memory_bytes(const engine_t *engine, const station_t *station) {
    const method_t *method = station->method;
    size_t bytes = padded(method->memory) + sizeof(double) * list_length(engine, method, OF_METHOD,
                                                                         station_option(station, station->first_group));
    for (int g = 0; g < engine->group_count; ++g)
        bytes += station_covers(station, g) ? padded(method->group_memory) + padded(method->cohort_memory) : 0;
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        const double *option = station_option(station, engine->tensors[i].group);
        if (station_has(station, &engine->tensors[i]))
            bytes += padded(method->cohort_memory) + padded(method->tensor_memory) +
                     sizeof(double) * list_length(engine, method, OF_TENSOR, option);
    }
    return bytes;
}

size_t memory_kept_bytes(const engine_t *engine, const station_t *station) {
    const method_t *method = station->method;
    size_t count = 0;
    for (const field_t *field = method->fields; field_is_row(field); ++field) {
        const bool by_group = field->of == OF_GROUP || field->of == OF_COHORT,
                   by_tensor = field->of == OF_TENSOR || field->of == OF_COHORT;
        if (field->within_step)
            continue;
        if (field->of == OF_METHOD)
            count += field_count(engine, method, field, station_option(station, station->first_group));
        for (int g = 0; by_group && g < engine->group_count; ++g)
            count += station_covers(station, g) ? field_count(engine, method, field, station_option(station, g)) : 0;
        for (size_t i = 0; by_tensor && i < engine->tensor_count; ++i) {
            const double *option = station_option(station, engine->tensors[i].group);
            count += station_has(station, &engine->tensors[i]) ? field_count(engine, method, field, option) : 0;
        }
    }
    return count * sizeof(double);
}

static void *take(char **next, size_t bytes) {
    void *taken = bytes == 0 ? NULL : *next;
    *next += padded(bytes);
    return taken;
}

void memory_place(engine_t *engine, station_t *station) {
    const method_t *method = station->method;
    char *next = station->memory;
    if (station->memory_bytes == 0)
        return;
    memset(station->memory, 0, station->memory_bytes);
    (void)take(&next, method->memory);
    next = place_lists(engine, method, OF_METHOD, station_option(station, station->first_group), station->memory, next);
    for (int g = 0; g < engine->group_count; ++g) {
        const bool covers = station_covers(station, g);
        station->group_memory[g] = covers ? take(&next, method->group_memory) : NULL;
        station->cohort_memory[g] = covers ? take(&next, method->cohort_memory) : NULL;
    }
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        tensor_t *tensor = &engine->tensors[i];
        const double *option = station_option(station, tensor->group);
        station->tensor_memory[i] = NULL;
        if (!station_has(station, tensor))
            continue;
        if (method->cohort_memory > 0) {
            tensor->cohort_memory = take(&next, method->cohort_memory);
            tensor->cohort_bytes = method->cohort_memory;
        }
        station->tensor_memory[i] = take(&next, method->tensor_memory);
        next = place_lists(engine, method, OF_TENSOR, option, station->tensor_memory[i], next);
    }
}

/* ---- Initial values ---- */

/* Sets every field of a struct of this kind. */
static void initialise(const engine_t *engine, const station_t *station, memory_of_t of, int group, void *memory) {
    const double *option = station_option(station, group);
    for (const field_t *field = station->method->fields; field_is_row(field); ++field) {
        if (field->of != of)
            continue;
        const double initial = field_initial(station, field, group);
        const size_t count = field_count(engine, station->method, field, option); /* of a list, perhaps a million */
        for (size_t i = 0; i < count; ++i)
            field_set(field, memory, i, initial);
    }
}

void memory_initialise_tensor(const engine_t *engine, const station_t *station, const tensor_t *tensor) {
    if (station->method->tensor_memory > 0 && station_has(station, tensor))
        initialise(engine, station, OF_TENSOR, tensor->group, station->tensor_memory[tensor->id]);
}

void memory_initialise(engine_t *engine, station_t *station) {
    if (station->memory_bytes == 0)
        return;
    memory_place(engine, station);
    if (station->method->memory > 0)
        initialise(engine, station, OF_METHOD, station->first_group, station->memory);
    for (int g = 0; g < engine->group_count; ++g) {
        if (station->group_memory[g] != NULL)
            initialise(engine, station, OF_GROUP, g, station->group_memory[g]);
        if (station->cohort_memory[g] != NULL)
            initialise(engine, station, OF_COHORT, g, station->cohort_memory[g]);
    }
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        const tensor_t *tensor = &engine->tensors[i];
        memory_initialise_tensor(engine, station, tensor);
        if (station->method->cohort_memory > 0 && station_has(station, tensor))
            initialise(engine, station, OF_COHORT, tensor->group, tensor->cohort_memory);
    }
}
