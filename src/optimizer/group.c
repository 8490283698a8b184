/* Groups of parameters, which may run different methods. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "linear/linear.h"
#include "optimizer/optimizer.h"

optim_status group_refuse_method(const registry_method_t *entry) {
    char who[64];
    if (!(entry->level[0].precision[PRECISION_F64]->flags & NEEDS_LAPACK))
        return OPTIM_OK;
    (void)snprintf(who, sizeof who, "method %s", entry->name);
    return linear_require(who);
}

/* The method that "algorithm=NAME" calls for: an existing station or a new one; without it the one of group 0. */
static optim_status group_method(optim_t *opt, const char *options, station_t **station, bool *is_new, bool *named) {
    option_pair_t pair;
    int more;
    *is_new = *named = false;
    *station = engine_owner(&opt->engine, 0);
    while ((more = option_next(&options, &pair)) > 0) {
        if (pair.key_length != 9 || memcmp(pair.key, "algorithm", 9) != 0)
            continue;
        const registry_method_t *entry = registry_find_method(pair.value, pair.value_length);
        if (entry == NULL)
            return OPTIM_ERR_NAME;
        const optim_status status = group_refuse_method(entry);
        if (status != OPTIM_OK)
            return status;
        *named = true;
        for (int l = 0; l < opt->engine.method_count; ++l)
            if (strcmp(opt->engine.stations[l]->name, entry->name) == 0) {
                *station = opt->engine.stations[l];
                return OPTIM_OK;
            }
        if (!chain_add_method(opt, entry, opt->engine.group_count + 1, station))
            return error_nomem("adding a group");
        *is_new = true;
    }
    return more;
}

static void remove_method(optim_t *opt, station_t *station) {
    chain_remove(opt, station);
    station_destroy(station, opt->engine.group_count);
}

/* Covers the new group by its method and by the engine's stations that go by group. */
static optim_status fill_group(optim_t *opt, int group, station_t *station, bool named, const char *options) {
    if (!station_cover(station, group, named ? NULL : &station->values[0]))
        return error_nomem("adding a group");
    if (!otherwise_cover(opt, station, group, opt->engine.group_count))
        return error_nomem("adding a group");
    for (int i = 0; i < REGISTRY_ENGINE_COUNT; ++i) {
        station_t *own = opt->own[i];
        if (own->per_group && !station_cover(own, group, &own->values[0]))
            return error_nomem("adding a group");
    }
    return settings_read(opt, group, options, "algorithm");
}

/* What add_group has done; the count of groups is as before. */
static void take_back(optim_t *opt, int id, station_t *station, bool is_new) {
    otherwise_uncover(opt, id);
    if (station != NULL)
        station_uncover(station, id);
    for (int i = 0; i < REGISTRY_ENGINE_COUNT; ++i)
        station_uncover(opt->own[i], id);
    if (is_new)
        remove_method(opt, station);
}

static optim_status add_group(optim_t *opt, const char *options, replan_t *aside) {
    engine_t *engine = &opt->engine;
    const int id = engine->group_count;
    station_t *station = NULL;
    bool is_new = false, named = false;
    for (int l = 0; l < engine_keepers(engine); ++l)
        if (!station_add_group(engine_keeper(engine, l), id))
            return error_nomem("adding a group");
    optim_status status = group_method(opt, options, &station, &is_new, &named);
    if (status == OPTIM_OK && station != NULL) {
        ++engine->group_count;
        status = fill_group(opt, id, station, named, options);
        if (status == OPTIM_OK)
            status = change_end(opt, aside, NULL);
        engine->group_count -= status != OPTIM_OK;
    }
    if (status != OPTIM_OK)
        take_back(opt, id, station, is_new);
    return status;
}

optim_status optim_add_group(optim_t *opt, const char *options, int *group) {
    replan_t aside;
    optim_status status = refuse_handle(opt, NOT_OPEN | NOT_SWAPPED, "adding a group");
    if (status == OPTIM_OK && opt->engine.group_count == INT_MAX)
        status = error_set(OPTIM_ERR_SIZE, "there are too many groups");
    if (status == OPTIM_OK)
        status = change_begin(opt, &aside, "adding a group");
    if (status != OPTIM_OK)
        return status;
    const int id = opt->engine.group_count;
    status = add_group(opt, options, &aside);
    if (status != OPTIM_OK) {
        replan_cancel(&opt->engine, &aside);
        return status;
    }
    if (group != NULL)
        *group = id;
    return OPTIM_OK;
}
