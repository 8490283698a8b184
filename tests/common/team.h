/* Runs a function in a thread for each rank of a team. */
#ifndef TESTS_TEAM_H
#define TESTS_TEAM_H

#include "optim/comm.h"

enum { TEAM_RANKS = 16 };

/* Each thread calls `act` with its rank's communicator and `context`, and all are waited for. */
void team_run(int ranks, double timeout, void (*act)(const optim_comm *comm, void *context), void *context);

#endif
