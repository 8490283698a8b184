#include "golden_file.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "golden_text.h"

/* ---- Growing arrays ---- */

static void *grown(void *array, size_t *capacity, size_t needed, size_t size) {
    if (needed <= *capacity)
        return array;
    *capacity = needed < 16 ? 16 : 2 * needed;
    void *larger = realloc(array, *capacity * size);
    assert_non_null(larger);
    return larger;
}

static double *block_new(golden_file_t *f, size_t count) {
    f->blocks = grown(f->blocks, &f->block_capacity, f->block_count + 1, sizeof *f->blocks);
    return f->blocks[f->block_count++] = check_memory(count, sizeof(double));
}

/* ---- Tensors ---- */

static size_t tensor_count(const golden_file_t *f, int tensor) {
    size_t count = 1;
    for (int k = 0; k < f->layout.tensor[tensor].ndim; ++k)
        count *= (size_t)f->layout.tensor[tensor].dims[k];
    return count;
}

static size_t tensor_flat(const golden_file_t *f, int tensor) {
    size_t flat = 0;
    for (int i = 0; i < tensor; ++i)
        flat += tensor_count(f, i);
    return flat;
}

static int tensor_named(const golden_file_t *f, golden_line_t *line) {
    const char *name = golden_word(line);
    for (int i = 0; i < f->layout.count; ++i)
        if (strcmp(f->layout.tensor[i].name, name) == 0)
            return i;
    golden_bad(line, "no such parameter");
    return -1;
}

static void tensor_values(golden_file_t *f, golden_line_t *line, int tensor, double *values) {
    const size_t count = tensor_count(f, tensor);
    for (size_t i = 0; i < count; ++i)
        values[i] = golden_number(line);
}

/* ---- Directives ---- */

typedef struct place {
    int step; /* of the wants that follow */
} place_t;

typedef void directive_t(golden_file_t *f, golden_line_t *line, place_t *place);

static void read_case(golden_file_t *f, golden_line_t *line, place_t *place) {
    (void)place;
    f->name = golden_word(line);
}
static void read_source(golden_file_t *f, golden_line_t *line, place_t *place) {
    (void)f;
    (void)place;
    line->rest += strlen(line->rest);
}
static void read_algorithm(golden_file_t *f, golden_line_t *line, place_t *place) {
    (void)place;
    f->algorithm = golden_word(line);
}
static void read_options(golden_file_t *f, golden_line_t *line, place_t *place) {
    (void)place;
    f->options = golden_word_or_empty(line);
}
static void read_oracle(golden_file_t *f, golden_line_t *line, place_t *place) {
    (void)place;
    f->oracle = golden_word(line);
}
static void read_tolerance(golden_file_t *f, golden_line_t *line, place_t *place) {
    (void)place;
    f->tolerance = golden_number(line);
}
static void read_steps(golden_file_t *f, golden_line_t *line, place_t *place) {
    (void)place;
    f->steps = (int)golden_whole(line);
}

static void read_wrap(golden_file_t *f, golden_line_t *line, place_t *place) {
    (void)place;
    golden_part_t part;
    part.name = golden_word(line);
    part.options = golden_word_or_empty(line);
    if (strcmp(part.name, "eval_swap") == 0) {
        if (strncmp(part.options, "step=", 5) == 0)
            f->swap_step = (int)strtol(part.options + 5, NULL, 10);
        if (f->swap_step < 1)
            golden_bad(line, "eval_swap wants step=K");
        return;
    }
    if (f->wraps == GOLDEN_PARTS)
        golden_bad(line, "more wrappers than this reader has room for");
    f->wrap[f->wraps++] = part;
}

static void read_schedule(golden_file_t *f, golden_line_t *line, place_t *place) {
    (void)place;
    f->schedule.name = golden_word(line);
    f->schedule.options = golden_word_or_empty(line);
}

static void read_child(golden_file_t *f, golden_line_t *line, place_t *place) {
    (void)place;
    if (f->children == GOLDEN_PARTS)
        golden_bad(line, "more children than this reader has room for");
    f->child[f->children].name = golden_word(line);
    f->child[f->children++].options = golden_word_or_empty(line);
}

static void read_param(golden_file_t *f, golden_line_t *line, place_t *place) {
    (void)place;
    const int i = f->layout.count++;
    if (i == RIG_TENSORS)
        golden_bad(line, "more parameters than this reader has room for");
    f->layout.tensor[i].name = golden_word(line);
    f->layout.tensor[i].ndim = (int)golden_whole(line);
    if (f->layout.tensor[i].ndim > RIG_DIMS)
        golden_bad(line, "more dimensions than this reader has room for");
    for (int k = 0; k < f->layout.tensor[i].ndim; ++k)
        f->layout.tensor[i].dims[k] = golden_whole(line);
    f->elements += tensor_count(f, i);
}

static void read_init(golden_file_t *f, golden_line_t *line, place_t *place) {
    (void)place;
    if (f->initial == NULL)
        f->initial = block_new(f, f->elements);
    const int tensor = tensor_named(f, line);
    tensor_values(f, line, tensor, f->initial + tensor_flat(f, tensor));
}

static void read_eval(golden_file_t *f, golden_line_t *line, place_t *place) {
    (void)place;
    if (golden_whole(line) != (int64_t)++f->replay.count)
        golden_bad(line, "evaluations are not in order");
    golden_keyword(line, "loss");
    f->losses = grown(f->losses, &f->loss_capacity, f->replay.count, sizeof(double));
    f->losses[f->replay.count - 1] = golden_number(line);
    f->gradients = grown(f->gradients, &f->gradient_capacity, f->replay.count * f->elements, sizeof(double));
}

