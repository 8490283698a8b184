/*
 * dp_spider: a noisy gradient estimate, corrected from step to step by noisy differences: differentially private.
 *
 * Arora, Bassily, Gonzalez, Guzman, Menart, Ullah, "Faster Rates of Convergence to Stationary Points in Differentially
 * Private Optimization", 2023, arXiv:2206.00846, algorithm 2 (Private SpiderBoost).
 *
 *     1. (t - 1) mod q = 0:   d <- g at x_t + sigma1 z
 *        otherwise:           h at x_{t-1} on the same sample;   d <- d + g - h + s z,
 *                             s = min(sigma2 |x_t - x_{t-1}|, sigma2_cap)
 *     2. x_{t+1} = x_t - lr d
 *
 * z is standard normal, sigma2_cap = 0 stands for infinity. The sigmas are deviations of the noise on a mean over a
 * batch, as in the paper, whose privacy rests on losses that are Lipschitz (sigma1, sigma2_cap) and smooth (sigma2):
 * nothing is clipped. A tensor's first step is of the first kind. State: d, x_{t-1}; within a step x_t, g: 16 bytes a
 * parameter in f32.
 */
#include <string.h>

#include "blocks/noise.h"
#include "blocks/recursive.h"

enum { LR, Q, SIGMA1, SIGMA2, SIGMA2_CAP };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.01, "[0,inf)", "step size"},
    [Q] = {"q", 10, "integer [1,inf)", "steps from one new estimate to the next"},
    [SIGMA1] = {"sigma1", 0, "[0,inf)", "deviation of the noise on a new estimate"},
    [SIGMA2] = {"sigma2", 0, "[0,inf)", "deviation of the noise on a difference, over the way between its points"},
    [SIGMA2_CAP] = {"sigma2_cap", 0, "[0,inf)", "the most that this is; 0: there is none", .zero_apart = true},
    {0},
};

static const state_t STATE[] = {RECURSIVE_ROWS("the gradient at x_prev"), {0}};

typedef struct memory { /* within a step */
    bool is_new;
    double way; /* |x_t - x_{t-1}| */
} memory_t;

typedef struct constants {
    double sigma1, sigma2, cap;
    real lr;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants =
        (constants_t){o[SIGMA1], o[SIGMA2], o[SIGMA2_CAP] > 0 ? o[SIGMA2_CAP] : DBL_MAX, (real)o[LR]};
}

/* What the last kernel takes. */
typedef struct end {
    bool is_new;
    double way;
    noise_t z;
} end_t;

static void keep(const tile_t *t) {
    const real *restrict g = t->g, *restrict p = t->p, *restrict x_prev = t->state[X_PREV];
    real *restrict x = t->state[X], *restrict kept = t->state[GRADIENT];
    for (size_t i = 0; i < t->n; ++i) {
        x[i] = p[i];
        kept[i] = g[i];
        const double moved = (double)p[i] - (double)x_prev[i];
        t->term[0][i] = moved * moved;
    }
}

static void leave(const tile_t *t) {
    memcpy(t->p, t->state[X_PREV], t->n * sizeof(real));
}

static void move(const tile_t *t) {
    const constants_t *k = t->constants;
    const end_t *end = t->arguments;
    const double sigma = end->is_new ? k->sigma1 : fmin(k->sigma2 * end->way, k->cap);
    const real *restrict g = t->state[GRADIENT], *restrict h = t->g;
    real *restrict d = t->state[D];
    for (size_t i = 0; i < t->n; ++i)
        d[i] = end->is_new ? g[i] : d[i] + g[i] - h[i];
    for (size_t i = 0; sigma > 0 && i < t->n; ++i)
        d[i] += (real)(sigma * noise_double_at(&end->z, t, i));
    for (size_t i = 0; i < t->n; ++i)
        d[i] = settled(d[i]);
    recursive_move(t, k->lr, 1);
}

enum { KEEP, LEAVE, MOVE };

static noise_t draw(step_t *s) {
    for (int i = 0; i < s->groups; ++i)
        if (step_group(s, i).option[SIGMA1] > 0 || step_group(s, i).option[SIGMA2] > 0)
            return noise_draw(s);
    return (noise_t){0, 0};
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    m->is_new = fmod(s->t - 1, s->option[Q]) == 0 || step_is_a_first(s);
    m->way = sqrt(*step_reduce(s, KEEP, NULL, 1));
    if (!m->is_new) {
        step_update(s, LEAVE, NULL);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
    }
    step_update(s, MOVE, &(end_t){m->is_new, m->way, draw(s)});
    STEP_END(s);
}

const method_t METHOD(dp_spider) = {
    .name = "dp_spider",
    .purpose = "a noisy gradient estimate that noisy differences correct: differentially private",
    .citation = "Arora, Bassily, Gonzalez, Guzman, Menart, Ullah: Faster Rates of Convergence to Stationary Points in "
                "Differentially Private Optimization, ICML 2023, arXiv:2206.00846",
    .evaluations = "2 gradients on the same sample; 1 in every q-th step",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {keep, leave, move},
    .arguments = {[MOVE] = sizeof(end_t)},
};
