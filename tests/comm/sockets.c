#include "sockets.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct sockets {
    int to[SOCKETS_RANKS]; /* by rank */
} sockets_t;

/* Sends `bytes` to a rank and receives as many, whichever goes first. */
static optim_status swap(const optim_comm *comm, int other, const char *send_at, char *receive_at, size_t bytes) {
    const sockets_t *s = comm->context;
    size_t sent = 0, received = 0;
    while (sent < bytes || received < bytes) {
        struct pollfd wait = {.fd = s->to[other]};
        wait.events = (short)((sent < bytes ? POLLOUT : 0) | (received < bytes ? POLLIN : 0));
        const int ready = poll(&wait, 1, comm->timeout > 0 ? (int)(1000 * comm->timeout) : -1);
        if (ready <= 0)
            return optim_comm_fail(other, "does not answer");
        if (wait.revents & POLLOUT) {
            const ssize_t n = send(s->to[other], send_at + sent, bytes - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
            sent += n > 0 ? (size_t)n : 0;
        }
        if (wait.revents & (POLLIN | POLLHUP)) {
            const ssize_t n = recv(s->to[other], receive_at + received, bytes - received, MSG_DONTWAIT);
            if (n == 0)
                return optim_comm_fail(other, "has ended");
            received += n > 0 ? (size_t)n : 0;
        }
    }
    return OPTIM_OK;
}

/* One other rank after the other: in round i, ranks whose numbers add up to i. */
static optim_status with_each(const optim_comm *comm, const char *send_at, size_t stride, char *receive_at,
                              size_t bytes) {
    optim_status status = OPTIM_OK;
    for (int round = 0; status == OPTIM_OK && round < 2 * comm->ranks; ++round) {
        const int other = round - comm->rank;
        if (other < 0 || other >= comm->ranks)
            continue;
        const char *from = send_at + (size_t)other * stride;
        char *to = receive_at + (size_t)other * bytes;
        if (other != comm->rank)
            status = swap(comm, other, from, to, bytes);
        else if (bytes > 0)
            memcpy(to, from, bytes);
    }
    return status;
}

static optim_status all_to_all(const optim_comm *comm, const void *send_at, void *receive_at, size_t bytes) {
    return with_each(comm, send_at, bytes, receive_at, bytes);
}
static optim_status gather(const optim_comm *comm, const void *send_at, void *receive_at, size_t bytes) {
    return with_each(comm, send_at, 0, receive_at, bytes);
}
static optim_status exchange(const optim_comm *comm, int other, const void *send_at, void *receive_at, size_t bytes) {
    return swap(comm, other, send_at, receive_at, bytes);
}
static optim_status barrier(const optim_comm *comm) {
    char mine = 1, theirs[SOCKETS_RANKS];
    return gather(comm, &mine, theirs, 1);
}

static int be_rank(int pair[SOCKETS_RANKS][SOCKETS_RANKS], int rank, int ranks, int (*act)(const optim_comm *comm)) {
    sockets_t sockets;
    for (int i = 0; i < ranks; ++i)
        for (int j = 0; j < ranks; ++j)
            if (i == rank)
                sockets.to[j] = pair[i][j];
            else if (i != j)
                (void)close(pair[i][j]);
    return act(&(optim_comm){.size = sizeof(optim_comm),
                             .rank = rank,
                             .ranks = ranks,
                             .timeout = 60,
                             .context = &sockets,
                             .all_to_all = all_to_all,
                             .gather = gather,
                             .exchange = exchange,
                             .barrier = barrier});
}

int sockets_run(int ranks, int (*act)(const optim_comm *comm)) {
    int pair[SOCKETS_RANKS][SOCKETS_RANKS], failed = 0;
    for (int i = 0; i < ranks; ++i)
        for (int j = i + 1; j < ranks; ++j) {
            int both[2];
            if (socketpair(AF_UNIX, SOCK_STREAM, 0, both) != 0)
                return ranks;
            pair[i][j] = both[0];
            pair[j][i] = both[1];
        }
    (void)fflush(NULL);
    for (int rank = 0; rank < ranks; ++rank) {
        const pid_t child = fork();
        if (child == 0)
            _exit(be_rank(pair, rank, ranks, act) != 0);
        failed += child < 0;
    }
    for (int i = 0; i < ranks; ++i)
        for (int j = 0; j < ranks; ++j)
            if (i != j)
                (void)close(pair[i][j]);
    int status;
    while (wait(&status) > 0)
        failed += status != 0;
    return failed;
}
