/* Making and ending a handle; groups and wrappers. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "base/error.h"
#include "base/memory.h"
#include "optimizer/optimizer.h"

/* ---- Guards ---- */

optim_status refuse_null(const void *pointer, const char *name) {
    return pointer != NULL ? OPTIM_OK : error_set(OPTIM_ERR_NULL, "argument \"%s\" must not be NULL", name);
}

optim_status refuse_open(const optim_t *opt, const char *doing) {
    if (opt->open == OPTIM_OK)
        return OPTIM_OK;
    return error_set(OPTIM_ERR_OPEN,
                     "%s is not possible while a request is open: answer it with optim_step, or optim_cancel", doing);
}

optim_status refuse_planned(const optim_t *opt, const char *doing) {
    if (!opt->engine.planned)
        return OPTIM_OK;
    return error_set(OPTIM_ERR_ORDER, "%s is possible before the first step only", doing);
}

optim_status refuse_param(const optim_t *opt, int param) {
    if (param >= 0 && (size_t)param < opt->engine.tensor_count)
        return OPTIM_OK;
    return error_set(OPTIM_ERR_ARGUMENT, "there is no parameter %d; there are %zu, counted from 0", param,
                     opt->engine.tensor_count);
}

/* ---- Handle ---- */

static bool add_engine_stations(optim_t *opt) {
    for (int i = 0; i < REGISTRY_ENGINE_COUNT; ++i) {
        station_t *station = station_create(&REGISTRY_ENGINE[i], opt->engine.level, 1, false);
        if (station == NULL || !station_cover(station, 0, NULL) ||
            !handle_insert_station(opt, station, opt->engine.station_count)) {
            station_destroy(station, 1);
            return false;
        }
        if (i == REGISTRY_ENGINE_STORAGE)
            opt->engine.storage = station;
    }
    return true;
}

/* `groups`: those it has room for. */
static bool add_method(optim_t *opt, const registry_method_t *entry, int groups, station_t **added) {
    station_t *station = station_create(entry, opt->engine.level, groups, true);
    if (station == NULL || !handle_insert_station(opt, station, opt->engine.method_count)) {
        station_destroy(station, groups);
        return false;
    }
    *added = station;
    return true;
}

static int default_threads(void) {
#ifdef _OPENMP
    return omp_get_max_threads();
#else
    return 1;
#endif
}

static optim_status create(optim_t *opt, const registry_method_t *entry, const char *options) {
    station_t *method;
    const optim_status status = engine_check_level();
    if (status != OPTIM_OK)
        return status;
    opt->engine.level = engine_best_level();
    opt->engine.primitives = engine_primitives(opt->engine.level);
    opt->engine.threads = default_threads();
    opt->engine.group_count = 1;
    if (!add_engine_stations(opt) || !add_method(opt, entry, 1, &method) || !station_cover(method, 0, NULL))
        return error_nomem("creating an optimizer");
    return settings_read(opt, 0, options, NULL);
}

optim_status handle_create(optim_t **out, const registry_method_t *entry, const char *options) {
    optim_t *opt = calloc(1, sizeof *opt);
    if (opt == NULL)
        return error_nomem("creating an optimizer");
    const optim_status status = create(opt, entry, options);
    if (status != OPTIM_OK)
        optim_destroy(opt);
    else
        *out = opt;
    return status;
}

optim_status optim_create(optim_t **out, const char *algorithm, const char *options) {
    optim_status status = refuse_null(out, "out");
    if (status != OPTIM_OK)
        return status;
    *out = NULL;
    status = refuse_null(algorithm, "algorithm");
    if (status != OPTIM_OK)
        return status;
    const registry_method_t *entry = registry_find_method(algorithm, strlen(algorithm));
    return entry == NULL ? OPTIM_ERR_NAME : handle_create(out, entry, options);
}

void optim_destroy(optim_t *opt) {
    if (opt == NULL)
        return;
    engine_t *engine = &opt->engine;
    (void)optim_save_wait(opt);
    plan_free(engine);
    for (size_t i = 0; i < opt->scheduled_count; ++i)
        schedule_destroy(opt->scheduled[i].run);
    for (int l = 0; l < engine->station_count; ++l)
        station_destroy(engine->stations[l], engine->group_count);
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        free(engine->tensors[i].name);
        free(engine->tensors[i].dims);
    }
    free(opt->scheduled);
    free(opt->names.slot);
    free(opt->answers.losses);
    free(opt->swapped);
    free(opt->buffers.sorted);
    free(engine->stations);
    free(engine->tensors);
    free(opt);
}

/* ---- Groups ---- */

