/* "gradopt-sgc 1": the tasks of coded gradients round by round, and from whom each job is decoded. The library has no
 * coding yet. */
#include <string.h>

#include "formats.h"
#include "verdict.h"

typedef struct coding_file {
    const char *method;
    size_t rounds, round; /* how many, and how many were read */
} coding_file_t;

static void read_text(void *file, golden_line_t *line) {
    (void)file;
    golden_line_skip(line);
}

static void read_method(void *file, golden_line_t *line) {
    ((coding_file_t *)file)->method = golden_word(line);
}

static void read_load(void *file, golden_line_t *line) {
    (void)file;
    if (!(golden_number(line) > 0))
        golden_bad(line, "not a share of the data");
}

static void read_rounds(void *file, golden_line_t *line) {
    ((coding_file_t *)file)->rounds = golden_size(line);
}

static void read_round(void *file, golden_line_t *line) {
    coding_file_t *f = file;
    if (golden_size(line) != f->round++)
        golden_bad(line, "rounds are not in order");
}

/* late i i .. or late - */
static void read_late(void *file, golden_line_t *line) {
    (void)file;
    const char *word = golden_word(line);
    while (word != NULL) {
        if (strspn(word, "0123456789") != strlen(word) && strcmp(word, "-") != 0)
            golden_bad(line, "not a worker");
        word = golden_word_next(line);
    }
}

static void read_times(void *file, golden_line_t *line) {
    (void)file;
    while (*line->rest != '\0')
        if (!(golden_number(line) > 0))
            golden_bad(line, "not a time");
}

/* A worker and its tasks: JOB, JOB.1.SLOT, JOB.2.GROUP, or - for none. */
static void read_task(void *file, golden_line_t *line) {
    (void)file;
    (void)golden_size(line);
    const char *task = golden_word(line);
    while (task != NULL) {
        if (strspn(task, "0123456789.") != strlen(task) && strcmp(task, "-") != 0)
            golden_bad(line, "not a task");
        task = golden_word_next(line);
    }
}

static void read_wait(void *file, golden_line_t *line) {
    (void)file;
    if (golden_size(line) > 1)
        golden_bad(line, "not 0 or 1");
}

/* decode JOB from i i .. | i i .. */
static void read_decode(void *file, golden_line_t *line) {
    (void)file;
    (void)golden_size(line);
    golden_keyword(line, "from");
    golden_line_skip(line);
}

static const golden_directive_t LINES[] = {
    {"case", read_text},   {"source", read_text},   {"method", read_method}, {"options", read_text},
    {"load", read_load},   {"rounds", read_rounds}, {"round", read_round},   {"late", read_late},
    {"times", read_times}, {"task", read_task},     {"wait", read_wait},     {"decode", read_decode},
    {NULL, NULL},
};

void check_stragglers(golden_line_t *line) {
    coding_file_t f = {0};
    golden_read_lines(line, LINES, &f);
    if (f.method == NULL || f.rounds == 0 || f.round != f.rounds)
        golden_bad(line, "method or rounds are missing");
    leave_file("no method \"%s\" here", f.method);
}
