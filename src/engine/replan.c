/*
 * A plan made anew, for parameters, groups and wrappers that are added after the first step, for rows that a parameter
 * gets or loses, and for options by which states begin or end.
 *
 *     replan_begin     each tensor gets what its cohort has counted; the plan is put aside, and the engine has none
 *     ...              its lists of tensors, groups and stations change, or their options
 *     replan_end       plan_build takes memory and sets initial values; what was remembered moves over, field by field
 *                      and slot by slot; the plan that was put aside is freed
 *     replan_cancel    in its place, where something failed and the lists are as they were: that plan comes back
 *
 * Both plans stand at once, and all states are copied. Changes are rare, and steps stay as they are: they allocate
 * nothing, and states lie together.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/engine.h"
#include "engine/slots.h"
#include "engine/storage.h"

static void free_aside(replan_t *aside) {
    for (size_t l = 0; aside->stations != NULL && l < aside->station_count; ++l)
        free(aside->stations[l].option);
    free(aside->engine.tensors);
    free(aside->stations);
    *aside = (replan_t){0};
}

/* ---- The options as they are ---- */

/* False: no memory. */
static bool keep_options(const engine_t *engine, station_aside_t *aside) {
    const station_t *station = aside->station;
    const size_t rows = option_count(station->method->options);
    aside->option = calloc((size_t)engine->group_count * rows + 1, sizeof *aside->option);
    for (int g = 0; aside->option != NULL && rows > 0 && g < engine->group_count; ++g)
        if (station_covers(station, g))
            memcpy(aside->option + (size_t)g * rows, station_option(station, g), rows * sizeof *aside->option);
    return aside->option != NULL;
}

static const double *option_aside(const station_aside_t *aside, int group) {
    return aside->option + (size_t)group * option_count(aside->station->method->options);
}

/* Values of a field as they were and are. */
typedef struct counts {
    size_t was, now;
} counts_t;

static counts_t counts_of(const engine_t *engine, const replan_t *aside, const station_aside_t *of,
                          const field_t *field, int group) {
    const method_t *method = of->station->method;
    return (counts_t){.was = field_count(&aside->engine, method, field, option_aside(of, group)),
                      .now = field_count(engine, method, field, station_option(of->station, group))};
}

optim_status replan_begin(engine_t *engine, replan_t *aside) {
    const size_t keepers = (size_t)engine_keepers(engine);
    *aside = (replan_t){0};
    if (!engine->planned)
        return OPTIM_OK;
    tensor_t *tensors = calloc(engine->tensor_count + 1, sizeof *tensors);
    aside->stations = calloc(keepers, sizeof *aside->stations);
    aside->engine.tensors = tensors;
    aside->station_count = keepers;
    bool has_room = tensors != NULL && aside->stations != NULL;
    for (size_t l = 0; has_room && l < keepers; ++l) {
        aside->stations[l].station = engine_keeper(engine, (int)l);
        has_room = keep_options(engine, &aside->stations[l]);
    }
    if (!has_room) {
        free_aside(aside);
        return error_nomem("changing what the optimizer has taken memory for");
    }
    cohorts_collect(engine);
    aside->engine = *engine;
    aside->engine.tensors = tensors;
    if (engine->tensor_count > 0)
        memcpy(tensors, engine->tensors, engine->tensor_count * sizeof *tensors);
    for (size_t l = 0; l < keepers; ++l)
        aside->stations[l].was = *aside->stations[l].station;
    plan_let_go(engine);
    return OPTIM_OK;
}

/* Lists that belong to a station and not to the plan stay as they are. */
static void put_station_back(const station_aside_t *aside) {
    station_t *station = aside->station;
    const station_t now = *station;
    *station = aside->was;
    station->values = now.values;
    station->groups = now.groups;
    station->first_group = now.first_group;
    station->inputs = now.inputs;
    station->input_owners = now.input_owners;
    station->input_rows = now.input_rows;
}

