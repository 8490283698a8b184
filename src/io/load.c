/* Loading: everything is read and checked before anything that a step uses changes. */
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/arrays.h"
#include "io/byteorder.h"
#include "io/checkpoint.h"
#include "io/complaints.h"
#include "io/record.h"
#include "io/safetensors.h"
#include "io/shares.h"
#include "optimizer/abi.h"

typedef struct load {
    optim_t *opt;
    source_t *source;
    const optim_load_rules *rules; /* NULL: nothing may differ */
    safetensors_t file;
    shares_t shares; /* whose arrays are entries of `file` too */
    record_t record;
    double **options; /* as they were, by station and group */
    bool made_plan;
    bool *took_states; /* by parameter, where the plan was there before */
    arrays_t arrays;
    char *contents; /* what was read, where the states' own memory must not be touched yet */
    assignment_t *numbers;
    size_t number_count;
    scheduled_t *schedules;
    size_t schedule_count;
} load_t;

/* ---- Going back ---- */

/* Copies all option values of the handle out, or back. */
static optim_status keep_options(load_t *load) {
    const engine_t *engine = &load->opt->engine;
    const size_t groups = (size_t)engine->group_count;
    load->options = calloc((size_t)engine_keepers(engine) * groups + 1, sizeof *load->options);
    if (load->options == NULL)
        return error_nomem("loading a checkpoint");
    for (int l = 0; l < engine_keepers(engine); ++l)
        for (size_t g = 0; g < groups; ++g) {
            const station_t *station = engine_keeper(engine, l);
            const size_t bytes = 2 * option_values(station->method->options) * sizeof(double);
            double **kept = &load->options[(size_t)l * groups + g];
            if (station->values[g].base == NULL)
                continue;
            *kept = malloc(bytes + sizeof(double));
            if (*kept == NULL)
                return error_nomem("loading a checkpoint");
            memcpy(*kept, station->values[g].base, bytes); /* base and now lie one after the other */
        }
    return OPTIM_OK;
}

static void free_options(load_t *load, bool back) {
    const engine_t *engine = &load->opt->engine;
    const size_t groups = (size_t)engine->group_count;
    for (int l = 0; load->options != NULL && l < engine_keepers(engine); ++l)
        for (size_t g = 0; g < groups; ++g) {
            const station_t *station = engine_keeper(engine, l);
            double *kept = load->options[(size_t)l * groups + g];
            if (back && kept != NULL)
                memcpy(station->values[g].base, kept, 2 * option_values(station->method->options) * sizeof(double));
            free(kept);
        }
    free(load->options);
}

static void load_end(load_t *load, bool failed) {
    free_options(load, failed);
    otherwise_assign(load->opt);
    if (failed && load->made_plan)
        plan_free(&load->opt->engine);
    else
        for (size_t i = 0; failed && load->took_states != NULL && i < load->opt->engine.tensor_count; ++i)
            if (load->took_states[i])
                plan_drop_states(&load->opt->engine, &load->opt->engine.tensors[i]);
    free(load->took_states);
    for (size_t i = 0; failed && i < load->schedule_count; ++i)
        schedule_destroy(load->schedules[i].run);
    free(load->schedules);
    free(load->numbers);
    free(load->contents);
    arrays_free(&load->arrays);
    record_free(&load->record);
    safetensors_free(&load->file);
    shares_close(&load->shares);
}

/* ---- Arrays ---- */

/* Of integers, as whoever read the entry has seen. */
static bool has_shape(const array_t *array, const jsontree_t *there) {
    const shape_t here = array->shape;
    bool same = jsontree_items(there) == here.count;
    for (size_t i = 0; same && i < here.count; ++i)
        same = jsontree_integer(jsontree_at(there, i)) == here.dims[i];
    return same;
}

static bool has_station(const engine_t *engine, const char *name, size_t length) {
    for (int l = 0; l < engine_keepers(engine); ++l) {
        const char *station = engine_keeper(engine, l)->name;
        if (strlen(station) == length && memcmp(station, name, length) == 0)
            return true;
    }
    return false;
}

/* Whether the record has nothing for the parameter of this name that could be used. */
static bool is_fresh(const load_t *load, const char *name, size_t length) {
    for (size_t i = 0; i < load->opt->engine.tensor_count; ++i) {
        const char *here = load->opt->engine.tensors[i].name;
        if (load->record.fresh[i] && strlen(here) == length && memcmp(here, name, length) == 0)
            return true;
    }
    return false;
}

