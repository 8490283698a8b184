/* How long a step takes, and how long the bare memory traffic of the same streams. */
#define _GNU_SOURCE /* strdup, strtok_r */
#include <cblas.h>
#include <optim/optim.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "measure.h"
#include "model.h"
#include "report.h"
#include "settings.h"
#include "subject.h"
#include "traffic.h"

static const char HELP[] =
    "Times optim_step against the bare memory traffic of the same streams, in turns.\n"
    "\n"
    "  -m, --methods LIST         \"adamw;sgd:momentum=0.9;...\", or all: every one that needs a single gradient\n"
    "                             (by default a few that suit the case)\n"
    "                             \"dog@gpa,gP\": against its walks, too, which are reads of gradient, parameters and state\n"
    "                             a (b, c, ...), then of the gradient, and of parameters that it writes\n"
    "  -o, --options \"k=v,...\"    options for every method, the engine's too\n"
    "  -w, --wrap \"name:k=v,...\"  puts a wrapper around every method; may be repeated, later ones lie outside\n"
    "  -c, --case LIST            of huge, power, ten, small, gpt2, resnet50, tiny, cache, create, axpy, axpy-l2 (all)\n"
    "  -n, --elements N           a case of your own, in place of those: N elements in all ...\n"
    "      --tensors N            ... in N tensors of equal size (1)\n"
    "  -d, --dtypes LIST          of parameters and gradients: f32, f64, bf16, f16, f32/bf16, ... (f32)\n"
    "  -t, --threads LIST         1,2,... (1 and what OpenMP would use)\n"
    "  -r, --runs N               turns of everything that is compared (11)\n"
    "      --seconds N            at most, for a line of the table; then there are fewer turns (2)\n"
    "      --small-pages          not 2 MiB a page for parameters, gradients and the bare traffic\n"
    "      --csv FILE             writes the table there too\n"
    "\n"
    "Times are medians, of a step. Ratios are medians of the ratios turn by turn, with their quartiles; best is the ratio\n"
    "of the fastest turns. With one thread its processor time counts; with more, wall time, and interrupted is the share of\n"
    "turns in which another program took a processor.\n";

enum { LABEL = 64 };

typedef struct bench {
    settings_t settings;
    report_t report;
    traffic_t traffic; /* of the last line; kept for the next one */
    int failures;
} bench_t;

/* What one line of the table is about. */
typedef struct job {
    bench_t *bench;
    const char *name;
    char label[LABEL]; /* of the method with its options and wrappers */
    const char *walks; /* see traffic.h; or NULL */
    recipe_t recipe;
    const model_t *model;
    const lent_t *lent;
    int threads;
} job_t;

typedef struct bench_case {
    const char *name, *methods;
    bool (*model)(model_t *model);
    void (*run)(const job_t *job);
    bool alone; /* one thread only */
} bench_case_t;

/* ---- Lines ---- */

static measure_t how_of(const job_t *job) {
    const settings_t *s = &job->bench->settings;
    return (measure_t){.one_thread = job->threads == 1, .runs = s->runs, .seconds = s->seconds};
}

static row_t row_of(const job_t *job, char dtype[LABEL]) {
    const char *parameter = dtype_name(job->recipe.dtype), *gradient = dtype_name(job->recipe.grad_dtype);
    if (job->recipe.dtype == job->recipe.grad_dtype)
        snprintf(dtype, LABEL, "%s", parameter);
    else
        snprintf(dtype, LABEL, "%s/%s", parameter, gradient);
    return (row_t){.name = job->name,
                   .method = job->label,
                   .dtype = dtype,
                   .elements = job->model->elements,
                   .tensors = job->model->tensors,
                   .threads = job->threads,
                   .runs = job->bench->settings.runs};
}

static void put_time(row_t *row, const samples_t *samples, int contender, int contenders) {
    row->runs = samples->runs;
    row->interrupted = samples->interrupted / (double)(samples->runs * contenders);
    row->ns = measure_time(samples, contender);
}

static void put_ratio(row_t *row, const samples_t *samples, int contender, int reference, const char *against) {
    row->against = against;
    row->ratio = measure_ratio(samples, contender, reference);
    row->reference_ns = measure_time(samples, reference).median;
}

