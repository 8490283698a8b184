/* "gradopt-maps 1": one input, and what each map makes of it, in f64 and f32. */
#include <math.h>
#include <string.h>

#include "element.h"
#include "formats.h"
#include "optim/optim.h"
#include "verdict.h"

typedef struct map_case {
    const char *name, *text; /* "NAME(options)" without the step */
    double step;
    const double *want;
    int line;
} map_case_t;

typedef struct map_file {
    double tolerance;
    size_t d, cases;
    double *input;
    map_case_t *at;
} map_file_t;

/* ---- Reading ---- */

static void read_text(void *file, golden_line_t *line) {
    (void)file;
    golden_line_skip(line);
}

static void read_tolerance(void *file, golden_line_t *line) {
    ((map_file_t *)file)->tolerance = golden_number(line);
}

static void read_input(void *file, golden_line_t *line) {
    map_file_t *f = file;
    f->d = golden_size(line);
    f->input = file_memory(f->d, sizeof *f->input);
    golden_numbers(line, f->d, f->input);
}

/* The options but `step`. */
static const char *without_step(const char *options) {
    const char *rest = "";
    while (*options != '\0') {
        const size_t length = strcspn(options, ",");
        if (strncmp(options, "step=", 5) != 0)
            rest = file_text("%s%s%.*s", rest, *rest == '\0' ? "" : ",", (int)length, options);
        options += length + (options[length] == ',');
    }
    return rest;
}

static void read_map(void *file, golden_line_t *line) {
    map_file_t *f = file;
    f->at = golden_room(f->at, f->cases, sizeof *f->at);
    map_case_t *c = &f->at[f->cases++];
    c->name = golden_word(line);
    const char *options = golden_word_or_empty(line), *rest = without_step(options);
    c->line = line->number;
    c->text = *rest == '\0' ? c->name : file_text("%s(%s)", c->name, rest);
    c->step = 1;
    (void)golden_option(options, "step", &c->step);
}

static void read_out(void *file, golden_line_t *line) {
    map_file_t *f = file;
    if (f->cases == 0 || f->at[f->cases - 1].want != NULL || f->d == 0)
        golden_bad(line, "out belongs behind a map, and that behind the input");
    double *want = file_memory(f->d, sizeof *want);
    golden_numbers(line, f->d, want);
    f->at[f->cases - 1].want = want;
}

static const golden_directive_t LINES[] = {
    {"case", read_text}, {"source", read_text}, {"rtol", read_tolerance}, {"input", read_input}, {"map", read_map},
    {"out", read_out},   {NULL, NULL},
};

/* ---- Calling ---- */

static void check_map(const map_file_t *f, const map_case_t *c, optim_dtype dtype) {
    const double tolerance = dtype == OPTIM_F64 ? f->tolerance : fmax(2e-4, f->tolerance);
    void *data = file_memory(f->d, element_size(dtype));
    element_write_all(dtype, data, f->d, f->input);
    expect_ok(optim_map_apply(c->text, c->step, dtype, 1, (int64_t[]){(int64_t)f->d}, data),
              file_text("line %d: optim_map_apply of %s", c->line, c->text));
    for (size_t i = 0; i < f->d; ++i) {
        const double got = element_read(dtype, data, i), want = c->want[i];
        const double ratio = fabs(got - want) / (tolerance * fmax(1, fabs(want)));
        if (!(ratio <= 1))
            fail_file("line %d, %s, %s: element %zu is %.17g, not %.17g: %g off, %g times the tolerance %g", c->line,
                      element_name(dtype), c->text, i, got, want, fabs(got - want), ratio, tolerance);
    }
}

static bool is_known(const char *name) {
    for (size_t i = 0; i < optim_map_count(); ++i)
        if (strcmp(optim_map_name(i), name) == 0)
            return true;
    return false;
}

void check_maps(golden_line_t *line) {
    map_file_t f = {0};
    const char *unknown = "";
    golden_read_lines(line, LINES, &f);
    if (!(f.tolerance > 0) || f.cases == 0 || f.at[f.cases - 1].want == NULL)
        golden_bad(line, "rtol, a map or what it is to return is missing");
    for (size_t i = 0; i < f.cases; ++i)
        if (!is_known(f.at[i].name)) {
            if (strstr(unknown, f.at[i].name) == NULL)
                unknown = file_text("%s%s%s", unknown, *unknown == '\0' ? "" : ", ", f.at[i].name);
        } else {
            check_map(&f, &f.at[i], OPTIM_F64);
            check_map(&f, &f.at[i], OPTIM_F32);
        }
    if (*unknown != '\0')
        leave_file("no map %s here; the others are right", unknown);
}
