#include "optimizer/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/number.h"
#include "optimizer/registry.h"

void schedule_destroy(schedule_run_t *run) {
    if (run == NULL)
        return;
    for (size_t i = 0; i < run->children; ++i)
        schedule_destroy(run->child[i]);
    for (size_t i = 0; run->list != NULL && run->schedule->options[i].name != NULL; ++i)
        free(run->list[i].value);
    free(run->child);
    free(run->list);
    free(run->state);
    free(run->option);
    free(run->text);
    free(run);
}

static size_t count_between(const char *text, size_t length, char separator) {
    size_t count = 1;
    int depth = 0;
    for (size_t i = 0; i < length; ++i) {
        depth += (text[i] == '(') - (text[i] == ')');
        count += depth == 0 && text[i] == separator;
    }
    return count;
}

static optim_status read_list(number_list_t *list, const option_t *option, const char *text, size_t length) {
    const size_t count = count_between(text, length, ';');
    list->value = malloc(count * sizeof *list->value);
    if (list->value == NULL)
        return error_nomem("reading a list");
    for (const char *end = text + length; list->count < count;
         text += option_span(text, (size_t)(end - text), ';') + 1) {
        const ptrdiff_t span = option_span(text, (size_t)(end - text), ';');
        if (span < 0 || !number_parse(text, (size_t)span, &list->value[list->count]))
            return error_set(OPTIM_ERR_VALUE, "option \"%s\": \"%.*s\" is not a list of numbers separated by ';'",
                             option->name, (int)(length > 100 ? 100 : length), text);
        ++list->count;
    }
    return OPTIM_OK;
}

enum { MOST_LEVELS = 16 }; /* of schedules in schedules, each of which takes room on the stack */
static optim_status create(schedule_run_t **out, const char *name, size_t name_length, const char *options,
                           size_t options_length, double base, int level);

static optim_status read_child(schedule_run_t **child, const char *text, size_t length, double base, int level) {
    option_pair_t entry;
    if (level > MOST_LEVELS)
        return error_set(OPTIM_ERR_VALUE, "schedules are nested more than %d deep", (int)MOST_LEVELS);
    if (!option_split_entry(text, length, &entry) && memchr(text, '(', length) != NULL)
        return error_set(OPTIM_ERR_VALUE, "\"%.*s\" is not of the form name(options)",
                         (int)(length > 100 ? 100 : length), text);
    return create(child, entry.key, entry.key_length, entry.value, entry.value_length, base, level);
}

static optim_status read_children(schedule_run_t *run, const char *text, size_t length, double base, int level) {
    const size_t count = count_between(text, length, ';');
    run->child = calloc(count, sizeof *run->child);
    if (run->child == NULL)
        return error_nomem("reading schedules");
    for (const char *end = text + length; run->children < count;) {
        const ptrdiff_t span = option_span(text, (size_t)(end - text), ';');
        if (span < 0)
            return error_set(OPTIM_ERR_VALUE, "parentheses do not match in \"%.100s\"", text);
        const optim_status status = read_child(&run->child[run->children], text, (size_t)span, base, level + 1);
        if (status != OPTIM_OK)
            return status;
        ++run->children;
        text += span + 1;
    }
    return OPTIM_OK;
}

typedef struct reading {
    schedule_run_t *run;
    double base;
    int level;
} reading_t;

static optim_status read_option(void *context, const option_pair_t *pair) {
    const reading_t *reading = context;
    schedule_run_t *run = reading->run;
    const int i = option_find(run->schedule->options, pair->key, pair->key_length);
    if (i < 0) {
        char owner[80];
        (void)snprintf(owner, sizeof owner, "schedule \"%s\"", run->schedule->name);
        return option_refuse(run->schedule->options, owner, pair->key, pair->key_length);
    }
    const option_t *option = &run->schedule->options[i];
    switch (option_kind(option)) {
    case OPTIM_KIND_LIST:
        return read_list(&run->list[i], option, pair->value, pair->value_length);
    case OPTIM_KIND_ENTRIES:
        return read_children(run, pair->value, pair->value_length, reading->base, reading->level);
    default:
        return option_parse(option, pair->value, pair->value_length, &run->option[i]);
    }
}