void replan_cancel(engine_t *engine, replan_t *aside) {
    const engine_t now = *engine;
    if (!aside->engine.planned)
        return;
    *engine = aside->engine;
    engine->tensors = now.tensors;
    engine->tensor_capacity = now.tensor_capacity;
    engine->stations = now.stations;
    engine->station_capacity = now.station_capacity;
    if (engine->tensor_count > 0)
        memcpy(engine->tensors, aside->engine.tensors, engine->tensor_count * sizeof *engine->tensors);
    for (size_t l = 0; l < aside->station_count; ++l)
        put_station_back(&aside->stations[l]);
    free_aside(aside);
}

/* ---- Whether all that was remembered has a place ---- */

static optim_status misfit(const station_t *station, const char *what) {
    return error_set(OPTIM_ERR_MISMATCH,
                     "\"%s\" %s: save the states that you need, and make a new optimizer for the changed parameters",
                     station->name, what);
}

/* What an option switches on or off begins afresh, or goes. */
static optim_status check_fields(const engine_t *engine, const replan_t *aside, const station_aside_t *of) {
    for (const field_t *field = of->station->method->fields; field_is_row(field); ++field) {
        const counts_t count = counts_of(engine, aside, of, field, of->station->first_group);
        const bool switched = field->when != NULL && (count.was == 0 || count.now == 0);
        if (field->of == OF_METHOD && field_is_kept(field) && count.was != count.now && !switched)
            return misfit(of->station, "remembers a number for each element of all parameters");
    }
    return OPTIM_OK;
}

/* Of a tensor whose rows change every state has a real for each element. */
static optim_status check_slot(const station_t *station, size_t k, const slot_t *was, const slot_t *now,
                               bool rows_change) {
    const state_t *state = &station->method->states[k];
    if (was->at == NULL || !state_is_kept(state) || now->copies == 0) /* new; made anew in each step; no more there */
        return OPTIM_OK;
    if (rows_change && !was->by_element)
        return misfit(station, "keeps states that are not of the parameter's shape");
    if (rows_change && stored_is_codes(was->form))
        return misfit(station, "keeps states in blocks of 8 or 4 bits, which do not end with rows");
    if (was->copies != now->copies || was->form != now->form || (!rows_change && was->bytes != now->bytes))
        return misfit(station, "keeps more states when there are more parameters");
    return OPTIM_OK;
}

static optim_status check_fit(const engine_t *engine, const replan_t *aside, const rows_kept_t *rows) {
    optim_status status = OPTIM_OK;
    for (size_t l = 0; status == OPTIM_OK && l < aside->station_count; ++l) {
        const station_t *now = aside->stations[l].station, *was = &aside->stations[l].was;
        status = check_fields(engine, aside, &aside->stations[l]);
        for (size_t i = 0; status == OPTIM_OK && i < aside->engine.tensor_count; ++i)
            for (size_t k = 0; status == OPTIM_OK && k < now->states; ++k)
                status = check_slot(now, k, &was->slot[i * was->states + k], &now->slot[i * now->states + k],
                                    rows != NULL && rows->tensor == i);
    }
    return status;
}

/* Frozen tensors that have been stepped before keep their states. */
static optim_status take_states(engine_t *engine, const replan_t *aside) {
    optim_status status = OPTIM_OK;
    for (size_t i = 0; status == OPTIM_OK && i < aside->engine.tensor_count; ++i)
        if (aside->engine.tensors[i].states_taken && !engine->tensors[i].states_taken)
            status = plan_take_states(engine, &engine->tensors[i]);
    return status;
}

/* ---- Moving it over ---- */

/* The kept fields of one struct, but for those that begin now. */
static void move_fields(const engine_t *engine, const replan_t *aside, const station_aside_t *station, memory_of_t of,
                        int group, const void *from, void *to) {
    for (const field_t *field = station->station->method->fields; field_is_row(field); ++field) {
        const counts_t count = counts_of(engine, aside, station, field, group);
        if (field->of == of && field_is_kept(field) && count.was == count.now)
            memcpy(field_address(field, to), field_address(field, from), count.now * sizeof(double));
    }
}

