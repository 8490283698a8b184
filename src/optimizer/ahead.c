/*
 * A wrapper that steps ahead: one step of the handle is a run of steps of what it wraps, some of which it may take
 * back. The wrapper asks for its gradients, keeps them, and behind its last answer calls step_inner for each:
 *
 *     optim_step:   gradient -> wrapper -> asks ... asks | step_inner, step_inner, ... | finish of the wrapper itself
 *                                                             |
 *                                     schedules; stations further in; their finish; the pass that completes a step;
 *                                     counts of the handle and its tensors
 *
 * Memory and kept states of the stations further in have a second place, filled when the handle's step begins, as if
 * they were `undone`; so step_rewind and step_undo are the same copy back. Options as schedules have left them are not
 * put back: every step applies schedules anew.
 */
#include "optimizer/optimizer.h"

static optim_t *handle_of(engine_t *engine) {
    return (void *)engine; /* its first member */
}

static optim_status take_inner(engine_t *engine, double loss) {
    optim_t *opt = handle_of(engine);
    const int last = chain_position(opt, engine->ahead) - 1;
    engine->ahead->moved = true; /* its RESTORE_POINT is valid */
    opt->loss = loss;
    schedules_apply(opt);
    otherwise_take_options(opt);
    for (int l = 0; l <= last; ++l)
        engine->stations[l]->called = false;
    const optim_status status = step_deliver(opt, last, 0);
    if (status == OPTIM_OK)
        step_finish(opt, 0, last, opt->steps + 1, false);
    else
        engine->updates.count = engine->filters.count = 0; /* the wrapper may go on without this step */
    return status;
}

static void rewind_engine(engine_t *engine) {
    step_rewind_inner(handle_of(engine));
}

void ahead_connect(engine_t *engine) {
    engine->take_inner = take_inner;
    engine->rewind = rewind_engine;
}
