/*
 * dadao: accelerated and decentralised, gradients and messages at their own times. Nabli, Oyallon, "DADAO: Decoupled
 * Accelerated Decentralized Asynchronous Optimization", 2023, arXiv:2208.00779.
 *
 * Every node has x, xt, y, yt, z, zt (x is given, the others begin at 0), which between its events follow, with
 * nu = mu / 2, r = sqrt(nu / L), eta = r / 8, alpha = r / 4, alphat = r / 8, theta = 1 / (2 r):
 *
 *     1. x' = eta (xt - x);          xt' = eta (x - xt)
 *     2. y' = alpha (yt - y);        yt' = -theta (nu xt + y + z)
 *     3. z' = alpha (zt - z);        zt' = alphat (z - zt)
 *     4. gradient at a node: q = g(x) - nu x - yt;
 *        x <- x - q / (4 L);   xt <- xt - q / (4 sqrt(L nu));   yt <- yt + (r / 4 + 1) q
 *     5. message between i and j: p = (y_i + z_i) - (y_j + z_j);
 *        z_i <- z_i - p / 2;   z_j <- z_j + p / 2;   zt_i <- zt_i - 2 chi / r p;   zt_j <- zt_j + 2 chi / r p
 *
 * Event number k = 1, 2, ... happens at time dt k: select draws which, one half gradients, where the node's client
 * begins at x and hands in its gradient, one half messages along an edge of a ring, where nobody is selected. The
 * server's vector is the mean of all x.
 */
#include <math.h>

#include "federated/replicas.h"

enum { MU, L, CHI, DT };
static const option_t OPTIONS[] = {
    [MU] = {"mu", 1, "(0,inf)", "strong convexity"},
    [L] = {"L", 5, "(0,inf)", "smoothness"},
    [CHI] = {"chi", 1, "(0,inf)", "inverse of the second eigenvalue of the Laplacian, weighted by the messages' rates"},
    [DT] = {"dt", 0.1, "(0,inf)", "time between two events"},
    SEED_ROW,
    {0},
};

enum { X, XT, Y, YT, Z, ZT, VECTORS, TIME = VECTORS, EDGE };
static const kept_t KEPT[] = {
    [X] = {.name = "X", .doc = "x: where the node stands", .of = OF_CLIENT},
    [XT] = {.name = "xt", .doc = "momentum of x", .of = OF_CLIENT},
    [Y] = {.name = "y", .doc = "dual of the gradients", .of = OF_CLIENT},
    [YT] = {.name = "yt", .doc = "its momentum", .of = OF_CLIENT},
    [Z] = {.name = "z", .doc = "dual of the messages", .of = OF_CLIENT},
    [ZT] = {.name = "zt", .doc = "its momentum", .of = OF_CLIENT},
    [TIME] = {"time", "of its last event", OF_CLIENT, true, 0, 0, HUGE_VAL},
    [EDGE] = {"edge", "first node of the message that is next; -1: none", OF_SERVER, true, -1, -1, HUGE_VAL},
    {0},
};

static optim_status ready(server_t *s) {
    return server_need_at_least(s, 2, "two or more nodes");
}

static void meet(const server_t *s, client_t *c) {
    replica_begin_at_server(s, c->vector[X]);
}

static optim_status choose(server_t *s, int64_t *chosen, size_t *count) {
    const bool gradient = server_uniform(s) < 0.5;
    const int64_t i = server_index(s, s->clients);
    s->number[EDGE] = gradient ? -1 : (double)i;
    chosen[0] = i;
    *count = gradient;
    return OPTIM_OK;
}

/* ---- Between events ---- */

typedef double flow_t[VECTORS][VECTORS];

static void multiply(flow_t a, flow_t b, flow_t out) {
    for (int i = 0; i < VECTORS; ++i)
        for (int j = 0; j < VECTORS; ++j) {
            double sum = 0;
            for (int k = 0; k < VECTORS; ++k)
                sum += a[i][k] * b[k][j];
            out[i][j] = sum;
        }
}

