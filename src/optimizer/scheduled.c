/* Options driven by schedules: which one drives what, its value at a clock. */
#include <float.h>
#include <string.h>

#include "base/memory.h"
#include "optimizer/optimizer.h"

/* ---- Values ---- */

static const scheduled_t *scheduled_find(const optim_t *opt, const setting_t *setting, int group) {
    for (size_t i = 0; i < opt->scheduled_count; ++i) {
        const scheduled_t *scheduled = &opt->scheduled[i];
        if (scheduled->station == setting->station && scheduled->option == setting->option &&
            (scheduled->group == group || !setting->station->per_group))
            return scheduled;
    }
    return NULL;
}

/* The schedule of another option (lr) that drives this one, too. */
static const scheduled_t *driver_find(const optim_t *opt, const setting_t *setting, int group) {
    for (size_t i = 0; i < opt->scheduled_count; ++i) {
        const scheduled_t *scheduled = &opt->scheduled[i];
        if (scheduled->station == setting->station && scheduled->momentum == setting->option &&
            scheduled->group == group)
            return scheduled;
    }
    return NULL;
}

/* The number of the state that depends on an option, or -1. */
static int dependent_state(const station_t *station, int option) {
    if (option < 0 || (size_t)option >= option_count(station->method->options))
        return -1;
    const char *name = station->method->options[option].name;
    const state_t *states = station->method->states;
    for (int k = 0; states != NULL && states[k].name != NULL; ++k)
        if (states[k].when != NULL && strcmp(states[k].when, name) == 0)
            return k;
    return -1;
}

/* The option stays 0: no memory was taken for the state that depends on it. */
bool scheduled_is_off(const scheduled_t *scheduled) {
    return scheduled->station->values[scheduled->group].base[scheduled->option] == 0 &&
           dependent_state(scheduled->station, scheduled->option) >= 0;
}

/* Reports may take a bound to 0: it becomes small, not none. */
static double own_value(const scheduled_t *scheduled, double base, double t) {
    const option_t *option = station_row(scheduled->station, scheduled->group, scheduled->option);
    const double value = scheduled_is_off(scheduled) ? base : schedule_value(scheduled->run, base, t);
    return option->zero_apart && base > 0 && value == 0 ? DBL_MIN : value;
}

/* The plan was made when nothing drove a momentum of 0. All tensors of a group have the state or none has, so that the
 * first one answers for all: this is asked in every step. */
static bool lacks_memory(const optim_t *opt, const scheduled_t *scheduled) {
    const station_t *station = scheduled->station;
    const int state = dependent_state(station, scheduled->momentum);
    for (size_t i = 0; state >= 0 && opt->engine.planned && i < opt->engine.tensor_count; ++i)
        if (opt->engine.tensors[i].group == scheduled->group && station_has(station, &opt->engine.tensors[i]) &&
            opt->engine.tensors[i].count > 0 && opt->engine.tensors[i].states_taken)
            return station->slot[i * station->states + (size_t)state].at == NULL;
    return false;
}

/* A negative momentum, which some methods take, is left alone. */
static double driven_momentum(const optim_t *opt, const scheduled_t *scheduled, double base, double t) {
    const bool driven = base > 0 || (base == 0 && !lacks_memory(opt, scheduled));
    return driven ? schedule_momentum(scheduled->run, base, t) : base;
}

/* Not 0: that is all the plan asks. */
static void switch_on(const values_t *values, int option) {
    if (values->now[option] == 0)
        values->now[option] = values->base[option] == 0 ? 1 : values->base[option];
}

void schedules_switch_on(const scheduled_t *scheduled, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        const values_t *values = &scheduled[i].station->values[scheduled[i].group];
        if (scheduled[i].momentum >= 0)
            switch_on(values, scheduled[i].momentum);
        if (values->base[scheduled[i].option] != 0)
            switch_on(values, scheduled[i].option);
    }
}

bool scheduled_drives(const optim_t *opt, const setting_t *setting, int group) {
    return scheduled_find(opt, setting, group) != NULL || driver_find(opt, setting, group) != NULL;
}

double scheduled_value(const optim_t *opt, const setting_t *setting, int group, double t) {
    const double base = setting_values(setting, group)->base[setting->option];
    const scheduled_t *scheduled = scheduled_find(opt, setting, group);
    if (scheduled != NULL)
        return own_value(scheduled, base, t);
    scheduled = driver_find(opt, setting, group);
    return scheduled == NULL ? base : driven_momentum(opt, scheduled, base, t);
}

/* ---- In the life of a handle ---- */

void schedules_apply(optim_t *opt) {
    const double t = (double)opt->steps;
    for (size_t i = 0; i < opt->scheduled_count; ++i) {
        const scheduled_t *scheduled = &opt->scheduled[i];
        const values_t *values = &scheduled->station->values[scheduled->group];
        const int momentum = scheduled->momentum;
        if (momentum >= 0)
            values->now[momentum] = driven_momentum(opt, scheduled, values->base[momentum], t);
    }
    for (size_t i = 0; i < opt->scheduled_count; ++i) {
        const scheduled_t *scheduled = &opt->scheduled[i];
        const values_t *values = &scheduled->station->values[scheduled->group];
        values->now[scheduled->option] = own_value(scheduled, values->base[scheduled->option], t);
    }
}

void schedules_restart(optim_t *opt) {
    for (size_t i = 0; i < opt->scheduled_count; ++i)
        schedule_restart(opt->scheduled[i].run);
}

/* ---- Attached and detached ---- */

/* Ends schedule `i`; the last one of the list takes its place. */
static void detach(optim_t *opt, size_t i) {
    const scheduled_t *scheduled = &opt->scheduled[i];
    const values_t *values = &scheduled->station->values[scheduled->group];
    values->now[scheduled->option] = values->base[scheduled->option];
    if (scheduled->momentum >= 0)
        values->now[scheduled->momentum] = values->base[scheduled->momentum];
    schedule_destroy(scheduled->run);
    opt->scheduled[i] = opt->scheduled[--opt->scheduled_count];
}

void schedules_remove(optim_t *opt, const setting_t *setting, int group) {
    const scheduled_t *found = scheduled_find(opt, setting, group);
    if (found != NULL)
        detach(opt, (size_t)(found - opt->scheduled));
}

bool schedules_reserve(optim_t *opt, size_t more) {
    void *grown = opt->scheduled;
    const bool room =
        memory_grow(&grown, &opt->scheduled_capacity, opt->scheduled_count + more, sizeof *opt->scheduled);
    opt->scheduled = grown;
    return room;
}

void schedules_replace(optim_t *opt, const bool *groups, const scheduled_t *made, size_t count) {
    for (size_t i = opt->scheduled_count; i-- > 0;)
        if (!opt->scheduled[i].station->per_group || groups[opt->scheduled[i].group])
            detach(opt, i);
    for (size_t i = 0; i < count; ++i)
        opt->scheduled[opt->scheduled_count++] = made[i];
}
