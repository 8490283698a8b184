/* What ranks tell each other before a step: that all can take it, and that all are where rank 0 is. */
#include "optimizer/replicas.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "optimizer/optimizer.h"
#include "optimizer/problem.h"

static uint64_t digest(uint64_t so_far, uint64_t word) {
    const uint64_t mixed = (so_far ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return mixed ^ mixed >> 29;
}

static uint64_t digest_bytes(uint64_t so_far, const void *bytes, size_t count) {
    const char *at = bytes;
    uint64_t word = 0;
    for (; count >= sizeof word; at += sizeof word, count -= sizeof word) {
        memcpy(&word, at, sizeof word);
        so_far = digest(so_far, word);
    }
    word = 0;
    if (count > 0)
        memcpy(&word, at, count);
    return digest(so_far, word);
}

/* What must be the same on all ranks about tensors and stations; their names are looked at once, with the values. */
static uint64_t digest_of_structure(const optim_t *opt) {
    const engine_t *engine = &opt->engine;
    uint64_t d = digest((uint64_t)engine->tensor_count, (uint64_t)engine->station_count);
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        const tensor_t *tensor = &engine->tensors[i];
        d = digest(d, (uint64_t)tensor->count);
        d = digest(d, (uint64_t)tensor->dtype << 8 | (uint64_t)tensor->grad_dtype << 4 |
                          (uint64_t)tensor_is_frozen(tensor) << 1 | (uint64_t)tensor_has_gradient(tensor));
        d = digest(d, (uint64_t)tensor->group);
    }
    return d;
}

static uint64_t digest_of_options(const optim_t *opt) {
    const engine_t *engine = &opt->engine;
    uint64_t d =
        digest((uint64_t)engine->components, (uint64_t)engine->equalities << 32 ^ (uint64_t)engine->inequalities);
    for (int l = 0; l < engine_keepers(engine); ++l) {
        const station_t *station = engine_keeper(engine, l);
        const size_t bytes = option_values(station->method->options) * sizeof(double);
        for (int g = 0; g < (station->per_group ? engine->group_count : 1); ++g)
            if (station_covers(station, g))
                d = digest_bytes(d, station_option(station, g), bytes);
    }
    return d;
}

static uint64_t digest_of_parameters(const optim_t *opt) {
    uint64_t d = 1;
    for (int l = 0; l < opt->engine.station_count; ++l)
        d = digest_bytes(d, opt->engine.stations[l]->name, strlen(opt->engine.stations[l]->name));
    for (size_t i = 0; i < opt->engine.tensor_count; ++i) {
        const tensor_t *tensor = &opt->engine.tensors[i];
        d = digest_bytes(d, tensor->name, strlen(tensor->name));
        d = digest_bytes(d, tensor->dims, (size_t)tensor->ndim * sizeof *tensor->dims);
        if (tensor->count > 0)
            d = digest_bytes(d, tensor->data, tensor->count * dtype_size(tensor->dtype));
    }
    return d | 1;
}

static uint64_t digest_of_accumulation(const optim_t *opt) {
    return digest_bytes((uint64_t)opt->accumulation, &opt->accumulation_factor, sizeof opt->accumulation_factor);
}

static replica_t say(const optim_t *opt, optim_status status) {
    if (status != OPTIM_OK)
        return (replica_t){.status = status};
    return (replica_t){.steps = opt->steps,
                       .skipped = opt->skipped,
                       .evaluation = opt->evaluation << 8 | opt->open,
                       .structure = digest_of_structure(opt),
                       .options = digest_of_options(opt),
                       .accumulation = digest_of_accumulation(opt),
                       .parameters = opt->replicas.compared ? 0 : digest_of_parameters(opt),
                       .loss = opt->loss};
}

