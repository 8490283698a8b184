/* Sharded states: which parameters a rank keeps and moves, and how all ranks get the others'. */
#include "optimizer/replicas.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "optimizer/optimizer.h"
#include "optimizer/problem.h"

static bool wants_shard(const optim_t *opt) {
    return replicas_work(opt) && replicas_option(opt, SHARD) != 0;
}

bool replicas_shard(const optim_t *opt) {
    return opt->engine.planned ? opt->engine.shard_ranks > 1 : wants_shard(opt);
}

/* The tensors of a rank are a run. */
static size_t tensors_of(const engine_t *engine, int rank, size_t *first) {
    size_t count = 0;
    for (size_t i = engine->tensor_count; i-- > 0;)
        if (engine_rank_of(engine, &engine->tensors[i]) == rank) {
            *first = i;
            ++count;
        }
    return count;
}

/* engine_t.join_sums. An exchange that fails is told when the station is done. */
static void join_sums(void *context, double *sums) {
    optim_t *opt = context;
    replicas_t *r = &opt->replicas;
    size_t first = 0;
    const size_t count = tensors_of(&opt->engine, r->comm.rank, &first) * METHOD_SUMS;
    if (r->lost)
        return;
    if (count > 0)
        memcpy(r->sums, sums + first * METHOD_SUMS, count * sizeof *sums);
    memset(r->sums + count, 0, (r->own - count) * sizeof *sums);
    r->lost = r->comm.gather(&r->comm, r->sums, r->sums + r->own, r->own * sizeof *sums) != OPTIM_OK;
    for (int rank = 0; !r->lost && rank < r->comm.ranks; ++rank) {
        const size_t n = tensors_of(&opt->engine, rank, &first) * METHOD_SUMS;
        if (n > 0)
            memcpy(sums + first * METHOD_SUMS, r->sums + (size_t)(1 + rank) * r->own, n * sizeof *sums);
    }
}

void replicas_settle(const optim_t *opt, engine_t *engine) {
    if (engine->planned)
        return;
    engine->shard_ranks = wants_shard(opt) ? opt->replicas.comm.ranks : 0;
    engine->shard_rank = opt->replicas.comm.rank;
}

void replicas_connect(optim_t *opt) {
    opt->engine.join_sums = join_sums;
    opt->engine.join_context = opt;
}

/* A mean of residuals is not what the mean of their squares follows from. */
static optim_status refuse_squares(const optim_t *opt) {
    for (int l = 0; replicas_work(opt) && l < opt->engine.method_count; ++l)
        if (opt->engine.stations[l]->method->flags & LEAST_SQUARES)
            return error_set(OPTIM_ERR_MISMATCH,
                             "\"%s\" works on residuals, which replicas=mean does not exchange: gather all of them on "
                             "one rank, with replicas=none",
                             opt->engine.stations[l]->name);
    return OPTIM_OK;
}

/* A rank that keeps a share of the states cannot train by itself. */
static optim_status refuse_exchanges(const optim_t *opt) {
    const station_t *station = chain_exchanger(opt);
    if (station == NULL)
        return OPTIM_OK;
    return error_set(
        OPTIM_ERR_MISMATCH,
        "\"%s\" has ranks that train by themselves, and with shard=1 each keeps the states of a share of the "
        "parameters: shard=0",
        station->name);
}

optim_status replicas_check(const optim_t *opt) {
    const engine_t *engine = &opt->engine;
    optim_status status = refuse_squares(opt);
    if (status == OPTIM_OK && wants_shard(opt))
        status = refuse_exchanges(opt);
    if (status != OPTIM_OK)
        return status;
    const bool same = engine->shard_ranks == opt->replicas.comm.ranks && engine->shard_rank == opt->replicas.comm.rank;
    if (!engine->planned || (replicas_shard(opt) ? wants_shard(opt) && same : !wants_shard(opt)))
        return OPTIM_OK;
    return error_set(OPTIM_ERR_ORDER,
                     "the states are those of rank %d of %d: to go on with other ranks save them, and "
                     "load them into a new handle",
                     engine->shard_rank, engine->shard_ranks > 1 ? engine->shard_ranks : 1);
}