static void remark(const job_t *job, const char *text) {
    report_remark(&job->bench->report, job->name, job->label, text);
}

/* False, with a line that says so, if a step failed. */
static bool went_well(const job_t *job, const subject_t *subject) {
    if (subject->status != OPTIM_OK)
        remark(job, subject->status > 0 ? "asks for more than a gradient" : optim_error());
    return subject->status == OPTIM_OK;
}

/* ---- Handles and traffic ---- */

/* A subject with all parameters; false, with a line that says why, if it is refused. */
static bool make(const job_t *job, const model_t *model, const lent_t *lent, subject_t *subject) {
    if (subject_create(subject, &job->recipe, job->threads) && subject_add(subject, model, &job->recipe, lent))
        return true;
    remark(job, optim_error());
    subject_destroy(subject);
    return false;
}

static bool out_of_memory(bench_t *bench) {
    fputs("out of memory\n", stderr);
    ++bench->failures;
    return false;
}

/* Makes the traffic suit the job, keeping the buffers of the last one if they do. */
static bool set_traffic(const job_t *job, const subject_t *subject) {
    bench_t *bench = job->bench;
    traffic_t *now = &bench->traffic;
    const size_t parameter = dtype_bytes(job->recipe.dtype), gradient = dtype_bytes(job->recipe.grad_dtype);
    const size_t state = subject_state_bytes(subject, job->model);
    if (now->elements == job->model->elements && now->parameter_bytes == parameter && now->gradient_bytes == gradient &&
        (size_t)now->states * now->real + now->rest_bytes == state && now->threads == job->threads)
        return true;
    traffic_close(now);
    return traffic_open(now, job->model->elements, gradient, parameter, state, job->threads) || out_of_memory(bench);
}

/* ---- Cases ---- */

/* Methods that keep several gradients fill one place a step; what a step costs shows when the memory of all is there. */
static void fill_states(subject_t *subject, const traffic_t *traffic) {
    for (int k = 0; k < traffic->states && subject->status == OPTIM_OK; ++k)
        subject_step(subject);
}

/* Whether it is known how the step goes over memory. */
static bool has_walks(const job_t *job, walks_t *walks) {
    const bool good = job->walks != NULL && walks_parse(walks, &job->bench->traffic, job->walks);
    if (job->walks != NULL && !good)
        remark(job, "these are no walks over its gradient, parameters and states");
    return good;
}

static void put_walks(const job_t *job, const subject_t *subject, const walks_t *walks, const samples_t *samples,
                      row_t *row) {
    row->bytes = walks_bytes(walks);
    put_ratio(row, samples, 1, 2, "walks");
    if (subject->status == OPTIM_OK)
        report_row(&job->bench->report, row);
}

/* A step against the traffic, and against its walks. */
static void run_step(const job_t *job) {
    subject_t subject;
    samples_t samples;
    char dtype[LABEL];
    if (!make(job, job->model, job->lent, &subject))
        return;
    if (set_traffic(job, &subject)) {
        traffic_t *traffic = &job->bench->traffic;
        walks_t walks;
        const contender_t contenders[] = {{traffic_run, traffic}, {subject_step, &subject}, {walks_run, &walks}};
        const int contending = has_walks(job, &walks) ? 3 : 2;
        const measure_t how = how_of(job);
        fill_states(&subject, traffic);
        measure_run(&samples, &how, contenders, contending);
        row_t row = row_of(job, dtype);
        row.bytes = traffic_bytes(traffic);
        put_time(&row, &samples, 1, contending);
        put_ratio(&row, &samples, 1, 0, "traffic");
        if (went_well(job, &subject))
            report_row(&job->bench->report, &row);
        if (contending == 3)
            put_walks(job, &subject, &walks, &samples, &row);
    }
    subject_destroy(&subject);
}

