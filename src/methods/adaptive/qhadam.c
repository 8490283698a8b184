/*
 * qhadam: Adam with the current gradient mixed into both moments.
 *
 * Ma, Yarats, "Quasi-hyperbolic momentum and Adam for deep learning", 2019, arXiv:1810.06801.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) g^2
 *     3. p <- p - lr ((1 - nu1) g + nu1 m / c1) / (sqrt((1 - nu2) g^2 + nu2 v / c2) + eps)
 *
 * nu1 = nu2 = 1 is adam. The authors' code keeps averages whose weights always add up to 1, which is the same as
 * dividing by c1 and c2. State: m, v, 8 bytes a parameter in f32. eps_in_root = 1: adam_family.h.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, NU1, NU2, EPS, EPS_IN_ROOT, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [NU1] = {"nu1", 1, "[0,1]", "weight of the first moment; the rest is the gradient's"},
    [NU2] = {"nu2", 1, "[0,1]", "weight of the second moment; the rest is the squared gradient's"},
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(0),
    {0},
};

enum { M, V };
static const state_t STATE[] = {[M] = M_ROW, [V] = V_ROW, {0}};

typedef struct constants {
    weights_t beta1, beta2;
    real lr;
    real of_g, of_m, of_square, of_v; /* the factors in front of g, m, g^2 and v */
    eps_t eps;
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .lr = (real)o[LR],
        .of_g = (real)(1 - o[NU1]),
        .of_m = (real)(o[NU1] / correction(o[BETA1], group->t)),
        .of_square = (real)(1 - o[NU2]),
        .of_v = (real)(o[NU2] / correction(o[BETA2], group->t)),
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, 1),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i], square = gi * gi;
        m[i] = ema(m[i], gi, k.beta1);
        v[i] = ema(v[i], square, k.beta2);
        const real root = damped_root(k.of_square * square + k.of_v * v[i], 1, k.eps);
        p[i] = k.decay.shrink * p[i] - k.lr * quotient(k.of_g * gi + k.of_m * m[i], root);
    }
}

const method_t METHOD(qhadam) = {
    .name = "qhadam",
    .purpose = "Adam with the current gradient mixed into both moments",
    .citation = "Ma, Yarats: Quasi-hyperbolic momentum and Adam for deep learning, 2019, arXiv:1810.06801",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
