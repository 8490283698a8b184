/*
 * econtrol: compressed differences to gradient estimates, with as much of the accumulated error as is good for them.
 *
 * Gao, Islamov, Stich, "EControl: Fast Distributed Optimization with Compression and Error Control", 2024,
 * arXiv:2311.05645.
 *
 *     1. for every worker i:  h_i <- h_i + C(eta e_i + g_i - h_i);   at the first step with init=full:  h_i = g_i
 *     2.                      e_i <- e_i + g_i - h_i
 *     3. x <- x - lr (1/n) sum_i h_i
 *
 * x - (lr/n) sum_i e_i are the iterates of SGD. C(...) is the message of worker i, the only one. State: h and e, n of
 * each, and the message: 4 (4 n + 1) bytes a parameter in f32, since what n evaluations change must be undone if one
 * fails.
 */
#include <string.h>

#include "blocks/workers.h"

enum { ETA = OWN_OPTIONS, INIT };
static const option_t OPTIONS[] = {
    WORKERS_ROWS,
    [ETA] = {"eta", 0.1, "[0,inf)", "strength of the feedback; theory: of the order of the compressor's contraction"},
    [INIT] = {"init", 1, "compressed|full", "the first message: compressed as all others, or not"},
    {0},
};

enum { H, E, MESSAGE };
static const state_t STATE[] = {
    [H] = {"h", "each worker's gradient estimate", LIKE_PARAM, KEPT, .copies = "workers", .exact = true,
           .undone = true},
    [E] = {"e", "each worker's accumulated error", LIKE_PARAM, KEPT, .copies = "workers", .exact = true,
           .undone = true},
    [MESSAGE] = {"message", "what a worker sends", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct constants {
    real lr, eta;
    bool sends_all; /* the tensor's first step, whose messages are not compressed */
    size_t workers;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants =
        (constants_t){(real)o[LR], (real)o[ETA], group->t == 1 && o[INIT] != 0, (size_t)o[WORKERS]};
}

static size_t worker_of(const tile_t *t) {
    return ((const worker_t *)t->arguments)->i;
}

static void send(const tile_t *t) {
    const constants_t *k = t->constants;
    const real eta = k->eta;
    const real *restrict h = worker_state(t, H, worker_of(t)), *restrict e = worker_state(t, E, worker_of(t));
    const real *restrict g = t->g;
    real *restrict message = t->state[MESSAGE];
    if (k->sends_all)
        memset(message, 0, t->n * sizeof(real));
    for (size_t i = 0; i < t->n && !k->sends_all; ++i)
        message[i] = eta * e[i] + g[i] - h[i];
}

static void receive(const tile_t *t) {
    const constants_t *k = t->constants;
    real *restrict h = worker_state(t, H, worker_of(t)), *restrict e = worker_state(t, E, worker_of(t));
    const real *restrict g = t->g, *restrict message = t->state[MESSAGE];
    if (k->sends_all)
        memcpy(h, g, t->n * sizeof(real));
    for (size_t i = 0; i < t->n && !k->sends_all; ++i) {
        h[i] += message[i];
        e[i] += g[i] - h[i];
    }
}

/* The message's place takes the sum. */
static void move(const tile_t *t) {
    const constants_t *k = t->constants;
    const real lr = k->lr, workers = (real)k->workers;
    real *restrict p = t->p, *restrict sum = t->state[MESSAGE];
    memset(sum, 0, t->n * sizeof(real));
    for (size_t worker = 0; worker < k->workers; ++worker) {
        const real *restrict h = worker_state(t, H, worker);
        for (size_t i = 0; i < t->n; ++i)
            sum[i] += h[i];
    }
    for (size_t i = 0; i < t->n; ++i)
        p[i] -= lr * (sum[i] / workers);
}

static optim_status advance(step_t *s) {
    const bool is_whole = s->t == 1 && s->option[INIT] != 0 && groups_agree(s, INIT); /* and takes no random numbers */
    return workers_advance(s, MESSAGE, is_whole);
}

const method_t METHOD(econtrol) = {
    .name = "econtrol",
    .purpose = "compressed differences to gradient estimates, with a controlled share of the error",
    .citation = "Gao, Islamov, Stich: EControl: Fast Distributed Optimization with Compression and Error Control, ICLR "
                "2024, arXiv:2311.05645",
    .evaluations = "1 gradient; workers=n: n, one of each worker, all at the same parameters",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | ASKS_FOR_ALL | COMPONENT_GRADIENTS,
    .asks_for_all = workers_ask_for_all,
    .constants = sizeof(constants_t),
    .memory = sizeof(workers_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {send, receive, move},
    .arguments = {[SEND] = sizeof(worker_t), [RECEIVE] = sizeof(worker_t)},
};
