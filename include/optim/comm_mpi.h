/*
 * libgradopt-mpi: the communicator of optim/comm.h over MPI. A library of its own, so that libgradopt itself links no
 * MPI: pkg-config libgradopt-mpi, or the component mpi of the CMake package.
 */
#ifndef OPTIM_COMM_MPI_H
#define OPTIM_COMM_MPI_H

#include <mpi.h>

#include "comm.h"

#ifdef __cplusplus
extern "C" {
#endif
#if defined(OPTIM_BUILD) && defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/*
 * Fills *out with this process's rank in `comm`, which is duplicated, so that messages do not mix with yours; a
 * collective call, between MPI_Init and MPI_Finalize. optim_comm_release gives the duplicate back: on all ranks, before
 * MPI_Finalize and after the handles are gone. Steps call MPI from the thread that calls optim_step
 * (MPI_THREAD_FUNNELED is enough if that is the main thread). A rank that does not answer within out->timeout, half an
 * hour unless you change it, is an error that names it, and the communicator is of no use then. Errors: NULL, COMM
 * (MPI's own, in its words), NOMEM.
 */
optim_status optim_comm_mpi(optim_comm *out, MPI_Comm comm);

#if defined(OPTIM_BUILD) && defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
