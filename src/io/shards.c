/*
 * A checkpoint says nothing of ranks: rank 0 writes the whole of it. What others keep comes to it array by array, in
 * the order in which all ranks list them, from the rank that keeps the tensor.
 */
#include "io/shards.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* The rank that the array comes from; 0: it is there. */
static int rank_of(const optim_t *opt, const array_t *array) {
    return engine_rank_of(&opt->engine, array->of);
}

/* Bytes first .. first + n - 1 of all copies one after the other, between the array and a row of bytes. */
static void copy(const array_t *array, size_t first, size_t n, char *row, bool back) {
    for (size_t done = 0, k; done < n; done += k) {
        const size_t c = (first + done) / array->bytes, within = (first + done) % array->bytes;
        char *at = array->at + c * array->stride + within;
        k = size_smaller(n - done, array->bytes - within);
        memcpy(back ? at : row + done, back ? row + done : at, k);
    }
}

/* Both ranks send as many bytes; those of rank 0 mean nothing. */
static optim_status bring(optim_t *opt, const array_t *array, int from) {
    const replicas_t *r = &opt->replicas;
    const size_t bytes = array_bytes(array);
    optim_status status = OPTIM_OK;
    for (size_t done = 0, n; status == OPTIM_OK && done < bytes; done += n) {
        n = size_smaller(bytes - done, r->room);
        if (r->comm.rank == from)
            copy(array, done, n, r->send, false);
        else
            memset(r->send, 0, n);
        status = r->comm.exchange(&r->comm, r->comm.rank == from ? 0 : from, r->send, r->receive, n);
        if (status == OPTIM_OK && r->comm.rank == 0)
            copy(array, done, n, r->receive, true);
    }
    return status;
}

/* Room on rank 0 for what is to come. */
static optim_status take(const optim_t *opt, arrays_t *arrays, void **room) {
    size_t bytes = 0;
    for (size_t i = 0; i < arrays->count; ++i)
        bytes += rank_of(opt, &arrays->array[i]) == 0 ? 0 : array_bytes(&arrays->array[i]);
    *room = malloc(bytes + 1);
    char *next = *room;
    if (next == NULL)
        return error_nomem("collecting the states of all ranks");
    for (size_t i = 0; i < arrays->count; ++i) {
        array_t *array = &arrays->array[i];
        if (rank_of(opt, array) == 0)
            continue;
        array->at = next;
        array->stride = array->bytes;
        next += array_bytes(array);
    }
    return OPTIM_OK;
}

optim_status shards_collect(optim_t *opt, optim_status own, arrays_t *arrays, void **room) {
    const int rank = opt->replicas.comm.rank;
    optim_status status = own == OPTIM_OK ? replicas_prepare(opt) : own;
    if (status == OPTIM_OK && rank == 0)
        status = take(opt, arrays, room);
    status = replicas_agree_on(opt, status, "saving");
    for (size_t i = 0; status == OPTIM_OK && i < arrays->count; ++i) {
        const int from = rank_of(opt, &arrays->array[i]);
        if (from != 0 && (rank == 0 || rank == from))
            status = bring(opt, &arrays->array[i], from);
    }
    return status;
}
