/*
 * Coded gradients round by round: who computes what, who may be late, which jobs can be decoded.
 *
 * Every round begins a job. A round may lose the set L of late workers if (pattern B, W, lambda)
 *
 *     1. L and the late workers that count in rounds r - W + 1 .. r - 1 are together at most lambda
 *     2. no worker of L counts as late in rounds r - W + 1 .. r - B
 *
 * or else waits for all: then nobody is late.
 *
 *     plain  any L of at most s workers may be lost, and nobody counts
 *     sr     s = ceil(B lambda / (W - 1 + B)). If job r - B is not decoded, workers that did not deliver it in its own
 *            round, in ascending order, all but the last s of them, compute it instead of job r. A round without such
 *            repeats that has at most s late workers does not count
 *     m      slot k = 0 .. W - 2 + B of round r serves job r - k. Slots below W - 1: the worker's own piece k, plain.
 *            Others: the lowest of its pieces that has not arrived, or else the coded sum of group k - (W - 1), against
 *            lambda late workers; lambda = n: there are no groups
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "federated/coding.h"

/* ---- Schemes ---- */

static size_t count_of(const bool *who, int64_t n) {
    size_t count = 0;
    for (int64_t i = 0; i < n; ++i)
        count += who[i];
    return count;
}

/* Group by group, n - s workers. */
static bool groups_are_complete(const struct optim_coding *c, int64_t job) {
    bool complete = true;
    for (int64_t group = 0; group < c->groups; ++group)
        complete = complete && (int64_t)count_of(coding_arrived(c, job, c->plain + group), c->n) >= c->n - c->s;
    return complete;
}

static bool is_complete(const struct optim_coding *c, int64_t job) {
    bool complete = groups_are_complete(c, job);
    for (int64_t k = 0; k < c->plain; ++k)
        complete = complete && (int64_t)count_of(coding_arrived(c, job, k), c->n) == c->n;
    return complete;
}

static task_t coded(const struct optim_coding *c, int64_t job) {
    return coding_is_open(c, job) ? (task_t){job, PART_CODED, 0} : (task_t){-1, 0, 0};
}

/* Whether the worker repeats the job of b rounds ago: it is among all but the last s that did not deliver it then. */
static bool repeats(const struct optim_coding *c, int64_t worker) {
    const int64_t job = c->round - c->b;
    if (!coding_is_open(c, job))
        return false;
    const bool *first = c->first + coding_row(c, job) * (size_t)c->n;
    const int64_t missing = c->n - (int64_t)count_of(first, c->n);
    int64_t before = 0;
    for (int64_t i = 0; i < worker; ++i)
        before += !first[i];
    return !first[worker] && before < missing - c->s;
}

static void multiplexed_tasks(const struct optim_coding *c, int64_t worker, task_t *task) {
    for (int64_t k = 0; k < c->slots; ++k) {
        const int64_t job = c->round - k;
        int64_t piece = 0;
        task[k] = (task_t){-1, 0, 0};
        if (!coding_is_open(c, job))
            continue;
        while (piece < c->plain && coding_arrived(c, job, piece)[worker])
            ++piece;
        if (k < c->plain)
            task[k] = (task_t){job, PART_PLAIN, k};
        else if (piece < c->plain)
            task[k] = (task_t){job, PART_PLAIN, piece};
        else if (c->groups > 0)
            task[k] = (task_t){job, PART_CODED, k - c->plain};
    }
}

/* Tasks of a worker in this round. */
static void give_tasks(const struct optim_coding *c, int64_t worker, task_t *task) {
    if (c->scheme == CODING_MULTIPLEXED)
        multiplexed_tasks(c, worker, task);
    else
        task[0] = coded(c, c->scheme == CODING_REPEATS && repeats(c, worker) ? c->round - c->b : c->round);
}

/* ---- Rounds ---- */

