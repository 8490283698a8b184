/*
 * How large states are. Whoever must know, to measure, place, save or compare, asks slots_fill: only one answer cannot
 * contradict itself. What it multiplies comes from callers and options, so every product is checked for overflow.
 */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/slots.h"
#include "engine/storage.h"

double method_option(const method_t *method, const char *name, const double *option) {
    return option[option_find(method->options, name, strlen(name))];
}

size_t state_copies(const method_t *method, const state_t *state, const double *option) {
    if (state->when != NULL && method_option(method, state->when, option) == 0)
        return 0;
    if (state->copies != NULL)
        return size_of_number(method_option(method, state->copies, option));
    return 1;
}

size_t engine_constraints(const engine_t *engine) {
    return (size_t)engine->equalities + (size_t)engine->inequalities;
}

static size_t elements_of_second_role(const engine_t *engine) {
    size_t count = 0;
    for (size_t i = 0; i < engine->tensor_count; ++i)
        count += engine->tensors[i].role == 1 ? engine->tensors[i].count : 0;
    return count;
}

static size_t elements_of(const engine_t *engine, const method_t *method) {
    size_t count = 0;
    for (size_t i = 0; i < engine->tensor_count; ++i)
        count += engine->tensors[i].owner->method == method ? engine->tensors[i].count : 0;
    return count;
}

size_t engine_each(const engine_t *engine, const method_t *method, state_each_t each) {
    switch (each) {
    case EACH_COMPONENT:
        return (size_t)engine->components;
    case EACH_PAIR: /* what is too large stays so: see check_problem */
        return engine->components > UINT32_MAX ? SIZE_MAX : (size_t)engine->components * (size_t)engine->components;
    case EACH_CONSTRAINT:
        return engine_constraints(engine);
    case EACH_INEQUALITY:
        return (size_t)engine->inequalities;
    case EACH_RESIDUAL:
        return (size_t)engine->residuals;
    case EACH_OF_SECOND_ROLE:
        return elements_of_second_role(engine);
    case EACH_ELEMENT:
        return elements_of(engine, method);
    default:
        return 1;
    }
}

size_t station_copies(const engine_t *engine, const station_t *station, const state_t *state, const double *option) {
    return state_copies(station->method, state, option) * engine_each(engine, station->method, state->each);
}

/* How many first moments the tensor's method keeps. */
static size_t tensor_moments(const engine_t *engine, const tensor_t *tensor) {
    const station_t *owner = tensor->owner;
    const double *option = station_option(owner, tensor->group);
    size_t count = 0;
    for (const state_t *state = owner->method->states; state != NULL && state->name != NULL; ++state)
        if (state->role == FIRST_MOMENT && state->shape == LIKE_PARAM &&
            (state->exists == NULL || state->exists(tensor, option)))
            count += station_copies(engine, owner, state, option);
    return count;
}

/* Copies of this state that the tensor has. */
static size_t tensor_copies(const engine_t *engine, const station_t *station, const state_t *state,
                            const tensor_t *tensor, const double *option) {
    if (option == NULL || (state->exists != NULL && !state->exists(tensor, option)))
        return 0;
    return state->per_moment ? tensor_moments(engine, tensor) : station_copies(engine, station, state, option);
}

bool state_is_undone(const engine_t *engine, const station_t *station, const state_t *state) {
    return state->undone || (state_is_kept(state) && engine_rewinds(engine, station));
}

bool state_is_by_element(const state_t *state) {
    return state->shape == LIKE_PARAM && state->every == NULL;
}

size_t state_stride(const method_t *method, const state_t *state, const double *option) {
    return state->every == NULL ? 1 : size_of_number(method_option(method, state->every, option));
}

size_t state_count(const state_t *states) {
    size_t count = 0;
    while (states != NULL && states[count].name != NULL)
        ++count;
    return count;
}

size_t state_skew(const tensor_t *tensor, size_t state) {
    enum { LONG = 1 << 16, PAGE_LINES = 64, STEP_LINES = 13 };
    return tensor->count < LONG ? 0 : (state + 1) * STEP_LINES % PAGE_LINES * MEMORY_ALIGNMENT;
}

int state_dims(const state_t *state, const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    return state->dims(tensor, option, axis, dims);
}

/* ---- Slots ---- */

