/*
 * adamax: Adam with the maximum norm in place of the second moment.
 *
 * Kingma, Ba, "Adam: A Method for Stochastic Optimization", 2015, arXiv:1412.6980, algorithm 2; as torch.optim.Adamax.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. m <- beta1 m + (1 - beta1) g;   u <- max(beta2 u, |g| + eps)
 *     3. p <- p - (lr / c1) m / u,   c1 = 1 - beta1^t
 *
 * eps stands inside the maximum, so that u > 0 from the first step on; u needs no bias correction. State: m, u, 8 bytes a
 * parameter in f32.
 */
#include <tgmath.h>

#include "engine/method.h"

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 2e-3, "[0,inf)", "step size (alpha in the paper)"},
    [BETA1] = {"beta1", 0.9, "[0,1)", "decay of the first moment"},
    [BETA2] = {"beta2", 0.999, "[0,1)", "decay of the maximum"},
    [EPS] = {"eps", 1e-8, "(0,inf)", "added to |g| inside the maximum"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda"},
    [DECOUPLED] = {"decoupled", 0, "0|1", "decay the parameters (1) or add to the gradient (0)"},
    {0},
};

enum { M, U };
static const state_t STATE[] = {
    [M] = {"m", "first moment", LIKE_PARAM, FIRST_MOMENT},
    [U] = {"u", "decayed maximum of |g|", LIKE_PARAM, KEPT, .nonnegative = true},
    {0},
};

typedef struct scalars {
    double step, beta1, beta2, eps, l2, shrink;
} scalars_t;

static void prepare(const group_t *group, void *scalars) {
    const double *o = group->option;
    const decay_t decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]);
    *(scalars_t *)scalars = (scalars_t){
        .step = o[LR] / (1 - pow(o[BETA1], group->t)),
        .beta1 = o[BETA1],
        .beta2 = o[BETA2],
        .eps = o[EPS],
        .l2 = decay.l2,
        .shrink = decay.shrink,
    };
}

static void update(const tile_t *t) {
    const scalars_t *k = t->scalars;
    const real step = (real)k->step, beta1 = (real)k->beta1, one_beta1 = (real)(1 - k->beta1), beta2 = (real)k->beta2,
               eps = (real)k->eps, l2 = (real)k->l2, shrink = (real)k->shrink;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict u = t->state[U];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + l2 * p[i];
        m[i] = settled(beta1 * m[i] + one_beta1 * gi);
        u[i] = larger(beta2 * u[i], fabs(gi) + eps);
        p[i] = shrink * p[i] - step * quotient(m[i], u[i]);
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
    .scalars = sizeof(scalars_t),
    .prepare = prepare,
    .kernels = {update},
};
