/*
 * Checks golden files: golden [--all] [FILE|FOLDER ...]. Of a folder it takes every file *.golden; without arguments
 * those of the tests, all of which must run. Prints a line for each file: "ok FILE", "FAILED FILE: what differs", or
 * "not run FILE: why", which fails only with --all. README.md says what the formats are and how methods are called.
 */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "federated.h"
#include "formats.h"
#include "optim/federated.h"
#include "run.h"
#include "verdict.h"

static size_t counts[3]; /* of each verdict */

void check_golden(golden_line_t *line) {
    check_trajectory(trajectory_read(line, false));
}

void check_solver(golden_line_t *line) {
    optim_description rule = {.size = sizeof rule};
    const trajectory_t *f = trajectory_read(line, true);
    if (optim_describe(OPTIM_RULE, f->method, &rule) == OPTIM_OK)
        check_federated(f);
    else
        check_trajectory(f);
}

static void check_file(const char *path) {
    static const struct {
        const char *name;
        void (*check)(golden_line_t *line);
    } FORMATS[] = {
        {"gradopt-golden", check_golden},  {"gradopt-solver", check_solver}, {"gradopt-schedule", check_schedule},
        {"gradopt-value", check_values},   {"gradopt-maps", check_maps},     {"gradopt-rule", check_rule},
        {"gradopt-sgc", check_stragglers},
    };
    golden_line_t line = golden_open(path);
    const char *format = golden_format(&line);
    for (size_t i = 0; i < sizeof FORMATS / sizeof *FORMATS; ++i)
        if (strcmp(FORMATS[i].name, format) == 0) {
            FORMATS[i].check(&line);
            return;
        }
    golden_bad(&line, file_text("no reader for the format \"%s\"", format));
}

static void judge_file(const char *path) {
    static const char *const WORDS[] = {"ok", "FAILED", "not run"};
    const char *reason;
    const verdict_t verdict = verdict_of(check_file, path, &reason);
    ++counts[verdict];
    (void)printf("%s %s%s%s\n", WORDS[verdict], path, *reason == '\0' ? "" : ": ", reason);
    (void)fflush(stdout);
}

static int is_golden(const struct dirent *entry) {
    const size_t length = strlen(entry->d_name), suffix = strlen(".golden");
    return length > suffix && strcmp(entry->d_name + length - suffix, ".golden") == 0;
}

static bool judge_folder(const char *folder) {
    struct dirent **entries;
    const int found = scandir(folder, &entries, is_golden, alphasort);
    if (found <= 0) {
        (void)fprintf(stderr, "no golden files in %s\n", folder);
        return false;
    }
    for (int i = 0; i < found; ++i) {
        char *path = check_text("%s/%s", folder, entries[i]->d_name);
        judge_file(path);
        free(path);
        free(entries[i]);
    }
    free(entries);
    return true;
}

static bool judge(const char *path) {
    struct stat what;
    if (stat(path, &what) == 0 && S_ISDIR(what.st_mode))
        return judge_folder(path);
    judge_file(path);
    return true;
}

int main(int argc, char **argv) {
    const bool own = argc == 1, all = own || strcmp(argv[1], "--all") == 0;
    bool found = true;
    if (own)
        found = judge(TEST_SOURCE_DIR "/golden/data");
    for (int i = all ? 2 : 1; i < argc; ++i)
        found = judge(argv[i]) && found;
    (void)printf("%zu passed, %zu failed, %zu not run\n", counts[VERDICT_PASSED], counts[VERDICT_FAILED],
                 counts[VERDICT_NOT_RUN]);
    const bool right = found && counts[VERDICT_FAILED] == 0 && (!all || counts[VERDICT_NOT_RUN] == 0);
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
