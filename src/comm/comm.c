/*
 * Sums over ranks. A vector of N blocks is summed in two exchanges: every rank gets its block of all others, adds, and
 * hands the sum back to all. That is 2 (N - 1) / N of the vector on the wire, as a ring has it; but every sum is made
 * in one place, in the order of ranks, in double, and rounded once: no transport can change a bit.
 *
 *     rank r:   | r's block 0 | r's block 1 | ...    all_to_all ->   | 0's block r | 1's block r | ...
 *               sum in double, rounded: block r of the result        gather ->     | block 0 | block 1 | ...
 */
#include "comm/comm.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/engine.h"

enum { WHAT = 400 };

optim_status comm_fail(int rank, const char *what, ...) {
    char text[WHAT];
    va_list list;
    va_start(list, what);
    (void)vsnprintf(text, sizeof text, what, list);
    va_end(list);
    return error_set(OPTIM_ERR_COMM, "rank %d %s", rank, text);
}

optim_status optim_comm_fail(int rank, const char *what) {
    return comm_fail(rank, "%.*s", WHAT - 1,
                     what == NULL || *what == '\0' ? "failed, and its transport does not say how" : what);
}

void optim_comm_release(optim_comm *comm) {
    if (comm == NULL)
        return;
    if (comm->release != NULL)
        comm->release(comm);
    *comm = (optim_comm){0};
}

optim_status comm_check(const optim_comm *comm) {
    const optim_status status = refuse_null(comm, "comm");
    if (status != OPTIM_OK)
        return status;
    if (comm->size != sizeof *comm)
        return error_set(OPTIM_ERR_ARGUMENT,
                         "the communicator says that it has %zu bytes, and an optim_comm has %zu: it must be filled by "
                         "its transport, size too",
                         comm->size, sizeof *comm);
    if (comm->ranks < 1 || comm->rank < 0 || comm->rank >= comm->ranks)
        return error_set(OPTIM_ERR_ARGUMENT, "a communicator cannot be rank %d of %d; ranks count from 0", comm->rank,
                         comm->ranks);
    if (!(comm->timeout >= 0))
        return error_set(OPTIM_ERR_ARGUMENT, "the communicator's timeout cannot be %g s; valid: [0,inf)",
                         comm->timeout);
    if (comm->all_to_all == NULL || comm->gather == NULL || comm->exchange == NULL || comm->barrier == NULL)
        return error_set(OPTIM_ERR_ARGUMENT,
                         "the communicator lacks one of all_to_all, gather, exchange and barrier: all must be filled");
    return OPTIM_OK;
}

/* Elements first .. first + n - 1 of the sum, or the mean, of `ranks` blocks, in double. A mean of equal numbers is
 * that number: ranks that evaluate the same step as one would. */
static void add_blocks(const primitives_t *primitives, optim_dtype dtype, int ranks, bool mean, size_t block,
                       size_t first, size_t n, const char *blocks, double *sum) {
    double start[READ_ELEMENTS], addend[READ_ELEMENTS];
    bool differs[READ_ELEMENTS] = {false};
    const size_t size = dtype_size(dtype);
    primitives->load_f64(dtype, n, blocks + first * size, start);
    memcpy(sum, start, n * sizeof *sum);
    for (int r = 1; r < ranks; ++r) {
        primitives->load_f64(dtype, n, blocks + ((size_t)r * block + first) * size, addend);
        for (size_t i = 0; i < n; ++i) {
            sum[i] += addend[i];
            differs[i] |= addend[i] != start[i];
        }
    }
    for (size_t i = 0; mean && i < n; ++i)
        sum[i] = differs[i] ? sum[i] / ranks : start[i];
}

optim_status comm_scatter(const optim_comm *comm, const primitives_t *primitives, optim_dtype dtype, size_t block,
                          bool mean, void *send, void *receive) {
    const size_t size = dtype_size(dtype);
    const optim_status status = comm->all_to_all(comm, send, receive, block * size);
    if (status != OPTIM_OK)
        return status;
    double sum[READ_ELEMENTS];
    for (size_t first = 0; first < block; first += READ_ELEMENTS) {
        const size_t n = size_smaller(block - first, READ_ELEMENTS);
        add_blocks(primitives, dtype, comm->ranks, mean, block, first, n, receive, sum);
        primitives->store_f64(dtype, n, sum, (char *)send + first * size);
    }
    return OPTIM_OK;
}

optim_status comm_reduce(const optim_comm *comm, const primitives_t *primitives, optim_dtype dtype, size_t block,
                         bool mean, void *send, void *receive) {
    const optim_status status = comm_scatter(comm, primitives, dtype, block, mean, send, receive);
    return status == OPTIM_OK ? comm->gather(comm, send, receive, block * dtype_size(dtype)) : status;
}

optim_status optim_comm_sum(const optim_comm *comm, optim_dtype dtype, size_t count, void *data) {
    enum { MOST = 1 << 16 }; /* elements of a block */
    optim_status status = comm_check(comm);
    if (status == OPTIM_OK && (dtype < OPTIM_F32 || dtype > OPTIM_F16))
        status = error_set(OPTIM_ERR_ARGUMENT,
                           "there is no dtype %d; valid: OPTIM_F32, OPTIM_F64, OPTIM_BF16, OPTIM_F16", dtype);
    if (status == OPTIM_OK && count > 0)
        status = refuse_null(data, "data");
    if (status != OPTIM_OK)
        return status;
    const size_t ranks = (size_t)comm->ranks, size = dtype_size(dtype);
    const size_t block = size_smaller(count / ranks + (count % ranks != 0), MOST), room = ranks * block;
    char *send = memory_aligned(2 * room * size);
    if (send == NULL)
        return error_nomem("summing over ranks");
    char *receive = send + room * size;
    for (size_t done = 0; status == OPTIM_OK && done < count; done += room) {
        const size_t n = size_smaller(count - done, room);
        char *at = (char *)data + done * size;
        memcpy(send, at, n * size);
        memset(send + n * size, 0, (room - n) * size);
        status = comm_reduce(comm, engine_primitives(engine_best_level()), dtype, block, false, send, receive);
        if (status == OPTIM_OK)
            memcpy(at, receive, n * size);
    }
    free(send);
    return status;
}