/* A step against the traffic and against a step on one tensor of the same size. */
static void time_many(const job_t *job, subject_t *many, subject_t *one) {
    traffic_t *traffic = &job->bench->traffic;
    const contender_t contenders[] = {{traffic_run, traffic}, {subject_step, many}, {subject_step, one}};
    const measure_t how = how_of(job);
    samples_t samples;
    char dtype[LABEL];
    measure_run(&samples, &how, contenders, 3);
    if (!went_well(job, many) || !went_well(job, one))
        return;
    row_t row = row_of(job, dtype);
    row.bytes = traffic_bytes(traffic);
    put_time(&row, &samples, 1, 3);
    put_ratio(&row, &samples, 1, 0, "traffic");
    report_row(&job->bench->report, &row);
    put_ratio(&row, &samples, 1, 2, "one tensor");
    report_row(&job->bench->report, &row);
}

static void run_many(const job_t *job) {
    subject_t many, one;
    model_t whole = {0};
    lent_t lent = {0};
    if (!model_equal(&whole, job->model->elements, 1) || !lent_take(&lent, &whole, &job->recipe, job->threads))
        out_of_memory(job->bench);
    else if (make(job, job->model, job->lent, &many)) {
        if (make(job, &whole, &lent, &one)) {
            if (set_traffic(job, &many))
                time_many(job, &many, &one);
            subject_destroy(&one);
        }
        subject_destroy(&many);
    }
    lent_free(&lent);
    model_free(&whole);
}

/* A step alone: too small for its traffic to mean anything. */
static void run_alone(const job_t *job) {
    subject_t subject;
    samples_t samples;
    char dtype[LABEL];
    if (!make(job, job->model, job->lent, &subject))
        return;
    const contender_t contender = {subject_step, &subject};
    const measure_t how = how_of(job);
    measure_run(&samples, &how, &contender, 1);
    row_t row = row_of(job, dtype);
    put_time(&row, &samples, 0, 1);
    if (went_well(job, &subject))
        report_row(&job->bench->report, &row);
    subject_destroy(&subject);
}

/* From nothing to the end of the first step: making the handle and adding parameters, then the first step; and another
 * step, to tell what of the first one was planning and taking memory. */
enum { ADD, FIRST, ANOTHER, CREATE_PARTS };

static bool time_creation(const job_t *job, double ns[CREATE_PARTS]) {
    const bool one_thread = job->threads == 1;
    subject_t subject;
    double at[CREATE_PARTS + 1];
    at[0] = measure_now(one_thread);
    if (!make(job, job->model, job->lent, &subject))
        return false;
    at[1] = measure_now(one_thread);
    subject_step(&subject);
    at[2] = measure_now(one_thread);
    subject_step(&subject);
    at[3] = measure_now(one_thread);
    for (int part = 0; part < CREATE_PARTS; ++part)
        ns[part] = at[part + 1] - at[part];
    const bool good = went_well(job, &subject);
    subject_destroy(&subject);
    return good;
}

static void run_create(const job_t *job) {
    static const char *const NAME[] = {"create", "create-add", "create-plan"};
    const int runs = job->bench->settings.runs;
    double value[3][MEASURE_RUNS];
    char dtype[LABEL];
    for (int i = 0; i < runs; ++i) {
        double ns[CREATE_PARTS];
        if (!time_creation(job, ns))
            return;
        value[0][i] = ns[ADD] + ns[FIRST];
        value[1][i] = ns[ADD];
        value[2][i] = ns[FIRST] - ns[ANOTHER];
    }
    row_t row = row_of(job, dtype);
    for (int i = 0; i < 3; ++i) {
        row.name = NAME[i];
        row.ns = measure_spread(value[i], runs);
        report_row(&job->bench->report, &row);
    }
}

/* ---- SGD without momentum against one call of BLAS ---- */

typedef struct axpy {
    int n;
    const void *x;
    void *y;
} axpy_t;

static void run_saxpy(void *context) {
    const axpy_t *axpy = context;
    cblas_saxpy(axpy->n, -1e-3f, axpy->x, 1, axpy->y, 1);
}

/* Those of BLAS in this process; the library leaves them alone. */
static void set_blas_threads(int threads) {
    if (openblas_set_num_threads != NULL)
        openblas_set_num_threads(threads);
}

