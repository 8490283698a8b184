#include "federation.h"

#include <math.h>
#include <optim/federated.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

enum { MOMENTS = 200 };

typedef struct run {
    federation_t *f;
    fleet_t fleet;
    optim_server_t *server;
    optim_t *local;
    double w[SHARD_PARAMETERS], y[SHARD_PARAMETERS], g[SHARD_PARAMETERS];
    double now, down, up; /* bytes of a task */
    int moment;           /* the next one to be looked at */
    uint64_t random;
    int64_t *who, waiting; /* clients of a round; the number of those that are waited for */
    unsigned char *busy;
    uint64_t *steps;          /* local steps that a client has made */
    double began;             /* the round */
    double *arrival, *losses; /* of clients in it */
} run_t;

enum { ROUNDS, AT_ONCE, PERIOD, ASKED };
static const struct {
    const char *rule;
    int loop, vectors; /* on the wire each way */
    int hands_gradient;
} RULES[] = {
    {"fedbuff", AT_ONCE, 1, 0}, {"fedasync", AT_ONCE, 1, 0},      {"fedfix", PERIOD, 1, 0}, {"favano", ASKED, 1, 0},
    {"scaffold", ROUNDS, 2, 0}, {"dynamic_backup", ROUNDS, 1, 1}, {NULL, ROUNDS, 1, 0}, /* all others */
};

static size_t find_rule(const char *rule) {
    size_t i = 0;
    while (RULES[i].rule != NULL && strcmp(RULES[i].rule, rule) != 0)
        ++i;
    return i;
}

static int complain(void) {
    fprintf(stderr, "%s\n", optim_error());
    return -1;
}

static double number(const run_t *r, int64_t client, const char *name, double otherwise) {
    double value;
    return optim_server_get(r->server, client, name, &value) == OPTIM_OK ? value : otherwise;
}

/* ---- Watching: the state at even moments, whatever happens between them ---- */

static void look(run_t *r, double time) {
    federation_t *f = r->f;
    f->loss = shards_loss(f->shards, r->w);
    f->accuracy = shards_accuracy(f->shards, r->w);
    f->bytes_down = r->fleet.bytes_down;
    f->bytes_up = r->fleet.bytes_up;
    if (f->reached < 0 && f->loss <= f->target) {
        f->reached = time;
        f->reached_bytes = f->bytes_down + f->bytes_up;
    }
    if (f->log != NULL)
        fprintf(f->log, "%.6g %.6g %.6g %.0f %.0f %.6g %.6g %.6g\n", time, f->loss, f->accuracy, f->commits, f->updates,
                f->bytes_down, f->bytes_up, f->updates > 0 ? f->staleness / f->updates : 0);
}

/* Before what happens at `time`. */
static void look_until(run_t *r, double time) {
    while (r->moment <= MOMENTS && r->f->seconds * r->moment / MOMENTS < time) {
        look(r, r->f->seconds * r->moment / MOMENTS);
        ++r->moment;
    }
}

/* The next event before the end; 0: there is none. */
static int next(run_t *r, fleet_event_t *event) {
    if (!fleet_next(&r->fleet, event) || event->time > r->f->seconds)
        return 0;
    look_until(r, event->time);
    r->now = event->time;
    r->f->lost += event->kind == FLEET_LOST;
    return 1;
}

/* ---- A client's work, done when it arrives: nothing else sees it before ---- */

static int begin(run_t *r, int64_t client, double steps) {
    if (optim_server_begin(r->server, client, NULL) < 0)
        return complain();
    fleet_begin(&r->fleet, client, r->now, steps, r->down, r->up);
    return 0;
}

static int begin_task(run_t *r, int64_t client) {
    return begin(r, client, number(r, client, "steps", 1));
}

static int train(run_t *r, int64_t client, int steps) {
    if (optim_server_state(r->server, client, "start", 0, r->y) < 0 ||
        optim_set(r->local, 0, "lr", number(r, client, "rate", 0)) < 0)
        return complain();
    for (int k = 0; k < steps; ++k) {
        optim_status status = OPTIM_EVAL_GRAD;
        while (status == OPTIM_EVAL_GRAD) {
            shards_gradient(r->f->shards, client, r->steps[client], r->y, r->g);
            status = optim_server_local(r->server, client, (void *[]){r->y}, (void *[]){r->g});
        }
        if (status < 0 || optim_step(r->local) < 0)
            return complain();
        ++r->steps[client];
    }
    return 0;
}

/* Its gradient, where the rule wants that, with its loss and when it came. */
static int take_gradient(run_t *r, int64_t client) {
    if (optim_server_state(r->server, client, "start", 0, r->g) < 0)
        return complain();
    r->arrival[client] = r->now - r->began;
    r->losses[client] = shards_gradient(r->f->shards, client, r->steps[client]++, r->g, r->y);
    return 0;
}

