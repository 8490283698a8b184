/*
 * The communicator over MPI, by messages between two ranks: of a collective operation that does not end nobody could
 * say whom it waits for. A call sends all its messages at once and receives all at once; messages between two ranks
 * keep their order, so that one tag serves all. Bytes are sent as bytes: ranks are machines of one kind.
 */
#include "optim/comm_mpi.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAG = 1, TIMEOUT = 1800 };

/* The longest message; MPI counts in int. */
enum { LONGEST = 1 << 30 };

typedef struct context {
    MPI_Comm comm;
    bool broken;           /* a call has failed: messages of it may still be under way */
    MPI_Request request[]; /* [2 ranks]: what arrives from each, then what goes to each */
} context_t;

static optim_status fail_with(int rank, int error) {
    char words[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    (void)MPI_Error_string(error, words, &length);
    return optim_comm_fail(rank, words);
}

/* ---- One message to each and from each ---- */

typedef struct transfer {
    const optim_comm *comm;
    int first, last; /* the ranks that take part beside this one */
    const char *send;
    char *receive;
    size_t bytes, send_stride, receive_stride; /* blocks of a rank are so far apart */
} transfer_t;

static bool takes_part(const transfer_t *t, int other) {
    return other >= t->first && other <= t->last && other != t->comm->rank;
}

/* Bytes `done` .. of the blocks, as far as one message goes. */
static optim_status post(const transfer_t *t, size_t done, int count) {
    context_t *context = t->comm->context;
    const int ranks = t->comm->ranks;
    int error = MPI_SUCCESS;
    for (int i = 0; i < 2 * ranks; ++i)
        context->request[i] = MPI_REQUEST_NULL;
    for (int i = 1; i < ranks; ++i) { /* each rank begins with the one behind it */
        const int other = (t->comm->rank + i) % ranks;
        if (!takes_part(t, other))
            continue;
        char *to = count == 0 ? NULL : t->receive + (size_t)other * t->receive_stride + done;
        const char *from = count == 0 ? NULL : t->send + (size_t)other * t->send_stride + done;
        error = MPI_Irecv(to, count, MPI_BYTE, other, TAG, context->comm, &context->request[other]);
        if (error == MPI_SUCCESS)
            error = MPI_Isend(from, count, MPI_BYTE, other, TAG, context->comm, &context->request[ranks + other]);
        if (error != MPI_SUCCESS)
            return fail_with(other, error);
    }
    return OPTIM_OK;
}

/* The rank whose message is missing; with `error`, whose message failed. */
static int culprit(const context_t *context, int ranks) {
    for (int i = 0; i < 2 * ranks; ++i)
        if (context->request[i] != MPI_REQUEST_NULL)
            return i % ranks;
    return 0;
}

/* Until all is there, or the time is up. */
static optim_status wait_for_all(const optim_comm *comm) {
    context_t *context = comm->context;
    const int count = 2 * comm->ranks;
    const double end = MPI_Wtime() + comm->timeout;
    int all_there = 0;
    if (comm->timeout == 0) {
        const int error = MPI_Waitall(count, context->request, MPI_STATUSES_IGNORE);
        return error == MPI_SUCCESS ? OPTIM_OK : fail_with(culprit(context, comm->ranks), error);
    }
    while (!all_there) {
        const int error = MPI_Testall(count, context->request, &all_there, MPI_STATUSES_IGNORE);
        if (error != MPI_SUCCESS)
            return fail_with(culprit(context, comm->ranks), error);
        if (!all_there && MPI_Wtime() > end) {
            char what[64];
            (void)snprintf(what, sizeof what, "has not answered for %g s", comm->timeout);
            for (int i = 0; i < count; ++i) { /* one by one: which are missing */
                int there;
                (void)MPI_Test(&context->request[i], &there, MPI_STATUS_IGNORE);
            }
            return optim_comm_fail(culprit(context, comm->ranks), what);
        }
    }
    return OPTIM_OK;
}

/* What is still to arrive is called off: its memory is the caller's. What is under way to others cannot be. */
static void call_off(const optim_comm *comm) {
    context_t *context = comm->context;
    context->broken = true;
    for (int i = 0; i < 2 * comm->ranks; ++i) {
        if (context->request[i] == MPI_REQUEST_NULL)
            continue;
        if (i < comm->ranks && MPI_Cancel(&context->request[i]) == MPI_SUCCESS)
            (void)MPI_Wait(&context->request[i], MPI_STATUS_IGNORE);
        else
            (void)MPI_Request_free(&context->request[i]);
    }
}

static optim_status run(transfer_t t) {
    context_t *context = t.comm->context;
    const size_t own = (size_t)t.comm->rank;
    optim_status status = OPTIM_OK;
    size_t done = 0;
    if (context->broken)
        return optim_comm_fail(t.comm->rank, "uses a communicator in which a call has failed: make a new one");
    if (t.bytes > 0 && t.comm->rank >= t.first && t.comm->rank <= t.last)
        memcpy(t.receive + own * t.receive_stride, t.send + own * t.send_stride, t.bytes);
    do {
        const size_t left = t.bytes - done, n = left < LONGEST ? left : LONGEST;
        status = post(&t, done, (int)n);
        if (status == OPTIM_OK)
            status = wait_for_all(t.comm);
        done += n;
    } while (status == OPTIM_OK && done < t.bytes);
    if (status != OPTIM_OK)
        call_off(t.comm);
    return status;
}

/* ---- The functions of a communicator ---- */

static optim_status all_to_all(const optim_comm *comm, const void *send, void *receive, size_t bytes) {
    return run((transfer_t){comm, 0, comm->ranks - 1, send, receive, bytes, bytes, bytes});
}

static optim_status gather(const optim_comm *comm, const void *send, void *receive, size_t bytes) {
    return run((transfer_t){comm, 0, comm->ranks - 1, send, receive, bytes, 0, bytes});
}

static optim_status exchange(const optim_comm *comm, int other, const void *send, void *receive, size_t bytes) {
    return run((transfer_t){comm, other, other, send, receive, bytes, 0, 0});
}

static optim_status barrier(const optim_comm *comm) {
    return run((transfer_t){.comm = comm, .last = comm->ranks - 1});
}

static void release(optim_comm *comm) {
    context_t *context = comm->context;
    if (context != NULL && !context->broken) /* MPI_Comm_free waits for messages that will never come */
        (void)MPI_Comm_free(&context->comm);
    free(context);
}

/* ---- Making one ---- */

static optim_status open_context(context_t *context, MPI_Comm comm, optim_comm *out) {
    int error = MPI_Comm_dup(comm, &context->comm);
    if (error != MPI_SUCCESS)
        return fail_with(0, error);
    error = MPI_Comm_set_errhandler(context->comm, MPI_ERRORS_RETURN);
    if (error == MPI_SUCCESS)
        error = MPI_Comm_rank(context->comm, &out->rank);
    if (error == MPI_SUCCESS)
        return OPTIM_OK;
    (void)MPI_Comm_free(&context->comm);
    return fail_with(out->rank, error);
}

optim_status optim_comm_mpi(optim_comm *out, MPI_Comm comm) {
    if (out == NULL)
        return OPTIM_ERR_NULL;
    *out = (optim_comm){.size = sizeof *out,
                        .timeout = TIMEOUT,
                        .all_to_all = all_to_all,
                        .gather = gather,
                        .exchange = exchange,
                        .barrier = barrier,
                        .release = release};
    const int error = MPI_Comm_size(comm, &out->ranks);
    if (error != MPI_SUCCESS)
        return fail_with(0, error);
    context_t *context = calloc(1, sizeof *context + 2 * (size_t)out->ranks * sizeof *context->request);
    if (context == NULL)
        return OPTIM_ERR_NOMEM;
    const optim_status status = open_context(context, comm, out);
    if (status != OPTIM_OK) {
        free(context);
        return status;
    }
    out->context = context;
    return OPTIM_OK;
}
