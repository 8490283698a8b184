/*
 * ef14: compressed gradient steps; what compression loses is kept and sent later.
 *
 * Seide et al., "1-Bit Stochastic Gradient Descent and its Application to Data-Parallel Distributed Training of Speech
 * DNNs", 2014; Stich, Cordonnier, Jaggi, "Sparsified SGD with Memory", 2018, arXiv:1809.07599.
 *
 *     1. for every worker i:  p = e_i + lr g_i;   w_i = C(p);   e_i <- p - w_i
 *     2. x <- x - (1/n) sum_i w_i
 *
 * The step size is inside the memory: its change concerns later gradients alone, and x - (1/n) sum_i e_i are the
 * iterates of SGD. w_i is the message of worker i. State: e, n of it, the message and the sum of messages: 4 (2 n + 2)
 * bytes a parameter in f32, since what n evaluations change must be undone if one fails.
 */
#include <string.h>

#include "blocks/workers.h"

static const option_t OPTIONS[] = {WORKERS_ROWS, {0}};

enum { E, MESSAGE, SUM };
static const state_t STATE[] = {
    [E] = {"e", "what each worker has not sent yet", LIKE_PARAM, KEPT, .copies = "workers", .exact = true,
           .undone = true},
    [MESSAGE] = {"message", "what a worker sends", LIKE_PARAM, WITHIN_STEP},
    [SUM] = {"sum", "of the messages", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct constants {
    real lr, workers;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){(real)group->option[LR], (real)group->option[WORKERS]};
}

static void send(const tile_t *t) {
    const size_t worker = ((const worker_t *)t->arguments)->i;
    const real lr = ((const constants_t *)t->constants)->lr;
    real *restrict e = worker_state(t, E, worker), *restrict message = t->state[MESSAGE];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        message[i] = e[i] += lr * g[i];
    if (worker == 0)
        memset(t->state[SUM], 0, t->n * sizeof(real));
}

static void receive(const tile_t *t) {
    real *restrict e = worker_state(t, E, ((const worker_t *)t->arguments)->i), *restrict sum = t->state[SUM];
    const real *restrict message = t->state[MESSAGE];
    for (size_t i = 0; i < t->n; ++i) {
        e[i] -= message[i];
        sum[i] += message[i];
    }
}

static void move(const tile_t *t) {
    const real workers = ((const constants_t *)t->constants)->workers;
    const real *restrict sum = t->state[SUM];
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] -= sum[i] / workers;
}

static optim_status advance(step_t *s) {
    return workers_advance(s, MESSAGE, false);
}

const method_t METHOD(ef14) = {
    .name = "ef14",
    .purpose = "compressed gradient steps that send later what compression loses",
    .citation =
        "Seide et al.: 1-Bit Stochastic Gradient Descent and its Application to Data-Parallel Distributed "
        "Training of Speech DNNs, Interspeech 2014; Stich, Cordonnier, Jaggi: Sparsified SGD with Memory, 2018, "
        "arXiv:1809.07599",
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
