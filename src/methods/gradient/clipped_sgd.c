/*
 * clipped_sgd: stochastic gradient descent, with or without momentum, on the clipped gradient.
 *
 * Gorbunov, Danilova, Gasnikov, "Stochastic Optimization with Heavy-Tailed Noise via Accelerated Gradient Clipping",
 * 2020, arXiv:2005.10785; Koloskova, Hendrikx, Stich, "Revisiting Gradient Clipping: Stochastic bias and tight
 * convergence guarantees", 2023, arXiv:2305.01588; Sadiev et al., "High-Probability Bounds for Stochastic Optimization
 * and Variational Inequalities: the Case of Unbounded Variance", 2023, arXiv:2302.00999.
 *
 *     1. c = clip(g + weight_decay p)          (clipping.h)
 *     2. buf = momentum buf + c;   without momentum buf = c
 *     3. p = p - lr buf
 *
 * The gradient is clipped before it enters the buffer; the authors' class scales the buffer instead, and divides by
 * |g| + 1e-8 in its coordinate mode. Two passes (clip_type none, coord: one). State: buf with momentum, 4 bytes a
 * parameter in f32; else none.
 */
#include "blocks/clipping.h"

enum { LR, CLIP, CLIP_TYPE, MOMENTUM, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.01, "[0,inf)", "step size"},
    [CLIP] = {CLIP_LEVEL_OPTION},
    [CLIP_TYPE] = {CLIP_TYPE_OPTION},
    [MOMENTUM] = {"momentum", 0, "[0,1]", "share of the last direction that is kept", .live = true},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, added to the gradient before it is clipped"},
    {0},
};

enum { BUF };
static const state_t STATE[] = {
    [BUF] = {"buf", "momentum buffer", LIKE_PARAM, FIRST_MOMENT, .when = "momentum"},
    {0},
};

typedef struct constants {
    real lr, momentum, l2;
    clip_t clip;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .lr = (real)o[LR],
        .momentum = (real)o[MOMENTUM],
        .l2 = (real)o[WEIGHT_DECAY],
        .clip = clip_of(o[CLIP_TYPE], o[CLIP]),
    };
}

static void squares(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    clip_squares(t, k.clip, k.l2);
}

static inline void step(const tile_t *t, const bool with_momentum) {
    const constants_t k = *(const constants_t *)t->constants;
    const double norm = ((const clip_norm_t *)t->arguments)->norm;
    const real factor = (real)clip_factor(k.clip, norm, t->tensor_sum[0]);
    real *restrict p = t->p, *restrict buf = t->state[BUF];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        real c = clipped(g[i] + k.l2 * p[i], factor, k.clip.limit);
        if (with_momentum)
            c = buf[i] = settled(k.momentum * buf[i] + c);
        p[i] -= k.lr * c;
    }
}

static void update(const tile_t *t) {
    if (t->state[BUF] == NULL)
        step(t, false);
    else
        step(t, true);
}

enum { SQUARES, UPDATE };

static optim_status advance(step_t *s) {
    const double norm = clip_needs_norms(s, CLIP_TYPE) ? clip_measure(s, SQUARES) : 0;
    step_update(s, UPDATE, &(clip_norm_t){norm});
    return OPTIM_OK;
}

const method_t METHOD(clipped_sgd) = {
    .name = "clipped_sgd",
    .purpose = "stochastic gradient descent on the clipped gradient, for heavy-tailed noise",
    .citation =
        "Gorbunov, Danilova, Gasnikov: Stochastic Optimization with Heavy-Tailed Noise via Accelerated Gradient "
        "Clipping, 2020, arXiv:2005.10785",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares, [UPDATE] = update},
    .arguments = {[UPDATE] = sizeof(clip_norm_t)},
};
