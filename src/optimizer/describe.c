/* What there is: names and tables of the registry. */
#include <string.h>

#include "base/error.h"
#include "optim/federated.h"
#include "optimizer/abi.h"
#include "optimizer/optimizer.h"
#include "optimizer/problem.h"

size_t optim_algorithm_count(void) {
    return REGISTRY_METHOD_COUNT;
}
const char *optim_algorithm_name(size_t i) {
    return i < REGISTRY_METHOD_COUNT ? REGISTRY_METHODS[i].name : NULL;
}
size_t optim_wrapper_count(void) {
    return REGISTRY_WRAPPER_COUNT;
}
const char *optim_wrapper_name(size_t i) {
    return i < REGISTRY_WRAPPER_COUNT ? REGISTRY_WRAPPERS[i].name : NULL;
}
size_t optim_schedule_count(void) {
    return REGISTRY_SCHEDULE_COUNT;
}
const char *optim_schedule_name(size_t i) {
    return i < REGISTRY_SCHEDULE_COUNT ? REGISTRY_SCHEDULES[i]->name : NULL;
}

size_t optim_map_count(void) {
    return REGISTRY_MAP_COUNT;
}
const char *optim_map_name(size_t i) {
    return i < REGISTRY_MAP_COUNT ? registry_map(i)->name : NULL;
}
size_t optim_compressor_count(void) {
    return REGISTRY_COMPRESSOR_COUNT;
}
const char *optim_compressor_name(size_t i) {
    return i < REGISTRY_COMPRESSOR_COUNT ? registry_compressor(i)->name : NULL;
}
size_t optim_rule_count(void) {
    return REGISTRY_RULE_COUNT;
}
const char *optim_rule_name(size_t i) {
    return i < REGISTRY_RULE_COUNT ? REGISTRY_RULES[i].rule->name : NULL;
}

/* ---- One entry, whatever its kind ---- */

typedef struct described {
    const char *name, *family; /* an alias has its own */
    const entry_t *entry;
    preset_t preset;
    const option_t *options[REGISTRY_ENGINE_COUNT]; /* the engine's options stand in several tables */
    const method_t *method;                         /* NULL: no method or wrapper */
    const schedule_state_t *kept;                   /* of a schedule */
    const kept_t *ledger;                           /* of a rule */
} described_t;

static const method_t *method_of(const registry_method_t *found) {
    return found->level[0].precision[PRECISION_F64];
}

static const entry_t ENGINE = {.name = "engine", .purpose = "options that every method has"};

static optim_status find_engine(const char *name, described_t *found) {
    if (strcmp(name, "engine") != 0)
        return error_set(OPTIM_ERR_NAME, "the engine's options are listed under \"engine\", not \"%.60s\"", name);
    *found = (described_t){.name = "engine", .family = "engine", .entry = &ENGINE};
    for (int i = 0; i < REGISTRY_ENGINE_COUNT; ++i)
        found->options[i] = method_of(&REGISTRY_ENGINE[i])->options;
    return OPTIM_OK;
}

/* A method or wrapper, NULL if it was not found. */
static described_t describe_method(const registry_method_t *found) {
    if (found == NULL)
        return (described_t){.entry = NULL};
    const method_t *method = method_of(found);
    return (described_t){.name = found->name,
                         .family = found->family,
                         .entry = &method->entry,
                         .preset = found->preset,
                         .options = {method->options},
                         .method = method};
}

static described_t describe_entry(const char *family, const entry_t *entry) {
    if (entry == NULL)
        return (described_t){.entry = NULL};
    return (described_t){.name = entry->name, .family = family, .entry = entry, .options = {entry->options}};
}

static described_t describe_schedule(const schedule_t *found) {
    described_t described = describe_entry("schedules", found == NULL ? NULL : &found->entry);
    described.kept = found == NULL ? NULL : found->kept;
    return described;
}

static described_t describe_rule(const rule_t *found) {
    const char *family = "";
    for (size_t i = 0; i < REGISTRY_RULE_COUNT; ++i)
        family = REGISTRY_RULES[i].rule == found ? REGISTRY_RULES[i].family : family;
    described_t described = describe_entry(family, found == NULL ? NULL : &found->entry);
    described.ledger = found == NULL ? NULL : found->kept;
    return described;
}

static const entry_t *find_choice(const char *range, const char *name) {
    const int found = registry_find_choice(range, name, strlen(name));
    return found < 0 ? NULL : registry_choice(range, (size_t)found);
}

