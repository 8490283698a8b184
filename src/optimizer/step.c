/*
 * The life of a step. A gradient that arrives goes through the stations from the outermost to the methods; a station that
 * wants another evaluation returns a request and goes on where it asked when the answer has gone through
 * the stations outside it. When the methods are done, the stations finish from the inside out, and what is still queued is
 * run in one last pass.
 */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "kernels/random.h"
#include "optimizer/optimizer.h"
#include "optimizer/problem.h"

step_t step_make(optim_t *opt, station_t *station) {
    engine_t *engine = &opt->engine;
    return (step_t){
        .t = (double)(opt->steps + 1),
        .line = station->line,
        .loss = opt->loss,
        .option = station_option(station, station->first_group),
        .scalar = station->scalar + (size_t)station->first_group * station->states,
        .memory = station->memory,
        .groups = station->per_group ? station->groups : engine->group_count,
        .holds_gradient = station->holds_gradient,
        .held_loss = station->held_loss,
        .held_norm = station->held_norm,
        .next_sample = method_first_sample(station->method),
        .first = !station->called,
        .evaluation = opt->evaluation,
        .wrapped = engine->station_count > engine->method_count + REGISTRY_ENGINE_COUNT,
        .accumulation = opt->accumulation,
        .accumulation_factor = opt->accumulation == ACCUMULATION_MEAN ? accumulation_mean(opt, 1) : 0,
        .reads_loss = opt->reads_loss,
        .searches = engine->stations[0]->method->flags & SEARCHES,
        .seed = engine->seed,
        .components = engine->components,
        .losses = opt->answers.losses,
        .equalities = engine->equalities,
        .inequalities = engine->inequalities,
        .constraint = engine->constraint,
        .weights = engine->weights,
        .engine = engine,
        .station = station,
    };
}

static bool station_reads_loss(const station_t *station) {
    const method_t *method = station->method;
    return (method->flags & READS_LOSS) &&
           (method->reads_loss == NULL || method->reads_loss(station_option(station, station->first_group)));
}

static bool any_reads_loss(const engine_t *engine) {
    for (int l = 0; l < engine->station_count; ++l)
        if (station_reads_loss(engine->stations[l]))
            return true;
    return false;
}

/* ---- Undoing ---- */

/* Stations that ask have their memory back as it was when the step began. */
static void keep_memory(const station_t *station) {
    memcpy(station->numbers_backup, station->numbers, station->number_count * sizeof *station->numbers);
    if (station->memory_bytes > 0)
        memcpy(station->memory_backup, station->memory, station->memory_bytes);
}
static void restore_memory(const station_t *station) {
    memcpy(station->numbers, station->numbers_backup, station->number_count * sizeof *station->numbers);
    if (station->memory_bytes > 0)
        memcpy(station->memory, station->memory_backup, station->memory_bytes);
}

/* Stations that moved the parameters for an evaluation put them back, the outermost (which moved them last) first. */
static void undo_stations(optim_t *opt) {
    engine_t *engine = &opt->engine;
    engine->updates.count = engine->filters.count = 0;
    for (int l = engine->station_count - 1; l >= 0; --l) {
        station_t *station = engine->stations[l];
        if (station->moved)
            pass_restore(engine, station);
        if (station->called && station->method->undo_kernel != 0) {
            step_t s = step_make(opt, station);
            step_update(&s, station->method->undo_kernel, NULL);
            pass_flush(engine, &(pass_end_t){.project = opt->has_bounds && opt->steps > 0});
        }
        station->called = false;
        if (station->method->flags & REQUESTS)
            restore_memory(station);
        station->line = 0;
        station->moved = false;
    }
    engine->draws = engine->draws_backup;
}

void step_undo(optim_t *opt) {
    undo_stations(opt);
    accumulation_clear(opt);
    opt->open = OPTIM_OK;
    opt->has_loss = false;
}

