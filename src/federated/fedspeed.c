/*
 * fedspeed: many local steps with a proximal term, its error corrected, along gradients of perturbed points. Sun, Shen,
 * Huang, Ding, Tao, "FedSpeed: Larger Local Interval, Less Communication Round, and Higher Generalization Accuracy",
 * 2023, arXiv:2302.10429, with lamb = 1/lambda and h = -lambda ghat of the paper.
 *
 *     1. a client's steps: g1 = g(y);   g2 = g(y + rho / (|g1| + 1e-7) g1)
 *     2. g = (1 - alpha) g1 + alpha g2 + lamb (h - w);   g <- g min(1, clip / (|g| + 1e-6));   g <- g + lamb y
 *     3. h <- h + y - w of those who handed in
 *     4. w = mean of what they handed in + mean of h over all clients
 *
 * As in the authors' code, lamb y is added behind the clipping.
 */
#include <math.h>
#include <string.h>

#include "federated/server.h"

enum { LR, LOCAL_STEPS, LAMB, RHO, ALPHA, CLIP, PARTICIPATION, S, GROUPS };
static const option_t OPTIONS[] = {
    [LR] = LR_LOCAL_ROW,
    [LOCAL_STEPS] = LOCAL_STEPS_ROW(5),
    [LAMB] = {"lamb", 0.1, "[0,inf)", "pull of the clients towards where they started"},
    [RHO] = {"rho", 0.1, "[0,inf)", "length of the perturbation"},
    [ALPHA] = {"alpha", 1, "[0,1]", "share of the perturbed point's gradient"},
    [CLIP] = {"clip", 10, "[0,inf)", "longest gradient of a step; 0: any", .zero_apart = true},
    [PARTICIPATION] = PARTICIPATION_ROW(ALL_TAKE_PART),
    [S] = S_ROW,
    [GROUPS] = GROUPS_ROW,
    SEED_ROW,
    {0},
};

enum { H, POINT, FIRST };
static const kept_t KEPT[] = {
    [H] = {.name = "h", .doc = "sum of its moves: the correction of the proximal term", .of = OF_CLIENT},
    [POINT] = {.name = "point", .doc = "where its local step began", .of = OF_CLIENT},
    [FIRST] = {.name = "first", .doc = "the gradient there", .of = OF_CLIENT},
    {0},
};

static optim_status choose(server_t *s, int64_t *chosen, size_t *count) {
    const double *o = s->option;
    return participate(s, (participation_t){o[PARTICIPATION], o[S], o[GROUPS]}, chosen, count);
}

static optim_status perturb(server_t *s, client_t *c, double *y, const double *g) {
    const double by = s->option[RHO] / (sqrt(vector_dot(s->d, g, g)) + 1e-7);
    memcpy(c->vector[POINT], y, s->d * sizeof *y);
    memcpy(c->vector[FIRST], g, s->d * sizeof *g);
    for (size_t i = 0; i < s->d; ++i)
        y[i] += by * g[i];
    return OPTIM_EVAL_GRAD;
}

static optim_status local(server_t *s, client_t *c, double *y, double *g) {
    const double alpha = s->option[ALPHA], lamb = s->option[LAMB], clip = s->option[CLIP];
    const double *h = c->vector[H], *w = c->start, *g1 = c->vector[FIRST];
    if (!c->asked)
        return perturb(s, c, y, g);
    memcpy(y, c->vector[POINT], s->d * sizeof *y);
    for (size_t i = 0; i < s->d; ++i)
        g[i] = (1 - alpha) * g1[i] + alpha * g[i] + lamb * (h[i] - w[i]);
    const double norm = sqrt(vector_dot(s->d, g, g)), factor = clip > 0 ? fmin(1, clip / (norm + 1e-6)) : 1;
    for (size_t i = 0; i < s->d; ++i)
        g[i] = factor * g[i] + lamb * y[i];
    return OPTIM_OK;
}

static void commit(server_t *s) {
    double *mean = s->sum;
    server_weigh(s, false);
    server_mean(s, mean);
    memcpy(s->w, mean, s->d * sizeof *mean);
    for (size_t i = 0; i < s->count; ++i) {
        const client_t *c = server_handed_in(s, i);
        double *h = s->client[i]->vector[H];
        for (size_t j = 0; c != NULL && j < s->d; ++j)
            h[j] += c->result[j] - c->start[j];
        for (size_t j = 0; j < s->d; ++j)
            s->w[j] += h[j] / (double)s->clients;
    }
}

const rule_t rule_fedspeed = {
    .name = "fedspeed",
    .purpose = "many local steps: a proximal term with its error corrected, gradients of perturbed points",
    .citation = "Sun, Shen, Huang, Ding, Tao, \"FedSpeed: Larger Local Interval, Less Communication Round, and Higher "
                "Generalization Accuracy\", 2023, arXiv:2302.10429",
    .options = OPTIONS,
    .kept = KEPT,
    .ready = server_need_clients,
    .select = choose,
    .local = local,
    .commit = commit,
};