/* The entry that a call wants to know of, for which it has room in `out`, an argument called `argument`. */
static optim_status find_entry(const void *out, const char *argument, int kind, const char *name, described_t *found) {
    optim_status status = refuse_null(out, argument);
    if (status == OPTIM_OK)
        status = refuse_null(name, "name");
    if (status != OPTIM_OK)
        return status;
    switch (kind) {
    case OPTIM_ALGORITHM:
        *found = describe_method(registry_find_method(name, strlen(name)));
        break;
    case OPTIM_WRAPPER:
        *found = describe_method(registry_find_wrapper(name, strlen(name)));
        break;
    case OPTIM_SCHEDULE:
        *found = describe_schedule(registry_find_schedule(name, strlen(name)));
        break;
    case OPTIM_MAP:
        *found = describe_entry("maps", find_choice("map", name));
        break;
    case OPTIM_COMPRESSOR:
        *found = describe_entry("compressors", find_choice("compressor", name));
        break;
    case OPTIM_RULE:
        *found = describe_rule(registry_find_rule(name, strlen(name)));
        break;
    case OPTIM_ENGINE:
        return find_engine(name, found);
    default:
        return error_set(
            OPTIM_ERR_ARGUMENT,
            "there is no kind %d; valid: OPTIM_ALGORITHM, _WRAPPER, _SCHEDULE, _ENGINE, _MAP, _COMPRESSOR, "
            "_RULE",
            kind);
    }
    return found->entry == NULL ? OPTIM_ERR_NAME : OPTIM_OK;
}

static const option_t *find_option(const described_t *entry, size_t i) {
    for (int table = 0; table < REGISTRY_ENGINE_COUNT && entry->options[table] != NULL; ++table) {
        const size_t count = option_count(entry->options[table]);
        if (i < count)
            return &entry->options[table][i];
        i -= count;
    }
    return NULL;
}

static size_t count_options(const described_t *entry) {
    size_t count = 0;
    while (find_option(entry, count) != NULL)
        ++count;
    return count;
}

/* Kept field number `i`, or NULL. */
static const field_t *find_field(const described_t *entry, size_t i) {
    for (const field_t *field = entry->method == NULL ? NULL : entry->method->fields; field_is_row(field); ++field)
        if (field_is_kept(field) && i-- == 0)
            return field;
    return NULL;
}

static size_t kept_count(const schedule_state_t *kept) {
    size_t count = 0;
    while (kept != NULL && kept[count].name != NULL)
        ++count;
    return count;
}

static size_t ledger_count(const kept_t *ledger) {
    size_t count = 0;
    while (ledger != NULL && ledger[count].name != NULL)
        ++count;
    return count;
}

static size_t count_states(const described_t *entry) {
    size_t fields = 0;
    while (find_field(entry, fields) != NULL)
        ++fields;
    return state_count(entry->entry->states) + fields + kept_count(entry->kept) + ledger_count(entry->ledger);
}

static const char *or_empty(const char *text) {
    return text == NULL ? "" : text;
}

/* A preset's own text, or that of the entry. */
static const char *own_text(const char *of_preset, const char *of_entry) {
    return or_empty(of_preset != NULL ? of_preset : of_entry);
}

/* ---- Calls ---- */

enum { MOST_OPTIONS = 64 };

/* The default options of a method or wrapper. */
static void default_options(const described_t *entry, double option[MOST_OPTIONS]) {
    if (option_values(entry->method->options) <= MOST_OPTIONS)
        values_default(entry->method->options, entry->preset.options, option);
}

/* Whether it reads the loss under its default options. */
static bool reads_loss(const described_t *entry) {
    const method_t *method = entry->method;
    double option[MOST_OPTIONS];
    default_options(entry, option);
    return (method->flags & READS_LOSS) && (method->reads_loss == NULL || method->reads_loss(option));
}

static int needs_of(const described_t *entry) {
    const method_t *method = entry->method;
    const int flags = method->flags;
    return (flags & VALUES_ONLY ? 0 : OPTIM_NEEDS_GRADIENT) | (flags & NEEDS_COMPONENTS ? OPTIM_NEEDS_COMPONENTS : 0) |
           (flags & COMPONENT_LOSSES ? OPTIM_NEEDS_LOSSES : 0) | (flags & PARTICLES ? OPTIM_NEEDS_PARTICLES : 0) |
           (flags & NEEDS_CONSTRAINTS ? OPTIM_NEEDS_CONSTRAINTS : 0) |
           (flags & LEAST_SQUARES ? OPTIM_NEEDS_RESIDUALS : 0) |
           (flags & JACOBIAN_PRODUCTS ? OPTIM_NEEDS_JACOBIAN_PRODUCTS : 0) |
           (method->inputs == NULL ? 0 : OPTIM_NEEDS_INPUTS) | (reads_loss(entry) ? OPTIM_NEEDS_LOSS : 0) |
           (flags & REQUESTS ? OPTIM_NEEDS_MORE_GRADIENTS : 0) | (flags & REQUESTS_PRODUCTS ? OPTIM_NEEDS_PRODUCTS : 0);
}

