/* What a step of an embedding costs by how many rows it has and how many of them have a gradient. */
#define _GNU_SOURCE /* strdup, strtok_r */
#include <optim/optim.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "measure.h"
#include "settings.h"

static const char HELP[] =
    "Times a step by the rows of a gradient (optim_set_sparse_grad and optim_step, one thread, f32): of tables from\n"
    "10000 to N rows of 16 elements, with 100, 1000 and 10000 random rows.\n"
    "\n"
    "  -m, --methods LIST         methods, \"adam;adagrad\" (default)\n"
    "  -n, --elements N           rows of the longest table (10000000)\n"
    "  -r, --runs N               steps for a line of the table (101)\n"
    "      --seconds N            at most, for a line of the table; then there are fewer steps (2)\n"
    "\n"
    "ns/row is the median of a step over the rows that have a gradient.\n";

enum { WIDTH = 16, MOST = 10000 };

typedef struct job {
    optim_t *opt;
    int64_t rows, touched, index[MOST];
    uint64_t random;
    float *values;
    optim_status status; /* of the first call that failed, or 0 */
} job_t;

/* The next numbers of rows, drawn anew so that no step finds its rows in the cache. */
static void draw(job_t *job) {
    const uint64_t rows = job->rows > 0 ? (uint64_t)job->rows : 1;
    for (int64_t k = 0; k < job->touched; ++k) {
        job->random = job->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        job->index[k] = (int64_t)((job->random >> 33) % rows);
    }
}

static void run_step(void *context) {
    job_t *job = context;
    draw(job);
    optim_status status = optim_set_sparse_grad(job->opt, 0, job->touched, job->index, job->values);
    if (status == OPTIM_OK)
        status = optim_step(job->opt);
    if (job->status == OPTIM_OK)
        job->status = status;
}

static bool time_table(job_t *job, int64_t rows, const char *method, const settings_t *settings) {
    samples_t samples;
    const contender_t contender = {run_step, job};
    const measure_t how = {.one_thread = true, .runs = settings->runs, .seconds = settings->seconds};
    float *table = (void *)buffer_zeros((size_t)rows * WIDTH * sizeof *table, 1);
    job->rows = rows;
    job->status = table == NULL ? OPTIM_ERR_NOMEM : optim_create(&job->opt, method, NULL);
    if (job->status == OPTIM_OK)
        job->status = optim_add_param(job->opt, 0, "table", OPTIM_F32, 2, (int64_t[]){rows, WIDTH}, table, NULL);
    if (job->status == OPTIM_OK)
        job->status = optim_set_threads(job->opt, 1);
    job->touched = MOST;
    if (job->status == OPTIM_OK)
        run_step(job); /* touches every large page once */
    for (job->touched = 100; job->status == OPTIM_OK && job->touched <= MOST; job->touched *= 10) {
        measure_run(&samples, &how, &contender, 1);
        const spread_t time = measure_time(&samples, 0);
        printf("%-12s %10lld %8lld %12.1f us %9.1f\n", method, (long long)rows, (long long)job->touched,
               time.median / 1e3, time.median / (double)job->touched);
        fflush(stdout);
    }
    if (job->status != OPTIM_OK)
        fprintf(stderr, "%s: %s\n", method, table == NULL ? "out of memory" : optim_error());
    optim_destroy(job->opt);
    job->opt = NULL;
    buffer_free((void *)table);
    return job->status == OPTIM_OK;
}

int main(int argc, char **argv) {
    settings_t settings = {0};
    const int status = settings_parse(&settings, HELP, argc, argv);
    if (status != SETTINGS_RUN)
        return status == SETTINGS_DONE ? 0 : 2;
    static job_t job = {.random = 1};
    const int64_t most = settings.elements == 0 ? 10000000 : (int64_t)settings.elements;
    job.values = (void *)buffer_numbers(OPTIM_F32, (size_t)MOST * WIDTH, 1);
    char *list = strdup(settings.methods == NULL ? "adam;adagrad" : settings.methods), *rest = list;
    bool good = job.values != NULL && list != NULL;
    printf("%-12s %10s %8s %15s %9s\n", "method", "rows", "touched", "step", "ns/row");
    for (char *method; good && (method = strtok_r(rest, ";", &rest)) != NULL;)
        for (int64_t rows = 10000; good && rows <= most; rows *= 10)
            good = time_table(&job, rows, method, &settings);
    free(list);
    buffer_free((void *)job.values);
    return good ? 0 : 1;
}
