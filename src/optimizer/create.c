/* Making and ending a handle. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/rows.h"
#include "optimizer/optimizer.h"

static optim_status create(optim_t *opt, const registry_method_t *entry, const char *options) {
    station_t *method;
    const optim_status status = engine_check_level();
    if (status != OPTIM_OK)
        return status;
    opt->engine.level = engine_best_level();
    opt->engine.primitives = engine_primitives(opt->engine.level);
    opt->engine.map_at = registry_map_at;
    opt->engine.compressor_at = registry_compressor_at;
    ahead_connect(&opt->engine);
    opt->engine.threads = threads_default();
    opt->engine.group_count = 1;
    if (!chain_create(opt) || !chain_add_method(opt, entry, 1, &method) || !station_cover(method, 0, NULL))
        return error_nomem("creating an optimizer");
    if (!otherwise_cover(opt, method, 0, 1))
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
    if (entry == NULL)
        return OPTIM_ERR_NAME;
    status = group_refuse_method(entry);
    return status == OPTIM_OK ? handle_create(out, entry, options) : status;
}

void optim_destroy(optim_t *opt) {
    if (opt == NULL)
        return;
    engine_t *engine = &opt->engine;
    if (opt->end_saving != NULL)
        opt->end_saving(opt);
    plan_free(engine);
    for (size_t i = 0; i < opt->scheduled_count; ++i)
        schedule_destroy(opt->scheduled[i].run);
    chain_destroy(opt);
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        free(engine->tensors[i].name);
        free(engine->tensors[i].dims);
        rows_free(engine->tensors[i].rows);
    }
    free(opt->scheduled);
    free(opt->names.slot);
    free(opt->answers.losses);
    free(opt->swapped);
    free(opt->buffers.sorted);
    change_free_rooms(opt);
    replicas_free(opt);
    free(engine->tensors);
    free(opt);
}
