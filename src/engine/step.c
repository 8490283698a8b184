/*
 * The services that a method or wrapper calls from advance and finish. optimizer/step.c says how a step goes from
 * station to station, and pass.c what a pass does; what lies between is here: how a call becomes an entry of a queue.
 *
 *     step_update(s, MOVE, &arguments)
 *         |
 *         |    the station's prepare, for each cohort and precision --> constants[queue][entry][cohort][precision]
 *         |    a copy of the arguments                              --> arguments[queue][entry]
 *         v
 *     queue_t.entry: | kernel | kernel | map | ... |     run by pass_flush, in this order, on every tile
 *
 * Constants and arguments are taken when the kernel is queued and not when it runs, because advance goes on meanwhile
 * and may change its numbers and local variables. Each entry of the two queues therefore has room of its own for both,
 * taken with the plan. Behind the last entry there is one room more, for kernels that are not queued because somebody
 * waits for their result: reductions, work on whole tensors, outputs.
 *
 * Serial work tensor by tensor (step_tensor and its kin) sees what the station keeps of each, and no elements.
 */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "engine/tile.h"

double engine_lr(const engine_t *engine, int group) {
    const station_t *owner = engine_owner(engine, group);
    const int lr = option_find(owner->method->options, "lr", 2);
    return lr < 0 ? 1 : station_option(owner, group)[lr];
}

double group_lr(const group_t *group) {
    return engine_lr(group->step->engine, group->index);
}

double group_step_size(const group_t *group) {
    const station_t *owner = engine_owner(group->step->engine, group->index);
    double size = group_lr(group);
    for (const field_t *field = owner->method->fields; field_is_row(field); ++field)
        if (field->step_factor)
            size *= field_get(field, field_memory(owner, field, group->index, NULL), 0);
    return size;
}

/* The group with number `index` of the handle, or a cohort of it that remembers `memory`. */
static group_t group_of(step_t *s, int index, double t, void *memory) {
    const station_t *station = s->station;
    const size_t sums = s->engine->tensor_count + (size_t)index;
    return (group_t){.option = station_option(station, index),
                     .t = t,
                     .memory = station_memory(station),
                     .group_memory = station->group_memory == NULL ? NULL : station->group_memory[index],
                     .cohort_memory = memory,
                     .sum = station->sums + sums * METHOD_SUMS,
                     .step = s,
                     .index = index};
}

/* The group as a whole: what it remembers as a cohort is its first cohort's. */
static group_t whole_group(step_t *s, int index) {
    const station_t *station = s->station;
    return group_of(s, index, s->t, station->cohort_memory == NULL ? NULL : station->cohort_memory[index]);
}

size_t step_cohort_count(const step_t *s) {
    return s->engine->cohort_count;
}

bool step_cohort(step_t *s, size_t i, group_t *cohort) {
    const cohort_t *c = &s->engine->cohorts[i];
    const bool is_ours = c->owner == s->station && c->moves;
    if (is_ours)
        *cohort = group_of(s, c->group, (double)(c->steps + 1), c->memory);
    return is_ours;
}

bool step_is_a_first(const step_t *s) {
    for (size_t i = 0; i < s->engine->cohort_count; ++i) {
        const cohort_t *c = &s->engine->cohorts[i];
        if (c->steps == 0 && c->moves && c->owner == s->station)
            return true;
    }
    return false;
}

group_t step_group(step_t *s, int i) {
    int group = s->station->first_group;
    while (i > 0) {
        ++group;
        i -= station_covers(s->station, group);
    }
    return whole_group(s, group);
}

/* Fills what the tensors of a cohort share, in each precision that there is. */
static void prepare_cohort(const step_t *s, const group_t *group, char *constants) {
    const engine_t *engine = s->engine;
    const int first = engine->precision_count > 1 ? PRECISION_F32 : engine->precision;
    for (int i = 0; i < engine->precision_count; ++i)
        s->station->base.precision[first + i]->prepare(group, constants + (size_t)i * engine->constants_bytes);
}

/* Fills the constants of every cohort of the station. Wrappers go by the handle's count: theirs is one state for all
   tensors. */
static void prepare(step_t *s, char *constants) {
    const station_t *station = s->station;
    const engine_t *engine = s->engine;
    const size_t each = (size_t)engine->precision_count * engine->constants_bytes;
    if (station->method->prepare == NULL)
        return;
    for (size_t c = 0; c < engine->cohort_count; ++c) {
        const int g = engine->cohorts[c].group;
        group_t group;
        if (!station->is_method && station_covers(station, g))
            group = whole_group(s, g);
        else if (!station->is_method || !step_cohort(s, c, &group))
            continue;
        prepare_cohort(s, &group, constants + c * each);
    }
}

