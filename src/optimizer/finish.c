/* The end of a step: stations are told that it is complete, one last pass runs what they queue, and the step counts. */
#include "kernels/random.h"
#include "optimizer/optimizer.h"

static bool any_rounds_masters(const engine_t *engine) {
    for (int g = 0; g < engine->group_count; ++g) {
        const double *option = station_option(engine->storage, g);
        if ((int)option[MASTER] == MASTER_F32 && (int)option[ROUNDING] == ROUND_STOCHASTIC)
            return true;
    }
    return false;
}

pass_end_t step_close(optim_t *opt, int first, int last, int64_t steps, bool zero_gradient) {
    engine_t *engine = &opt->engine;
    const bool leaves_box = opt->has_bounds && !(chain_method(opt)->method->flags & KEEPS_BOX);
    bool moved = leaves_box || engine->method_count > 1;
    if (opt->has_bounds && chain_wrapper(opt, 0) != NULL)
        step_project(engine); /* what wrappers average or keep lies in the box too */
    for (int l = first; l <= last; ++l) {
        station_t *station = engine->stations[l];
        station->moved = false;
        if (station->method->finish == NULL)
            continue;
        step_t s = step_make(opt, station);
        station->method->finish(&s);
        /* averages only read the parameters, and the engine's own stations do not look at them */
        moved |= station->is_wrapper && !(station->method->flags & INCLUDES_FROZEN);
    }
    if (moved)
        chain_forget_gradient(opt);
    engine->rounding_key = random_word(engine->seed, (uint64_t)steps);
    return (pass_end_t){
        .project = opt->has_bounds, .zero_gradient = zero_gradient, .round = any_rounds_masters(engine)};
}

void step_count(optim_t *opt, int64_t steps) {
    if (steps > opt->steps)
        cohorts_count_step(&opt->engine);
    opt->steps = steps;
}

void step_finish(optim_t *opt, int first, int last, int64_t steps, bool zero_gradient) {
    const pass_end_t end = step_close(opt, first, last, steps, zero_gradient);
    pass_flush(&opt->engine, &end);
    opt->engine.filters.count = 0;
    step_count(opt, steps);
}

void step_end(optim_t *opt, int from) {
    const engine_t *engine = &opt->engine;
    step_finish(opt, from, engine->station_count - 1, opt->steps + (engine->ahead == NULL),
                handle_option_value(opt, ZERO_GRAD) != 0);
    sparse_use_up(&opt->engine);
    norm_log_finish(opt);
}
