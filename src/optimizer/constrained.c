/*
 * optim_minimize_constrained: an augmented Lagrangian around optim_minimize, which minimizes it as the loss of a
 * problem of its own. Its gradient is that of loss + sum_j w_j c_j with
 *
 *     w_j = lambda_j + rho c_j    inequalities: max(0, lambda_j + rho c_j)
 *
 * so that weights, and with them all values and gradients, come from the caller's own callbacks.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "optimizer/abi.h"
#include "optimizer/minimize.h"
#include "optimizer/problem.h"

typedef struct lagrangian {
    optim_t *opt;
    optim_problem problem; /* the caller's */
    optim_stop stop;
    optim_constrained told;
    optim_result result;
    size_t equalities, count;
    double *lambda, *value, *weight; /* [count] each */
    double rho, loss;                /* loss: f at the last evaluation */
    double loosest;                  /* the criteria of the round under way, in units of the caller's */
    int64_t evaluations;             /* of constraints, in the round under way */
    double seconds;                  /* of the rounds before */
} lagrangian_t;

static double pulled(const lagrangian_t *l, size_t j) {
    const double w = l->lambda[j] + l->rho * l->value[j];
    return j < l->equalities ? w : fmax(w, 0);
}

/* What the constraints add to the loss that is minimized. */
static double penalty(const lagrangian_t *l) {
    double sum = 0;
    for (size_t j = 0; j < l->count; ++j) {
        const double w = pulled(l, j);
        sum += (w * w - l->lambda[j] * l->lambda[j]) / (2 * l->rho);
    }
    return sum;
}

static double violation(const lagrangian_t *l) {
    double most = 0;
    for (size_t j = 0; j < l->count; ++j)
        most = fmax(most, isnan(l->value[j]) ? (double)INFINITY : j < l->equalities ? fabs(l->value[j]) : l->value[j]);
    return most;
}

/* The same, and how far inequalities that pull are from their bound: 0 only at a solution. */
static double distance(const lagrangian_t *l) {
    double most = 0;
    for (size_t j = 0; j < l->count; ++j)
        most = fmax(most, fabs(j < l->equalities ? l->value[j] : fmax(l->value[j], -l->lambda[j] / l->rho)));
    return most;
}

/* ---- The problem that the method sees ---- */

typedef int evaluation_t(void *user, const optim_request *request, double *loss);

/* Constraints, then the weights for the caller, then the loss. */
static int evaluate(lagrangian_t *l, const optim_request *request, evaluation_t *of, double *loss) {
    const double sign = loss_sign(l->opt);
    optim_request constraints = *request;
    constraints.kind = OPTIM_EVAL_CONSTRAINTS;
    constraints.needs_loss = 0;
    ++l->evaluations;
    int answer = l->problem.constraints(l->problem.user, &constraints, l->value);
    for (size_t j = 0; j < l->count; ++j)
        l->weight[j] = sign * pulled(l, j);
    l->opt->own_weights = l->weight;
    if (answer == 0)
        answer = of(l->problem.user, request, &l->loss);
    l->opt->own_weights = NULL;
    *loss = l->loss + sign * penalty(l);
    return answer;
}

static int on_gradient(void *user, const optim_request *request, double *loss) {
    lagrangian_t *l = user;
    return evaluate(l, request, l->problem.gradient, loss);
}

static int on_loss(void *user, const optim_request *request, double *loss) {
    lagrangian_t *l = user;
    return evaluate(l, request, l->problem.loss, loss);
}

/* ---- Rounds ---- */

static int64_t at_least_one(int64_t count) {
    return count > 1 ? count : 1;
}

/* One minimization of the Lagrangian, with what is left of the budgets. */
static optim_status minimize(lagrangian_t *l, optim_result *round) {
    const optim_problem problem = {.size = sizeof problem,
                                   .user = l,
                                   .gradient = l->problem.gradient == NULL ? NULL : on_gradient,
                                   .loss = l->problem.loss == NULL ? NULL : on_loss};
    optim_stop stop = l->stop;
    const double loose = l->loosest;
    stop.size = sizeof stop;
    stop.steps = stop.steps > 0 ? at_least_one(stop.steps - l->result.steps) : 0;
    stop.evaluations = stop.evaluations > 0 ? at_least_one((stop.evaluations - l->result.evaluations + 1) / 2) : 0;
    stop.seconds = stop.seconds > 0 ? fmax(stop.seconds - l->seconds, 1e-9) : 0;
    stop.gradient_norm *= loose;
    stop.gradient_max *= loose;
    l->evaluations = 0;
    *round = (optim_result){.size = sizeof *round};
    const optim_status status = optim_minimize(l->opt, &problem, &stop, round);
    round->evaluations += l->evaluations;
    l->result.steps += round->steps;
    l->result.evaluations += round->evaluations;
    l->seconds += round->seconds;
    l->result.callback = round->callback;
    l->result.gradient_norm = round->gradient_norm;
    l->result.gradient_max = round->gradient_max;
    l->result.active_bounds = round->active_bounds;
    l->result.slope = round->slope;
    l->result.difference = round->difference;
    return status;
}