static int hand_in(run_t *r, int64_t client, int steps) {
    federation_t *f = r->f;
    const double late = number(r, -1, "version", 0) - number(r, client, "version", 0);
    f->staleness += late;
    f->stale = fmax(f->stale, late);
    f->updates += 1;
    if ((RULES[find_rule(f->rule)].hands_gradient ? take_gradient(r, client) : train(r, client, steps)) < 0)
        return -1;
    return optim_server_end(r->server, client, (const void *[]){r->y}, steps) < 0 ? complain() : 0;
}

static int hand_in_task(run_t *r, int64_t client) {
    return hand_in(r, client, (int)number(r, client, "steps", 1));
}

static int commit(run_t *r) {
    const int64_t clients = r->f->clients;
    if (RULES[find_rule(r->f->rule)].hands_gradient &&
        (optim_server_set_numbers(r->server, "arrival", r->arrival, clients) < 0 ||
         optim_server_set_numbers(r->server, "loss", r->losses, clients) < 0))
        return complain();
    r->f->commits += 1;
    return optim_server_commit(r->server) < 0 ? complain() : 0;
}

static int choose(run_t *r, size_t *count) {
    return optim_server_select(r->server, r->who, (size_t)r->f->clients, count) < 0 ? complain() : 0;
}

/* ---- Rounds ---- */

/* 1: the round is over; 0: the time is. */
static int await(run_t *r, int64_t wanted) {
    fleet_event_t event;
    while (r->waiting > 0 && wanted > 0) {
        if (!next(r, &event))
            return 0;
        if (event.kind == FLEET_TICK)
            break;
        if (event.kind == FLEET_ARRIVED && hand_in_task(r, event.client) < 0)
            return -1;
        wanted -= event.kind == FLEET_ARRIVED;
        --r->waiting;
    }
    return 1;
}

static int run_rounds(run_t *r) {
    for (int goes_on = 1; goes_on > 0;) {
        size_t count;
        const double wait = number(r, -1, "wait", 0);
        if (choose(r, &count) < 0)
            return -1;
        r->waiting = (int64_t)count;
        r->began = r->now;
        for (size_t k = 0; k < count; ++k)
            if (begin_task(r, r->who[k]) < 0)
                return -1;
        if (r->f->deadline > 0)
            fleet_tick(&r->fleet, r->now + r->f->deadline);
        goes_on = await(r, wait > 0 ? (int64_t)wait : (int64_t)count);
        for (size_t k = 0; k < count; ++k)
            fleet_forget(&r->fleet, r->who[k]);
        if (goes_on < 0 || (goes_on > 0 && commit(r) < 0))
            return -1;
    }
    return 0;
}

/* ---- At once ---- */

static int begin_anyone(run_t *r) {
    const int64_t clients = r->f->clients;
    int64_t client = (int64_t)(random_uniform(&r->random) * (double)clients);
    for (int64_t k = 0; k < clients && r->busy[client]; ++k)
        client = (client + 1) % clients;
    r->busy[client] = 1;
    return begin_task(r, client);
}

static int run_at_once(run_t *r) {
    fleet_event_t event;
    for (int64_t k = 0; k < r->f->active; ++k)
        if (begin_anyone(r) < 0)
            return -1;
    while (next(r, &event)) {
        r->busy[event.client] = 0;
        if (event.kind == FLEET_ARRIVED && (hand_in_task(r, event.client) < 0 || commit(r) < 0))
            return -1;
        if (begin_anyone(r) < 0)
            return -1;
    }
    return 0;
}

/* ---- Period ---- */

static int begin_all(run_t *r, double steps) {
    for (int64_t c = 0; c < r->f->clients; ++c)
        if (begin(r, c, steps) < 0)
            return -1;
    return 0;
}

static int run_period(run_t *r) {
    fleet_event_t event;
    const double period = number(r, -1, "period", 1);
    if (begin_all(r, number(r, 0, "steps", 1)) < 0)
        return -1;
    fleet_tick(&r->fleet, period);
    while (next(r, &event)) {
        if (event.kind != FLEET_TICK) { /* it begins again with the next commit */
            if (event.kind == FLEET_ARRIVED && hand_in_task(r, event.client) < 0)
                return -1;
            r->who[r->waiting++] = event.client;
            continue;
        }
        if (commit(r) < 0)
            return -1;
        for (; r->waiting > 0; --r->waiting)
            if (begin_task(r, r->who[r->waiting - 1]) < 0)
                return -1;
        fleet_tick(&r->fleet, r->now + period);
    }
    return 0;
}

/* ---- Asked ---- */

