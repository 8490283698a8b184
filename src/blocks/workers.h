/*
 * For methods whose n workers send compressed messages: the loop of a step, and the options they share.
 *
 *     for every worker i:  SEND fills the state that is the message;  it is compressed;  RECEIVE takes what arrives
 *     MOVE
 *
 * With one worker the step begins with its gradient, as of any method. With more it asks for all: worker i's is that of
 * component i, and the parameters stay until the last is there.
 */
#ifndef BLOCKS_WORKERS_H
#define BLOCKS_WORKERS_H

#include "blocks/agree.h"
#include "engine/compressor.h"

enum { LR, CHOICE, WORKERS, SCOPE, OWN_OPTIONS };
#define WORKERS_ROWS                                                                                                   \
    [LR] = {"lr", 0.01, "[0,inf)", "step size"},                                                                       \
    [CHOICE] = {"compressor", 0, "compressor", "C: what is sent of a vector", .choice = "topk"},                       \
    [WORKERS] = {"workers", 1, "integer [1,65536]", "n: gradients in a step"},                                         \
    [SCOPE] = {"scope", 0, "global|tensor", "what is compressed as one vector: all parameters, or each"}

enum { SEND, RECEIVE, MOVE };

/* The method's memory, or the struct that its memory begins with: free between steps. */
typedef struct workers {
    int64_t worker;
} workers_t;

/* What SEND and RECEIVE take. */
typedef struct worker {
    size_t i;
} worker_t;

/* The worker's copy of a state; NULL: there is none. */
static inline real *worker_state(const tile_t *t, int state, size_t worker) {
    return t->state[state] == NULL ? NULL : (real *)t->state[state] + worker * t->stride;
}

/* is_whole: the messages of this step are sent as they are. */
static inline optim_status workers_advance(step_t *s, int message, bool is_whole) {
    workers_t *m = s->memory;
    STEP_BEGIN(s);
    if (!groups_agree(s, WORKERS))
        return step_fail(s, OPTIM_ERR_VALUE, "workers must be the same in all groups");
    for (m->worker = 0; (double)m->worker < s->option[WORKERS]; ++m->worker) {
        if (s->option[WORKERS] > 1)
            STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .first = m->worker, .count = 1);
        step_update(s, SEND, &(worker_t){(size_t)m->worker});
        if (!is_whole)
            step_compress(s, CHOICE, message);
        step_update(s, RECEIVE, &(worker_t){(size_t)m->worker});
    }
    step_update(s, MOVE, NULL);
    STEP_END(s);
}

static inline bool workers_ask_for_all(const double *option) {
    return option[WORKERS] > 1;
}

#endif
