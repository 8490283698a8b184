/*
 * optim_minimize: a driver over the same requests that any caller answers. What it does beyond the public calls stands
 * in three functions of step.c: it knows that a gradient has been evaluated for the step (step_take), it reads the loss
 * and norm of one that the method holds (step_holds_gradient), and it begins at parameters that may have been moved
 * (step_begin_anew).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "optimizer/abi.h"
#include "optimizer/minimize.h"
#include "optimizer/problem.h"

static double now(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* ---- Criteria ---- */

/* With maximize=1 more is better. */
static bool is_better(const run_t *run, double loss, double than) {
    const double sign = loss_sign(run->opt);
    return sign * loss < sign * than;
}

/* Whether a criterion reads the gradient. */
static bool asks_for_gradient(const optim_stop *stop) {
    return stop->gradient_norm > 0 || stop->gradient_max > 0;
}

/* Steps in a row that changed the loss by no more. */
static int64_t still(const run_t *run, int64_t before, double change) {
    const bool small = run->result.steps > 0 && fabs(run->result.loss - run->last_loss) <= change;
    return small ? before + 1 : 0;
}

/* Of loss and gradient alone: the same in this order, whatever else holds. */
static int reason_of_loss(run_t *run) {
    const optim_stop *stop = &run->stop;
    const optim_result *result = &run->result;
    const int64_t times = stop->loss_change_steps > 0 ? stop->loss_change_steps : 1;
    run->still = still(run, run->still, stop->loss_change);
    run->nearly_still =
        still(run, run->nearly_still, stop->loss_relative * fmax(fabs(result->loss), fabs(run->last_loss)));
    run->last_loss = result->loss;
    if (loss_sign(run->opt) * result->loss == -(double)INFINITY)
        return OPTIM_STOP_UNBOUNDED;
    if (!isfinite(result->loss) || (asks_for_gradient(stop) && isnan(result->gradient_norm)))
        return OPTIM_STOP_NONFINITE;
    if (stop->gradient_norm > 0 && result->gradient_norm <= stop->gradient_norm)
        return OPTIM_STOP_GRADIENT_NORM;
    if (stop->gradient_max > 0 && result->gradient_max <= stop->gradient_max)
        return OPTIM_STOP_GRADIENT_MAX;
    if (stop->has_loss_target && !is_better(run, stop->loss_target, result->loss))
        return OPTIM_STOP_LOSS_TARGET;
    if (stop->loss_change > 0 && run->still >= times)
        return OPTIM_STOP_LOSS_CHANGE;
    if (stop->loss_relative > 0 && run->nearly_still >= times)
        return OPTIM_STOP_LOSS_RELATIVE;
    return OPTIM_STOP_NONE;
}

/* Of the step just made. One that found nothing is no small step, nor is one that was skipped. */
static int reason_of_step(const run_t *run) {
    const optim_stop *stop = &run->stop;
    const bool may_rest = run->searches || (chain_method(run->opt)->method->flags & VALUES_ONLY);
    if (!run->stepped || (run->step_length == 0 && may_rest))
        return OPTIM_STOP_NONE;
    if (stop->step_norm > 0 && run->step_length <= stop->step_norm)
        return OPTIM_STOP_STEP_NORM;
    if (stop->step_relative > 0 && run->step_length <= stop->step_relative * measure_parameters(run->opt).norm)
        return OPTIM_STOP_STEP_RELATIVE;
    return OPTIM_STOP_NONE;
}

/* With loss and gradient at the parameters between two steps. */
static int reason_to_stop(run_t *run) {
    const optim_stop *stop = &run->stop;
    const optim_result *result = &run->result;
    int reason = reason_of_loss(run);
    if (reason == OPTIM_STOP_NONE)
        reason = reason_of_step(run);
    if (reason != OPTIM_STOP_NONE)
        return reason;
    if (run->stalled >= 2) /* the second one repeated the first: so would all that follow */
        return chain_method(run->opt)->is_spent ? OPTIM_STOP_PRECISION : OPTIM_STOP_STALLED;
    if (stop->steps > 0 && result->steps >= stop->steps)
        return OPTIM_STOP_STEPS;
    if (stop->evaluations > 0 && result->evaluations >= stop->evaluations)
        return OPTIM_STOP_EVALUATIONS;
    if (stop->seconds > 0 && now() - run->started >= stop->seconds)
        return OPTIM_STOP_SECONDS;
    return OPTIM_STOP_NONE;
}

/* ---- Between two steps ---- */

