/* "gradopt-sgc 1": the tasks of coded gradients round by round, and from whom each job is decoded. */
#include <math.h>
#include <string.h>

#include "formats.h"
#include "optim/federated.h"
#include "verdict.h"

enum { WORKERS = 1024, SLOTS = 256 };

/* Everything is compared as it is read: rounds are in order. */
typedef struct coding_file {
    const char *method, *options;
    double load;
    optim_coding_t *coding; /* made with the line "rounds" */
    size_t rounds, round;   /* how many, and how many were read */
    double n;
    int64_t late[WORKERS];
    size_t late_count;
    double time[WORKERS];
    bool has_times;
    size_t decoded; /* of this round, compared so far */
} coding_file_t;

static void read_text(void *file, golden_line_t *line) {
    (void)file;
    golden_line_skip(line);
}

static void read_method(void *file, golden_line_t *line) {
    ((coding_file_t *)file)->method = golden_word(line);
}

static void read_options(void *file, golden_line_t *line) {
    ((coding_file_t *)file)->options = golden_word_or_empty(line);
}

static void read_load(void *file, golden_line_t *line) {
    ((coding_file_t *)file)->load = golden_number(line);
}

static double number(const coding_file_t *f, const char *name) {
    double value;
    expect_ok(optim_coding_get(f->coding, name, &value), "optim_coding_get");
    return value;
}

static void read_rounds(void *file, golden_line_t *line) {
    coding_file_t *f = file;
    optim_description rule = {.size = sizeof rule};
    f->rounds = golden_size(line);
    if (f->method == NULL || f->options == NULL)
        golden_bad(line, "method and options come first");
    if (optim_describe(OPTIM_RULE, f->method, &rule) != OPTIM_OK)
        leave_file("no method \"%s\" here", f->method);
    expect_ok(optim_coding_create(&f->coding, f->method, f->options), "optim_coding_create");
    f->n = number(f, "n");
    if (number(f, "rounds") != (double)f->rounds || !(fabs(number(f, "load") - f->load) <= 1e-12 * f->load))
        fail_file("%g rounds with load %.17g, not %zu with %.17g", number(f, "rounds"), number(f, "load"), f->rounds,
                  f->load);
}

/* Every job of the last round must have been compared. */
static void expect_all_decoded(const coding_file_t *f) {
    if (f->round > 0 && number(f, "decoded") != (double)f->decoded)
        fail_file("round %zu decodes %g jobs, not %zu", f->round - 1, number(f, "decoded"), f->decoded);
}

static void read_round(void *file, golden_line_t *line) {
    coding_file_t *f = file;
    if (f->coding == NULL || golden_size(line) != f->round)
        golden_bad(line, "rounds are missing or not in order");
    expect_all_decoded(f);
    ++f->round;
    f->decoded = f->late_count = 0;
    f->has_times = false;
}

/* late i i .. or late - */
static void read_late(void *file, golden_line_t *line) {
    coding_file_t *f = file;
    if (strcmp(line->rest, "-") == 0) {
        (void)golden_word(line);
        return;
    }
    while (*line->rest != '\0') {
        if (f->late_count == WORKERS)
            golden_bad(line, "too many workers");
        f->late[f->late_count++] = (int64_t)golden_size(line);
    }
}

static void read_times(void *file, golden_line_t *line) {
    coding_file_t *f = file;
    for (size_t i = 0; *line->rest != '\0'; ++i) {
        if (i == WORKERS)
            golden_bad(line, "too many workers");
        f->time[i] = golden_number(line);
    }
    f->has_times = true;
}

static const char *task_text(const coding_file_t *f, int64_t job, int64_t part, int64_t index) {
    if (job < 0)
        return "-";
    return strstr(f->options, "scheme=m") == NULL
               ? file_text("%lld", (long long)job)
               : file_text("%lld.%lld.%lld", (long long)job, (long long)part, (long long)index);
}

