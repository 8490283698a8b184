/* How much memory the states and the scratch of a handle take. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/sizes.h"
#include "engine/storage.h"

double method_option(const method_t *method, const char *name, const double *option) {
    return option[option_find(method->options, name, strlen(name))];
}

size_t state_copies(const method_t *method, const state_t *state, const double *option) {
    if (state->when != NULL && method_option(method, state->when, option) == 0)
        return 0;
    if (state->copies != NULL)
        return size_of_number(method_option(method, state->copies, option));
    return state->numbers > 0 ? state->numbers : 1;
}

size_t engine_constraints(const engine_t *engine) {
    return (size_t)engine->equalities + (size_t)engine->inequalities;
}

size_t engine_each(const engine_t *engine, state_each_t each) {
    switch (each) {
    case EACH_COMPONENT:
        return (size_t)engine->components;
    case EACH_CONSTRAINT:
        return engine_constraints(engine);
    case EACH_INEQUALITY:
        return (size_t)engine->inequalities;
    default:
        return 1;
    }
}

size_t station_copies(const engine_t *engine, const station_t *station, const state_t *state, const double *option) {
    return state_copies(station->method, state, option) * engine_each(engine, state->each);
}

static size_t tensor_moments(const engine_t *engine, const tensor_t *tensor);

size_t tensor_copies(const engine_t *engine, const station_t *station, const state_t *state, const tensor_t *tensor) {
    const double *option = station_option(station, tensor->group);
    if (option == NULL || (state->exists != NULL && !state->exists(tensor, option)))
        return 0;
    return state->per_moment ? tensor_moments(engine, tensor) : station_copies(engine, station, state, option);
}

/* First moments that the tensor's method keeps. */
static size_t tensor_moments(const engine_t *engine, const tensor_t *tensor) {
    const station_t *owner = engine_owner(engine, tensor->group);
    size_t count = 0;
    for (const state_t *state = owner->method->states; state != NULL && state->name != NULL; ++state)
        if (state->role == FIRST_MOMENT && state->count == NULL)
            count += tensor_copies(engine, owner, state, tensor);
    return count;
}

bool state_admits(const method_t *method, const state_t *state, const double *option, double value) {
    if (!state->whole)
        return true;
    const double most = state->most == NULL ? 0x1p63 : method_option(method, state->most, option);
    return value >= 0 && value <= most && value == floor(value);
}

bool state_is_by_element(const state_t *state) {
    return state->shape == LIKE_PARAM && state->count == NULL && state->every == NULL;
}

size_t state_stride(const method_t *method, const state_t *state, const double *option) {
    return state->every == NULL ? 1 : size_of_number(method_option(method, state->every, option));
}

size_t state_reals(const method_t *method, const state_t *state, const tensor_t *tensor, const double *option) {
    const size_t stride = state_stride(method, state, option);
    return state->count == NULL ? tensor->count / stride + (tensor->count % stride != 0) : state->count(tensor, option);
}

