/*
 * mlmc: multilevel Monte Carlo, a gradient from a random number of samples whose mean is that from the largest number.
 *
 * Giles, "Multilevel Monte Carlo Methods", 2015; Dorfman, Levy, "Adapting to Mixing Time in Stochastic Optimization
 * with Markovian Data", 2022, arXiv:2202.04428.
 *
 *     1. u uniform;   J = the smallest j >= 1 with u < 1 - 2^-j;   n = 2^J if that is no more than t_max, else 1
 *     2. n samples' gradients g_1 .. g_n at the parameters;   h_i = mean of the first i
 *     3. the inner method receives g_1 + n (h_n - h_(n/2)), for n = 1 g_1
 *
 * Sums telescope: the mean is that of h_(t_max), whatever the dependence between samples, at an expected cost of
 * log2(t_max) + 1 / t_max gradients. Line 3 is the sum of the second half minus that of the first one without g_1; it
 * is taken of g / n, since sums may leave f32 where the difference does not. The loss is that of the first sample. u is
 * from a stream of the wrapper's own. State: how many were drawn; within a step the sum, 4 bytes a parameter in f32.
 */
#include <string.h>

#include "engine/method.h"
#include "kernels/random.h"

enum { T_MAX, SEED };
static const option_t OPTIONS[] = {
    [T_MAX] = {"t_max", 8, "integer [2,1073741824]", "most samples of a step, a power of 2"},
    [SEED] = {"seed", 1, "integer [0,9007199254740992]", "of the numbers of samples"},
    {0},
};

static const char *check(const double *option) {
    int exponent;
    return frexp(option[T_MAX], &exponent) == 0.5 ? NULL : "t_max must be a power of 2";
}

enum { SUM };
static const state_t STATE[] = {
    [SUM] = {"sum", "of the gradients but the first, with their signs, over n", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct memory {
    int64_t drawn;
    int64_t samples, i; /* within a step */
    double loss;
} memory_t;
static const field_t FIELDS[] = {
    {"drawn", "numbers of the stream so far", FIELD(OF_METHOD, memory_t, drawn)},
    {0},
};

typedef struct share {
    double share; /* +-1/n */
} share_t;

static void begin(const tile_t *t) {
    memset(t->state[SUM], 0, t->n * sizeof(real));
}

static void add(const tile_t *t) {
    const real share = (real)((const share_t *)t->arguments)->share;
    const real *restrict g = t->g;
    real *restrict sum = t->state[SUM];
    for (size_t i = 0; i < t->n; ++i)
        sum[i] += share * g[i];
}

/* With the last sample's gradient, whose sign is +. */
static void replace(const tile_t *t) {
    const real share = (real)((const share_t *)t->arguments)->share;
    const real *restrict sum = t->state[SUM];
    real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        g[i] = (share * g[i] + sum[i]) / share;
}

enum { BEGIN, ADD, REPLACE };

/* Line 1. */
static int64_t samples(step_t *s) {
    memory_t *m = s->memory;
    const double u = random_uniform((uint64_t)s->option[SEED], (uint64_t)++m->drawn);
    double n = 2;
    while (u >= 1 - 1 / n)
        n *= 2;
    return n <= s->option[T_MAX] ? (int64_t)n : 1;
}

/* What a method asks for besides the step's gradient it gets as it is. */
static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    if (!s->first)
        return OPTIM_OK;
    m->loss = s->loss;
    m->samples = samples(s);
    if (m->samples == 1)
        return OPTIM_OK;
    step_update(s, BEGIN, NULL);
    for (m->i = 2; m->i <= m->samples; ++m->i) {
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH);
        if (m->i < m->samples)
            step_update(s, ADD, &(share_t){(2 * m->i > m->samples ? 1 : -1) / (double)m->samples});
    }
    step_filter(s, REPLACE, &(share_t){1 / (double)m->samples});
    s->loss = m->loss;
    STEP_END(s);
}

const method_t METHOD(mlmc) = {
    .name = "mlmc",
    .purpose = "gradients of a random number of samples, with the mean that many samples have",
    .citation = "Giles: Multilevel Monte Carlo Methods, Acta Numerica 2015; Dorfman, Levy: Adapting to Mixing Time in "
                "Stochastic Optimization with Markovian Data, ICML 2022, arXiv:2202.04428",
    .evaluations = "1, 2, 4, ... t_max gradients, log2(t_max) + 1 / t_max in the mean",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .flags = REQUESTS,
    .memory = sizeof(memory_t),
    .check = check,
    .advance = advance,
    .kernels = {begin, add, replace},
    .arguments = {[ADD] = sizeof(share_t), [REPLACE] = sizeof(share_t)},
};
