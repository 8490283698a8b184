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
#include "optimizer/optimizer.h"
#include "optimizer/problem.h"

typedef struct run {
    optim_t *opt;
    optim_problem problem;
    optim_stop stop;
    optim_result result;
    double started, last_loss;
    int64_t still;    /* steps in a row with a small change of the loss */
    int64_t stalled;  /* steps in a row after which a held gradient is what it was */
    double last_norm; /* of that gradient */
    void **best;      /* copies of the parameters at the lowest loss, or NULL */
    double *losses;   /* room for those of all components, or NULL */
    bool interrupted; /* a callback returned non-zero */
} run_t;

static double now(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* ---- The best point ---- */

static void best_free(run_t *run) {
    for (size_t i = 0; run->best != NULL && i < run->opt->engine.tensor_count; ++i)
        free(run->best[i]);
    free(run->best);
}

static size_t tensor_bytes(const tensor_t *tensor) {
    return tensor->count * dtype_size(tensor->dtype);
}

static optim_status best_make(run_t *run) {
    const engine_t *engine = &run->opt->engine;
    run->best = calloc(engine->tensor_count + 1, sizeof *run->best);
    for (size_t i = 0; run->best != NULL && i < engine->tensor_count; ++i) {
        run->best[i] = malloc(tensor_bytes(&engine->tensors[i]) + 1);
        if (run->best[i] == NULL) {
            best_free(run);
            run->best = NULL;
        }
    }
    return run->best == NULL ? error_nomem("keeping the best point") : OPTIM_OK;
}

static void best_copy(const run_t *run, bool back) {
    const engine_t *engine = &run->opt->engine;
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        const tensor_t *tensor = &engine->tensors[i];
        if (tensor->data == NULL || run->best[i] == NULL) /* it has no elements */
            continue;
        if (back)
            memcpy(tensor->data, run->best[i], tensor_bytes(tensor));
        else
            memcpy(run->best[i], tensor->data, tensor_bytes(tensor));
    }
}

/* ---- Evaluations ---- */

static int evaluate_losses(run_t *run, const optim_request *request) {
    const int answer = run->problem.losses(run->problem.user, request, run->losses);
    if (answer == 0)
        (void)optim_set_losses(run->opt, run->losses, (size_t)request->count);
    return answer;
}

static int evaluate_constraints(run_t *run, const optim_request *request) {
    double *values = NULL;
    (void)optim_constraint_values(run->opt, &values);
    return run->problem.constraints(run->problem.user, request, values);
}

/* Calls the caller; 0, or what it returned. */
static int evaluate(run_t *run, const optim_request *request) {
    double loss = NAN;
    const optim_problem *problem = &run->problem;
    int answer;
    ++run->result.evaluations;
    switch (request->kind) {
    case OPTIM_EVAL_HVP:
        return problem->product(problem->user, request, run->opt);
    case OPTIM_EVAL_LOSSES:
        return evaluate_losses(run, request);
    case OPTIM_EVAL_CONSTRAINTS:
        return evaluate_constraints(run, request);
    default:
        break;
    }
    if (request->kind == OPTIM_EVAL_LOSS && problem->loss != NULL)
        answer = problem->loss(problem->user, request, &loss);
    else if (request->count > 0)
        answer = problem->component(problem->user, request, &loss);
    else
        answer = problem->gradient(problem->user, request, &loss);
    if (answer == 0)
        (void)optim_set_loss(run->opt, loss);
    if (request->evaluation == 1)
        run->result.loss = loss;
    return answer;
}

static void interrupt(run_t *run, int answer) {
    run->interrupted = true;
    run->result.callback = answer;
    run->result.reason = OPTIM_STOP_CALLBACK;
}

/* Sum of (scale g_i)^2 over the gradients, and the largest |g_i|. */
static double sum_of_squares(const optim_t *opt, double scale, double *largest) {
    double chunk[READ_ELEMENTS], sum = 0;
    for (size_t i = 0; i < opt->engine.tensor_count; ++i) {
        const tensor_t *tensor = &opt->engine.tensors[i];
        const size_t count = tensor_has_gradient(tensor) ? tensor->count : 0;
        for (size_t offset = 0, n;
             (n = primitives_read(opt->engine.primitives, tensor->grad_dtype, tensor->grad, count, offset, chunk)) > 0;
             offset += n)
            for (size_t j = 0; j < n; ++j) {
                sum += (scale * chunk[j]) * (scale * chunk[j]);
                *largest = fmax(*largest, fabs(chunk[j]));
            }
    }
    return sum;
}