optim_status optim_coding_tasks(const optim_coding_t *coding, int64_t worker, int64_t *jobs, int64_t *parts,
                                int64_t *indices, size_t room, size_t *count) {
    task_t task[MOST_SLOTS];
    optim_status status = refuse_null(coding, "coding");
    if (status == OPTIM_OK)
        status = refuse_null(count, "count");
    if (status == OPTIM_OK)
        status = coding_refuse_worker(coding, worker);
    if (status != OPTIM_OK)
        return status;
    *count = (size_t)coding->slots;
    if (jobs == NULL && parts == NULL && indices == NULL)
        return OPTIM_OK;
    if (room < *count)
        return error_set(OPTIM_ERR_ARGUMENT, "a worker has %zu tasks; there is room for %zu", *count, room);
    give_tasks(coding, worker, task);
    for (size_t k = 0; k < *count; ++k) {
        if (jobs != NULL)
            jobs[k] = task[k].job;
        if (parts != NULL)
            parts[k] = task[k].part;
        if (indices != NULL)
            indices[k] = task[k].index;
    }
    return OPTIM_OK;
}

/* Whether the worker counts as late in rounds first .. last. */
static bool was_late(const optim_coding_t *c, int64_t worker, int64_t first, int64_t last) {
    for (int64_t r = first < 0 ? 0 : first; r <= last; ++r)
        if (c->late[(r % c->w) * c->n + worker])
            return true;
    return false;
}

/* Conditions 1 and 2. */
static bool may_lose(const optim_coding_t *c, const bool *late) {
    int64_t together = 0;
    if (c->scheme == CODING_PLAIN)
        return (int64_t)count_of(late, c->n) <= c->s;
    for (int64_t i = 0; i < c->n; ++i) {
        together += late[i] || was_late(c, i, c->round - c->w + 1, c->round - 1);
        if (late[i] && was_late(c, i, c->round - c->w + 1, c->round - c->b))
            return false;
    }
    return together <= c->lambda;
}

static void deliver(optim_coding_t *c, int64_t worker) {
    task_t task[MOST_SLOTS];
    give_tasks(c, worker, task);
    for (int64_t k = 0; k < c->slots; ++k) {
        if (task[k].job < 0)
            continue;
        const int64_t part = task[k].part == PART_PLAIN ? task[k].index : c->plain + task[k].index;
        coding_arrived(c, task[k].job, part)[worker] = true;
        if (task[k].job == c->round)
            c->first[coding_row(c, c->round) * (size_t)c->n + (size_t)worker] = true;
    }
}

/* Writes down the first n - s workers of each group. */
static void decode(optim_coding_t *c, int64_t job) {
    const int64_t kept = c->n - c->s;
    int64_t *to = c->from + c->decoded * c->groups * kept;
    for (int64_t group = 0; group < c->groups; ++group) {
        const bool *arrived = coding_arrived(c, job, c->plain + group);
        for (int64_t i = 0, found = 0; i < c->n && found < kept; ++i)
            if (arrived[i])
                to[group * kept + found++] = i;
    }
    c->job[c->decoded++] = job;
    c->done[coding_row(c, job)] = true;
}

/* Room for the job that begins with this round. */
static void clear_row(optim_coding_t *c) {
    const size_t row = coding_row(c, c->round), n = (size_t)c->n, parts = (size_t)(c->plain + c->groups);
    memset(c->arrived + row * parts * n, 0, parts * n * sizeof *c->arrived);
    memset(c->first + row * n, 0, n * sizeof *c->first);
    c->done[row] = false;
}

static bool any_repeats(const optim_coding_t *c) {
    for (int64_t i = 0; i < c->n; ++i)
        if (c->scheme == CODING_REPEATS && repeats(c, i))
            return true;
    return false;
}

