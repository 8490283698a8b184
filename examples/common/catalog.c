#include "catalog.h"

#include <optim/optim.h>
#include <stdio.h>
#include <string.h>

static const struct kind {
    int kind;
    const char *title;
    size_t (*count)(void);
    const char *(*name)(size_t i);
} KINDS[] = {
    {OPTIM_ALGORITHM, "algorithms", optim_algorithm_count, optim_algorithm_name},
    {OPTIM_WRAPPER, "wrappers", optim_wrapper_count, optim_wrapper_name},
    {OPTIM_SCHEDULE, "schedules", optim_schedule_count, optim_schedule_name},
    {OPTIM_MAP, "maps", optim_map_count, optim_map_name},
    {OPTIM_COMPRESSOR, "compressors", optim_compressor_count, optim_compressor_name},
};
enum { KIND_COUNT = sizeof KINDS / sizeof *KINDS };

static int failed(void) {
    fprintf(stderr, "%s\n", optim_error());
    return -1;
}

static int list_kind(const struct kind *kind) {
    printf("%s:\n", kind->title);
    for (size_t i = 0; i < kind->count(); ++i) {
        optim_description about = {.size = sizeof about};
        if (optim_describe(kind->kind, kind->name(i), &about) < 0)
            return failed();
        printf("  %-22s %s\n", kind->name(i), about.purpose);
    }
    return 0;
}

int catalog_list(void) {
    for (int i = 0; i < KIND_COUNT; ++i)
        if (list_kind(&KINDS[i]) != 0)
            return -1;
    return 0;
}

/* The default as the user would write it: for keywords, the word at that position of "one|two|three". */
static void print_default(const optim_option *option) {
    const char *word = option->range;
    if (strchr(word, '|') == NULL) {
        printf("%-12g", option->default_value);
        return;
    }
    for (int skip = (int)option->default_value; skip > 0 && strchr(word, '|') != NULL; --skip)
        word = strchr(word, '|') + 1;
    printf("%-12.*s", (int)strcspn(word, "|"), word);
}

static int print_options(int kind, const char *name, size_t count) {
    if (count > 0)
        printf("options (name, default, range, meaning):\n");
    for (size_t i = 0; i < count; ++i) {
        optim_option option = {.size = sizeof option};
        if (optim_describe_option(kind, name, i, &option) < 0)
            return failed();
        printf("  %-18s ", option.name);
        print_default(&option);
        printf(" %-24s %s\n", option.range, option.meaning);
    }
    return 0;
}

static int print_states(int kind, const char *name, size_t count) {
    if (count > 0)
        printf("state (name, shape, bytes per parameter, only with, meaning):\n");
    for (size_t i = 0; i < count; ++i) {
        optim_state_info state = {.size = sizeof state};
        if (optim_describe_state(kind, name, i, &state) < 0)
            return failed();
        printf("  %-18s %-12s %-4g %-12s %s\n", state.name, state.shape, state.bytes_per_parameter,
               state.condition[0] != '\0' ? state.condition : "-", state.meaning);
    }
    return 0;
}

static int describe(int kind, const char *title, const char *name) {
    optim_description about = {.size = sizeof about};
    if (optim_describe(kind, name, &about) < 0)
        return failed();
    printf("%s (%s): %s\n", about.name, title, about.purpose);
    if (about.citation[0] != '\0')
        printf("citation: %s\n", about.citation);
    if (about.evaluations[0] != '\0')
        printf("evaluations per step: %s\n", about.evaluations);
    return print_options(kind, name, about.options) != 0 || print_states(kind, name, about.states) != 0 ? -1 : 0;
}

int catalog_describe(const char *name) {
    if (strcmp(name, "engine") == 0)
        return describe(OPTIM_ENGINE, "options of every method", name);
    for (int i = 0; i < KIND_COUNT; ++i) {
        optim_description about = {.size = sizeof about};
        if (optim_describe(KINDS[i].kind, name, &about) == OPTIM_OK)
            return describe(KINDS[i].kind, KINDS[i].title, name);
    }
    fprintf(stderr, "nothing is called \"%s\"; --list shows what there is\n", name);
    return -1;
}
