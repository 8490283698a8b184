/*
 * The communicator of threads in one program. A message is a place: the sender puts down where its bytes are, the
 * receiver copies them from there and takes the note away, and the sender returns when all its notes are gone. So there
 * is one copy and no buffer, and messages between two ranks arrive in the order in which they are sent.
 *
 *     note[from][to]:   empty -> full (by `from`) -> empty (by `to`)
 */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "comm/comm.h"

enum { MOST_RANKS = 4096 };

/* What a call does, so that two ranks that do different things are told so instead of mixing their bytes. */
typedef enum operation { ALL_TO_ALL, GATHER, EXCHANGE, BARRIER } operation_t;

typedef struct note {
    const void *at;
    size_t bytes;
    operation_t operation;
    bool full;
} note_t;

struct optim_team {
    int ranks;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool broken; /* some rank has given up: nobody waits any more */
    int culprit; /* for whom it waited */
    note_t note[];
};

static note_t *note_of(optim_team_t *team, int from, int to) {
    return &team->note[(size_t)from * (size_t)team->ranks + (size_t)to];
}

/* ---- Waiting ---- */

typedef struct deadline {
    bool exists;
    struct timespec at;
} deadline_t;

static deadline_t deadline_in(double seconds) {
    enum { BILLION = 1000000000 };
    const double most = 1e9; /* thirty years */
    deadline_t deadline = {.exists = seconds > 0};
    const double whole = floor(seconds < most ? seconds : most);
    (void)clock_gettime(CLOCK_MONOTONIC, &deadline.at);
    deadline.at.tv_sec += (time_t)whole;
    deadline.at.tv_nsec += (long)((seconds < most ? seconds - whole : 0) * (double)BILLION);
    if (deadline.at.tv_nsec >= BILLION) {
        deadline.at.tv_nsec -= BILLION;
        ++deadline.at.tv_sec;
    }
    return deadline;
}

/* With the lock held: until the note is full, or empty. `other`: who is to make it so. */
static optim_status wait_for(optim_team_t *team, const note_t *note, bool full, int other, const optim_comm *comm,
                             const deadline_t *deadline) {
    int failed = 0;
    while (note->full != full && !team->broken && failed == 0)
        failed = deadline->exists ? pthread_cond_timedwait(&team->changed, &team->lock, &deadline->at)
                                  : pthread_cond_wait(&team->changed, &team->lock);
    if (note->full == full)
        return OPTIM_OK;
    if (team->broken)
        return comm_fail(team->culprit, "did not take part, and other ranks have given up");
    team->broken = true;
    team->culprit = other;
    (void)pthread_cond_broadcast(&team->changed);
    return error_set(OPTIM_ERR_COMM, "rank %d has not answered for %g s", other, comm->timeout);
}

/* ---- Messages ---- */

/* What one call sends and receives: to and from ranks first .. last, blocks `stride` bytes apart. */
typedef struct transfer {
    const optim_comm *comm;
    operation_t operation;
    int first, last;
    const char *send;
    char *receive;
    size_t bytes, send_stride, receive_stride;
    deadline_t deadline;
} transfer_t;

static optim_status put_down(const transfer_t *t, int to) {
    optim_team_t *team = t->comm->context;
    note_t *note = note_of(team, t->comm->rank, to);
    const optim_status status = wait_for(team, note, false, to, t->comm, &t->deadline);
    if (status != OPTIM_OK)
        return status;
    const char *at = t->bytes == 0 ? NULL : t->send + (size_t)to * t->send_stride;
    *note = (note_t){.at = at, .bytes = t->bytes, .operation = t->operation, .full = true};
    (void)pthread_cond_broadcast(&team->changed);
    return OPTIM_OK;
}

/* The bytes are copied without the lock: the sender leaves them where they are until the note is gone. */
static optim_status pick_up(const transfer_t *t, int from) {
    optim_team_t *team = t->comm->context;
    note_t *note = note_of(team, from, t->comm->rank);
    const optim_status status = wait_for(team, note, true, from, t->comm, &t->deadline);
    if (status != OPTIM_OK)
        return status;
    if (note->operation != t->operation || note->bytes != t->bytes) {
        team->broken = true;
        team->culprit = from;
        (void)pthread_cond_broadcast(&team->changed);
        return comm_fail(from, "does something else than rank %d: %zu bytes in its call, %zu here", t->comm->rank,
                         note->bytes, t->bytes);
    }
    (void)pthread_mutex_unlock(&team->lock);
    if (t->bytes > 0)
        memcpy(t->receive + (size_t)from * t->receive_stride, note->at, t->bytes);
    (void)pthread_mutex_lock(&team->lock);
    note->full = false;
    (void)pthread_cond_broadcast(&team->changed);
    return OPTIM_OK;
}

