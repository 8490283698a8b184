/* How long it takes to make and to read the messages of compressors, against a copy of the vector. */
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
    "Times optim_compress and optim_decompress on one f32 vector and one thread against memcpy of it, in turns.\n"
    "\n"
    "  -m, --methods LIST         compressors, \"topk(density=0.01);onebit;...\" (one of each kind)\n"
    "  -n, --elements N           of the vector (50000000)\n"
    "  -r, --runs N               turns (11)\n"
    "      --seconds N            at most, for a line of the table; then there are fewer turns (2)\n"
    "\n"
    "ns/elem is the median of a call over the elements, ratio that over the copy in the same turn; bits are those of\n"
    "the message over the elements.\n";

static const char COMPRESSORS[] = "topk(density=0.01);topk(density=0.001);randk(density=0.01);sign;onebit;qsgd;natural";

typedef struct job {
    const char *compressor;
    int64_t elements;
    void *vector, *copy, *message;
    size_t room, size;
    optim_status status; /* of the first call that failed, or 0 */
} job_t;

static void run_copy(void *context) {
    const job_t *job = context;
    memcpy(job->copy, job->vector, (size_t)job->elements * sizeof(float));
}

static void keep(job_t *job, optim_status status) {
    if (job->status == OPTIM_OK)
        job->status = status;
}

static void run_compress(void *context) {
    job_t *job = context;
    keep(job, optim_compress(job->compressor, 1, 0, OPTIM_F32, 1, &job->elements, job->vector, job->message, job->room,
                             &job->size));
}

static void run_decompress(void *context) {
    job_t *job = context;
    keep(job, optim_decompress(job->message, job->size, OPTIM_F32, 1, &job->elements, job->copy));
}

static void print_side(const job_t *job, const char *side, const samples_t *samples, int contender) {
    const spread_t time = measure_time(samples, contender), ratio = measure_ratio(samples, contender, 0);
    const double n = (double)job->elements;
    printf("%-22s %-7s %9.1f ms %9.3f %8.2f %7.1f to %.1f %10.3f\n", job->compressor, side, time.median / 1e6,
           time.median / n, ratio.median, ratio.low, ratio.high, 8 * (double)job->size / n);
    fflush(stdout);
}

/* False: it failed, and the library's sentence was printed. */
static bool time_compressor(job_t *job, const settings_t *settings) {
    samples_t samples;
    const contender_t contenders[] = {{run_copy, job}, {run_compress, job}, {run_decompress, job}};
    const measure_t how = {.one_thread = true, .runs = settings->runs, .seconds = settings->seconds};
    job->status = optim_compress_size(job->compressor, OPTIM_F32, 1, &job->elements, &job->room);
    job->message = job->status == OPTIM_OK ? malloc(job->room + 1) : NULL;
    if (job->message != NULL) {
        run_compress(job);
        measure_run(&samples, &how, contenders, 3);
    }
    if (job->message != NULL && job->status == OPTIM_OK) {
        print_side(job, "make", &samples, 1);
        print_side(job, "read", &samples, 2);
    } else
        fprintf(stderr, "%s: %s\n", job->compressor, job->status == OPTIM_OK ? "out of memory" : optim_error());
    free(job->message);
    return job->message != NULL && job->status == OPTIM_OK;
}

int main(int argc, char **argv) {
    settings_t settings = {0};
    const int status = settings_parse(&settings, HELP, argc, argv);
    if (status != SETTINGS_RUN)
        return status == SETTINGS_DONE ? 0 : 2;
    job_t job = {.elements = settings.elements == 0 ? 50000000 : (int64_t)settings.elements};
    job.vector = (void *)buffer_numbers(OPTIM_F32, (size_t)job.elements, 1);
    job.copy = (void *)buffer_zeros((size_t)job.elements * sizeof(float), 1);
    char *list = strdup(settings.methods == NULL ? COMPRESSORS : settings.methods), *rest = list;
    bool good = job.vector != NULL && job.copy != NULL && list != NULL;
    printf("%-22s %-7s %12s %9s %8s  %-14s %9s\n", "compressor", "", "call", "ns/elem", "ratio", "quartiles", "bits");
    for (char *name; good && (name = strtok_r(rest, ";", &rest)) != NULL;) {
        job.compressor = name;
        good = time_compressor(&job, &settings);
    }
    free(list);
    buffer_free(job.vector);
    buffer_free(job.copy);
    return good ? 0 : 1;
}