static void move_memory(const engine_t *engine, const replan_t *aside, const station_aside_t *station) {
    const station_t *was = &station->was, *now = station->station;
    if (was->memory_bytes == 0)
        return;
    if (now->method->memory > 0)
        move_fields(engine, aside, station, OF_METHOD, now->first_group, was->memory, now->memory);
    for (int g = 0; g < aside->engine.group_count; ++g) {
        if (was->group_memory[g] != NULL)
            move_fields(engine, aside, station, OF_GROUP, g, was->group_memory[g], now->group_memory[g]);
        if (was->cohort_memory[g] != NULL)
            memcpy(now->cohort_memory[g], was->cohort_memory[g], now->method->cohort_memory);
    }
    for (size_t i = 0; i < aside->engine.tensor_count; ++i) {
        const tensor_t *tensor = &engine->tensors[i];
        if (was->tensor_memory[i] != NULL)
            move_fields(engine, aside, station, OF_TENSOR, tensor->group, was->tensor_memory[i], now->tensor_memory[i]);
        if (now->method->cohort_memory > 0 && station_has(now, tensor))
            memcpy(tensor->cohort_memory, aside->engine.tensors[i].cohort_memory, tensor->cohort_bytes);
    }
}

/* The rows of a state that stay; those behind them have their initial values. */
static void move_rows(const tensor_t *tensor, const rows_kept_t *rows, const slot_t *was, const slot_t *now) {
    const size_t rows_now = (size_t)tensor->dims[0], row = rows_now == 0 ? 0 : tensor->count / rows_now;
    const size_t bytes = row * storage_element((stored_t)was->form, tensor);
    for (size_t c = 0; c < was->copies; ++c)
        for (size_t r = 0; r < rows->count; ++r)
            memcpy((char *)now->at + c * now->bytes + r * bytes,
                   (const char *)was->at + c * was->bytes + (size_t)rows->index[r] * bytes, bytes);
}

static void move_states(const engine_t *engine, const replan_t *aside, const rows_kept_t *rows, const station_t *was,
                        const station_t *now) {
    for (size_t i = 0; i < aside->engine.tensor_count; ++i)
        for (size_t k = 0; k < now->states; ++k) {
            const slot_t *from = &was->slot[i * was->states + k], *to = &now->slot[i * now->states + k];
            if (from->at == NULL || to->at == NULL || !state_is_kept(&now->method->states[k]))
                continue;
            if (rows == NULL || rows->tensor != i)
                memcpy(to->at, from->at, from->bytes * from->copies);
            else
                move_rows(&engine->tensors[i], rows, from, to);
        }
}

static void move_all(engine_t *engine, const replan_t *aside, const rows_kept_t *rows) {
    const engine_t *was = &aside->engine;
    for (size_t l = 0; l < aside->station_count; ++l) {
        station_t *station = aside->stations[l].station;
        move_memory(engine, aside, &aside->stations[l]);
        move_states(engine, aside, rows, &aside->stations[l].was, station);
        station->next_sample = aside->stations[l].was.next_sample;
    }
    for (size_t i = 0; i < was->tensor_count; ++i)
        engine->tensors[i].steps = was->tensors[i].steps;
    engine->draws = was->draws;
    engine->unsettled = true;
}

optim_status replan_end(engine_t *engine, replan_t *aside, const rows_kept_t *rows) {
    if (!aside->engine.planned)
        return OPTIM_OK;
    optim_status status = plan_build(engine);
    if (status != OPTIM_OK)
        return status;
    status = check_fit(engine, aside, rows);
    if (status == OPTIM_OK)
        status = take_states(engine, aside);
    if (status != OPTIM_OK) {
        plan_free(engine);
        return status;
    }
    move_all(engine, aside, rows);
    plan_free(&aside->engine);
    free_aside(aside);
    return OPTIM_OK;
}
