/* Attaching schedules to options and removing them; reported metrics. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "optimizer/optimizer.h"

/* The momentum option that a schedule on lr may drive as well, or -1. */
static int companion_of(const setting_t *setting) {
    const option_t *options = setting->station->method->options;
    if (!setting->station->is_method || setting->option != option_find(options, "lr", 2))
        return -1;
    const int momentum = option_find(options, "momentum", 8);
    return momentum >= 0 ? momentum : option_find(options, "beta1", 5);
}

optim_status scheduled_make(const setting_t *setting, int group, const char *name, const char *options,
                            scheduled_t *made) {
    const option_t *option = setting_row(setting, group);
    if (option_kind(option) != OPTIM_KIND_NUMBER)
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
        schedules_remove(opt, &setting, made[i].group);
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
            schedules_remove(opt, &setting, g);
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
