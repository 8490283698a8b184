/* Saving a handle of which each rank keeps a part of the states. */
#ifndef IO_SHARDS_H
#define IO_SHARDS_H

#include "io/arrays.h"

/*
 * On all ranks: brings the arrays that other ranks keep to rank 0, into *room, to be freed there, and points the arrays
 * there. `own`: why this rank cannot go on, or OPTIM_OK. Errors: NOMEM, COMM.
 */
optim_status shards_collect(optim_t *opt, optim_status own, arrays_t *arrays, void **room);

#endif