/* Elements of SHAPED or one axis of PER_AXIS; *has: whether there are any. False: overflow. */
static bool shaped_elements(const state_t *state, const tensor_t *tensor, const double *option, int axis, bool *has,
                            size_t *elements) {
    int64_t dims[TENSOR_DIMS + 1];
    const int ndim = state_dims(state, tensor, option, axis, dims);
    *has = ndim >= 0;
    *elements = 1;
    for (int i = 0; i < ndim; ++i)
        if (dims[i] == 0)
            *elements = 0; /* however long the others are */
    for (int i = 0; i<ndim && * elements> 0; ++i)
        if (!size_multiply(*elements, (size_t)dims[i], elements))
            return false;
    return true;
}

/* Bytes that elements of this state take, whole cache lines. */
static size_t form_bytes(const slot_t *slot, const tensor_t *tensor, size_t elements) {
    return storage_bytes((stored_t)slot->form, tensor, elements);
}

size_t state_axis_bytes(const state_t *state, const tensor_t *tensor, const double *option, int axis) {
    bool has;
    size_t elements;
    const slot_t plain = {.form = (uint8_t)storage_plain(state->type)};
    return shaped_elements(state, tensor, option, axis, &has, &elements) && has ? form_bytes(&plain, tensor, elements)
                                                                                : 0;
}

/* The axes of a PER_AXIS state lie one after the other: that is its one copy. */
static bool fill_axes(const state_t *state, const tensor_t *tensor, const double *option, slot_t *slot) {
    slot->copies = 0;
    for (int axis = 0; axis < tensor_axes(tensor); ++axis) {
        bool has;
        size_t elements;
        if (!shaped_elements(state, tensor, option, axis, &has, &elements))
            return false;
        const size_t bytes = has ? form_bytes(slot, tensor, elements) : 0;
        if (bytes == SIZE_MAX || !size_add(slot->bytes, bytes, &slot->bytes) ||
            !size_add(slot->elements, elements, &slot->elements))
            return false;
        slot->copies |= has;
    }
    return true;
}

static bool fill_shaped(const state_t *state, const tensor_t *tensor, const double *option, slot_t *slot) {
    bool has;
    if (!shaped_elements(state, tensor, option, 0, &has, &slot->elements))
        return false;
    slot->copies = has ? slot->copies : 0;
    slot->bytes = form_bytes(slot, tensor, slot->elements);
    return slot->bytes != SIZE_MAX;
}

static bool fill(const engine_t *engine, const station_t *station, const state_t *state, const tensor_t *tensor,
                 const double *option, slot_t *slot) {
    *slot = (slot_t){.by_element = state_is_by_element(state),
                     .nonnegative = state->nonnegative,
                     .keep_sign = storage_keeps_sign(tensor),
                     .kept = state_is_kept(state)};
    const size_t copies = tensor_copies(engine, station, state, tensor, option);
    if (copies > UINT32_MAX)
        return false;
    slot->copies = (uint32_t)copies;
    if (copies == 0)
        return true;
    slot->form = (uint8_t)storage_form(engine, station, state, tensor);
    slot->widened = slot->by_element && slot->form != STORED_REAL;
    if (state->shape == PER_AXIS)
        return fill_axes(state, tensor, option, slot);
    if (state->shape == SHAPED)
        return fill_shaped(state, tensor, option, slot);
    const size_t stride = state_stride(station->method, state, option);
    slot->elements = tensor->count / stride + (tensor->count % stride != 0);
    slot->bytes = form_bytes(slot, tensor, slot->elements);
    return slot->bytes != SIZE_MAX;
}

bool slots_fill(const engine_t *engine, const station_t *station, const tensor_t *tensor, const double *option,
                slot_t *slots) {
    const state_t *states = station->method->states;
    for (size_t k = 0; states != NULL && states[k].name != NULL; ++k)
        if (!fill(engine, station, &states[k], tensor, option, &slots[k]))
            return false;
    return true;
}

bool slots_differ(const engine_t *engine, const station_t *station, const tensor_t *tensor, const double *option) {
    slot_t would[METHOD_STATES] = {{0}};
    const slot_t *has = &station->slot[tensor->id * station->states];
    if (!slots_fill(engine, station, tensor, option, would))
        return true;
    for (size_t k = 0; k < station->states; ++k)
        if (state_has_memory(&station->method->states[k], tensor) &&
            (would[k].copies != has[k].copies || would[k].bytes != has[k].bytes || would[k].form != has[k].form))
            return true;
    return false;
}