static int can_of(const method_t *method) {
    const int flags = method->flags;
    const bool by_element = (flags & (CUTS_EXACTLY | BY_ELEMENT)) && !(flags & (WHOLE_TENSORS | SUMS_ROWS));
    return (flags & CUTS_EXACTLY ? OPTIM_CAN_SPLIT : 0) | (flags & VALUES_ONLY ? 0 : OPTIM_CAN_MIX) |
           (method->output == NULL ? 0 : OPTIM_HAS_OUTPUT) | (by_element ? OPTIM_ANY_LAYOUT : 0);
}

optim_status optim_describe(int kind, const char *name, optim_description *description) {
    described_t entry;
    const optim_status status = find_entry(description, "description", kind, name, &entry);
    if (status != OPTIM_OK)
        return status;
    const optim_description ours = {
        .name = entry.name,
        .purpose = own_text(entry.preset.purpose, entry.entry->purpose),
        .citation = own_text(entry.preset.citation, entry.entry->citation),
        .evaluations = or_empty(entry.method == NULL ? NULL : entry.method->evaluations),
        .needs = entry.method == NULL ? 0 : needs_of(&entry),
        .can = entry.method == NULL ? 0 : can_of(entry.method),
        .options = count_options(&entry),
        .states = count_states(&entry),
        .roles = entry.method == NULL ? "" : or_empty(entry.method->roles),
        .inputs = entry.method == NULL ? 0 : input_count(entry.method),
        .family = entry.family,
    };
    return abi_write(description, &ours, sizeof ours, "optim_description");
}

/* What a preset has in place of the table's default of option `i`. */
static void describe_preset(const described_t *entry, size_t i, optim_option *ours) {
    const option_t *table = entry->method->options;
    double option[MOST_OPTIONS];
    default_options(entry, option);
    const entry_t *named = values_entry(table, option, i);
    if (option_is_entry(&table[i]))
        ours->default_entry = named == NULL ? "none" : named->name;
    else
        ours->default_value = option[i];
}

optim_status optim_describe_option(int kind, const char *name, size_t i, optim_option *option) {
    described_t entry;
    const optim_status status = find_entry(option, "option", kind, name, &entry);
    if (status != OPTIM_OK)
        return status;
    const option_t *found = find_option(&entry, i);
    if (found == NULL)
        return error_set(OPTIM_ERR_ARGUMENT, "\"%s\" has %zu options, counted from 0; there is no %zu", entry.name,
                         count_options(&entry), i);
    const option_bounds_t bounds = option_bounds(found);
    optim_option ours = {
        .name = found->name,
        .range = found->range,
        .meaning = found->doc,
        .default_value = found->initial,
        .default_entry = or_empty(found->choice),
        .kind = bounds.kind,
        .lowest = bounds.lowest,
        .highest = bounds.highest,
        .lowest_open = bounds.lowest_open,
        .highest_open = bounds.highest_open,
    };
    if (entry.preset.options != NULL)
        describe_preset(&entry, i, &ours);
    return abi_write(option, &ours, sizeof ours, "optim_option");
}

/* Bytes of one copy of a state with dimensions of its own, for this tensor. */
static double shaped_bytes(const state_t *state, const tensor_t *tensor, const double *option) {
    double bytes = 0;
    for (int axis = 0; axis < (state->shape == PER_AXIS ? tensor_axes(tensor) : 1); ++axis)
        bytes += (double)state_axis_bytes(state, tensor, option, axis);
    return bytes;
}

/* Bytes for each element of the parameters, under default options and in f32. */
static double default_bytes(const described_t *entry, const state_t *state) {
    const method_t *method = entry->method;
    double option[MOST_OPTIONS];
    default_options(entry, option);
    int64_t dims[] = {1024, 1024};
    const tensor_t matrix = {.dtype = OPTIM_F32, .ndim = 2, .dims = dims, .count = 1 << 20, .row = 1024};
    const tensor_t vector = {.dtype = OPTIM_F32, .ndim = 1, .dims = dims, .count = 1024, .row = 1024};
    const bool exists = state->exists == NULL || state->exists(&matrix, option) || state->exists(&vector, option);
    const double bytes =
        method->flags & OWN_STORAGE ? 1 + 4 / option[option_find(method->options, "block_size", 10)] : 4;
    if (!exists)
        return 0;
    if (state->shape != LIKE_PARAM)
        return shaped_bytes(state, &matrix, option) / (double)matrix.count *
               (double)state_copies(method, state, option);
    return bytes * (double)state_copies(method, state, option) / (double)state_stride(method, state, option);
}