static void run_axpy(const job_t *job) {
    subject_t subject;
    samples_t samples;
    char dtype[LABEL];
    if (!make(job, job->model, job->lent, &subject))
        return;
    axpy_t axpy = {(int)job->model->elements, job->lent->grad, job->lent->data};
    const contender_t contenders[] = {{run_saxpy, &axpy}, {subject_step, &subject}};
    measure_t how = how_of(job);
    how.pause_ns = job->threads > 1 ? 5e7 : 0; /* two runtimes whose threads wait by spinning */
    set_blas_threads(job->threads);
    measure_run(&samples, &how, contenders, 2);
    row_t row = row_of(job, dtype);
    row.bytes = 3 * dtype_bytes(OPTIM_F32);
    put_time(&row, &samples, 1, 2);
    put_ratio(&row, &samples, 1, 0, "saxpy");
    if (went_well(job, &subject))
        report_row(&job->bench->report, &row);
    subject_destroy(&subject);
}

/* ---- The table of cases ---- */

static bool model_huge(model_t *model) {
    return model_equal(model, 50000000, 1);
}
static bool model_power(model_t *model) {
    return model_equal(model, (size_t)1 << 26, 1);
}
static bool model_ten(model_t *model) {
    return model_equal(model, 10000000, 10);
}
static bool model_thousands(model_t *model) {
    return model_small(model, 10000);
}
static bool model_tiny(model_t *model) {
    return model_equal(model, 16, 1);
}
static bool model_cache(model_t *model) {
    return model_equal(model, 16384, 1);
}

#define MANY_METHODS "sgd;sgd:momentum=0.9;adagrad;rmsprop;lion;adam;adamw;adam:amsgrad=1;lamb;dog"

static const bench_case_t CASES[] = {
    {"huge", MANY_METHODS, model_huge, run_step, false},
    {"power", "adagrad;adamw;adam:amsgrad=1", model_power, run_step, false},
    {"ten", "sgd:momentum=0.9;adagrad;lion;adamw", model_ten, run_step, false},
    {"small", "sgd;sgd:momentum=0.9;adagrad;adamw;lamb", model_thousands, run_many, false},
    {"gpt2", "lion;adamw", model_gpt2, run_step, false},
    {"resnet50", "sgd:momentum=0.9;adamw", model_resnet50, run_step, false},
    {"tiny", "sgd;sgd:momentum=0.9;adagrad;lion;adamw", model_tiny, run_alone, true},
    {"cache", MANY_METHODS, model_cache, run_step, false},
    {"create", "sgd;adamw", model_thousands, run_create, false},
    {"axpy", "sgd", model_huge, run_axpy, false},
    {"axpy-l2", "sgd", model_cache, run_axpy, true},
};
enum { CASE_COUNT = sizeof CASES / sizeof *CASES };

/* ---- Which methods, types and threads ---- */

/* `spec`: "name" or "name:options", with "@walks" behind it or not; it is changed. */
static void describe_job(job_t *job, char *spec, char *options, size_t room) {
    const settings_t *s = &job->bench->settings;
    char *at = strchr(spec, '@');
    job->walks = at == NULL ? NULL : at + 1;
    if (at != NULL)
        *at = '\0';
    snprintf(job->label, LABEL, "%s", spec);
    for (int i = 0; i < s->wrappers; ++i) {
        const size_t length = strlen(job->label);
        snprintf(job->label + length, LABEL - length, "+%s", s->wrapper[i]);
    }
    char *colon = strchr(spec, ':');
    const char *own = colon == NULL ? "" : colon + 1, *common = s->options == NULL ? "" : s->options;
    if (colon != NULL)
        *colon = '\0';
    snprintf(options, room, "%s%s%s", own, *own != '\0' && *common != '\0' ? "," : "", common);
    job->recipe.method = spec;
    job->recipe.options = options;
    job->recipe.wrappers = s->wrapper;
    job->recipe.wrapper_options = s->wrapper_options;
    job->recipe.wrapper_count = s->wrappers;
}

