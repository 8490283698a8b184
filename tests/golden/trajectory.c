#include "trajectory.h"

#include <stdlib.h>
#include <string.h>

#include "verdict.h"

/* The file and where its reading has come to. */
typedef struct reading {
    trajectory_t *f;
    int step; /* of the wants that follow */
} reading_t;

static trajectory_t *file_of(void *reading) {
    return ((reading_t *)reading)->f;
}

size_t trajectory_elements(const trajectory_t *f) {
    size_t elements = 0;
    for (int i = 0; i < f->params; ++i)
        elements += f->param[i].count;
    return elements;
}

/* ---- What is run ---- */

static void read_case(void *reading, golden_line_t *line) {
    file_of(reading)->name = golden_word(line);
}

static void read_source(void *reading, golden_line_t *line) {
    (void)reading;
    golden_line_skip(line);
}

static void read_method(void *reading, golden_line_t *line) {
    file_of(reading)->method = golden_word(line);
}

static void read_options(void *reading, golden_line_t *line) {
    file_of(reading)->options = golden_word_or_empty(line);
}

static void read_problem(void *reading, golden_line_t *line) {
    file_of(reading)->problem = golden_word(line);
    file_of(reading)->problem_options = golden_word_or_empty(line);
}

static void read_seed(void *reading, golden_line_t *line) {
    trajectory_t *f = file_of(reading);
    double given;
    golden_keyword(line, "splitmix64");
    const int64_t seed = golden_whole(line);
    if (golden_option(f->options, "seed", &given))
        golden_bad(line, "the options have a seed already");
    f->options = file_text("%s%sseed=%lld", f->options, *f->options == '\0' ? "" : ",", (long long)seed);
}

static void read_tolerance(void *reading, golden_line_t *line) {
    file_of(reading)->tolerance = golden_number(line);
}

static void read_steps(void *reading, golden_line_t *line) {
    file_of(reading)->steps = (int)golden_size(line);
}

static void read_swap(trajectory_t *f, golden_line_t *line) {
    double step = 0;
    (void)golden_option(golden_word(line), "step", &step);
    if (!(step >= 1 && step <= 1e6))
        golden_bad(line, "eval_swap wants step=K");
    f->swap_step = (int)step;
}

static void read_wrap(void *reading, golden_line_t *line) {
    trajectory_t *f = file_of(reading);
    const char *name = golden_word(line);
    if (strcmp(name, "eval_swap") == 0) {
        read_swap(f, line);
        return;
    }
    if (f->wraps == PARTS)
        golden_bad(line, "more wrappers than this reader has room for");
    f->wrap[f->wraps].name = name;
    f->wrap[f->wraps++].options = golden_word_or_empty(line);
}

static void read_schedule(void *reading, golden_line_t *line) {
    part_t *schedule = &file_of(reading)->schedule;
    schedule->name = golden_word(line);
    schedule->options = golden_word_or_empty(line);
}

/* ---- Tensors ---- */

static int tensor_named(const tensor_t *tensors, int count, golden_line_t *line) {
    const char *name = golden_word(line);
    for (int i = 0; i < count; ++i)
        if (strcmp(tensors[i].name, name) == 0)
            return i;
    golden_bad(line, file_text("there is no \"%s\"", name));
}

static void read_tensor(tensor_t *tensors, int *count, golden_line_t *line) {
    if (*count == TENSORS)
        golden_bad(line, "more tensors than this reader has room for");
    tensor_t *tensor = &tensors[(*count)++];
    tensor->name = golden_word(line);
    tensor->ndim = (int)golden_size(line);
    if (tensor->ndim > DIMS)
        golden_bad(line, "more dimensions than this reader has room for");
    tensor->count = 1;
    for (int k = 0; k < tensor->ndim; ++k) {
        tensor->dims[k] = (int64_t)golden_size(line);
        tensor->count *= (size_t)tensor->dims[k];
    }
}

static void read_param(void *reading, golden_line_t *line) {
    trajectory_t *f = file_of(reading);
    read_tensor(f->param, &f->params, line);
}

static void read_output(void *reading, golden_line_t *line) {
    trajectory_t *f = file_of(reading);
    read_tensor(f->output, &f->outputs, line);
}

