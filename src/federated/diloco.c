/*
 * diloco: replicas that train by themselves, and an outer step with momentum now and then. Douillard, Feng, Rusu,
 * Chhaparia, Donchev, Kuncoro, Ranzato, Szlam, Shen, "DiLoCo: Distributed Low-Communication Training of Language
 * Models", 2023, arXiv:2311.08105.
 *
 *     1. replica c: y_c = w, then local_steps of its own optimizer, whose state stays with it from round to round
 *     2. Delta = w - mean(y);   b <- outer_momentum b + Delta
 *     3. w <- w - outer_lr (Delta + outer_momentum b), with nesterov=0: w - outer_lr b
 */
#include "federated/server.h"

enum { LR, LOCAL_STEPS, OUTER_LR, OUTER_MOMENTUM, NESTEROV };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.05, "[0,inf)", "rate of the replicas' own optimizers"},
    [LOCAL_STEPS] = LOCAL_STEPS_ROW(500),
    [OUTER_LR] = {"outer_lr", 0.7, "[0,inf)", "rate of the outer step"},
    [OUTER_MOMENTUM] = {"outer_momentum", 0.9, "[0,1)", "of the outer step"},
    [NESTEROV] = {"nesterov", 1, "0|1", "look-ahead of the momentum"},
    SEED_ROW,
    {0},
};

enum { B };
static const kept_t KEPT[] = {[B] = {.name = "b", .doc = "average of the moves", .of = OF_SERVER}, {0}};

static void commit(server_t *s) {
    const double eta = s->option[OUTER_LR], mu = s->option[OUTER_MOMENTUM];
    double *mean = s->sum, *b = s->vector[B];
    server_weigh(s, false);
    server_mean(s, mean);
    for (size_t i = 0; i < s->d; ++i) {
        const double delta = s->w[i] - mean[i];
        b[i] = mu * b[i] + delta;
        s->w[i] -= eta * (s->option[NESTEROV] == 1 ? delta + mu * b[i] : b[i]);
    }
}

const rule_t rule_diloco = {
    .name = "diloco",
    .purpose = "replicas with optimizers of their own, and an outer step with Nesterov momentum along their mean move",
    .citation = "Douillard, Feng, Rusu, Chhaparia, Donchev, Kuncoro, Ranzato, Szlam, Shen, \"DiLoCo: Distributed "
                "Low-Communication Training of Language Models\", 2023, arXiv:2311.08105",
    .options = OPTIONS,
    .kept = KEPT,
    .commit = commit,
};