/* Whether the rules allow that nothing here takes array PARAMETER/METHOD.STATE of the file. */
static bool may_be_left(const load_t *load, const char *name) {
    const optim_load_rules *rules = &load->record.rules;
    const char *slash = strrchr(name, '/'), *dot = slash == NULL ? NULL : strchr(slash, '.');
    if (dot == NULL)
        return false;
    const size_t length = (size_t)(slash - name);
    if (rules->wrappers && !has_station(&load->opt->engine, slash + 1, (size_t)(dot - slash) - 1))
        return true;
    if (rules->fresh > 0 && is_fresh(load, name, length))
        return true;
    char *parameter = rules->unknown ? memory_text(name, length) : NULL;
    const bool is_unknown = parameter != NULL && !names_has(&load->opt->names, parameter);
    free(parameter);
    return is_unknown;
}

/* What begins fresh is not read: of parameters, and of stations that the record lacks. */
static void leave_fresh(load_t *load) {
    size_t kept = 0;
    if (load->rules == NULL)
        return;
    for (size_t i = 0; i < load->arrays.count; ++i) {
        array_t *array = &load->arrays.array[i];
        bool fresh = load->record.fresh[array->of->id];
        for (int l = 0; l < record_stations(load->opt); ++l)
            fresh |= record_listed(load->opt, l) == array->station && load->record.station[l] == NULL;
        if (fresh)
            free(array->name);
        else
            load->arrays.array[kept++] = *array;
    }
    load->arrays.count = kept;
}

static optim_status match_arrays(load_t *load) {
    complaints_t complaints = {.used = 0};
    for (size_t i = 0; i < load->arrays.count; ++i) {
        const array_t *array = &load->arrays.array[i];
        safetensors_entry_t *entry = safetensors_find(&load->file, array->name);
        if (entry == NULL)
            complain(&complaints, "array \"%s\" is missing in it", array->name);
        else if (strcmp(entry->dtype, array->dtype) != 0)
            complain(&complaints, "array \"%s\" is %.8s there and %s here", array->name, entry->dtype, array->dtype);
        else if (!has_shape(array, entry->shape) || entry->bytes != array_bytes(array))
            complain(&complaints, "array \"%s\" has another shape there", array->name);
        if (entry != NULL)
            entry->taken = true;
    }
    for (size_t i = 0; i < load->file.count; ++i)
        if (!load->file.entries[i].taken && !may_be_left(load, load->file.entries[i].name))
            complain(&complaints, "its array \"%s\" is unknown here", load->file.entries[i].name);
    return complaints_end(&complaints, load->source->name);
}

/* Numbers that something is counted with. */
static optim_status check_numbers(const load_t *load, const array_t *array, const char *numbers) {
    for (size_t i = 0; array->field != NULL && i < array->bytes / sizeof(double); ++i) {
        double value;
        memcpy(&value, numbers + i * sizeof value, sizeof value);
        const method_t *method = array->station->method;
        const double *option = station_option(array->station, array->of->group);
        if (!field_admits(method, array->field, option, value))
            return error_set(OPTIM_ERR_CHECKPOINT, "%s does not fit this optimizer: array \"%.100s\" cannot hold %g",
                             load->source->name, array->name, value);
    }
    return OPTIM_OK;
}

static optim_status read_array(load_t *load, const array_t *array, char *to, size_t stride) {
    const safetensors_entry_t *entry = safetensors_find(&load->file, array->name);
    const char *wanted = entry->checksum != NULL ? entry->checksum : record_checksum(&load->record, array->name);
    char found[CHECKSUM_TEXT];
    XXH3_state_t state;
    (void)XXH3_64bits_reset(&state);
    for (size_t c = 0; c < array->copies && array->bytes > 0; ++c) {
        char *copy = to + c * stride;
        const optim_status status =
            entry->source->read(entry->source, entry->begin + c * array->bytes, copy, array->bytes);
        if (status != OPTIM_OK)
            return status;
        (void)XXH3_64bits_update(&state, copy, array->bytes);
        byteorder_from_file(copy, array->bytes, safetensors_item(array->dtype));
    }
    checksum_text(XXH3_64bits_digest(&state), found);
    if (wanted != NULL && strcmp(wanted, found) == 0)
        return check_numbers(load, array, to);
    return error_set(OPTIM_ERR_FORMAT, "%s is damaged: the checksum of array \"%.100s\" is wrong", load->source->name,
                     array->name);
}

