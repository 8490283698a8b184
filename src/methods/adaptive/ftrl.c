/*
 * ftrl: follow the proximally regularized leader, coordinate by coordinate: sparse solutions of linear models.
 *
 * McMahan, Holt, Sculley, Young, Ebner, Grady, et al., "Ad Click Prediction: a View from the Trenches", 2013,
 * algorithm 1; the power of n and the shrinkage as TensorFlow and Keras have them.
 *
 *     1. q = n^-lr_power,  n <- n + g^2,  q' = n^-lr_power        (n begins at initial_accumulator)
 *     2. z <- z + g + 2 l2_shrinkage p - (q' - q) / lr p
 *     3. p <- (l1 sign(z) - z) / ((beta + q') / lr + l2)  where |z| > l1, else 0
 *
 * l2 is the paper's lambda_2 and twice Keras's l2_regularization_strength. z knows of where the parameters started by
 * line 2 of the first step: fully if n began at 0. Nothing moves while lr = 0. In f32 n stops growing once it exceeds
 * 2^24 times the next square. State: n, z, 8 bytes a parameter in f32.
 */
#include <tgmath.h>

#include "engine/method.h"
#include "kernels/elementary.h"

enum { LR, LR_POWER, INITIAL_ACCUMULATOR, L1, L2, L2_SHRINKAGE, BETA };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-3, "(0,inf)", "step size (alpha in the paper)", .pauses = true},
    [LR_POWER] = {"lr_power", -0.5, "(-1,0)", "power of the sum of squares that divides lr"},
    [INITIAL_ACCUMULATOR] = {"initial_accumulator", 0.1, "[0,inf)", "start value of the sum of squares"},
    [L1] = {"l1", 0, "[0,inf)", "weight of |p|: what makes coordinates 0"},
    [L2] = {"l2", 0, "[0,inf)", "weight of p^2 / 2"},
    [L2_SHRINKAGE] = {"l2_shrinkage", 0, "[0,inf)", "weight of p^2 in the gradient, not in the sum of squares"},
    [BETA] = {"beta", 0, "[0,inf)", "added to the power of the sum"},
    {0},
};

enum { N, Z };
static const state_t STATE[] = {
    [N] = {"n", "sum of squared gradients", LIKE_PARAM, KEPT, .initial_option = "initial_accumulator",
           .nonnegative = true, .exact = true},
    [Z] = {"z", "sum of gradients less what the step sizes' changes weigh", LIKE_PARAM, KEPT, .exact = true},
    {0},
};

typedef struct constants {
    real inverse_lr, l1, l2, shrinkage, beta;
    double power;
    bool moves;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .inverse_lr = (real)(1 / o[LR]),
        .l1 = (real)o[L1],
        .l2 = (real)o[L2],
        .shrinkage = (real)(2 * o[L2_SHRINKAGE]),
        .beta = (real)o[BETA],
        .power = -o[LR_POWER],
        .moves = o[LR] > 0,
    };
}

static inline real rate(real n, double power, const bool root) {
    return root ? sqrt(n) : (real)elementary_power((double)n, power);
}

static inline void update_with(const tile_t *t, const bool root) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict n = t->state[N], *restrict z = t->state[Z];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real before = rate(n[i], k.power, root);
        n[i] = settled(n[i] + g[i] * g[i]);
        const real q = rate(n[i], k.power, root);
        z[i] = settled(z[i] + (g[i] + k.shrinkage * p[i]) - (q - before) * k.inverse_lr * p[i]);
        const real past = larger(fabs(z[i]) - k.l1, 0);
        p[i] = -sign(z[i]) * quotient(past, (k.beta + q) * k.inverse_lr + k.l2);
    }
}

static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    if (k->moves && k->power == 0.5)
        update_with(t, true);
    else if (k->moves)
        update_with(t, false);
}

const method_t METHOD(ftrl) = {
    .name = "ftrl",
    .purpose = "follow the regularized leader: adagrad's rates, and exact zeros by an l1 penalty",
    .citation = "McMahan et al.: Ad Click Prediction: a View from the Trenches, 2013",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
