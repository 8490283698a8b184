/*
 * dfedsam: replicas on a ring, each along gradients of perturbed points, that average with their neighbours. Shi, Shen,
 * Wei, Sun, Yuan, Wang, Tao, "Improving the Model Consistency of Decentralized Federated Learning", 2023,
 * arXiv:2302.04083; with gossip > 1: DFedSAM-MGS.
 *
 *     1. a replica's steps: g1 = g(y);   g = g(y + rho g1 / |g1|), at y where g1 = 0
 *     2. gossip times: y_c <- (y_{c-1} + y_c + y_{c+1}) / 3, on the ring of all replicas
 *
 * The server's vector is the mean of all replicas, which averaging on the ring does not change.
 */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "federated/replicas.h"

enum { LR, LOCAL_STEPS, RHO, GOSSIP };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.05, "[0,inf)", "rate of the replicas' steps"},
    [LOCAL_STEPS] = LOCAL_STEPS_ROW(5),
    [RHO] = {"rho", 0.05, "[0,inf)", "length of the perturbation"},
    [GOSSIP] = {"gossip", 1, "integer [1,inf)", "averagings with the neighbours a round"},
    SEED_ROW,
    {0},
};

enum { X, POINT };
static const kept_t KEPT[] = {
    [X] = {.name = "X", .doc = "where the replica stands", .of = OF_CLIENT},
    [POINT] = {.name = "point", .doc = "where its local step began", .of = OF_CLIENT},
    {0},
};

static optim_status ready(server_t *s) {
    const optim_status status = server_need_at_least(s, 3, "a ring of 3 or more replicas");
    if (status != OPTIM_OK || s->memory != NULL)
        return status;
    s->memory = calloc(2 * (size_t)s->clients, sizeof(double)); /* one element of all replicas, before and after */
    return s->memory == NULL ? error_nomem("making dfedsam") : OPTIM_OK;
}

static void meet(const server_t *s, client_t *c) {
    replica_begin_at_server(s, c->vector[X]);
}

static void begin(server_t *s, client_t *c) {
    memcpy(c->start, c->vector[X], s->d * sizeof *c->start);
}

static optim_status local(server_t *s, client_t *c, double *y, double *g) {
    if (c->asked) {
        memcpy(y, c->vector[POINT], s->d * sizeof *y);
        return OPTIM_OK;
    }
    const double norm = sqrt(vector_dot(s->d, g, g));
    memcpy(c->vector[POINT], y, s->d * sizeof *y);
    for (size_t i = 0; norm > 0 && i < s->d; ++i)
        y[i] += s->option[RHO] * g[i] / norm;
    return OPTIM_EVAL_GRAD;
}

/* One element of every replica, once around. */
static void gossip(size_t n, const double *before, double *after) {
    for (size_t k = 0; k < n; ++k)
        after[k] = (before[(k + n - 1) % n] + before[k] + before[(k + 1) % n]) / 3;
}

static void commit(server_t *s) {
    double *before = s->memory, *after = before + s->count;
    for (size_t k = 0; k < s->count; ++k)
        if (server_handed_in(s, k) != NULL)
            memcpy(s->client[k]->vector[X], s->client[k]->result, s->d * sizeof *s->w);
    for (size_t i = 0; i < s->d; ++i) {
        for (size_t k = 0; k < s->count; ++k)
            before[k] = s->client[k]->vector[X][i];
        for (int64_t round = 0; round < (int64_t)s->option[GOSSIP]; ++round) {
            gossip(s->count, before, after);
            memcpy(before, after, s->count * sizeof *before);
        }
        for (size_t k = 0; k < s->count; ++k)
            s->client[k]->vector[X][i] = before[k];
    }
    replicas_mean(s, X);
}

const rule_t rule_dfedsam = {
    .name = "dfedsam",
    .purpose = "replicas on a ring, along gradients of perturbed points, averaged with their neighbours",
    .citation = "Shi, Shen, Wei, Sun, Yuan, Wang, Tao, \"Improving the Model Consistency of Decentralized Federated "
                "Learning\", 2023, arXiv:2302.04083",
    .options = OPTIONS,
    .kept = KEPT,
    .flags = MEETS_ALL,
    .ready = ready,
    .meet = meet,
    .begin = begin,
    .local = local,
    .commit = commit,
};
