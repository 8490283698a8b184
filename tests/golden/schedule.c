/*
 * "gradopt-schedule 1": the values of a schedule at the clocks 0, 1, 2, ... They are read before each step of an sgd
 * with one parameter and a gradient of zero.
 */
#include <math.h>
#include <string.h>

#include "element.h"
#include "formats.h"
#include "golden_text.h"
#include "verdict.h"

enum { CHILDREN = 8 };

typedef struct point {
    int64_t t;
    double value;
} point_t;

typedef struct curve {
    size_t count;
    point_t *at;
} curve_t;

typedef struct schedule_file {
    const char *name, *options;
    int children;
    const char *child[CHILDREN], *child_options[CHILDREN];
    double base, tolerance;
    curve_t rate, momentum, metric;
    const char *table; /* numbers separated by ';', or NULL */
} schedule_file_t;

/* ---- Reading ---- */

static void read_text(void *file, golden_line_t *line) {
    (void)file;
    golden_line_skip(line);
}

static void read_schedule(void *file, golden_line_t *line) {
    schedule_file_t *f = file;
    f->name = golden_word(line);
    f->options = golden_word_or_empty(line);
}

static void read_child(void *file, golden_line_t *line) {
    schedule_file_t *f = file;
    if (f->children == CHILDREN)
        golden_bad(line, "more children than this reader has room for");
    f->child[f->children] = golden_word(line);
    f->child_options[f->children++] = golden_word_or_empty(line);
}

static void read_base(void *file, golden_line_t *line) {
    ((schedule_file_t *)file)->base = golden_number(line);
}

static void read_tolerance(void *file, golden_line_t *line) {
    ((schedule_file_t *)file)->tolerance = golden_number(line);
}

static void read_point(curve_t *curve, golden_line_t *line) {
    curve->at = golden_room(curve->at, curve->count, sizeof *curve->at);
    curve->at[curve->count].t = (int64_t)golden_size(line);
    curve->at[curve->count++].value = golden_number(line);
}

static void read_rate(void *file, golden_line_t *line) {
    read_point(&((schedule_file_t *)file)->rate, line);
}

static void read_momentum(void *file, golden_line_t *line) {
    read_point(&((schedule_file_t *)file)->momentum, line);
}

static void read_metric(void *file, golden_line_t *line) {
    read_point(&((schedule_file_t *)file)->metric, line);
}

/* The numbers as an option wants them, separated by ';'. */
static void read_table(void *file, golden_line_t *line) {
    const size_t count = golden_size(line);
    char *table = file_text("%s", "");
    for (size_t i = 0; i < count; ++i)
        table = file_text("%s%s%s", table, i > 0 ? ";" : "", golden_word(line));
    ((schedule_file_t *)file)->table = table;
}

static const golden_directive_t LINES[] = {
    {"case", read_text},
    {"source", read_text},
    {"schedule", read_schedule},
    {"child", read_child},
    {"base_lr", read_base},
    {"rtol", read_tolerance},
    {"lr", read_rate},
    {"momentum", read_momentum},
    {"metric", read_metric},
    {"table", read_table},
    {NULL, NULL},
};

/* ---- Running ---- */

/* The options of the file, with `child` lines as children=NAME(options);NAME(options), and `table` as norms=. */
static const char *all_options(const schedule_file_t *f) {
    const char *options = f->options;
    if (f->table != NULL)
        options = file_text("%s,norms=%s", options, f->table);
    for (int i = 0; i < f->children; ++i) {
        const char *join = i > 0 ? ";" : *options == '\0' ? "children=" : ",children=";
        const bool plain = *f->child_options[i] == '\0';
        options = file_text("%s%s%s%s%s%s", options, join, f->child[i], plain ? "" : "(", f->child_options[i],
                            plain ? "" : ")");
    }
    return options;
}

static void require_schedule(const char *name) {
    optim_description description = {.size = sizeof description};
    if (optim_describe(OPTIM_SCHEDULE, name, &description) != OPTIM_OK)
        leave_file("no schedule \"%s\" here", name);
}

static int64_t last_clock(const curve_t *curve) {
    int64_t last = -1;
    for (size_t i = 0; i < curve->count; ++i)
        last = curve->at[i].t > last ? curve->at[i].t : last;
    return last;
}

static void compare(const schedule_file_t *f, const optim_t *opt, const char *key, const curve_t *curve, int64_t t) {
    double got;
    expect_ok(optim_get(opt, 0, key, &got), "optim_get");
    for (size_t i = 0; i < curve->count; ++i) {
        const double want = curve->at[i].value, ratio = fabs(got - want) / (f->tolerance * fmax(1, fabs(want)));
        if (curve->at[i].t == t && !(ratio <= 1))
            fail_file("%s before step %lld is %.17g, not %.17g: %g off, %g ulp, %g times the tolerance %g", key,
                      (long long)t + 1, got, want, fabs(got - want), element_ulps(OPTIM_F64, got, want), ratio,
                      f->tolerance);
    }
}

static void report(const schedule_file_t *f, optim_t *opt, int64_t t) {
    for (size_t i = 0; i < f->metric.count; ++i)
        if (f->metric.at[i].t == t)
            expect_ok(optim_report(opt, f->metric.at[i].value), "optim_report");
}

static void run_schedule(const schedule_file_t *f, optim_t *opt, const double *parameter) {
    const int64_t rates = last_clock(&f->rate), momenta = last_clock(&f->momentum);
    for (int64_t t = 0; t <= rates || t <= momenta; ++t) {
        compare(f, opt, "lr", &f->rate, t);
        if (f->momentum.count > 0)
            compare(f, opt, "momentum", &f->momentum, t);
        expect_ok(optim_step(opt), "optim_step");
        report(f, opt, t);
    }
    if (*parameter != 1)
        fail_file("a gradient of zero moved the parameter to %.17g", *parameter);
}

void check_schedule(golden_line_t *line) {
    schedule_file_t f = {.options = ""};
    double *parameter = file_memory(2, sizeof *parameter); /* and its gradient */
    optim_t *opt;
    golden_read_lines(line, LINES, &f);
    if (f.name == NULL || !(f.tolerance > 0) || f.rate.count == 0)
        golden_bad(line, "schedule, rtol or what is wanted is missing");
    require_schedule(f.name);
    for (int i = 0; i < f.children; ++i)
        require_schedule(f.child[i]);
    *parameter = 1;
    expect_ok(optim_create(&opt, "sgd", file_text("lr=%.17g%s", f.base, f.momentum.count > 0 ? ",momentum=0.5" : "")),
              "optim_create");
    file_owns(opt);
    expect_ok(optim_add_param(opt, 0, "p", OPTIM_F64, 1, (int64_t[]){1}, parameter, parameter + 1), "optim_add_param");
    expect_ok(optim_set_schedule(opt, 0, "lr", f.name, all_options(&f)), "optim_set_schedule");
    run_schedule(&f, opt, parameter);
}
