/* Solver files whose method is a rule of servers. */
#ifndef GOLDEN_FEDERATED_H
#define GOLDEN_FEDERATED_H

#include "trajectory.h"

void check_federated(const trajectory_t *f);

#endif
