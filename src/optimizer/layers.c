/* Layers of a handle and their option values by group. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "optimizer/optimizer.h"

layer_t *layer_create(const registry_method_t *entry, int level, int groups, bool is_method) {
    layer_t *layer = calloc(1, sizeof *layer);
    if (layer == NULL)
        return NULL;
    layer->name = entry->name;
    layer->typed = entry->level[level];
    layer->method = entry->level[0].precision[PRECISION_F64];
    layer->is_method = is_method;
    layer->next_sample = method_first_sample(layer->method); /* before the first step too, as a checkpoint says it */
    layer->per_group = is_method || (layer->method->flags & BY_GROUP);
    layer->values = calloc((size_t)groups, sizeof *layer->values);
    if (layer->values == NULL) {
        free(layer);
        return NULL;
    }
    return layer;
}

void layer_destroy(layer_t *layer, int groups) {
    if (layer == NULL)
        return;
    for (int g = 0; g < groups; ++g)
        layer_uncover(layer, g);
    free(layer->values);
    free(layer->inputs);
    free(layer);
}

bool layer_add_group(layer_t *layer, int groups) {
    values_t *grown = realloc(layer->values, ((size_t)groups + 1) * sizeof *grown);
    if (grown == NULL)
        return false;
    grown[groups] = (values_t){0};
    layer->values = grown;
    return true;
}

bool layer_cover(layer_t *layer, int group, const values_t *from) {
    const size_t count = option_count(layer->method->options);
    double *base = malloc((2 * count + 1) * sizeof *base);
    if (base == NULL)
        return false;
    for (size_t i = 0; i < count; ++i)
        base[i] = from == NULL ? layer->method->options[i].initial : from->base[i];
    memcpy(base + count, base, count * sizeof *base);
    layer->values[group] = (values_t){.base = base, .now = base + count};
    ++layer->groups;
    if (group < layer->first_group || layer->values[layer->first_group].base == NULL)
        layer->first_group = group;
    return true;
}

void layer_uncover(layer_t *layer, int group) {
    layer->groups -= layer->values[group].base != NULL;
    free(layer->values[group].base);
    layer->values[group] = (values_t){0};
}

bool handle_insert_layer(optim_t *opt, layer_t *layer, int position) {
    engine_t *engine = &opt->engine;
    void *layers = engine->layers;
    size_t capacity = (size_t)engine->layer_capacity;
    if (!memory_grow(&layers, &capacity, (size_t)engine->layer_count + 1, sizeof *engine->layers))
        return false;
    engine->layers = layers;
    engine->layer_capacity = (int)capacity;
    for (int l = engine->layer_count; l > position; --l)
        engine->layers[l] = engine->layers[l - 1];
    engine->layers[position] = layer;
    ++engine->layer_count;
    engine->method_count += layer->is_method;
    return true;
}

layer_t *handle_engine_layer(const optim_t *opt, int which) {
    const engine_t *engine = &opt->engine;
    return engine->layers[which < REGISTRY_ENGINE_INNER ? engine->method_count + which
                                                        : engine->layer_count - REGISTRY_ENGINE_COUNT + which];
}

double handle_option_value(const optim_t *opt, enum handle_option option) {
    return layer_option(handle_engine_layer(opt, REGISTRY_ENGINE_GUARD), 0)[option];
}
