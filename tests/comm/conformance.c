#include "conformance.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local char wrong[500];

static const char *say(const char *what, size_t bytes) {
    (void)snprintf(wrong, sizeof wrong, "%s, blocks of %zu bytes: %s", what, bytes, optim_error());
    return wrong;
}

/* Byte i of what rank `from` sends to rank `to`. */
static unsigned char byte_of(int from, int to, size_t i) {
    return (unsigned char)((size_t)from * 31 + (size_t)to * 7 + i * 3 + i / 256);
}

static void fill(unsigned char *block, int from, int to, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i)
        block[i] = byte_of(from, to, i);
}

static int is_filled(const unsigned char *block, int from, int to, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i)
        if (block[i] != byte_of(from, to, i))
            return 0;
    return 1;
}

/* Room for a block of every rank to send and to receive. */
typedef struct room {
    unsigned char *send, *receive;
} room_t;

static const char *try_all_to_all(const optim_comm *comm, room_t room, size_t bytes) {
    for (int to = 0; to < comm->ranks; ++to)
        fill(room.send + (size_t)to * bytes, comm->rank, to, bytes);
    if (comm->all_to_all(comm, room.send, room.receive, bytes) != OPTIM_OK)
        return say("all_to_all fails", bytes);
    for (int from = 0; from < comm->ranks; ++from)
        if (!is_filled(room.receive + (size_t)from * bytes, from, comm->rank, bytes))
            return say("all_to_all brings something else", bytes);
    return NULL;
}

static const char *try_gather(const optim_comm *comm, room_t room, size_t bytes) {
    fill(room.send, comm->rank, 99, bytes);
    if (comm->gather(comm, room.send, room.receive, bytes) != OPTIM_OK)
        return say("gather fails", bytes);
    for (int from = 0; from < comm->ranks; ++from)
        if (!is_filled(room.receive + (size_t)from * bytes, from, 99, bytes))
            return say("gather brings something else", bytes);
    return NULL;
}

/* Pairs 0-1, 2-3, ...; the last of an odd number has no part in it. */
static const char *try_exchange(const optim_comm *comm, room_t room, size_t bytes) {
    const int other = comm->rank ^ 1;
    if (other >= comm->ranks)
        return NULL;
    fill(room.send, comm->rank, other, bytes);
    if (comm->exchange(comm, other, room.send, room.receive, bytes) != OPTIM_OK)
        return say("exchange fails", bytes);
    return is_filled(room.receive, other, comm->rank, bytes) ? NULL : say("exchange brings something else", bytes);
}

/* Whole numbers, which every dtype holds: their sums are exact. */
static double value_of(int rank, size_t i) {
    return (double)((size_t)rank + i % 5) - 2;
}

static const char *try_sum(const optim_comm *comm, size_t count) {
    float *f32 = calloc(count + 1, sizeof *f32);
    double *f64 = calloc(count + 1, sizeof *f64);
    const char *found = f32 == NULL || f64 == NULL ? "no memory" : NULL;
    for (size_t i = 0; found == NULL && i < count; ++i)
        f64[i] = f32[i] = (float)value_of(comm->rank, i);
    if (found == NULL && (optim_comm_sum(comm, OPTIM_F32, count, f32) != OPTIM_OK ||
                          optim_comm_sum(comm, OPTIM_F64, count, f64) != OPTIM_OK))
        found = say("optim_comm_sum fails", count);
    for (size_t i = 0; found == NULL && i < count; ++i) {
        double sum = 0;
        for (int r = 0; r < comm->ranks; ++r)
            sum += value_of(r, i);
        if (f64[i] != sum || f32[i] != (float)sum)
            found = say("optim_comm_sum is wrong", count);
    }
    free(f32);
    free(f64);
    return found;
}

/* What rounds: over ascending ranks in double, once. */
static const char *try_order(const optim_comm *comm) {
    double x = comm->rank == 0 ? 1 : 0x1p-53, sum = 1;
    for (int r = 1; r < comm->ranks; ++r)
        sum += 0x1p-53; /* each is lost: added among themselves first they would not be */
    if (optim_comm_sum(comm, OPTIM_F64, 1, &x) != OPTIM_OK)
        return say("optim_comm_sum fails", sizeof x);
    return x == sum ? NULL : say("optim_comm_sum does not add in the order of ranks", sizeof x);
}

const char *comm_conformance(const optim_comm *comm) {
    static const size_t BYTES[] = {8, 0, 1, 4096, 65537, 1 << 20, 3};
    const char *found = NULL;
    for (size_t i = 0; found == NULL && i < sizeof BYTES / sizeof *BYTES; ++i) {
        const size_t whole = (size_t)comm->ranks * BYTES[i] + 1;
        const room_t room = {malloc(whole), malloc(whole)};
        found = room.send == NULL || room.receive == NULL ? "no memory" : try_all_to_all(comm, room, BYTES[i]);
        if (found == NULL)
            found = try_gather(comm, room, BYTES[i]);
        if (found == NULL)
            found = try_exchange(comm, room, BYTES[i]);
        if (found == NULL && comm->barrier(comm) != OPTIM_OK)
            found = say("barrier fails", 0);
        free(room.send);
        free(room.receive);
    }
    static const size_t COUNTS[] = {0, 1, 5, 1000, 100003};
    for (size_t i = 0; found == NULL && i < sizeof COUNTS / sizeof *COUNTS; ++i)
        found = try_sum(comm, COUNTS[i]);
    return found == NULL ? try_order(comm) : found;
}

/* Of equal vectors the same, and hardly of others; behind what was digested before. */
static uint64_t digest(uint64_t bits, const float *w, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        uint32_t word;
        memcpy(&word, &w[i], sizeof word);
        bits = (bits ^ word) * UINT64_C(0x100000001B3);
    }
    return bits;
}