/* The tensor's bytes that steps of this rank move. */
static size_t bytes_moved(const optim_t *opt, const tensor_t *tensor, int rank) {
    const bool moves = !tensor_is_frozen(tensor) && engine_rank_of(&opt->engine, tensor) == rank;
    return moves ? tensor->count * dtype_size(tensor->dtype) : 0;
}

static size_t bytes_of_rank(const optim_t *opt, int rank) {
    size_t bytes = 0;
    for (size_t i = 0; i < opt->engine.tensor_count; ++i)
        bytes += bytes_moved(opt, &opt->engine.tensors[i], rank);
    return bytes;
}

/* The next `n` bytes of the parameters that a rank moves: into the bucket, or back out of it. */
static void move_parameters(const optim_t *opt, int rank, place_t *place, size_t n, char *bucket, bool back) {
    for (; n > 0; ++place->span, place->offset = 0) {
        const tensor_t *tensor = &opt->engine.tensors[place->span];
        const size_t bytes = bytes_moved(opt, tensor, rank);
        if (bytes == 0)
            continue;
        const size_t k = size_smaller(n, bytes - place->offset);
        char *at = (char *)tensor->data + place->offset;
        memcpy(back ? at : bucket, back ? bucket : at, k);
        bucket += k;
        n -= k;
        if (place->offset + k < bytes) {
            place->offset += k;
            return;
        }
    }
}

void replicas_count_sent(optim_t *opt, size_t bytes) {
    replicated_t *count = (void *)opt->own[REGISTRY_ENGINE_REPLICAS]->memory;
    count->bytes_sent += (int64_t)bytes;
}

void replicas_begin_places(replicas_t *r) {
    memset(r->at, 0, (size_t)r->comm.ranks * sizeof *r->at);
}

static optim_status gather_parameters(optim_t *opt) {
    replicas_t *r = &opt->replicas;
    const size_t ranks = (size_t)r->comm.ranks, room = r->room / ranks, own = bytes_of_rank(opt, r->comm.rank);
    place_t from = {0, 0};
    size_t most = 0;
    replicas_begin_places(r);
    for (int rank = 0; rank < r->comm.ranks; ++rank)
        most = size_larger(most, bytes_of_rank(opt, rank));
    for (size_t done = 0, block; done < most; done += block) {
        block = size_smaller(most - done, room);
        move_parameters(opt, r->comm.rank, &from, size_smaller(own > done ? own - done : 0, block), r->send, false);
        const optim_status status = r->comm.gather(&r->comm, r->send, r->receive, block);
        if (status != OPTIM_OK)
            return status;
        replicas_count_sent(opt, (ranks - 1) * block);
        for (int rank = 0; rank < r->comm.ranks; ++rank) {
            const size_t all = bytes_of_rank(opt, rank), n = size_smaller(all > done ? all - done : 0, block);
            if (rank != r->comm.rank)
                move_parameters(opt, rank, &r->at[rank], n, r->receive + (size_t)rank * block, true);
        }
    }
    return OPTIM_OK;
}

optim_status replicas_publish(optim_t *opt, optim_status status) {
    if (!replicas_shard(opt) || opt->replicas.lost)
        return status;
    const optim_status gathered = gather_parameters(opt);
    opt->replicas.lost = gathered != OPTIM_OK;
    return gathered == OPTIM_OK ? status : gathered;
}

optim_status replicas_refuse_lost(const optim_t *opt) {
    if (!opt->replicas.lost)
        return OPTIM_OK;
    return error_set(OPTIM_ERR_COMM, "an exchange with the other ranks failed inside the step, which was undone here: "
                                     "load the same checkpoint on all ranks");
}

optim_status replicas_refuse_shard(const optim_t *opt, const char *doing) {
    if (!replicas_shard(opt))
        return OPTIM_OK;
    return error_set(OPTIM_ERR_MISMATCH, "%s is not possible with shard=1: other ranks keep a part of the states",
                     doing);
}

/* Most sums that a rank makes in a reduction. */
size_t replicas_most_sums(const optim_t *opt, const engine_t *engine) {
    size_t most = 0, first;
    for (int rank = 0; replicas_shard(opt) && rank < opt->replicas.comm.ranks; ++rank)
        most = size_larger(most, tensors_of(engine, rank, &first) * METHOD_SUMS);
    return most;
}
