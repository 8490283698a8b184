/*
 * gradopt tune: a race of methods and of values for their options, by hyperband: many configurations on a small budget,
 * the best of them on a larger one. Every result is written down: the same call goes on where an interrupted one was.
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/number.h"
#include "optim/advice.h"
#include "tool.h"
#include "tune.h"

enum { PATH = 4096, MOST_JOBS = 256 };

static int fail(const char *what, const char *name) {
    (void)print_error("gradopt tune: %s \"%s\": %s", what, name, strerror(errno));
    return FAILED;
}

/* ---- The journal: what the call was, then a line "config budget loss" for each result ---- */

typedef struct journal {
    FILE *file;
    double (*told)[3];
    size_t count, capacity;
} journal_t;

static void write_words(FILE *file, char *const *words) {
    for (; *words != NULL; ++words) {
        (void)fputc(' ', file);
        for (const char *at = *words; *at != '\0'; ++at) /* on one line */
            (void)fputc(iscntrl((unsigned char)*at) ? '?' : *at, file);
    }
}

/* The call, as text. */
static char *describe_call(const race_t *race) {
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    if (file == NULL)
        return NULL;
    fprintf(file, "# gradopt tune %s seed %llu, %s:", race->rule, (unsigned long long)race->seed,
            race->problem == NULL ? "command" : race->problem);
    if (race->command != NULL)
        write_words(file, race->command);
    fprintf(file, " for");
    write_words(file, race->text);
    if (fclose(file) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static bool journal_add(journal_t *journal, const char *line) {
    void *told = journal->told;
    const bool grown = memory_grow(&told, &journal->capacity, journal->count + 1, sizeof *journal->told);
    journal->told = told;
    if (!grown)
        return false;
    double *entry = journal->told[journal->count];
    const char *at = line;
    for (int k = 0; k < 3; ++k) {
        at += strspn(at, " ");
        const size_t length = strcspn(at, " \n");
        if (!number_parse(at, length, &entry[k])) {
            if (k < 2 || strncmp(at, "nan", length) != 0)
                return true; /* a line that was cut */
            entry[k] = (double)NAN;
        }
        at += length;
    }
    journal->count += *at == '\n';
    return true;
}

/* What an interrupted race of the same call has written. */
static int read_journal(journal_t *journal, const char *path, const char *call, bool *exists) {
    char *line = NULL;
    size_t room = 0;
    FILE *file = fopen(path, "r");
    int status = DONE;
    *exists = file != NULL;
    if (file == NULL)
        return errno == ENOENT ? DONE : fail("cannot read", path);
    const ssize_t length = getline(&line, &room, file);
    if (length < 1 || strncmp(line, call, (size_t)length - 1) != 0 || call[length - 1] != '\0')
        status = print_error("gradopt tune: \"%s\" is of another race: name another --folder, or remove it", path);
    while (status == DONE && getline(&line, &room, file) > 0)
        if (!journal_add(journal, line)) {
            (void)print_error("gradopt tune: out of memory");
            status = FAILED;
        }
    free(line);
    (void)fclose(file);
    return status;
}

static int journal_open(journal_t *journal, const race_t *race) {
    char path[PATH], *call = describe_call(race);
    bool exists;
    *journal = (journal_t){.file = NULL};
    if (call == NULL) {
        (void)print_error("gradopt tune: out of memory");
        return FAILED;
    }
    (void)snprintf(path, sizeof path, "%s/losses.txt", race->folder);
    int status = read_journal(journal, path, call, &exists);
    if (status == DONE) {
        journal->file = fopen(path, "a");
        if (journal->file == NULL)
            status = fail("cannot write", path);
        else
            fprintf(journal->file, "%s%s", exists ? "" : call, exists ? "" : "\n");
    }
    free(call);
    return status;
}

/* Whether this result is known. */
static bool journal_knows(const journal_t *journal, const optim_job *job, double *loss) {
    for (size_t i = 0; i < journal->count; ++i)
        if (journal->told[i][0] == (double)job->config && journal->told[i][1] == job->resource) {
            *loss = journal->told[i][2];
            return true;
        }
    return false;
}

static void journal_tell(journal_t *journal, const optim_job *job, double loss) {
    char budget[NUMBER_TEXT], number[NUMBER_TEXT];
    number_text(job->resource, budget);
    number_text(loss, number);
    fprintf(journal->file, "%lld %s %s\n", (long long)job->config, budget, number);
    (void)fflush(journal->file);
}

/* ---- Entries ---- */

/* That of a configuration, which is made when it is first asked for; they come in the order of their numbers. */
static entry_t *entry_of(race_t *race, int64_t config) {
    if ((size_t)config < race->entries)
        return &race->entry[config];
    void *entries = race->entry;
    const bool grown = memory_grow(&entries, &race->capacity, race->entries + 1, sizeof *race->entry);
    race->entry = entries;
    if (!grown)
        return NULL;
    entry_t *e = &race->entry[race->entries];
    *e = (entry_t){.config = config, .space = (size_t)config % race->spaces, .loss = (double)INFINITY};
    e->options = space_draw(&race->space[e->space], race->seed, config, &e->first);
    race->entries += e->options != NULL;
    return e->options == NULL ? NULL : e;
}

static const entry_t *best_of(const race_t *race) {
    const entry_t *best = NULL;
    for (size_t i = 0; i < race->entries; ++i)
        if (best == NULL || entry_is_better(&race->entry[i], best))
            best = &race->entry[i];
    return best;
}

static void name_file(const race_t *race, int64_t config, const char *end, char path[PATH]) {
    (void)snprintf(path, PATH, "%s/%lld.%s", race->folder, (long long)config, end);
}

static void remove_checkpoint(const race_t *race, int64_t config) {
    static const char *const ENDS[] = {"optim", "optim.point"};
    char path[PATH];
    for (int i = 0; i < 2; ++i) {
        name_file(race, config, ENDS[i], path);
        (void)remove(path);
    }
}

/* ---- Progress on standard error: one line that changes, or a line for each rung ---- */

static void progress(const race_t *race, const optim_job *job, size_t done, size_t count) {
    const entry_t *best = best_of(race);
    const bool is_terminal = isatty(STDERR_FILENO) != 0;
    char loss[NUMBER_TEXT], budget[NUMBER_TEXT];
    if (best == NULL || (!is_terminal && done < count))
        return;
    (void)number_print(loss, sizeof loss, "%.6g", best->loss);
    (void)number_print(budget, sizeof budget, "%.6g", job->resource);
    fprintf(stderr, "%sbracket %d, rung %d: %zu of %zu at budget %s; best %s: %s %.60s%s",
            is_terminal ? "\r\033[K" : "", job->bracket, job->rung, done, count, budget, loss,
            race->space[best->space].method, best->options, is_terminal && done < count ? "" : "\n");
}

/* ---- The race ---- */

typedef struct rung {
    optim_job *job;
    size_t count, capacity;
} rung_t;

/* All jobs that may run now. */
static int rung_fill(rung_t *rung, optim_hyperband_t *rule) {
    rung->count = 0;
    for (;;) {
        optim_job job = {.size = sizeof job};
        void *jobs = rung->job;
        const bool grown = memory_grow(&jobs, &rung->capacity, rung->count + 1, sizeof *rung->job);
        rung->job = jobs;
        if (!grown || optim_hyperband_next(rule, &job) != OPTIM_OK) {
            (void)print_error("gradopt tune: %s", grown ? optim_error() : "out of memory");
            return FAILED;
        }
        if (job.kind != OPTIM_JOB_RUN)
            return DONE;
        rung->job[rung->count++] = job;
    }
}

/* Those that are out of the race need no checkpoint, but for the best one. */
static void drop_others(const race_t *race, const rung_t *rung) {
    const entry_t *best = best_of(race);
    for (size_t i = 0; i < race->entries; ++i) {
        bool stays = &race->entry[i] == best;
        for (size_t k = 0; k < rung->count; ++k)
            stays |= rung->job[k].config == race->entry[i].config;
        if (!stays)
            remove_checkpoint(race, race->entry[i].config);
    }
}

/* Runs jobs first .. first + count - 1 at once; false: interrupted. */
static bool run_some(race_t *race, const optim_job *job, size_t count, trial_t *trial) {
    running_t running[MOST_JOBS];
    static char checkpoint[MOST_JOBS][PATH], log[MOST_JOBS][PATH];
    bool goes_on = true;
    for (size_t i = 0; i < count; ++i) {
        const entry_t *e = &race->entry[job[i].config];
        name_file(race, e->config, "optim", checkpoint[i]);
        name_file(race, e->config, "log", log[i]);
        trial[i] = (trial_t){.config = e->config,
                             .method = race->space[e->space].method,
                             .options = e->options,
                             .budget = job[i].resource,
                             .spent = job[i].resume,
                             .checkpoint = checkpoint[i],
                             .log = log[i]};
        if (trial[i].spent == 0)
            remove_checkpoint(race, e->config); /* of a run that was interrupted */
        if (race->problem != NULL)
            problem_train(race->problem, &trial[i]);
        else
            running[i] = command_start(race->command, &trial[i]);
    }
    for (size_t i = 0; i < count && race->problem == NULL; ++i)
        goes_on &= command_finish(&running[i], &trial[i]);
    return goes_on;
}

static void tell(race_t *race, optim_hyperband_t *rule, const optim_job *job, double loss, const char *note) {
    entry_t *e = &race->entry[job->config];
    e->budget = job->resource;
    e->loss = loss;
    (void)snprintf(e->note, sizeof e->note, "%s", note);
    (void)optim_hyperband_tell(rule, job->config, loss);
}

static int run_rung(race_t *race, optim_hyperband_t *rule, journal_t *journal, const rung_t *rung) {
    static trial_t trial[MOST_JOBS];
    for (size_t i = 0; i < rung->count; ++i)
        if (entry_of(race, rung->job[i].config) == NULL) {
            (void)print_error("gradopt tune: out of memory");
            return FAILED;
        }
    for (size_t done = 0; done < rung->count;) {
        double loss;
        size_t count = 0;
        if (journal_knows(journal, &rung->job[done], &loss)) {
            tell(race, rule, &rung->job[done], loss, isfinite(loss) ? "" : "failed or diverged before");
            progress(race, &rung->job[done], done + 1, rung->count);
            ++done;
            continue;
        }
        while (done + count < rung->count && (int64_t)count < race->jobs &&
               !journal_knows(journal, &rung->job[done + count], &loss))
            ++count;
        if (!run_some(race, rung->job + done, count, trial))
            return print_error("gradopt tune: interrupted; the same call goes on from here"), FAILED;
        for (size_t i = 0; i < count; ++i, ++done) {
            journal_tell(journal, &rung->job[done], trial[i].loss);
            tell(race, rule, &rung->job[done], trial[i].loss, trial[i].note);
            progress(race, &rung->job[done], done + 1, rung->count);
        }
    }
    return DONE;
}

/* Every space is to have a configuration in the first rung, and one of these a loss. */
static int check_first(const race_t *race, const rung_t *rung, bool ran) {
    const entry_t *best = best_of(race);
    if (rung->count < race->spaces && !ran)
        return print_error("gradopt tune: --rule %s begins with %zu configurations, fewer than there are spaces: take "
                           "more budget or a smaller min_resource",
                           race->rule, rung->count);
    if (!ran || (best != NULL && isfinite(best->loss)))
        return DONE;
    (void)print_error("gradopt tune: none of the first runs came to a finite loss: %s",
                      best == NULL || best->note[0] == '\0' ? "they diverged" : best->note);
    return FAILED;
}

static void print_checkpoint(const race_t *race) {
    char path[PATH];
    name_file(race, best_of(race)->config, "optim", path);
    if (race->json || access(path, F_OK) != 0)
        return;
    printf("checkpoint of the best: ");
    print_text(path);
    printf("\n");
}

static int run_race(race_t *race, optim_hyperband_t *rule, journal_t *journal) {
    rung_t rung = {.job = NULL};
    int status = rung_fill(&rung, rule);
    if (status == DONE)
        status = check_first(race, &rung, false);
    if (status == DONE)
        status = run_rung(race, rule, journal, &rung);
    if (status == DONE)
        status = check_first(race, &rung, true);
    while (status == DONE && rung.count > 0) {
        status = rung_fill(&rung, rule);
        drop_others(race, &rung);
        if (status == DONE)
            status = run_rung(race, rule, journal, &rung);
    }
    free(rung.job);
    if (status != DONE)
        return status;
    race_print(race);
    print_checkpoint(race);
    race_draw(race);
    return DONE;
}

/* ---- The call ---- */

static bool read_whole(const char *text, int64_t least, int64_t most, int64_t *number) {
    double value;
    if (!number_parse(text, strlen(text), &value) || value != floor(value) || value < (double)least ||
        value > (double)most)
        return false;
    *number = (int64_t)value;
    return true;
}

enum { RULE = 256, PROBLEM, SEED, FOLDER, JOBS, AS_JSON };
static const struct option TUNE_OPTIONS[] = {{"rule", required_argument, NULL, RULE},
                                             {"problem", required_argument, NULL, PROBLEM},
                                             {"seed", required_argument, NULL, SEED},
                                             {"folder", required_argument, NULL, FOLDER},
                                             {"jobs", required_argument, NULL, JOBS},
                                             {"json", no_argument, NULL, AS_JSON},
                                             {0}};

static int read_option(race_t *race, int option, const char *given) {
    int64_t number;
    switch (option) {
    case RULE:
        race->rule = optarg;
        return DONE;
    case PROBLEM:
        race->problem = optarg;
        return problem_exists(optarg) ? DONE : problem_refuse(optarg);
    case FOLDER:
        race->folder = optarg;
        return DONE;
    case SEED:
        if (!read_whole(optarg, 0, INT64_C(1) << 53, &number))
            return print_error("gradopt tune: --seed %s is no whole number from 0 on", optarg);
        race->seed = (uint64_t)number;
        return DONE;
    case JOBS:
        if (!read_whole(optarg, 1, MOST_JOBS, &race->jobs))
            return print_error("gradopt tune: --jobs %s is no whole number from 1 to %d", optarg, MOST_JOBS);
        return DONE;
    case AS_JSON:
        race->json = true;
        return DONE;
    case ':':
        return print_error("gradopt tune: %s needs a value; see gradopt tune --help", given);
    default:
        return print_error("gradopt tune: there is no option \"%s\", or it takes no value; see gradopt tune --help",
                           given);
    }
}

/* Options and spaces in argument[1 .. count); behind "--" the command. */
static int read_call(race_t *race, int count, char **argument) {
    int words = count, option, status = DONE;
    for (int i = count - 1; i > 0; --i)
        if (strcmp(argument[i], "--") == 0)
            words = i;
    race->command = words < count ? argument + words + 1 : NULL;
    argument[words] = NULL;
    optind = 0;
    while (status == DONE && (option = getopt_long(words, argument, ":", TUNE_OPTIONS, NULL)) != -1)
        status = read_option(race, option, argument[optind - 1]);
    race->text = argument + optind;
    if (status == DONE && (race->problem == NULL) == (race->command == NULL))
        return print_error("gradopt tune: say what to train: --problem NAME, or a command behind --");
    if (status == DONE && race->command != NULL)
        status = command_refuse(race->command);
    if (status == DONE && *race->text == NULL)
        return print_error("gradopt tune: SPACE is missing; see gradopt tune --help");
    return status;
}

static int read_spaces(race_t *race) {
    size_t count = 0;
    while (race->text[count] != NULL)
        ++count;
    race->space = calloc(count + 1, sizeof *race->space);
    if (race->space == NULL) {
        (void)print_error("gradopt tune: out of memory");
        return FAILED;
    }
    int status = DONE;
    for (size_t i = 0; i < count && status == DONE; ++i) {
        status = space_read(&race->space[i], race->text[i]);
        race->spaces = i + 1;
    }
    return status;
}

static int start(race_t *race) {
    optim_hyperband_t *rule;
    journal_t journal = {.file = NULL};
    if (optim_hyperband_create(&rule, race->rule) != OPTIM_OK)
        return print_error("gradopt tune: --rule: %s", optim_error());
    int status = DONE;
    if (strlen(race->folder) > PATH / 2)
        status = print_error("gradopt tune: the name of --folder is too long");
    else if (mkdir(race->folder, 0777) != 0 && errno != EEXIST)
        status = fail("cannot make the folder", race->folder);
    if (status == DONE)
        status = journal_open(&journal, race);
    if (status == DONE)
        status = run_race(race, rule, &journal);
    if (journal.file != NULL && fclose(journal.file) != 0 && status == DONE)
        status = fail("cannot write to the folder", race->folder);
    free(journal.told);
    optim_hyperband_destroy(rule);
    return status;
}

int tune(int count, char **argument, bool json) {
    race_t race = {.rule = "max_resource=81", .folder = "gradopt-tune", .seed = 1, .jobs = 1, .json = json};
    int status = read_call(&race, count, argument);
    if (status == DONE)
        status = read_spaces(&race);
    if (status == DONE)
        status = start(&race);
    for (size_t i = 0; i < race.spaces; ++i)
        space_free(&race.space[i]);
    for (size_t i = 0; i < race.entries; ++i)
        free(race.entry[i].options);
    free(race.space);
    free(race.entry);
    return status;
}