/* ---- One call of optim_step ---- */

optim_status step_ready(optim_t *opt) {
    engine_t *engine = &opt->engine;
    if (opt->swapped != NULL)
        return error_set(OPTIM_ERR_SWAPPED, "the output is swapped in: optim_swap_output before stepping");
    if (engine->tensor_count == 0)
        return error_set(OPTIM_ERR_ORDER, "there is no parameter to step: optim_add_param first");
    const bool was_planned = engine->planned;
    optim_status status = was_planned ? OPTIM_OK : check_plan(opt);
    if (status == OPTIM_OK && !was_planned)
        status = plan_build(engine);
    if (status != OPTIM_OK)
        return status;
    status = buffers_check(opt);
    if (status != OPTIM_OK && !was_planned)
        plan_free(engine);
    if (status == OPTIM_OK && engine->unsettled)
        status = cohorts_settle(engine);
    if (status != OPTIM_OK)
        return status;
    schedules_apply(opt);
    roles_settle(opt);
    opt->reads_loss = any_reads_loss(engine);
    return OPTIM_OK;
}

static optim_status begin(optim_t *opt) {
    engine_t *engine = &opt->engine;
    const optim_status status = step_ready(opt);
    if (status != OPTIM_OK)
        return status;
    engine->seed = (uint64_t)handle_option_value(opt, SEED);
    engine->draws_backup = engine->draws;
    engine->rounding_key = random_word(engine->seed, (uint64_t)opt->steps);
    for (int l = 0; l < engine->station_count; ++l) {
        station_t *station = engine->stations[l];
        station->called = false;
        if (station->method->flags & REQUESTS)
            keep_memory(station);
    }
    norm_log_begin(opt);
    constraints_begin(opt);
    opt->evaluation = 1;
    return OPTIM_OK;
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

static bool any_rounds_masters(const engine_t *engine) {
    for (int g = 0; g < engine->group_count; ++g) {
        const double *option = station_option(engine->storage, g);
        if ((int)option[MASTER] == MASTER_F32 && (int)option[ROUNDING] == ROUND_STOCHASTIC)
            return true;
    }
    return false;
}

static void finish(optim_t *opt) {
    engine_t *engine = &opt->engine;
    bool moved = opt->has_bounds;
    if (opt->has_bounds && engine->station_count > engine->method_count + REGISTRY_ENGINE_COUNT)
        step_project(engine); /* what wrappers average or keep lies in the box too */
    for (int l = 0; l < engine->station_count; ++l) {
        station_t *station = engine->stations[l];
        station->moved = false;
        if (station->method->finish == NULL)
            continue;
        step_t s = step_make(opt, station);
        station->method->finish(&s);
        moved |= !(station->method->flags & INCLUDES_FROZEN); /* averages look, the others move */
    }
    if (moved)
        for (int l = 0; l < engine->method_count; ++l)
            engine->stations[l]->holds_gradient = false;
    engine->rounding_key = random_word(engine->seed, (uint64_t)opt->steps + 1);
    const pass_end_t end = {.project = opt->has_bounds,
                            .zero_gradient = handle_option_value(opt, ZERO_GRAD) != 0,
                            .round = any_rounds_masters(engine)};
    pass_flush(engine, &end);
    engine->filters.count = 0;
    ++opt->steps;
    cohorts_count_step(engine);
    norm_log_finish(opt);
}

/* The first element that is not finite, for the error's sentence. */
static optim_status name_nonfinite(const optim_t *opt) {
    enum { PIECE = 256 };
    double piece[PIECE];
    for (size_t i = 0; i < opt->engine.tensor_count; ++i) {
        const tensor_t *tensor = &opt->engine.tensors[i];
        const size_t size = dtype_size(tensor->grad_dtype);
        for (size_t offset = 0; tensor_has_gradient(tensor) && offset < tensor->count; offset += PIECE) {
            const size_t left = tensor->count - offset, n = left < PIECE ? left : PIECE;
            opt->engine.primitives->load_f64(tensor->grad_dtype, n, (const char *)tensor->grad + offset * size, piece);
            for (size_t j = 0; j < n; ++j)
                if (!isfinite(piece[j]))
                    return error_set(OPTIM_ERR_NONFINITE,
                                     "the gradient of parameter \"%s\" is %g at element %zu; the step was undone",
                                     tensor->name, piece[j], offset + j);
        }
    }
    return error_set(
        OPTIM_ERR_NONFINITE,
        "the loss, a Hessian-vector product, or the gradient once accumulated and scaled, is not finite; the step was "
        "undone");
}

/* An error inside a step: back to where it began. A rejected gradient may be an error or a step passed over. */
static optim_status fail(optim_t *opt, optim_status status) {
    const bool rejected = opt->engine.rejected;
    bool skips = (int)handle_option_value(opt, NONFINITE) == NONFINITE_SKIP;
    opt->engine.rejected = false;
    step_undo(opt);
    if (!rejected)
        return status;
    for (int i = 0; i < REGISTRY_ENGINE_COUNT; ++i) {
        step_t s = step_make(opt, handle_engine_station(opt, i));
        skips |= s.station->method->rejected != NULL && s.station->method->rejected(&s);
    }
    if (!skips)
        return name_nonfinite(opt);
    ++opt->skipped;
    return OPTIM_OK;
}

optim_status refuse_missing_loss(const optim_t *opt) {
    if (opt->has_loss || !answer_needs_loss(opt))
        return OPTIM_OK;
    return error_set(OPTIM_ERR_LOSS, "\"%s\" reads the loss: hand it over with optim_set_loss before optim_step",
                     opt->engine.stations[0]->name);
}

static void clear_direction(const station_t *station, size_t tensor) {
    for (size_t k = 0; k < station->states; ++k) {
        const slot_t *slot = &station->slot[tensor * station->states + k];
        if (station->method->states[k].role == DIRECTION && slot->at != NULL)
            memset(slot->at, 0, slot->bytes);
    }
}

/* A frozen parameter has no part in the direction, nor has one whose role the request leaves out. */
static void clear_directions(const optim_t *opt) {
    const engine_t *engine = &opt->engine;
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        const tensor_t *tensor = &engine->tensors[i];
        if (tensor_is_frozen(tensor) || !role_is_among(engine->request.roles, tensor->role))
            clear_direction(engine->stations[opt->waiting], i);
    }
}

