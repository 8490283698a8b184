/* What a run of optim_minimize has the caller evaluate. */
#include <math.h>

#include "optimizer/minimize.h"
#include "optimizer/problem.h"

static int evaluate_losses(run_t *run, const optim_request *request) {
    const int answer = run->problem.losses(run->problem.user, request, run->losses);
    if (answer == 0)
        (void)optim_set_losses(run->opt, run->losses, (size_t)request->count);
    return answer;
}

static int evaluate_residuals(run_t *run, const optim_request *request) {
    double *values = NULL;
    (void)optim_residual_values(run->opt, &values);
    return run->problem.residuals(run->problem.user, request, values);
}

static int evaluate_constraints(run_t *run, const optim_request *request) {
    double *values = NULL;
    (void)optim_constraint_values(run->opt, &values);
    return run->problem.constraints(run->problem.user, request, values);
}

/* A trial at which the loss has no lower limit; searches take it for one that is too far. */
static void watch(run_t *run, double loss) {
    if (loss_sign(run->opt) * loss == -(double)INFINITY)
        run->bottomless = run->result.steps + 1;
}

/* Whether the gradient that is asked for came along with the loss that was asked for before it. */
static bool is_there(const run_t *run, const optim_request *request) {
    const optim_t *opt = run->opt;
    return request->kind == OPTIM_EVAL_GRAD && run->has_both && opt->open == OPTIM_EVAL_GRAD &&
           opt->engine.request.stays && !accumulation_has_memory(opt);
}

int run_evaluate(run_t *run, const optim_request *request, double *loss) {
    const optim_problem *problem = &run->problem;
    int answer;
    *loss = run->loss_of_both;
    if (is_there(run, request))
        return 0;
    *loss = NAN;
    run->has_both = false;
    ++run->result.evaluations;
    switch (request->kind) {
    case OPTIM_EVAL_HVP:
        return problem->product(problem->user, request, run->opt);
    case OPTIM_EVAL_LOSSES:
        return evaluate_losses(run, request);
    case OPTIM_EVAL_CONSTRAINTS:
        return evaluate_constraints(run, request);
    case OPTIM_EVAL_RESIDUALS:
        return evaluate_residuals(run, request);
    case OPTIM_EVAL_JACOBIAN:
        return problem->jacobian(problem->user, request, run->opt);
    case OPTIM_EVAL_JVP:
        return problem->jvp(problem->user, request, run->opt);
    case OPTIM_EVAL_VJP:
        return problem->vjp(problem->user, request, run->opt);
    default:
        break;
    }
    if (request->kind == OPTIM_EVAL_LOSS && problem->loss != NULL)
        answer = problem->loss(problem->user, request, loss);
    else if (request->count > 0)
        answer = problem->component(problem->user, request, loss);
    else
        answer = problem->gradient(problem->user, request, loss);
    run->has_both = answer == 0 && request->kind == OPTIM_EVAL_LOSS && problem->loss == NULL;
    run->loss_of_both = *loss;
    watch(run, *loss);
    return answer;
}

void run_interrupt(run_t *run, int answer) {
    run->interrupted = true;
    run->result.callback = answer;
    run->result.reason = OPTIM_STOP_CALLBACK;
}
