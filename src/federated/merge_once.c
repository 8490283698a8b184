/*
 * merge_once: replicas that trained apart, averaged once at the end. "A Single Merging Suffices: Recovering
 * Server-based Learning Performance in Decentralized Learning", 2025, arXiv:2507.06542 (from memory).
 *
 *     w = mean of what was handed in, equally or by size
 *
 * Statistics of normalisation layers are to be estimated anew at w.
 */
#include <string.h>

#include "federated/server.h"

enum { WEIGHTS };
static const option_t OPTIONS[] = {
    [WEIGHTS] = {"weights", 0, "uniform|size", "of replicas in the mean: equal, or their numbers of samples"},
    SEED_ROW,
    {0},
};

static optim_status ready(server_t *s) {
    return s->option[WEIGHTS] == 1 ? server_need_numbers(s, SIZE_OF) : OPTIM_OK;
}

static void commit(server_t *s) {
    server_weigh(s, s->option[WEIGHTS] == 1);
    server_mean(s, s->sum);
    memcpy(s->w, s->sum, s->d * sizeof *s->w);
}

const rule_t rule_merge_once = {
    .name = "merge_once",
    .purpose = "the mean of replicas that trained apart",
    .citation =
        "\"A Single Merging Suffices: Recovering Server-based Learning Performance in Decentralized Learning\", "
        "2025, arXiv:2507.06542",
    .options = OPTIONS,
    .flags = FROM_ANYONE,
    .ready = ready,
    .commit = commit,
};