void *tile_axis(const tile_t *t, int state, int axis) {
    char *at = t->state[state];
    const size_t begin = at == NULL ? SIZE_MAX : t->slot[state].axis[axis];
    return begin == SIZE_MAX ? NULL : at + begin;
}

/* ---- Measuring ---- */

/* Adds the bytes of the slot, each copy on its own cache lines, and of the few lines before it that state_skew says.
 * False: overflow. */
static bool slot_add(const slot_t *slot, bool undone, size_t skew, size_t *arena, size_t *kept) {
    size_t bytes, both = 1 + (size_t)undone;
    if (!size_multiply(slot->bytes, slot->copies, &bytes) || (slot->kept && !size_add(*kept, bytes, kept)))
        return false;
    return size_multiply(bytes, both, &bytes) && size_add(bytes, skew, &bytes) && size_add(*arena, bytes, arena) &&
           *arena < PTRDIFF_MAX;
}

static optim_status too_large(const station_t *station, const tensor_t *tensor) {
    return error_set(OPTIM_ERR_SIZE, "the state of \"%s\" for parameter \"%s\" is larger than memory can be",
                     station->name, tensor->name);
}

optim_status states_measure(const engine_t *engine, const tensor_t *tensor, size_t *bytes, size_t *kept) {
    *bytes = *kept = 0;
    for (int l = 0; l < engine_keepers(engine); ++l) {
        const station_t *station = engine_keeper(engine, l);
        const state_t *states = station->method->states;
        slot_t slot[METHOD_STATES] = {{0}};
        if (!station_has(station, tensor))
            continue;
        if (!slots_fill(engine, station, tensor, station_option(station, tensor->group), slot))
            return too_large(station, tensor);
        for (size_t k = 0; k < state_count(states); ++k)
            if (!state_has_memory(&states[k], tensor) &&
                !slot_add(&slot[k], state_is_undone(engine, station, &states[k]),
                          slot[k].copies == 0 ? 0 : state_skew(tensor, k), bytes, kept))
                return too_large(station, tensor);
    }
    return OPTIM_OK;
}

/* What kernels need is counted for frozen tensors too, which may thaw. */
static bool needs_of_states(const engine_t *engine, const station_t *station, const tensor_t *tensor, needs_t *needs) {
    const state_t *states = station->method->states;
    slot_t slot[METHOD_STATES] = {{0}};
    size_t widened = station->method->moment_kernel != 0 ? 1 : 0;
    if (!slots_fill(engine, station, tensor, station_option(station, tensor->group), slot))
        return false;
    for (size_t k = 0; k < state_count(states); ++k) {
        widened += slot[k].widened ? slot[k].copies : 0;
        needs->has_codes |= stored_is_codes(slot[k].form);
        needs->axes += states[k].shape == PER_AXIS ? (size_t)tensor_axes(tensor) : 0;
        if (state_has_memory(&states[k], tensor) &&
            !slot_add(&slot[k], state_is_undone(engine, station, &states[k]),
                      slot[k].copies == 0 ? 0 : state_skew(tensor, k), &needs->arena, &needs->kept))
            return false;
    }
    needs->widened = widened > needs->widened ? widened : needs->widened;
    return true;
}

static void room_enlarge(room_t *room, size_t work, size_t whole) {
    room->work = work > room->work ? work : room->work;
    room->whole = whole > room->whole ? whole : room->whole;
}

static bool needs_of_tensor(const engine_t *engine, const station_t *station, const tensor_t *tensor, needs_t *needs) {
    const double *option = station_option(station, tensor->group);
    if (!station_has(station, tensor))
        return true;
    if (!needs_of_states(engine, station, tensor, needs))
        return false;
    if (tensor_is_whole(tensor, station->method)) {
        const size_t reals = station->method->workspace == NULL ? 0 : station->method->workspace(tensor, option);
        size_t work;
        if (!size_multiply(reals, tensor_real(tensor), &work) || work > PTRDIFF_MAX / 2)
            return false;
        room_enlarge(tensor_is_small(tensor) ? &needs->small : &needs->large, work,
                     tensor->count * tensor_real(tensor));
    }
    size_t whole, work;
    if (!mapping_needs(engine, station, tensor, &whole, &work))
        return false;
    room_enlarge(&needs->large, work, whole);
    return true;
}