static int run_asked(run_t *r) {
    fleet_event_t event;
    size_t count;
    const double cap = number(r, -1, "cap", 1);
    if (begin_all(r, -1) < 0)
        return -1;
    fleet_tick(&r->fleet, r->f->period);
    while (next(r, &event)) {
        if (event.kind == FLEET_TICK) {
            if (choose(r, &count) < 0)
                return -1;
            r->waiting = (int64_t)count;
            for (size_t k = 0; k < count; ++k) {
                const double made = fleet_steps(&r->fleet, r->who[k], r->now);
                if (hand_in(r, r->who[k], (int)fmin(made, cap)) < 0)
                    return -1;
                fleet_ask(&r->fleet, r->who[k], r->now, r->up);
            }
            continue;
        }
        if (event.kind == FLEET_LOST && optim_server_begin(r->server, event.client, NULL) < 0)
            return complain(); /* what it had is gone */
        r->f->updates -= event.kind == FLEET_LOST;
        if (--r->waiting > 0)
            continue;
        if (choose(r, &count) < 0 || commit(r) < 0)
            return -1;
        for (size_t k = 0; k < count; ++k)
            if (begin(r, r->who[k], -1) < 0)
                return -1;
        fleet_tick(&r->fleet, fmax(r->now, r->f->period * ceil(r->now / r->f->period)));
    }
    return 0;
}

/* ---- A run ---- */

/* What rules ask of every client: how many images, how long its task takes on the average, how often it takes part. */
static int tell(run_t *r) {
    static const char *const NAMES[] = {"size", "time", "probability"};
    const federation_t *f = r->f;
    const double steps = number(r, -1, "local_steps", 1);
    double *values = malloc((size_t)f->clients * sizeof *values);
    int failed = values == NULL;
    for (int n = 0; n < 3 && !failed; ++n) {
        for (int64_t c = 0; c < f->clients; ++c)
            values[c] = n == 0   ? (double)f->shards->rows
                        : n == 1 ? fleet_expected(&r->fleet, c, steps, r->down, r->up)
                                 : (double)f->active / (double)f->clients;
        failed = optim_server_set_numbers(r->server, NAMES[n], values, f->clients) < 0;
    }
    free(values);
    return failed ? complain() : 0;
}

static int set_up(run_t *r) {
    federation_t *f = r->f;
    const int64_t dims[] = {SHARD_PARAMETERS};
    const size_t clients = (size_t)f->clients;
    r->down = r->up = f->bytes * RULES[find_rule(f->rule)].vectors;
    r->random = f->seed;
    r->who = malloc(clients * sizeof *r->who);
    r->busy = calloc(clients, 1);
    r->steps = calloc(clients, sizeof *r->steps);
    r->arrival = calloc(clients, sizeof *r->arrival);
    r->losses = calloc(clients, sizeof *r->losses);
    if (fleet_create(&r->fleet, &f->model, f->clients, f->seed) < 0 || r->who == NULL || r->busy == NULL ||
        r->steps == NULL || r->arrival == NULL || r->losses == NULL) {
        fprintf(stderr, "not enough memory\n");
        return -1;
    }
    if (optim_server_create(&r->server, f->rule, f->options) < 0 ||
        optim_server_add_param(r->server, "w", OPTIM_F64, 1, dims, r->w) < 0 ||
        optim_server_set_clients(r->server, f->clients) < 0 || optim_create(&r->local, "sgd", NULL) < 0 ||
        optim_add_param(r->local, 0, "w", OPTIM_F64, 1, dims, r->y, r->g) < 0)
        return complain();
    return tell(r);
}

int federation_run(federation_t *f) {
    static int (*const LOOPS[])(run_t *) = {run_rounds, run_at_once, run_period, run_asked};
    run_t *r = calloc(1, sizeof *r);
    if (r == NULL)
        return -1;
    r->f = f;
    f->reached = -1;
    f->reached_bytes = f->commits = f->updates = f->lost = f->staleness = f->stale = 0;
    if (f->log != NULL)
        fprintf(f->log, "# seconds loss accuracy commits updates bytes_down bytes_up mean_staleness\n");
    int status = set_up(r);
    if (status == 0)
        status = LOOPS[RULES[find_rule(f->rule)].loop](r);
    look_until(r, (double)INFINITY);
    f->staleness /= fmax(f->updates, 1);
    if (r->fleet.failed) {
        fprintf(stderr, "not enough memory\n");
        status = -1;
    }
    fleet_destroy(&r->fleet);
    optim_destroy(r->local);
    optim_server_destroy(r->server);
    free(r->who);
    free(r->busy);
    free(r->steps);
    free(r->arrival);
    free(r->losses);
    free(r);
    return status;
}
