/* A gradient on its way through the chain, from the station at which it arrives inwards. */
#include "optimizer/optimizer.h"
#include "optimizer/problem.h"

int step_arrival(const optim_t *opt) {
    const engine_t *engine = &opt->engine;
    if (opt->open == OPTIM_OK && begins_without_gradient(opt))
        return engine->method_count - 1; /* nothing new: the method goes on from what it holds */
    if (opt->open == OPTIM_OK || opt->open == OPTIM_EVAL_GRAD)
        return engine->station_count - 1;
    return opt->waiting;
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
    station->held_loss = s.held_loss;
    station->held_norm = s.held_norm;
    station->next_sample = s.next_sample;
    return status;
}

optim_status step_deliver(optim_t *opt, int from, int to) {
    bool check_finite = false;
    for (int l = from; l >= to; --l) {
        const optim_status status = advance(opt, l, &check_finite);
        if (status > 0)
            opt->waiting = l;
        if (status != OPTIM_OK)
            return status;
    }
    return OPTIM_OK;
}
