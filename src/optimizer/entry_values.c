#include "optimizer/entry_values.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "optimizer/registry.h"

const entry_t *values_entry(const option_t *table, const double *option, size_t row) {
    return table == NULL || !option_is_entry(&table[row]) || option[row] < 0
               ? NULL
               : registry_choice(table[row].range, (size_t)option[row]);
}

const option_t *values_row(const option_t *table, const double *option, size_t i) {
    if (i < option_count(table))
        return &table[i];
    const size_t row = option_outer(table, i);
    const entry_t *entry = values_entry(table, option, row);
    const size_t own = i - option_inner(table, row);
    return entry != NULL && own < option_count(entry->options) ? &entry->options[own] : NULL;
}

void values_name(const option_t *table, const double *option, size_t i, char name[VALUE_NAME]) {
    const bool inner = i >= option_count(table);
    (void)snprintf(name, VALUE_NAME, "%s%s%s", inner ? table[option_outer(table, i)].name : "", inner ? "." : "",
                   values_row(table, option, i)->name);
}

/* Option key[0..length) of the entry that option `row` names, or -1. */
static int find_in_entry(const option_t *table, const double *option, size_t row, const char *key, size_t length) {
    const entry_t *entry = values_entry(table, option, row);
    const int own = entry == NULL ? -1 : option_find(entry->options, key, length);
    return own < 0 ? -1 : (int)option_inner(table, row) + own;
}

int values_find(const option_t *table, const double *option, const char *key, size_t length) {
    const char *dot = memchr(key, '.', length);
    if (dot == NULL)
        return option_find(table, key, length);
    const size_t outer = (size_t)(dot - key);
    const int row = option_find(table, key, outer);
    return row < 0 ? -1 : find_in_entry(table, option, (size_t)row, dot + 1, length - outer - 1);
}

/* Where a method has several entries of a kind, map_a and map_b, their options go by a_lo and b_lo as well. */
static int find_prefixed(const option_t *table, const double *option, size_t row, const char *key, size_t length) {
    const size_t kind = strlen(table[row].range);
    const char *name = table[row].name;
    if (!option_is_entry(&table[row]) || strncmp(name, table[row].range, kind) != 0 || name[kind] != '_')
        return -1;
    const char *suffix = name + kind + 1;
    const size_t own = strlen(suffix);
    if (length < own + 2 || memcmp(key, suffix, own) != 0 || key[own] != '_')
        return -1;
    return find_in_entry(table, option, row, key + own + 1, length - own - 1);
}

int values_find_inner(const option_t *table, const double *option, const char *key, size_t length, size_t *count) {
    int found = -1;
    *count = 0;
    for (size_t row = 0; table[row].name != NULL; ++row) {
        int i = find_in_entry(table, option, row, key, length);
        if (i < 0)
            i = find_prefixed(table, option, row, key, length);
        found = i >= 0 ? i : found;
        *count += i >= 0;
    }
    return found;
}

/* ---- Reading ---- */

typedef struct reader {
    const option_t *table;
    const char *owner;
    double *option;
    bool entries; /* these are read first: the other keys may be options of theirs */
} reader_t;

/* A key of the table, or one that it does not know but a single entry in it. */
static int find_key(const reader_t *reader, const option_pair_t *pair) {
    size_t count;
    int i = values_find(reader->table, reader->option, pair->key, pair->key_length);
    if (i >= 0)
        return i;
    i = values_find_inner(reader->table, reader->option, pair->key, pair->key_length, &count);
    return count == 1 ? i : -1;
}

static optim_status take(void *context, const option_pair_t *pair) {
    const reader_t *reader = context;
    const int own = option_find(reader->table, pair->key, pair->key_length);
    if (reader->entries != (own >= 0 && option_is_entry(&reader->table[own])))
        return OPTIM_OK;
    const int i = find_key(reader, pair);
    if (i < 0)
        return option_refuse(reader->table, reader->owner, pair->key, pair->key_length);
    return values_parse(reader->table, reader->option, (size_t)i, pair->value, pair->value_length);
}

optim_status values_read(const option_t *table, const char *owner, double *option, const char *text) {
    reader_t reader = {table, owner, option, true};
    const optim_status status = option_read(text, take, &reader);
    reader.entries = false;
    return status == OPTIM_OK ? option_read(text, take, &reader) : status;
}