/* Products are of the function that methods minimize: negated with it. False: they are not finite, and nonfinite=
   cares. */
static bool take_products(const optim_t *opt) {
    const station_t *station = opt->engine.stations[opt->waiting];
    const bool look = (int)handle_option_value(opt, NONFINITE) != NONFINITE_PROPAGATE, negate = loss_sign(opt) < 0;
    for (size_t i = 0; (look || negate) && i < opt->engine.tensor_count; ++i)
        for (size_t k = 0; k < station->states; ++k) {
            const tensor_t *tensor = &opt->engine.tensors[i];
            void *product = station->slot[i * station->states + k].at;
            if (station->method->states[k].role != PRODUCT || product == NULL || tensor_is_frozen(tensor))
                continue;
            const bool wide = tensor_precision(tensor) == PRECISION_F64;
            for (size_t j = 0; j < tensor->count; ++j) {
                const double value = wide ? ((double *)product)[j] : (double)((float *)product)[j];
                if (look && !isfinite(value))
                    return false;
                if (negate && wide)
                    ((double *)product)[j] = -value;
                else if (negate)
                    ((float *)product)[j] = (float)-value;
            }
        }
    return true;
}

/* The station at which what has been evaluated arrives. */
static int arrival(const optim_t *opt) {
    const engine_t *engine = &opt->engine;
    if (opt->open == OPTIM_OK && begins_without_gradient(opt))
        return engine->method_count - 1; /* nothing new: the method goes on from what it holds */
    if (opt->open == OPTIM_OK || opt->open == OPTIM_EVAL_GRAD)
        return engine->station_count - 1;
    return opt->waiting;
}

