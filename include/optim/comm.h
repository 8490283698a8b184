/*
 * libgradopt: several ranks train one model.
 *
 * A communicator is how ranks (processes, or threads of one program) exchange vectors: a struct of functions, which a
 * transport fills. Here is one for the threads of a program; libgradopt-mpi (optim/comm_mpi.h) has one for MPI; any
 * other is a struct that you fill yourself. With it a handle is one of several replicas:
 *
 *     optim_create(&opt, "adamw", "lr=3e-4,replicas=mean");        on every rank, the same options
 *     optim_comm_mpi(&comm, MPI_COMM_WORLD);
 *     optim_set_comm(opt, &comm);
 *     ... every rank: the gradient of its own part of the batch, then optim_step(opt)
 *
 * docs/replicas.md tells what is exchanged when, and what must be the same on all ranks.
 *
 * Experimental: what this header declares may change in any version. Errors are told as in optim.h.
 */
#ifndef OPTIM_COMM_H
#define OPTIM_COMM_H

#include "optim.h"

#ifdef __cplusplus
extern "C" {
#endif
#if defined(OPTIM_BUILD) && defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

typedef struct optim_comm optim_comm;

/*
 * One rank's end of a communicator. All ranks call the same functions in the same order with the same sizes; each
 * returns when this rank's part is done: OPTIM_OK, or what optim_comm_fail returned. After an error the communicator is
 * of no use any more. `send` and `receive` do not overlap; `bytes` may be 0, and then both may be NULL.
 *
 * Whoever makes a communicator fills the whole struct, `size` too; members that a later version adds are taken from
 * `reserved`, which is zero, so that the struct never grows. It may be copied: copies are the same communicator.
 */
struct optim_comm {
    size_t size;     /* sizeof(optim_comm) */
    int rank, ranks; /* 0 <= rank < ranks */
    double timeout;  /* seconds that a call waits for another rank, 0: for ever; yours to change at any time */
    void *context;   /* the transport's */

    /* Block r of `bytes` at `send` goes to rank r; block r at `receive` came from rank r, own ones too. */
    optim_status (*all_to_all)(const optim_comm *comm, const void *send, void *receive, size_t bytes);
    /* `send` goes to every rank; block r of `bytes` at `receive` came from rank r. */
    optim_status (*gather)(const optim_comm *comm, const void *send, void *receive, size_t bytes);
    /* `send` goes to rank `other`, whose own comes to `receive`; others have no part in it. */
    optim_status (*exchange)(const optim_comm *comm, int other, const void *send, void *receive, size_t bytes);
    /* Returns when every rank has called it. */
    optim_status (*barrier)(const optim_comm *comm);
    /* Gives back what the transport holds for this rank; may be NULL. */
    void (*release)(optim_comm *comm);

    void *reserved[8];
};

/* What a communicator's function returns when it fails: the error OPTIM_ERR_COMM, with the sentence "rank <rank>
 * <what>", such as "rank 3 has not answered for 60 s". */
optim_status optim_comm_fail(int rank, const char *what);

/* Releases a communicator, whatever its transport is, and clears the struct. NULL is fine, and a struct of zeros. */
void optim_comm_release(optim_comm *comm);

/*
 * On all ranks: data[i] becomes the sum of the ranks' data[i]. Sums run over ascending ranks in double and are rounded
 * once, so that the bits are the same on every rank, over every transport and wherever ranks run; each rank sends
 * 2 (N - 1) / N of the vector. Errors: NULL, ARGUMENT, NOMEM, COMM.
 */
optim_status optim_comm_sum(const optim_comm *comm, optim_dtype dtype, size_t count, void *data);

/* ---- Threads of one program ---- */

typedef struct optim_team optim_team_t; /* opaque: what the ranks of one program share */

/* A team of 1 to 4096 ranks. *out is NULL on error. Errors: NULL, ARGUMENT, NOMEM. */
optim_status optim_team_create(optim_team_t **out, int ranks);
/* When no rank uses it any more. NULL is fine. */
void optim_team_destroy(optim_team_t *team);
/* The communicator of one rank, which one thread at a time uses; it waits for half an hour unless you change `timeout`.
 * Errors: NULL, ARGUMENT. */
optim_status optim_comm_team(optim_comm *out, optim_team_t *team, int rank);

/* ---- Optimizers ---- */

/*
 * Makes the handle one of `comm->ranks` replicas; with NULL it is alone again. The struct is copied; what is behind it
 * must live until the handle does not use it any more. What then happens in a step the option `replicas` says: none
 * (nothing), or mean (all that is evaluated becomes the mean over all ranks before anything reads it). Between steps.
 * Errors: NULL, ARGUMENT (a struct that is not filled), OPEN.
 */
optim_status optim_set_comm(optim_t *opt, const optim_comm *comm);

/*
 * Answers OPTIM_EXCHANGE, which a wrapper such as "diloco" asks for when the step of what it wraps is complete, and
 * completes the step. A handle that has a communicator does so by itself within optim_step, and never returns that
 * request; this is for one that has none, or whose communicator has failed. All ranks call it (or step) alike; `comm`
 * is not kept. Returns OPTIM_OK, or OPTIM_EXCHANGE where another wrapper asks.
 *
 * After an error the request is still open, and nothing has changed on this rank: answer it with a communicator that
 * works, or give the exchange up with optim_cancel. That does not take the step back: it completes it with what this
 * rank has found by itself, and the exchange is due again with the next step.
 * Errors: NULL, ARGUMENT (a struct that is not filled), CLOSED (no exchange is asked for), COMM, NOMEM.
 */
optim_status optim_exchange(optim_t *opt, const optim_comm *comm);

#if defined(OPTIM_BUILD) && defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
