/*
 * onebit_adam: adam for a while; then its variance is frozen, and the momentum is compressed with error feedback.
 *
 * Tang et al., "1-bit Adam: Communication Efficient Large-Scale Training with Adam's Convergence Speed", 2021,
 * arXiv:2102.02888.
 *
 *     up to step `warmup`:  g = mean of the workers' g_i
 *                           m <- beta1 m + (1 - beta1) g,   v <- beta2 v + (1 - beta2) g^2
 *     then, every worker:   p_i = beta1 m + (1 - beta1) g_i + e_i;   c_i = C(p_i),   e_i <- p_i - c_i
 *     and the server:       s = mean of the c_i + E;   m <- C(s),   E <- s - m
 *     both:                 x <- x - lr (m / (sqrt(v) + eps) + weight_decay x)
 *
 * No bias is corrected. As DeepSpeed has it, but for its chunks of the server's vector, its padding, and that it does
 * not compress with one worker. State: m, v, e for n workers, E, and within a step the message and the sum: 4 (2 n +
 * 5) bytes a parameter in f32, since what n evaluations change must be undone if one fails.
 */
#include <string.h>

#include "blocks/workers.h"

enum { BETA1 = OWN_OPTIONS, BETA2, EPS, WEIGHT_DECAY, WARMUP };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-3, "[0,inf)", "step size"},
    [CHOICE] = {"compressor", 0, "compressor", "C: what is sent of a momentum", .choice = "onebit"},
    [WORKERS] = {"workers", 1, "integer [1,65536]", "n: gradients in a step"},
    [SCOPE] = {"scope", 1, "global|tensor", "what is compressed as one vector: all parameters, or each"},
    [BETA1] = {"beta1", 0.9, "[0,1)", "decay of the first moment"},
    [BETA2] = {"beta2", 0.999, "[0,1)", "decay of the second moment"},
    [EPS] = {"eps", 1e-8, "[0,inf)", "added to the root of the second moment"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "added to the update, times the parameters"},
    [WARMUP] = {"warmup", 100, "integer [0,inf)", "steps of ordinary adam", .zero_apart = true},
    {0},
};

enum { M, V, WORKER_ERROR, SERVER_ERROR, MESSAGE, SUM };
static const state_t STATE[] = {
    [M] = {"m", "first moment", LIKE_PARAM, FIRST_MOMENT, .exact = true},
    [V] = {"v", "second moment, of the warm-up", LIKE_PARAM, KEPT, .nonnegative = true, .exact = true},
    [WORKER_ERROR] = {"e", "what each worker has not sent yet", LIKE_PARAM, KEPT, .copies = "workers", .exact = true,
                      .undone = true},
    [SERVER_ERROR] = {"e_server", "what the server has not sent yet", LIKE_PARAM, KEPT, .exact = true},
    [MESSAGE] = {"message", "what a worker or the server sends", LIKE_PARAM, WITHIN_STEP},
    [SUM] = {"sum", "of gradients or messages", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct constants {
    real lr, beta1, one_beta1, beta2, one_beta2, eps, weight_decay, workers;
    bool is_warmup;
} constants_t;

static bool is_warmup(const step_t *s) {
    return s->t <= s->option[WARMUP];
}

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){.lr = (real)o[LR],
                                              .beta1 = (real)o[BETA1],
                                              .one_beta1 = (real)(1 - o[BETA1]),
                                              .beta2 = (real)o[BETA2],
                                              .one_beta2 = (real)(1 - o[BETA2]),
                                              .eps = (real)o[EPS],
                                              .weight_decay = (real)o[WEIGHT_DECAY],
                                              .workers = (real)o[WORKERS],
                                              .is_warmup = is_warmup(group->step)};
}

static void begin(const tile_t *t) {
    memset(t->state[SUM], 0, t->n * sizeof(real));
}

static void add_gradient(const tile_t *t) {
    const real *restrict g = t->g;
    real *restrict sum = t->state[SUM];
    for (size_t i = 0; i < t->n; ++i)
        sum[i] += g[i];
}

