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
    double lr, beta1, beta2;
    double of_g, of_m, of_square, of_v; /* the factors in front of g, m, g^2 and v */
    eps_t eps;
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .lr = o[LR],
        .beta1 = o[BETA1],
        .beta2 = o[BETA2],
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, 1),
        .of_g = 1 - o[NU1],
        .of_m = o[NU1] / correction(o[BETA1], group->t),
        .of_square = 1 - o[NU2],
        .of_v = o[NU2] / correction(o[BETA2], group->t),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    const weights_t beta1 = weights(k->beta1), beta2 = weights(k->beta2);
    const eps_t eps = k->eps;
    const real lr = (real)k->lr, of_g = (real)k->of_g, of_m = (real)k->of_m, of_square = (real)k->of_square,
               of_v = (real)k->of_v, l2 = (real)k->decay.l2, shrink = (real)k->decay.shrink;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + l2 * p[i], square = gi * gi;
        m[i] = ema(m[i], gi, beta1);
        v[i] = ema(v[i], square, beta2);
        p[i] = shrink * p[i] -
               lr * quotient(of_g * gi + of_m * m[i], damped_root(of_square * square + of_v * v[i], 1, eps));
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
