/*
 * ftml: follow the moving leader: RMSprop's rates, each step minimising a sum that forgets.
 *
 * Zheng, Kwok, "Follow the Moving Leader in Deep Learning", ICML 2017, algorithm 1.
 *
 *     1. v <- beta2 v + (1 - beta2) g^2
 *     2. d' = (1 - beta1^t) / lr (sqrt(v / (1 - beta2^t)) + eps);   sigma = d' - beta1 d;   d <- d'
 *     3. z <- beta1 z + (1 - beta1) g - sigma p;   p <- -z / d
 *
 * The parameters are a function of z and d, which are not stored in fewer bits. Nothing moves while lr = 0. State: v,
 * d, z, 12 bytes a parameter in f32.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, EPS };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 2.5e-3, "(0,inf)", "step size", .pauses = true},
    [BETA1] = {"beta1", 0.6, "[0,1)", "decay of the sum"},
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8),
    {0},
};

enum { V, D, Z };
static const state_t STATE[] = {
    [V] = V_ROW,
    [D] = {"d", "weight of the sum's square term", LIKE_PARAM, KEPT, .nonnegative = true, .exact = true},
    [Z] = {"z", "the sum's linear term", LIKE_PARAM, KEPT, .exact = true},
    {0},
};

typedef struct constants {
    weights_t beta1, beta2;
    real of_root, inverse_root_c2, eps; /* of_root = (1 - beta1^t) / lr */
    bool moves;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .of_root = (real)(correction(o[BETA1], group->t) / o[LR]),
        .inverse_root_c2 = (real)(1 / sqrt(correction(o[BETA2], group->t))),
        .eps = (real)o[EPS],
        .moves = o[LR] > 0,
    };
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict v = t->state[V], *restrict d = t->state[D], *restrict z = t->state[Z];
    const real *restrict g = t->g;
    for (size_t i = 0; k.moves && i < t->n; ++i) {
        v[i] = ema(v[i], g[i] * g[i], k.beta2);
        const real next = k.of_root * (sqrt(v[i]) * k.inverse_root_c2 + k.eps), sigma = next - k.beta1.keep * d[i];
        d[i] = settled(next);
        z[i] = settled(weighted(z[i], g[i], k.beta1) - sigma * p[i]);
        p[i] = d[i] > 0 ? -z[i] / d[i] : p[i];
    }
}

const method_t METHOD(ftml) = {
    .name = "ftml",
    .purpose = "follow the moving leader: RMSprop's rates, each step minimising a sum that forgets",
    .citation = "Zheng, Kwok: Follow the Moving Leader in Deep Learning, ICML 2017",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