/* late: a row of n that the round may spoil. */
static void end_round(optim_coding_t *c, bool *late, int *wait) {
    const bool waits = !may_lose(c, late);
    if (waits)
        memset(late, 0, (size_t)c->n * sizeof *late);
    const bool counts = c->always_counts || any_repeats(c) || (int64_t)count_of(late, c->n) > c->s;
    for (int64_t i = 0; i < c->n; ++i)
        c->room[i] = late[i]; /* `late` may be the row that is written next */
    for (int64_t i = 0; i < c->n; ++i)
        if (c->room[i] == 0)
            deliver(c, i);
    for (int64_t i = 0; i < c->n; ++i)
        c->late[(c->round % c->w) * c->n + i] = counts && c->room[i] != 0;
    c->decoded = 0;
    for (int64_t job = c->round - c->last; job <= c->round; ++job)
        if (coding_is_open(c, job) && is_complete(c, job))
            decode(c, job);
    c->waited = waits;
    ++c->round;
    clear_row(c);
    if (wait != NULL)
        *wait = waits;
}

static optim_status refuse_ended(const optim_coding_t *c) {
    return coding_rounds(c) > 0 && c->round >= coding_rounds(c)
               ? error_set(OPTIM_ERR_ORDER, "all %" PRId64 " rounds have been", coding_rounds(c))
               : OPTIM_OK;
}

optim_status optim_coding_late(optim_coding_t *coding, const int64_t *workers, size_t count, int *wait) {
    optim_status status = refuse_null(coding, "coding");
    if (status == OPTIM_OK && count > 0)
        status = refuse_null(workers, "workers");
    if (status == OPTIM_OK)
        status = refuse_ended(coding);
    for (size_t k = 0; status == OPTIM_OK && k < count; ++k)
        status = coding_refuse_worker(coding, workers[k]);
    if (status != OPTIM_OK)
        return status;
    bool late[1024] = {false};
    for (size_t k = 0; k < count; ++k)
        late[workers[k]] = true;
    coding->duration = 0;
    end_round(coding, late, wait);
    return OPTIM_OK;
}

optim_status optim_coding_times(optim_coding_t *coding, const double *times, size_t count, int *wait) {
    optim_status status = refuse_null(coding, "coding");
    if (status == OPTIM_OK)
        status = refuse_null(times, "times");
    if (status == OPTIM_OK)
        status = refuse_ended(coding);
    if (status == OPTIM_OK && count != (size_t)coding->n)
        status = error_set(OPTIM_ERR_ARGUMENT, "there are %zu times for %" PRId64 " workers", count, coding->n);
    double least = HUGE_VAL, most = 0;
    bool late[1024] = {false};
    for (size_t i = 0; status == OPTIM_OK && i < count; ++i) {
        if (!(times[i] >= 0))
            status = error_set(OPTIM_ERR_ARGUMENT, "worker %zu cannot have taken the time %g", i, times[i]);
        least = fmin(least, times[i]);
        most = fmax(most, times[i]);
    }
    if (status != OPTIM_OK)
        return status;
    for (size_t i = 0; i < count; ++i)
        late[i] = times[i] > (1 + coding->mu) * least;
    end_round(coding, late, wait);
    coding->duration = coding->waited ? most : fmin((1 + coding->mu) * least, most);
    return OPTIM_OK;
}

optim_status optim_coding_decoded(const optim_coding_t *coding, size_t i, int64_t *job, int64_t *workers, size_t room,
                                  size_t *count) {
    optim_status status = refuse_null(coding, "coding");
    if (status == OPTIM_OK)
        status = refuse_null(job, "job");
    if (status == OPTIM_OK)
        status = refuse_null(count, "count");
    if (status != OPTIM_OK)
        return status;
    if (i >= (size_t)coding->decoded)
        return error_set(OPTIM_ERR_ARGUMENT,
                         "%" PRId64 " jobs were decoded in the last round, counted from 0; there is no "
                         "%zu",
                         coding->decoded, i);
    const size_t all = (size_t)(coding->groups * (coding->n - coding->s));
    if (workers != NULL && room < all)
        return error_set(OPTIM_ERR_ARGUMENT, "the job is decoded from %zu sums; there is room for %zu", all, room);
    *job = coding->job[i];
    *count = all;
    if (workers != NULL)
        memcpy(workers, coding->from + i * all, all * sizeof *workers);
    return OPTIM_OK;
}
