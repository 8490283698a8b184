/*
 * cautious, grams: the inner step where it goes down the gradient, or its lengths along the gradient's signs.
 *
 * Liang, Chen, Liu, Liu, "Cautious Optimizers: Improving Training with One Line of Code", 2024, arXiv:2411.16085;
 * Cao, Li, Song, "Grams: Gradient Descent with Adaptive Momentum Scaling", 2024, arXiv:2412.17107.
 *
 *     d = q - p_old, q being what the inner method made of p_old
 *     cautious: p <- p_old + n / (k + xi) d where d g < 0, else p_old;  k of the tensor's n coordinates are such
 *     grams:    p <- p_old - sign(g) |d|
 *
 * g is the gradient that the method saw last. d has the inner method's decoupled decay in it; the authors leave that
 * out of the mask. State: within a step p_old, 4 bytes a parameter in f32. cautious walks once more.
 */
#include <string.h>
#include <tgmath.h>

#include "engine/method.h"

enum { XI };
static const option_t CAUTIOUS_OPTIONS[] = {
    [XI] = {"xi", 1, "[0,inf)", "added to the number of coordinates that move"},
    {0},
};
static const option_t GRAMS_OPTIONS[] = {{0}};

enum { P_OLD };
static const state_t STATE[] = {
    [P_OLD] = {"p_old", "the parameters before the inner step", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct constants {
    double xi;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    ((constants_t *)constants)->xi = group->option[XI];
}

static void keep(const tile_t *t) {
    memcpy(t->state[P_OLD], t->p, t->n * sizeof(real));
}

/* Whether a step from `old` to p goes down. */
static inline bool descends(real p, real old, real g) {
    return sign(p - old) * sign(g) < 0;
}

static void agreeing(const tile_t *t) {
    const real *restrict p = t->p, *restrict g = t->g, *restrict old = t->state[P_OLD];
    double *restrict count = t->term[0];
    for (size_t i = 0; i < t->n; ++i)
        count[i] = descends(p[i], old[i], g[i]);
}

static void mask(const tile_t *t) {
    const double moves = t->tensor_sum[0] + ((const constants_t *)t->constants)->xi;
    const real scale = moves > 0 ? (real)((double)t->tensor->count / moves) : 0;
    real *restrict p = t->p;
    const real *restrict g = t->g, *restrict old = t->state[P_OLD];
    for (size_t i = 0; i < t->n; ++i) {
        const real d = p[i] - old[i];
        const bool stays = d == 0 || sign(g[i]) * sign(d) >= 0; /* a NaN goes on */
        p[i] = stays ? old[i] : old[i] + scale * d;
    }
}

static void turn(const tile_t *t) {
    real *restrict p = t->p;
    const real *restrict g = t->g, *restrict old = t->state[P_OLD];
    for (size_t i = 0; i < t->n; ++i)
        p[i] = old[i] - sign(g[i]) * fabs(p[i] - old[i]);
}

enum { KEEP, AGREEING, MASK, TURN };
#define KERNELS                                                                                                        \
    { [KEEP] = keep, [AGREEING] = agreeing, [MASK] = mask, [TURN] = turn }

/* Only before the inner method has moved anything. */
static optim_status advance(step_t *s) {
    if (s->first)
        step_update(s, KEEP, NULL);
    return OPTIM_OK;
}

static void finish_cautious(step_t *s) {
    (void)step_reduce(s, AGREEING, NULL, 1);
    step_update(s, MASK, NULL);
}

static void finish_grams(step_t *s) {
    step_update(s, TURN, NULL);
}

const method_t METHOD(cautious) = {
    .name = "cautious",
    .purpose = "the inner step in those coordinates where it goes down the gradient",
    .citation = "Liang et al.: Cautious Optimizers: Improving Training with One Line of Code, 2024, arXiv:2411.16085",
    .evaluations = "none of its own",
    .options = CAUTIOUS_OPTIONS,
    .states = STATE,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .finish = finish_cautious,
    .kernels = KERNELS,
};

const method_t METHOD(grams) = {
    .name = "grams",
    .purpose = "the inner step's lengths along the signs of the gradient",
    .citation = "Cao, Li, Song: Grams: Gradient Descent with Adaptive Momentum Scaling, 2024, arXiv:2412.17107",
    .evaluations = "none of its own",
    .options = GRAMS_OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .advance = advance,
    .finish = finish_grams,
    .kernels = KERNELS,
};
