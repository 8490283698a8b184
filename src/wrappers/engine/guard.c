/*
 * The engine's station just outside the wrappers: options of the whole handle, and the check that what arrives is
 * finite, when nonfinite= or a loss scale asks for it. Without wrappers in between, clip makes that check, since it may
 * be summing the gradient anyway.
 */
#include <math.h>

#include "blocks/reduce.h"
#include "engine/engine.h"
#include "engine/handle_option.h"

static const option_t OPTIONS[] = {
    [NONFINITE] = {"nonfinite", NONFINITE_PROPAGATE, "propagate|skip|error",
                   "what a NaN or infinite gradient does to the step"},
    [ZERO_GRAD] = {"zero_grad", 0, "0|1", "leave the gradients zero when a step is complete"},
    [SEED] = {"seed", 1, "integer [0,9007199254740992]", "seed of the handle's random stream"},
    [SKIP_LIMIT] = {"skip_limit", 0, "integer [0,inf)",
                    "steps that may be passed over in a row, one more is an error; 0: any number", .zero_apart = true},
    {0},
};

static const field_t FIELDS[] = {
    {"skips", "steps passed over in a row", FIELD(OF_METHOD, guarded_t, skips)},
    {0},
};

static void finish(step_t *s) {
    ((guarded_t *)s->memory)->skips = 0;
}

static optim_status advance(step_t *s) {
    const bool checks = s->check_finite || (int)s->option[NONFINITE] != NONFINITE_PROPAGATE;
    s->check_finite = false;
    if (!checks || s->is_trial)
        return OPTIM_OK;
    const bool is_read = s->first || s->engine->ahead != NULL; /* the loss, by inner steps; others tell trials by it */
    if (is_read && s->reads_loss && !isfinite(s->loss))
        return step_reject(s);
    s->check_finite = !s->wrapped;
    return s->wrapped && isnan(step_sums(s, 0, NULL, 1)[0]) ? step_reject(s) : OPTIM_OK;
}

const method_t METHOD(guard) = {
    .name = "guard",
    .purpose = "options of the handle",
    .options = OPTIONS,
    .fields = FIELDS,
    .memory = sizeof(guarded_t),
    .advance = advance,
    .finish = finish,
    .kernels = {nonfinite},
};
