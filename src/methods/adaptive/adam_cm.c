/*
 * adam_cm: Adam with a buffer of critical momenta, for exploration.
 *
 * Malviya, Mordido, Baratin, Babanezhad Harikandeh, Huang, Lacoste-Julien, Pascanu, Chandar, "Promoting Exploration in
 * Memory-Augmented Adam using Critical Momenta", 2023, arXiv:2307.09638.
 *
 *     1. p = (1 - lr weight_decay) p
 *     2. t = 1: (g, r) enters the buffer, and that is all: m stays 0, a = 0
 *     3. m = beta1 m + (1 - beta1) g;   a = m + the mean (or sum) of the momenta in the buffer
 *     4. (m, r) enters the buffer: appended while it has less than `capacity` entries, then in place of the first of
 *        the smallest priority, if that is below r
 *     5. v = beta2 v + (1 - beta2) a^2;   amsgrad: vmax = max(vmax, v), h = vmax;   else h = v
 *     6. all priorities are multiplied by `decay`
 *     7. p = p - (lr / c1) a / (sqrt(h) / sqrt(c2) + eps),   c1 = 1 - beta1^t,  c2 = 1 - beta2^t
 *
 * The priority r is the sum of the norms of all tensors' gradients (synced, not the norm of the whole gradient), or the
 * tensor's own. As the authors' code, which inserts the gradient at t = 1 where the paper's listing has the momentum;
 * the bias correction counts that idle step. Two passes. State: m, v (vmax) and `capacity` momenta: 4 (2 + capacity)
 * bytes a parameter in f32; the priorities in double. eps_in_root = 1: adam_family.h.
 */
#include <string.h>

#include "blocks/adam_family.h"
#include "blocks/reduce.h"

enum { LR, BETA1, BETA2, EPS, EPS_IN_ROOT, DECAY, CAPACITY, AGGREGATION, AMSGRAD, SYNCED, WEIGHT_DECAY };
enum { MEAN, SUM };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [DECAY] = {"decay", 0.7, "[0,1)", "factor on all priorities at the end of a step"},
    [CAPACITY] = {"capacity", 5, "integer [1,inf)", "entries of the buffer (C in the paper)"},
    [AGGREGATION] = {"aggregation", MEAN, "mean|sum", "what of the buffer is added to the momentum"},
    [AMSGRAD] = {"amsgrad", 0, "0|1", "divide by the running maximum of v", .live = true},
    [SYNCED] = {"synced", 1, "0|1", "priority: sum of the tensors' norms (1) or the tensor's own norm (0)"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    {0},
};

enum { M, V, VMAX, BUFFER, STATES };
static const state_t STATE[] = {
    [M] = M_ROW,
    [V] = {"v", "second moment of the aggregate", LIKE_PARAM, KEPT, .nonnegative = true},
    [VMAX] = VMAX_ROW,
    [BUFFER] = {"buffer", "critical momenta", LIKE_PARAM, KEPT, .copies = "capacity"},
    {0},
};

typedef struct tensor_memory {
    double *priority, entries;
    size_t averaged, place; /* in this step: entries that the aggregate is made of, and the place of the momentum, */
    bool enters;            /* if it enters the buffer */
} tensor_memory_t;
static const field_t FIELDS[] = {
    {"priority", "of the entries", FIELD(OF_TENSOR, tensor_memory_t, priority), .copies = "capacity"},
    {"entries", "of the buffer in use", FIELD(OF_TENSOR, tensor_memory_t, entries), .whole = true, .most = "capacity"},
    {0},
};

typedef struct constants {
    weights_t beta1, beta2;
    real step, inverse_root_c2, shrink;
    eps_t eps;
    bool mean, begins;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, c2 = correction(o[BETA2], group->t);
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .step = (real)(o[LR] / correction(o[BETA1], group->t)),
        .inverse_root_c2 = (real)(1 / sqrt(c2)),
        .shrink = (real)(1 - o[LR] * o[WEIGHT_DECAY]),
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .mean = (int)o[AGGREGATION] == MEAN,
        .begins = group->t == 1,
    };
}

