/* Constraints: how many there are, their values, and the weights with which gradients take them in. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "optimizer/optimizer.h"
#include "optimizer/problem.h"

optim_status optim_set_constraints(optim_t *opt, int64_t equalities, int64_t inequalities) {
    optim_status status = refuse_null(opt, "opt");
    const int64_t given[] = {equalities, inequalities};
    for (int i = 0; status == OPTIM_OK && i < 2; ++i)
        if (given[i] < 0 || given[i] > PROBLEM_MOST)
            status = error_set(OPTIM_ERR_ARGUMENT, "there cannot be %" PRId64 " %s; valid: 0 to %" PRId64, given[i],
                               i == 0 ? "equalities" : "inequalities", PROBLEM_MOST);
    if (status == OPTIM_OK)
        status = refuse_planned(opt, "saying how many constraints there are");
    if (status == OPTIM_OK) {
        opt->engine.equalities = equalities;
        opt->engine.inequalities = inequalities;
    }
    return status;
}

optim_status optim_constraint_values(optim_t *opt, double **values) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_null(values, "values");
    if (status == OPTIM_OK && opt->open != OPTIM_EVAL_CONSTRAINTS)
        status = error_set(OPTIM_ERR_CLOSED, "no values of constraints are asked for");
    if (status == OPTIM_OK) {
        *values = opt->engine.constraint;
        opt->answers.complete = true;
    }
    return status;
}

optim_status optim_constraint_weights(const optim_t *opt, const double **weights) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_null(weights, "weights");
    if (status == OPTIM_OK && opt->own_weights == NULL && opt->open != OPTIM_EVAL_GRAD && opt->open != OPTIM_EVAL_HVP)
        status = error_set(OPTIM_ERR_CLOSED, "no gradient or product is asked for that could take constraints in");
    if (status == OPTIM_OK && opt->own_weights != NULL)
        *weights = opt->own_weights;
    else if (status == OPTIM_OK)
        *weights = engine_constraints(&opt->engine) > 0 ? opt->engine.asked_weights : NULL;
    return status;
}

void constraints_begin(optim_t *opt) {
    const size_t count = engine_constraints(&opt->engine);
    if (count > 0)
        memset(opt->engine.weights, 0, count * sizeof *opt->engine.weights);
}

void constraints_ask(optim_t *opt) {
    engine_t *engine = &opt->engine;
    const double sign = loss_sign(opt);
    for (size_t j = 0; j < engine_constraints(engine); ++j)
        engine->asked_weights[j] = sign * engine->weights[j];
}
