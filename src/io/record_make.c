/* A handle into a record. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/number.h"
#include "io/jsontext.h"
#include "io/record.h"
#include "io/safetensors.h"

/* NaN keeps its sign: later steps hand it on. */
static json_t *number(double value) {
    char text[NUMBER_TEXT];
    number_text(value, text);
    return json_string(isnan(value) && signbit(value) ? "-nan" : text);
}

static json_t *numbers(const double *value, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < count; ++i)
        if (json_array_append_new(list, number(value[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

/* Adds the kept numbers of one shape: of the method, or of a group. */
static bool add_numbers(json_t *object, const layer_t *layer, state_shape_t shape, int group) {
    for (size_t k = 0; k < layer->states; ++k) {
        const state_t *state = &layer->method->states[k];
        if (state->shape != shape || !state_is_kept(state))
            continue;
        const double *at = layer->scalar[(size_t)group * layer->states + k];
        const size_t count = state_copies(layer->method, state, layer_option(layer, group));
        if (json_object_set_new(object, state->name, numbers(at, count)) != 0)
            return false;
    }
    return true;
}

static json_t *options_of(const layer_t *layer, int group) {
    json_t *options = json_object();
    const option_t *table = layer->method->options;
    const bool shared = layer->values[group].base == NULL; /* they stand under group 0 */
    for (size_t i = 0; options != NULL && !shared && table[i].name != NULL; ++i) {
        char text[OPTION_TEXT];
        option_text(&table[i], layer->values[group].base[i], text);
        if (json_object_set_new(options, table[i].name, json_string(text)) != 0) {
            json_decref(options);
            return NULL;
        }
    }
    return options;
}

/* Whether a group has something of its own in the layer: options, or numbers where the options are shared. */
static bool has_group(const layer_t *layer, int group) {
    bool has = layer->values[group].base != NULL;
    const state_t *state = layer->method->states; /* its table, which is there before any memory is */
    for (; !has && layer_covers(layer, group) && state != NULL && state->name != NULL; ++state)
        has = state->shape == PER_GROUP && state_is_kept(state);
    return has;
}

static bool add_group(json_t *groups, const layer_t *layer, int group, bool planned) {
    char key[16];
    json_t *held = json_object();
    json_t *entry = json_pack("{s:o, s:O}", "options", options_of(layer, group), "numbers", held);
    (void)snprintf(key, sizeof key, "%d", group);
    const bool added = entry != NULL && (!planned || add_numbers(held, layer, PER_GROUP, group)) &&
                       json_object_set(groups, key, entry) == 0;
    json_decref(entry);
    json_decref(held);
    return added;
}

static json_t *layer_record(const optim_t *opt, const layer_t *layer) {
    json_t *kept = json_object(), *groups = json_object();
    bool made = kept != NULL && groups != NULL;
    if (made && opt->engine.planned)
        made = add_numbers(kept, layer, PER_METHOD, layer->first_group);
    for (int g = 0; made && g < opt->engine.group_count; ++g)
        if (has_group(layer, g))
            made = add_group(groups, layer, g, opt->engine.planned);
    const double held[] = {layer->held_loss, layer->held_norm};
    json_t *holds = layer->holds_gradient ? numbers(held, 2) : json_null();
    json_t *record = made ? json_pack("{s:s, s:i, s:O, s:O, s:O}", "name", record_layer_name(opt, layer), "sample",
                                      layer->next_sample, "held", holds, "numbers", kept, "groups", groups)
                          : NULL;
    json_decref(holds);
    json_decref(kept);
    json_decref(groups);
    return record;
}

static json_t *parameter_record(const tensor_t *tensor) {
    json_t *shape = json_array();
    for (int i = 0; shape != NULL && i < tensor->ndim; ++i)
        if (json_array_append_new(shape, json_integer((json_int_t)tensor->dims[i])) != 0) {
            json_decref(shape);
            return NULL;
        }
    return json_pack("{s:i, s:s, s:o}", "group", tensor->group, "dtype", safetensors_dtype(tensor->dtype), "shape",
                     shape);
}

static json_t *schedule_state(const schedule_run_t *run) {
    const size_t count = schedule_state_count(run);
    double *state = malloc((count + 1) * sizeof *state);
    if (state == NULL)
        return NULL;
    schedule_state_read(run, state);
    json_t *list = numbers(state, count);
    free(state);
    return list;
}

static json_t *schedule_record(const optim_t *opt, const scheduled_t *scheduled) {
    int layer = 0;
    while (opt->engine.layers[layer] != scheduled->layer)
        ++layer;
    return json_pack("{s:i, s:i, s:s, s:s, s:s, s:o}", "layer", layer, "group", scheduled->group, "option",
                     scheduled->layer->method->options[scheduled->option].name, "name", scheduled->run->schedule->name,
                     "options", scheduled->run->text, "state", schedule_state(scheduled->run));
}

static bool fill(const optim_t *opt, json_t *parameters, json_t *groups, json_t *wrappers, json_t *layers,
                 json_t *schedules) {
    const engine_t *engine = &opt->engine;
    bool made = true;
    for (size_t i = 0; made && i < engine->tensor_count; ++i)
        made = json_object_set_new(parameters, engine->tensors[i].name, parameter_record(&engine->tensors[i])) == 0;
    for (int g = 0; made && g < engine->group_count; ++g)
        made = json_array_append_new(groups, json_string(engine_owner(engine, g)->name)) == 0;
    for (int l = engine->method_count; made && l < engine->layer_count; ++l)
        if (layer_is_wrapper(opt, l))
            made = json_array_append_new(wrappers, json_string(engine->layers[l]->name)) == 0;
    for (int l = 0; made && l < engine->layer_count; ++l)
        made = json_array_append_new(layers, layer_record(opt, engine->layers[l])) == 0;
    for (size_t i = 0; made && i < opt->scheduled_count; ++i)
        made = json_array_append_new(schedules, schedule_record(opt, &opt->scheduled[i])) == 0;
    return made;
}

/* JSON is UTF-8; a name that is not could not be found again. */
static optim_status check_names(const optim_t *opt) {
    for (size_t i = 0; i < opt->engine.tensor_count; ++i)
        if (!jsontext_can_hold(opt->engine.tensors[i].name))
            return error_set(OPTIM_ERR_VALUE, "the name of parameter %zu is not UTF-8: it cannot stand in a checkpoint",
                             i);
    return OPTIM_OK;
}

optim_status record_make(json_t **record, const optim_t *opt) {
    *record = NULL;
    const optim_status status = check_names(opt);
    if (status != OPTIM_OK)
        return status;
    json_t *parameters = json_object(), *groups = json_array(), *wrappers = json_array(), *layers = json_array(),
           *schedules = json_array();
    if (parameters != NULL && groups != NULL && wrappers != NULL && layers != NULL && schedules != NULL &&
        fill(opt, parameters, groups, wrappers, layers, schedules))
        *record =
            json_pack("{s:i, s:s, s:I, s:I, s:I, s:b, s:O, s:O, s:O, s:O, s:O}", "format", RECORD_FORMAT, "library",
                      optim_version(), "steps", (json_int_t)opt->steps, "skipped", (json_int_t)opt->skipped, "draws",
                      (json_int_t)opt->engine.draws, "planned", (int)opt->engine.planned, "parameters", parameters,
                      "groups", groups, "wrappers", wrappers, "layers", layers, "schedules", schedules);
    json_decref(parameters);
    json_decref(groups);
    json_decref(wrappers);
    json_decref(layers);
    json_decref(schedules);
    return *record == NULL ? error_nomem("saving") : OPTIM_OK;
}
