#define _GNU_SOURCE /* getopt_long */
#include "settings.h"

#include <errno.h>
#include <getopt.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "measure.h"

enum { TENSORS = 256, SECONDS, SMALL_PAGES, CSV };

static const struct option OPTIONS[] = {
    {"methods", required_argument, NULL, 'm'},
    {"options", required_argument, NULL, 'o'},
    {"wrap", required_argument, NULL, 'w'},
    {"case", required_argument, NULL, 'c'},
    {"elements", required_argument, NULL, 'n'},
    {"tensors", required_argument, NULL, TENSORS},
    {"dtypes", required_argument, NULL, 'd'},
    {"threads", required_argument, NULL, 't'},
    {"runs", required_argument, NULL, 'r'},
    {"seconds", required_argument, NULL, SECONDS},
    {"small-pages", no_argument, NULL, SMALL_PAGES},
    {"csv", required_argument, NULL, CSV},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int refuse(const char *option, const char *text, const char *valid) {
    fprintf(stderr, "--%s: \"%s\" is not %s\n", option, text, valid);
    return SETTINGS_WRONG;
}

static int parse_number(double *value, const char *option, const char *text, double lowest, double highest) {
    char *end;
    *value = strtod(text, &end);
    if (end != text && *end == '\0' && *value >= lowest && *value <= highest)
        return SETTINGS_RUN;
    fprintf(stderr, "--%s: \"%s\" is not a number from %g to %g\n", option, text, lowest, highest);
    return SETTINGS_WRONG;
}

static int parse_size(size_t *value, const char *option, const char *text) {
    double number = 0;
    const int status = parse_number(&number, option, text, 1, 1e10);
    *value = (size_t)number;
    return status;
}

static bool parse_dtype(const char *word, dtypes_t *dtypes) {
    const size_t length = strcspn(word, "/");
    const char *gradient = word[length] == '/' ? word + length + 1 : word;
    return dtype_find(word, length, &dtypes->parameter) && dtype_find(gradient, strlen(gradient), &dtypes->gradient);
}

static int parse_dtypes(settings_t *s, char *text) {
    s->dtype_count = 0;
    for (char *word = strtok(text, ","); word != NULL; word = strtok(NULL, ","))
        if (s->dtype_count == SETTINGS_LIST || !parse_dtype(word, &s->dtypes[s->dtype_count++]))
            return refuse("dtypes", word, "f32, f64, bf16, f16 or two of them with / in between");
    return SETTINGS_RUN;
}

static int parse_threads(settings_t *s, char *text) {
    s->thread_counts = 0;
    for (char *word = strtok(text, ","); word != NULL; word = strtok(NULL, ",")) {
        double count;
        if (s->thread_counts == SETTINGS_LIST || parse_number(&count, "threads", word, 1, 1024) != SETTINGS_RUN)
            return SETTINGS_WRONG;
        s->threads[s->thread_counts++] = (int)count;
    }
    return SETTINGS_RUN;
}

static int add_wrapper(settings_t *s, char *text) { /* "name" or "name:options" */
    if (s->wrappers == SETTINGS_LIST)
        return refuse("wrap", text, "possible: too many");
    char *colon = strchr(text, ':');
    if (colon != NULL)
        *colon = '\0';
    s->wrapper[s->wrappers] = text;
    s->wrapper_options[s->wrappers++] = colon == NULL ? NULL : colon + 1;
    return SETTINGS_RUN;
}

static int apply_runs(settings_t *s, const char *text) {
    double runs = 0;
    const int status = parse_number(&runs, "runs", text, 3, MEASURE_RUNS);
    s->runs = (int)runs;
    return status;
}

static int apply(settings_t *s, int option, char *text) {
    switch (option) {
    case 'm':
        s->methods = text;
        break;
    case 'o':
        s->options = text;
        break;
    case 'w':
        return add_wrapper(s, text);
    case 'c':
        s->cases = text;
        break;
    case 'n':
        return parse_size(&s->elements, "elements", text);
    case TENSORS:
        return parse_size(&s->tensors, "tensors", text);
    case 'd':
        return parse_dtypes(s, text);
    case 't':
        return parse_threads(s, text);
    case 'r':
        return apply_runs(s, text);
    case SECONDS:
        return parse_number(&s->seconds, "seconds", text, 0.001, 3600);
    case CSV:
        s->csv = text;
        break;
    case SMALL_PAGES:
        s->small_pages = true;
        break;
    default:
        fputs("--help shows the options\n", stderr);
        return SETTINGS_WRONG;
    }
    return SETTINGS_RUN;
}

int settings_parse(settings_t *settings, const char *help, int argc, char **argv) {
    const int all = omp_get_max_threads();
    *settings = (settings_t){.dtype_count = 1,
                             .threads = {1, all},
                             .thread_counts = all > 1 ? 2 : 1,
                             .tensors = 1,
                             .runs = 11,
                             .seconds = 2};
    int option;
    while ((option = getopt_long(argc, argv, "m:o:w:c:n:d:t:r:h", OPTIONS, NULL)) != -1) {
        const int status = option == 'h' ? SETTINGS_DONE : apply(settings, option, optarg);
        if (status == SETTINGS_DONE)
            fputs(help, stdout);
        if (status != SETTINGS_RUN)
            return status;
    }
    if (optind == argc)
        return SETTINGS_RUN;
    fprintf(stderr, "\"%s\": not an option; --help shows them\n", argv[optind]);
    return SETTINGS_WRONG;
}