/* The number of the room for entry `i` of this queue; i = QUEUE_LENGTH: for what is not queued. */
static size_t room_of(const engine_t *engine, const queue_t *queue, int i) {
    return (size_t)i + (queue == &engine->filters ? QUEUE_LENGTH + 1 : 0);
}

static char *constants_of(const engine_t *engine, size_t room) {
    return engine->constants + room * engine->cohort_room * (size_t)engine->precision_count * engine->constants_bytes;
}

/* The call, with what it takes in entry `i`'s room. */
static call_t make_call(step_t *s, const queue_t *queue, int i, int kernel, const void *arguments) {
    const engine_t *engine = s->engine;
    const size_t room = room_of(engine, queue, i);
    char *constants = constants_of(engine, room), *copy = engine->arguments + room * engine->arguments_bytes;
    prepare(s, constants);
    if (arguments != NULL)
        memcpy(copy, arguments, s->station->method->arguments[kernel]);
    return (call_t){s->station, kernel, constants, arguments == NULL ? NULL : copy};
}

call_t step_call(step_t *s, int kernel, const void *arguments) {
    return make_call(s, &s->engine->updates, QUEUE_LENGTH, kernel, arguments);
}

static void enqueue(step_t *s, queue_t *queue, int kernel, const void *arguments) {
    queue->entry[queue->count] = make_call(s, queue, queue->count, kernel, arguments);
    ++queue->count;
}

void step_update(step_t *s, int kernel, const void *arguments) {
    if (s->engine->updates.count == QUEUE_LENGTH)
        pass_flush(s->engine, NULL);
    enqueue(s, &s->engine->updates, kernel, arguments);
}

void step_project(engine_t *engine) {
    if (engine->updates.count == QUEUE_LENGTH)
        pass_flush(engine, NULL);
    engine->updates.entry[engine->updates.count++] = (call_t){0};
}

void engine_bounds_read(const engine_t *engine, const tensor_t *tensor, const void *bounds, double otherwise,
                        size_t first, size_t n, double *out) {
    for (size_t i = 0; i < n; ++i)
        out[i] = otherwise;
    const optim_dtype dtype = engine_own_dtype(engine, tensor);
    if (bounds != NULL)
        engine->primitives->load_f64(dtype, n, (const char *)bounds + first * dtype_size(dtype), out);
}

void step_filter(step_t *s, int kernel, const void *arguments) {
    /* there is room: a station filters once for each gradient that arrives, and optim_wrap bounds their number */
    enqueue(s, &s->engine->filters, kernel, arguments);
}

const char *step_prepare_output(step_t *s, const tensor_t *tensor) {
    const station_t *station = s->station;
    const engine_t *engine = s->engine;
    char *constants = constants_of(engine, room_of(engine, &engine->filters, QUEUE_LENGTH));
    const double t = station->is_method ? (double)tensor_steps(engine, tensor) : s->t;
    const group_t group = group_of(s, tensor->group, t, tensor_cohort_memory(engine, tensor));
    if (station->method->prepare != NULL)
        station->base.precision[tensor_precision(tensor)]->prepare(&group, constants);
    return constants;
}

static const double *reduce(step_t *s, reduction_t reduction, int kernel, const void *arguments, int count) {
    const engine_t *engine = s->engine;
    const call_t call = step_call(s, kernel, arguments);
    pass_reduce(s->engine, &call, reduction, count);
    return s->station->sums + (engine->tensor_count + (size_t)engine->group_count) * METHOD_SUMS;
}

const double *step_reduce(step_t *s, int kernel, const void *arguments, int count) {
    return reduce(s, REDUCE_SUM, kernel, arguments, count);
}

const double *step_sums(step_t *s, int kernel, const void *arguments, int count) {
    return reduce(s, REDUCE_OWN, kernel, arguments, count);
}

void step_sums_by_tensor(step_t *s, int kernel, int count, int update) {
    const call_t call = step_call(s, kernel, NULL);
    call_t then = call;
    then.kernel = update;
    if (!pass_sums_then(s->engine, &call, count, &then))
        return;
    step_update(s, update, NULL);
    s->engine->updates.entry[s->engine->updates.count - 1].is_rest = true;
}

void step_role_sums(const step_t *s, int role, int count, double *sums) {
    const engine_t *engine = s->engine;
    memset(sums, 0, (size_t)count * sizeof *sums);
    for (size_t i = 0; i < engine->tensor_count; ++i)
        for (int j = 0; engine->tensors[i].role == role && station_takes(s->station, &engine->tensors[i]) && j < count;
             ++j)
            sums[j] += s->station->sums[i * METHOD_SUMS + (size_t)j];
}

const double *step_reduce_max(step_t *s, int kernel, const void *arguments, int count) {
    return reduce(s, REDUCE_MAX, kernel, arguments, count);
}

