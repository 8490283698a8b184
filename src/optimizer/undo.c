/* Back to where the open step began. */
#include <string.h>

#include "kernels/random.h"
#include "optimizer/optimizer.h"

/* Stations that ask have their memory back as it was when the step began. */
static void keep_memory(const station_t *station) {
    if (station->memory_bytes > 0)
        memcpy(station->memory_backup, station->memory, station->memory_bytes);
}
static void restore_memory(const station_t *station) {
    if (station->memory_bytes > 0)
        memcpy(station->memory, station->memory_backup, station->memory_bytes);
}

/* Copies the states that a long step may write, to where they are kept for undoing it or back. */
static void copy_undone(const optim_t *opt, const station_t *station, bool back) {
    for (size_t i = 0; i < opt->engine.tensor_count; ++i)
        for (size_t k = 0; k < station->states; ++k) {
            const slot_t *slot = &station->slot[i * station->states + k];
            const size_t bytes = slot->undo == NULL ? 0 : slot->bytes * slot->copies;
            if (bytes > 0)
                memcpy(back ? slot->at : slot->undo, back ? slot->undo : slot->at, bytes);
        }
}

void step_keep(optim_t *opt) {
    engine_t *engine = &opt->engine;
    engine->draws_backup = engine->draws;
    opt->steps_backup = opt->steps;
    for (int l = 0; l < engine->station_count; ++l) {
        station_t *station = engine->stations[l];
        station->called = false;
        if ((station->method->flags & REQUESTS) || engine_rewinds(engine, station))
            keep_memory(station);
        if (station->undoes)
            copy_undone(opt, station, false);
    }
}

void step_put_back(const optim_t *opt, station_t *station) {
    station->called = station->moved = false;
    station->line = 0;
    if ((station->method->flags & REQUESTS) || engine_rewinds(&opt->engine, station))
        restore_memory(station);
    if (station->undoes)
        copy_undone(opt, station, true);
}

void step_rewind_inner(optim_t *opt) {
    engine_t *engine = &opt->engine;
    if (engine->ahead == NULL)
        return;
    cohorts_uncount_steps(engine, opt->steps - opt->steps_backup);
    opt->steps = opt->steps_backup;
    engine->rounding_key = random_word(engine->seed, (uint64_t)opt->steps);
    engine->draws = engine->draws_backup;
    engine->rejected = false;
    for (int l = 0; engine->stations[l] != engine->ahead; ++l)
        step_put_back(opt, engine->stations[l]);
}

/* Stations that moved the parameters for an evaluation put them back, the outermost (which moved them last) first; then
 * those that moved them before stations further in began. */
static void undo_stations(optim_t *opt) {
    engine_t *engine = &opt->engine;
    engine->updates.count = engine->filters.count = 0;
    step_rewind_inner(opt);
    for (int l = engine->station_count - 1; l >= 0; --l)
        if (engine->stations[l]->moved)
            pass_restore(engine, engine->stations[l]);
    for (int l = engine->station_count - 1; l >= 0; --l) {
        station_t *station = engine->stations[l];
        if (station->called && station->method->undo_kernel != 0) {
            step_t s = step_make(opt, station);
            step_update(&s, station->method->undo_kernel, NULL);
            pass_flush(engine, &(pass_end_t){.project = opt->has_bounds && opt->steps > 0});
        }
        step_put_back(opt, station);
    }
    engine->draws = engine->draws_backup;
}

void step_undo(optim_t *opt) {
    undo_stations(opt);
    accumulation_clear(opt);
    opt->open = OPTIM_OK;
    opt->has_loss = false;
}