/* The entry's options, of which none is an entry, from text[0..length) that something else may follow. */
static optim_status read_entry_options(const char *kind, const entry_t *entry, double *option, const char *text,
                                       size_t length) {
    enum { MOST = 400 };
    char owner[VALUE_NAME], copy[MOST];
    (void)snprintf(owner, sizeof owner, "%s \"%s\"", kind, entry->name);
    if (length >= sizeof copy)
        return error_set(OPTIM_ERR_VALUE, "the options of %s are longer than %d characters", owner, MOST - 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
    return values_read(entry->options, owner, option, copy);
}

static void set_entry(const option_t *table, double *option, size_t row, int position) {
    double *inner = option + option_inner(table, row);
    memset(inner, 0, OPTION_ROOM * sizeof *inner);
    option[row] = position;
    const entry_t *entry = values_entry(table, option, row);
    for (size_t i = 0; entry != NULL && entry->options[i].name != NULL; ++i)
        inner[i] = entry->options[i].initial;
}

static bool may_be_none(const option_t *row) {
    return strcmp(row->choice, "none") == 0;
}

static optim_status parse_entry(const option_t *table, double *option, size_t row, const char *text, size_t length) {
    option_pair_t entry;
    if (length == 4 && memcmp(text, "none", 4) == 0 && may_be_none(&table[row])) {
        set_entry(table, option, row, -1);
        return OPTIM_OK;
    }
    if (!option_split_entry(text, length, &entry))
        return error_set(OPTIM_ERR_VALUE, "option \"%s\": \"%.*s\" is not of the form name(options)", table[row].name,
                         (int)(length > 100 ? 100 : length), text);
    const int position = registry_find_choice(table[row].range, entry.key, entry.key_length);
    if (position < 0)
        return OPTIM_ERR_NAME;
    set_entry(table, option, row, position);
    return read_entry_options(table[row].range, values_entry(table, option, row), option + option_inner(table, row),
                              entry.value, entry.value_length);
}

optim_status values_parse(const option_t *table, double *option, size_t i, const char *text, size_t length) {
    const option_t *row = values_row(table, option, i);
    return option_is_entry(row) ? parse_entry(table, option, i, text, length)
                                : option_parse(row, text, length, &option[i]);
}

void values_text(const option_t *table, const double *option, size_t i, char text[OPTION_TEXT]) {
    const option_t *row = values_row(table, option, i);
    if (!option_is_entry(row)) {
        option_text(row, option[i], text);
        return;
    }
    const entry_t *entry = values_entry(table, option, i);
    (void)snprintf(text, OPTION_TEXT, "%s", entry == NULL ? "none" : entry->name);
}

void values_default(const option_t *table, const char *preset, double *option) {
    for (size_t i = 0; table[i].name != NULL; ++i) {
        option[i] = table[i].initial;
        if (option_is_entry(&table[i]))
            (void)parse_entry(table, option, i, table[i].choice, strlen(table[i].choice)); /* written by us ... */
    }
    if (preset != NULL)
        (void)values_read(table, "the preset's entry", option, preset); /* ... as is this */
}

const char *values_refuse(const option_t *table, const double *option, const char **owner) {
    for (size_t row = 0; table[row].name != NULL; ++row) {
        const entry_t *entry = values_entry(table, option, row);
        const double *inner = option + option_inner(table, row);
        const char *wrong = entry == NULL ? NULL : registry_refuse_choice(table[row].range, (size_t)option[row], inner);
        if (wrong != NULL) {
            *owner = entry->name;
            return wrong;
        }
    }
    return NULL;
}

/* ---- Names ---- */

void values_offer(const option_t *table, const double *option, nearest_t *nearest) {
    option_offer(table, nearest);
    for (size_t row = 0; table[row].name != NULL; ++row) {
        const entry_t *entry = values_entry(table, option, row);
        if (entry != NULL)
            option_offer(entry->options, nearest);
    }
}

void values_list(const option_t *table, const double *option, list_t *list) {
    char name[VALUE_NAME];
    for (size_t i = 0; i < option_values(table); ++i)
        if (values_row(table, option, i) != NULL) {
            values_name(table, option, i, name);
            list_add(list, name);
        }
}
