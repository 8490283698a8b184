/*
 * fedfix: aggregation of clients of different speeds, unbiased. Fraboni, Vidal, Kameni, Lorenzi, "A General Theory for
 * Federated Optimization with Asynchronous and Heterogeneous Clients Updates", 2023, arXiv:2206.10189.
 *
 * Client c takes tau_c (the number "time" of clients) for its local steps, and starts anew at once; ret_c, when it is
 * through, is tau_c at first. An aggregation:
 *
 *     1. who and when: fixed: all with ret <= (round + 1) period; async: the smallest ret; buffer: the `buffer`
 *     smallest;
 *        sync: all, max tau later. Of equal ret the lower number comes first.
 *     2. w <- w + server_lr sum_c d_c (y_c - start_c)
 *     3. these clients start from the new w, and are through tau_c later
 *
 *     d_c     unbiased                          identical
 *     sync    P_c
 *     fixed   ceil(tau_c / period) P_c
 *     async   tau_c P_c sum_j 1 / tau_j         1
 *     buffer  P_c / share_c                     1 / buffer
 *
 * P_c is 1/C or by size; share_c the part of the aggregations until time `horizon` in which c is.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "federated/server.h"

enum { LR, LOCAL_STEPS, SERVER_LR, SCHEME, WEIGHTS, IMPORTANCE, PERIOD, BUFFER, HORIZON };
enum { FIXED, ASYNC, BUFFERED, SYNC };
enum { UNBIASED, IDENTICAL };
static const option_t OPTIONS[] = {
    [LR] = LR_LOCAL_ROW,
    [LOCAL_STEPS] = LOCAL_STEPS_ROW(5),
    [SERVER_LR] = SERVER_LR_ROW,
    [SCHEME] = {"scheme", FIXED, "fixed|async|buffer|sync", "when the server moves", .decides_memory = true},
    [WEIGHTS] = {"weights", UNBIASED, "unbiased|identical", "of the moves (identical: async and buffer alone)"},
    [IMPORTANCE] = {"importance", 0, "uniform|size", "of the clients in what is minimised"},
    [PERIOD] = {"period", 2, "(0,inf)", "time between two moves, with scheme=fixed"},
    [BUFFER] = {"buffer", 2, "integer [1,inf)", "clients of a move, with scheme=buffer", .decides_memory = true},
    [HORIZON] = {"horizon", 60, "(0,inf)", "time over which shares are counted, with scheme=buffer",
                 .decides_memory = true},
    SEED_ROW,
    {0},
};

enum { TIME, RETURNS };
static const kept_t KEPT[] = {
    [TIME] = {"time", "of the last aggregation", OF_SERVER, true, 0, 0, HUGE_VAL},
    [RETURNS] = {"returns", "when it is through", OF_CLIENT, true, 0, 0, HUGE_VAL},
    {0},
};

static const char *check(const double *o) {
    if ((int)o[WEIGHTS] == IDENTICAL && ((int)o[SCHEME] == FIXED || (int)o[SCHEME] == SYNC))
        return "weights=identical belongs to scheme=async and scheme=buffer";
    return NULL;
}

/* ---- Who is through ---- */

/* The client behind (time, id) in the order of returns, then numbers; -1: nobody is. */
static int64_t next(const double *ret, int64_t clients, double time, int64_t id) {
    int64_t best = -1;
    for (int64_t c = 0; c < clients; ++c)
        if ((ret[c] > time || (ret[c] == time && c > id)) && (best < 0 || ret[c] < ret[best]))
            best = c;
    return best;
}

/* The last of the `count` that are through first. */
static int64_t last_of(const double *ret, int64_t clients, int64_t count) {
    int64_t c = -1;
    for (int64_t k = 0; k < count; ++k)
        c = next(ret, clients, c < 0 ? -1 : ret[c], c);
    return c;
}

static bool is_in(const double *ret, int64_t c, int64_t last) {
    return ret[c] < ret[last] || (c <= last && ret[c] == ret[last]);
}

/* memory: share[C], ret[C] */
static optim_status count_shares(const server_t *s, double *share, double *ret) {
    double aggregations = 0;
    const double *tau = s->told[TIME_OF];
    memcpy(ret, tau, (size_t)s->clients * sizeof *ret);
    while (ret[last_of(ret, s->clients, 1)] <= s->option[HORIZON]) {
        const int64_t last = last_of(ret, s->clients, (int64_t)s->option[BUFFER]);
        const double time = ret[last];
        aggregations += 1;
        for (int64_t c = s->clients - 1; c >= 0; --c)
            share[c] += c != last && is_in(ret, c, last);
        share[last] += 1;
        for (int64_t c = 0; c < s->clients; ++c)
            if (c != last && is_in(ret, c, last))
                ret[c] = -tau[c]; /* marked: `last` must not change yet */
        ret[last] = -tau[last];
        for (int64_t c = 0; c < s->clients; ++c)
            ret[c] = ret[c] < 0 ? time - ret[c] : ret[c];
    }
    for (int64_t c = 0; c < s->clients; ++c) {
        if (share[c] == 0)
            return error_set(OPTIM_ERR_VALUE,
                             "option \"horizon\" is too short: client %" PRId64 " is in no aggregation", c);
        share[c] /= aggregations;
    }
    return OPTIM_OK;
}