/* Steps that all ranks take together, or by themselves up to an exchange at their end. */
static const char *train(const optim_comm *comm, const char *options, const char *wrapper, uint64_t *bits) {
    enum { N = 1003, STEPS = 5 };
    static _Thread_local float w[N], g[N];
    optim_t *opt = NULL;
    for (int i = 0; i < N; ++i)
        w[i] = (float)(1 + i % 17) / 16;
    optim_status status = optim_create(&opt, "adamw", options);
    if (status == OPTIM_OK && wrapper != NULL)
        status = optim_wrap(opt, wrapper, "period=5");
    if (status == OPTIM_OK)
        status = optim_add_param(opt, 0, "w", OPTIM_F32, 1, (int64_t[]){N}, w, g);
    if (status == OPTIM_OK)
        status = optim_set_comm(opt, comm);
    for (int step = 0; status == OPTIM_OK && step < STEPS; ++step) {
        for (int i = 0; i < N; ++i)
            g[i] = w[i] * (float)(comm->rank + 1) - (float)(i % 3) / 7;
        status = optim_step(opt);
    }
    if (status != OPTIM_OK)
        (void)say("training fails", N);
    optim_destroy(opt);
    *bits = digest(*bits, w, N);
    return status == OPTIM_OK ? NULL : wrong;
}

const char *comm_training(const optim_comm *comm, uint64_t *bits) {
    *bits = 0;
    const char *found = train(comm, "lr=1e-2,clip_norm=1,replicas=mean", NULL, bits);
    return found == NULL ? train(comm, "lr=1e-2", "diloco", bits) : found;
}

/* ---- Checkpoints ---- */

enum { TENSORS = 5, ELEMENTS = 7 };

typedef struct model {
    optim_t *opt;
    float w[TENSORS][ELEMENTS], g[TENSORS][ELEMENTS];
} model_t;

static optim_status open_model(model_t *m, const optim_comm *comm) {
    static const char *const NAMES[TENSORS] = {"a", "b", "c", "d", "e"};
    optim_status status =
        optim_create(&m->opt, "adamw", comm == NULL ? NULL : "replicas=mean,shard=1,checkpoint=shares");
    for (int i = 0; i < TENSORS; ++i) {
        for (int k = 0; k < ELEMENTS; ++k)
            m->w[i][k] = (float)(1 + (i + k) % 5) / 4;
        if (status == OPTIM_OK)
            status = optim_add_param(m->opt, 0, NAMES[i], OPTIM_F32, 1, (int64_t[]){ELEMENTS}, m->w[i], m->g[i]);
    }
    return status == OPTIM_OK && comm != NULL ? optim_set_comm(m->opt, comm) : status;
}

static optim_status step_model(model_t *m) {
    for (int i = 0; i < TENSORS; ++i)
        for (int k = 0; k < ELEMENTS; ++k)
            m->g[i][k] = m->w[i][k] * (float)(1 + i) - (float)(k % 4) / 3;
    return optim_step(m->opt);
}

/* From the checkpoint, and the parameters that belong to it, a step further; false: not to where `wanted` is. */
static bool goes_on(const optim_comm *comm, const char *path, const model_t *then, const model_t *wanted) {
    model_t m;
    optim_status status = open_model(&m, comm);
    if (status == OPTIM_OK)
        status = optim_load(m.opt, path);
    memcpy(m.w, then->w, sizeof m.w);
    if (status == OPTIM_OK)
        status = step_model(&m);
    optim_destroy(m.opt);
    const size_t count = sizeof m.w / sizeof m.w[0][0];
    return status == OPTIM_OK && digest(0, &m.w[0][0], count) == digest(0, &wanted->w[0][0], count);
}

const char *comm_checkpoint(const optim_comm *comm, const char *path) {
    model_t m, then;
    const char *found = NULL;
    optim_status status = open_model(&m, comm);
    if (status == OPTIM_OK)
        status = step_model(&m);
    then = m;
    if (status == OPTIM_OK)
        status = optim_snapshot_begin(m.opt, path);
    if (status == OPTIM_OK)
        status = step_model(&m);
    if (status == OPTIM_OK)
        status = optim_snapshot_wait(m.opt);
    if (status != OPTIM_OK)
        found = say("saving shares fails", sizeof m.w);
    if (found == NULL && !goes_on(comm, path, &then, &m))
        found = say("ranks do not go on from their shares", sizeof m.w);
    if (found == NULL && !goes_on(NULL, path, &then, &m))
        found = say("a rank alone does not go on from the shares", sizeof m.w);
    optim_destroy(m.opt);
    return found;
}

const char *comm_checkpoint_of_the_dead(const optim_comm *comm, const char *path, void (*die)(void)) {
    model_t m, then, alone;
    const char *found = NULL;
    optim_status status = open_model(&m, comm);
    if (status == OPTIM_OK)
        status = step_model(&m);
    if (status == OPTIM_OK)
        status = optim_save(m.opt, path);
    then = m;
    if (status == OPTIM_OK)
        status = step_model(&m);
    alone = m;
    if (status == OPTIM_OK)
        status = optim_snapshot_begin(m.opt, path);
    if (status != OPTIM_OK)
        found = say("saving shares fails", sizeof m.w);
    else if (comm->rank == comm->ranks - 1)
        die();
    if (found == NULL && optim_snapshot_wait(m.opt) != OPTIM_ERR_COMM)
        found = say("a version is whole without a rank", sizeof m.w);
    if (found == NULL && !goes_on(NULL, path, &then, &alone))
        found = say("the version before does not load", sizeof m.w);
    optim_destroy(m.opt);
    return found;
}
