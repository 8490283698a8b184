/* A communicator that this test writes, as anybody can: processes, with a pair of sockets for every two of them. */
#ifndef COMM_SOCKETS_H
#define COMM_SOCKETS_H

#include "optim/comm.h"

enum { SOCKETS_RANKS = 8 };

/* Forks `ranks` processes, has each call `act` with its rank's communicator, and waits: the number of those that did not
 * return 0. */
int sockets_run(int ranks, int (*act)(const optim_comm *comm));

#endif