/* Runs the case for each of "name:options;name;...". */
static void run_listed(const bench_case_t *which, job_t *job, const char *methods) {
    char *list = strdup(methods), *rest = list;
    for (char *spec; list != NULL && (spec = strtok_r(rest, ";", &rest)) != NULL;) {
        char options[256];
        describe_job(job, spec, options, sizeof options);
        lent_refresh(job->lent, job->model, &job->recipe, job->threads);
        which->run(job);
    }
    free(list);
}

static void run_all(const bench_case_t *which, job_t *job) {
    for (size_t i = 0; i < optim_algorithm_count(); ++i) {
        optim_description about = {.size = sizeof about};
        if (optim_describe(OPTIM_ALGORITHM, optim_algorithm_name(i), &about) == OPTIM_OK &&
            (about.needs & ~(OPTIM_NEEDS_GRADIENT | OPTIM_NEEDS_LOSS)) == 0)
            run_listed(which, job, about.name);
    }
}

static void run_methods(const bench_case_t *which, job_t *job) {
    const char *asked = job->bench->settings.methods;
    if (asked != NULL && strcmp(asked, "all") == 0)
        run_all(which, job);
    else
        run_listed(which, job, asked == NULL ? which->methods : asked);
}

/* All lines of a case for one pair of number formats and one number of threads. */
static void run_lines(const bench_case_t *which, job_t job) {
    lent_t lent = {0};
    job.lent = &lent;
    if (lent_take(&lent, job.model, &job.recipe, job.threads))
        run_methods(which, &job);
    else
        out_of_memory(job.bench);
    lent_free(&lent);
}

static void run_case(bench_t *bench, const bench_case_t *which, const model_t *model) {
    const settings_t *s = &bench->settings;
    for (int i = 0; i < s->dtype_count; ++i)
        for (int j = 0; j < s->thread_counts; ++j) {
            if (which->alone && s->thread_counts > 1 && s->threads[j] > 1)
                continue;
            job_t job = {.bench = bench, .name = which->name, .model = model, .threads = s->threads[j]};
            job.recipe.dtype = s->dtypes[i].parameter;
            job.recipe.grad_dtype = s->dtypes[i].gradient;
            run_lines(which, job);
        }
    traffic_close(&bench->traffic);
}

static void run_named(bench_t *bench, const bench_case_t *which) {
    model_t model = {0};
    if (which->model(&model))
        run_case(bench, which, &model);
    else
        out_of_memory(bench);
    model_free(&model);
}

static void run_custom(bench_t *bench) {
    const bench_case_t custom = {.name = "custom", .methods = MANY_METHODS, .run = run_step};
    model_t model = {0};
    if (model_equal(&model, bench->settings.elements, bench->settings.tensors))
        run_case(bench, &custom, &model);
    else
        out_of_memory(bench);
    model_free(&model);
}

static const bench_case_t *find_case(const char *name) {
    for (int i = 0; i < CASE_COUNT; ++i)
        if (strcmp(CASES[i].name, name) == 0)
            return &CASES[i];
    return NULL;
}

static void run_cases(bench_t *bench) {
    char *list = strdup(bench->settings.cases), *rest = list;
    for (char *name; list != NULL && (name = strtok_r(rest, ",", &rest)) != NULL;) {
        const bench_case_t *which = find_case(name);
        if (which != NULL)
            run_named(bench, which);
        else {
            fprintf(stderr, "--case: there is no \"%s\"; --help lists them\n", name);
            ++bench->failures;
        }
    }
    free(list);
}

int main(int argc, char **argv) {
    static bench_t bench;
    const int status = settings_parse(&bench.settings, HELP, argc, argv);
    if (status != SETTINGS_RUN)
        return status == SETTINGS_DONE ? 0 : 2;
    if (!report_open(&bench.report, bench.settings.csv))
        return 1;
    buffer_use_huge_pages(!bench.settings.small_pages);
    if (bench.settings.elements > 0)
        run_custom(&bench);
    if (bench.settings.cases != NULL)
        run_cases(&bench);
    for (int i = 0; i < CASE_COUNT && bench.settings.cases == NULL && bench.settings.elements == 0; ++i)
        run_named(&bench, &CASES[i]);
    return report_close(&bench.report) && bench.failures == 0 ? 0 : 1;
}
