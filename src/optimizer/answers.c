/* Whether the open request has been answered in full, and whether the answer is finite. */
#include <math.h>

#include "base/error.h"
#include "optimizer/optimizer.h"
#include "optimizer/problem.h"

bool asks_for_all(const optim_t *opt) {
    const station_t *station = chain_method(opt);
    const method_t *method = station->method;
    return opt->engine.method_count == 1 && (method->flags & ASKS_FOR_ALL) && /* others read the step's gradient */
           (method->asks_for_all == NULL || method->asks_for_all(station_option(station, station->first_group)));
}

bool begins_without_gradient(const optim_t *opt) {
    const station_t *method = chain_method(opt);
    return method->holds_gradient || (method->method->flags & VALUES_ONLY) || asks_for_all(opt);
}

bool answer_needs_loss(const optim_t *opt) {
    switch (opt->open) {
    case OPTIM_OK:
        return opt->reads_loss && !begins_without_gradient(opt);
    case OPTIM_EVAL_GRAD:
        return opt->reads_loss;
    default:
        return opt->open == OPTIM_EVAL_LOSS;
    }
}

optim_status refuse_missing_loss(const optim_t *opt) {
    if (opt->has_loss || !answer_needs_loss(opt))
        return OPTIM_OK;
    return error_set(OPTIM_ERR_LOSS, "\"%s\" reads the loss: hand it over with optim_set_loss before optim_step",
                     chain_method(opt)->name);
}

optim_status refuse_missing_answer(const optim_t *opt) {
    if (opt->open == OPTIM_EVAL_LOSSES && !opt->answers.complete)
        return error_set(OPTIM_ERR_LOSS,
                         "\"%s\" reads the losses of components: hand them over with optim_set_losses "
                         "before optim_step",
                         opt->engine.stations[opt->asker]->name);
    if (opt->open == OPTIM_EVAL_CONSTRAINTS && !opt->answers.complete)
        return error_set(OPTIM_ERR_ORDER,
                         "\"%s\" reads the values of the constraints: fill what "
                         "optim_constraint_values points to before optim_step",
                         opt->engine.stations[opt->asker]->name);
    if (opt->open == OPTIM_EVAL_RESIDUALS && !opt->answers.complete)
        return error_set(OPTIM_ERR_ORDER,
                         "\"%s\" reads the residuals: fill what optim_residual_values points to before optim_step",
                         opt->engine.stations[opt->asker]->name);
    if (opt->open == OPTIM_EVAL_JVP && !opt->answers.complete)
        return error_set(
            OPTIM_ERR_ORDER,
            "\"%s\" reads a product with the Jacobian: fill what optim_jvp_result points to before optim_step",
            opt->engine.stations[opt->asker]->name);
    return refuse_missing_loss(opt);
}

static bool all_finite(const double *value, size_t count) {
    for (size_t i = 0; i < count; ++i)
        if (!isfinite(value[i]))
            return false;
    return true;
}

bool answers_are_finite(const optim_t *opt) {
    if ((int)handle_option_value(opt, NONFINITE) == NONFINITE_PROPAGATE ||
        (opt->engine.stations[opt->asker]->method->flags & SEARCHES))
        return true;
    if (opt->open == OPTIM_EVAL_LOSSES)
        return all_finite(opt->answers.losses, (size_t)opt->engine.request.count);
    return opt->open != OPTIM_EVAL_CONSTRAINTS || all_finite(opt->engine.constraint, engine_constraints(&opt->engine));
}
