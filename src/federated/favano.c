/*
 * favano: a server that never waits. Leconte, Nguyen, Moulines, "FAVANO: Federated Averaging with Asynchronous Nodes",
 * 2023, arXiv:2305.16099 (from memory, deterministic reweighting).
 *
 *     1. clients train on; each round s of them are asked for what they have, after q steps since they last were
 *     2. y' = start + (y - start) / min(q, cap);   w <- (w + sum of the y') / (s + 1);   they start anew from w
 */
#include <math.h>

#include "federated/server.h"

enum { LR, CAP, S };
static const option_t OPTIONS[] = {
    [LR] = LR_LOCAL_ROW,
    [CAP] = {"cap", 6, "integer [1,inf)", "most steps of a client until it is asked"},
    [S] = {"s", 2, "integer [1,inf)", "clients that are asked in a round"},
    SEED_ROW,
    {0},
};

static optim_status choose(server_t *s, int64_t *chosen, size_t *count) {
    return participate(s, (participation_t){RANDOM_TAKE_PART, s->option[S], 1}, chosen, count);
}

static double most_steps(const server_t *s, const client_t *c) {
    (void)c;
    return s->option[CAP];
}

static void commit(server_t *s) {
    double asked = 0;
    for (size_t k = 0; k < s->count; ++k) {
        const client_t *c = server_handed_in(s, k);
        const double alpha = c == NULL || c->steps == 0 ? 1 : fmin((double)c->steps, s->option[CAP]);
        asked += c != NULL;
        for (size_t i = 0; c != NULL && i < s->d; ++i)
            s->w[i] += c->start[i] + (c->result[i] - c->start[i]) / alpha;
    }
    for (size_t i = 0; i < s->d; ++i)
        s->w[i] /= asked + 1;
    ++s->version;
}

const rule_t rule_favano = {
    .name = "favano",
    .purpose = "clients train all the time; the server asks some of them and waits for nobody",
    .citation = "Leconte, Nguyen, Moulines, \"FAVANO: Federated Averaging with Asynchronous Nodes\", 2023, "
                "arXiv:2305.16099",
    .options = OPTIONS,
    .flags = ASYNCHRONOUS,
    .select = choose,
    .steps = most_steps,
    .commit = commit,
};
