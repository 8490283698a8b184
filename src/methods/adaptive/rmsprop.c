/*
 * rmsprop: steps divided by the root of a running mean of squares.
 *
 * Tieleman, Hinton, lecture 6.5 of "Neural Networks for Machine Learning", 2012; centered form: Graves, "Generating
 * Sequences With Recurrent Neural Networks", 2013, arXiv:1308.0850; as torch.optim.RMSprop.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. v <- alpha v + (1 - alpha) g^2
 *     3. centered: gavg <- alpha gavg + (1 - alpha) g,  w <- max(v - gavg^2, 0);   else w <- v
 *     4. d <- g / (sqrt(w) + eps);   eps_in_root = 1: d <- g / sqrt(w + eps)
 *     5. momentum > 0: buf <- momentum buf + d,  d <- buf
 *     6. p <- p - lr d
 *
 * No bias correction: the first step is lr / sqrt(1 - alpha) long. eps_in_root = 1 is the RMSprop of TensorFlow (which
 * starts v at 1), Keras and optax. The maximum in 3 keeps cancellation from giving the root of a negative number; torch
 * lacks it. State: v, and gavg if centered, and buf with momentum: 4 to 12 bytes a parameter in f32.
 */
#include "blocks/adam_family.h"

enum { LR, ALPHA, EPS, EPS_IN_ROOT, INITIAL_ACCUMULATOR, MOMENTUM, CENTERED, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-2, "[0,inf)", "step size"},
    [ALPHA] = {"alpha", 0.99, "[0,1]", "decay of the mean of squares"},
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [INITIAL_ACCUMULATOR] = {"initial_accumulator", 0, "[0,inf)", "start value of the mean of squares"},
    [MOMENTUM] = {"momentum", 0, "[0,inf)", "share of the last direction that is kept; above 1 it grows", .live = true},
    [CENTERED] = {"centered", 0, "0|1", "divide by the standard deviation", .live = true},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda"},
    [DECOUPLED] = {"decoupled", 0, "0|1", "decay the parameters (1) or add to the gradient (0)"},
    {0},
};

enum { V, GAVG, BUF };
static const state_t STATE[] = {
    [V] = {"v", "mean of squared gradients", LIKE_PARAM, KEPT, .initial_option = "initial_accumulator",
           .nonnegative = true},
    [GAVG] = {"gavg", "mean of gradients", LIKE_PARAM, KEPT, .when = "centered"},
    [BUF] = {"buf", "momentum buffer", LIKE_PARAM, FIRST_MOMENT, .when = "momentum"},
    {0},
};

typedef struct constants {
    weights_t alpha;
    real lr, momentum;
    eps_t eps;
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .alpha = weights(o[ALPHA]),
        .lr = (real)o[LR],
        .momentum = (real)o[MOMENTUM],
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, 1),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

static inline void step(const tile_t *t, const bool centered, const bool with_momentum) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict v = t->state[V], *restrict gavg = t->state[GAVG], *restrict buf = t->state[BUF];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i];
        v[i] = settled(k.alpha.keep * v[i] + k.alpha.take * gi * gi);
        real w = v[i];
        if (centered) {
            gavg[i] = ema(gavg[i], gi, k.alpha);
            w = larger(v[i] - gavg[i] * gavg[i], 0);
        }
        real d = quotient(gi, damped_root(w, 1, k.eps));
        if (with_momentum)
            d = buf[i] = settled(k.momentum * buf[i] + d);
        p[i] = k.decay.shrink * p[i] - k.lr * d;
    }
}

static void update(const tile_t *t) {
    const bool centered = t->state[GAVG] != NULL, with_momentum = t->state[BUF] != NULL;
    if (centered && with_momentum)
        step(t, true, true);
    else if (centered)
        step(t, true, false);
    else if (with_momentum)
        step(t, false, true);
    else
        step(t, false, false);
}

const method_t METHOD(rmsprop) = {
    .name = "rmsprop",
    .purpose = "steps divided by the root of a running mean of squared gradients",
    .citation =
        "Tieleman, Hinton: lecture 6.5 of Neural Networks for Machine Learning, 2012; Graves: Generating Sequences "
        "With Recurrent Neural Networks, 2013, arXiv:1308.0850",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
