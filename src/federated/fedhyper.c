/*
 * fedhyper: rates that follow the products of successive moves. Wang, Wang, Li, "FedHyper: A Universal and
 * Robust Learning Rate Scheduler for Federated Learning with Hypergradient Descent", 2024, arXiv:2310.03156.
 *
 *     Delta = mean(y) - w;   a <- clip(a + scale <Delta_before, Delta>, lo, hi), from the second round on
 *     1. mode g (server's rate):        w <- w + (1 + a) Delta;  otherwise w <- w + Delta
 *     2. mode sl (clients', from the server): their rate is clip(lr (1 + a), 0.001, 0.1)
 *     3. mode cl (clients'): move k, u_k = y_k - y_{k-1}:
 *        gamma = min(1.1, 1 + <u_k, u_{k-1}> + 0.1 <u_k, Delta> / |S|);   beta <- clip(beta gamma, 0.1, 10)
 *        their rate is lr beta; Delta is the last round's, |S| how many handed in then
 */
#include <math.h>
#include <string.h>

#include "federated/server.h"

enum { LR, LOCAL_STEPS, MODE, SCALE, LO, HI, PARTICIPATION, S, GROUPS };
enum { G, SL, CL };
static const option_t OPTIONS[] = {
    [LR] = LR_LOCAL_ROW,
    [LOCAL_STEPS] = LOCAL_STEPS_ROW(5),
    [MODE] = {"mode", G, "g|sl|cl", "whose rate is moved: the server's, the clients' by the server, by each client"},
    [SCALE] = {"scale", 1, "[0,inf)", "of the products of moves: they go with the square of the parameters' unit"},
    [LO] = {"lo", -0.8, "(-1,inf)", "least a"},
    [HI] = {"hi", 4, "(-1,inf)", "largest a"},
    [PARTICIPATION] = PARTICIPATION_ROW(ALL_TAKE_PART),
    [S] = S_ROW,
    [GROUPS] = GROUPS_ROW,
    SEED_ROW,
    {0},
};

enum { DELTA, RATE, SENDERS, POINT, MOVE, BETA };
static const kept_t KEPT[] = {
    [DELTA] = {.name = "delta", .doc = "mean move of the last round", .of = OF_SERVER},
    [RATE] = {"server_lr", "the server's rate, 1 + a", OF_SERVER, true, 1, 0, HUGE_VAL},
    [SENDERS] = {"senders", "clients that handed in in the last round", OF_SERVER, true, 0, 0, HUGE_VAL},
    [POINT] = {.name = "point", .doc = "where its local step began", .of = OF_CLIENT},
    [MOVE] = {.name = "move", .doc = "its last local move", .of = OF_CLIENT},
    [BETA] = {"beta", "factor on its rate", OF_CLIENT, true, 1, 0, HUGE_VAL},
    {0},
};

static const char *check(const double *o) {
    return o[LO] <= o[HI] ? NULL : "option \"lo\" must not lie above \"hi\"";
}

static optim_status choose(server_t *s, int64_t *chosen, size_t *count) {
    const double *o = s->option;
    return participate(s, (participation_t){o[PARTICIPATION], o[S], o[GROUPS]}, chosen, count);
}

static double within(double x, double lo, double hi) {
    return fmin(hi, fmax(lo, x));
}

static double rate(const server_t *s, const client_t *c) {
    const double lr = s->option[LR];
    switch ((int)s->option[MODE]) {
    case SL:
        return within(lr * s->number[RATE], 0.001, 0.1);
    case CL:
        return lr * c->number[BETA];
    default:
        return lr;
    }
}

static void begin(server_t *s, client_t *c) {
    (void)s;
    c->number[BETA] = 1;
}

/* Behind its k-th move. */
static optim_status local(server_t *s, client_t *c, double *y, double *g) {
    double *point = c->vector[POINT], *move = c->vector[MOVE], along = 0, along_server = 0;
    (void)g;
    if ((int)s->option[MODE] != CL)
        return OPTIM_OK;
    for (size_t i = 0; c->local > 0 && i < s->d; ++i) {
        const double u = y[i] - point[i];
        along += u * move[i];
        along_server += u * s->vector[DELTA][i];
        move[i] = u;
    }
    memcpy(point, y, s->d * sizeof *y);
    if (c->local > 1) {
        const double gamma = 1 + along + 0.1 * along_server / fmax(1, s->number[SENDERS]);
        c->number[BETA] = within(c->number[BETA] * fmin(1.1, gamma), 0.1, 10);
    }
    return OPTIM_OK;
}

static void commit(server_t *s) {
    double *delta = s->sum, a = s->number[RATE] - 1;
    server_weigh(s, false);
    server_mean_move(s, delta);
    if (s->version > 0)
        a = within(a + s->option[SCALE] * vector_dot(s->d, s->vector[DELTA], delta), s->option[LO], s->option[HI]);
    s->number[RATE] = 1 + a;
    s->number[SENDERS] = (double)server_handed_in_count(s);
    for (size_t i = 0; i < s->d; ++i)
        s->w[i] += ((int)s->option[MODE] == G ? 1 + a : 1) * delta[i];
    memcpy(s->vector[DELTA], delta, s->d * sizeof *delta);
}

const rule_t rule_fedhyper = {
    .name = "fedhyper",
    .purpose = "federated averaging whose rates follow the products of successive moves",
    .citation = "Wang, Wang, Li, \"FedHyper: A Universal and Robust Learning Rate Scheduler for Federated "
                "Learning with Hypergradient Descent\", 2024, arXiv:2310.03156",
    .options = OPTIONS,
    .kept = KEPT,
    .check = check,
    .select = choose,
    .begin = begin,
    .local = local,
    .rate = rate,
    .commit = commit,
};
