/*
 * dcgd: gradient descent on compressed gradients, without memory.
 *
 * Khirirat, Feyzmahdavian, Johansson, "Distributed Learning with Compressed Gradients", 2018, arXiv:1806.06573.
 *
 *     1. for every worker i:  c_i = C(g_i)
 *     2. x <- x - lr (1/n) sum_i c_i
 *
 * c_i is the message of worker i. What compression loses is lost. State: none between steps; within a step the message
 * and the sum of messages: 8 bytes a parameter in f32.
 */
#include <string.h>

#include "blocks/workers.h"

static const option_t OPTIONS[] = {WORKERS_ROWS, {0}};

enum { MESSAGE, SUM };
static const state_t STATE[] = {
    [MESSAGE] = {"message", "what a worker sends", LIKE_PARAM, WITHIN_STEP},
    [SUM] = {"sum", "of the messages", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct constants {
    real lr, workers;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){(real)group_lr(group), (real)group->option[WORKERS]};
}

static void send(const tile_t *t) {
    memcpy(t->state[MESSAGE], t->g, t->n * sizeof(real));
    if (((const worker_t *)t->arguments)->i == 0)
        memset(t->state[SUM], 0, t->n * sizeof(real));
}

static void receive(const tile_t *t) {
    real *restrict sum = t->state[SUM];
    const real *restrict message = t->state[MESSAGE];
    for (size_t i = 0; i < t->n; ++i)
        sum[i] += message[i];
}

static void move(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real *restrict sum = t->state[SUM];
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] -= k.lr * (sum[i] / k.workers);
}

static optim_status advance(step_t *s) {
    return workers_advance(s, MESSAGE, false);
}

const method_t METHOD(dcgd) = {
    .name = "dcgd",
    .purpose = "compressed gradient steps without memory",
    .citation = "Khirirat, Feyzmahdavian, Johansson: Distributed Learning with Compressed Gradients, 2018, "
                "arXiv:1806.06573",
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
