/* What a communicator must do, whatever its transport: each rank calls the same function. */
#ifndef COMM_CONFORMANCE_H
#define COMM_CONFORMANCE_H

#include "optim/comm.h"

/* Every function of the communicator with short, long, empty and odd blocks, and sums of all dtypes against their
 * definition. Returns what was wrong, in words that last until the thread's next call; NULL: nothing. */
const char *comm_conformance(const optim_comm *comm);

/* A few steps of replicas with one method; writes a digest of the bits that all ranks must have, on every transport. */
const char *comm_training(const optim_comm *comm, uint64_t *bits);

/* All ranks save their shares to this path while they take a step more; from there all of them, and each alone, go on
 * with the same bits. The files stay. */
const char *comm_checkpoint(const optim_comm *comm, const char *path);

/* The same, but the last rank does not come back from `die` while a second version is on its way: the others are told,
 * and the version before loads. */
const char *comm_checkpoint_of_the_dead(const optim_comm *comm, const char *path, void (*die)(void));

#endif
