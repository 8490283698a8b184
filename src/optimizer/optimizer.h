/* The handle: an engine, its layers, the request that is open, and the schedules. */
#ifndef OPTIMIZER_OPTIMIZER_H
#define OPTIMIZER_OPTIMIZER_H

#include "engine/engine.h"
#include "engine/handle_option.h"
#include "optimizer/names.h"
#include "optimizer/registry.h"
#include "optimizer/schedule.h"

/* Option `option` of `layer`, for `group`, follows a schedule. */
typedef struct scheduled {
    layer_t *layer;
    int group, option;
    schedule_run_t *run;
} scheduled_t;

struct optim {
    engine_t engine;
    names_t names; /* of parameters */
    scheduled_t *scheduled;
    size_t scheduled_count, scheduled_capacity;

    /* the step under way */
    optim_status open; /* the request, or 0 */
    int waiting;       /* layer that made it */
    int64_t evaluation;

    int64_t steps, skipped;
    double loss;
    bool has_loss, reads_loss;
    int accumulation; /* of the gradient that arrived last: see step_t */

    bool has_bounds;
    void *swapped; /* the parameters while the output stands in their place, or NULL */
};

/* ---- layers.c ---- */
layer_t *layer_create(const registry_method_t *entry, int level, int groups, bool is_method);
void layer_destroy(layer_t *layer, int groups);
bool layer_add_group(layer_t *layer, int groups); /* room for one more; not yet covered */
/* The layer covers `group`, with the values of `from` (NULL: defaults). */
bool layer_cover(layer_t *layer, int group, const values_t *from);
void layer_uncover(layer_t *layer, int group);
bool optim_insert_layer(optim_t *opt, layer_t *layer, int position);

/* Engine layers by their REGISTRY_ENGINE_ number. */
layer_t *optim_engine_layer(const optim_t *opt, int which);
/* Options of the handle that the core itself reads. */
double optim_handle_option(const optim_t *opt, enum handle_option option);

/* ---- settings.c ---- */
typedef struct setting {
    layer_t *layer;
    int option;
} setting_t;
/* Which layer's option `key` means for `group`; error OPTION names the key and what there is. */
optim_status setting_find(const optim_t *opt, int group, const char *key, size_t length, setting_t *setting);
/* Reads "key=value,..." into the values of `group`; keys for which `skip` is given are passed over.
 * On error values may have been written: callers work on values that they discard then. */
optim_status settings_read(optim_t *opt, int group, const char *options, const char *skip);
/* The layer's own check of a combination of options. */
optim_status layer_check(const layer_t *layer, int group);

/* ---- Guards shared by the API ---- */
optim_status refuse_null(const void *pointer, const char *name);
optim_status refuse_open(const optim_t *opt, const char *doing);
optim_status refuse_planned(const optim_t *opt, const char *doing);
optim_status refuse_param(const optim_t *opt, int param);
optim_status refuse_group(const optim_t *opt, int group);

/* ---- check.c ---- */
/* What must hold before memory is taken. Errors: SHAPE, MISMATCH. */
optim_status check_plan(const optim_t *opt);

/* ---- step.c ---- */
/* The step that a layer is given. */
step_t step_make(optim_t *opt, layer_t *layer);
/* -1 if group 0 maximizes: methods minimize. */
double loss_sign(const optim_t *opt);
/* Undoes the open step. */
void step_undo(optim_t *opt);
/* Takes memory if need be and lets schedules act: between steps, before a gradient is looked at. */
optim_status step_ready(optim_t *opt);
optim_status refuse_missing_loss(const optim_t *opt);
/* Hands a gradient from layer `from` inwards to layer `to`, until one waits. */
optim_status step_deliver(optim_t *opt, int from, int to);

/* ---- accumulate.c ---- */
/* Whether gradients have been accumulated since the last evaluation was used up; the mean of their losses. */
bool accumulation_exists(const optim_t *opt);
double accumulation_loss(const optim_t *opt);
void accumulation_clear(optim_t *opt);
/* Applies every schedule at clock `steps`. */
void schedules_apply(optim_t *opt);

#endif
