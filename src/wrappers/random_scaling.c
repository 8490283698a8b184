/*
 * random_scaling: the whole displacement of the inner step scaled by an exponential random number.
 *
 * Zhang, Cutkosky, "Random Scaling and Momentum for Non-smooth Non-convex Optimization", 2024, arXiv:2405.09742; over
 * adamw it is the paper's randomized AdamW.
 *
 *     p <- p_old + s (q - p_old),   s ~ Exp(1), one number a step for all tensors and groups
 *
 * q is what the inner method made of p_old, decoupled weight decay included; its state is not scaled.
 * draws=quasi: s = -ln(1 - u_t), u_t the fractional part of t times the golden ratio; draws=mean: s = 1, that is,
 * nothing. State: within a step p_old, 4 bytes a parameter in f32.
 */
#include <string.h>

#include "blocks/draws.h"

enum { DRAWS };
static const option_t OPTIONS[] = {
    [DRAWS] = {"draws", DRAWS_RANDOM, "random|quasi|mean", "random, a deterministic sequence, or no scaling"},
    {0},
};

enum { P_OLD };
static const state_t STATE[] = {
    [P_OLD] = {"p_old", "the parameters before the inner step", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct scale {
    double s;
} scale_t;

static void keep(const tile_t *t) {
    memcpy(t->state[P_OLD], t->p, t->n * sizeof(real));
}

static void scale(const tile_t *t) {
    const real s = (real)((const scale_t *)t->arguments)->s;
    real *restrict p = t->p;
    const real *restrict old = t->state[P_OLD];
    for (size_t i = 0; i < t->n; ++i)
        p[i] = old[i] + s * (p[i] - old[i]);
}

enum { KEEP, SCALE };

/* Only before the inner method has moved anything: with sam around this wrapper that is the step's second gradient. */
static optim_status advance(step_t *s) {
    if (s->first && (int)s->option[DRAWS] != DRAWS_MEAN)
        step_update(s, KEEP, NULL);
    return OPTIM_OK;
}

static void finish(step_t *s) {
    if ((int)s->option[DRAWS] != DRAWS_MEAN)
        step_update(s, SCALE, &(scale_t){draw_exponential(s, s->option[DRAWS], s->t)});
}

const method_t METHOD(random_scaling) = {
    .name = "random_scaling",
    .purpose = "scales the inner step's displacement by an exponential random number",
    .citation =
        "Zhang, Cutkosky: Random Scaling and Momentum for Non-smooth Non-convex Optimization, 2024, arXiv:2405.09742",
    .evaluations = "none of its own",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .advance = advance,
    .finish = finish,
    .kernels = {[KEEP] = keep, [SCALE] = scale},
    .arguments = {[SCALE] = sizeof(scale_t)},
};