static void read_grad(golden_file_t *f, golden_line_t *line, place_t *place) {
    (void)place;
    if (f->replay.count == 0)
        golden_bad(line, "a gradient before the first evaluation");
    const int tensor = tensor_named(f, line);
    tensor_values(f, line, tensor, f->gradients + (f->replay.count - 1) * f->elements + tensor_flat(f, tensor));
}

static void read_step(golden_file_t *f, golden_line_t *line, place_t *place) {
    (void)f;
    place->step = (int)golden_whole(line);
}

static void read_want(golden_file_t *f, golden_line_t *line, place_t *place) {
    const int tensor = tensor_named(f, line);
    double *values = block_new(f, tensor_count(f, tensor));
    tensor_values(f, line, tensor, values);
    f->want = grown(f->want, &f->want_capacity, f->wants + 1, sizeof *f->want);
    f->want[f->wants++] = (golden_want_t){place->step, tensor, values};
}

static void read_base(golden_file_t *f, golden_line_t *line, place_t *place) {
    (void)place;
    f->base = golden_number(line);
}

static void read_value(golden_values_t *values, golden_line_t *line) {
    values->at = grown(values->at, &values->capacity, values->count + 1, sizeof *values->at);
    values->at[values->count].t = golden_whole(line);
    values->at[values->count++].value = golden_number(line);
}
static void read_rate(golden_file_t *f, golden_line_t *line, place_t *place) {
    (void)place;
    read_value(&f->rate, line);
}
static void read_momentum(golden_file_t *f, golden_line_t *line, place_t *place) {
    (void)place;
    read_value(&f->momentum, line);
}

static void read_metric(golden_file_t *f, golden_line_t *line, place_t *place) {
    (void)place;
    read_value(&f->metric, line);
}

/* The numbers as an option wants them, separated by ';'. */
static void read_table(golden_file_t *f, golden_line_t *line, place_t *place) {
    (void)place;
    const int64_t count = golden_whole(line);
    f->table = line->rest;
    for (int64_t i = 0; i < count; ++i) {
        (void)golden_word(line);
        if (i + 1 < count)
            line->rest[-1] = ';';
    }
}

static void read_foreign(golden_file_t *f, const char *name, golden_line_t *line) {
    if (f->foreign == NULL)
        f->foreign = name;
    line->rest += strlen(line->rest);
}

static void read_line(golden_file_t *f, golden_line_t *line, place_t *place) {
    static const struct {
        const char *name;
        directive_t *read;
    } DIRECTIVES[] = {
        {"case", read_case},         {"source", read_source},  {"algorithm", read_algorithm}, {"options", read_options},
        {"oracle", read_oracle},     {"rtol", read_tolerance}, {"steps", read_steps},         {"wrap", read_wrap},
        {"schedule", read_schedule}, {"child", read_child},    {"param", read_param},         {"init", read_init},
        {"eval", read_eval},         {"grad", read_grad},      {"step", read_step},           {"want", read_want},
        {"base_lr", read_base},      {"lr", read_rate},        {"momentum", read_momentum},   {"metric", read_metric},
        {"table", read_table},
    };
    const char *name = golden_word(line);
    for (size_t i = 0; i < sizeof DIRECTIVES / sizeof *DIRECTIVES; ++i)
        if (strcmp(DIRECTIVES[i].name, name) == 0) {
            DIRECTIVES[i].read(f, line, place);
            golden_line_end(line);
            return;
        }
    read_foreign(f, name, line);
}

static void read_format(golden_file_t *f, golden_line_t *line) {
    golden_keyword(line, "format");
    const char *format = golden_word(line);
    f->is_schedule = strcmp(format, "gradopt-schedule") == 0;
    if (!f->is_schedule && strcmp(format, "gradopt-golden") != 0)
        golden_bad(line, "not a format of this reader");
    golden_keyword(line, "1");
}

/* Cuts the text into lines up to "end". */
static void read_lines(golden_file_t *f, golden_line_t *line) {
    place_t place = {0};
    char *at = f->text;
    for (;;) {
        char *end = strchr(at, '\n');
        if (end == NULL)
            golden_bad(line, "the file has no line \"end\"");
        *end = '\0';
        ++line->number;
        line->rest = at;
        if (strcmp(at, "end") == 0)
            return;
        if (line->number == 1)
            read_format(f, line);
        else
            read_line(f, line, &place);
        at = end + 1;
    }
}

golden_file_t *golden_read(const char *path) {
    golden_file_t *f = check_memory(1, sizeof *f);
    f->options = "";
    f->text = golden_text(path);
    golden_line_t line = {path, 0, NULL};
    read_lines(f, &line);
    f->replay.loss = f->losses;
    f->replay.gradient = f->gradients;
    if (f->name == NULL || !(f->tolerance > 0) || (f->is_schedule ? f->schedule.name == NULL : f->algorithm == NULL))
        golden_bad(&line, "case, rtol, or what is to be run is missing");
    if (f->is_schedule ? f->rate.count == 0 : f->wants == 0 || f->initial == NULL)
        golden_bad(&line, "nothing to compare with");
    return f;
}

void golden_free(golden_file_t *f) {
    for (size_t i = 0; i < f->block_count; ++i)
        free(f->blocks[i]);
    free(f->blocks);
    free(f->want);
    free(f->rate.at);
    free(f->momentum.at);
    free(f->metric.at);
    free(f->losses);
    free(f->gradients);
    free(f->text);
    free(f);
}