static void read_init(void *reading, golden_line_t *line) {
    trajectory_t *f = file_of(reading);
    tensor_t *tensor = &f->param[tensor_named(f->param, f->params, line)];
    tensor->start = file_memory(tensor->count, sizeof *tensor->start);
    golden_numbers(line, tensor->count, tensor->start);
}

/* ---- Evaluations and what is wanted ---- */

static void read_eval(void *reading, golden_line_t *line) {
    trajectory_t *f = file_of(reading);
    if (golden_whole(line) != (int64_t)f->evaluations + 1)
        golden_bad(line, "evaluations are not in order");
    golden_keyword(line, "loss");
    f->evaluation = golden_room(f->evaluation, f->evaluations, sizeof *f->evaluation);
    f->evaluation[f->evaluations++] =
        (evaluation_t){golden_number(line), file_memory(trajectory_elements(f), sizeof(double))};
}

static void read_grad(void *reading, golden_line_t *line) {
    trajectory_t *f = file_of(reading);
    if (f->evaluations == 0)
        golden_bad(line, "a gradient before the first evaluation");
    double *at = f->evaluation[f->evaluations - 1].gradient;
    const int tensor = tensor_named(f->param, f->params, line);
    for (int i = 0; i < tensor; ++i)
        at += f->param[i].count;
    golden_numbers(line, f->param[tensor].count, at);
}

static void read_step(void *reading, golden_line_t *line) {
    ((reading_t *)reading)->step = (int)golden_size(line);
}

static void read_want(void *reading, golden_line_t *line) {
    trajectory_t *f = file_of(reading);
    const int output =
        f->is_solver ? tensor_named(f->output, f->outputs, line) : tensor_named(f->param, f->params, line);
    const size_t count = f->is_solver ? f->output[output].count : f->param[output].count;
    double *values = file_memory(count, sizeof *values);
    const int step = ((reading_t *)reading)->step;
    if (step < 1 || step > f->steps)
        golden_bad(line, "not behind a step that is made");
    golden_numbers(line, count, values);
    f->want = golden_room(f->want, f->wants, sizeof *f->want);
    f->want[f->wants++] = (want_t){step, output, values};
}

/* ---- The file ---- */

static const golden_directive_t GOLDEN[] = {
    {"case", read_case},         {"source", read_source},  {"algorithm", read_method}, {"options", read_options},
    {"oracle", read_problem},    {"rtol", read_tolerance}, {"steps", read_steps},      {"wrap", read_wrap},
    {"schedule", read_schedule}, {"param", read_param},    {"init", read_init},        {"eval", read_eval},
    {"grad", read_grad},         {"step", read_step},      {"want", read_want},        {NULL, NULL},
};

static const golden_directive_t SOLVER[] = {
    {"case", read_case},      {"source", read_source},
    {"method", read_method},  {"options", read_options},
    {"rng", read_seed},       {"problem", read_problem},
    {"rtol", read_tolerance}, {"steps", read_steps},
    {"param", read_param},    {"init", read_init},
    {"output", read_output},  {"step", read_step},
    {"want", read_want},      {NULL, NULL},
};

static void finish(trajectory_t *f, golden_line_t *line) {
    if (f->name == NULL || f->method == NULL || !(f->tolerance > 0) || f->wants == 0)
        golden_bad(line, "case, method, rtol or what is wanted is missing");
    for (int i = 0; i < f->params; ++i)
        if (f->param[i].start == NULL)
            golden_bad(line, file_text("%s has no init", f->param[i].name));
    if (f->is_solver)
        return;
    if (f->problem == NULL)
        golden_bad(line, "the oracle is missing");
    if ((f->evaluations > 0) != (strcmp(f->problem, "fixed") == 0))
        golden_bad(line, "evaluations belong to the oracle \"fixed\"");
    f->outputs = f->params;
    memcpy(f->output, f->param, sizeof f->output);
}

trajectory_t *trajectory_read(golden_line_t *line, bool is_solver) {
    trajectory_t *f = file_memory(1, sizeof *f);
    f->is_solver = is_solver;
    f->options = f->problem_options = "";
    golden_read_lines(line, is_solver ? SOLVER : GOLDEN, &(reading_t){f, 0});
    finish(f, line);
    return f;
}