/* Values at the parameters as they stand; 0, or what a callback returned. */
static int look(lagrangian_t *l) {
    const bool calls_loss = l->problem.loss != NULL;
    const optim_request request = {.size = sizeof request,
                                   .kind = calls_loss ? OPTIM_EVAL_LOSS : OPTIM_EVAL_GRAD,
                                   .needs_loss = 1,
                                   .component = -1,
                                   .evaluation = 1};
    double loss;
    l->evaluations = 0;
    const int answer = evaluate(l, &request, calls_loss ? l->problem.loss : l->problem.gradient, &loss);
    l->result.evaluations += 1 + l->evaluations;
    l->result.callback = answer;
    return answer;
}

/* Loss and violations of the same weight, within reason. */
static double first_penalty(const lagrangian_t *l) {
    double squares = 0;
    for (size_t j = 0; j < l->count; ++j) {
        const double c = j < l->equalities ? l->value[j] : fmax(l->value[j], 0);
        squares += c * c;
    }
    const double balanced = 2 * fmax(1, fabs(l->loss)) / fmax(1, squares / 2);
    return isfinite(balanced) ? fmin(fmax(balanced, 1e-6), 10) : 1;
}

static void update_multipliers(lagrangian_t *l) {
    const double most = 1e20;
    for (size_t j = 0; j < l->count; ++j) {
        const double w = pulled(l, j);
        if (!isnan(w))
            l->lambda[j] = fmin(fmax(w, -most), most);
    }
}

/* Reasons of a round after which the next one may begin. */
static bool goes_on_after(int reason) {
    switch (reason) {
    case OPTIM_STOP_STEPS:
    case OPTIM_STOP_EVALUATIONS:
    case OPTIM_STOP_SECONDS:
    case OPTIM_STOP_NONFINITE:
    case OPTIM_STOP_WRONG_GRADIENT:
    case OPTIM_STOP_UNBOUNDED:
    case OPTIM_STOP_OVERFLOW:
        return false;
    default:
        return true;
    }
}

/* Ends after round k. */
static optim_status end(lagrangian_t *l, int64_t k, int reason) {
    l->told.rounds = k + 1;
    l->result.reason = reason;
    return OPTIM_OK;
}

/* Round after round. */
static optim_status loop(lagrangian_t *l) {
    const double largest = 1e20, tighter = 0.1, enough = 0.5, growth = 10;
    double before = (double)INFINITY;
    optim_result round;
    for (int64_t k = 0; k < l->told.rounds; ++k) {
        if (k > 0)
            (void)optim_reset(l->opt);
        const optim_status status = minimize(l, &round);
        if (status != OPTIM_OK || round.reason == OPTIM_STOP_CALLBACK) {
            (void)end(l, k, round.reason);
            return status;
        }
        if (look(l) != 0)
            return end(l, k, OPTIM_STOP_CALLBACK);
        if (!goes_on_after(round.reason))
            return end(l, k, round.reason);
        const double far = distance(l);
        const bool feasible = far <= l->told.feasibility;
        update_multipliers(l);
        if (feasible && l->loosest <= 1)
            return end(l, k, OPTIM_STOP_FEASIBLE);
        if (!feasible && !(far <= enough * before))
            l->rho *= growth;
        if (l->rho > largest)
            return end(l, k, OPTIM_STOP_INFEASIBLE);
        before = far;
        l->loosest = feasible ? 1 : fmax(tighter * l->loosest, 1);
    }
    l->result.reason = OPTIM_STOP_ROUNDS;
    return OPTIM_OK;
}

/* ---- The call ---- */

static optim_status check_stop(const lagrangian_t *l) {
    const optim_stop *stop = &l->stop;
    const bool reads_none = chain_method(l->opt)->method->flags & VALUES_ONLY;
    if (stop->keep_best || stop->has_loss_target)
        return error_set(OPTIM_ERR_VALUE, "stop.%s is not for constrained problems: a low loss may break constraints",
                         stop->keep_best ? "keep_best" : "loss_target");
    if (!reads_none && !(stop->gradient_norm > 0) && !(stop->gradient_max > 0))
        return error_set(OPTIM_ERR_VALUE, "set stop.gradient_norm or stop.gradient_max: when a round is over");
    if (reads_none && !(stop->loss_change > 0) && !(stop->loss_relative > 0))
        return error_set(OPTIM_ERR_VALUE, "set stop.loss_change or stop.loss_relative: when a round is over");
    return OPTIM_OK;
}