static bool has_short_state(const engine_t *engine, const tensor_t *tensor) {
    for (int l = 0; l < engine_keepers(engine); ++l) {
        const station_t *station = engine_keeper(engine, l);
        slot_t slot[METHOD_STATES] = {{0}};
        if (!station_has(station, tensor) ||
            !slots_fill(engine, station, tensor, station_option(station, tensor->group), slot))
            continue; /* what overflows is refused by needs_of */
        for (size_t k = 0; k < state_count(station->method->states); ++k)
            if (slot[k].widened)
                return true;
    }
    return false;
}

/* Tiles hold whole blocks of states in codes; those that are widened stay in the first-level cache. */
static void tile_measure(const engine_t *engine, tensor_t *tensor) {
    const bool widened =
        dtype_size(tensor->dtype) == 2 || tensor->grad_dtype != tensor->dtype || has_short_state(engine, tensor);
    const size_t longest = widened ? WIDENED_ELEMENTS : TILE_ELEMENTS;
    tensor->tile = (longest < tensor->block ? tensor->block : longest) / tensor->block * tensor->block;
    tensor->piece = widened ? tensor->tile : PIECE_ELEMENTS;
}

static void tensors_measure(const engine_t *engine) {
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        tensor_t *tensor = &engine->tensors[i];
        tensor->states_taken = !tensor_is_frozen(tensor);
        tensor->block = storage_block(engine, tensor);
        tile_measure(engine, tensor);
    }
}

/* Refuses more components or constraints than can be counted: the plan does not check each of its own sums. */
static optim_status check_problem(const engine_t *engine, const station_t *station) {
    const size_t most = PTRDIFF_MAX / (METHOD_STATES * METHOD_STATES * sizeof(double));
    if (((station->method->flags & NEEDS_COMPONENTS) && (size_t)engine->components > most) ||
        engine_constraints(engine) > most)
        return error_set(OPTIM_ERR_SIZE, "\"%s\": there are more components or constraints than memory can hold",
                         station->name);
    for (const state_t *state = station->method->states; state != NULL && state->name != NULL; ++state)
        if (state->each != EACH_ONCE && state->each != EACH_ELEMENT &&
            engine_each(engine, station->method, state->each) > (most < UINT32_MAX ? most : UINT32_MAX))
            return error_set(OPTIM_ERR_SIZE,
                             "\"%s\" cannot keep \"%s\" for so many components, constraints or parameters",
                             station->name, state->name);
    for (const field_t *field = station->method->fields; field_is_row(field); ++field)
        if (engine_each(engine, station->method, field->each) > most)
            return error_set(OPTIM_ERR_SIZE,
                             "\"%s\" cannot keep \"%s\" for so many components, constraints or parameters",
                             station->name, field->name);
    return OPTIM_OK;
}

static bool is_whole_to_its_method(const tensor_t *tensor) {
    return tensor_is_whole(tensor, tensor->owner->method);
}

optim_status needs_of(const engine_t *engine, needs_t *needs) {
    enum { WHOLE_EFFORT = 16 }; /* an element is worth so many of those that are only updated */
    *needs = (needs_t){0};
    for (int l = 0; l < engine->station_count; ++l) {
        const optim_status status = check_problem(engine, engine->stations[l]);
        if (status != OPTIM_OK)
            return status;
        needs->orders = needs->orders || (engine->stations[l]->method->flags & NEEDS_COMPONENTS);
    }
    tensors_measure(engine);
    for (int l = 0; l < engine_keepers(engine); ++l) {
        needs->sums_rows = needs->sums_rows || (engine_keeper(engine, l)->method->flags & SUMS_ROWS);
        for (size_t i = 0; i < engine->tensor_count; ++i)
            if (!needs_of_tensor(engine, engine_keeper(engine, l), &engine->tensors[i], needs))
                return too_large(engine_keeper(engine, l), &engine->tensors[i]);
        size_t whole, work;
        if (!compression_needs(engine, engine_keeper(engine, l), &whole, &work))
            return error_set(OPTIM_ERR_SIZE, "\"%s\": all parameters in one row are more than memory can hold",
                             engine_keeper(engine, l)->name);
        room_enlarge(&needs->large, work, whole);
    }
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        const tensor_t *tensor = &engine->tensors[i];
        needs->tiles += tensor->count / tensor->tile + (tensor->count % tensor->tile != 0);
        needs->rows += tensor_rows(tensor);
        needs->effort += tensor->count * (is_whole_to_its_method(tensor) ? WHOLE_EFFORT : 1);
    }
    return OPTIM_OK;
}
