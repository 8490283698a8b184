/*
 * co2: the outer step goes along means that were gathered while the replicas trained. Sun, Qin, Sun, Li, Li, Shen,
 * Qiao, Zhong, "CO2: Efficient Distributed Training with Full Communication-Computation Overlap", 2024,
 * arXiv:2401.16265 (delay and ratio from memory).
 *
 *     1. replica c: y_c = x_c, then local_steps of its own optimizer, whose state stays with it
 *     2. delay=0: Delta_c = x_c - mean(y); delay=1: those of the round before; in the first round x and m stay
 *     3. m_c <- outer_momentum m_c + Delta_c / Lambda_c;   clip > 0: m_c <- clamp(m_c, -clip, clip), by element
 *     4. x_c <- x_c - outer_lr m_c
 *
 * Lambda_c = gap, or with penalty=ratio max(1, |y_c - x_c| / |y_c - x_c| of the round before), 1 where there is no such
 * round or it did not move. The server's vector is the mean of all x.
 */
#include <math.h>

#include "federated/replicas.h"

enum { LR, LOCAL_STEPS, OUTER_LR, OUTER_MOMENTUM, GAP, PENALTY, CLIP, DELAY };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.05, "[0,inf)", "rate of the replicas' own optimizers"},
    [LOCAL_STEPS] = LOCAL_STEPS_ROW(48),
    [OUTER_LR] = {"outer_lr", 1, "[0,inf)", "rate of the outer step"},
    [OUTER_MOMENTUM] = {"outer_momentum", 0.5, "[0,1)", "of the outer step"},
    [GAP] = {"gap", 1, "(0,inf)", "divides the moves, with penalty=constant"},
    [PENALTY] = {"penalty", 0, "constant|ratio", "what divides the moves"},
    [CLIP] = {"clip", 0, "[0,inf)", "largest element of the momentum; 0: any", .zero_apart = true},
    [DELAY] = {"delay", 0, "integer [0,1]", "rounds that a mean is old"},
    SEED_ROW,
    {0},
};

enum { X, M, BEFORE, LAST, MEAN, ARRIVED };
static const kept_t KEPT[] = {
    [X] = {.name = "X", .doc = "where the replica stands", .of = OF_CLIENT},
    [M] = {.name = "M", .doc = "its outer momentum", .of = OF_CLIENT},
    [BEFORE] = {.name = "before", .doc = "where it stood a round before", .of = OF_CLIENT},
    [LAST] = {"moved", "how far its last training went", OF_CLIENT, true, 0, 0, HUGE_VAL},
    [MEAN] = {.name = "mean", .doc = "of what was handed in in the round before", .of = OF_SERVER},
    [ARRIVED] = {"arrived", "whether there was such a round", OF_SERVER, true, 0, 0, 1},
    {0},
};

static void meet(const server_t *s, client_t *c) {
    replica_begin_at_server(s, c->vector[X]);
    replica_begin_at_server(s, c->vector[BEFORE]);
}

static void begin(server_t *s, client_t *c) {
    memcpy(c->start, c->vector[X], s->d * sizeof *c->start);
}

/* Lambda_c, and the length of this round's training. */
static double penalty(const server_t *s, client_t *c) {
    double square = 0;
    for (size_t i = 0; i < s->d; ++i)
        square += (c->result[i] - c->start[i]) * (c->result[i] - c->start[i]);
    const double before = c->number[LAST];
    c->number[LAST] = sqrt(square);
    if (s->option[PENALTY] == 0)
        return s->option[GAP];
    return before > 0 ? fmax(1, c->number[LAST] / before) : 1;
}

static void move(const server_t *s, client_t *c, const double *from, const double *mean, double lambda) {
    const double mu = s->option[OUTER_MOMENTUM], eta = s->option[OUTER_LR], clip = s->option[CLIP];
    double *m = c->vector[M], *x = c->vector[X];
    for (size_t i = 0; i < s->d; ++i) {
        m[i] = mu * m[i] + (from[i] - mean[i]) / lambda;
        if (clip > 0)
            m[i] = fmin(clip, fmax(-clip, m[i]));
        x[i] -= eta * m[i];
    }
}

static void commit(server_t *s) {
    const bool late = s->option[DELAY] == 1;
    double *mean = s->sum;
    server_weigh(s, false);
    server_mean(s, mean);
    for (size_t k = 0; k < s->count; ++k) {
        client_t *c = s->client[k];
        const double lambda = server_handed_in(s, k) != NULL ? penalty(s, c) : s->option[GAP];
        double *before = c->vector[BEFORE], *stood = s->y;
        memcpy(stood, c->vector[X], s->d * sizeof *stood);
        if (!late)
            move(s, c, c->vector[X], mean, lambda);
        else if (s->number[ARRIVED] == 1)
            move(s, c, before, s->vector[MEAN], lambda);
        memcpy(before, stood, s->d * sizeof *before);
    }
    memcpy(s->vector[MEAN], mean, s->d * sizeof *mean);
    s->number[ARRIVED] = 1;
    replicas_mean(s, X);
}

const rule_t rule_co2 = {
    .name = "co2",
    .purpose = "replicas with optimizers of their own, and an outer step along a mean that may be a round old",
    .citation = "Sun, Qin, Sun, Li, Li, Shen, Qiao, Zhong, \"CO2: Efficient Distributed Training with Full "
                "Communication-Computation Overlap\", 2024, arXiv:2401.16265",
    .options = OPTIONS,
    .kept = KEPT,
    .flags = MEETS_ALL,
    .meet = meet,
    .begin = begin,
    .commit = commit,
};