/* The option, or what of the problem, that decides whether a state exists or how many copies there are. */
static const char *condition_of(const char *when, const char *copies, state_each_t each) {
    static const char *const EACH[] = {[EACH_ONCE] = "",
                                       [EACH_COMPONENT] = "components",
                                       [EACH_PAIR] = "pairs of components",
                                       [EACH_CONSTRAINT] = "constraints",
                                       [EACH_INEQUALITY] = "inequalities",
                                       [EACH_RESIDUAL] = "residuals",
                                       [EACH_OF_SECOND_ROLE] = "elements of the second role",
                                       [EACH_ELEMENT] = "elements"};
    const char *option = when != NULL ? when : copies;
    return option != NULL ? option : EACH[each];
}

static optim_state_info describe_field(const field_t *field) {
    static const char *const SHAPES[] = {
        [OF_METHOD] = "method", [OF_GROUP] = "group", [OF_COHORT] = "tensor", [OF_TENSOR] = "tensor"};
    return (optim_state_info){
        .name = field->name,
        .meaning = field->doc,
        .shape = SHAPES[field->of],
        .condition = field->length != NULL ? "elements" : condition_of(field->when, field->copies, field->each),
    };
}

static optim_state_info describe_ledger(const kept_t *row) {
    static const char *const SHAPES[2][2] = {{"server's vector", "server"}, {"client's vector", "client"}};
    return (optim_state_info){.name = row->name,
                              .meaning = row->doc,
                              .shape = SHAPES[row->of == OF_CLIENT][row->is_number],
                              .condition = "",
                              .bytes_per_parameter = row->is_number ? 0 : sizeof(double)};
}

optim_status optim_describe_state(int kind, const char *name, size_t i, optim_state_info *state) {
    static const char *const SHAPES[] = {[LIKE_PARAM] = "parameter", [SHAPED] = "own", [PER_AXIS] = "axis"};
    described_t entry;
    const optim_status status = find_entry(state, "state", kind, name, &entry);
    if (status != OPTIM_OK)
        return status;
    if (i >= count_states(&entry))
        return error_set(OPTIM_ERR_ARGUMENT, "\"%s\" has %zu states, counted from 0; there is no %zu", entry.name,
                         count_states(&entry), i);
    if (entry.kept != NULL) {
        const optim_state_info number = {
            .name = entry.kept[i].name, .meaning = entry.kept[i].doc, .shape = "schedule", .condition = ""};
        return abi_write(state, &number, sizeof number, "optim_state_info");
    }
    if (entry.ledger != NULL) {
        const optim_state_info row = describe_ledger(&entry.ledger[i]);
        return abi_write(state, &row, sizeof row, "optim_state_info");
    }
    if (i >= state_count(entry.entry->states)) {
        const optim_state_info number = describe_field(find_field(&entry, i - state_count(entry.entry->states)));
        return abi_write(state, &number, sizeof number, "optim_state_info");
    }
    const state_t *found = &entry.entry->states[i];
    const optim_state_info ours = {
        .name = found->name,
        .meaning = found->doc,
        .shape = SHAPES[found->shape],
        .condition = condition_of(found->when, found->copies, found->each),
        .bytes_per_parameter = entry.method == NULL ? 0 : default_bytes(&entry, found),
    };
    return abi_write(state, &ours, sizeof ours, "optim_state_info");
}

optim_status optim_describe_input(int kind, const char *name, size_t i, optim_input_info *input) {
    described_t entry;
    const optim_status status = find_entry(input, "input", kind, name, &entry);
    if (status != OPTIM_OK)
        return status;
    const size_t count = entry.method == NULL ? 0 : input_count(entry.method);
    if (i >= count)
        return error_set(OPTIM_ERR_ARGUMENT, "\"%s\" has %zu inputs, counted from 0; there is no %zu", entry.name,
                         count, i);
    const input_t *found = &entry.method->inputs[i];
    const optim_input_info ours = {.name = found->name,
                                   .meaning = found->doc,
                                   .of_parameter = found->place == INPUT_OF_PARAMETER,
                                   .optional = found->optional};
    return abi_write(input, &ours, sizeof ours, "optim_input_info");
}
