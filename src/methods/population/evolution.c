/*
 * evolution: the evolution strategies (1, lambda) and (1 + lambda): of lambda mutations the best is the next parent.
 * Values alone.
 *
 * Rechenberg, "Evolutionsstrategie", 1973; the two compared: Jorritsma, Lengler, Sudholt, "Comma Selection Outperforms
 * Plus Selection on OneMax with Randomly Planted Optima", 2023, arXiv:2304.09712.
 *
 *     offspring k = 0 .. lambda - 1:  gauss  y = x + sigma z, z standard normal
 *                                     bits   every element, 0 or 1, flips with probability rate
 *     best = the first of those with the lowest value
 *     comma: x <- best;   plus: x <- best if f(best) <= f(x)
 *
 * rate = 0 stands for 1 / d. plus evaluates f(x) in the first step. A value that is not finite counts as infinite; if
 * all are, x stays. An offspring is made again from its numbers, none is kept. State: f; within a step x: 4 bytes a
 * parameter in f32.
 */
#include <string.h>

#include "blocks/noise.h"

enum { STRATEGY, OFFSPRING, MUTATION, SIGMA, RATE };
enum { COMMA, PLUS };
enum { GAUSS, BITS };
static const option_t OPTIONS[] = {
    [STRATEGY] = {"strategy", COMMA, "comma|plus", "whether the parent dies, or stays if no offspring is as good"},
    [OFFSPRING] = {"offspring", 8, "integer [1,inf)", "lambda"},
    [MUTATION] = {"mutation", GAUSS, "gauss|bits", "normal numbers, or flips of 0 and 1"},
    [SIGMA] = {"sigma", 0.3, "[0,inf)", "gauss: standard deviation"},
    [RATE] = {"rate", 0, "[0,1]", "bits: probability of a flip; 0: one over the number of elements",
              .zero_apart = true},
    {0},
};

enum { X };
static const state_t STATE[] = {
    [X] = {"x", "the parent", LIKE_PARAM, RESTORE_POINT},
    {0},
};

typedef struct memory {
    double f;
    int64_t child;   /* within a step: the offspring under way */
    noise_t z, best; /* its numbers, and those of the best; */
    double lowest;   /* value of that */
} memory_t;
static const field_t FIELDS[] = {
    {"f", "value of the parent", FIELD(OF_METHOD, memory_t, f)},
    {0},
};

typedef struct constants {
    real sigma;
    double rate;
    bool bits;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, d = (double)step_own_elements(group->step);
    *(constants_t *)constants =
        (constants_t){(real)o[SIGMA], o[RATE] > 0 ? o[RATE] : 1 / fmax(d, 1), (int)o[MUTATION] == BITS};
}

static void begin(const tile_t *t) {
    memcpy(t->state[X], t->p, t->n * sizeof(real));
}

static void back(const tile_t *t) {
    memcpy(t->p, t->state[X], t->n * sizeof(real));
}

static void mutate(const tile_t *t) {
    const constants_t *k = t->constants;
    const noise_t z = *(const noise_t *)t->arguments;
    const real sigma = k->sigma, *restrict x = t->state[X];
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n && k->bits; ++i) {
        const bool flips = random_uniform(z.seed, z.first + tile_first(t) + i) < k->rate;
        p[i] = flips ? 1 - x[i] : x[i];
    }
    for (size_t i = 0; i < t->n && !k->bits; ++i)
        p[i] = x[i] + sigma * noise_at(&z, t, i);
}

enum { BEGIN, BACK, MUTATE };

static void bear(step_t *s) {
    memory_t *m = s->memory;
    const bool bits = (int)s->option[MUTATION] == BITS;
    m->z = bits ? (noise_t){s->seed, step_draws(s, step_own_elements(s))} : noise_draw(s);
    step_update(s, MUTATE, &m->z);
}

static void select_best(step_t *s) {
    memory_t *m = s->memory;
    const bool takes = isfinite(m->lowest) && ((int)s->option[STRATEGY] == COMMA || !(m->lowest > m->f));
    step_update(s, takes ? MUTATE : BACK, takes ? &m->best : NULL);
    if (takes)
        m->f = m->lowest;
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    step_update(s, BEGIN, NULL);
    if (s->t == 1 && (int)s->option[STRATEGY] == PLUS) {
        STEP_ASK(s, .kind = OPTIM_EVAL_LOSS, .sample = OPTIM_SAMPLE_SAME);
        m->f = s->loss;
    }
    m->lowest = (double)INFINITY;
    for (m->child = 0; (double)m->child < s->option[OFFSPRING]; ++m->child) {
        bear(s);
        STEP_ASK(s, .kind = OPTIM_EVAL_LOSS, .sample = OPTIM_SAMPLE_SAME);
        if (isfinite(s->loss) && s->loss < m->lowest) {
            m->lowest = s->loss;
            m->best = m->z;
        }
    }
    select_best(s);
    STEP_END(s);
}

const method_t METHOD(evolution) = {
    .name = "evolution",
    .purpose = "evolution strategies: the best of some mutations is the next parent",
    .citation =
        "Jorritsma, Lengler, Sudholt: Comma Selection Outperforms Plus Selection on OneMax with Randomly Planted "
        "Optima, GECCO 2023, arXiv:2304.09712",
    .evaluations = "offspring values; strategy=plus: 1 more in the first step",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .flags = REQUESTS | READS_LOSS | VALUES_ONLY,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {begin, back, mutate},
    .arguments = {[MUTATE] = sizeof(noise_t)},
};