/* Lines 4 and 6 for one tensor, but for the momentum itself. */
static void insert(step_t *s, size_t n, double r) {
    const double *o = step_tensor_option(s, n);
    tensor_memory_t *memory = step_tensor_memory(s, n);
    double *priority = memory->priority;
    size_t place = 0;
    memory->averaged = (size_t)memory->entries;
    if (memory->entries < o[CAPACITY]) {
        place = memory->averaged;
        priority[place] = -1;
        memory->entries += 1;
    }
    const size_t entries = (size_t)memory->entries;
    for (size_t j = 0; j < entries; ++j)
        place = priority[j] < priority[place] ? j : place;
    memory->place = place;
    memory->enters = r > priority[place];
    if (memory->enters)
        priority[place] = r;
    for (size_t j = 0; j < entries; ++j)
        priority[j] *= o[DECAY];
}

/* Line 2. */
static void begin(const tile_t *t) {
    const real shrink = ((const constants_t *)t->constants)->shrink;
    real *restrict p = t->p, *restrict entry = t->state[BUFFER];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        entry[i] = g[i];
        p[i] *= shrink;
    }
}

/* The mean or sum of the buffer. */
static void aggregate(const tile_t *t, real *restrict sum) {
    const size_t entries = ((const tensor_memory_t *)t->memory)->averaged;
    const real share = (real)(((const constants_t *)t->constants)->mean && entries > 0 ? 1 / (double)entries : 1);
    memset(sum, 0, t->n * sizeof *sum);
    for (size_t j = 0; j < entries; ++j) {
        const real *restrict entry = (const real *)t->state[BUFFER] + j * t->stride;
        for (size_t i = 0; i < t->n; ++i)
            sum[i] += share * entry[i];
    }
}

/* Lines 1, 3, 5 and 7; a comes in as the aggregate. */
static inline void step(const tile_t *t, real *restrict a, const bool amsgrad) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V], *restrict vmax = t->state[VMAX];
    const real *restrict g = t->g;
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        m[i] = ema(m[i], g[i], k.beta1);
        a[i] += m[i];
        v[i] = settled(k.beta2.keep * v[i] + k.beta2.take * a[i] * a[i]);
        const real h = amsgrad ? (vmax[i] = larger(vmax[i], v[i])) : v[i];
        p[i] = k.shrink * p[i] - k.step * quotient(a[i], damped_root(h, k.inverse_root_c2, k.eps));
    }
}

static void go_on(const tile_t *t) {
    const tensor_memory_t *memory = t->memory;
    real a[CHUNK_ELEMENTS];
    aggregate(t, a);
    if (t->state[VMAX] == NULL)
        step(t, a, false);
    else
        step(t, a, true);
    if (memory->enters)
        memcpy((real *)t->state[BUFFER] + memory->place * t->stride, t->state[M], t->n * sizeof(real));
}

static void update(const tile_t *t) {
    const bool begins = ((const constants_t *)t->constants)->begins;
    if (begins)
        begin(t);
    for (size_t first = 0; !begins && first < t->n; first += CHUNK_ELEMENTS) {
        const tile_t chunk = tile_chunk(t, first, STATES);
        go_on(&chunk);
    }
}

enum { SQUARES, UPDATE };

static optim_status advance(step_t *s) {
    double norms = 0;
    (void)step_sums(s, SQUARES, NULL, 1);
    for (size_t n = 0; n < step_tensor_count(s); ++n)
        norms += sqrt(step_tensor_sum(s, n)[0]);
    for (size_t n = 0; n < step_tensor_count(s); ++n)
        if (step_tensor(s, n) != NULL)
            insert(s, n, step_tensor_option(s, n)[SYNCED] != 0 ? norms : sqrt(step_tensor_sum(s, n)[0]));
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(adam_cm) = {
    .name = "adam_cm",
    .purpose = "Adam with a buffer of critical momenta, for exploration",
    .citation = "Malviya et al.: Promoting Exploration in Memory-Augmented Adam using Critical Momenta, 2023, "
                "arXiv:2307.09638",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .tensor_memory = sizeof(tensor_memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares, [UPDATE] = update},
};
