/*
 * signsgd, signum: steps of one length along the sign of the gradient, or of its running mean.
 *
 * Bernstein, Wang, Azizzadenesheli, Anandkumar, "signSGD: Compressed Optimisation for Non-Convex Problems", 2018,
 * arXiv:1802.04434.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. signum: m <- momentum m + (1 - momentum) g,  d <- sign(m);   signsgd: d <- sign(g)
 *     3. p <- p - lr d
 *
 * sign(0) = 0; no bias correction, since the sign does not see the scale. The authors' text has decoupled decay, their
 * code adds it to the gradient: the code's form is the default. State: signsgd none; signum m, 4 bytes a parameter in
 * f32.
 */
#include "blocks/averages.h"

enum { LR, WEIGHT_DECAY, DECOUPLED, MOMENTUM };
#define COMMON_OPTIONS                                                                                                 \
    [LR] = {"lr", 1e-2, "[0,inf)", "step size: what every coordinate moves by"},                                       \
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda"},                                                         \
    [DECOUPLED] = {"decoupled", 0, "0|1", "decay the parameters (1) or add to the gradient (0)"}
static const option_t SIGNSGD_OPTIONS[] = {COMMON_OPTIONS, {0}};
static const option_t SIGNUM_OPTIONS[] = {
    COMMON_OPTIONS,
    [MOMENTUM] = {"momentum", 0.9, "[0,1)", "decay of the running mean"},
    {0},
};

enum { M };
static const state_t SIGNUM_STATE[] = {
    [M] = {"m", "running mean of the gradient", LIKE_PARAM, FIRST_MOMENT},
    {0},
};

typedef struct constants {
    real lr;
    decay_t decay;
    weights_t momentum;
} constants_t;

static void prepare_momentum(const group_t *group, double momentum, constants_t *k) {
    const double *o = group->option;
    *k = (constants_t){(real)o[LR], decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]), weights(momentum)};
}

static void prepare_signsgd(const group_t *group, void *constants) {
    prepare_momentum(group, 0, constants);
}

static void prepare_signum(const group_t *group, void *constants) {
    prepare_momentum(group, group->option[MOMENTUM], constants);
}

static void update_signsgd(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p;
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = k.decay.shrink * p[i] - k.lr * sign(g[i] + k.decay.l2 * p[i]);
}

static void update_signum(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        m[i] = ema(m[i], g[i] + k.decay.l2 * p[i], k.momentum);
        p[i] = k.decay.shrink * p[i] - k.lr * sign(m[i]);
    }
}

static const char CITATION[] = "Bernstein et al.: signSGD: Compressed Optimisation for Non-Convex Problems, 2018, "
                               "arXiv:1802.04434";

const method_t METHOD(signsgd) = {
    .name = "signsgd",
    .purpose = "steps of one length along the sign of the gradient",
    .citation = CITATION,
    .evaluations = "1 gradient",
    .options = SIGNSGD_OPTIONS,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare_signsgd,
    .kernels = {update_signsgd},
};

const method_t METHOD(signum) = {
    .name = "signum",
    .purpose = "steps of one length along the sign of a running mean of gradients",
    .citation = CITATION,
    .evaluations = "1 gradient",
    .options = SIGNUM_OPTIONS,
    .states = SIGNUM_STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare_signum,
    .kernels = {update_signum},
};
