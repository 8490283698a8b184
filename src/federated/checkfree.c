/*
 * checkfree: a lost stage of a pipeline, made anew from its neighbours. Blagoev, Ersoy, Chen, "All is Not Lost: LLM
 * Recovery without Checkpoints", 2025, arXiv:2506.15461.
 *
 *     W_i = (omega_{i+1} W_{i+1} + omega_{i-1} W_{i-1}) / (omega_{i+1} + omega_{i-1}),   omega = |norm| + eps
 *
 * The server's vector is the lost stage's; both neighbours hand theirs in, and "norm" tells the last gradient norm of
 * every stage. All stages have the same shapes. The optimizer of the stage begins anew; the paper raises its rate by
 * 1.1.
 */
#include <string.h>

#include "federated/server.h"

enum { EPS };
static const option_t OPTIONS[] = {
    [EPS] = {"eps", 1e-4, "(0,inf)", "added to the norms"},
    SEED_ROW,
    {0},
};

static optim_status ready(server_t *s) {
    return server_need_numbers(s, NORM_OF);
}

static void commit(server_t *s) {
    double total = 0;
    for (size_t k = 0; k < s->count; ++k) {
        client_t *c = s->client[k];
        c->weight = s->told[NORM_OF][c->id] + s->option[EPS];
        total += server_handed_in(s, k) != NULL ? c->weight : 0;
    }
    for (size_t k = 0; k < s->count; ++k)
        s->client[k]->weight /= total;
    server_mean(s, s->sum);
    memcpy(s->w, s->sum, s->d * sizeof *s->w);
}

const rule_t rule_checkfree = {
    .name = "checkfree",
    .purpose = "a lost stage of a pipeline from its neighbours, weighted by their gradients' norms",
    .citation = "Blagoev, Ersoy, Chen, \"All is Not Lost: LLM Recovery without Checkpoints\", 2025, arXiv:2506.15461",
    .options = OPTIONS,
    .flags = FROM_ANYONE,
    .ready = ready,
    .commit = commit,
};