/* Straight into the states if they have just been taken for this; otherwise beside them. */
static optim_status read_arrays(load_t *load) {
    size_t bytes = 0;
    for (size_t i = 0; i < load->arrays.count; ++i)
        bytes += array_bytes(&load->arrays.array[i]); /* of memory that exists */
    if (!load->made_plan && (load->contents = malloc(bytes + 1)) == NULL)
        return error_nomem("loading a checkpoint");
    char *beside = load->contents;
    for (size_t i = 0; i < load->arrays.count; ++i) {
        const array_t *array = &load->arrays.array[i];
        optim_status status = OPTIM_OK;
        if (!array_is_elsewhere(array))
            status = load->made_plan ? read_array(load, array, array->at, array->stride)
                                     : read_array(load, array, beside, array->bytes);
        if (status != OPTIM_OK)
            return status;
        if (beside != NULL)
            beside += array_bytes(array);
    }
    return OPTIM_OK;
}

static void place_arrays(const load_t *load) {
    const char *from = load->contents;
    for (size_t i = 0; from != NULL && i < load->arrays.count; ++i)
        for (size_t c = 0; c < load->arrays.array[i].copies; ++c) {
            const array_t *array = &load->arrays.array[i];
            if (array->bytes > 0 && !array_is_elsewhere(array))
                memcpy(array->at + c * array->stride, from, array->bytes);
            from += array->bytes;
        }
}

/* ---- Everything, in order ---- */

/* Takes the memory of the states if the checkpoint has some and the handle none yet. */
static optim_status take_plan(load_t *load) {
    engine_t *engine = &load->opt->engine;
    if (engine->planned || !record_is_planned(&load->record))
        return OPTIM_OK;
    schedules_switch_on(load->schedules, load->schedule_count);
    replicas_settle(load->opt, engine);
    optim_status status = check_plan(load->opt);
    if (status == OPTIM_OK)
        status = plan_build(engine);
    load->made_plan = status == OPTIM_OK;
    return status;
}

/* Takes memory for the states of parameters that never had a gradient here, and had one there. */
static optim_status take_states(load_t *load) {
    engine_t *engine = &load->opt->engine;
    load->took_states = calloc(engine->tensor_count + 1, sizeof *load->took_states);
    if (load->took_states == NULL)
        return error_nomem("loading a checkpoint");
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        tensor_t *tensor = &engine->tensors[i];
        if (tensor->states_taken || load->record.stateless[i])
            continue;
        const optim_status status = plan_take_states(engine, tensor);
        if (status != OPTIM_OK)
            return status;
        load->took_states[i] = true;
    }
    return OPTIM_OK;
}

/* The arrays of a checkpoint of several ranks are in files of their own. */
static optim_status open_shares(load_t *load) {
    const jsontree_t *share = jsontree_get(load->record.json, "share"),
                     *shares = jsontree_get(load->record.json, "shares");
    if (share != NULL)
        return error_set(OPTIM_ERR_CHECKPOINT,
                         "%s is one rank's share of a checkpoint: load the file that optim_save was told, which names "
                         "all of them",
                         load->source->name);
    return shares == NULL ? OPTIM_OK : shares_open(&load->shares, shares, load->source, &load->file);
}

static optim_status stage(load_t *load) {
    optim_status status = safetensors_read(&load->file, load->source);
    if (status == OPTIM_OK && load->file.text != NULL && !load->file.is_intact)
        status = error_set(OPTIM_ERR_FORMAT, "%s is damaged: the checksum of its header is wrong", load->source->name);
    if (status == OPTIM_OK)
        status = record_read(&load->record, load->file.text, load->source->name, load->opt, load->rules);
    if (status == OPTIM_OK)
        status = open_shares(load);
    if (status == OPTIM_OK)
        status = keep_options(load);
    if (status == OPTIM_OK)
        status = record_apply_options(&load->record, load->opt);
    if (status == OPTIM_OK)
        otherwise_assign(load->opt);
    if (status == OPTIM_OK)
        status = record_schedules(&load->record, load->opt, &load->schedules, &load->schedule_count);
    if (status == OPTIM_OK && !schedules_reserve(load->opt, load->schedule_count))
        status = error_nomem("loading a checkpoint");
    if (status == OPTIM_OK)
        status = take_plan(load);
    const bool planned = record_is_planned(&load->record);
    if (status == OPTIM_OK && planned)
        status = take_states(load);
    if (status == OPTIM_OK && planned)
        status = record_numbers(&load->record, load->opt, &load->numbers, &load->number_count);
    if (status == OPTIM_OK && planned && record_has_arrays(&load->record))
        status = arrays_make(&load->arrays, load->opt, load->record.stateless);
    if (status == OPTIM_OK) {
        leave_fresh(load);
        status = match_arrays(load);
    }
    return status == OPTIM_OK && planned ? read_arrays(load) : status;
}

