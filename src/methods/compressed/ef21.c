/*
 * ef21: compressed differences to gradient estimates that n workers keep.
 *
 * Richtarik, Sokolov, Fatkhullin, "EF21: A New, Simpler, Theoretically Better, and Practically Faster Error Feedback",
 * 2021, arXiv:2106.05203; weights (EF21-W): Richtarik, Gasanov, Burlachenko, "Error Feedback Reloaded: From Quadratic
 * to Arithmetic Mean of Smoothness Constants", 2024, arXiv:2402.10774; momentum (EF21-SGDM): Fatkhullin, Tyurin,
 * Richtarik, "Momentum Provably Improves Error Feedback!", 2023, arXiv:2305.15155.
 *
 *     1. for every worker i:  h = grad f_i / (n w_i);   v_i = h at the first step, then mu v_i + (1 - mu) h
 *     2.                      g_i <- g_i + C(v_i - g_i);   at the first step with init=full:  g_i = v_i
 *     3. x <- x - lr sum_i w_i g_i
 *
 * w_i = 1/n, or the input `weights` over its sum. The papers move first and evaluate then: this is that loop, cut
 * before the evaluation. C(v_i - g_i) is the message of worker i. State: g, with momentum v, n of each, and the
 * message: 4 (2 n + 1) bytes a parameter in f32, since what n evaluations change must be undone if one fails.
 */
#include <string.h>

#include "blocks/workers.h"

enum { INIT = OWN_OPTIONS, MOMENTUM };
static const option_t OPTIONS[] = {
    WORKERS_ROWS,
    [INIT] = {"init", 0, "compressed|full", "the first message: compressed as all others, or not"},
    [MOMENTUM] = {"momentum", 0, "[0,1)", "mu: decay of each worker's average of gradients"},
    {0},
};

enum { WEIGHTS };
static const input_t INPUTS[] = {
    [WEIGHTS] = {"weights", "how much each worker counts, such as its smoothness constant; over their sum",
                 INPUT_OF_METHOD, .optional = true},
    {0},
};

enum { G, V, MESSAGE };
static const state_t STATE[] = {
    [G] = {"g", "each worker's gradient estimate", LIKE_PARAM, KEPT, .copies = "workers", .exact = true,
           .undone = true},
    [V] = {"v", "each worker's average of gradients", LIKE_PARAM, KEPT, .when = "momentum", .copies = "workers",
           .exact = true, .undone = true},
    [MESSAGE] = {"message", "what a worker sends", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct memory { /* within a step */
    workers_t workers;
    double *weight;
} memory_t;
static const field_t FIELDS[] = {
    {"weight", "w_i of the step", FIELD(OF_METHOD, memory_t, weight), .copies = "workers", .within_step = true},
    {0},
};

typedef struct constants {
    real lr, momentum, one_momentum;
    bool is_first, sends_all; /* the tensor's first step; its messages are not compressed */
    size_t workers;
    const double *weight;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    const bool is_first = group->t == 1;
    *(constants_t *)constants = (constants_t){.lr = (real)o[LR],
                                              .momentum = (real)(is_first ? 0 : o[MOMENTUM]),
                                              .one_momentum = (real)(is_first ? 1 : 1 - o[MOMENTUM]),
                                              .is_first = is_first,
                                              .sends_all = is_first && o[INIT] != 0,
                                              .workers = (size_t)o[WORKERS],
                                              .weight = ((const memory_t *)group->memory)->weight};
}

static size_t worker_of(const tile_t *t) {
    return ((const worker_t *)t->arguments)->i;
}

/* Line 1, and the difference of line 2. */
static void send(const tile_t *t) {
    const constants_t *k = t->constants;
    const size_t worker = worker_of(t);
    const real factor = (real)(1 / ((double)k->workers * k->weight[worker]));
    const real mu = k->momentum, one_mu = k->one_momentum;
    real *restrict estimate = worker_state(t, G, worker), *restrict v = worker_state(t, V, worker);
    real *restrict message = t->state[MESSAGE];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real h = factor * g[i], average = v == NULL ? h : mu * v[i] + one_mu * h;
        if (v != NULL)
            v[i] = average;
        message[i] = average - estimate[i];
    }
    if (!k->sends_all)
        return;
    for (size_t i = 0; i < t->n; ++i) /* and nothing is left for a compressed message */
        estimate[i] += message[i];
    memset(message, 0, t->n * sizeof(real));
}

/* Line 2, with the message as it arrives. */
static void receive(const tile_t *t) {
    real *restrict estimate = worker_state(t, G, worker_of(t));
    const real *restrict message = t->state[MESSAGE];
    for (size_t i = 0; i < t->n && !((const constants_t *)t->constants)->sends_all; ++i)
        estimate[i] += message[i];
}

/* Line 3; the message's place takes the sum. */
static void move(const tile_t *t) {
    const constants_t *k = t->constants;
    const real lr = k->lr;
    real *restrict p = t->p, *restrict sum = t->state[MESSAGE];
    memset(sum, 0, t->n * sizeof(real));
    for (size_t worker = 0; worker < k->workers; ++worker) {
        const real weight = (real)k->weight[worker], *restrict estimate = worker_state(t, G, worker);
        for (size_t i = 0; i < t->n; ++i)
            sum[i] += weight * estimate[i];
    }
    for (size_t i = 0; i < t->n; ++i)
        p[i] -= lr * sum[i];
}

/* The weights of the step, of sum 1. */
static void weigh(const step_t *s) {
    const memory_t *m = s->memory;
    const size_t n = (size_t)s->option[WORKERS];
    const input_view_t *input = step_input(s, WEIGHTS);
    double sum = 0, room;
    for (size_t i = 0; i < n; ++i)
        sum += m->weight[i] = input == NULL ? 1 : *input_doubles(input, i, 1, &room);
    for (size_t i = 0; i < n; ++i)
        m->weight[i] /= sum;
}

static optim_status advance(step_t *s) {
    if (s->line == 0)
        weigh(s);
    const bool is_whole = s->t == 1 && s->option[INIT] != 0 && groups_agree(s, INIT); /* and takes no random numbers */
    return workers_advance(s, MESSAGE, is_whole);
}

static const char *refuses_inputs(const step_t *s) {
    const input_view_t *input = step_input(s, WEIGHTS);
    double room;
    if (input != NULL && (double)input->count != s->option[WORKERS])
        return "the input \"weights\" must have a number for every worker";
    for (size_t i = 0; input != NULL && i < input->count; ++i) {
        const double weight = *input_doubles(input, i, 1, &room);
        if (!(weight > 0 && isfinite(weight)))
            return "the input \"weights\" must be positive";
    }
    return NULL;
}

const method_t METHOD(ef21) = {
    .name = "ef21",
    .purpose = "compressed differences to gradient estimates that every worker keeps",
    .citation =
        "Richtarik, Sokolov, Fatkhullin: EF21: A New, Simpler, Theoretically Better, and Practically Faster Error "
        "Feedback, NeurIPS 2021, arXiv:2106.05203",
    .evaluations = "1 gradient; workers=n: n, one of each worker, all at the same parameters",
    .options = OPTIONS,
    .states = STATE,
    .inputs = INPUTS,
    .flags = REQUESTS | ASKS_FOR_ALL | COMPONENT_GRADIENTS,
    .asks_for_all = workers_ask_for_all,
    .refuses_inputs = refuses_inputs,
    .fields = FIELDS,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {send, receive, move},
    .arguments = {[SEND] = sizeof(worker_t), [RECEIVE] = sizeof(worker_t)},
};