/* That rank `rank` is where rank 0 is. */
static optim_status compare(const replica_t *said, int rank) {
    const replica_t *a = &said[0], *b = &said[rank];
    if (a->steps != b->steps || a->skipped != b->skipped)
        return comm_fail(rank,
                         "has taken %lld steps (%lld skipped), and rank 0 %lld (%lld): load the same checkpoint on all",
                         (long long)b->steps, (long long)b->skipped, (long long)a->steps, (long long)a->skipped);
    if (a->structure != b->structure)
        return comm_fail(rank, "has other parameters than rank 0: their number, sizes, dtypes and groups, and which of "
                               "them have a gradient, must be the same on all");
    if (a->options != b->options)
        return comm_fail(rank, "has other option values than rank 0: options, schedules and what is reported to them "
                               "must be the same on all");
    if (a->evaluation != b->evaluation)
        return comm_fail(rank, "answers another request than rank 0: evaluations must be made alike on all");
    if (a->accumulation != b->accumulation)
        return comm_fail(rank,
                         "has accumulated another number of gradients than rank 0, or scales their sum otherwise");
    if (a->parameters != b->parameters)
        return comm_fail(rank, "begins with other parameters than rank 0: give all ranks the same values (and names, "
                               "methods, wrappers), or the same checkpoint");
    return OPTIM_OK;
}

optim_status replicas_take_words(replicas_t *r) {
    if (r->said == NULL)
        r->said = calloc((size_t)r->comm.ranks, sizeof *r->said);
    return r->said == NULL ? error_nomem("taking memory for what ranks exchange") : OPTIM_OK;
}

/* Every rank tells `mine` and has what all said. Errors: NOMEM; COMM, where the exchange failed or another rank's
 * status is an error. */
static optim_status tell(replicas_t *r, const replica_t *mine, const char *doing) {
    optim_status status = replicas_take_words(r);
    if (status == OPTIM_OK)
        status = r->comm.gather(&r->comm, mine, r->said, sizeof *mine);
    r->lost |= status != OPTIM_OK;
    for (int rank = 0; status == OPTIM_OK && mine->status == OPTIM_OK && rank < r->comm.ranks; ++rank)
        if (r->said[rank].status != OPTIM_OK)
            status = comm_fail(rank, "could not take part in %s (%s), so that no rank does; its own error says more",
                               doing, optim_strerror((optim_status)r->said[rank].status));
    return status;
}

static optim_status agree(optim_t *opt, const replica_t *mine, const char *doing) {
    replicas_t *r = &opt->replicas;
    const optim_status own = (optim_status)mine->status;
    optim_status status = tell(r, mine, doing);
    if (own != OPTIM_OK || status != OPTIM_OK)
        return own != OPTIM_OK ? own : status;
    for (int rank = 1; status == OPTIM_OK && rank < r->comm.ranks; ++rank)
        status = compare(r->said, rank);
    r->compared = status == OPTIM_OK;
    return status;
}

optim_status replicas_agree(optim_t *opt, optim_status own) {
    const replica_t mine = say(opt, own);
    return agree(opt, &mine, "the step");
}

/* Those rows of the station that asks that are the same on all ranks. */
static uint64_t digest_of_rows(const optim_t *opt) {
    const station_t *station = opt->engine.stations[opt->asker];
    uint64_t d = digest_bytes(1, station->name, strlen(station->name));
    for (size_t i = 0; i < opt->engine.tensor_count * station->states; ++i) {
        const slot_t *slot = &station->slot[i];
        if (station->method->states[i % station->states].alike && slot->at != NULL)
            d = digest_bytes(d, slot->at, slot->bytes * slot->copies);
    }
    return d | 1;
}

static replica_t say_exchange(const optim_t *opt, optim_status status) {
    if (status != OPTIM_OK)
        return (replica_t){.status = status};
    return (replica_t){.steps = opt->steps,
                       .evaluation = OPTIM_EXCHANGE,
                       .structure = digest_of_structure(opt),
                       .options = digest_of_options(opt),
                       .parameters = opt->replicas.compared ? 0 : digest_of_rows(opt)};
}

optim_status replicas_agree_exchange(optim_t *opt, optim_status own) {
    const replica_t mine = say_exchange(opt, own);
    return agree(opt, &mine, "the exchange");
}

optim_status replicas_agree_on(optim_t *opt, optim_status own, const char *doing) {
    const replica_t mine = {.status = own};
    const optim_status status = tell(&opt->replicas, &mine, doing);
    return own != OPTIM_OK ? own : status;
}
