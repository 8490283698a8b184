#include "entries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct table {
    size_t count;
    entry_t *entry;
} table_t;

static size_t count_of(int kind) {
    return kind == OPTIM_ALGORITHM  ? optim_algorithm_count()
           : kind == OPTIM_WRAPPER  ? optim_wrapper_count()
           : kind == OPTIM_SCHEDULE ? optim_schedule_count()
                                    : 1;
}

static const char *name_of(int kind, size_t i) {
    return kind == OPTIM_ALGORITHM  ? optim_algorithm_name(i)
           : kind == OPTIM_WRAPPER  ? optim_wrapper_name(i)
           : kind == OPTIM_SCHEDULE ? optim_schedule_name(i)
                                    : "engine";
}

static entry_t describe(int kind, const char *name) {
    optim_description description = {.size = sizeof description};
    if (optim_describe(kind, name, &description) != OPTIM_OK)
        fuzz_fail("\"%s\" cannot be described", name);
    entry_t entry = {name, description.needs, description.roles, description.options,
                     fuzz_memory(description.options * sizeof(optim_option))};
    for (size_t i = 0; i < entry.options; ++i) {
        entry.option[i] = (optim_option){.size = sizeof(optim_option)};
        if (optim_describe_option(kind, name, i, &entry.option[i]) != OPTIM_OK)
            fuzz_fail("option %zu of \"%s\" cannot be described", i, name);
    }
    return entry;
}

const entry_t *entries_of(int kind, size_t *count) {
    static table_t tables[OPTIM_ENGINE + 1];
    table_t *table = &tables[kind];
    if (table->entry == NULL) {
        table->count = count_of(kind);
        table->entry = fuzz_memory(table->count * sizeof(entry_t));
        for (size_t i = 0; i < table->count; ++i)
            table->entry[i] = describe(kind, name_of(kind, i));
    }
    *count = table->count;
    return table->entry;
}

const entry_t *entry_find(int kind, const char *name) {
    size_t count;
    const entry_t *entries = entries_of(kind, &count);
    for (size_t i = 0; i < count; ++i)
        if (strcmp(entries[i].name, name) == 0)
            return &entries[i];
    return NULL;
}

const optim_option *entry_option(const entry_t *entry, const char *key) {
    for (size_t i = 0; i < entry->options; ++i)
        if (strcmp(entry->option[i].name, key) == 0)
            return &entry->option[i];
    return NULL;
}

/* A word of "a|b|c". */
static void keyword(const char *range, bytes_t *bytes, char *out, size_t size) {
    size_t words = 1;
    for (const char *c = range; *c != '\0'; ++c)
        words += *c == '|';
    for (size_t skip = bytes_below(bytes, words); skip > 0; --skip)
        range += strcspn(range, "|") + 1;
    (void)snprintf(out, size, "%.*s", (int)strcspn(range, "|"), range);
}

static void value_text(const optim_option *option, bytes_t *bytes, char *out, size_t size) {
    static const char *const NUMBERS[] = {"0",    "1",    "2",  "0.5", "0.9",  "0.999", "1e-3", "0.1", "3",      "1e-8",
                                          "1000", "1e30", "-1", "inf", "-inf", "4",     "8",    "16",  "1e-300", "x"};
    if (strchr(option->range, '|') != NULL)
        keyword(option->range, bytes, out, size);
    else
        (void)snprintf(out, size, "%s", NUMBERS[bytes_below(bytes, sizeof NUMBERS / sizeof *NUMBERS)]);
}

char *entry_text(const entry_t *entry, bytes_t *bytes) {
    enum { MOST = 3, ROOM = 400 };
    char *text = fuzz_memory(ROOM), value[100];
    size_t used = 0, count = bytes_below(bytes, MOST + 1);
    *text = '\0';
    for (size_t i = 0; i < count; ++i) {
        const uint8_t which = bytes_one(bytes);
        const entry_t *from = which % 3 == 0 || entry->options == 0 ? entry_find(OPTIM_ENGINE, "engine") : entry;
        const optim_option *option = &from->option[which / 3 % from->options];
        value_text(option, bytes, value, sizeof value);
        used += (size_t)snprintf(text + used, ROOM - used, "%s%s=%s", i == 0 ? "" : ",", option->name, value);
    }
    return text;
}
