/*
 * A fleet of clients and its network, simulated: an event queue over time in seconds.
 *
 * Constants of client c, drawn once (N: standard normal, E: exponential with mean 1, U: uniform on [0, 1)):
 *
 *     step_c = step exp(spread N), times slow if U < stragglers          seconds of a local step
 *     down_c = down exp(link_spread N),   up_c = up exp(link_spread N)    bytes a second
 *
 * A task of K local steps that the server gives out at time t, with b bytes down and e bytes up; N, E are drawn anew:
 *
 *     1. t1 = max(t, when the server's line out is free); busy for b / server
 *     2. the client begins at  t2 = t1 + b / min(down_c, server) + latency E
 *     3. it is through at      t3 = t2 + K step_c (1 + jitter E)
 *     4. t4 = max(t3, when the server's line in is free); busy for e / server
 *     5. the server has it at  t5 = t4 + e / min(up_c, server) + latency E
 *     6. the client crashes at tx = t + E / failures; if tx < t3, or tx < t5, the task is lost: the server notices at
 *        tx + notice, and the client is back at tx + repair E. A client that is away is noticed at t + notice.
 *
 * Every client has a random stream of its own, so that what others do does not change its fate.
 */
#ifndef EXAMPLES_FLEET_H
#define EXAMPLES_FLEET_H

#include <stddef.h>
#include <stdint.h>

typedef struct fleet_model {
    double step, spread, stragglers, slow, jitter; /* computing */
    double down, up, link_spread, latency, server; /* the network */
    double failures, notice, repair;               /* failures a second of a client's work */
} fleet_model_t;

typedef struct fleet_client {
    double step, down, up;
    double began, crash, back; /* t2, tx of its task; when it is back */
    uint64_t random;
    uint32_t task; /* counts; events of older ones are void */
} fleet_client_t;

enum { FLEET_UPLOAD, FLEET_ARRIVED, FLEET_LOST, FLEET_TICK };
typedef struct fleet_event {
    double time;
    uint64_t number; /* of events at one time the older comes first */
    int64_t client;
    uint32_t task;
    int kind;
    double bytes;
} fleet_event_t;

typedef struct fleet {
    fleet_model_t model;
    int64_t clients;
    fleet_client_t *client;
    fleet_event_t *heap;
    size_t events, room;
    uint64_t number;
    double out_free, in_free;
    double bytes_down, bytes_up; /* carried so far */
    uint32_t tick;
    int failed; /* no memory */
} fleet_t;

/* Return 0, or -1 when there is no memory. */
int fleet_create(fleet_t *fleet, const fleet_model_t *model, int64_t clients, uint64_t seed);
void fleet_destroy(fleet_t *fleet);

/* Gives a task out. steps < 0: without end, until fleet_ask. */
void fleet_begin(fleet_t *fleet, int64_t client, double now, double steps, double down, double up);
/* Steps of a task without end that are done. */
double fleet_steps(const fleet_t *fleet, int64_t client, double now);
/* The server asks for what a client has: it arrives, or the client is lost. */
void fleet_ask(fleet_t *fleet, int64_t client, double now, double up);
/* Nobody waits for this task any more. */
void fleet_forget(fleet_t *fleet, int64_t client);
/* FLEET_TICK at that time; an older tick is void. */
void fleet_tick(fleet_t *fleet, double time);

/* The next event, FLEET_ARRIVED, FLEET_LOST or FLEET_TICK; 0: there is none, 1: there is. */
int fleet_next(fleet_t *fleet, fleet_event_t *event);

/* Seconds that a task takes on an idle network, on the average. */
double fleet_expected(const fleet_t *fleet, int64_t client, double steps, double down, double up);

#endif
