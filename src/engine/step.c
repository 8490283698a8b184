/* The services that a method or wrapper calls from advance and finish. */
#include <string.h>

#include "base/error.h"
#include "engine/engine.h"

group_t step_group(step_t *s, int i) {
    const engine_t *engine = s->engine;
    const layer_t *layer = s->layer;
    int group = layer->first_group;
    while (i > 0) {
        ++group;
        i -= layer_covers(layer, group);
    }
    const size_t sums = engine->tensor_count + (size_t)group;
    return (group_t){.option = layer_option(layer, group),
                     .t = s->t,
                     .scalar = layer->scalar + (size_t)group * layer->states,
                     .sum = layer->sums + sums * METHOD_SUMS,
                     .step = s,
                     .index = group};
}

double group_lr(const group_t *group) {
    const layer_t *owner = engine_owner(group->step->engine, group->index);
    const int lr = option_find(owner->method->options, "lr", 2);
    return lr < 0 ? 1 : layer_option(owner, group->index)[lr];
}

double group_step_size(const group_t *group) {
    const layer_t *owner = engine_owner(group->step->engine, group->index);
    double size = group_lr(group);
    for (size_t k = 0; k < owner->states; ++k) {
        const double *number = owner->scalar[(size_t)group->index * owner->states + k];
        if (number != NULL && strcmp(owner->method->states[k].name, "d") == 0)
            size *= *number;
    }
    return size;
}

/* Fills the scalars of every group of the layer. */
static void prepare(step_t *s, char *scalars) {
    const layer_t *layer = s->layer;
    if (layer->method->prepare == NULL)
        return;
    for (int g = 0; g < s->engine->group_count; ++g) {
        if (!layer_covers(layer, g))
            continue;
        const size_t sums = s->engine->tensor_count + (size_t)g;
        const group_t group = {.option = layer_option(layer, g),
                               .t = s->t,
                               .scalar = layer->scalar + (size_t)g * layer->states,
                               .sum = layer->sums + sums * METHOD_SUMS,
                               .step = s,
                               .index = g};
        layer->method->prepare(&group, scalars + (size_t)g * METHOD_SCALARS);
    }
}

/* Room for the scalars of entry `i` of a queue; the last one of each queue serves reductions and whole tensors. */
static char *scalars_of(engine_t *engine, const queue_t *queue, int i) {
    const size_t entry = (size_t)i + (queue == &engine->filters ? QUEUE_LENGTH + 1 : 0);
    return engine->scalars + entry * (size_t)engine->group_count * METHOD_SCALARS;
}

static void enqueue(step_t *s, queue_t *queue, int kernel) {
    queued_t *entry = &queue->entry[queue->count];
    *entry = (queued_t){s->layer, kernel, scalars_of(s->engine, queue, queue->count)};
    prepare(s, entry->scalars);
    ++queue->count;
}

void step_update(step_t *s, int kernel) {
    if (s->engine->updates.count == QUEUE_LENGTH)
        pass_flush(s->engine, NULL);
    enqueue(s, &s->engine->updates, kernel);
}

void step_project(engine_t *engine) {
    if (engine->updates.count == QUEUE_LENGTH)
        pass_flush(engine, NULL);
    engine->updates.entry[engine->updates.count++] = (queued_t){0};
}

void step_filter(step_t *s, int kernel) {
    enqueue(s, &s->engine->filters, kernel); /* a layer filters once an arrival: optim_wrap bounds their number */
}

char *step_prepare(step_t *s) {
    char *scalars = scalars_of(s->engine, &s->engine->updates, QUEUE_LENGTH);
    prepare(s, scalars);
    return scalars;
}

static const double *reduce(step_t *s, reduction_t reduction, int kernel, int count) {
    engine_t *engine = s->engine;
    pass_reduce(engine, s->layer, reduction, kernel, step_prepare(s), count);
    return s->layer->sums + (engine->tensor_count + (size_t)engine->group_count) * METHOD_SUMS;
}

const double *step_reduce(step_t *s, int kernel, int count) {
    return reduce(s, REDUCE_SUM, kernel, count);
}

const double *step_reduce_max(step_t *s, int kernel, int count) {
    return reduce(s, REDUCE_MAX, kernel, count);
}

void step_reduce_rows(step_t *s, int kernel) {
    (void)reduce(s, REDUCE_ROWS, kernel, 1);
}

void step_reduce_row_pairs(step_t *s, int kernel) {
    (void)reduce(s, REDUCE_ROWS, kernel, METHOD_ROW_SUMS);
}

void step_tensors(step_t *s, int kernel) {
    pass_tensors(s->engine, s->layer, kernel, step_prepare(s));
}

size_t step_element_count(const step_t *s) {
    return s->engine->element_count;
}

size_t step_tensor_count(const step_t *s) {
    return s->engine->tensor_count;
}

const tensor_t *step_tensor(const step_t *s, size_t tensor) {
    const tensor_t *found = &s->engine->tensors[tensor];
    return found->grad != NULL && layer_covers(s->layer, found->group) ? found : NULL;
}

const double *step_tensor_option(const step_t *s, size_t tensor) {
    return layer_option(s->layer, s->engine->tensors[tensor].group);
}

double *step_tensor_scalar(step_t *s, size_t tensor, int state) {
    return s->layer->slot[tensor * s->layer->states + (size_t)state].at;
}

const double *step_tensor_sum(const step_t *s, size_t tensor) {
    return s->layer->sums + tensor * METHOD_SUMS;
}

optim_status step_request(step_t *s, optim_status kind, int sample, int stage) {
    s->engine->sample = sample;
    s->engine->next_stage = stage;
    pass_flush(s->engine, NULL);
    return kind;
}

optim_status step_fail(step_t *s, optim_status status, const char *sentence) {
    return error_set(status, "%s: %s", s->layer->name, sentence);
}

optim_status step_reject(step_t *s) {
    s->engine->rejected = true;
    return OPTIM_ERR_NONFINITE;
}

uint64_t step_draws(step_t *s, uint64_t count) {
    const uint64_t first = s->engine->draws + 1;
    s->engine->draws += count;
    return first;
}