/* Cannot fail. */
static void commit(load_t *load) {
    optim_t *opt = load->opt;
    if (opt->engine.planned && !record_is_planned(&load->record))
        plan_free(&opt->engine); /* the next step begins anew, with the parameters as they stand then */
    for (size_t i = 0; opt->engine.planned && i < opt->engine.tensor_count; ++i)
        if (load->record.stateless[i] && opt->engine.tensors[i].states_taken)
            plan_drop_states(&opt->engine, &opt->engine.tensors[i]); /* its states begin when it takes its first step */
    for (size_t i = 0; i < load->number_count; ++i)
        field_set(load->numbers[i].field, load->numbers[i].memory, load->numbers[i].i, load->numbers[i].value);
    place_arrays(load);
    schedules_replace(opt, load->record.exact, load->schedules, load->schedule_count);
    record_apply_counters(&load->record, opt);
    opt->has_loss = opt->replicas.compared = false;
    opt->accumulation_scale = 0;
}

optim_status checkpoint_read(optim_t *opt, source_t *source, optim_load_rules *rules) {
    load_t load = {.opt = opt, .source = source, .rules = rules};
    const optim_status status = stage(&load);
    if (status == OPTIM_OK)
        commit(&load);
    if (status == OPTIM_OK && rules != NULL)
        *rules = load.record.rules;
    load_end(&load, status != OPTIM_OK);
    return status;
}

/* ---- From a file, from memory ---- */

static optim_status load_file(optim_t *opt, const char *path, optim_load_rules *rules) {
    file_source_t file;
    optim_status status = checkpoint_refuse_path(opt, path, "loading");
    if (status == OPTIM_OK)
        status = file_open(&file, path);
    if (status != OPTIM_OK)
        return status;
    status = checkpoint_read(opt, &file.source, rules);
    file_close(&file);
    return status;
}

static optim_status load_memory(optim_t *opt, const void *buffer, size_t size, optim_load_rules *rules) {
    optim_status status = checkpoint_refuse(opt, "loading");
    if (status == OPTIM_OK)
        status = refuse_null(buffer, "buffer");
    if (status != OPTIM_OK)
        return status;
    memory_source_t memory = memory_source(buffer, size);
    return checkpoint_read(opt, &memory.source, rules);
}

optim_status optim_load(optim_t *opt, const char *path) {
    return load_file(opt, path, NULL);
}

optim_status optim_deserialize(optim_t *opt, const void *buffer, size_t size) {
    return load_memory(opt, buffer, size, NULL);
}

/* What begins fresh would have to be made anew in a handle that has stepped. */
static optim_status take_rules(const optim_t *opt, const optim_load_rules *theirs, optim_load_rules *ours) {
    optim_status status = refuse_handle(opt, NOT_OPEN | NOT_PLANNED, "loading into a changed optimizer");
    if (status == OPTIM_OK)
        status = refuse_null(theirs, "rules");
    return status == OPTIM_OK ? abi_read(theirs, ours, sizeof *ours, "optim_load_rules") : status;
}

optim_status optim_load_matching(optim_t *opt, const char *path, optim_load_rules *rules) {
    optim_load_rules ours;
    optim_status status = take_rules(opt, rules, &ours);
    if (status == OPTIM_OK)
        status = load_file(opt, path, &ours);
    return status == OPTIM_OK ? abi_write(rules, &ours, sizeof ours, "optim_load_rules") : status;
}

optim_status optim_deserialize_matching(optim_t *opt, const void *buffer, size_t size, optim_load_rules *rules) {
    optim_load_rules ours;
    optim_status status = take_rules(opt, rules, &ours);
    if (status == OPTIM_OK)
        status = load_memory(opt, buffer, size, &ours);
    return status == OPTIM_OK ? abi_write(rules, &ours, sizeof ours, "optim_load_rules") : status;
}
