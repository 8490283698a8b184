/* Saving and loading states of many and of large tensors, against copying the same bytes. */
#define _GNU_SOURCE /* mkdtemp */
#include <optim/optim.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"
#include "measure.h"
#include "model.h"
#include "settings.h"
#include "subject.h"

static const char HELP[] =
    "Times saving and loading the state of an optimizer. Files go to a folder of their own in $TMPDIR (or /tmp).\n"
    "\n"
    "  -c, --case LIST            gpt2: GPT-2-small; 10k, 100k: as many tensors of 1 to 4096 elements; groups: 10k tensors\n"
    "                             each in a group with a schedule of its own (gpt2,10k,100k,groups)\n"
    "  -m, --methods NAME         adamw\n"
    "  -r, --runs N               turns, of which the table has the medians (11)\n"
    "\n"
    "save and load are those of a file, flushed to the disk; load is into a fresh handle, reload into one that has made steps.\n"
    "async is how long optim_save_async takes, (copied) until a step could go on that comes at once. copy is memcpy of as\n"
    "many bytes as the state.\n";

typedef enum what { SAVE, LOAD, RELOAD, ASYNC, COPIED, WAIT, SERIALIZE, DESERIALIZE, COPY, WHATS } what_t;
static const char *const NAMES[WHATS] = {"save",   "load",      "reload",  "async", "(copied)",
                                         "(wait)", "to memory", "from it", "copy"};

typedef struct bench {
    settings_t settings;
    recipe_t recipe;
    char path[300];
    size_t bytes; /* of the serialized state */
    double ms[WHATS][MEASURE_RUNS];
    int failures;
} bench_t;

static bool good(bench_t *bench, optim_status status) {
    if (status != OPTIM_OK)
        fprintf(stderr, "%s\n", optim_error());
    bench->failures += status != OPTIM_OK;
    return status == OPTIM_OK;
}

/* ---- Optimizers ---- */

/* A tensor to a group, each with a schedule; all lie in the model's buffers. */
static bool add_groups(subject_t *subject, const model_t *model, const lent_t *lent) {
    size_t at = 0;
    for (size_t i = 0; i < model->tensors; ++i) {
        char name[32];
        int group = 0;
        const shape_t *shape = &model->shapes[i];
        (void)snprintf(name, sizeof name, "t%zu", i);
        if ((i > 0 && optim_add_group(subject->opt, NULL, &group) != OPTIM_OK) ||
            optim_set_schedule(subject->opt, group, "lr", "cosine", NULL) != OPTIM_OK ||
            optim_add_param(subject->opt, group, name, OPTIM_F32, shape->ndim, shape->dims, lent->data + at,
                            lent->grad + at) != OPTIM_OK)
            return false;
        at += buffer_align(shape_elements(shape) * sizeof(float));
    }
    return true;
}

static bool open_subject(bench_t *bench, subject_t *subject, const model_t *model, const lent_t *lent, bool grouped) {
    return subject_create(subject, &bench->recipe, 1) &&
           (grouped ? add_groups(subject, model, lent) : subject_add(subject, model, &bench->recipe, lent));
}

/* ---- Times ---- */

static double since(double start) {
    return (measure_now(false) - start) / 1e6;
}

static void time_saving(bench_t *bench, subject_t *used, char *buffer, int run) {
    double start = measure_now(false);
    if (good(bench, optim_save(used->opt, bench->path)))
        bench->ms[SAVE][run] = since(start);
    start = measure_now(false);
    if (good(bench, optim_save_async(used->opt, bench->path)))
        bench->ms[ASYNC][run] = since(start);
    if (good(bench, optim_prepare(used->opt))) /* waits as a step does, and does nothing else */
        bench->ms[COPIED][run] = since(start);
    start = measure_now(false);
    if (good(bench, optim_save_wait(used->opt)))
        bench->ms[WAIT][run] = since(start);
    start = measure_now(false);
    if (good(bench, optim_serialize(used->opt, buffer, bench->bytes, &bench->bytes)))
        bench->ms[SERIALIZE][run] = since(start);
}

static void time_loading(bench_t *bench, subject_t *fresh, const char *buffer, int run) {
    double start = measure_now(false);
    if (good(bench, optim_load(fresh->opt, bench->path)))
        bench->ms[LOAD][run] = since(start);
    start = measure_now(false);
    if (good(bench, optim_load(fresh->opt, bench->path)))
        bench->ms[RELOAD][run] = since(start);
    start = measure_now(false);
    if (good(bench, optim_deserialize(fresh->opt, buffer, bench->bytes)))
        bench->ms[DESERIALIZE][run] = since(start);
}

