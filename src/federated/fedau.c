/*
 * fedau: averaging when nobody knows how often a client takes part. Wang, Ji, "A Lightweight Method for Tackling
 * Unknown Participation Statistics in Federated Averaging", 2024, arXiv:2306.03401.
 *
 *     1. w <- w + server_lr sum_c omega_c (y_c - w) / C, over those who took part, C of all clients
 *     2. of every client: S <- S + 1;  if it took part or S >= cutoff:
 *        omega <- S if M = 0, else (M omega + S) / (M + 1);   M <- M + 1;   S <- 0
 *
 * omega estimates 1 / p, the mean number of rounds between two in which the client takes part.
 */
#include <math.h>

#include "federated/server.h"

enum { LR, LOCAL_STEPS, SERVER_LR, CUTOFF, PARTICIPATION, S, GROUPS };
static const option_t OPTIONS[] = {
    [LR] = LR_LOCAL_ROW,
    [LOCAL_STEPS] = LOCAL_STEPS_ROW(5),
    [SERVER_LR] = SERVER_LR_ROW,
    [CUTOFF] = {"cutoff", 50, "integer [1,inf)", "longest absence that is recorded", .decides_memory = true},
    [PARTICIPATION] = PARTICIPATION_ROW(BERNOULLI_TAKE_PART),
    [S] = S_ROW,
    [GROUPS] = GROUPS_ROW,
    SEED_ROW,
    {0},
};

enum { ABSENT, RECORDS, WEIGHT };
static const kept_t KEPT[] = {
    [ABSENT] = {"absent", "rounds since the last record", OF_CLIENT, true, 0, 0, HUGE_VAL},
    [RECORDS] = {"records", "of rounds between two", OF_CLIENT, true, 0, 0, HUGE_VAL},
    [WEIGHT] = {"weights", "their mean: the weight of its moves", OF_CLIENT, true, 1, 0, HUGE_VAL},
    {0},
};

static optim_status choose(server_t *s, int64_t *chosen, size_t *count) {
    const double *o = s->option;
    return participate(s, (participation_t){o[PARTICIPATION], o[S], o[GROUPS]}, chosen, count);
}

/* It was absent from every round so far. */
static void meet(const server_t *s, client_t *c) {
    const double rounds = (double)s->round, cutoff = s->option[CUTOFF];
    c->number[RECORDS] = floor(rounds / cutoff);
    c->number[ABSENT] = rounds - cutoff * c->number[RECORDS];
    c->number[WEIGHT] = c->number[RECORDS] > 0 ? cutoff : 1;
}

static void record(const server_t *s, client_t *c, bool took_part) {
    double *n = c->number;
    n[ABSENT] += 1;
    if (!took_part && n[ABSENT] < s->option[CUTOFF])
        return;
    n[WEIGHT] = n[RECORDS] == 0 ? n[ABSENT] : (n[RECORDS] * n[WEIGHT] + n[ABSENT]) / (n[RECORDS] + 1);
    n[RECORDS] += 1;
    n[ABSENT] = 0;
}

static void commit(server_t *s) {
    for (size_t i = 0; i < s->count; ++i)
        s->client[i]->weight = s->client[i]->number[WEIGHT] / (double)s->clients;
    server_mean_move(s, s->sum);
    for (size_t i = 0; i < s->d; ++i)
        s->w[i] += s->option[SERVER_LR] * s->sum[i];
    for (size_t i = 0; i < s->count; ++i)
        record(s, s->client[i], server_handed_in(s, i) != NULL);
}

const rule_t rule_fedau = {
    .name = "fedau",
    .purpose = "federated averaging with weights from how often each client was seen to take part",
    .citation = "Wang, Ji, \"A Lightweight Method for Tackling Unknown Participation Statistics in Federated "
                "Averaging\", 2024, arXiv:2306.03401",
    .options = OPTIONS,
    .kept = KEPT,
    .flags = COMMITS_EMPTY,
    .ready = server_need_clients,
    .select = choose,
    .meet = meet,
    .commit = commit,
};