static void send(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real *restrict m = t->state[M], *restrict g = t->g;
    real *restrict e = worker_state(t, WORKER_ERROR, ((const worker_t *)t->arguments)->i);
    real *restrict message = t->state[MESSAGE];
    for (size_t i = 0; i < t->n; ++i)
        message[i] = e[i] += k.beta1 * m[i] + k.one_beta1 * g[i];
}

static void receive(const tile_t *t) {
    real *restrict e = worker_state(t, WORKER_ERROR, ((const worker_t *)t->arguments)->i), *restrict sum =
                                                                                               t->state[SUM];
    const real *restrict message = t->state[MESSAGE];
    for (size_t i = 0; i < t->n; ++i) {
        e[i] -= message[i];
        sum[i] += message[i];
    }
}

static void serve(const tile_t *t) {
    const real workers = ((const constants_t *)t->constants)->workers;
    const real *restrict sum = t->state[SUM];
    real *restrict e = t->state[SERVER_ERROR], *restrict message = t->state[MESSAGE];
    for (size_t i = 0; i < t->n; ++i)
        message[i] = e[i] += sum[i] / workers;
}

/* The server's message is there. */
static void take(const tile_t *t) {
    const real *restrict message = t->state[MESSAGE];
    real *restrict e = t->state[SERVER_ERROR];
    for (size_t i = 0; i < t->n; ++i)
        e[i] -= message[i];
    memcpy(t->state[M], message, t->n * sizeof(real));
}

static void average(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real *restrict sum = t->state[SUM];
    real *restrict m = t->state[M], *restrict v = t->state[V];
    for (size_t i = 0; i < t->n; ++i) {
        const real g = sum[i] / k.workers;
        m[i] = settled(k.beta1 * m[i] + k.one_beta1 * g);
        v[i] = settled(k.beta2 * v[i] + k.one_beta2 * g * g);
    }
}

static void move(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real *restrict m = t->state[M], *restrict v = t->state[V];
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] -= k.lr * (quotient(m[i], sqrt(v[i]) + k.eps) + k.weight_decay * p[i]);
}

enum { BEGIN = MOVE + 1, ADD_GRADIENT, SERVE, TAKE, AVERAGE };

/* One worker's gradient is there. */
static void collect(step_t *s, size_t worker) {
    if (is_warmup(s)) {
        step_update(s, ADD_GRADIENT, NULL);
        return;
    }
    step_update(s, SEND, &(worker_t){worker});
    step_compress(s, CHOICE, MESSAGE);
    step_update(s, RECEIVE, &(worker_t){worker});
}

static void finish(step_t *s) {
    if (is_warmup(s)) {
        step_update(s, AVERAGE, NULL);
    } else {
        step_update(s, SERVE, NULL);
        step_compress(s, CHOICE, MESSAGE);
        step_update(s, TAKE, NULL);
    }
    step_update(s, MOVE, NULL);
}

static optim_status advance(step_t *s) {
    workers_t *m = s->memory;
    STEP_BEGIN(s);
    if (!groups_agree(s, WORKERS))
        return step_fail(s, OPTIM_ERR_VALUE, "workers must be the same in all groups");
    step_update(s, BEGIN, NULL);
    for (m->worker = 0; (double)m->worker < s->option[WORKERS]; ++m->worker) {
        if (s->option[WORKERS] > 1)
            STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .first = m->worker, .count = 1);
        collect(s, (size_t)m->worker);
    }
    finish(s);
    STEP_END(s);
}

const method_t METHOD(onebit_adam) = {
    .name = "onebit_adam",
    .purpose = "adam whose variance is frozen after a while, and whose momentum is then compressed",
    .citation =
        "Tang et al.: 1-bit Adam: Communication Efficient Large-Scale Training with Adam's Convergence Speed, ICML "
        "2021, arXiv:2102.02888",
    .evaluations = "1 gradient; workers=n: n, one of each worker, all at the same parameters",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | ASKS_FOR_ALL | COMPONENT_GRADIENTS,
    .asks_for_all = workers_ask_for_all,
    .constants = sizeof(constants_t),
    .memory = sizeof(workers_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {send, receive, move, begin, add_gradient, serve, take, average},
    .arguments = {[SEND] = sizeof(worker_t), [RECEIVE] = sizeof(worker_t)},
};
