/* Back to where the open step began. */
#include <string.h>

#include "optimizer/optimizer.h"

/* Stations that ask have their memory back as it was when the step began. */
static void keep_memory(const station_t *station) {
    memcpy(station->numbers_backup, station->numbers, station->number_count * sizeof *station->numbers);
    if (station->memory_bytes > 0)
        memcpy(station->memory_backup, station->memory, station->memory_bytes);
}
static void restore_memory(const station_t *station) {
    memcpy(station->numbers, station->numbers_backup, station->number_count * sizeof *station->numbers);
    if (station->memory_bytes > 0)
        memcpy(station->memory, station->memory_backup, station->memory_bytes);
}

/* The same of states that it writes before the last answer of a step. */
static void copy_states(const engine_t *engine, const station_t *station, bool back) {
    for (size_t i = 0; i < engine->tensor_count * station->states; ++i) {
        const slot_t *slot = &station->slot[i];
        if (slot->undo != NULL)
            memcpy(back ? slot->at : slot->undo, back ? slot->undo : slot->at, slot->copies * slot->bytes);
    }
}

void step_keep(optim_t *opt) {
    engine_t *engine = &opt->engine;
    engine->draws_backup = engine->draws;
    for (int l = 0; l < engine->station_count; ++l) {
        station_t *station = engine->stations[l];
        station->called = false;
        if (!(station->method->flags & REQUESTS))
            continue;
        keep_memory(station);
        copy_states(engine, station, false);
    }
}

/* Stations that moved the parameters for an evaluation put them back, the outermost (which moved them last) first. */
static void undo_stations(optim_t *opt) {
    engine_t *engine = &opt->engine;
    engine->updates.count = engine->filters.count = 0;
    for (int l = engine->station_count - 1; l >= 0; --l) {
        station_t *station = engine->stations[l];
        if (station->moved)
            pass_restore(engine, station);
        if (station->called && station->method->undo_kernel != 0) {
            step_t s = step_make(opt, station);
            step_update(&s, station->method->undo_kernel, NULL);
            pass_flush(engine, &(pass_end_t){.project = opt->has_bounds && opt->steps > 0});
        }
        station->called = false;
        if (station->method->flags & REQUESTS) {
            restore_memory(station);
            copy_states(engine, station, true);
        }
        station->line = 0;
        station->moved = false;
    }
    engine->draws = engine->draws_backup;
}

void step_undo(optim_t *opt) {
    undo_stations(opt);
    accumulation_clear(opt);
    opt->open = OPTIM_OK;
    opt->has_loss = false;
}
