/* Options driven by schedules: which one drives what, its value at a clock, attaching and removing, reported
   metrics. */
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
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

/* The schedule of another option (lr) that drives this one besides. */
static const scheduled_t *companion_find(const optim_t *opt, const setting_t *setting, int group) {
    for (size_t i = 0; i < opt->scheduled_count; ++i) {
        const scheduled_t *scheduled = &opt->scheduled[i];
        if (scheduled->station == setting->station && scheduled->momentum == setting->option &&
            scheduled->group == group)
            return scheduled;
    }
    return NULL;
}

/* The number of the state that hangs on an option, or -1. */
static int hanging_state(const station_t *station, int option) {
    const char *name = station->method->options[option].name;
    const state_t *states = station->method->states;
    for (int k = 0; states != NULL && states[k].name != NULL; ++k)
        if (states[k].when != NULL && strcmp(states[k].when, name) == 0)
            return k;
    return -1;
}

/* There is no memory for it. */
bool scheduled_is_off(const scheduled_t *scheduled) {
    return scheduled->station->values[scheduled->group].base[scheduled->option] == 0 &&
           hanging_state(scheduled->station, scheduled->option) >= 0;
}

/* Reports may take a bound to 0: it becomes small, not none. */
static double own_value(const scheduled_t *scheduled, double base, double t) {
    const option_t *option = &scheduled->station->method->options[scheduled->option];
    const double value = scheduled_is_off(scheduled) ? base : schedule_value(scheduled->run, base, t);
    return option->zero_apart && base > 0 && value == 0 ? DBL_MIN : value;
}

/* The plan was made when nothing drove a momentum of 0. One tensor tells it of all that are in the group: this is asked
 * in every step. */
static bool lacks_memory(const optim_t *opt, const scheduled_t *scheduled) {
    const station_t *station = scheduled->station;
    const int state = hanging_state(station, scheduled->momentum);
    for (size_t i = 0; state >= 0 && opt->engine.planned && i < opt->engine.tensor_count; ++i)
        if (opt->engine.tensors[i].group == scheduled->group && opt->engine.tensors[i].count > 0 &&
            opt->engine.tensors[i].has_states)
            return station->slot[i * station->states + (size_t)state].at == NULL;
    return false;
}

/* A negative momentum, which some methods take, is left alone. */
static double companion_value(const optim_t *opt, const scheduled_t *scheduled, double base, double t) {
    const bool driven = base > 0 || (base == 0 && !lacks_memory(opt, scheduled));
    return driven ? schedule_momentum(scheduled->run, base, t) : base;
}

void schedules_switch_on(const scheduled_t *scheduled, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        const values_t *values = &scheduled[i].station->values[scheduled[i].group];
        const int momentum = scheduled[i].momentum;
        if (momentum >= 0 && values->base[momentum] == 0)
            values->now[momentum] = 1; /* not 0: that is all the plan asks */
    }
}

bool scheduled_drives(const optim_t *opt, const setting_t *setting, int group) {
    return scheduled_find(opt, setting, group) != NULL || companion_find(opt, setting, group) != NULL;
}

double scheduled_value(const optim_t *opt, const setting_t *setting, int group, double t) {
    const double base = setting_values(setting, group)->base[setting->option];
    const scheduled_t *scheduled = scheduled_find(opt, setting, group);
    if (scheduled != NULL)
        return own_value(scheduled, base, t);
    scheduled = companion_find(opt, setting, group);
    return scheduled == NULL ? base : companion_value(opt, scheduled, base, t);
}

/* ---- In the life of a handle ---- */