/* Evaluates loss (and gradient) at the parameters as they stand; false: the caller stopped. */
static bool evaluate_here(run_t *run) {
    const bool reads_none = chain_method(run->opt)->method->flags & VALUES_ONLY;
    const bool wants_none =
        reads_none || (asks_for_all(run->opt) && !asks_for_gradient(&run->stop) && run->problem.loss != NULL);
    optim_request first = {.size = sizeof first,
                           .kind = wants_none ? OPTIM_EVAL_LOSS : OPTIM_EVAL_GRAD,
                           .needs_loss = 1,
                           .component = -1,
                           .evaluation = 1};
    if (run->opt->engine.ahead != NULL)
        request_name_sample(run->opt, &first);
    double loss;
    const int answer = run_evaluate(run, &first, &loss);
    run->result.loss = loss;
    run->gradient_at = wants_none ? GRADIENT_UNKNOWN : MEASURE_BOUND;
    if (answer == 0)
        (void)optim_set_loss(run->opt, loss);
    else
        run_interrupt(run, answer);
    return answer == 0;
}

/* Lengths of the gradient, where it is known. */
static void measure_here(run_t *run) {
    const bool known = run->gradient_at != GRADIENT_UNKNOWN;
    if (!isnan(run->result.gradient_norm) || !known)
        return;
    const measure_t gradient = measure_gradient(run->opt, run->gradient_at);
    run->result.gradient_norm = gradient.norm;
    run->result.gradient_max = gradient.most;
}

/* Whether a method that searches is where it was a step ago. */
static bool is_stuck(const run_t *run, const held_t *held, bool holds) {
    if (!run->searches || run->result.steps <= 1)
        return false;
    return holds ? held->loss == run->last_loss && held->norm == run->last_norm
                 : run->result.loss == run->last_loss && run->result.gradient_norm == run->last_norm;
}

static bool is_least_squares(const optim_t *opt) {
    return (chain_method(opt)->method->flags & LEAST_SQUARES) != 0;
}

/* Loss (and gradient) at the parameters as they stand; then whether that is a reason to stop. */
static void look(run_t *run) {
    optim_result *result = &run->result;
    held_t held;
    const bool holds = step_holds_gradient(run->opt, &held);
    if (!holds && is_least_squares(run->opt)) { /* known after the first step, which would ask for it again */
        result->reason = result->steps == 0 ? OPTIM_STOP_NONE : OPTIM_STOP_NONFINITE;
        return;
    }
    result->gradient_norm = result->gradient_max = NAN;
    if (holds) {
        result->loss = held.loss;
        run->gradient_at = held.row < 0 ? GRADIENT_UNKNOWN : held.row;
    } else if (!evaluate_here(run)) {
        return;
    }
    if (result->steps == 0)
        run->first_loss = result->loss;
    doubt_after_step(run);
    const bool improves = is_better(run, result->loss, result->best_loss) || result->steps == 0;
    if (asks_for_gradient(&run->stop) || run->stop.progress != NULL || (improves && run->best.of != NULL) ||
        (run->searches && !holds))
        measure_here(run);
    run->stalled = is_stuck(run, &held, holds) ? run->stalled + 1 : 0;
    run->last_norm = holds ? held.norm : result->gradient_norm;
    if (improves) {
        result->best_loss = result->loss;
        run->best_gradient = (measure_t){result->gradient_norm, result->gradient_max};
        if (run->best.of != NULL)
            copies_take(&run->best, run->opt);
    }
    result->reason = reason_to_stop(run);
    if (result->reason != OPTIM_STOP_NONE)
        measure_here(run);
}

/* ---- A step ---- */

static optim_status step(run_t *run) {
    if (run->before.of != NULL)
        copies_take(&run->before, run->opt);
    doubt_before_step(run);
    const int64_t skipped = run->opt->skipped;
    optim_status status = step_take(run->opt, true);
    run->trials = 0;
    while (status > 0) {
        optim_request request = {.size = sizeof request};
        double loss;
        (void)optim_request_info(run->opt, &request);
        const int answer = run_evaluate(run, &request, &loss);
        const bool has_loss = request.kind == OPTIM_EVAL_GRAD || request.kind == OPTIM_EVAL_LOSS;
        if (request.evaluation == 1 && has_loss) /* the step's own point, of a method that asks for all */
            run->result.loss = loss;
        if (answer == 0 && has_loss)
            (void)optim_set_loss(run->opt, loss);
        if (answer != 0) {
            run_interrupt(run, answer);
            return optim_cancel(run->opt);
        }
        ++run->trials;
        status = step_take(run->opt, true);
    }
    run->stepped = status == OPTIM_OK && run->opt->skipped == skipped;
    if (status == OPTIM_OK)
        ++run->result.steps;
    if (run->before.of != NULL)
        run->step_length = measure_step(run->opt, &run->before).norm;
    return status;
}

