/* Evaluations: what the handle asks for, at the parameters as they stand. */
#include <string.h>

#include "element.h"
#include "run.h"
#include "verdict.h"

enum { MOST_EVALUATIONS = 1000000 };

/* ---- Variables ---- */

void read_variables(run_t *run) {
    double *at = run->x;
    for (int i = 0; i < run->variables; ++i) {
        const run_param_t *p = &run->param[run->variable[i]];
        element_read_all(run->dtype, p->data, p->tensor->count, at);
        at += p->tensor->count;
    }
}

/* The gradient of what is no variable of the problem is 0. */
static void write_gradients(run_t *run, const double *g) {
    for (int i = 0; i < run->params; ++i)
        memset(run->param[i].grad, 0, run->param[i].tensor->count * element_size(run->dtype));
    for (int i = 0; i < run->variables; ++i) {
        const run_param_t *p = &run->param[run->variable[i]];
        element_write_all(run->dtype, p->grad, p->tensor->count, g);
        g += p->tensor->count;
    }
}

static term_t term_of(const run_t *run, const optim_request *request) {
    term_t term = {.objective = request->objective};
    if (run->rows == 1 && request->count > 0) {
        term.first = request->component;
        term.count = request->count;
    }
    return term;
}

/* Particles first .. end - 1 are asked for. */
static void rows_of(const run_t *run, const optim_request *request, size_t *first, size_t *end) {
    *first = 0;
    *end = run->rows;
    if (run->rows == 1 || request->count == 0)
        return;
    if (request->component < 0 || request->component + request->count > (int64_t)run->rows)
        fail_file("asks for particles %lld to %lld of %zu", (long long)request->component,
                  (long long)(request->component + request->count - 1), run->rows);
    *first = (size_t)request->component;
    *end = (size_t)(request->component + request->count);
}

/* ---- Evaluations in the order of the file ---- */

static const evaluation_t *next_evaluation(run_t *run) {
    if (run->next_evaluation == run->f->evaluations)
        fail_file("asks for evaluation %zu; there are %zu", run->next_evaluation + 1, run->f->evaluations);
    return &run->f->evaluation[run->next_evaluation++];
}

static void replay_gradient(run_t *run) {
    const evaluation_t *evaluation = next_evaluation(run);
    const double *at = evaluation->gradient;
    for (int i = 0; i < run->params; ++i) {
        element_write_all(run->dtype, run->param[i].grad, run->param[i].tensor->count, at);
        at += run->param[i].tensor->count;
    }
    expect_ok(optim_set_loss(run->opt, evaluation->loss), "optim_set_loss");
}

/* ---- Functions ---- */

static double rows_value(const run_t *run, const term_t *term, size_t first, size_t end) {
    double sum = 0;
    for (size_t row = first; row < end; ++row)
        sum += problem_value(run->problem, term, run->x + row * run->d);
    return sum;
}

static void evaluate_gradient(run_t *run, const optim_request *request, const double *weights) {
    size_t first, end;
    term_t term = term_of(run, request);
    term.weights = weights;
    rows_of(run, request, &first, &end);
    read_variables(run);
    memset(run->g, 0, run->rows * run->d * sizeof *run->g);
    for (size_t row = first; row < end; ++row)
        problem_gradient(run->problem, &term, run->x + row * run->d, run->g + row * run->d);
    write_gradients(run, run->g);
    expect_ok(optim_set_loss(run->opt, rows_value(run, &term, first, end)), "optim_set_loss");
}

static const double *weights_of(const run_t *run) {
    const double *weights = NULL;
    if (run->f->is_solver && run->problem->equalities + run->problem->inequalities > 0)
        expect_ok(optim_constraint_weights(run->opt, &weights), "optim_constraint_weights");
    return weights;
}

static void answer_gradient(run_t *run, const optim_request *request) {
    run->component_gradients += request->count;
    run->gradients += request->count == 0;
    if (run->f->evaluations > 0)
        replay_gradient(run);
    else
        evaluate_gradient(run, request, weights_of(run));
}

void answer_first(run_t *run) {
    run->evaluation = 1;
    ++run->gradients;
    if (run->f->evaluations > 0)
        replay_gradient(run);
    else if (run->problem == NULL)
        fail_file("the method wants a gradient, but the file names no problem");
    else
        evaluate_gradient(run, &(optim_request){.component = -1}, NULL);
}

static void answer_loss(run_t *run, const optim_request *request) {
    run->values += request->count > 0 ? request->count : 1;
    if (run->f->evaluations > 0) {
        expect_ok(optim_set_loss(run->opt, next_evaluation(run)->loss), "optim_set_loss");
        return;
    }
    size_t first, end;
    const term_t term = term_of(run, request);
    rows_of(run, request, &first, &end);
    read_variables(run);
    expect_ok(optim_set_loss(run->opt, rows_value(run, &term, first, end)), "optim_set_loss");
}