static optim_status ready(server_t *s) {
    optim_status status = server_need_numbers(s, TIME_OF);
    if (status == OPTIM_OK && s->option[IMPORTANCE] == 1)
        status = server_need_numbers(s, SIZE_OF);
    if (status == OPTIM_OK && (int)s->option[SCHEME] == BUFFERED && s->option[BUFFER] >= (double)s->clients)
        status = error_set(OPTIM_ERR_VALUE, "option \"buffer\" must be less than the number of clients, %" PRId64,
                           s->clients);
    if (status != OPTIM_OK || s->memory != NULL)
        return status;
    double *memory = calloc(2 * (size_t)s->clients, sizeof *memory);
    if (memory == NULL)
        return error_nomem("making fedfix");
    if ((int)s->option[SCHEME] == BUFFERED)
        status = count_shares(s, memory, memory + s->clients);
    if (status == OPTIM_OK)
        s->memory = memory;
    else
        free(memory);
    return status;
}

static void meet(const server_t *s, client_t *c) {
    c->number[RETURNS] = server_told(s, TIME_OF, c->id, 1);
}

static double *returns(const server_t *s) {
    double *ret = (double *)s->memory + s->clients;
    for (size_t k = 0; k < s->count; ++k)
        ret[k] = s->client[k]->number[RETURNS]; /* everyone is met: number k is client k */
    return ret;
}

/* The time of the next aggregation. */
static double when(const server_t *s, const double *ret) {
    const double *tau = s->told[TIME_OF];
    double longest = 0;
    switch ((int)s->option[SCHEME]) {
    case FIXED:
        return (double)(s->round + 1) * s->option[PERIOD];
    case SYNC:
        for (int64_t c = 0; c < s->clients; ++c)
            longest = fmax(longest, tau[c]);
        return s->number[TIME] + longest;
    default:
        return ret[last_of(ret, s->clients, (int)s->option[SCHEME] == ASYNC ? 1 : (int64_t)s->option[BUFFER])];
    }
}

static optim_status choose(server_t *s, int64_t *chosen, size_t *count) {
    const double *ret = returns(s), time = when(s, ret);
    const int scheme = (int)s->option[SCHEME];
    const int64_t last = last_of(ret, s->clients, scheme == BUFFERED ? (int64_t)s->option[BUFFER] : 1);
    *count = 0;
    for (int64_t c = 0; c < s->clients; ++c)
        if (scheme == SYNC || (scheme == FIXED ? ret[c] <= time : is_in(ret, c, last)))
            chosen[(*count)++] = c;
    return OPTIM_OK;
}

/* ---- Weights ---- */

static double total(const server_t *s, bool of_sizes) {
    double sum = 0;
    for (int64_t c = 0; c < s->clients; ++c)
        sum += of_sizes ? server_told(s, SIZE_OF, c, 1) : 1 / s->told[TIME_OF][c];
    return sum;
}

static double weight(const server_t *s, int64_t c) {
    const double *o = s->option, tau = s->told[TIME_OF][c], *share = s->memory;
    const double p = o[IMPORTANCE] == 1 ? s->told[SIZE_OF][c] / total(s, true) : 1 / (double)s->clients;
    const bool identical = (int)o[WEIGHTS] == IDENTICAL;
    switch ((int)o[SCHEME]) {
    case ASYNC:
        return identical ? 1 : tau * p * total(s, false);
    case BUFFERED:
        return identical ? 1 / o[BUFFER] : p / share[c];
    case FIXED:
        return ceil(tau / o[PERIOD]) * p;
    default:
        return p;
    }
}

static void commit(server_t *s) {
    const double time = when(s, returns(s));
    for (size_t k = 0; k < s->count; ++k) {
        client_t *c = s->client[k];
        if (server_handed_in(s, k) == NULL)
            continue;
        c->weight = weight(s, c->id);
        c->number[RETURNS] = time + s->told[TIME_OF][c->id];
    }
    s->number[TIME] = time;
    s->version += server_handed_in_count(s) > 0;
    server_mean_move(s, s->sum);
    for (size_t i = 0; i < s->d; ++i)
        s->w[i] += s->option[SERVER_LR] * s->sum[i];
}

const rule_t rule_fedfix = {
    .name = "fedfix",
    .purpose = "clients of different speeds, aggregated at fixed times or as they finish, weighted without bias",
    .citation = "Fraboni, Vidal, Kameni, Lorenzi, \"A General Theory for Federated Optimization with Asynchronous and "
                "Heterogeneous Clients Updates\", 2023, arXiv:2206.10189",
    .options = OPTIONS,
    .kept = KEPT,
    .flags = ASYNCHRONOUS | COMMITS_EMPTY | MEETS_ALL,
    .check = check,
    .ready = ready,
    .select = choose,
    .meet = meet,
    .commit = commit,
};
