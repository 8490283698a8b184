/* Wrappers around the methods of a handle. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "optimizer/optimizer.h"

static station_t *find_wrapper(const optim_t *opt, const char *name) {
    station_t *wrapper;
    for (int i = 0; (wrapper = chain_wrapper(opt, i)) != NULL; ++i)
        if (strcmp(wrapper->name, name) == 0)
            return wrapper;
    return NULL;
}

/* Reads the wrapper's own options only. */
static optim_status read_wrapper_options(station_t *station, const char *options) {
    char owner[80];
    const values_t *values = &station->values[0];
    const option_t *table = station->method->options;
    (void)snprintf(owner, sizeof owner, "wrapper \"%s\"", station->name);
    const optim_status status = values_read(table, owner, values->base, options);
    memcpy(values->now, values->base, option_values(table) * sizeof *values->now);
    return status == OPTIM_OK ? station_check(station, 0) : status;
}

/* Into the chain; after the first step, when it begins as if that were to come. */
static optim_status put_around(optim_t *opt, station_t *station) {
    replan_t aside;
    optim_status status = change_begin(opt, &aside, "wrapping");
    if (status != OPTIM_OK)
        return status;
    if (!chain_insert(opt, station, opt->own[REGISTRY_ENGINE_GUARD])) {
        replan_cancel(&opt->engine, &aside);
        return error_nomem("wrapping");
    }
    status = change_end(opt, &aside, NULL);
    if (status == OPTIM_OK)
        return OPTIM_OK;
    chain_remove(opt, station);
    replan_cancel(&opt->engine, &aside);
    return status;
}

optim_status optim_wrap(optim_t *opt, const char *wrapper, const char *options) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_null(wrapper, "wrapper");
    if (status == OPTIM_OK)
        status = refuse_handle(opt, NOT_OPEN | NOT_SWAPPED, "wrapping");
    if (status != OPTIM_OK)
        return status;
    const registry_method_t *entry = registry_find_wrapper(wrapper, strlen(wrapper));
    if (entry == NULL)
        return OPTIM_ERR_NAME;
    if (find_wrapper(opt, wrapper) != NULL)
        return error_set(OPTIM_ERR_DUPLICATE, "wrapper \"%s\" is there already; each can be used once", wrapper);
    if (chain_wrapper(opt, QUEUE_LENGTH - 6 - 1) != NULL) /* as many as the engine's own filters leave room for */
        return error_set(OPTIM_ERR_MISMATCH, "there are too many wrappers; \"%s\" cannot be added", wrapper);
    station_t *station = station_create(opt, entry, STATION_WRAPPER, opt->engine.group_count);
    if (station == NULL || !station_cover(station, 0, NULL))
        status = error_nomem("wrapping");
    else
        status = read_wrapper_options(station, options);
    if (status == OPTIM_OK)
        status = put_around(opt, station);
    if (status != OPTIM_OK)
        station_destroy(station, opt->engine.group_count);
    return status;
}

optim_status optim_wrap_groups(optim_t *opt, const char *wrapper, const int *groups, size_t count) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_null(wrapper, "wrapper");
    if (status == OPTIM_OK)
        status = refuse_null(groups, "groups");
    if (status == OPTIM_OK)
        status = refuse_planned(opt, "choosing the groups of a wrapper");
    if (status == OPTIM_OK && count == 0)
        status = error_set(OPTIM_ERR_ARGUMENT, "a wrapper of no group does nothing: name one at least");
    for (size_t i = 0; status == OPTIM_OK && i < count; ++i)
        status = refuse_group(opt, groups[i]);
    if (status != OPTIM_OK)
        return status;
    station_t *station = find_wrapper(opt, wrapper);
    if (station == NULL)
        return error_set(OPTIM_ERR_NAME, "there is no wrapper \"%.60s\" whose groups could be chosen: optim_wrap first",
                         wrapper);
    station->leaves_out = true;
    for (int g = 0; g < opt->engine.group_count; ++g)
        station->values[g].left_out = true;
    for (size_t i = 0; i < count; ++i)
        station->values[groups[i]].left_out = false;
    return OPTIM_OK;
}
