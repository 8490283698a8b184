/* "gradopt-rule 1": the jobs that a rule hands out to so many workers, and the best configuration. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "formats.h"
#include "optim/advice.h"
#include "verdict.h"

enum { WORKERS = 1024, JOBS = 1 << 16 };

typedef struct rule_file {
    const char *name, *options;
    size_t workers;
    int64_t jobs, done;
    optim_job job[JOBS];
    int64_t best;
    double loss;
} rule_file_t;

static void read_text(void *file, golden_line_t *line) {
    (void)file;
    golden_line_skip(line);
}

static void read_rule(void *file, golden_line_t *line) {
    rule_file_t *f = file;
    f->name = golden_word(line);
    f->options = golden_word_or_empty(line);
}

static void read_loss(void *file, golden_line_t *line) {
    (void)file;
    golden_keyword(line, "bowl");
}

static void read_workers(void *file, golden_line_t *line) {
    rule_file_t *f = file;
    f->workers = golden_size(line);
    if (f->workers == 0 || f->workers > WORKERS)
        golden_bad(line, "no workers, or too many");
}

/* job N CONFIG BRACKET RUNG RESOURCE RESUME */
static void read_job(void *file, golden_line_t *line) {
    rule_file_t *f = file;
    if (f->jobs == JOBS || golden_whole(line) != f->jobs + 1)
        golden_bad(line, "jobs are not in order, or too many");
    optim_job *job = &f->job[f->jobs++];
    job->config = (int64_t)golden_size(line);
    job->bracket = (int)golden_size(line);
    job->rung = (int)golden_size(line);
    job->resource = golden_number(line);
    job->resume = golden_number(line);
    if (!(job->resource > job->resume))
        golden_bad(line, "the resource is spent already");
}

static void read_done(void *file, golden_line_t *line) {
    ((rule_file_t *)file)->done = golden_whole(line);
}

static void read_best(void *file, golden_line_t *line) {
    rule_file_t *f = file;
    f->best = (int64_t)golden_size(line);
    f->loss = golden_number(line);
}

static const golden_directive_t LINES[] = {
    {"case", read_text}, {"source", read_text}, {"rule", read_rule}, {"loss", read_loss}, {"workers", read_workers},
    {"job", read_job},   {"done", read_done},   {"best", read_best}, {NULL, NULL},
};

static double bowl(const optim_job *job) {
    const double c = (double)job->config;
    return 0.5 + 0.4 * sin(1 + 1.3 * c) + (0.3 + 0.25 * cos(2.1 * c)) / sqrt(job->resource);
}

static void compare(const rule_file_t *f, int64_t i, const optim_job *got) {
    const optim_job *want = &f->job[i];
    if (i == f->jobs)
        fail_file("hands out more than %lld jobs", (long long)f->jobs);
    if (got->config != want->config || got->bracket != want->bracket || got->rung != want->rung ||
        fabs(got->resource - want->resource) > 1e-10 * want->resource ||
        fabs(got->resume - want->resume) > 1e-10 * fmax(1, want->resume))
        fail_file("job %lld is %lld %d %d %g %g, not %lld %d %d %g %g", (long long)i + 1, (long long)got->config,
                  got->bracket, got->rung, got->resource, got->resume, (long long)want->config, want->bracket,
                  want->rung, want->resource, want->resume);
}

/* Asks until all workers are busy or there is no job, then tells all losses in the order of the jobs. */
static void run(const rule_file_t *f, optim_hyperband_t *rule) {
    optim_job out[WORKERS];
    int64_t issued = 0, best = -1;
    double lowest = (double)INFINITY;
    for (size_t busy = 1; busy > 0;) {
        for (busy = 0; busy < f->workers; ++busy) {
            out[busy].size = sizeof *out;
            expect_ok(optim_hyperband_next(rule, &out[busy]), "optim_hyperband_next");
            if (out[busy].kind != OPTIM_JOB_RUN)
                break;
            compare(f, issued++, &out[busy]);
        }
        for (size_t i = 0; i < busy; ++i) {
            const double loss = bowl(&out[i]);
            if (loss < lowest || (loss == lowest && out[i].config < best)) {
                lowest = loss;
                best = out[i].config;
            }
            expect_ok(optim_hyperband_tell(rule, out[i].config, loss), "optim_hyperband_tell");
        }
    }
    if (issued != f->jobs)
        fail_file("hands out %lld jobs, not %lld", (long long)issued, (long long)f->jobs);
    if (best != f->best || fabs(lowest - f->loss) > 1e-10)
        fail_file("the best is %lld with %.17g, not %lld with %.17g", (long long)best, lowest, (long long)f->best,
                  f->loss);
}

void check_rule(golden_line_t *line) {
    rule_file_t *f = file_memory(1, sizeof *f);
    golden_read_lines(line, LINES, f);
    if (f->name == NULL || f->workers == 0 || f->jobs == 0 || f->done != f->jobs)
        golden_bad(line, "rule, workers, jobs or their number is missing");
    if (strcmp(f->name, "hyperband") != 0)
        leave_file("no rule \"%s\" here", f->name);
    optim_hyperband_t *rule;
    expect_ok(optim_hyperband_create(&rule, f->options), "optim_hyperband_create");
    run(f, rule);
    optim_hyperband_destroy(rule);
}
