/*
 * spsa: gradients from two values, along random signs of all coordinates at once.
 *
 * Spall, "Multivariate Stochastic Approximation Using a Simultaneous Perturbation Gradient Approximation", 1992,
 * 10.1109/9.119632; gains of Spall, "Implementation of the Simultaneous Perturbation Algorithm for Stochastic
 * Optimization", 1998, 10.1109/7.705889.
 *
 *     1. a_k = lr / (k + stability)^alpha,   c_k = c / k^gamma,   k = 1, 2, ...
 *     2. Delta_i = +1 or -1, each with probability 1/2;   f+- = f(x +- c_k Delta)
 *     3. g_i = (f+ - f-) / (2 c_k Delta_i), the mean over `samples` of them;   x <- x - a_k g
 *
 * Element i of all tensors takes word i of those that the sample reserves in the handle's stream: +1 where the number
 * in [0, 1) is below 1/2. In a box the points that are evaluated lie in it, and line 3 stays what it is. A pair of
 * values whose difference is not finite counts as equal. State: none; within a step x and g: 8 bytes a parameter in
 * f32.
 */
#include <string.h>

#include "blocks/agree.h"
#include "kernels/random.h"

enum { LR, C, ALPHA, GAMMA, STABILITY, SAMPLES };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "(0,inf)", "gain of the steps", .pauses = true},
    [C] = {"c", 0.1, "(0,inf)", "how far the values are from x: as much as they are noisy, or more"},
    [ALPHA] = {"alpha", 0.602, "[0,inf)", "how fast the steps get shorter; 1 is best in the long run"},
    [GAMMA] = {"gamma", 0.101, "[0,inf)", "how fast the values come nearer; 1/6 with alpha = 1"},
    [STABILITY] = {"stability", 0, "[0,inf)", "added to k in the steps: a tenth of their number"},
    [SAMPLES] = {"samples", 1, "integer [1,inf)", "pairs of values for a step"},
    {0},
};

enum { X, G };
static const state_t STATE[] = {
    [X] = {"x", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [G] = {"g", "sum of the samples", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct memory { /* within a step */
    int64_t sample;
    uint64_t first; /* of its words */
    double high;
} memory_t;

typedef struct constants {
    real gain, c, half_inverse_c;
} constants_t;

/* What the kernels take. */
typedef struct signs {
    uint64_t seed, first;
    double factor;
} signs_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, c = o[C] / pow(group->t, o[GAMMA]);
    const double gain = o[LR] / pow(group->t + o[STABILITY], o[ALPHA]);
    *(constants_t *)constants = (constants_t){(real)(gain / o[SAMPLES]), (real)c, (real)(0.5 / c)};
}

static real sign_at(const signs_t *signs, const tile_t *t, size_t i) {
    return random_uniform(signs->seed, signs->first + tile_first(t) + i) < 0.5 ? 1 : -1;
}

static void begin(const tile_t *t) {
    memcpy(t->state[X], t->p, t->n * sizeof(real));
    memset(t->state[G], 0, t->n * sizeof(real));
}

static void go(const tile_t *t) {
    const signs_t signs = *(const signs_t *)t->arguments;
    const real step = ((const constants_t *)t->constants)->c * (real)signs.factor, *restrict x = t->state[X];
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = x[i] + step * sign_at(&signs, t, i);
}

static void add(const tile_t *t) {
    const signs_t signs = *(const signs_t *)t->arguments;
    const real slope = ((const constants_t *)t->constants)->half_inverse_c * (real)signs.factor;
    real *restrict g = t->state[G];
    for (size_t i = 0; i < t->n; ++i)
        g[i] += slope * sign_at(&signs, t, i);
}

static void move(const tile_t *t) {
    const real gain = ((const constants_t *)t->constants)->gain, *restrict x = t->state[X], *restrict g = t->state[G];
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = x[i] - gain * g[i];
}

enum { BEGIN, GO, ADD, MOVE };

static void look(step_t *s, double factor) {
    step_update(s, GO, &(signs_t){s->seed, ((const memory_t *)s->memory)->first, factor});
    step_into_box(s);
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    if (!groups_agree(s, SAMPLES))
        return step_fail(s, OPTIM_ERR_VALUE, "samples must be the same in all groups");
    step_update(s, BEGIN, NULL);
    for (m->sample = 0; (double)m->sample < s->option[SAMPLES]; ++m->sample) {
        m->first = step_draws(s, step_own_elements(s));
        look(s, 1);
        STEP_ASK(s, .kind = OPTIM_EVAL_LOSS, .sample = OPTIM_SAMPLE_SAME);
        m->high = s->loss;
        look(s, -1);
        STEP_ASK(s, .kind = OPTIM_EVAL_LOSS, .sample = OPTIM_SAMPLE_SAME);
        const double difference = m->high - s->loss;
        step_update(s, ADD, &(signs_t){s->seed, m->first, isfinite(difference) ? difference : 0});
    }
    step_update(s, MOVE, NULL);
    STEP_END(s);
}

const method_t METHOD(spsa) = {
    .name = "spsa",
    .purpose = "gradients from two values along random signs, for noisy functions of many parameters",
    .citation = "Spall: Multivariate Stochastic Approximation Using a Simultaneous Perturbation Gradient "
                "Approximation, IEEE Transactions on Automatic Control, 1992; Implementation of the Simultaneous "
                "Perturbation Algorithm for Stochastic Optimization, IEEE Transactions on Aerospace and Electronic "
                "Systems, 1998",
    .evaluations = "2 values a sample",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | READS_LOSS | VALUES_ONLY,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {begin, go, add, move},
    .arguments = {[GO] = sizeof(signs_t), [ADD] = sizeof(signs_t)},
};
