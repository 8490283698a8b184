/*
 * fsgld: federated stochastic gradient Langevin dynamics: a chain that visits clients, with conducive gradients that
 * make up for the others' data. U = sum_c U_c.
 *
 * El Mekkaoui, Mesquita, Blomstedt, Kaski, "Federated Stochastic Gradient Langevin Dynamics", UAI 2021,
 * arXiv:2004.11231.
 *
 *     c = a client drawn with probability f_c;   `local` times, z standard normal:
 *         g = grad U_c(x) / f_c + [sum_k Lam_k (x - m_k) - Lam_c (x - m_c) / f_c]
 *         x <- x - (h / 2) g + sqrt(h) z
 *
 * N(m_c, 1 / Lam_c) is a Gaussian fit of the likelihood of client c, made once by the caller: the inputs `mean` and
 * `precision`, both diagonal. The bracket, whose mean over clients is 0, is there with conducive=1. Clients are
 * components. State: within a step where it began, and the bracket's slope and offset: 12 bytes a parameter in f32.
 */
#include <string.h>

#include "blocks/noise.h"

enum { LR, LOCAL, CONDUCIVE };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.01, "[0,inf)", "step size h"},
    [LOCAL] = {"local", 5, "integer [1,inf)", "moves in a visit"},
    [CONDUCIVE] = {"conducive", 1, "0|1", "gradients that make up for the others' data"},
    {0},
};

enum { PRECISION, MEAN, PROBABILITY };
static const input_t INPUTS[] = {
    [PRECISION] = {"precision", "conducive=1: Lam, a row for each client, a column for each element", INPUT_OF_METHOD,
                   true},
    [MEAN] = {"mean", "conducive=1: m, shaped likewise", INPUT_OF_METHOD, true},
    [PROBABILITY] = {"probability", "f, a positive number for each client; without it all alike", INPUT_OF_METHOD,
                     true},
    {0},
};

