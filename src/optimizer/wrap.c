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
    option_piece_t piece;
    optim_status status = option_check_unique(options);
    int more;
    if (status != OPTIM_OK)
        return status;
    while ((more = option_next(&options, &piece)) > 0) {
        const int i = option_find(station->method->options, piece.key, piece.key_length);
        if (i < 0) {
            char owner[80];
            (void)snprintf(owner, sizeof owner, "wrapper \"%s\"", station->name);
            return option_refuse(station->method->options, owner, piece.key, piece.key_length);
        }
        status =
            option_parse(&station->method->options[i], piece.value, piece.value_length, &station->values[0].base[i]);
        if (status != OPTIM_OK)
            return status;
        station->values[0].now[i] = station->values[0].base[i];
    }
    return more < 0 ? more : station_check(station, 0);
}

optim_status optim_wrap(optim_t *opt, const char *wrapper, const char *options) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_null(wrapper, "wrapper");
    if (status == OPTIM_OK)
        status = refuse_planned(opt, "wrapping");
    if (status != OPTIM_OK)
        return status;
    const registry_method_t *entry = registry_find_wrapper(wrapper, strlen(wrapper));
    if (entry == NULL)
        return OPTIM_ERR_NAME;
    if (find_wrapper(opt, wrapper) != NULL)
        return error_set(OPTIM_ERR_DUPLICATE, "wrapper \"%s\" is there already; each can be used once", wrapper);
    if (chain_wrapper(opt, QUEUE_LENGTH - 5 - 1) != NULL) /* as many as the engine's own filters leave room for */
        return error_set(OPTIM_ERR_MISMATCH, "there are too many wrappers; \"%s\" cannot be added", wrapper);
    station_t *station = station_create(opt, entry, STATION_WRAPPER, opt->engine.group_count);
    if (station == NULL || !station_cover(station, 0, NULL))
        status = error_nomem("wrapping");
    else
        status = read_wrapper_options(station, options);
    if (status == OPTIM_OK && !chain_insert(opt, station, opt->own[REGISTRY_ENGINE_GUARD]))
        status = error_nomem("wrapping");
    if (status != OPTIM_OK)
        station_destroy(station, opt->engine.group_count);
    return status;
}
