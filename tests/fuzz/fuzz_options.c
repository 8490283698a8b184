/*
 * Option strings of methods, groups and wrappers. The input is text:
 *
 *     METHOD
 *     options of optim_create
 *     group OPTIONS            any number of these two, in any order
 *     WRAPPER OPTIONS
 *
 * What is accepted leaves every option within the range that optim_describe_option states, and the named ones at the
 * values in the string; what is refused changes nothing and says so; and twice the same text gives twice the same.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entries.h"

enum { MOST_LINES = 6 };

static const optim_status OF_TEXT[] = {OPTIM_OK,        OPTIM_ERR_NAME,      OPTIM_ERR_OPTION,
                                       OPTIM_ERR_VALUE, OPTIM_ERR_DUPLICATE, OPTIM_ERR_MISMATCH};
enum { OF_TEXT_COUNT = sizeof OF_TEXT / sizeof *OF_TEXT };

/* ---- Accepted values ---- */

static double value_of(const optim_t *opt, int group, const char *prefix, const char *key) {
    char name[200];
    double value;
    (void)snprintf(name, sizeof name, "%s%s%s", prefix, *prefix == '\0' ? "" : ".", key);
    if (optim_get(opt, group, name, &value) != OPTIM_OK)
        fuzz_fail("the option %s of group %d cannot be read", name, group);
    return value;
}

/* Every option that entry `name` lists stands within its range. */
static void check_ranges(const optim_t *opt, int group, int kind, const char *name) {
    const entry_t *entry = entry_find(kind, name);
    if (entry == NULL)
        fuzz_fail("\"%s\" is accepted but not listed", name);
    for (size_t i = 0; i < entry->options; ++i) {
        const optim_option *option = &entry->option[i];
        const double value = value_of(opt, group, kind == OPTIM_WRAPPER ? name : "", option->name);
        if (!range_allows(option->range, value))
            fuzz_fail("%s.%s is %.17g after \"%s\" was accepted", name, option->name, value, option->range);
    }
}

/* The range of option `key` of the entry, or else of the engine; NULL: neither has it. */
static const char *range_of(int kind, const char *name, const char *key) {
    const entry_t *entry = entry_find(kind, name);
    const optim_option *option = entry == NULL ? NULL : entry_option(entry, key);
    if (option == NULL)
        option = entry_option(entry_find(OPTIM_ENGINE, "engine"), key);
    return option == NULL ? NULL : option->range;
}

/* The named options have the values in the string, taken apart here by other means. */
static void check_named(const optim_t *opt, int group, int kind, const char *name, const char *options) {
    char *text = fuzz_memory(strlen(options) + 1), *rest = text;
    (void)strcpy(text, options);
    while (rest != NULL && *rest != '\0') {
        char *key = rest, *comma = strchr(rest, ','), *equals = strchr(rest, '=');
        rest = comma == NULL ? NULL : comma + 1;
        if (comma != NULL)
            *comma = '\0';
        if (equals == NULL)
            fuzz_fail("\"%s\" in \"%s\" was accepted", key, options);
        *equals = '\0';
        if (strcmp(key, "algorithm") == 0 || strchr(key, '.') != NULL)
            continue;
        const char *range = range_of(kind, name, key);
        if (range == NULL)
            fuzz_fail("\"%s\" was accepted for %s, which has no such option", key, name);
        const int position = range_position(range, equals + 1);
        const double wanted = strchr(range, '|') != NULL ? position : strtod(equals + 1, NULL);
        const double got = value_of(opt, group, kind == OPTIM_WRAPPER ? name : "", key);
        if (memcmp(&wanted, &got, sizeof got) != 0)
            fuzz_fail("%s: \"%s=%s\" became %.17g", name, key, equals + 1, got);
    }
    free(text);
}

/* ---- Refusals ---- */

/* The sentence names what it is about: the method, wrapper or key, or as much of it as such a sentence quotes. */
/* Sentences show what is not ASCII, or would control a terminal, as '?'. */
static bool is_plain(const char *text) {
    for (; *text != '\0'; ++text)
        if (*text < 0x20 || *text > 0x7E)
            return false;
    return true;
}

static void check_sentence(optim_status status, const char *name, const char *options) {
    const char *sentence = optim_error();
    char start[61];
    (void)snprintf(start, sizeof start, "%.60s", name);
    if (status == OPTIM_ERR_NAME && strstr(sentence, "is called") == NULL)
        fuzz_fail("no name is mentioned");
    if (status == OPTIM_ERR_NAME && options == NULL && is_plain(start) && strstr(sentence, start) == NULL)
        fuzz_fail("\"%s\" is refused without being named", name);
    const char *quote = strchr(sentence, '"');
    if ((status == OPTIM_ERR_OPTION || status == OPTIM_ERR_DUPLICATE) && quote == NULL)
        fuzz_fail("nothing is quoted");
}

/* ---- One text ---- */

typedef struct text {
    char *method, *options;
    int lines;
    char *line[MOST_LINES];
} text_t;

