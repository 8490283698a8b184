/*
 * A rule of servers (optim/federated.h) over a simulated fleet that trains on the digits. What a rule is, says in which
 * loop it runs:
 *
 *     rounds   `active` clients get a task; the server waits for all of them that are not lost, no longer than
 *              `deadline` seconds (0: any), and commits: fedavg, fedprox, scaffold, fedau, fedspeed, fedhyper;
 *              dynamic_backup, whose clients hand in gradients, says for how many it waits
 *     at once  `active` clients train at any time; the server commits whenever one hands in, and gives the next task to
 *              another one: fedbuff, fedasync
 *     period   all clients train; the server commits what has arrived every `period` seconds: fedfix
 *     asked    all clients train; every `period` seconds the server asks some for what they have: favano
 *
 * On the wire a vector takes `bytes`; scaffold carries two each way, as its control variates travel.
 */
#ifndef EXAMPLES_FEDERATION_H
#define EXAMPLES_FEDERATION_H

#include <stdio.h>

#include "fleet.h"
#include "shards.h"

typedef struct federation {
    /* ---- What is simulated ---- */
    const char *rule, *options; /* of optim_server_create */
    int64_t clients, active;
    double seconds, deadline, period, bytes;
    double target; /* loss */
    uint64_t seed;
    fleet_model_t model;
    const shards_t *shards;
    FILE *log; /* or NULL: a line for each of 200 moments */

    /* ---- What came of it ---- */
    double loss, accuracy;         /* at the end */
    double reached, reached_bytes; /* when the loss was at the target, and bytes until then; < 0: never */
    double commits, updates, lost, staleness, stale; /* stale: the largest; staleness: their mean */
    double bytes_down, bytes_up;
} federation_t;

/* Returns 0, or -1 after saying on stderr what is wrong. */
int federation_run(federation_t *f);

#endif
