/*
 * Exchanges: ranks that train by themselves meet now and then. A wrapper that is told that the step of what it wraps is
 * complete may have its EXCHANGED rows exchanged first (method_t.exchanges):
 *
 *     optim_step:   gradient -> wrappers, method | finish of stations further in | rows filled
 *                                                                                     |
 *                        without a communicator: optim_step returns OPTIM_EXCHANGE ---+
 *                                                                                     v
 *                   agree (agreement.c), then the mean over all ranks or the rows of one other (average.c)
 *                                                                                     |
 *                                                          finish of this wrapper and those around it, the last pass
 *
 * The request is the last thing of its step: the method has moved the parameters and its states. So an exchange that
 * fails takes nothing back. It leaves the request open, the rows to be filled anew, and everything else as it was: the
 * caller brings a communicator that works, or gives the exchange up and the step is completed without.
 */
#include "base/error.h"
#include "optimizer/optimizer.h"

/* Whether the station exchanges now; if so its rows are filled. */
static bool fill(optim_t *opt, station_t *station) {
    step_t s = step_make(opt, station);
    if (!station->method->exchanges(&s))
        return false;
    pass_flush(&opt->engine, NULL);
    return true;
}

/* Of the stations behind `after` the first that exchanges now, those before it having been told; -1: none does, and
 * stations from *from on have not been told. */
static int find_due(optim_t *opt, int *from, int after) {
    const engine_t *engine = &opt->engine;
    for (int l = after + 1; l < engine->station_count; ++l) {
        if (engine->stations[l]->method->exchanges == NULL)
            continue;
        if (l > *from)
            (void)step_close(opt, *from, l - 1, opt->steps + 1, false);
        *from = l;
        if (fill(opt, engine->stations[l]))
            return l;
    }
    return -1;
}

static optim_status exchange_rows(optim_t *opt) {
    const replicas_t *r = &opt->replicas;
    station_t *station = opt->engine.stations[opt->asker];
    if (station->method->partner == NULL)
        return replicas_average_rows(opt);
    const step_t s = step_make(opt, station);
    const int other = station->method->partner(&s, r->comm.rank, r->comm.ranks);
    return other == r->comm.rank ? OPTIM_OK : replicas_swap_rows(opt, other);
}

static optim_status answer(optim_t *opt) {
    replicas_t *r = &opt->replicas;
    if (r->lost)
        return error_set(OPTIM_ERR_COMM, "an exchange with the other ranks has failed: optim_exchange with a new "
                                         "communicator, or optim_cancel to go on without this exchange");
    optim_status status = replicas_agree_exchange(opt, replicas_take_room(opt));
    if (status != OPTIM_OK)
        return status;
    status = exchange_rows(opt);
    r->lost = status != OPTIM_OK;
    return status;
}

/* With the handle's communicator. */
static optim_status ask(optim_t *opt, int asker) {
    opt->engine.request = (request_t){.kind = OPTIM_EXCHANGE};
    opt->open = OPTIM_EXCHANGE;
    opt->asker = asker;
    ++opt->evaluation;
    return opt->replicas.comm.ranks == 0 ? OPTIM_EXCHANGE : answer(opt);
}

/* Stations from `from` on are told that the step inside them is complete. Those up to `after` have exchanged, which the
 * asker is then told, or shall not. */
static optim_status complete(optim_t *opt, int from, int after) {
    for (int due; (due = find_due(opt, &from, after)) >= 0; after = due) {
        const optim_status status = ask(opt, due);
        if (status != OPTIM_OK)
            return status;
        opt->exchanged = true;
    }
    step_end(opt, from);
    opt->exchanged = false;
    opt->open = OPTIM_OK;
    return OPTIM_OK;
}

optim_status exchange_or_end(optim_t *opt, int from) {
    return complete(opt, from, from - 1);
}

optim_status exchange_give_up(optim_t *opt) {
    return complete(opt, opt->asker, opt->engine.station_count);
}

static optim_status answer_again(optim_t *opt) {
    (void)fill(opt, opt->engine.stations[opt->asker]);
    return answer(opt);
}

static optim_status end_answered(optim_t *opt) {
    opt->exchanged = true;
    return complete(opt, opt->asker, opt->asker);
}

optim_status exchange_again(optim_t *opt) {
    if (opt->replicas.comm.ranks == 0)
        return error_set(OPTIM_ERR_OPEN,
                         "\"%s\" asks for an exchange with other ranks: answer with optim_exchange, or give the "
                         "exchange up with optim_cancel; a handle with a communicator (optim_set_comm) needs neither",
                         opt->engine.stations[opt->asker]->name);
    const optim_status status = answer_again(opt);
    return status == OPTIM_OK ? end_answered(opt) : status;
}

static optim_status refuse_unasked(const optim_t *opt, const optim_comm *comm) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = comm_check(comm);
    if (status == OPTIM_OK && opt->open != OPTIM_EXCHANGE)
        status = error_set(OPTIM_ERR_CLOSED, "no exchange is asked for: optim_exchange answers OPTIM_EXCHANGE");
    return status;
}

optim_status optim_exchange(optim_t *opt, const optim_comm *comm) {
    optim_status status = refuse_unasked(opt, comm);
    if (status != OPTIM_OK)
        return status;
    const replicas_t own = opt->replicas;
    opt->replicas = (replicas_t){.comm = *comm};
    status = answer_again(opt);
    replicas_free(opt);
    opt->replicas = own;
    return status == OPTIM_OK ? end_answered(opt) : status;
}
