/* The command line of the benchmarks; each uses what concerns it. */
#ifndef BENCH_SETTINGS_H
#define BENCH_SETTINGS_H

#include <optim/optim.h>
#include <stdbool.h>
#include <stddef.h>

enum { SETTINGS_LIST = 16 };

typedef struct dtypes {
    optim_dtype parameter, gradient;
} dtypes_t;

typedef struct settings {
    const char *methods; /* "name:options;name;..." or "all"; NULL: each case's own */
    const char *options; /* for every method, or NULL */
    const char *wrapper[SETTINGS_LIST], *wrapper_options[SETTINGS_LIST];
    int wrappers;
    const char *cases; /* "huge,tiny,..." or NULL */
    dtypes_t dtypes[SETTINGS_LIST];
    int dtype_count;
    int threads[SETTINGS_LIST];
    int thread_counts;
    size_t elements, tensors; /* of the case "custom"; elements == 0: it is not run */
    int runs;
    double seconds;   /* at most, for a line of the table */
    bool small_pages; /* see buffer_use_huge_pages */
    const char *csv;
} settings_t;

enum { SETTINGS_RUN, SETTINGS_DONE, SETTINGS_WRONG };

/* Fills `settings`. SETTINGS_DONE: --help was answered, with `help`; SETTINGS_WRONG: said so on stderr. The strings point into argv,
 * which is changed. */
int settings_parse(settings_t *settings, const char *help, int argc, char **argv);

#endif