/* |g|_2, also where the squares leave the range of a double. */
static double gradient_norm(const optim_t *opt) {
    double largest = 0;
    const double sum = sum_of_squares(opt, 1, &largest);
    if (largest == 0 || !isfinite(largest) || isnan(sum) || (sum > 0x1p-900 && sum < 0x1p900))
        return sqrt(sum);
    const double scale = ldexp(1, (int)fmin(fmax(-ilogb(largest), -1000), 1000));
    return sqrt(sum_of_squares(opt, scale, &largest)) / scale;
}

/* ---- Criteria ---- */

/* With maximize=1 more is better. */
static bool is_better(const run_t *run, double loss, double than) {
    const double sign = loss_sign(run->opt);
    return sign * loss < sign * than;
}

/* With loss and gradient at the parameters between two steps. */
static int reason_to_stop(run_t *run) {
    const optim_stop *stop = &run->stop;
    const optim_result *result = &run->result;
    const bool small = result->steps > 0 && fabs(result->loss - run->last_loss) <= stop->loss_change;
    run->still = small ? run->still + 1 : 0;
    run->last_loss = result->loss;
    if (!isfinite(result->loss) || (stop->gradient_norm > 0 && isnan(result->gradient_norm)))
        return OPTIM_STOP_NONFINITE;
    if (stop->gradient_norm > 0 && result->gradient_norm <= stop->gradient_norm)
        return OPTIM_STOP_GRADIENT_NORM;
    if (stop->has_loss_target && !is_better(run, stop->loss_target, result->loss))
        return OPTIM_STOP_LOSS_TARGET;
    if (stop->loss_change > 0 && run->still >= (stop->loss_change_steps > 0 ? stop->loss_change_steps : 1))
        return OPTIM_STOP_LOSS_CHANGE;
    if (run->stalled >= 2) /* the second one repeated the first: so would all that follow */
        return OPTIM_STOP_STALLED;
    if (stop->steps > 0 && result->steps >= stop->steps)
        return OPTIM_STOP_STEPS;
    if (stop->evaluations > 0 && result->evaluations >= stop->evaluations)
        return OPTIM_STOP_EVALUATIONS;
    if (stop->seconds > 0 && now() - run->started >= stop->seconds)
        return OPTIM_STOP_SECONDS;
    return OPTIM_STOP_NONE;
}

/* Loss (and norm) at the parameters as they stand; then whether that is a reason to stop. */
static void look(run_t *run) {
    const bool reads_none = chain_method(run->opt)->method->flags & VALUES_ONLY;
    const bool wants_none =
        reads_none || (asks_for_all(run->opt) && run->stop.gradient_norm == 0 && run->problem.loss != NULL);
    const optim_request first = {.size = sizeof first,
                                 .kind = wants_none ? OPTIM_EVAL_LOSS : OPTIM_EVAL_GRAD,
                                 .needs_loss = 1,
                                 .component = -1,
                                 .evaluation = 1};
    double held_loss, held_norm;
    const bool held = step_holds_gradient(run->opt, &held_loss, &held_norm);
    const int answer = held ? 0 : evaluate(run, &first);
    if (answer != 0) {
        interrupt(run, answer);
        return;
    }
    if (held) {
        const bool same = run->result.steps > 1 && held_loss == run->last_loss && held_norm == run->last_norm;
        run->stalled = same ? run->stalled + 1 : 0;
        run->last_norm = held_norm;
        run->result.loss = held_loss;
    }
    if (run->stop.gradient_norm > 0)
        run->result.gradient_norm = held ? held_norm : gradient_norm(run->opt);
    if (is_better(run, run->result.loss, run->result.best_loss) || run->result.steps == 0) {
        run->result.best_loss = run->result.loss;
        if (run->best != NULL)
            best_copy(run, false);
    }
    run->result.reason = reason_to_stop(run);
}

static optim_status step(run_t *run) {
    optim_status status = step_take(run->opt, true);
    while (status > 0) {
        optim_request request = {.size = sizeof request};
        (void)optim_request_info(run->opt, &request);
        const int answer = evaluate(run, &request);
        if (answer != 0) {
            interrupt(run, answer);
            return optim_cancel(run->opt);
        }
        status = step_take(run->opt, true);
    }
    if (status == OPTIM_OK)
        ++run->result.steps;
    return status;
}

