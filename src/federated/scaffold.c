/*
 * scaffold: clients' drift corrected by control variates. Karimireddy, Kale, Mohri, Reddi, Stich, Suresh, "SCAFFOLD:
 * Stochastic Controlled Averaging for Federated Learning", 2020, arXiv:1910.06378, with option II.
 *
 *     1. a client's steps: g <- g - c_i + c
 *     2. c_i' = c_i - c + (w - y) / (K lr), K the steps that it made
 *     3. w <- w + server_lr mean(y - w);   c <- c + sum (c_i' - c_i) / C
 */
#include <string.h>

#include "federated/server.h"

enum { LR, LOCAL_STEPS, SERVER_LR, PARTICIPATION, S, GROUPS };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.05, "(0,inf)", "rate of the clients' steps"},
    [LOCAL_STEPS] = LOCAL_STEPS_ROW(5),
    [SERVER_LR] = SERVER_LR_ROW,
    [PARTICIPATION] = PARTICIPATION_ROW(ALL_TAKE_PART),
    [S] = S_ROW,
    [GROUPS] = GROUPS_ROW,
    SEED_ROW,
    {0},
};

enum { C, C_I };
static const kept_t KEPT[] = {
    [C] = {.name = "c", .doc = "mean of the clients' control variates", .of = OF_SERVER},
    [C_I] = {.name = "c_i", .doc = "control variate: its gradient, as its last round saw it", .of = OF_CLIENT},
    {0},
};

static optim_status choose(server_t *s, int64_t *chosen, size_t *count) {
    const double *o = s->option;
    return participate(s, (participation_t){o[PARTICIPATION], o[S], o[GROUPS]}, chosen, count);
}

static optim_status local(server_t *s, client_t *c, double *y, double *g) {
    const double *all = s->vector[C], *own = c->vector[C_I];
    (void)y;
    for (size_t i = 0; i < s->d; ++i)
        g[i] += all[i] - own[i];
    return OPTIM_OK;
}

/* Adds c_i' - c_i to `change`. */
static void renew(const server_t *s, client_t *c, double *change) {
    const double *all = s->vector[C], of_move = 1 / ((double)c->steps * s->option[LR]);
    double *own = c->vector[C_I];
    for (size_t i = 0; i < s->d; ++i) {
        const double by = (c->start[i] - c->result[i]) * of_move - all[i];
        own[i] += by;
        change[i] += by;
    }
}

static void commit(server_t *s) {
    double *move = s->sum, *change = s->y;
    server_weigh(s, false);
    server_mean_move(s, move);
    memset(change, 0, s->d * sizeof *change);
    for (size_t i = 0; i < s->count; ++i) {
        client_t *c = server_handed_in(s, i);
        if (c != NULL && c->steps > 0)
            renew(s, c, change);
    }
    for (size_t i = 0; i < s->d; ++i) {
        s->w[i] += s->option[SERVER_LR] * move[i];
        s->vector[C][i] += change[i] / (double)s->clients;
    }
}

const rule_t rule_scaffold = {
    .name = "scaffold",
    .purpose = "federated averaging with control variates, which end where the mean gradient is 0",
    .citation = "Karimireddy, Kale, Mohri, Reddi, Stich, Suresh, \"SCAFFOLD: Stochastic Controlled Averaging for "
                "Federated Learning\", 2020, arXiv:1910.06378",
    .options = OPTIONS,
    .kept = KEPT,
    .ready = server_need_clients,
    .select = choose,
    .local = local,
    .commit = commit,
};
