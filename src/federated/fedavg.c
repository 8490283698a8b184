/*
 * fedavg: federated averaging. McMahan, Moore, Ramage, Hampson, Aguera y Arcas, "Communication-Efficient Learning of
 * Deep Networks from Decentralized Data", 2017, arXiv:1602.05629; server momentum: Hsu, Qi, Brown 2019,
 * arXiv:1909.06335; cyclic participation: Cho, Sharma, Joshi, Xu, Kale, Zhang 2023, arXiv:2302.03109.
 * fedprox: Li, Sahu, Zaheer, Sanjabi, Talwalkar, Smith 2020, arXiv:1812.06127.
 *
 *     1. a client's steps: g <- g + mu (y - w)
 *     2. Delta = sum_c p_c (y_c - w), p_c equal or by size, of those who handed in
 *     3. v <- momentum v + Delta;   w <- w + server_lr v
 */
#include "federated/server.h"

enum { LR, LOCAL_STEPS, SERVER_LR, MOMENTUM, MU, WEIGHTS, PARTICIPATION, S, GROUPS };
#define OPTIONS_WITH(mu, range)                                                                                        \
    {                                                                                                                  \
        [LR] = LR_LOCAL_ROW, [LOCAL_STEPS] = LOCAL_STEPS_ROW(5), [SERVER_LR] = SERVER_LR_ROW,                          \
        [MOMENTUM] = {"momentum", 0, "[0,1)", "of the server"},                                                        \
        [MU] = {"mu", mu, range, "pull of the clients towards where they started"},                                    \
        [WEIGHTS] = {"weights", 0, "uniform|size", "of clients in the mean: equal, or their numbers of samples"},      \
        [PARTICIPATION] = PARTICIPATION_ROW(ALL_TAKE_PART), [S] = S_ROW, [GROUPS] = GROUPS_ROW, SEED_ROW, {            \
            0                                                                                                          \
        }                                                                                                              \
    }
static const option_t OPTIONS[] = OPTIONS_WITH(0, "[0,inf)"), PROX_OPTIONS[] = OPTIONS_WITH(0.01, "(0,inf)");

enum { V };
static const kept_t KEPT[] = {[V] = {.name = "v", .doc = "average of the moves", .of = OF_SERVER}, {0}};

static optim_status ready(server_t *s) {
    return s->option[WEIGHTS] == 1 ? server_need_numbers(s, SIZE_OF) : OPTIM_OK;
}

static optim_status choose(server_t *s, int64_t *chosen, size_t *count) {
    const double *o = s->option;
    return participate(s, (participation_t){o[PARTICIPATION], o[S], o[GROUPS]}, chosen, count);
}

static optim_status local(server_t *s, client_t *c, double *y, double *g) {
    const double mu = s->option[MU];
    for (size_t i = 0; mu > 0 && i < s->d; ++i)
        g[i] += mu * (y[i] - c->start[i]);
    return OPTIM_OK;
}

static void commit(server_t *s) {
    const double momentum = s->option[MOMENTUM], eta = s->option[SERVER_LR];
    double *v = s->vector[V], *delta = s->sum;
    server_weigh(s, s->option[WEIGHTS] == 1);
    server_mean_move(s, delta);
    for (size_t i = 0; i < s->d; ++i) {
        v[i] = momentum * v[i] + delta[i];
        s->w[i] += eta * v[i];
    }
}

const rule_t rule_fedavg = {
    .name = "fedavg",
    .purpose = "federated averaging: the mean of the clients' moves, with server momentum",
    .citation = "McMahan, Moore, Ramage, Hampson, Aguera y Arcas, \"Communication-Efficient Learning of Deep Networks "
                "from Decentralized Data\", 2017, arXiv:1602.05629",
    .options = OPTIONS,
    .kept = KEPT,
    .ready = ready,
    .select = choose,
    .local = local,
    .commit = commit,
};

const rule_t rule_fedprox = {
    .name = "fedprox",
    .purpose = "federated averaging of clients that are pulled back to where they started",
    .citation = "Li, Sahu, Zaheer, Sanjabi, Talwalkar, Smith, \"Federated Optimization in Heterogeneous Networks\", "
                "2020, arXiv:1812.06127",
    .options = PROX_OPTIONS,
    .kept = KEPT,
    .ready = ready,
    .select = choose,
    .local = local,
    .commit = commit,
};
