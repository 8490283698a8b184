/* The services that a method or wrapper calls from advance and finish. */
#include <string.h>

#include "base/error.h"
#include "engine/tile.h"

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

/* The group with number `index` of the handle, or a cohort of it. */
static group_t group_of(step_t *s, int index, double t, double *const *scalar) {
    const size_t sums = s->engine->tensor_count + (size_t)index;
    return (group_t){.option = layer_option(s->layer, index),
                     .t = t,
                     .scalar = scalar,
                     .sum = s->layer->sums + sums * METHOD_SUMS,
                     .step = s,
                     .index = index};
}

static double *const *scalar_of(const layer_t *layer, int group) {
    return layer->scalar + (size_t)group * layer->states;
}

size_t step_cohort_count(const step_t *s) {
    return s->engine->cohort_count;
}

bool step_cohort(step_t *s, size_t i, group_t *cohort) {
    const cohort_t *c = &s->engine->cohorts[i];
    const bool is_ours = layer_covers(s->layer, c->group) && c->moves;
    if (is_ours)
        *cohort = group_of(s, c->group, (double)(c->steps + 1), c->scalar);
    return is_ours;
}

bool step_is_a_first(const step_t *s) {
    for (size_t i = 0; i < s->engine->cohort_count; ++i) {
        const cohort_t *c = &s->engine->cohorts[i];
        if (c->steps == 0 && c->moves && layer_covers(s->layer, c->group))
            return true;
    }
    return false;
}

group_t step_group(step_t *s, int i) {
    int group = s->layer->first_group;
    while (i > 0) {
        ++group;
        i -= layer_covers(s->layer, group);
    }
    return group_of(s, group, s->t, scalar_of(s->layer, group));
}

/* Fills the scalars of every cohort of the layer. Wrappers go by the handle's count: theirs is one state for all
   tensors. */
static void prepare(step_t *s, char *scalars) {
    const layer_t *layer = s->layer;
    if (layer->method->prepare == NULL)
        return;
    for (size_t c = 0; c < s->engine->cohort_count; ++c) {
        const int g = s->engine->cohorts[c].group;
        group_t group;
        if (!layer->is_method && layer_covers(layer, g))
            group = group_of(s, g, s->t, scalar_of(layer, g));
        else if (!layer->is_method || !step_cohort(s, c, &group))
            continue;
        layer->method->prepare(&group, scalars + c * METHOD_SCALARS);
    }
}

/* Room for the scalars of entry `i` of a queue; the last one of each queue serves reductions and whole tensors. */
static char *scalars_of(engine_t *engine, const queue_t *queue, int i) {
    const size_t entry = (size_t)i + (queue == &engine->filters ? QUEUE_LENGTH + 1 : 0);
    return engine->scalars + entry * engine->cohort_room * METHOD_SCALARS;
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

void step_prepare_output(step_t *s, const tensor_t *tensor, char scalars[METHOD_SCALARS]) {
    const layer_t *layer = s->layer;
    double *scalar[METHOD_STATES], *own = tensor->numbers;
    for (size_t k = 0; k < layer->states; ++k)
        scalar[k] = layer->method->states[k].shape == PER_COHORT ? tensor_number(s->engine, tensor, k, own++)
                                                                 : scalar_of(layer, tensor->group)[k];
    const double t = layer->is_method ? (double)tensor_steps(s->engine, tensor) : s->t;
    const group_t group = group_of(s, tensor->group, t, scalar);
    if (layer->method->prepare != NULL)
        layer->method->prepare(&group, scalars);
}

static const double *reduce(step_t *s, reduction_t reduction, int kernel, int count) {
    engine_t *engine = s->engine;
    pass_reduce(engine, s->layer, reduction, kernel, step_prepare(s), count);
    return s->layer->sums + (engine->tensor_count + (size_t)engine->group_count) * METHOD_SUMS;
}

const double *step_reduce(step_t *s, int kernel, int count) {
    return reduce(s, REDUCE_SUM, kernel, count);
}

void step_role_sums(const step_t *s, int role, int count, double *sums) {
    const engine_t *engine = s->engine;
    memset(sums, 0, (size_t)count * sizeof *sums);
    for (size_t i = 0; i < engine->tensor_count; ++i)
        for (int j = 0; engine->tensors[i].role == role && layer_takes(s->layer, &engine->tensors[i]) && j < count; ++j)
            sums[j] += s->layer->sums[i * METHOD_SUMS + (size_t)j];
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
    return layer_takes(s->layer, found) ? found : NULL;
}

double step_tensor_clock(const step_t *s, size_t tensor) {
    return (double)(tensor_steps(s->engine, &s->engine->tensors[tensor]) + 1);
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

optim_status step_ask(step_t *s, request_t request, int line) {
    s->engine->request = request;
    s->engine->next_line = line;
    pass_flush(s->engine, NULL);
    return request.kind;
}

optim_status step_fail(step_t *s, optim_status status, const char *sentence) {
    return error_set(status, "%s: %s", s->layer->name, sentence);
}

optim_status step_reject(step_t *s) {
    s->engine->rejected = true;
    return OPTIM_ERR_NONFINITE;
}