static double loss_of(const run_t *run, const optim_request *request, int64_t i) {
    term_t term = {.objective = request->objective};
    const int64_t component = request->component + i;
    if (component < 0 || (run->rows > 1 && component >= (int64_t)run->rows))
        fail_file("asks for the loss of component %lld", (long long)component);
    if (run->rows > 1)
        return problem_value(run->problem, &term, run->x + (size_t)component * run->d);
    term.first = component;
    term.count = 1;
    return problem_value(run->problem, &term, run->x);
}

static void answer_losses(run_t *run, const optim_request *request) {
    double *losses = file_memory((size_t)request->count, sizeof *losses);
    run->values += request->count;
    read_variables(run);
    for (int64_t i = 0; i < request->count; ++i)
        losses[i] = loss_of(run, request, i);
    expect_ok(optim_set_losses(run->opt, losses, (size_t)request->count), "optim_set_losses");
}

static void answer_constraints(run_t *run, const optim_request *request) {
    const size_t count = run->problem->equalities + run->problem->inequalities;
    const term_t term = term_of(run, request);
    double *values;
    read_variables(run);
    problem_constraints(run->problem, &term, run->x, run->constraints);
    expect_ok(optim_constraint_values(run->opt, &values), "optim_constraint_values");
    memcpy(values, run->constraints, count * sizeof *values);
}

/* ---- Products ---- */

static int is_variable(const run_t *run, int param, size_t *at) {
    *at = 0;
    for (int i = 0; i < run->variables; ++i) {
        if (run->variable[i] == param)
            return 1;
        *at += run->param[run->variable[i]].tensor->count;
    }
    return 0;
}

static void read_directions(run_t *run) {
    for (int i = 0; i < run->params; ++i) {
        const void *direction = NULL;
        const size_t count = run->param[i].tensor->count;
        size_t at;
        if (count == 0 || !is_variable(run, i, &at))
            continue;
        expect_ok(optim_hvp_vector(run->opt, i, &direction), "optim_hvp_vector");
        for (size_t k = 0; k < count; ++k)
            run->v[at + k] = direction == NULL ? 0 : element_read(run->dtype, direction, k);
    }
}

static void write_products(run_t *run) {
    for (int i = 0; i < run->params; ++i) {
        void *product = NULL;
        const size_t count = run->param[i].tensor->count;
        size_t at;
        if (count == 0)
            continue;
        expect_ok(optim_hvp_result(run->opt, i, &product), "optim_hvp_result");
        const int varies = is_variable(run, i, &at);
        for (size_t k = 0; k < count && product != NULL; ++k)
            element_write(run->dtype, product, k, varies ? run->hv[at + k] : 0);
    }
}

static void answer_product(run_t *run, const optim_request *request) {
    term_t term = term_of(run, request);
    size_t first, end;
    term.weights = weights_of(run);
    if (run->f->evaluations > 0)
        fail_file("asks for a Hessian-vector product, which files of fixed evaluations do not have");
    rows_of(run, request, &first, &end);
    read_directions(run);
    read_variables(run);
    memset(run->hv, 0, run->rows * run->d * sizeof *run->hv);
    for (size_t row = first; row < end; ++row)
        problem_product(run->problem, &term, run->x + row * run->d, run->v + row * run->d, run->hv + row * run->d);
    write_products(run);
}

/* ---- A request ---- */

void answer_request(run_t *run, optim_status kind) {
    optim_request request = {.size = sizeof request};
    expect_ok(optim_request_info(run->opt, &request), "optim_request_info");
    if (++run->evaluation > MOST_EVALUATIONS)
        fail_file("a step asks for more than %d evaluations", MOST_EVALUATIONS);
    if (run->problem == NULL && run->f->evaluations == 0)
        fail_file("asks for an evaluation, but the file names no problem");
    if (kind == OPTIM_EVAL_GRAD)
        answer_gradient(run, &request);
    else if (kind == OPTIM_EVAL_LOSS)
        answer_loss(run, &request);
    else if (kind == OPTIM_EVAL_HVP)
        answer_product(run, &request);
    else if (kind == OPTIM_EVAL_LOSSES && run->problem != NULL)
        answer_losses(run, &request);
    else if (kind == OPTIM_EVAL_CONSTRAINTS && run->problem != NULL)
        answer_constraints(run, &request);
    else
        fail_file("optim_step returned the request %d, which this runner cannot answer", kind);
}