size_t state_bytes(const engine_t *engine, const station_t *station, const state_t *state, const tensor_t *tensor) {
    const size_t reals = state_reals(station->method, state, tensor, station_option(station, tensor->group));
    return storage_bytes(storage_form(engine, station, state, tensor), tensor, reals);
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

/* Adds to *total the bytes of `state` for this tensor, each copy on its own cache lines; false: overflow. */
static bool state_add_bytes(const engine_t *engine, const station_t *station, const state_t *state,
                            const tensor_t *tensor, size_t *total) {
    size_t bytes = state_bytes(engine, station, state, tensor);
    return bytes != SIZE_MAX && size_multiply(bytes, tensor_copies(engine, station, state, tensor), &bytes) &&
           size_add(*total, bytes, total) && *total < PTRDIFF_MAX;
}

size_t station_numbers(const engine_t *engine, const station_t *station, bool kept_only) {
    size_t count = 0;
    for (const state_t *state = station->method->states; state != NULL && state->name != NULL; ++state) {
        if (kept_only && !state_is_kept(state))
            continue;
        if (state->shape == PER_METHOD)
            count += station_copies(engine, station, state, station_option(station, station->first_group));
        const bool by_tensor = state->shape == PER_TENSOR || state->shape == PER_COHORT;
        for (int g = 0; state_is_by_group(state) && g < engine->group_count; ++g)
            count +=
                station_covers(station, g) ? station_copies(engine, station, state, station_option(station, g)) : 0;
        for (size_t i = 0; by_tensor && i < engine->tensor_count; ++i)
            count += tensor_copies(engine, station, state, &engine->tensors[i]);
    }
    return count;
}

/* Adds the bytes of one state, and of the few lines before it: see the bound above. False: overflow. */
static bool state_add(const engine_t *engine, const station_t *station, const state_t *state, const tensor_t *tensor,
                      size_t *bytes, size_t *kept) {
    *bytes += state_skew(tensor, (size_t)(state - station->method->states));
    return state_add_bytes(engine, station, state, tensor, bytes) &&
           (!state_is_kept(state) || state_add_bytes(engine, station, state, tensor, kept));
}

static optim_status too_large(const station_t *station, const tensor_t *tensor) {
    return error_set(OPTIM_ERR_SIZE, "the state of \"%s\" for parameter \"%s\" is larger than memory can be",
                     station->name, tensor->name);
}

optim_status states_measure(const engine_t *engine, const tensor_t *tensor, size_t *bytes, size_t *kept) {
    *bytes = *kept = 0;
    for (int l = 0; l < engine_keepers(engine); ++l) {
        const station_t *station = engine_keeper(engine, l);
        for (const state_t *state = station->method->states; state != NULL && state->name != NULL; ++state)
            if (state->shape == LIKE_PARAM && station_covers(station, tensor->group) &&
                !state_is_taken(state, tensor) && !state_add(engine, station, state, tensor, bytes, kept))
                return too_large(station, tensor);
    }
    return OPTIM_OK;
}

/* What kernels need is there for frozen tensors too: they may thaw. */
static bool needs_of_states(const engine_t *engine, const station_t *station, const tensor_t *tensor, needs_t *needs) {
    size_t widened = 0;
    for (const state_t *state = station->method->states; state != NULL && state->name != NULL; ++state) {
        if (state->shape != LIKE_PARAM)
            continue;
        const stored_t form = storage_form(engine, station, state, tensor);
        widened += form == STORED_REAL ? 0 : tensor_copies(engine, station, state, tensor);
        needs->has_codes |= form == STORED_INT8;
        if (state_is_taken(state, tensor) && !state_add(engine, station, state, tensor, &needs->arena, &needs->kept))
            return false;
    }
    widened += station->method->moment_kernel != 0 ? 1 : 0;
    needs->widened = widened > needs->widened ? widened : needs->widened;
    return true;
}

static bool needs_of_tensor(const engine_t *engine, const station_t *station, const tensor_t *tensor, needs_t *needs) {
    const double *option = station_option(station, tensor->group);
    if (option == NULL)
        return true;
    if (!needs_of_states(engine, station, tensor, needs))
        return false;
    if (tensor_is_whole(tensor, station->method)) {
        const size_t whole = size_aligned(tensor->count * tensor_real(tensor));
        const size_t reals = station->method->workspace == NULL ? 0 : station->method->workspace(tensor, option);
        size_t work;
        if (!size_multiply(reals, tensor_real(tensor), &work))
            return false;
        needs->whole = whole > needs->whole ? whole : needs->whole;
        needs->work = work > needs->work ? work : needs->work;
    }
    return true;
}

static bool has_short_state(const engine_t *engine, const tensor_t *tensor) {
    for (int l = 0; l < engine_keepers(engine); ++l) {
        const station_t *station = engine_keeper(engine, l);
        for (const state_t *state = station->method->states; state != NULL && state->name != NULL; ++state)
            if (station_option(station, tensor->group) != NULL &&
                storage_form(engine, station, state, tensor) != STORED_REAL &&
                tensor_copies(engine, station, state, tensor) > 0)
                return true;
    }
    return false;
}

/* Tiles hold whole blocks of 8-bit states; those that are widened stay in the first-level cache. */
static size_t tile_elements(const engine_t *engine, const tensor_t *tensor) {
    const bool widened =
        dtype_size(tensor->dtype) == 2 || tensor->grad_dtype != tensor->dtype || has_short_state(engine, tensor);
    const size_t longest = widened ? WIDENED_ELEMENTS : TILE_ELEMENTS;
    return (longest < tensor->block ? tensor->block : longest) / tensor->block * tensor->block;
}

static void tensors_measure(const engine_t *engine) {
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        tensor_t *tensor = &engine->tensors[i];
        tensor->has_states = !tensor_is_frozen(tensor);
        tensor->block = storage_block(engine, tensor);
        tensor->tile = tile_elements(engine, tensor);
    }
}

/* That what goes by components or constraints can be counted, in a plan whose own sums are not checked one by one. */
static optim_status check_problem(const engine_t *engine, const station_t *station) {
    const size_t most = PTRDIFF_MAX / (METHOD_STATES * METHOD_STATES * sizeof(double));
    if (((station->method->flags & NEEDS_COMPONENTS) && (size_t)engine->components > most) ||
        engine_constraints(engine) > most)
        return error_set(OPTIM_ERR_SIZE, "\"%s\": there are more components or constraints than memory can hold",
                         station->name);
    for (const state_t *state = station->method->states; state != NULL && state->name != NULL; ++state)
        if (state->each != EACH_ONCE && engine_each(engine, state->each) > (most < UINT32_MAX ? most : UINT32_MAX))
            return error_set(OPTIM_ERR_SIZE, "\"%s\" cannot keep \"%s\" for so many components or constraints",
                             station->name, state->name);
    for (const field_t *field = station->method->fields; field != NULL && field->name != NULL; ++field)
        if (engine_each(engine, field->each) > most)
            return error_set(OPTIM_ERR_SIZE, "\"%s\" cannot keep \"%s\" for so many components or constraints",
                             station->name, field->name);
    return OPTIM_OK;
}

optim_status needs_of(const engine_t *engine, needs_t *needs) {
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
    }
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        const tensor_t *tensor = &engine->tensors[i];
        needs->tiles += tensor->count / tensor->tile + (tensor->count % tensor->tile != 0);
        needs->rows += tensor_rows(tensor);
        needs->elements += tensor->count;
    }
    return OPTIM_OK;
}