static void report(run_t *run) {
    const optim_stop *stop = &run->stop;
    const optim_result *result = &run->result;
    if (stop->progress == NULL)
        return;
    const optim_progress progress = {
        .size = sizeof progress,
        .step = result->steps,
        .evaluations = result->evaluations,
        .loss = result->loss,
        .gradient_norm = result->gradient_norm,
        .seconds = now() - run->started,
        .gradient_max = result->gradient_max,
        .step_norm = run->step_length,
        .trials = run->trials,
        .active_bounds = measure_active(run->opt),
    };
    const int answer = stop->progress(stop->user, &progress);
    if (answer != 0)
        run_interrupt(run, answer);
}

static optim_status loop(run_t *run) {
    look(run);
    while (run->result.reason == OPTIM_STOP_NONE) {
        const optim_status status = step(run);
        if (status == OPTIM_ERR_LINE_SEARCH) {
            run->result.reason = OPTIM_STOP_LINE_SEARCH;
            return OPTIM_OK;
        }
        if (status != OPTIM_OK || run->interrupted)
            return status;
        look(run);
        if (run->result.reason != OPTIM_STOP_CALLBACK)
            report(run);
    }
    return OPTIM_OK;
}

/* ---- The call ---- */

/* What one method or wrapper needs answered. */
static optim_status check_callbacks_of(const run_t *run, const station_t *station) {
    const optim_problem *problem = &run->problem;
    const bool multiplies = (station->method->flags & JACOBIAN_PRODUCTS) != 0;
    const struct {
        int flag;
        bool is_there;
        const char *what, *name;
    } need[] = {
        {REQUESTS_PRODUCTS, problem->product != NULL, "Hessian-vector products", "product"},
        {COMPONENT_GRADIENTS, problem->component != NULL, "gradients of components", "component"},
        {COMPONENT_LOSSES, problem->losses != NULL, "losses of components", "losses"},
        {NEEDS_CONSTRAINTS, problem->constraints != NULL, "values of constraints", "constraints"},
        {LEAST_SQUARES, problem->residuals != NULL, "residuals", "residuals"},
        {LEAST_SQUARES, problem->jacobian != NULL || multiplies, "the derivatives of residuals", "jacobian"},
        {JACOBIAN_PRODUCTS, problem->jvp != NULL, "products with the residuals' Jacobian", "jvp"},
        {JACOBIAN_PRODUCTS, problem->vjp != NULL, "products with its transpose", "vjp"},
    };
    const bool begins_whole = station->method->asks_for_all != NULL && !asks_for_all(run->opt);
    const int flags = station->method->flags & ~(begins_whole ? COMPONENT_GRADIENTS : 0);
    for (size_t i = 0; i < sizeof need / sizeof *need; ++i)
        if ((flags & need[i].flag) && !need[i].is_there)
            return error_set(OPTIM_ERR_NULL, "\"%s\" needs %s: problem.%s must not be NULL", station->name,
                             need[i].what, need[i].name);
    return OPTIM_OK;
}

static optim_status check_callbacks(const run_t *run) {
    const optim_t *opt = run->opt;
    const bool reads_none = (chain_method(opt)->method->flags & VALUES_ONLY) && !is_least_squares(opt);
    optim_status status = OPTIM_OK;
    if (run->problem.gradient == NULL && !reads_none && !is_least_squares(opt))
        status = error_set(OPTIM_ERR_NULL, "problem.gradient must not be NULL");
    if (run->problem.gradient == NULL && run->problem.loss == NULL && reads_none)
        status = error_set(OPTIM_ERR_NULL, "problem.loss must not be NULL: \"%s\" reads values alone",
                           chain_method(opt)->name);
    if (status == OPTIM_OK && reads_none && asks_for_gradient(&run->stop))
        status = error_set(OPTIM_ERR_VALUE, "stop.%s asks for gradients, and \"%s\" reads none",
                           run->stop.gradient_norm > 0 ? "gradient_norm" : "gradient_max", chain_method(opt)->name);
    for (int l = 0; status == OPTIM_OK && l < opt->engine.station_count; ++l)
        status = check_callbacks_of(run, opt->engine.stations[l]);
    return status;
}

/* Room for the answers to OPTIM_EVAL_LOSSES: for those of all components. */
static optim_status losses_make(run_t *run) {
    const engine_t *engine = &run->opt->engine;
    bool asks = false;
    for (int l = 0; l < engine->station_count; ++l)
        asks |= (engine->stations[l]->method->flags & COMPONENT_LOSSES) != 0;
    if (!asks)
        return OPTIM_OK;
    run->losses = calloc((size_t)engine->components + 1, sizeof *run->losses);
    return run->losses == NULL ? error_nomem("taking losses of components") : OPTIM_OK;
}

