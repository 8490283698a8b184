/*
 * sa_srrw: a token with the parameters walks from node to node, away from where it was often. Hu, Doshi, Eun,
 * "Accelerating Distributed Stochastic Optimization via Self-Repellent Random Walks", 2024, arXiv:2401.09665.
 *
 *     t = 1, 2, ...: from node i of a ring
 *     1. to one of its neighbours j or i itself, in ascending order, with weights (pihat_j C)^-alpha
 *     2. pihat <- pihat + (e_i - pihat) / (t + 1)^a
 *     3. x <- x - lr / (t + 1)^b g_i(x)
 *
 * select says where the token goes; that node begins at x and hands in its gradient. a < b makes alpha useful.
 */
#include <math.h>
#include <stdlib.h>

#include "federated/server.h"

enum { LR, ALPHA, A, B };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.2, "[0,inf)", "rate of the first step"},
    [ALPHA] = {"alpha", 5, "[0,inf)", "how much the walk keeps away from where it was"},
    [A] = {"a", 0.8, "(0,1]", "power by which what it remembers changes less"},
    [B] = {"b", 0.9, "(0,1]", "power by which the rate falls"},
    SEED_ROW,
    {0},
};

enum { NODE, OCCUPATION };
static const kept_t KEPT[] = {
    [NODE] = {"node", "where the token is", OF_SERVER, true, 0, 0, HUGE_VAL},
    [OCCUPATION] = {"occupation", "share of the time that the token was there", OF_CLIENT, true, 0, 0, 1},
    {0},
};

static optim_status ready(server_t *s) {
    return server_need_at_least(s, 3, "a ring of 3 or more nodes");
}

static void meet(const server_t *s, client_t *c) {
    c->number[OCCUPATION] = 1 / (double)s->clients;
}

static optim_status choose(server_t *s, int64_t *chosen, size_t *count) {
    enum { NEIGHBOURS = 3 };
    const int64_t i = (int64_t)s->number[NODE], n = s->clients;
    int64_t to[NEIGHBOURS] = {i, (i + 1) % n, (i + n - 1) % n};
    double reached[NEIGHBOURS], total = 0;
    qsort(to, NEIGHBOURS, sizeof *to, server_by_id);
    for (int k = 0; k < NEIGHBOURS; ++k)
        reached[k] = total +=
            pow(s->client[to[k]]->number[OCCUPATION] * (double)n, -s->option[ALPHA]) / (double)NEIGHBOURS;
    const double wanted = server_uniform(s) * total;
    int k = 0;
    while (k < NEIGHBOURS - 1 && !(reached[k] > wanted))
        ++k;
    chosen[0] = to[k];
    *count = 1;
    return OPTIM_OK;
}

static void commit(server_t *s) {
    const double t = (double)(s->round + 1), eta = s->option[LR] / pow(t + 1, s->option[B]);
    const double by = 1 / pow(t + 1, s->option[A]);
    if (s->has_selection)
        s->number[NODE] = (double)s->selection[0];
    for (size_t k = 0; k < s->count; ++k) {
        client_t *c = s->client[k];
        double *share = &c->number[OCCUPATION];
        *share += ((double)(s->number[NODE] == (double)c->id) - *share) * by;
        for (size_t i = 0; server_handed_in(s, k) != NULL && i < s->d; ++i)
            s->w[i] -= eta * c->result[i];
    }
}

const rule_t rule_sa_srrw = {
    .name = "sa_srrw",
    .purpose = "a token with the parameters that walks from node to node, away from where it was often",
    .citation = "Hu, Doshi, Eun, \"Accelerating Distributed Stochastic Optimization via Self-Repellent Random Walks\", "
                "2024, arXiv:2401.09665",
    .options = OPTIONS,
    .kept = KEPT,
    .flags = MEETS_ALL | COMMITS_EMPTY,
    .ready = ready,
    .select = choose,
    .meet = meet,
    .commit = commit,
};
