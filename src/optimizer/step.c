/*
 * The life of a step. To the caller it is one call, or several where the method asks for further evaluations; to the
 * handle it is atomic: it is completed, or nothing has happened.
 *
 *     optim_step           begin: plan, schedules, roles; keep what undoing needs (undo.c)
 *        |
 *        v  gradient; of several ranks their mean (replicas.c)
 *     [loss_scale] [scale] [accumulate] [guard] [wrappers] [group_clip] [clip] [share] [methods]
 *     deliver.c: from the outermost
 *        each may filter the gradient, reduce, queue kernels ...                            station inwards (chain.c)
 *                                                    |
 *                     +------ asks ------------------+------ is done ------+
 *                     v                                                    v
 *     the queue is run; optim_step returns the request       finish: wrappers from the inside out, the last pass,
 *     the caller evaluates and calls again                   counts of steps; optim_step returns OPTIM_OK
 *     (of several ranks that share out the states each then brings what it has moved to all)
 *        |
 *        v  a gradient comes in from the outermost station again, up to the one that asked; losses, products and values
 *           of constraints go to that one directly. It goes on behind its STEP_ASK.
 *
 * Between two calls everything that is under way is in the handle: which request is open, which station has asked
 * (`asker`), and the line at which that station goes on (station_t.line). No thread or stack waits. Saving, loading
 * and optim_set are refused meanwhile; a line of source therefore never has to be written to a checkpoint.
 *
 * Undoing. optim_cancel, an error of a station, and a gradient that nonfinite= rejects all end in step_undo. Stations
 * are undone from the outermost (which moved the parameters last) to the method:
 *
 *     parameters      from the RESTORE_POINT of each station that has asked; wrappers by their undo_kernel
 *     memory          the structs, from the copy made in step_keep, of stations with the flag REQUESTS
 *     states          those that are marked `undone`, from their copies; others must not have been written yet
 *     random stream   back to its first number
 *
 * Several methods. The others wait for the one that asks, so that its evaluations differ in its own parameters alone
 * and nothing of theirs has to be undone; share keeps the gradient at the step's own point for them.
 *
 * A station that never asks needs none of that: it does not write before the gradient has passed every check that can
 * still reject it, and what it has queued is dropped with the queue.
 *
 * Finishing. Once the method is done nothing can fail any more, but an exchange, which takes nothing back (exchange.c).
 * Wrappers see the new parameters in the order opposite
 * to the gradient's (averages, slow weights), the boxes are kept, and one last pass runs all that is queued. Only then
 * the step counts.
 */
#include "base/error.h"
#include "kernels/random.h"
#include "optimizer/optimizer.h"
#include "optimizer/problem.h"

optim_status step_ready(optim_t *opt) {
    engine_t *engine = &opt->engine;
    states_await_copy(opt);
    optim_status status = refuse_swapped(opt, "stepping");
    if (status != OPTIM_OK)
        return status;
    if (engine->tensor_count == 0)
        return error_set(OPTIM_ERR_ORDER, "there is no parameter to step: optim_add_param first");
    const bool was_planned = engine->planned;
    replicas_settle(opt, engine);
    if ((status = replicas_check(opt)) != OPTIM_OK)
        return status;
    status = was_planned ? check_searches(opt) : check_plan(opt);
    if (status == OPTIM_OK && !was_planned)
        status = plan_build(engine);
    if (status != OPTIM_OK)
        return status;
    status = buffers_check(opt);
    if (status != OPTIM_OK && !was_planned)
        plan_free(engine);
    if (status == OPTIM_OK && engine->unsettled)
        status = cohorts_settle(engine);
    if (status == OPTIM_OK)
        status = sparse_check(opt);
    if (status != OPTIM_OK)
        return status;
    schedules_apply(opt);
    otherwise_take_options(opt);
    roles_settle(opt);
    opt->reads_loss = chain_reads_loss(opt);
    return OPTIM_OK;
}

optim_status step_open(optim_t *opt) {
    engine_t *engine = &opt->engine;
    const optim_status status = step_ready(opt);
    if (status != OPTIM_OK)
        return status;
    engine->seed = (uint64_t)handle_option_value(opt, SEED);
    engine->rounding_key = random_word(engine->seed, (uint64_t)opt->steps);
    step_keep(opt);
    constraints_begin(opt);
    opt->evaluation = 1;
    return OPTIM_OK;
}

/* A wrapper that steps ahead has counted its inner steps, and finished them. */
static optim_status finish(optim_t *opt) {
    const station_t *ahead = opt->engine.ahead;
    return exchange_or_end(opt, ahead == NULL ? 0 : chain_position(opt, ahead));
}

/* An error inside a step: back to where it began. A rejected gradient may be an error or a step passed over. */
static optim_status fail(optim_t *opt, optim_status status) {
    const bool rejected = opt->engine.rejected, moved = opt->evaluation > 1;
    opt->engine.rejected = false;
    step_undo(opt);
    if (moved)
        status = replicas_publish(opt, status);
    if (!rejected || status == OPTIM_ERR_COMM)
        return status;
    if (!nonfinite_skips(opt))
        return nonfinite_name(opt);
    if ((status = nonfinite_limit(opt)) != OPTIM_OK)
        return status;
    sparse_use_up(&opt->engine);
    ++opt->skipped;
    return OPTIM_OK;
}

