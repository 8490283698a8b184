/*
 * Replicas. Every rank has all parameters and states and evaluates its part of the batch; the function that is
 * minimized is the mean of the ranks' functions. So each rank, when it has been handed what it asked for, exchanges
 * that for the mean over all ranks, and then takes its step alone: the same step everywhere, bit for bit, whatever
 * the method does with norms, losses or draws.
 *
 *     optim_step       what a step looks at first (step.c)
 *        |
 *        v
 *     agree            all ranks tell all: a status, counts, digests, the loss. If one refuses the step or is not
 *        |             where the others are, all return an error, and nothing has happened anywhere
 *        v
 *     average          vectors in buckets of bounded size: gradients, or their accumulated sum; products; losses of
 *        |             components; values of constraints
 *        v
 *     deliver          as if this rank had evaluated the mean
 *
 * An exchange that fails half-way cannot be taken back on ranks for which it has not: they step, and this one does
 * not. The handle then refuses further steps until it gets a communicator anew, and the counts of steps tell which
 * ranks have to load a checkpoint.
 */
#include "optimizer/replicas.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "optimizer/optimizer.h"
#include "optimizer/problem.h"

/* ---- Memory ---- */

enum { BUCKET = 4 << 20 }; /* bytes of a vector that are on their way at a time */

/* A block of every rank has an element at least. */
static size_t room_bytes(const optim_t *opt) {
    const size_t ranks = (size_t)opt->replicas.comm.ranks, least = ranks * sizeof(double);
    size_t elements = 0;
    for (size_t i = 0; i < opt->engine.tensor_count; ++i)
        elements += opt->engine.tensors[i].count; /* parameters exist: no overflow */
    const size_t all = elements < BUCKET / sizeof(double) ? (elements + ranks) * sizeof(double) : BUCKET;
    return size_aligned(size_larger(all, least));
}

static void free_room(replicas_t *r) {
    free(r->said);
    free(r->send);
    free(r->at);
    free(r->sums);
    r->said = NULL;
    r->at = NULL;
    r->sums = NULL;
    r->send = r->receive = NULL;
}

/* With every evaluation, or now and then. */
static bool exchanges(const optim_t *opt) {
    return replicas_work(opt) || (opt->replicas.comm.ranks > 0 && chain_exchanger(opt) != NULL);
}

size_t replicas_bytes(const optim_t *opt, const engine_t *engine) {
    const size_t ranks = (size_t)opt->replicas.comm.ranks;
    return exchanges(opt) ? 2 * room_bytes(opt) + ranks * (sizeof(replica_t) + sizeof(place_t)) +
                                (1 + ranks) * replicas_most_sums(opt, engine) * sizeof(double)
                          : 0;
}

/* For the digests of all ranks alone, if the vectors' room must wait: a rank without memory has to say so. */
optim_status replicas_take_room(optim_t *opt) {
    replicas_t *r = &opt->replicas;
    if (r->send != NULL)
        return OPTIM_OK;
    const size_t ranks = (size_t)r->comm.ranks;
    r->own = replicas_most_sums(opt, &opt->engine);
    r->room = room_bytes(opt);
    r->at = calloc(ranks, sizeof *r->at);
    r->sums = calloc((1 + ranks) * r->own + 1, sizeof *r->sums);
    char *send = r->at == NULL || r->sums == NULL ? NULL : memory_aligned(2 * r->room);
    if (send == NULL) {
        free(r->at);
        free(r->sums);
        r->at = NULL;
        r->sums = NULL;
        return error_nomem("taking memory for what ranks exchange");
    }
    r->send = send;
    r->receive = r->send + r->room;
    return OPTIM_OK;
}

optim_status replicas_prepare(optim_t *opt) {
    optim_status status = exchanges(opt) ? replicas_take_words(&opt->replicas) : OPTIM_OK;
    return status == OPTIM_OK && exchanges(opt) ? replicas_take_room(opt) : status;
}

void replicas_free(optim_t *opt) {
    free_room(&opt->replicas);
}

/* ---- A step ---- */

/* Summed over ascending ranks; of equal losses that loss. */
static double mean_loss(const replicas_t *r) {
    double sum = r->said[0].loss;
    bool differs = false;
    for (int rank = 1; rank < r->comm.ranks; ++rank) {
        sum += r->said[rank].loss;
        differs |= r->said[rank].loss != r->said[0].loss;
    }
    return differs ? sum / r->comm.ranks : r->said[0].loss;
}

static optim_status refuse_lost(void) {
    return error_set(OPTIM_ERR_COMM,
                     "an exchange with the other ranks has failed, and some may have gone on: "
                     "optim_set_comm with a new communicator, and load the same checkpoint on all ranks "
                     "if it says that their steps differ");
}

optim_status replicas_meet(optim_t *opt, optim_status own) {
    replicas_t *r = &opt->replicas;
    if (!replicas_work(opt))
        return own;
    if (r->lost)
        return refuse_lost();
    if (own == OPTIM_OK)
        own = replicas_take_room(opt);
    optim_status status = replicas_agree(opt, own);
    if (status == OPTIM_OK && answer_needs_loss(opt))
        opt->loss = mean_loss(r);
    if (status == OPTIM_OK) {
        status = replicas_average(opt);
        r->lost = status != OPTIM_OK;
        if (r->lost && accumulation_exists(opt))
            accumulation_clear(opt);
    }
    if (r->lost && opt->open != OPTIM_OK)
        step_undo(opt);
    return status;
}

optim_status replicas_refuse_loop(const optim_t *opt) {
    const station_t *exchanging = chain_exchanger(opt);
    if (exchanging != NULL)
        return error_set(OPTIM_ERR_MISMATCH,
                         "a loop of the library's own stops by what one rank sees, and \"%s\" has ranks meet: "
                         "call optim_step",
                         exchanging->name);
    if (!replicas_work(opt))
        return OPTIM_OK;
    return error_set(OPTIM_ERR_MISMATCH,
                     "a loop of the library's own stops by what one rank sees, and replicas=mean has "
                     "all of them step together: call optim_step");
}

optim_status optim_set_comm(optim_t *opt, const optim_comm *comm) {
    optim_status status = refuse_handle(opt, NOT_OPEN, "changing the communicator");
    if (status == OPTIM_OK && comm != NULL)
        status = comm_check(comm);
    if (status != OPTIM_OK)
        return status;
    free_room(&opt->replicas);
    opt->replicas = (replicas_t){0};
    if (comm != NULL)
        opt->replicas.comm = *comm;
    replicas_connect(opt);
    return OPTIM_OK;
}