/* What the buffers hold is the last of the micro-batches that the step before has used up. */
static optim_status refuse_used_up(const optim_t *opt) {
    if (opt->open != OPTIM_OK || accumulation_exists(opt) || !accumulation_has_memory(opt))
        return OPTIM_OK;
    return error_set(OPTIM_ERR_ORDER, "no gradient has been accumulated since the last step: with accumulate=1 call "
                                      "optim_accumulate for every micro-batch, if only one, before optim_step");
}

optim_status step_take(optim_t *opt, bool given) {
    optim_status status = opt->open == OPTIM_OK ? begin(opt) : OPTIM_OK;
    if (status != OPTIM_OK)
        return status;
    const int from = arrival(opt);
    const bool arrives = from == opt->engine.station_count - 1;
    if (arrives && !given && (status = refuse_used_up(opt)) != OPTIM_OK)
        return status;
    opt->accumulation = arrives && accumulation_exists(opt) ? ACCUMULATION_MEAN : ACCUMULATION_NONE;
    if (opt->accumulation == ACCUMULATION_MEAN && !opt->has_loss) {
        opt->loss = accumulation_loss(opt);
        opt->has_loss = true;
    }
    status = refuse_missing_answer(opt);
    if (status == OPTIM_OK)
        status = inputs_check(opt);
    if (status != OPTIM_OK)
        return status;
    if (arrives) {
        opt->engine.filters.count = 0;
        opt->engine.gradient_roles = opt->open == OPTIM_OK ? 0 : opt->engine.request.roles;
    }
    opt->engine.rejected = opt->open == OPTIM_EVAL_HVP ? !take_products(opt) : !answers_are_finite(opt);
    status = opt->engine.rejected ? OPTIM_ERR_NONFINITE : step_deliver(opt, from, 0);
    accumulation_clear(opt);
    opt->open = status > 0 ? status : OPTIM_OK;
    opt->has_loss = opt->answers.complete = false;
    if (status < 0)
        return fail(opt, status);
    if (status == OPTIM_EVAL_HVP)
        clear_directions(opt);
    if (status == OPTIM_EVAL_GRAD)
        constraints_ask(opt);
    if (status > 0)
        ++opt->evaluation;
    else
        finish(opt);
    return status;
}

optim_status optim_step(optim_t *opt) {
    return opt == NULL ? refuse_null(opt, "opt") : step_take(opt, false);
}

double loss_sign(const optim_t *opt) {
    const station_t *scale = handle_engine_station(opt, REGISTRY_ENGINE_SCALE);
    return station_option(scale, 0)[option_find(scale->method->options, "maximize", 8)] != 0 ? -1 : 1;
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
    if (opt->open == OPTIM_OK)
        return error_set(OPTIM_ERR_CLOSED, "no request is open: there is no step to cancel");
    step_undo(opt);
    return OPTIM_OK;
}

optim_status optim_reset(optim_t *opt) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_open(opt, "resetting");
    if (status == OPTIM_OK && opt->swapped != NULL)
        status = error_set(OPTIM_ERR_SWAPPED, "the output is swapped in: optim_swap_output before resetting");
    if (status != OPTIM_OK)
        return status;
    opt->steps = opt->skipped = 0;
    opt->accumulation_scale = 0;
    opt->norm_log.count = 0;
    schedules_restart(opt);
    opt->has_loss = false;
    if (!opt->engine.planned)
        return OPTIM_OK;
    for (size_t i = 0; i < opt->engine.tensor_count; ++i)
        if (tensor_is_frozen(&opt->engine.tensors[i]) && opt->engine.tensors[i].has_states)
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