/* out <- exp(a): halved until no entry is beyond 0.01, 12 terms, squared as often; a is spoilt. */
static void exponential(flow_t a, flow_t out) {
    enum { TERMS = 12 };
    double most = 0;
    int halvings = 0;
    for (int i = 0; i < VECTORS * VECTORS; ++i)
        most = fmax(most, fabs(a[i / VECTORS][i % VECTORS]));
    while (ldexp(most, -halvings) > 0.01)
        ++halvings;
    flow_t term = {{0}}, product;
    for (int i = 0; i < VECTORS; ++i)
        for (int j = 0; j < VECTORS; ++j) {
            a[i][j] = ldexp(a[i][j], -halvings);
            out[i][j] = term[i][j] = i == j;
        }
    for (int k = 1; k <= TERMS; ++k) {
        multiply(term, a, product);
        for (int i = 0; i < VECTORS; ++i)
            for (int j = 0; j < VECTORS; ++j)
                out[i][j] += term[i][j] = product[i][j] / k;
    }
    for (int k = 0; k < halvings; ++k) {
        multiply(out, out, product);
        memcpy(out, product, sizeof product);
    }
}

static void flow_of(const double *o, double t, flow_t out) {
    const double nu = o[MU] / 2, r = sqrt(nu / o[L]);
    const double eta = r / 8 * t, alpha = r / 4 * t, alphat = r / 8 * t, theta = t / (2 * r);
    flow_t a = {
        [X] = {[X] = -eta, [XT] = eta},     [XT] = {[X] = eta, [XT] = -eta},
        [Y] = {[Y] = -alpha, [YT] = alpha}, [YT] = {[XT] = -theta * nu, [Y] = -theta, [Z] = -theta},
        [Z] = {[Z] = -alpha, [ZT] = alpha}, [ZT] = {[Z] = alphat, [ZT] = -alphat},
    };
    exponential(a, out);
}

/* Takes the node to the time of the event under way. */
static void arrive(const server_t *s, client_t *c) {
    const double now = (double)(s->round + 1) * s->option[DT];
    flow_t flow;
    if (!(now > c->number[TIME]))
        return;
    flow_of(s->option, now - c->number[TIME], flow);
    c->number[TIME] = now;
    for (size_t i = 0; i < s->d; ++i) {
        double before[VECTORS];
        for (int v = 0; v < VECTORS; ++v)
            before[v] = c->vector[v][i];
        for (int v = 0; v < VECTORS; ++v)
            c->vector[v][i] = vector_dot(VECTORS, flow[v], before);
    }
}

/* ---- Events ---- */

static void begin(server_t *s, client_t *c) {
    arrive(s, c);
    memcpy(c->start, c->vector[X], s->d * sizeof *c->start);
}

static void use_gradient(const server_t *s, client_t *c) {
    const double *o = s->option, nu = o[MU] / 2, r = sqrt(nu / o[L]);
    double *x = c->vector[X], *xt = c->vector[XT], *yt = c->vector[YT];
    for (size_t i = 0; i < s->d; ++i) {
        const double q = c->result[i] - nu * x[i] - yt[i];
        x[i] -= q / (4 * o[L]);
        xt[i] -= q / (4 * sqrt(o[L] * nu));
        yt[i] += (r / 4 + 1) * q;
    }
}

static void send(const server_t *s, client_t *a, client_t *b) {
    const double r = sqrt(s->option[MU] / 2 / s->option[L]), far = 2 * s->option[CHI] / r;
    arrive(s, a);
    arrive(s, b);
    for (size_t i = 0; i < s->d; ++i) {
        const double p = (a->vector[Y][i] + a->vector[Z][i]) - (b->vector[Y][i] + b->vector[Z][i]);
        a->vector[Z][i] -= p / 2;
        b->vector[Z][i] += p / 2;
        a->vector[ZT][i] -= far * p;
        b->vector[ZT][i] += far * p;
    }
}

static void commit(server_t *s) {
    const double edge = s->number[EDGE];
    for (size_t k = 0; k < s->count; ++k)
        if (server_handed_in(s, k) != NULL)
            use_gradient(s, s->client[k]);
    if (edge >= 0 && s->count > 0)
        send(s, s->client[(size_t)edge], s->client[((size_t)edge + 1) % s->count]);
    s->number[EDGE] = -1;
    replicas_mean(s, X);
}

const rule_t rule_dadao = {
    .name = "dadao",
    .purpose = "accelerated and decentralised: gradients and messages of nodes at their own times",
    .citation = "Nabli, Oyallon, \"DADAO: Decoupled Accelerated Decentralized Asynchronous Optimization\", 2023, "
                "arXiv:2208.00779",
    .options = OPTIONS,
    .kept = KEPT,
    .flags = MEETS_ALL | COMMITS_EMPTY,
    .ready = ready,
    .select = choose,
    .meet = meet,
    .begin = begin,
    .commit = commit,
};
