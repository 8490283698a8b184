/* What a file compares: parameters, the method's answer, reported numbers, states, counts. README.md says which is
 * which. */
#include <math.h>
#include <string.h>

#include "element.h"
#include "run.h"
#include "verdict.h"

static int param_of(const run_t *run, const char *name) {
    for (int i = 0; i < run->params; ++i)
        if (strcmp(run->param[i].tensor->name, name) == 0)
            return i;
    return -1;
}

static bool has_output(const trajectory_t *f, const char *name) {
    for (int i = 0; i < f->outputs; ++i)
        if (strcmp(f->output[i].name, name) == 0)
            return true;
    return false;
}

/* ---- Parameters and answers ---- */

static void read_param(const run_t *run, int param, double *values) {
    const run_param_t *p = &run->param[param];
    element_read_all(run->dtype, p->data, p->tensor->count, values);
}

static void read_answer(const run_t *run, int param, double *values) {
    const size_t count = run->param[param].tensor->count;
    void *answer = file_memory(count, element_size(run->dtype));
    expect_ok(optim_output(run->opt, param, answer), "optim_output");
    element_read_all(run->dtype, answer, count, values);
}

/* The point that the method stands for; the parameter itself where the file lists that point under a name of its
 * own. */
static void read_iterate(const run_t *run, int param, size_t count, double *values) {
    const char *name = run->param[param].tensor->name;
    if (has_output(run->f, "mean") || has_output(run->f, "answer") || strcmp(run->f->method, "relu_admm") == 0)
        read_param(run, param, values);
    else if (!read_state(run->opt, name, count, values))
        read_answer(run, param, values);
}

/* ---- What is computed from parameters ---- */

/* The first entries of softmax(eta, 0), row by row. */
static void read_softmax(const run_t *run, size_t count, double *values) {
    read_answer(run, 0, values);
    for (size_t row = 0; row + run->d <= count; row += run->d) {
        double sum = 1;
        for (size_t j = 0; j < run->d; ++j)
            sum += values[row + j] = exp(values[row + j]);
        for (size_t j = 0; j < run->d; ++j)
            values[row + j] /= sum;
    }
}

/* U V', the parameters 0 and 1. */
static void read_outer(const run_t *run, const tensor_t *output, double *values) {
    const size_t rank = (size_t)run->param[0].tensor->dims[1], columns = (size_t)output->dims[1];
    double *u = file_memory(run->param[0].tensor->count, sizeof *u);
    double *v = file_memory(run->param[1].tensor->count, sizeof *v);
    read_answer(run, 0, u);
    read_answer(run, 1, v);
    for (size_t i = 0; i < output->count; ++i) {
        values[i] = 0;
        for (size_t k = 0; k < rank; ++k)
            values[i] += u[i / columns * rank + k] * v[i % columns * rank + k];
    }
}

/* ---- Numbers and states ---- */

/* "current_NAME" first: an option may have the name. */
static bool read_number(const run_t *run, const char *name, double *value) {
    return optim_get(run->opt, 0, file_text("current_%s", name), value) == OPTIM_OK ||
           optim_get(run->opt, 0, name, value) == OPTIM_OK;
}

static void read_named(const run_t *run, const tensor_t *output, double *values) {
    size_t numbers = 0;
    if (output->count == 1 && read_number(run, output->name, values))
        return;
    if (read_state(run->opt, output->name, output->count, values))
        return;
    while (numbers < output->count && read_number(run, file_text("%s_%zu", output->name, numbers), &values[numbers]))
        ++numbers;
    if (numbers < output->count)
        fail_file("the method has neither a number nor a state of %zu elements called %s", output->count, output->name);
}

static void read_counts(const run_t *run, double *values) {
    values[0] = (double)run->values;
    values[1] = (double)run->gradients;
    values[2] = (double)run->component_gradients;
}

static void solver_output(const run_t *run, const tensor_t *output, double *values) {
    const int param = param_of(run, output->name);
    const bool is_simplex = run->f->problem != NULL && strcmp(run->f->problem, "dirichlet") == 0;
    if (param >= 0 && run->param[param].tensor->count == output->count)
        read_iterate(run, param, output->count, values);
    else if (strcmp(output->name, "evals") == 0)
        read_counts(run, values);
    else if (is_simplex && strcmp(output->name, "eta") == 0)
        read_answer(run, 0, values);
    else if (is_simplex && strcmp(output->name, "theta") == 0)
        read_softmax(run, output->count, values);
    else if (strcmp(output->name, "UV") == 0 && run->params == 2)
        read_outer(run, output, values);
    else if ((strcmp(output->name, "mean") == 0 || strcmp(output->name, "answer") == 0) && run->params > 0 &&
             run->param[0].tensor->count == output->count)
        read_answer(run, 0, values);
    else
        read_named(run, output, values);
}

void run_output(const run_t *run, int output, int step, double *values) {
    const trajectory_t *f = run->f;
    if (f->is_solver)
        solver_output(run, &f->output[output], values);
    else if (f->swap_step != 0 && step >= f->swap_step)
        read_answer(run, output, values);
    else
        read_param(run, output, values);
}
