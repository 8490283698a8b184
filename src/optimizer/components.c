/* Finite sums: how many components there are, and their losses. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "optimizer/optimizer.h"
#include "optimizer/problem.h"

/* Memory that is taken depends on their number: a table by component, or places drawn. */
static bool memory_depends(const optim_t *opt) {
    if (!opt->engine.planned)
        return false;
    for (int l = 0; l < opt->engine.station_count; ++l) {
        const method_t *method = opt->engine.stations[l]->method;
        bool depends = method->flags & NEEDS_COMPONENTS;
        for (const state_t *state = method->states; state != NULL && state->name != NULL; ++state)
            depends |= state->each == EACH_COMPONENT || state->each == EACH_PAIR;
        for (const field_t *field = method->fields; field_is_row(field); ++field)
            depends |= field->each == EACH_COMPONENT || field->each == EACH_PAIR;
        if (depends)
            return true;
    }
    return false;
}

optim_status optim_set_components(optim_t *opt, int64_t count) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK && (count < 1 || count > PROBLEM_MOST))
        status = error_set(OPTIM_ERR_ARGUMENT, "there cannot be %" PRId64 " components; valid: 1 to %" PRId64, count,
                           PROBLEM_MOST);
    if (status == OPTIM_OK)
        status = refuse_open(opt, "changing the number of components");
    if (status == OPTIM_OK && count != opt->engine.components && memory_depends(opt))
        status = error_set(OPTIM_ERR_ORDER,
                           "the number of components decides about memory that is taken already: say it before the "
                           "first step");
    if (status == OPTIM_OK)
        opt->engine.components = count;
    return status;
}

optim_status optim_set_losses(optim_t *opt, const double *losses, size_t count) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_null(losses, "losses");
    if (status == OPTIM_OK && opt->open != OPTIM_EVAL_LOSSES)
        status = error_set(OPTIM_ERR_CLOSED, "no losses of components are asked for");
    if (status != OPTIM_OK)
        return status;
    answers_t *answers = &opt->answers;
    if (count != (uint64_t)opt->engine.request.count)
        return error_set(OPTIM_ERR_ARGUMENT,
                         "%zu losses are no answer to a request for those of %" PRId64 " components", count,
                         opt->engine.request.count);
    void *grown = answers->losses;
    if (!memory_grow(&grown, &answers->losses_capacity, count, sizeof *answers->losses))
        return error_nomem("taking losses of components");
    answers->losses = grown;
    for (size_t i = 0; i < count; ++i)
        answers->losses[i] = loss_sign(opt) * losses[i];
    answers->complete = true;
    return OPTIM_OK;
}
