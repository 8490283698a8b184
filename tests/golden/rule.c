/* "gradopt-rule 1": the jobs that a rule hands out, and the best configuration. The library has no rules yet. */
#include <string.h>

#include "formats.h"
#include "verdict.h"

typedef struct rule_file {
    const char *name;
    int64_t jobs, done;
} rule_file_t;

static void read_text(void *file, golden_line_t *line) {
    (void)file;
    golden_line_skip(line);
}

static void read_rule(void *file, golden_line_t *line) {
    ((rule_file_t *)file)->name = golden_word(line);
    (void)golden_word_or_empty(line);
}

static void read_loss(void *file, golden_line_t *line) {
    (void)file;
    golden_keyword(line, "bowl");
}

static void read_workers(void *file, golden_line_t *line) {
    (void)file;
    if (golden_size(line) == 0)
        golden_bad(line, "no workers");
}

/* job N CONFIG BRACKET RUNG RESOURCE RESUME */
static void read_job(void *file, golden_line_t *line) {
    rule_file_t *f = file;
    if (golden_whole(line) != ++f->jobs)
        golden_bad(line, "jobs are not in order");
    for (int i = 0; i < 3; ++i)
        (void)golden_size(line);
    const double resource = golden_number(line), spent = golden_number(line);
    if (!(resource > spent))
        golden_bad(line, "the resource is spent already");
}

static void read_done(void *file, golden_line_t *line) {
    ((rule_file_t *)file)->done = golden_whole(line);
}

static void read_best(void *file, golden_line_t *line) {
    (void)file;
    (void)golden_size(line);
    (void)golden_number(line);
}

static const golden_directive_t LINES[] = {
    {"case", read_text}, {"source", read_text}, {"rule", read_rule}, {"loss", read_loss}, {"workers", read_workers},
    {"job", read_job},   {"done", read_done},   {"best", read_best}, {NULL, NULL},
};

void check_rule(golden_line_t *line) {
    rule_file_t f = {0};
    golden_read_lines(line, LINES, &f);
    if (f.name == NULL || f.jobs == 0 || f.done != f.jobs)
        golden_bad(line, "rule, jobs or their number is missing");
    leave_file("no rule \"%s\" here", f.name);
}
