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

int run_evaluate(run_t *run, const optim_request *request, double *loss) {
    const optim_problem *problem = &run->problem;
    int answer;
    *loss = NAN;
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
        answer = problem->loss(problem->user, request, loss);
    else if (request->count > 0)
        answer = problem->component(problem->user, request, loss);
    else
        answer = problem->gradient(problem->user, request, loss);
    watch(run, *loss);
    return answer;
}

void run_interrupt(run_t *run, int answer) {
    run->interrupted = true;
    run->result.callback = answer;
    run->result.reason = OPTIM_STOP_CALLBACK;
}
