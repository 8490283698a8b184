/*
 * Cohorts: tensors of one group and method that have taken equally many steps, so that one call of prepare serves them.
 *
 * A bias correction goes by the steps that a tensor has taken, and a tensor that was frozen for a while has taken fewer
 * than others of its group. To count for each tensor would be a walk over all of them in every step. So cohorts count,
 * and tensors take the count over only when one of them freezes or thaws:
 *
 *     a step             cohorts_count_step: cohort_t.steps and engine_t.uncollected grow
 *     optim_freeze       cohorts_collect: each tensor's own count and memory become those of its cohort
 *     the next step      cohorts_settle: tensors are sorted anew; equal group, method, count and memory are a cohort
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/engine.h"

static const char SORTING[] = "sorting the parameters by the steps that they have taken";

/* Bytes of the constants of so many cohorts: room for every entry of both queues and one more each. */
static size_t constants_bytes(const engine_t *engine, size_t count) {
    return count * 2 * (QUEUE_LENGTH + 1) * (size_t)engine->precision_count * engine->constants_bytes;
}

size_t cohorts_bytes(const engine_t *engine, size_t count) {
    return count * sizeof(cohort_t) + constants_bytes(engine, count);
}

void cohorts_free(engine_t *engine) {
    free(engine->cohorts);
    free(engine->constants);
    engine->cohorts = NULL;
    engine->constants = NULL;
    engine->cohort_count = engine->cohort_room = 0;
}

/* Room for so many; what is there is not kept. */
static optim_status make_room(engine_t *engine, size_t count) {
    if (count <= engine->cohort_room)
        return OPTIM_OK;
    cohort_t *cohorts = malloc(count * sizeof *cohorts);
    char *constants = memory_aligned(constants_bytes(engine, count));
    if (cohorts == NULL || constants == NULL) {
        free(cohorts);
        free(constants);
        return error_nomem(SORTING);
    }
    cohorts_free(engine);
    engine->cohorts = cohorts;
    engine->constants = constants;
    engine->cohort_room = count;
    return OPTIM_OK;
}

size_t cohorts_least(const engine_t *engine) {
    size_t count = 0;
    for (int l = 0; l < engine->method_count; ++l)
        count += (size_t)engine->stations[l]->groups;
    return count;
}

static bool is_primary(const tensor_t *tensor) {
    return tensor->owner->values[tensor->group].primary == NULL;
}

/* The order of tensors: by group, by method, those that are not frozen first, those with most steps first; those that
 * remember the same stand together. */
static int by_cohort(const void *left, const void *right) {
    const tensor_t *a = *(tensor_t *const *)left, *b = *(tensor_t *const *)right;
    const bool frozen_a = tensor_is_frozen(a), frozen_b = tensor_is_frozen(b);
    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    if (is_primary(a) != is_primary(b))
        return is_primary(a) ? -1 : 1;
    if (frozen_a != frozen_b)
        return frozen_a ? 1 : -1;
    if (a->steps != b->steps)
        return a->steps > b->steps ? -1 : 1;
    return a->cohort_bytes == 0 ? 0 : memcmp(a->cohort_memory, b->cohort_memory, a->cohort_bytes);
}

/* Whether the tensor begins a cohort, after `last` in the order. Nothing counts a frozen one's steps: it goes with
   any. */
static bool begins(const tensor_t *last, const tensor_t *tensor) {
    if (last == NULL || last->group != tensor->group || last->owner != tensor->owner)
        return true;
    return !tensor_is_frozen(tensor) && by_cohort(&last, &tensor) != 0;
}

/* A cohort begins with this tensor, and remembers what the tensor does. The group has a place for that of its first. */
static void begin_cohort(cohort_t *cohort, const tensor_t *tensor, bool first_of_group) {
    const station_t *owner = tensor->owner;
    *cohort = (cohort_t){.group = tensor->group,
                         .owner = owner,
                         .moves = !tensor_is_frozen(tensor),
                         .steps = tensor->steps,
                         .memory = tensor->cohort_memory};
    if (first_of_group && tensor->cohort_bytes > 0) {
        cohort->memory = owner->cohort_memory[tensor->group];
        memcpy(cohort->memory, tensor->cohort_memory, tensor->cohort_bytes);
    }
}

static optim_status sort_tensors(engine_t *engine, tensor_t **order) {
    const size_t least = cohorts_least(engine);
    size_t count = 0;
    for (size_t i = 0; i < engine->tensor_count; ++i)
        order[i] = &engine->tensors[i];
    if (engine->tensor_count > 0)
        qsort(order, engine->tensor_count, sizeof *order, by_cohort);
    for (size_t i = 0; i < engine->tensor_count; ++i)
        count += begins(i == 0 ? NULL : order[i - 1], order[i]);
    const optim_status status = make_room(engine, count < least ? least : count); /* as plan_measure says */
    if (status != OPTIM_OK)
        return status;
    engine->cohort_count = 0;
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        const tensor_t *last = i == 0 ? NULL : order[i - 1];
        if (begins(last, order[i]))
            begin_cohort(&engine->cohorts[engine->cohort_count++], order[i],
                         last == NULL || last->group != order[i]->group || last->owner != order[i]->owner);
        order[i]->cohort = engine->cohort_count - 1;
    }
    return OPTIM_OK;
}

/* Takes the states of tensors that have got their first gradient; `taken` lists those. */
static optim_status take_states(engine_t *engine, tensor_t **taken, size_t *count) {
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        tensor_t *tensor = &engine->tensors[i];
        if (tensor_is_frozen(tensor) || tensor->states_taken)
            continue;
        const optim_status status = plan_take_states(engine, tensor);
        if (status != OPTIM_OK)
            return status;
        taken[(*count)++] = tensor;
    }
    return OPTIM_OK;
}

/* The tensor takes over what its cohort has come to remember. */
static void take_memory(const engine_t *engine, const tensor_t *tensor) {
    const void *memory = engine->cohorts[tensor->cohort].memory;
    if (tensor->cohort_bytes > 0 && memory != tensor->cohort_memory)
        memcpy(tensor->cohort_memory, memory, tensor->cohort_bytes);
}

void cohorts_collect(engine_t *engine) {
    for (size_t i = 0; engine->uncollected > 0 && i < engine->tensor_count; ++i) {
        tensor_t *tensor = &engine->tensors[i];
        if (tensor_is_frozen(tensor))
            continue;
        tensor->steps += engine->uncollected;
        take_memory(engine, tensor);
    }
    engine->uncollected = 0;
}

optim_status cohorts_settle(engine_t *engine) {
    tensor_t **lists = malloc((2 * engine->tensor_count + 1) * sizeof *lists);
    if (lists == NULL)
        return error_nomem(SORTING);
    tensor_t **taken = lists, **order = lists + engine->tensor_count;
    size_t count = 0;
    optim_status status = take_states(engine, taken, &count);
    if (status == OPTIM_OK)
        status = sort_tensors(engine, order);
    for (size_t i = 0; status != OPTIM_OK && i < count; ++i)
        plan_drop_states(engine, taken[i]);
    free(lists);
    engine->unsettled = status != OPTIM_OK;
    return status;
}

/* By cohorts alone: a walk over many small tensors would cost as much as their step. */
void cohorts_count_step(engine_t *engine) {
    cohorts_uncount_steps(engine, -1);
}

void cohorts_uncount_steps(engine_t *engine, int64_t steps) {
    engine->uncollected -= steps;
    for (size_t c = 0; c < engine->cohort_count; ++c)
        engine->cohorts[c].steps -= steps;
}
