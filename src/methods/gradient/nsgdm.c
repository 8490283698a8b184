/*
 * nsgdm: normalized SGD with momentum.
 *
 * Cutkosky, Mehta, "Momentum Improves Normalized SGD", 2020, arXiv:2002.03305; power schedules as in Fatkhullin,
 * Barakat, Kireeva, He, "Stochastic Policy Gradient Methods: Improved Sample Complexity for Fisher-non-degenerate
 * Policies", 2023, arXiv:2302.01734.
 *
 *     1. lr_k = lr (2 / (k + 2))^lr_power,   e_k = min(1, eta (2 / (k + 2))^eta_power),   k = 0, 1, ...
 *     2. d <- g at k = 0,   d <- (1 - e_k) d + e_k g later
 *     3. p <- p - lr_k d / (|d| + eps),  the norm over all tensors;   normalize = 0: p <- p - lr_k d
 *
 * d starts at the first gradient itself, so there is nothing to correct (with (1 - beta) g_1 all directions but the
 * first would differ). eta is 1 - beta. Where |d| + eps is 0 nothing moves. State: d, 4 bytes a parameter in f32.
 */
#include "blocks/normalized.h"

enum { LR, ETA, NORMALIZE, EPS, LR_POWER, ETA_POWER };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.01, "[0,inf)", "length of a step"},
    [ETA] = {"eta", 0.1, "(0,1]", "weight of the newest gradient: 1 - beta"},
    [NORMALIZE] = {"normalize", 1, "0|1", "0: plain steps along the average"},
    [EPS] = {"eps", 0, "[0,inf)", "added to the norm"},
    [LR_POWER] = {"lr_power", 0, "[0,inf)", "exponent of the decay of lr"},
    [ETA_POWER] = {"eta_power", 0, "[0,inf)", "exponent of the decay of eta"},
    {0},
};

enum { D };
static const state_t STATE[] = {
    [D] = {"d", "average of the gradients", LIKE_PARAM, FIRST_MOMENT},
    {0},
};

typedef struct constants {
    real lr;
    weights_t e;
    bool normalize;
    double eps;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, k = group->t - 1;
    *(constants_t *)constants = (constants_t){
        .lr = (real)power(o[LR], o[LR_POWER], k),
        .e = weights_of_new(power_weight(o[ETA], o[ETA_POWER], k)),
        .normalize = o[NORMALIZE] != 0,
        .eps = o[EPS],
    };
}

/* Line 2, and the squares for the norm. */
static void average(const tile_t *t) {
    average_direction(t, t->state[D], ((const constants_t *)t->constants)->e);
}

/* Line 3. */
static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real divisor = divisor_of(t, k.normalize, k.eps);
    real *restrict p = t->p;
    const real *restrict d = t->state[D];
    for (size_t i = 0; i < t->n; ++i)
        p[i] -= k.lr * quotient(d[i], divisor);
}

enum { AVERAGE, UPDATE };

static optim_status advance(step_t *s) {
    normalized_step(s, AVERAGE, UPDATE, s->option[NORMALIZE] != 0);
    return OPTIM_OK;
}

const method_t METHOD(nsgdm) = {
    .name = "nsgdm",
    .purpose = "normalized SGD with momentum",
    .citation = "Cutkosky, Mehta: Momentum Improves Normalized SGD, 2020, arXiv:2002.03305",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[AVERAGE] = average, [UPDATE] = update},
    .arguments = {[UPDATE] = sizeof(norm_t)},
};