/* What the buffers hold is the last of the micro-batches that the step before has used up. */
static optim_status refuse_used_up(const optim_t *opt) {
    if (opt->open != OPTIM_OK || accumulation_exists(opt) || !accumulation_has_memory(opt))
        return OPTIM_OK;
    return error_set(OPTIM_ERR_ORDER, "no gradient has been accumulated since the last step: with accumulate=1 call "
                                      "optim_accumulate for every micro-batch, if only one, before optim_step");
}

/* Whether what is to be delivered is there. */
static optim_status look(optim_t *opt, bool given) {
    optim_status status = opt->open == OPTIM_OK ? step_open(opt) : OPTIM_OK;
    if (status != OPTIM_OK)
        return status;
    const bool arrives = step_arrival(opt) == opt->engine.station_count - 1;
    if (arrives && !given && (status = refuse_used_up(opt)) != OPTIM_OK)
        return status;
    accumulation_use(opt, arrives);
    status = refuse_missing_answer(opt);
    return status == OPTIM_OK ? inputs_check(opt) : status;
}

optim_status step_take(optim_t *opt, bool given) {
    if (opt->open == OPTIM_EXCHANGE)
        return exchange_again(opt);
    optim_status status = replicas_meet(opt, look(opt, given));
    if (status != OPTIM_OK)
        return status;
    const int from = step_arrival(opt);
    if (opt->open == OPTIM_OK)
        norm_log_begin(opt);
    if (from == opt->engine.station_count - 1) {
        opt->engine.filters.count = 0;
        opt->engine.gradient_roles = opt->open == OPTIM_OK ? 0 : opt->engine.request.roles;
    }
    const bool is_product = opt->open == OPTIM_EVAL_HVP || opt->open == OPTIM_EVAL_VJP;
    opt->engine.rejected = is_product ? !products_take(opt) : !answers_are_finite(opt);
    status = opt->engine.rejected ? OPTIM_ERR_NONFINITE : step_deliver(opt, from, 0);
    const optim_status lost = replicas_refuse_lost(opt);
    if (lost != OPTIM_OK)
        status = lost;
    accumulation_clear(opt);
    opt->open = status > 0 ? status : OPTIM_OK;
    opt->has_loss = opt->answers.complete = false;
    if (status < 0)
        return fail(opt, status);
    if (status == OPTIM_EVAL_HVP || status == OPTIM_EVAL_JVP)
        products_clear(opt);
    if (status == OPTIM_EVAL_GRAD || status == OPTIM_EVAL_HVP)
        constraints_ask(opt);
    if (status > 0)
        ++opt->evaluation;
    else
        status = finish(opt);
    return replicas_publish(opt, status);
}

bool step_holds_gradient(const optim_t *opt, held_t *held) {
    const station_t *method = chain_method(opt);
    *held = (held_t){loss_sign(opt) * method->held_loss, method->held_norm, method->any_short ? -1 : method->held_row};
    return method->holds_gradient;
}

void step_begin_anew(optim_t *opt) {
    chain_forget_gradient(opt);
    if (opt->has_bounds)
        pass_flush(&opt->engine, &(pass_end_t){.project = true});
}

/* ---- Calls ---- */

optim_status optim_step(optim_t *opt) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_by_param(opt, "a step of all parameters");
    if (status != OPTIM_OK)
        return status;
    return opt->engine.tensor_count > 0 ? step_take(opt, false) : refuse_swapped(opt, "stepping");
}

optim_status optim_set_loss(optim_t *opt, double loss) {
    const optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK) {
        opt->loss = loss_sign(opt) * loss;
        opt->has_loss = true;
    }
    return status;
}

optim_status optim_cancel(optim_t *opt) {
    const optim_status status = refuse_null(opt, "opt");
    if (status != OPTIM_OK)
        return status;
    const optim_status by_param = refuse_by_param(opt, "taking the step back, of which a part has been taken,");
    if (by_param != OPTIM_OK)
        return by_param;
    if (opt->open == OPTIM_OK)
        return error_set(OPTIM_ERR_CLOSED, "no request is open: there is no step to cancel");
    if (opt->open == OPTIM_EXCHANGE)
        return exchange_give_up(opt);
    step_undo(opt);
    return replicas_publish(opt, OPTIM_OK);
}

optim_status optim_reset(optim_t *opt) {
    const optim_status status = refuse_handle(opt, NOT_OPEN | NOT_SWAPPED, "resetting");
    if (status != OPTIM_OK)
        return status;
    opt->steps = opt->skipped = 0;
    opt->accumulation_scale = 0;
    opt->norm_log.count = 0;
    schedules_restart(opt);
    opt->has_loss = opt->replicas.compared = false;
    if (!opt->engine.planned)
        return OPTIM_OK;
    for (size_t i = 0; i < opt->engine.tensor_count; ++i)
        if (tensor_is_frozen(&opt->engine.tensors[i]) && opt->engine.tensors[i].states_taken)
            plan_drop_states(&opt->engine, &opt->engine.tensors[i]);
    plan_initialise(&opt->engine, false);
    return OPTIM_OK;
}

int optim_wants_gradient(const optim_t *opt) {
    return opt != NULL && opt->open == OPTIM_OK && !begins_without_gradient(opt);
}

int64_t optim_steps(const optim_t *opt) {
    return opt == NULL ? 0 : opt->steps;
}

int64_t optim_skipped(const optim_t *opt) {
    return opt == NULL ? 0 : opt->skipped;
}