static void report(run_t *run) {
    const optim_stop *stop = &run->stop;
    const optim_result *result = &run->result;
    if (stop->progress == NULL)
        return;
    const optim_progress progress = {sizeof progress, result->steps,         result->evaluations,
                                     result->loss,    result->gradient_norm, now() - run->started};
    const int answer = stop->progress(stop->user, &progress);
    if (answer != 0)
        interrupt(run, answer);
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
    const struct {
        int flag;
        bool is_there;
        const char *what, *name;
    } need[] = {
        {REQUESTS_PRODUCTS, problem->product != NULL, "Hessian-vector products", "product"},
        {COMPONENT_GRADIENTS, problem->component != NULL, "gradients of components", "component"},
        {COMPONENT_LOSSES, problem->losses != NULL, "losses of components", "losses"},
        {NEEDS_CONSTRAINTS, problem->constraints != NULL, "values of constraints", "constraints"},
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
    const bool reads_none = chain_method(opt)->method->flags & VALUES_ONLY;
    optim_status status = OPTIM_OK;
    if (run->problem.gradient == NULL && !reads_none)
        status = error_set(OPTIM_ERR_NULL, "problem.gradient must not be NULL");
    if (run->problem.gradient == NULL && run->problem.loss == NULL && reads_none)
        status = error_set(OPTIM_ERR_NULL, "problem.loss must not be NULL: \"%s\" reads values alone",
                           chain_method(opt)->name);
    if (status == OPTIM_OK && reads_none && run->stop.gradient_norm > 0)
        status = error_set(OPTIM_ERR_VALUE, "stop.gradient_norm asks for gradients, and \"%s\" reads none",
                           chain_method(opt)->name);
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
        status = check_callbacks(run);
    const optim_stop *s = &run->stop;
    if (status == OPTIM_OK && s->steps <= 0 && s->evaluations <= 0 && !(s->seconds > 0) && !(s->gradient_norm > 0) &&
        !(s->loss_change > 0) && !s->has_loss_target)
        status = error_set(OPTIM_ERR_VALUE, "no criterion is set: say when to stop, e.g. stop.steps = 1000");
    return status;
}

optim_status optim_minimize(optim_t *opt, const optim_problem *problem, const optim_stop *stop, optim_result *result) {
    run_t run = {.opt = opt};
    optim_status status = check_call(&run, problem, stop, result);
    if (status == OPTIM_OK && run.stop.keep_best)
        status = best_make(&run);
    if (status == OPTIM_OK)
        status = losses_make(&run);
    if (status == OPTIM_OK)
        status = step_ready(opt); /* before the first callback, which can then add nothing to the handle any more */
    if (status != OPTIM_OK) {
        free(run.losses);
        best_free(&run);
        return status;
    }
    step_begin_anew(opt);
    run.started = now();
    run.result = (optim_result){.gradient_norm = NAN, .best_loss = loss_sign(opt) * INFINITY, .loss = NAN};
    status = loop(&run);
    if (run.best != NULL && isfinite(run.result.best_loss) &&
        (isnan(run.result.loss) || is_better(&run, run.result.best_loss, run.result.loss))) {
        best_copy(&run, true);
        run.result.loss = run.result.best_loss;
    }
    free(run.losses);
    best_free(&run);
    run.result.seconds = now() - run.started;
    if (result != NULL)
        (void)abi_write(result, &run.result, sizeof run.result, "optim_result");
    return status;
}

const char *optim_stop_reason(int reason) {
    static const char *const WORDS[] = {
        [OPTIM_STOP_NONE] = "an error ended it",
        [OPTIM_STOP_STEPS] = "the number of steps is used up",
        [OPTIM_STOP_EVALUATIONS] = "the number of evaluations is used up",
        [OPTIM_STOP_SECONDS] = "the time is used up",
        [OPTIM_STOP_GRADIENT_NORM] = "the gradient is small enough",
        [OPTIM_STOP_LOSS_CHANGE] = "the loss hardly changes any more",
        [OPTIM_STOP_LOSS_TARGET] = "the loss has reached its target",
        [OPTIM_STOP_CALLBACK] = "a callback asked for it",
        [OPTIM_STOP_LINE_SEARCH] = "no better point along the direction, in this precision",
        [OPTIM_STOP_NONFINITE] = "the loss or the gradient is not finite: the method diverged",
        [OPTIM_STOP_STALLED] = "the method finds no way down any more",
    };
    const bool known = reason >= 0 && reason < (int)(sizeof WORDS / sizeof *WORDS) && WORDS[reason] != NULL;
    return known ? WORDS[reason] : "not a stop reason of this library";
}
