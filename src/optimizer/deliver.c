/* A gradient on its way through the chain, from the station at which it arrives inwards. */
#include "optimizer/optimizer.h"
#include "optimizer/problem.h"

int step_arrival(const optim_t *opt) {
    const engine_t *engine = &opt->engine;
    if (opt->open == OPTIM_OK && begins_without_gradient(opt))
        return engine->method_count - 1; /* nothing new: the method goes on from what it holds */
    if (opt->open == OPTIM_OK || opt->open == OPTIM_EVAL_GRAD)
        return engine->station_count - 1;
    return opt->asker;
}

/* Calls one station; keeps what it says about itself. */
static optim_status advance(optim_t *opt, int l, bool *check_finite) {
    station_t *station = opt->engine.stations[l];
    if (station->method->advance == NULL && !station->is_method)
        return OPTIM_OK;
    step_t s = step_make(opt, station);
    s.check_finite = *check_finite;
    optim_status status = OPTIM_OK;
    if (station->method->advance != NULL)
        status = station->method->advance(&s);
    else
        step_update(&s, 0, NULL);
    opt->loss = s.loss;
    *check_finite = s.check_finite;
    station->line = status > 0 ? opt->engine.next_line : 0;
    station->moved |= status > 0;
    station->called = true;
    station->holds_gradient = s.holds_gradient;
    station->is_spent = s.is_spent;
    station->held_loss = s.held_loss;
    station->held_norm = s.held_norm;
    station->held_row = s.held_row;
    station->next_sample = s.next_sample;
    return status;
}

static optim_status advance_or_wait(optim_t *opt, int l, bool *check_finite) {
    const optim_status status = advance(opt, l, check_finite);
    if (status > 0)
        opt->asker = l;
    return status;
}

/* The method that asks, until it is done; then the others, with the gradient and loss that the station `share` keeps
 * for them if it has asked. None of these can fail: see check_plan. */
static optim_status advance_methods(optim_t *opt, bool *check_finite) {
    engine_t *engine = &opt->engine;
    const station_t *asker = engine_asker(engine);
    optim_status status = asker == NULL ? OPTIM_OK : advance_or_wait(opt, chain_position(opt, asker), check_finite);
    if (status == OPTIM_OK && asker != NULL && asker->moved) {
        engine->gradient_roles = 0;
        status = advance(opt, engine->method_count, check_finite);
    }
    for (int l = engine->method_count - 1; status == OPTIM_OK && l >= 0; --l)
        if (engine->stations[l] != asker)
            status = advance_or_wait(opt, l, check_finite);
    return status;
}

optim_status step_deliver(optim_t *opt, int from, int to) {
    const int methods = opt->engine.method_count;
    bool check_finite = false;
    optim_status status = OPTIM_OK;
    for (int l = from; status == OPTIM_OK && l >= to && l >= methods; --l) {
        status = advance_or_wait(opt, l, &check_finite);
        if (opt->engine.stations[l] == opt->engine.ahead) /* it takes the steps of what is further in */
            return status;
    }
    return status == OPTIM_OK && to < methods ? advance_methods(opt, &check_finite) : status;
}
