/*
 * noloco: diloco without a meeting of all. Kolehmainen, Blagoev, Donaghy, Ersoy, Nies, "NoLoCo: No-all-reduce Low
 * Communication Training Method for Large Models", 2025, arXiv:2506.10911.
 *
 *     1. replica c: theta_c = phi_c, then local_steps of its own optimizer, whose state stays with it
 *     2. groups at random: member i of a permutation is in group i mod (C / group)
 *     3. m_c <- outer_momentum m_c + outer_lr mean_group(theta - phi) + gamma (mean_group(phi) - phi_c)
 *     4. phi_c <- phi_c + m_c
 *
 * Who has not handed in is left out of its group. The server's vector is the mean of all phi.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/memory.h"
#include "federated/replicas.h"

enum { LR, LOCAL_STEPS, OUTER_LR, OUTER_MOMENTUM, GROUP, GAMMA };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.05, "[0,inf)", "rate of the replicas' own optimizers"},
    [LOCAL_STEPS] = LOCAL_STEPS_ROW(500),
    [OUTER_LR] = {"outer_lr", 0.7, "[0,inf)", "rate of the outer step"},
    [OUTER_MOMENTUM] = {"outer_momentum", 0.5, "[0,1)", "of the outer step"},
    [GROUP] = {"group", 2, "integer [1,inf)", "replicas that exchange; divides their number"},
    [GAMMA] = {"gamma", -1, "[-1,inf)", "pull towards the mean of the group; -1: outer_lr"},
    SEED_ROW,
    {0},
};

enum { PHI, M };
static const kept_t KEPT[] = {
    [PHI] = {.name = "X", .doc = "phi: where the replica stands", .of = OF_CLIENT},
    [M] = {.name = "M", .doc = "its outer momentum", .of = OF_CLIENT},
    {0},
};

static optim_status ready(server_t *s) {
    const optim_status status = server_need_clients(s);
    if (status == OPTIM_OK && (s->option[GROUP] > (double)s->clients || s->clients % (int64_t)s->option[GROUP] != 0))
        return error_set(OPTIM_ERR_VALUE, "option \"group\" is %g, which does not divide the %" PRId64 " replicas",
                         s->option[GROUP], s->clients);
    if (status != OPTIM_OK || s->memory != NULL)
        return status;
    s->memory = calloc((size_t)s->clients, sizeof(int64_t)); /* a permutation */
    return s->memory == NULL ? error_nomem("making noloco") : OPTIM_OK;
}

static void meet(const server_t *s, client_t *c) {
    replica_begin_at_server(s, c->vector[PHI]);
}

static void begin(server_t *s, client_t *c) {
    memcpy(c->start, c->vector[PHI], s->d * sizeof *c->start);
}

/* Steps 3 and 4 for the group of order[first], order[first + stride], ... */
static void exchange(server_t *s, const int64_t *order, int64_t first, int64_t stride) {
    const double *o = s->option, alpha = o[OUTER_MOMENTUM], beta = o[OUTER_LR], gamma = o[GAMMA] < 0 ? beta : o[GAMMA];
    double *move = s->sum, *mean = s->y, members = 0;
    memset(move, 0, s->d * sizeof *move);
    memset(mean, 0, s->d * sizeof *mean);
    for (int64_t k = first; k < s->clients; k += stride) {
        const client_t *c = server_handed_in(s, (size_t)order[k]);
        members += c != NULL;
        for (size_t i = 0; c != NULL && i < s->d; ++i) {
            move[i] += c->result[i] - c->vector[PHI][i];
            mean[i] += c->vector[PHI][i];
        }
    }
    for (int64_t k = first; k < s->clients; k += stride) {
        client_t *c = server_handed_in(s, (size_t)order[k]);
        for (size_t i = 0; c != NULL && i < s->d; ++i) {
            double *m = &c->vector[M][i], *phi = &c->vector[PHI][i];
            *m = alpha * *m + beta * move[i] / members + gamma * (mean[i] / members - *phi);
            *phi += *m;
        }
    }
}

static void commit(server_t *s) {
    const int64_t groups = s->clients / (int64_t)s->option[GROUP];
    server_permutation(s, s->clients, s->memory);
    for (int64_t k = 0; k < groups; ++k)
        exchange(s, s->memory, k, groups);
    replicas_mean(s, PHI);
}

const rule_t rule_noloco = {
    .name = "noloco",
    .purpose = "replicas with optimizers of their own that exchange with a random partner now and then",
    .citation = "Kolehmainen, Blagoev, Donaghy, Ersoy, Nies, \"NoLoCo: No-all-reduce Low Communication Training Method "
                "for Large Models\", 2025, arXiv:2506.10911",
    .options = OPTIONS,
    .kept = KEPT,
    .flags = MEETS_ALL,
    .ready = ready,
    .meet = meet,
    .begin = begin,
    .commit = commit,
};