void schedules_apply(optim_t *opt) {
    const double t = (double)opt->steps;
    for (size_t i = 0; i < opt->scheduled_count; ++i) {
        const scheduled_t *scheduled = &opt->scheduled[i];
        const values_t *values = &scheduled->station->values[scheduled->group];
        const int momentum = scheduled->momentum;
        if (momentum >= 0)
            values->now[momentum] = companion_value(opt, scheduled, values->base[momentum], t);
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

/* ---- Attaching ---- */

/* The last one takes its place. */
static void detach(optim_t *opt, size_t i) {
    const scheduled_t *scheduled = &opt->scheduled[i];
    const values_t *values = &scheduled->station->values[scheduled->group];
    values->now[scheduled->option] = values->base[scheduled->option];
    if (scheduled->momentum >= 0)
        values->now[scheduled->momentum] = values->base[scheduled->momentum];
    schedule_destroy(scheduled->run);
    opt->scheduled[i] = opt->scheduled[--opt->scheduled_count];
}

static void remove_schedule(optim_t *opt, const setting_t *setting, int group) {
    const scheduled_t *found = scheduled_find(opt, setting, group);
    if (found != NULL)
        detach(opt, (size_t)(found - opt->scheduled));
}

/* What a schedule on lr may drive besides, or -1. */
static int companion_of(const setting_t *setting) {
    const option_t *options = setting->station->method->options;
    if (!setting->station->is_method || strcmp(options[setting->option].name, "lr") != 0)
        return -1;
    const int momentum = option_find(options, "momentum", 8);
    return momentum >= 0 ? momentum : option_find(options, "beta1", 5);
}

optim_status scheduled_make(const setting_t *setting, int group, const char *name, const char *options,
                            scheduled_t *made) {
    const option_t *option = &setting->station->method->options[setting->option];
    if (option_is_keyword(option) || strncmp(option->range, "integer", 7) == 0)
        return error_set(OPTIM_ERR_VALUE, "option \"%s\" takes %s and cannot follow a schedule", option->name,
                         option->range);
    *made = (scheduled_t){setting->station, setting->station->per_group ? group : 0, setting->option, -1, NULL};
    const char *text = options == NULL ? "" : options;
    const optim_status status = schedule_create(&made->run, name, strlen(name), text, strlen(text),
                                                setting_values(setting, group)->base[setting->option]);
    if (status == OPTIM_OK && schedule_drives_momentum(made->run))
        made->momentum = companion_of(setting);
    return status;
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

static optim_status attach(optim_t *opt, int first, int last, const char *key, const char *name, const char *options) {
    const size_t groups = (size_t)last - (size_t)first + 1;
    scheduled_t *made = calloc(groups + 1, sizeof *made);
    optim_status status = OPTIM_OK;
    if (made == NULL || !schedules_reserve(opt, groups))
        status = error_nomem("attaching a schedule");
    for (size_t i = 0; status == OPTIM_OK && i < groups; ++i) {
        setting_t setting;
        status = setting_find(opt, first + (int)i, key, strlen(key), &setting);
        if (status == OPTIM_OK)
            status = scheduled_make(&setting, first + (int)i, name, options, &made[i]);
        if (status == OPTIM_OK)
            status = scheduled_check(&made[i]);
    }
    for (size_t i = 0; made != NULL && i < groups; ++i) {
        const setting_t setting = {made[i].station, made[i].option};
        if (status != OPTIM_OK) {
            schedule_destroy(made[i].run);
            continue;
        }
        remove_schedule(opt, &setting, made[i].group);
        opt->scheduled[opt->scheduled_count++] = made[i];
        if (!opt->engine.planned)
            schedules_switch_on(&made[i], 1);
    }
    free(made);
    return status;
}

optim_status optim_set_schedule(optim_t *opt, int group, const char *key, const char *schedule, const char *options) {
    const optim_status status = settings_check_call(opt, group, key, "setting a schedule");
    if (status != OPTIM_OK)
        return status;
    if (schedule != NULL)
        return attach(opt, settings_first_group(group), settings_last_group(opt, group, key), key, schedule, options);
    for (int g = settings_first_group(group); g <= settings_last_group(opt, group, key); ++g) {
        setting_t setting;
        if (setting_find_number(opt, g, key, &setting) == OPTIM_OK)
            remove_schedule(opt, &setting, g);
    }
    return OPTIM_OK;
}

optim_status optim_report(optim_t *opt, double metric) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_open(opt, "reporting a metric");
    if (status == OPTIM_OK && opt->steps == 0)
        status = error_set(OPTIM_ERR_ORDER, "a metric is reported after a step; none has been completed");
    for (size_t i = 0; status == OPTIM_OK && i < opt->scheduled_count; ++i) {
        const scheduled_t *scheduled = &opt->scheduled[i];
        const double base = scheduled->station->values[scheduled->group].base[scheduled->option];
        schedule_report(scheduled->run, base, (double)(opt->steps - 1), metric);
    }
    return status;
}