static int by_size(const void *a, const void *b) {
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void print_line(bench_t *bench, const char *name, const model_t *model, int runs) {
    printf("%-8s %7zu %9.1f", name, model->tensors, (double)bench->bytes / 1e6);
    for (int k = 0; k < WHATS; ++k) {
        qsort(bench->ms[k], (size_t)runs, sizeof **bench->ms, by_size);
        printf(" %9.1f", bench->ms[k][runs / 2]);
    }
    printf("\n");
    fflush(stdout);
}

static void time_all(bench_t *bench, const char *name, const model_t *model, const lent_t *lent, bool grouped) {
    subject_t used = {0};
    const int runs = bench->settings.runs;
    bool opened = open_subject(bench, &used, model, lent, grouped);
    if (opened)
        subject_step(&used);
    opened = opened && used.status == OPTIM_OK && optim_serialize(used.opt, NULL, 0, &bench->bytes) == OPTIM_OK;
    char *buffer = opened ? malloc(bench->bytes) : NULL, *copy = opened ? malloc(bench->bytes) : NULL;
    if (buffer == NULL || copy == NULL)
        (void)good(bench, OPTIM_ERR_NOMEM);
    for (int run = 0; buffer != NULL && copy != NULL && run < runs && bench->failures == 0; ++run) {
        subject_t fresh = {0};
        time_saving(bench, &used, buffer, run);
        if (open_subject(bench, &fresh, model, lent, grouped))
            time_loading(bench, &fresh, buffer, run);
        subject_destroy(&fresh);
        const double start = measure_now(false);
        memcpy(copy, buffer, bench->bytes);
        bench->ms[COPY][run] = since(start);
    }
    if (bench->failures == 0)
        print_line(bench, name, model, runs);
    free(buffer);
    free(copy);
    subject_destroy(&used);
    (void)unlink(bench->path);
}

static void run_case(bench_t *bench, const char *name) {
    model_t model = {0};
    lent_t lent = {0};
    const bool grouped = strcmp(name, "groups") == 0;
    const bool made = strcmp(name, "gpt2") == 0   ? model_gpt2(&model)
                      : strcmp(name, "100k") == 0 ? model_small(&model, 100000)
                                                  : model_small(&model, 10000);
    if (made && lent_take(&lent, &model, &bench->recipe, 1))
        time_all(bench, name, &model, &lent, grouped);
    else
        ++bench->failures;
    lent_free(&lent);
    model_free(&model);
}

static bool is_case(const char *name) {
    static const char *const CASES[] = {"gpt2", "10k", "100k", "groups"};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i)
        if (strcmp(CASES[i], name) == 0)
            return true;
    fprintf(stderr, "--case: there is no \"%s\"; there are gpt2, 10k, 100k, groups\n", name);
    return false;
}

static void run_cases(bench_t *bench) {
    char *list = strdup(bench->settings.cases == NULL ? "gpt2,10k,100k,groups" : bench->settings.cases), *rest = list;
    printf("%-8s %7s %9s", "case", "tensors", "MB");
    for (int k = 0; k < WHATS; ++k)
        printf(" %9s", NAMES[k]);
    printf("   (milliseconds)\n");
    for (char *name; list != NULL && (name = strtok_r(rest, ",", &rest)) != NULL;)
        if (is_case(name))
            run_case(bench, name);
        else
            ++bench->failures;
    free(list);
}

int main(int argc, char **argv) {
    static bench_t bench;
    char folder[200];
    const char *chosen = getenv("TMPDIR");
    const int status = settings_parse(&bench.settings, HELP, argc, argv);
    if (status != SETTINGS_RUN)
        return status == SETTINGS_DONE ? 0 : 2;
    (void)snprintf(folder, sizeof folder, "%s/gradopt-bench-XXXXXX", chosen == NULL ? "/tmp" : chosen);
    if (mkdtemp(folder) == NULL) {
        perror(folder);
        return 1;
    }
    (void)snprintf(bench.path, sizeof bench.path, "%s/state.safetensors", folder);
    bench.recipe = (recipe_t){.method = bench.settings.methods == NULL ? "adamw" : bench.settings.methods,
                              .dtype = OPTIM_F32,
                              .grad_dtype = OPTIM_F32};
    run_cases(&bench);
    return rmdir(folder) == 0 && bench.failures == 0 ? 0 : 1;
}
