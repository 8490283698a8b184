/*
 * fedbuff: clients that finish when they finish, a buffer of their moves. Nguyen, Malik, Zhan, Yousefpour, Rabbat,
 * Malek, Huba, "Federated Learning with Buffered Asynchronous Aggregation", 2022, arXiv:2106.06639.
 * fedasync: Xie, Koyejo, Gupta, "Asynchronous Federated Optimization", 2019, arXiv:1903.03934.
 *
 *     1. s = (1 + now - v)^-power, v the version that the client started from, now the server's
 *     2. fedbuff: B <- B + s (y - start); when `buffer` are in: w <- w + server_lr B / buffer;  B <- 0;  now <- now + 1
 *        fedasync: a = alpha s;   w <- (1 - a) w + a y;   now <- now + 1
 *
 * Commit behind every client that hands in; where several have, they are taken in ascending order.
 */
#include <math.h>
#include <string.h>

#include "federated/server.h"

#define COMMON_ROWS                                                                                                    \
    [LR] = LR_LOCAL_ROW, [LOCAL_STEPS] = LOCAL_STEPS_ROW(5),                                                           \
    [STALENESS] = {"staleness", 0, "poly|none", "whether moves from older versions count less"},                       \
    [POWER] = {"power", 0.5, "[0,inf)", "of the staleness"}
enum { LR, LOCAL_STEPS, STALENESS, POWER, BUFFER, SERVER_LR, ALPHA = BUFFER };
static const option_t BUFF_OPTIONS[] = {
    COMMON_ROWS,
    [BUFFER] = {"buffer", 2, "integer [1,inf)", "moves for a step of the server"},
    [SERVER_LR] = SERVER_LR_ROW,
    SEED_ROW,
    {0},
};
static const option_t ASYNC_OPTIONS[] = {
    COMMON_ROWS,
    [ALPHA] = {"alpha", 0.6, "[0,1]", "weight of a client that is not late"},
    SEED_ROW,
    {0},
};

enum { B, FILLED };
static const kept_t KEPT[] = {
    [B] = {.name = "B", .doc = "sum of the moves in the buffer", .of = OF_SERVER},
    [FILLED] = {"filled", "how many that are", OF_SERVER, true, 0, 0, HUGE_VAL},
    {0},
};

/* Who finishes next: anyone. */
static optim_status choose(server_t *s, int64_t *chosen, size_t *count) {
    chosen[0] = server_index(s, s->clients);
    *count = 1;
    return OPTIM_OK;
}

static double staleness(const server_t *s, const client_t *c) {
    const double late = (double)(s->version - c->version);
    return s->option[STALENESS] == 1 ? 1 : pow(1 + late, -s->option[POWER]);
}

static void step_with(server_t *s, double size) {
    for (size_t i = 0; i < s->d; ++i)
        s->w[i] += s->option[SERVER_LR] * s->vector[B][i] / size;
    memset(s->vector[B], 0, s->d * sizeof *s->vector[B]);
    s->number[FILLED] = 0;
    ++s->version;
}

static void commit_buffered(server_t *s) {
    for (size_t k = 0; k < s->count; ++k) {
        const client_t *c = server_handed_in(s, k);
        if (c == NULL)
            continue;
        const double weight = staleness(s, c);
        for (size_t i = 0; i < s->d; ++i)
            s->vector[B][i] += weight * (c->result[i] - c->start[i]);
        s->number[FILLED] += 1;
        if (s->number[FILLED] >= s->option[BUFFER])
            step_with(s, s->option[BUFFER]);
    }
}

static void commit_each(server_t *s) {
    for (size_t k = 0; k < s->count; ++k) {
        const client_t *c = server_handed_in(s, k);
        if (c == NULL)
            continue;
        const double a = s->option[ALPHA] * staleness(s, c);
        for (size_t i = 0; i < s->d; ++i)
            s->w[i] = (1 - a) * s->w[i] + a * c->result[i];
        ++s->version;
    }
}

const rule_t rule_fedbuff = {
    .name = "fedbuff",
    .purpose = "clients that finish when they finish; a step of the server when a buffer of their moves is full",
    .citation = "Nguyen, Malik, Zhan, Yousefpour, Rabbat, Malek, Huba, \"Federated Learning with Buffered Asynchronous "
                "Aggregation\", 2022, arXiv:2106.06639",
    .options = BUFF_OPTIONS,
    .kept = KEPT,
    .flags = ASYNCHRONOUS,
    .select = choose,
    .commit = commit_buffered,
};

const rule_t rule_fedasync = {
    .name = "fedasync",
    .purpose = "clients that finish when they finish, each mixed in at once, less if it started long ago",
    .citation = "Xie, Koyejo, Gupta, \"Asynchronous Federated Optimization\", 2019, arXiv:1903.03934",
    .options = ASYNC_OPTIONS,
    .flags = ASYNCHRONOUS,
    .select = choose,
    .commit = commit_each,
};