/* The method that "algorithm=NAME" calls for: an existing station or a new one; without it the one of group 0. */
static optim_status group_method(optim_t *opt, const char *options, station_t **station, bool *is_new, bool *named) {
    option_piece_t piece;
    int more;
    *is_new = *named = false;
    for (int l = 0; l < opt->engine.method_count; ++l)
        if (station_covers(opt->engine.stations[l], 0))
            *station = opt->engine.stations[l];
    while ((more = option_next(&options, &piece)) > 0) {
        if (piece.key_length != 9 || memcmp(piece.key, "algorithm", 9) != 0)
            continue;
        const registry_method_t *entry = registry_find_method(piece.value, piece.value_length);
        if (entry == NULL)
            return OPTIM_ERR_NAME;
        *named = true;
        for (int l = 0; l < opt->engine.method_count; ++l)
            if (strcmp(opt->engine.stations[l]->name, entry->name) == 0) {
                *station = opt->engine.stations[l];
                return OPTIM_OK;
            }
        if (!add_method(opt, entry, opt->engine.group_count + 1, station))
            return error_nomem("adding a group");
        *is_new = true;
    }
    return more;
}

static void remove_method(optim_t *opt, station_t *station) {
    engine_t *engine = &opt->engine;
    int l = 0;
    while (engine->stations[l] != station)
        ++l;
    for (; l + 1 < engine->station_count; ++l)
        engine->stations[l] = engine->stations[l + 1];
    --engine->station_count;
    --engine->method_count;
    station_destroy(station, engine->group_count);
}

/* Covers the new group by its method and by the engine's stations that go by group. */
static optim_status fill_group(optim_t *opt, int group, station_t *station, bool named, const char *options) {
    if (!station_cover(station, group, named ? NULL : &station->values[0]))
        return error_nomem("adding a group");
    for (int i = 0; i < REGISTRY_ENGINE_COUNT; ++i) {
        station_t *engine = handle_engine_station(opt, i);
        if (engine->per_group && !station_cover(engine, group, &engine->values[0]))
            return error_nomem("adding a group");
    }
    return settings_read(opt, group, options, "algorithm");
}

optim_status optim_add_group(optim_t *opt, const char *options, int *group) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_planned(opt, "adding a group");
    if (status != OPTIM_OK)
        return status;
    engine_t *engine = &opt->engine;
    const int id = engine->group_count;
    station_t *station = NULL;
    bool is_new = false, named = false;
    if (id == INT_MAX)
        return error_set(OPTIM_ERR_SIZE, "there are too many groups");
    for (int l = 0; l < engine->station_count; ++l)
        if (!station_add_group(engine->stations[l], id))
            return error_nomem("adding a group");
    status = group_method(opt, options, &station, &is_new, &named);
    if (status == OPTIM_OK && station != NULL) {
        ++engine->group_count;
        status = fill_group(opt, id, station, named, options);
        engine->group_count -= status != OPTIM_OK;
    }
    if (status != OPTIM_OK) {
        if (station != NULL)
            station_uncover(station, id);
        for (int i = 0; i < REGISTRY_ENGINE_COUNT; ++i)
            station_uncover(handle_engine_station(opt, i), id);
        if (is_new)
            remove_method(opt, station);
        return status;
    }
    if (group != NULL)
        *group = id;
    return OPTIM_OK;
}

/* ---- Wrappers ---- */

static station_t *find_wrapper(const optim_t *opt, const char *name) {
    for (int l = opt->engine.method_count; l < opt->engine.station_count; ++l)
        if (strcmp(opt->engine.stations[l]->name, name) == 0)
            return opt->engine.stations[l];
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
    const int outside = opt->engine.station_count - REGISTRY_ENGINE_OUTER;
    const int wrappers = outside - opt->engine.method_count - REGISTRY_ENGINE_INNER;
    if (wrappers >= QUEUE_LENGTH - 5) /* the engine's own filters */
        return error_set(OPTIM_ERR_MISMATCH, "there are too many wrappers; \"%s\" cannot be added", wrapper);
    station_t *station = station_create(entry, opt->engine.level, opt->engine.group_count, false);
    if (station == NULL || !station_cover(station, 0, NULL))
        status = error_nomem("wrapping");
    else
        status = read_wrapper_options(station, options);
    if (status == OPTIM_OK && !handle_insert_station(opt, station, outside))
        status = error_nomem("wrapping");
    if (status != OPTIM_OK)
        station_destroy(station, opt->engine.group_count);
    return status;
}

optim_status optim_set_threads(optim_t *opt, int threads) {
    enum { MOST_THREADS = 4096 };
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK && (threads < 1 || threads > MOST_THREADS))
        status =
            error_set(OPTIM_ERR_ARGUMENT, "the number of threads cannot be %d; valid: 1 to %d", threads, MOST_THREADS);
    if (status == OPTIM_OK)
        status = refuse_open(opt, "changing the number of threads");
    if (status == OPTIM_OK && opt->engine.planned)
        status = plan_share(&opt->engine, threads);
    if (status == OPTIM_OK)
        opt->engine.threads = threads;
    return status;
}

const char *optim_version(void) {
#define TEXT(x) #x
#define VERSION(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)
    return VERSION(OPTIM_VERSION_MAJOR, OPTIM_VERSION_MINOR, OPTIM_VERSION_PATCH);
}
