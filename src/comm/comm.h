/* What the library itself does with a communicator. */
#ifndef COMM_COMM_H
#define COMM_COMM_H

#include <stdbool.h>

#include "kernels/primitives.h"
#include "optim/comm.h"

enum { COMM_TIMEOUT = 1800 }; /* seconds, unless the caller says otherwise */

/* Error COMM: "rank <rank> <what>". */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
optim_status
comm_fail(int rank, const char *what, ...);

/* Whether the struct is filled. Errors: NULL, ARGUMENT. */
optim_status comm_check(const optim_comm *comm);

/* Of N blocks of every rank, each of `block` elements at `send`: the sum over ranks, or the mean, of this rank's block,
 * which then stands at the beginning of `send`; `receive` has room for N blocks, too. */
optim_status comm_scatter(const optim_comm *comm, const primitives_t *primitives, optim_dtype dtype, size_t block,
                          bool mean, void *send, void *receive);

/*
 * The sum of the ranks' vectors, or their mean, block by block: `send` has comm->ranks blocks of `block` elements and
 * becomes scratch, `receive` gets the result. Sums run over ascending ranks in double.
 */
optim_status comm_reduce(const optim_comm *comm, const primitives_t *primitives, optim_dtype dtype, size_t block,
                         bool mean, void *send, void *receive);

#endif
