#define _POSIX_C_SOURCE 200809L
#include "golden_main.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static int is_golden(const struct dirent *entry) {
    const size_t length = strlen(entry->d_name), suffix = strlen(".golden");
    return length > suffix && strcmp(entry->d_name + length - suffix, ".golden") == 0;
}

int golden_main(const char *group, const char *folder, bool values, void (*check)(void **state), size_t *count) {
    struct dirent **entries;
    const int found = scandir(folder, &entries, is_golden, alphasort);
    *count = 0;
    if (found <= 0) {
        (void)fprintf(stderr, "no golden files in %s\n", folder);
        return EXIT_FAILURE;
    }
    struct CMUnitTest *tests = check_memory((size_t)found, sizeof *tests);
    for (int i = 0; i < found; ++i) {
        const char *name = entries[i]->d_name;
        if ((strncmp(name, "value_", 6) == 0) == values) {
            struct CMUnitTest *test = &tests[(*count)++];
            test->name = check_text("%s", name);
            test->test_func = check;
            test->initial_state = check_text("%s/%s", folder, name);
        }
        free(entries[i]);
    }
    free(entries);
    const int failed = _cmocka_run_group_tests(group, tests, *count, NULL, NULL);
    for (size_t i = 0; i < *count; ++i) {
        free((void *)(uintptr_t)tests[i].name);
        free(tests[i].initial_state);
    }
    free(tests);
    return failed;
}