static optim_status check_method(const lagrangian_t *l) {
    const engine_t *engine = &l->opt->engine;
    const int refused = REQUESTS_PRODUCTS | COMPONENT_GRADIENTS | COMPONENT_LOSSES | NEEDS_CONSTRAINTS;
    if (l->count == 0)
        return error_set(OPTIM_ERR_ORDER, "there are no constraints: optim_set_constraints first");
    if (l->problem.constraints == NULL)
        return error_set(OPTIM_ERR_NULL, "problem.constraints must not be NULL");
    for (int i = 0; i < engine->station_count; ++i)
        if (engine->stations[i]->method->flags & refused)
            return error_set(OPTIM_ERR_MISMATCH,
                             "\"%s\" cannot be used inside optim_minimize_constrained: it asks for "
                             "more than losses and gradients",
                             engine->stations[i]->name);
    return OPTIM_OK;
}

static optim_status check_call(lagrangian_t *l, const optim_problem *problem, const optim_stop *stop,
                               const optim_constrained *told, const optim_result *result) {
    optim_status status = refuse_null(l->opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_null(problem, "problem");
    if (status == OPTIM_OK)
        status = refuse_null(stop, "stop");
    if (status == OPTIM_OK)
        status = refuse_null(told, "constrained");
    if (status == OPTIM_OK)
        status = abi_read(problem, &l->problem, sizeof l->problem, "optim_problem");
    if (status == OPTIM_OK)
        status = abi_read(stop, &l->stop, sizeof l->stop, "optim_stop");
    if (status == OPTIM_OK)
        status = abi_read(told, &l->told, sizeof l->told, "optim_constrained");
    if (status == OPTIM_OK && result != NULL)
        status = abi_read(result, &l->result, sizeof l->result, "optim_result");
    if (status == OPTIM_OK)
        status = refuse_handle(l->opt, NOT_OPEN | NOT_SWAPPED, "minimizing");
    if (status == OPTIM_OK)
        status = replicas_refuse_loop(l->opt);
    if (status == OPTIM_OK) {
        l->equalities = (size_t)l->opt->engine.equalities;
        l->count = engine_constraints(&l->opt->engine);
        status = check_method(l);
    }
    return status == OPTIM_OK ? check_stop(l) : status;
}

/* Defaults, and where it begins. False: the caller stopped. */
static bool start(lagrangian_t *l) {
    const double loose = 1e4;
    optim_constrained *told = &l->told;
    told->feasibility = told->feasibility > 0 ? told->feasibility : 1e-8;
    told->rounds = told->rounds > 0 ? told->rounds : 50;
    if (told->multipliers != NULL)
        memcpy(l->lambda, told->multipliers, l->count * sizeof *l->lambda);
    for (size_t j = l->equalities; j < l->count; ++j)
        l->lambda[j] = fmax(l->lambda[j], 0);
    l->loosest = loose;
    l->rho = 1;
    step_begin_anew(l->opt);
    if (look(l) != 0)
        return false;
    l->rho = told->penalty > 0 ? told->penalty : first_penalty(l);
    return true;
}

optim_status optim_minimize_constrained(optim_t *opt, const optim_problem *problem, const optim_stop *stop,
                                        optim_constrained *constrained, optim_result *result) {
    lagrangian_t l = {.opt = opt};
    optim_status status = check_call(&l, problem, stop, constrained, result);
    if (status == OPTIM_OK)
        status = step_ready(opt);
    if (status != OPTIM_OK)
        return status;
    double *room = calloc(3 * l.count, sizeof *room);
    if (room == NULL)
        return error_nomem("keeping multipliers");
    l.lambda = room;
    l.value = room + l.count;
    l.weight = room + 2 * l.count;
    l.result = (optim_result){.gradient_norm = NAN, .gradient_max = NAN};
    opt->driven = true;
    if (start(&l)) {
        status = loop(&l);
    } else {
        l.told.rounds = 0;
        l.result.reason = OPTIM_STOP_CALLBACK;
    }
    opt->driven = false;
    l.told.penalty = l.rho;
    l.told.violation = violation(&l);
    l.result.loss = l.result.best_loss = l.loss;
    l.result.seconds = l.seconds;
    if (l.told.multipliers != NULL)
        memcpy(l.told.multipliers, l.lambda, l.count * sizeof *l.lambda);
    free(room);
    (void)abi_write(constrained, &l.told, sizeof l.told, "optim_constrained");
    if (result != NULL)
        (void)abi_write(result, &l.result, sizeof l.result, "optim_result");
    return status;
}