/* A line in two: what follows its first space, or NULL. */
static const char *cut(char *line) {
    char *space = strchr(line, ' ');
    if (space == NULL)
        return NULL;
    *space = '\0';
    return space + 1;
}

static void check_refused(const optim_t *opt, const saved_t *before, const char *what) {
    saved_t after = saved_make(opt);
    if (!saved_same(before, &after))
        fuzz_fail("%s was refused and the handle changed", what);
    saved_free(&after);
}

static void add_group(optim_t *opt, const char *method, const char *options, int *groups) {
    int group = -7;
    const optim_status status = optim_add_group(opt, options, &group);
    fuzz_check_status("optim_add_group", status, OF_TEXT, OF_TEXT_COUNT);
    if (status != OPTIM_OK)
        return;
    if (group != *groups)
        fuzz_fail("group %d has number %d", *groups, group);
    ++*groups;
    check_ranges(opt, group, OPTIM_ENGINE, "engine");
    if (options == NULL)
        return;
    const char *named = strstr(options, "algorithm=");
    if (named == NULL) {
        check_ranges(opt, group, OPTIM_ALGORITHM, method);
        check_named(opt, group, OPTIM_ALGORITHM, method, options);
    } else if (named == options) {
        char name[64];
        const size_t length = strcspn(named + 10, ",");
        (void)snprintf(name, sizeof name, "%.*s", (int)length, named + 10);
        check_ranges(opt, group, OPTIM_ALGORITHM, name);
        check_named(opt, group, OPTIM_ALGORITHM, name, options);
    }
}

static void wrap(optim_t *opt, const char *wrapper, const char *options) {
    const optim_status status = optim_wrap(opt, wrapper, options);
    fuzz_check_status("optim_wrap", status, OF_TEXT, OF_TEXT_COUNT);
    if (status != OPTIM_OK) {
        check_sentence(status, wrapper, NULL);
        return;
    }
    check_ranges(opt, 0, OPTIM_WRAPPER, wrapper);
    if (options != NULL)
        check_named(opt, 0, OPTIM_WRAPPER, wrapper, options);
}

/* The handle that the text makes, with the last error and the state; NULL if the method is refused. */
static optim_t *make(const text_t *text, saved_t *end, char error[1024]) {
    optim_t *opt = (optim_t *)(uintptr_t)1;
    int groups = 1;
    const optim_status status = optim_create(&opt, text->method, text->options);
    fuzz_check_status("optim_create", status, OF_TEXT, OF_TEXT_COUNT);
    (void)snprintf(error, 1024, "%s", optim_error());
    *end = (saved_t){status, 0, NULL};
    if ((status == OPTIM_OK) != (opt != NULL))
        fuzz_fail("optim_create returned %d and %s", status, opt == NULL ? "NULL" : "a handle");
    if (status != OPTIM_OK) {
        check_sentence(status, text->method, text->options);
        return NULL;
    }
    check_ranges(opt, 0, OPTIM_ALGORITHM, text->method);
    check_ranges(opt, 0, OPTIM_ENGINE, "engine");
    if (text->options != NULL)
        check_named(opt, 0, OPTIM_ALGORITHM, text->method, text->options);
    for (int i = 0; i < text->lines; ++i) {
        char *line = fuzz_memory(strlen(text->line[i]) + 1);
        (void)strcpy(line, text->line[i]);
        const char *rest = cut(line);
        saved_t before = saved_make(opt), after;
        const int groups_before = groups;
        const bool is_group = strcmp(line, "group") == 0;
        if (is_group)
            add_group(opt, text->method, rest, &groups);
        else
            wrap(opt, line, rest);
        after = saved_make(opt);
        if (is_group && groups == groups_before)
            check_refused(opt, &before, line);
        saved_free(&before);
        saved_free(&after);
        free(line);
    }
    (void)snprintf(error, 1024, "%s", optim_error());
    *end = saved_make(opt);
    if (end->status != OPTIM_OK)
        fuzz_fail("the handle cannot be saved");
    return opt;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bytes_t bytes = {data, size};
    text_t text = {bytes_line(&bytes), bytes_line(&bytes), 0, {NULL}};
    while (text.lines < MOST_LINES && (text.line[text.lines] = bytes_line(&bytes)) != NULL)
        ++text.lines;
    char first_error[1024], second_error[1024];
    saved_t first_end, second_end;
    if (text.method != NULL) {
        optim_t *first = make(&text, &first_end, first_error), *second = make(&text, &second_end, second_error);
        if (strcmp(first_error, second_error) != 0 || !saved_same(&first_end, &second_end))
            fuzz_fail("twice the same text: first \"%s\", then \"%s\"", first_error, second_error);
        if (first != NULL && optim_deserialize(second, first_end.bytes, first_end.size) != OPTIM_OK)
            fuzz_fail("a handle does not load what its twin saved");
        optim_destroy(first);
        optim_destroy(second);
        saved_free(&first_end);
        saved_free(&second_end);
    }
    free(text.method);
    free(text.options);
    for (int i = 0; i < text.lines; ++i)
        free(text.line[i]);
    return 0;
}