static optim_status read_options(schedule_run_t *run, const char *text, double base, int level) {
    reading_t reading = {run, base, level};
    const optim_status status = option_read(text, read_option, &reading);
    if (status != OPTIM_OK)
        return status;
    const char *wrong = run->schedule->check == NULL ? NULL : run->schedule->check(run, base);
    return wrong == NULL ? OPTIM_OK : error_set(OPTIM_ERR_VALUE, "schedule \"%s\": %s", run->schedule->name, wrong);
}

/* What follows from the options: computed lists, and the state. */
static optim_status complete(schedule_run_t *run) {
    const schedule_t *schedule = run->schedule;
    const optim_status status = schedule->prepare == NULL ? OPTIM_OK : schedule->prepare(run);
    for (const schedule_state_t *row = schedule->kept; row != NULL && row->name != NULL; ++row)
        run->state_count += row->count == NULL ? 1 : row->count(run->option);
    if (status != OPTIM_OK || run->state_count == 0)
        return status;
    run->state = calloc(run->state_count, sizeof *run->state);
    if (run->state == NULL)
        return error_nomem("making a schedule");
    schedule->start(run);
    return OPTIM_OK;
}

static optim_status create(schedule_run_t **out, const char *name, size_t name_length, const char *options,
                           size_t options_length, double base, int level) {
    *out = NULL;
    const schedule_t *schedule = registry_find_schedule(name, name_length);
    if (schedule == NULL)
        return OPTIM_ERR_NAME;
    const size_t count = option_count(schedule->options);
    schedule_run_t *run = calloc(1, sizeof *run);
    if (run != NULL) {
        run->schedule = schedule;
        run->text = memory_text(options, options_length);
        run->option = calloc(count + 1, sizeof *run->option);
        run->list = calloc(count + 1, sizeof *run->list);
    }
    optim_status status = OPTIM_OK;
    if (run == NULL || run->text == NULL || run->option == NULL || run->list == NULL)
        status = error_nomem("making a schedule");
    for (size_t i = 0; status == OPTIM_OK && i < count; ++i)
        run->option[i] = schedule->options[i].initial;
    if (status == OPTIM_OK)
        status = read_options(run, run->text, base, level);
    if (status == OPTIM_OK)
        status = complete(run);
    if (status != OPTIM_OK) {
        schedule_destroy(run);
        return status;
    }
    *out = run;
    return OPTIM_OK;
}

optim_status schedule_create(schedule_run_t **out, const char *name, size_t name_length, const char *options,
                             size_t options_length, double base) {
    return create(out, name, name_length, options, options_length, base, 0);
}

bool schedule_refuses(const schedule_run_t *run, double base, const schedule_t **at, const char **wrong) {
    *at = run->schedule;
    *wrong = run->schedule->check == NULL ? NULL : run->schedule->check(run, base);
    for (size_t i = 0; *wrong == NULL && i < run->children; ++i)
        (void)schedule_refuses(run->child[i], base, at, wrong);
    return *wrong != NULL;
}

bool schedule_drives_momentum(const schedule_run_t *run) {
    if (run->schedule->momentum == NULL)
        return false;
    const int cycles = option_find(run->schedule->options, "cycle_momentum", 14);
    bool drives = cycles >= 0 && run->option[cycles] != 0;
    for (size_t i = 0; !drives && i < run->children; ++i)
        drives = schedule_drives_momentum(run->child[i]);
    return drives;
}

/* ---- State ---- */

size_t schedule_state_count(const schedule_run_t *run) {
    size_t count = run->state_count;
    for (size_t i = 0; i < run->children; ++i)
        count += schedule_state_count(run->child[i]);
    return count;
}

void schedule_state_read(const schedule_run_t *run, double *out) {
    if (run->state_count > 0)
        memcpy(out, run->state, run->state_count * sizeof *out);
    out += run->state_count;
    for (size_t i = 0; i < run->children; out += schedule_state_count(run->child[i]), ++i)
        schedule_state_read(run->child[i], out);
}

void schedule_state_write(schedule_run_t *run, const double *in) {
    if (run->state_count > 0)
        memcpy(run->state, in, run->state_count * sizeof *in);
    in += run->state_count;
    for (size_t i = 0; i < run->children; in += schedule_state_count(run->child[i]), ++i)
        schedule_state_write(run->child[i], in);
}

void schedule_restart(schedule_run_t *run) {
    if (run->state_count > 0)
        run->schedule->start(run);
    for (size_t i = 0; i < run->children; ++i)
        schedule_restart(run->child[i]);
}