/* Until nobody reads what this rank has sent. */
static optim_status see_off(const transfer_t *t, int to) {
    optim_team_t *team = t->comm->context;
    return wait_for(team, note_of(team, t->comm->rank, to), false, to, t->comm, &t->deadline);
}

/* Each rank begins with the one behind it, so that not all read from the same. */
static optim_status for_others(const transfer_t *t, optim_status (*act)(const transfer_t *t, int other)) {
    const int rank = t->comm->rank, ranks = t->comm->ranks;
    optim_status status = OPTIM_OK;
    for (int i = 1; status == OPTIM_OK && i < ranks; ++i) {
        const int other = (rank + i) % ranks;
        if (other >= t->first && other <= t->last)
            status = act(t, other);
    }
    return status;
}

static optim_status run(transfer_t t) {
    const int rank = t.comm->rank;
    optim_team_t *team = t.comm->context;
    t.deadline = deadline_in(t.comm->timeout);
    if (t.bytes > 0 && rank >= t.first && rank <= t.last)
        memcpy(t.receive + (size_t)rank * t.receive_stride, t.send + (size_t)rank * t.send_stride, t.bytes);
    (void)pthread_mutex_lock(&team->lock);
    optim_status status = for_others(&t, put_down);
    if (status == OPTIM_OK)
        status = for_others(&t, pick_up);
    if (status == OPTIM_OK)
        status = for_others(&t, see_off);
    (void)pthread_mutex_unlock(&team->lock);
    return status;
}

static optim_status all_to_all(const optim_comm *comm, const void *send, void *receive, size_t bytes) {
    return run((transfer_t){.comm = comm,
                            .operation = ALL_TO_ALL,
                            .last = comm->ranks - 1,
                            .send = send,
                            .receive = receive,
                            .bytes = bytes,
                            .send_stride = bytes,
                            .receive_stride = bytes});
}

static optim_status gather(const optim_comm *comm, const void *send, void *receive, size_t bytes) {
    return run((transfer_t){.comm = comm,
                            .operation = GATHER,
                            .last = comm->ranks - 1,
                            .send = send,
                            .receive = receive,
                            .bytes = bytes,
                            .receive_stride = bytes});
}

static optim_status exchange(const optim_comm *comm, int other, const void *send, void *receive, size_t bytes) {
    return run((transfer_t){.comm = comm,
                            .operation = EXCHANGE,
                            .first = other,
                            .last = other,
                            .send = send,
                            .receive = receive,
                            .bytes = bytes});
}

static optim_status barrier(const optim_comm *comm) {
    return run((transfer_t){.comm = comm, .operation = BARRIER, .last = comm->ranks - 1});
}

/* ---- Calls ---- */

/* By a clock that nobody sets. */
static bool make_condition(pthread_cond_t *condition) {
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return false;
    const bool made =
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 && pthread_cond_init(condition, &attributes) == 0;
    (void)pthread_condattr_destroy(&attributes);
    return made;
}

optim_status optim_team_create(optim_team_t **out, int ranks) {
    const optim_status status = refuse_null(out, "out");
    if (status != OPTIM_OK)
        return status;
    *out = NULL;
    if (ranks < 1 || ranks > MOST_RANKS)
        return error_set(OPTIM_ERR_ARGUMENT, "a team cannot have %d ranks; valid: 1 to %d", ranks, MOST_RANKS);
    optim_team_t *team = calloc(1, sizeof *team + (size_t)ranks * (size_t)ranks * sizeof *team->note);
    if (team == NULL)
        return error_nomem("making a team");
    team->ranks = ranks;
    if (pthread_mutex_init(&team->lock, NULL) != 0) {
        free(team);
        return error_nomem("making a team");
    }
    if (!make_condition(&team->changed)) {
        (void)pthread_mutex_destroy(&team->lock);
        free(team);
        return error_nomem("making a team");
    }
    *out = team;
    return OPTIM_OK;
}

void optim_team_destroy(optim_team_t *team) {
    if (team == NULL)
        return;
    (void)pthread_cond_destroy(&team->changed);
    (void)pthread_mutex_destroy(&team->lock);
    free(team);
}

optim_status optim_comm_team(optim_comm *out, optim_team_t *team, int rank) {
    optim_status status = refuse_null(out, "out");
    if (status == OPTIM_OK)
        status = refuse_null(team, "team");
    if (status != OPTIM_OK)
        return status;
    if (rank < 0 || rank >= team->ranks)
        return error_set(OPTIM_ERR_ARGUMENT, "there is no rank %d; the team has %d, counted from 0", rank, team->ranks);
    *out = (optim_comm){.size = sizeof *out,
                        .rank = rank,
                        .ranks = team->ranks,
                        .timeout = COMM_TIMEOUT,
                        .context = team,
                        .all_to_all = all_to_all,
                        .gather = gather,
                        .exchange = exchange,
                        .barrier = barrier};
    return OPTIM_OK;
}