static bool has_criterion(const optim_stop *stop) {
    return stop->steps > 0 || stop->evaluations > 0 || stop->seconds > 0 || asks_for_gradient(stop) ||
           stop->loss_change > 0 || stop->loss_relative > 0 || stop->has_loss_target || stop->step_norm > 0 ||
           stop->step_relative > 0;
}

static optim_status check_call(run_t *run, const optim_problem *problem, const optim_stop *stop,
                               const optim_result *result) {
    const optim_t *opt = run->opt;
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_null(problem, "problem");
    if (status == OPTIM_OK)
        status = refuse_null(stop, "stop");
    if (status == OPTIM_OK)
        status = abi_read(problem, &run->problem, sizeof run->problem, "optim_problem");
    if (status == OPTIM_OK)
        status = abi_read(stop, &run->stop, sizeof run->stop, "optim_stop");
    if (status == OPTIM_OK && result != NULL)
        status = abi_read(result, &run->result, sizeof run->result, "optim_result");
    if (status == OPTIM_OK)
        status = refuse_handle(opt, NOT_OPEN | NOT_SWAPPED, "minimizing");
    if (status == OPTIM_OK)
        status = replicas_refuse_loop(opt);
    if (status == OPTIM_OK)
        status = check_callbacks(run);
    if (status == OPTIM_OK && !has_criterion(&run->stop))
        status = error_set(OPTIM_ERR_VALUE, "no criterion is set: say when to stop, e.g. stop.steps = 1000");
    return status;
}

/* All memory that the run may need. */
static optim_status prepare(run_t *run) {
    const optim_stop *stop = &run->stop;
    const bool measures_steps = stop->progress != NULL || stop->step_norm > 0 || stop->step_relative > 0;
    if (stop->keep_best && !copies_make(&run->best, run->opt, false))
        return error_nomem("keeping the best point");
    if (measures_steps && !copies_make(&run->before, run->opt, false))
        return error_nomem("measuring steps");
    return losses_make(run);
}

static void finish(run_t *run) {
    free(run->losses);
    doubt_free(run);
    copies_free(&run->best);
    copies_free(&run->before);
}

/* Ends with the best point, if that was asked for. */
static void put_back_best(run_t *run) {
    optim_result *result = &run->result;
    if (run->best.of == NULL || !isfinite(result->best_loss) ||
        !(isnan(result->loss) || is_better(run, result->best_loss, result->loss)))
        return;
    copies_put_back(&run->best, run->opt);
    result->loss = result->best_loss;
    result->gradient_norm = run->best_gradient.norm;
    result->gradient_max = run->best_gradient.most;
}

/* A better reason, where there is one. */
static void judge(run_t *run) {
    const int reason = run->result.reason;
    if (is_least_squares(run->opt)) /* there is no gradient to ask for */
        return;
    if (reason == OPTIM_STOP_STALLED || reason == OPTIM_STOP_LINE_SEARCH)
        run_judge(run);
    else if (doubt_is_due(run) &&
             (reason == OPTIM_STOP_STEPS || reason == OPTIM_STOP_EVALUATIONS || reason == OPTIM_STOP_SECONDS))
        run_judge_gradient(run);
}

optim_status optim_minimize(optim_t *opt, const optim_problem *problem, const optim_stop *stop, optim_result *result) {
    run_t run = {.opt = opt};
    optim_status status = check_call(&run, problem, stop, result);
    if (status == OPTIM_OK)
        status = prepare(&run);
    if (status == OPTIM_OK)
        status = step_ready(opt);
    if (status != OPTIM_OK) {
        finish(&run);
        return status;
    }
    doubt_make(&run);
    const bool was_driven = opt->driven;
    opt->driven = true;
    step_begin_anew(opt);
    run.started = now();
    run.searches = (chain_method(opt)->method->flags & SEARCHES) != 0;
    run.step_length = NAN;
    run.result =
        (optim_result){.gradient_norm = NAN, .gradient_max = NAN, .best_loss = loss_sign(opt) * INFINITY, .loss = NAN};
    status = loop(&run);
    judge(&run);
    put_back_best(&run);
    finish(&run);
    opt->driven = was_driven;
    run.result.active_bounds = measure_active(opt);
    run.result.seconds = now() - run.started;
    if (result != NULL)
        (void)abi_write(result, &run.result, sizeof run.result, "optim_result");
    return status;
}
