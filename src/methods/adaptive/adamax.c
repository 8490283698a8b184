/*
 * adamax: Adam with the maximum norm in place of the second moment.
 *
 * Kingma, Ba, "Adam: A Method for Stochastic Optimization", 2015, arXiv:1412.6980, algorithm 2; as torch.optim.Adamax.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. m <- beta1 m + (1 - beta1) g;   u <- max(beta2 u, |g| + eps)
 *     3. p <- p - (lr / c1) m / u,   c1 = 1 - beta1^t
 *
 * eps stands inside the maximum, so that u > 0 from the first step on; u needs no bias correction. State: m, u, 8 bytes
 * a parameter in f32.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(2e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = {"beta2", 0.999, "[0,1)", "decay of the maximum"},
    [EPS] = {"eps", 1e-8, "[0,inf)", "added to |g| inside the maximum"},
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(0),
    {0},
};

enum { M, U };
static const state_t STATE[] = {
    [M] = M_ROW,
    [U] = {"u", "decayed maximum of |g|", LIKE_PARAM, KEPT, .nonnegative = true},
    {0},
};

typedef struct constants {
    weights_t beta1;
    real beta2, eps, step;
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = (real)o[BETA2],
        .eps = (real)o[EPS],
        .step = (real)(o[LR] / correction(o[BETA1], group->t)),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict u = t->state[U];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i];
        m[i] = ema(m[i], gi, k.beta1);
        u[i] = larger(k.beta2 * u[i], fabs(gi) + k.eps);
        p[i] = k.decay.shrink * p[i] - k.step * quotient(m[i], u[i]);
    }
}

const method_t METHOD(adamax) = {
    .name = "adamax",
    .purpose = "Adam with the maximum norm in place of the second moment",
    .citation = "Kingma, Ba: Adam: A Method for Stochastic Optimization, 2015, arXiv:1412.6980, algorithm 2",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