void step_reduce_rows(step_t *s, int kernel, const void *arguments, int count) {
    (void)reduce(s, REDUCE_ROWS, kernel, arguments, count);
}

void step_tensors(step_t *s, int kernel, const void *arguments) {
    const call_t call = step_call(s, kernel, arguments);
    pass_tensors(s->engine, &call);
}

void step_tensors_in_turn(step_t *s, int kernel, const void *arguments) {
    const call_t call = step_call(s, kernel, arguments);
    pass_tensors_in_turn(s->engine, &call);
}

size_t step_element_count(const step_t *s) {
    return s->engine->element_count;
}

size_t step_own_elements(const step_t *s) {
    return s->station->own_elements;
}

size_t step_own_parameters(const step_t *s) {
    size_t count = 0;
    for (size_t i = 0; i < step_tensor_count(s); ++i)
        count += step_parameter(s, i) != NULL && step_parameter(s, i)->count > 0;
    return count;
}

size_t step_tensor_count(const step_t *s) {
    return s->engine->tensor_count;
}

const tensor_t *step_tensor(const step_t *s, size_t tensor) {
    const tensor_t *found = &s->engine->tensors[tensor];
    return station_takes(s->station, found) ? found : NULL;
}

const tensor_t *step_parameter(const step_t *s, size_t tensor) {
    const tensor_t *found = &s->engine->tensors[tensor];
    return !s->station->is_method || found->owner == s->station ? found : NULL;
}

void step_parameter_read(const step_t *s, size_t tensor, size_t first, size_t n, double *room) {
    const tensor_t *found = &s->engine->tensors[tensor];
    s->engine->primitives->load_f64(found->dtype, n, (const char *)found->data + first * dtype_size(found->dtype),
                                    room);
}

void *step_state(const step_t *s, size_t tensor, int row, size_t *stride) {
    const slot_t *slot = &s->station->slot[tensor * s->station->states + (size_t)row];
    *stride = slot->bytes;
    return slot->at;
}

bool step_has_box(const step_t *s) {
    return s->engine->boxed;
}

void step_into_box(step_t *s) {
    step_project(s->engine);
}

void step_bounds_read(const step_t *s, size_t tensor, size_t first, size_t n, double *lower, double *upper) {
    const tensor_t *found = &s->engine->tensors[tensor];
    engine_bounds_read(s->engine, found, found->lower, -HUGE_VAL, first, n, lower);
    engine_bounds_read(s->engine, found, found->upper, HUGE_VAL, first, n, upper);
}

double step_tensor_clock(const step_t *s, size_t tensor) {
    return (double)(tensor_steps(s->engine, &s->engine->tensors[tensor]) + 1);
}

const double *step_tensor_option(const step_t *s, size_t tensor) {
    return station_option(s->station, s->engine->tensors[tensor].group);
}

void *step_tensor_memory(step_t *s, size_t tensor) {
    return s->station->tensor_memory[tensor];
}

const double *step_tensor_sum(const step_t *s, size_t tensor) {
    return s->station->sums + tensor * METHOD_SUMS;
}

/* Whether what is asked for may be at another point than the one that the step began at. */
static bool goes_elsewhere(const station_t *station) {
    for (size_t k = 0; k < station->states; ++k)
        if (station->method->states[k].role == RESTORE_POINT)
            return true;
    return false;
}

static bool has_bounds(const engine_t *engine) {
    for (size_t i = 0; i < engine->tensor_count; ++i)
        if (engine->tensors[i].lower != NULL || engine->tensors[i].upper != NULL)
            return true;
    return false;
}

/* Nothing is evaluated outside a box: methods that know of none are asked to make do with the nearest point inside. */
optim_status step_ask(step_t *s, request_t request, int line) {
    const bool knows_box = s->station->method->flags & KEEPS_BOX;
    const pass_end_t end = {.project = !knows_box && has_bounds(s->engine) && goes_elsewhere(s->station)};
    s->engine->request = request;
    s->engine->next_line = line;
    pass_flush(s->engine, &end);
    return request.kind;
}

optim_status step_inner(step_t *s, int kernel, const void *arguments) {
    pass_flush(s->engine, NULL);
    s->engine->filters.count = 0;
    step_filter(s, kernel, arguments);
    return s->engine->take_inner(s->engine, s->loss);
}

void step_rewind(step_t *s) {
    pass_flush(s->engine, NULL);
    s->engine->rewind(s->engine);
}

optim_status step_fail(step_t *s, optim_status status, const char *sentence) {
    return error_set(status, "%s: %s", s->station->name, sentence);
}

optim_status step_reject(step_t *s) {
    s->engine->rejected = true;
    return OPTIM_ERR_NONFINITE;
}