enum { START, SLOPE, OFFSET };
static const state_t STATE[] = {
    [START] = {"start", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [SLOPE] = {"slope", "of the conducive gradient", LIKE_PARAM, WITHIN_STEP},
    [OFFSET] = {"offset", "of it: it is slope x - offset", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct memory { /* within a step: move, client, 1 / f_c */
    int64_t k, client;
    double factor, *weight;
} memory_t;
static const field_t FIELDS[] = {
    {"weight", "of each client in the draw", FIELD(OF_METHOD, memory_t, weight), .each = EACH_COMPONENT,
     .within_step = true},
    {0},
};

typedef struct constants {
    real step, noise; /* h / 2, sqrt(h) */
} constants_t;

typedef struct visit {
    const input_view_t *precision, *mean; /* NULL: no conducive gradient */
    size_t client, clients, elements;
    double factor;
} visit_t;

typedef struct move {
    noise_t z;
    double factor;
} move_t;

static void prepare(const group_t *group, void *constants) {
    const double h = group->option[LR];
    *(constants_t *)constants = (constants_t){(real)(h / 2), (real)sqrt(h)};
}

/* Adds Lam_k and Lam_k m_k times this. */
static void add_fit(const visit_t *v, size_t k, double factor, size_t first, size_t n, double *slope, double *offset) {
    double precision_room[CHUNK_ELEMENTS], mean_room[CHUNK_ELEMENTS];
    const double *precision = input_doubles(v->precision, k * v->elements + first, n, precision_room);
    const double *mean = input_doubles(v->mean, k * v->elements + first, n, mean_room);
    for (size_t i = 0; i < n; ++i) {
        slope[i] += factor * precision[i];
        offset[i] += factor * precision[i] * mean[i];
    }
}

static void begin(const tile_t *t) {
    const visit_t *v = t->arguments;
    memcpy(t->state[START], t->p, t->n * sizeof(real));
    for (size_t first = 0; first < t->n; first += CHUNK_ELEMENTS) {
        const size_t n = t->n - first < CHUNK_ELEMENTS ? t->n - first : CHUNK_ELEMENTS;
        double slope[CHUNK_ELEMENTS] = {0}, offset[CHUNK_ELEMENTS] = {0};
        for (size_t k = 0; v->precision != NULL && k < v->clients; ++k)
            add_fit(v, k, k == v->client ? 1 - v->factor : 1, tile_first(t) + first, n, slope, offset);
        for (size_t i = 0; i < n; ++i) {
            ((real *)t->state[SLOPE])[first + i] = (real)slope[i];
            ((real *)t->state[OFFSET])[first + i] = (real)offset[i];
        }
    }
}

static void move(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const move_t *m = t->arguments;
    const real step = k.step * (real)m->factor;
    const real *restrict g = t->g, *restrict slope = t->state[SLOPE], *restrict offset = t->state[OFFSET];
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] += k.noise * noise_at(&m->z, t, i) - (step * g[i] + k.step * (slope[i] * p[i] - offset[i]));
}

enum { BEGIN, MOVE };

static void draw_client(step_t *s) {
    memory_t *m = s->memory;
    const input_view_t *probability = step_input(s, PROBABILITY);
    m->factor = (double)s->components;
    if (probability == NULL) {
        m->client = step_index(s, s->components);
        return;
    }
    double sum = 0, room;
    for (size_t c = 0; c < probability->count; ++c)
        sum += m->weight[c] = *input_doubles(probability, c, 1, &room);
    m->client = step_categorical(s, s->components, m->weight);
    m->factor = sum / m->weight[m->client];
}

static void begin_visit(step_t *s) {
    const memory_t *m = s->memory;
    const bool conducive = s->option[CONDUCIVE] != 0;
    draw_client(s);
    step_update(s, BEGIN,
                &(visit_t){conducive ? step_input(s, PRECISION) : NULL, step_input(s, MEAN), (size_t)m->client,
                           (size_t)s->components, step_own_elements(s), m->factor});
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    begin_visit(s);
    for (m->k = 0; (double)m->k < s->option[LOCAL]; ++m->k) {
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .first = m->client, .count = 1);
        step_update(s, MOVE, &(move_t){noise_draw(s), m->factor});
    }
    STEP_END(s);
}

/* An input must have so many positive numbers. */
static bool is_positive(const input_view_t *input) {
    double room;
    for (size_t i = 0; i < input->count; ++i)
        if (!(*input_doubles(input, i, 1, &room) > 0))
            return false;
    return true;
}

static const char *refuses_inputs(const step_t *s) {
    const input_view_t *precision = step_input(s, PRECISION), *mean = step_input(s, MEAN),
                       *probability = step_input(s, PROBABILITY);
    const size_t clients = (size_t)s->components, count = clients * step_own_elements(s);
    if (probability != NULL && (probability->count != clients || !is_positive(probability)))
        return "the input \"probability\" must have a positive number for each component";
    if (s->option[CONDUCIVE] == 0)
        return NULL;
    if (precision == NULL || mean == NULL)
        return "conducive=1 wants the inputs \"precision\" and \"mean\": optim_set_input, or say conducive=0";
    if (precision->count != count || mean->count != count)
        return "the inputs \"precision\" and \"mean\" must have a row for each component, as long as all parameters";
    return NULL;
}

const method_t METHOD(fsgld) = {
    .name = "fsgld",
    .purpose = "Langevin dynamics that visits clients in turn, with gradients that make up for the others' data",
    .citation = "El Mekkaoui, Mesquita, Blomstedt, Kaski: Federated Stochastic Gradient Langevin Dynamics, UAI 2021, "
                "arXiv:2004.11231",
    .evaluations = "local gradients of one component",
    .options = OPTIONS,
    .states = STATE,
    .inputs = INPUTS,
    .fields = FIELDS,
    .flags = REQUESTS | NEEDS_COMPONENTS | COMPONENT_GRADIENTS | ASKS_FOR_ALL,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .refuses_inputs = refuses_inputs,
    .prepare = prepare,
    .advance = advance,
    .kernels = {begin, move},
    .arguments = {sizeof(visit_t), sizeof(move_t)},
};
