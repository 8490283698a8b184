/* Around what changes the lists of parameters, groups or stations: after the first step the plan is made anew. */
#include <stdlib.h>

#include "base/error.h"
#include "optimizer/optimizer.h"

void change_free_rooms(optim_t *opt) {
    free(opt->by_param.stepped);
    free(opt->by_param.kept);
    free(opt->own_parameters);
    opt->by_param.stepped = NULL;
    opt->by_param.kept = NULL;
    opt->own_parameters = NULL;
}

optim_status change_begin(optim_t *opt, replan_t *aside, const char *doing) {
    *aside = (replan_t){0};
    if (opt->driven)
        return error_set(OPTIM_ERR_ORDER, "%s is not possible in a callback: stop the loop first", doing);
    if (!opt->engine.planned)
        return OPTIM_OK;
    optim_status status = replicas_refuse_shard(opt, doing);
    if (status == OPTIM_OK && opt->engine.ahead != NULL)
        status = error_set(OPTIM_ERR_MISMATCH,
                           "%s after the first step is not possible with \"%s\", which has steps to come in memory",
                           doing, opt->engine.ahead->name);
    return status == OPTIM_OK ? replan_begin(&opt->engine, aside) : status;
}

optim_status change_end(optim_t *opt, replan_t *aside, const rows_kept_t *rows) {
    if (!aside->engine.planned)
        return OPTIM_OK;
    schedules_switch_on(opt->scheduled, opt->scheduled_count);
    optim_status status = check_plan(opt);
    if (status == OPTIM_OK)
        status = replan_end(&opt->engine, aside, rows);
    if (status != OPTIM_OK)
        return status;
    opt->buffers.checked = opt->replicas.compared = false;
    change_free_rooms(opt);
    return OPTIM_OK;
}
