/*
 * pfedme: personal models, and a server's that is near to all of them. Dinh, Tran, Nguyen, "Personalized Federated
 * Learning with Moreau Envelopes", 2020, arXiv:2006.08848.
 *
 *     every client: omega = theta = w;   local_rounds times:
 *     1.   inner times: theta <- theta - lr_personal (g(theta) + lam (theta - omega) + mu theta)
 *     2.   omega <- omega - lam lr (omega - theta)
 *     3. w <- (1 - beta) w + beta mean of omega over s clients that are drawn (0: all)
 *
 * What a client hands in is theta, its personal model; omega is kept here.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "federated/server.h"

enum { LR, LR_PERSONAL, LAM, BETA, LOCAL_ROUNDS, INNER, MU, S };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.05, "[0,inf)", "rate of omega"},
    [LR_PERSONAL] = {"lr_personal", 0.05, "[0,inf)", "rate of the clients' steps"},
    [LAM] = {"lam", 2, "[0,inf)", "pull of a personal model towards omega"},
    [BETA] = {"beta", 1, "[0,1]", "share of the clients in the server's vector"},
    [LOCAL_ROUNDS] = {"local_rounds", 3, "integer [1,inf)", "moves of omega between two contacts"},
    [INNER] = {"inner", 4, "integer [1,inf)", "steps of a personal model for each"},
    [MU] = {"mu", 0, "[0,inf)", "pull of a personal model towards 0"},
    [S] = {"s", 0, "integer [0,inf)", "clients that are averaged, drawn at random; 0: all"},
    SEED_ROW,
    {0},
};

enum { OMEGA, THETA };
static const kept_t KEPT[] = {
    [OMEGA] = {.name = "omega", .doc = "its part of the server's vector", .of = OF_CLIENT},
    [THETA] = {.name = "theta", .doc = "its personal model, as it last handed it in", .of = OF_CLIENT},
    {0},
};

static optim_status ready(server_t *s) {
    optim_status status = server_need_clients(s);
    if (status == OPTIM_OK && s->option[S] > (double)s->clients)
        return error_set(OPTIM_ERR_VALUE, "option \"s\" is %g, more than there are clients", s->option[S]);
    if (status != OPTIM_OK || s->memory != NULL)
        return status;
    s->memory = calloc((size_t)s->clients, sizeof(int64_t)); /* who is drawn */
    return s->memory == NULL ? error_nomem("making pfedme") : OPTIM_OK;
}

static void begin(server_t *s, client_t *c) {
    memcpy(c->vector[OMEGA], c->start, s->d * sizeof *c->start);
}

static double rate(const server_t *s, const client_t *c) {
    (void)c;
    return s->option[LR_PERSONAL];
}

static double steps(const server_t *s, const client_t *c) {
    (void)c;
    return s->option[LOCAL_ROUNDS] * s->option[INNER];
}

static void follow(const server_t *s, client_t *c, const double *theta) {
    const double by = s->option[LAM] * s->option[LR];
    double *omega = c->vector[OMEGA];
    for (size_t i = 0; i < s->d; ++i)
        omega[i] -= by * (omega[i] - theta[i]);
}

static optim_status local(server_t *s, client_t *c, double *theta, double *g) {
    const double lam = s->option[LAM], mu = s->option[MU], *omega = c->vector[OMEGA];
    if (c->local > 0 && c->local % (int64_t)s->option[INNER] == 0)
        follow(s, c, theta);
    for (size_t i = 0; i < s->d; ++i)
        g[i] += lam * (theta[i] - omega[i]) + mu * theta[i];
    return OPTIM_OK;
}

static bool is_among(const int64_t *drawn, int64_t count, int64_t id) {
    return count == 0 || bsearch(&id, drawn, (size_t)count, sizeof id, server_by_id) != NULL;
}

static void commit(server_t *s) {
    const int64_t count = (int64_t)s->option[S];
    double averaged = 0, beta = s->option[BETA];
    if (count > 0)
        server_subset(s, s->clients, count, s->memory);
    memset(s->sum, 0, s->d * sizeof *s->sum);
    for (size_t k = 0; k < s->count; ++k) {
        client_t *c = server_handed_in(s, k);
        if (c == NULL)
            continue;
        follow(s, c, c->result);
        memcpy(c->vector[THETA], c->result, s->d * sizeof *c->result);
        const bool counts = is_among(s->memory, count, c->id);
        averaged += counts;
        for (size_t i = 0; counts && i < s->d; ++i)
            s->sum[i] += c->vector[OMEGA][i];
    }
    for (size_t i = 0; averaged > 0 && i < s->d; ++i)
        s->w[i] = (1 - beta) * s->w[i] + beta * s->sum[i] / averaged;
}

const rule_t rule_pfedme = {
    .name = "pfedme",
    .purpose = "a personal model for every client, and a server's vector that is near to all of them",
    .citation = "Dinh, Tran, Nguyen, \"Personalized Federated Learning with Moreau Envelopes\", 2020, arXiv:2006.08848",
    .options = OPTIONS,
    .kept = KEPT,
    .ready = ready,
    .begin = begin,
    .local = local,
    .rate = rate,
    .steps = steps,
    .commit = commit,
};