/* A worker and its tasks: JOB, JOB.1.SLOT, JOB.2.GROUP, or - for none. */
static void read_task(void *file, golden_line_t *line) {
    coding_file_t *f = file;
    int64_t job[SLOTS], part[SLOTS], index[SLOTS];
    size_t count;
    const int64_t worker = (int64_t)golden_size(line);
    expect_ok(optim_coding_tasks(f->coding, worker, job, part, index, SLOTS, &count), "optim_coding_tasks");
    for (size_t k = 0; k < count; ++k) {
        const char *want = golden_word(line), *got = task_text(f, job[k], part[k], index[k]);
        if (strcmp(want, got) != 0)
            fail_file("round %zu: slot %zu of worker %lld is %s, not %s", f->round - 1, k, (long long)worker, got,
                      want);
    }
}

/* Another one goes on from what this one has saved. */
static void interrupt(coding_file_t *f) {
    size_t size;
    optim_coding_t *before = f->coding;
    expect_ok(optim_coding_serialize(before, NULL, 0, &size), "optim_coding_serialize");
    char *bytes = file_memory(size, 1);
    expect_ok(optim_coding_serialize(before, bytes, size, &size), "optim_coding_serialize");
    expect_ok(optim_coding_create(&f->coding, f->method, f->options), "optim_coding_create");
    expect_ok(optim_coding_deserialize(f->coding, bytes, size), "optim_coding_deserialize");
    optim_coding_destroy(before);
}

static void read_wait(void *file, golden_line_t *line) {
    coding_file_t *f = file;
    int wait;
    const int want = (int)golden_size(line);
    if (f->has_times)
        expect_ok(optim_coding_times(f->coding, f->time, (size_t)f->n, &wait), "optim_coding_times");
    else
        expect_ok(optim_coding_late(f->coding, f->late, f->late_count, &wait), "optim_coding_late");
    if (wait != want)
        fail_file("round %zu: wait is %d, not %d", f->round - 1, wait, want);
    interrupt(f);
}

/* decode JOB from i i .. | i i ..: who has delivered, group by group, the first of whom are used; - where nothing is
 * coded */
static void read_decode(void *file, golden_line_t *line) {
    coding_file_t *f = file;
    int64_t job, from[WORKERS];
    size_t count, used = 0, of_group = 0;
    const size_t each = (size_t)(f->n - number(f, "tolerated"));
    const int64_t want = golden_whole(line);
    golden_keyword(line, "from");
    expect_ok(optim_coding_decoded(f->coding, f->decoded++, &job, from, WORKERS, &count), "optim_coding_decoded");
    if (job != want)
        fail_file("round %zu decodes job %lld, not %lld", f->round - 1, (long long)job, (long long)want);
    for (const char *word; (word = golden_word_next(line)) != NULL;) {
        if (strcmp(word, "|") == 0 || strcmp(word, "-") == 0)
            of_group = 0;
        else if (of_group++ < each && (used == count || strcmp(word, file_text("%lld", (long long)from[used++])) != 0))
            fail_file("job %lld is decoded from others", (long long)job);
    }
    if (used != count)
        fail_file("job %lld is decoded from %zu sums, not %zu", (long long)job, count, used);
}

static const golden_directive_t LINES[] = {
    {"case", read_text},   {"source", read_text},   {"method", read_method}, {"options", read_options},
    {"load", read_load},   {"rounds", read_rounds}, {"round", read_round},   {"late", read_late},
    {"times", read_times}, {"task", read_task},     {"wait", read_wait},     {"decode", read_decode},
    {NULL, NULL},
};

void check_stragglers(golden_line_t *line) {
    coding_file_t *f = file_memory(1, sizeof *f);
    golden_read_lines(line, LINES, f);
    if (f->coding == NULL || f->round != f->rounds)
        golden_bad(line, "method or rounds are missing");
    expect_all_decoded(f);
    optim_coding_destroy(f->coding);
}
