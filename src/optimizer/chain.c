/*
 * The chain: the stations of a handle. engine_t.stations lists them from the inside out; a gradient meets them in the
 * opposite order, and what a wrapper does after the inner step is in this one.
 *
 *     methods, share, clip, group_clip, wrappers, guard, accumulate, scale, loss_scale, replicas
 *
 * All but methods and wrappers are there from the start. A method is put in just inside share, a wrapper just inside
 * guard, so that of two wrappers the later one is the outer one.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "optimizer/optimizer.h"

int chain_position(const optim_t *opt, const station_t *station) {
    int l = 0;
    while (opt->engine.stations[l] != station)
        ++l;
    return l;
}

bool chain_insert(optim_t *opt, station_t *station, const station_t *before) {
    engine_t *engine = &opt->engine;
    void *stations = engine->stations;
    size_t capacity = (size_t)engine->station_capacity;
    if (!memory_grow(&stations, &capacity, (size_t)engine->station_count + 1, sizeof *engine->stations))
        return false;
    engine->stations = stations;
    engine->station_capacity = (int)capacity;
    const int position = before == NULL ? engine->station_count : chain_position(opt, before);
    for (int l = engine->station_count; l > position; --l)
        engine->stations[l] = engine->stations[l - 1];
    engine->stations[position] = station;
    ++engine->station_count;
    engine->method_count += station->is_method;
    if (station->method->flags & STEPS_AHEAD)
        engine->ahead = station;
    return true;
}

void chain_remove(optim_t *opt, const station_t *station) {
    engine_t *engine = &opt->engine;
    for (int l = chain_position(opt, station); l + 1 < engine->station_count; ++l)
        engine->stations[l] = engine->stations[l + 1];
    --engine->station_count;
    engine->method_count -= station->is_method;
    if (engine->ahead == station)
        engine->ahead = NULL;
}

bool chain_add_method(optim_t *opt, const registry_method_t *entry, int groups, station_t **added) {
    station_t *station = station_create(opt, entry, STATION_METHOD, groups);
    if (station == NULL || !chain_insert(opt, station, opt->own[REGISTRY_ENGINE_SHARE])) {
        station_destroy(station, groups);
        return false;
    }
    *added = station;
    return true;
}

bool chain_create(optim_t *opt) {
    for (int i = 0; i < REGISTRY_ENGINE_COUNT; ++i) {
        station_t *station = station_create(opt, &REGISTRY_ENGINE[i], STATION_ENGINE, 1);
        const bool covers = station != NULL && station_cover(station, 0, NULL);
        if (!covers || (i != REGISTRY_ENGINE_STORAGE && !chain_insert(opt, station, NULL))) {
            station_destroy(station, 1);
            return false;
        }
        opt->own[i] = station;
    }
    opt->engine.storage = opt->own[REGISTRY_ENGINE_STORAGE];
    return true;
}

void chain_destroy(optim_t *opt) {
    for (int l = 0; l < opt->engine.station_count; ++l)
        station_destroy(opt->engine.stations[l], opt->engine.group_count);
    station_destroy(opt->own[REGISTRY_ENGINE_STORAGE], opt->engine.group_count);
    free(opt->engine.stations);
}

station_t *chain_wrapper(const optim_t *opt, int i) {
    for (int l = opt->engine.method_count; l < opt->engine.station_count; ++l)
        if (opt->engine.stations[l]->is_wrapper && i-- == 0)
            return opt->engine.stations[l];
    return NULL;
}

double handle_option_value(const optim_t *opt, enum handle_option option) {
    return station_option(opt->own[REGISTRY_ENGINE_GUARD], 0)[option];
}

double loss_sign(const optim_t *opt) {
    const station_t *scale = opt->own[REGISTRY_ENGINE_SCALE];
    return method_option(scale->method, "maximize", station_option(scale, 0)) != 0 ? -1 : 1;
}

const station_t *chain_exchanger(const optim_t *opt) {
    for (int l = 0; l < opt->engine.station_count; ++l)
        if (opt->engine.stations[l]->method->exchanges != NULL)
            return opt->engine.stations[l];
    return NULL;
}

bool station_reads_loss(const station_t *station) {
    const method_t *method = station->method;
    return (method->flags & READS_LOSS) &&
           (method->reads_loss == NULL || method->reads_loss(station_option(station, station->first_group)));
}

bool chain_reads_loss(const optim_t *opt) {
    for (int l = 0; l < opt->engine.station_count; ++l)
        if (station_reads_loss(opt->engine.stations[l]))
            return true;
    return false;
}

void chain_forget_gradient(optim_t *opt) {
    for (int l = 0; l < opt->engine.method_count; ++l)
        opt->engine.stations[l]->holds_gradient = false;
}

/* Before the method itself has been called, requests are the wrappers'. */
static bool is_trial(const optim_t *opt) {
    const station_t *method = chain_method(opt);
    return (method->method->flags & SEARCHES) && method->called;
}

step_t step_make(const optim_t *opt, station_t *station) {
    engine_t *engine = station->engine;
    return (step_t){
        .t = (double)(opt->steps + 1),
        .line = station->line,
        .loss = opt->loss,
        .option = station_option(station, station->first_group),
        .memory = station_memory(station),
        .groups = station->per_group ? station->groups : engine->group_count,
        .holds_gradient = station->holds_gradient,
        .held_loss = station->held_loss,
        .held_norm = station->held_norm,
        .held_row = station->held_row,
        .next_sample = method_first_sample(station->method),
        .first = !station->called,
        .exchanged = opt->exchanged && station == engine->stations[opt->asker],
        .wrapped = chain_wrapper(opt, 0) != NULL,
        .accumulation = opt->accumulation,
        .accumulation_factor = opt->accumulation_factor,
        .reads_loss = opt->reads_loss,
        .is_trial = is_trial(opt),
        .seed = engine->seed,
        .components = engine->components,
        .losses = opt->answers.losses,
        .equalities = engine->equalities,
        .inequalities = engine->inequalities,
        .constraint = engine->constraint,
        .weights = engine->weights,
        .residuals = engine->residuals,
        .engine = engine,
        .station = station,
    };
}
