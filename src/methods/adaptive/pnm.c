/*
 * pnm, adapnm: momentum of every other gradient, minus that of the ones between: noise of a chosen size.
 *
 * Xie, Yuan, Zhu, Sugiyama, "Positive-Negative Momentum: Manipulating Stochastic Gradient Noise to Improve
 * Generalization", 2021, arXiv:2103.17182, algorithms 1 and 2.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. odd steps: a = m, b = n;  even steps: a = n, b = m;   a <- beta1^2 a + (1 - beta1^2) g
 *     3. d = ((1 + beta0) a - beta0 b) / sqrt((1 + beta0)^2 + beta0^2)
 *     4. pnm: p <- p - lr d;   adapnm: v <- beta2 v + (1 - beta2) g^2,  amsgrad: h = vmax <- max(vmax, v), else h = v,
 *        p <- p - lr / c1 d / (sqrt(h) / sqrt(c2) + eps)
 *
 * A step is odd or even by its tensor's own count. State: m, n (v, vmax), 8 (12, 16) bytes a parameter in f32.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA0, WEIGHT_DECAY, DECOUPLED, BETA2, EPS, AMSGRAD };
#define COMMON_ROWS                                                                                                    \
    [LR] = LR_ROW(1e-3), [BETA1] = {"beta1", 0.9, "[0,1)", "decay of the two averages: its square, every other step"}, \
    [BETA0] = {"beta0", 1, "[0,inf)", "weight of the average that is subtracted: 0 is momentum"},                      \
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0), [DECOUPLED] = DECOUPLED_ROW(1)
static const option_t PNM_OPTIONS[] = {COMMON_ROWS, {0}};
static const option_t ADAPNM_OPTIONS[] = {
    COMMON_ROWS, [BETA2] = BETA2_ROW(0.999), [EPS] = EPS_ROW(1e-8), [AMSGRAD] = AMSGRAD_ROW(1), {0},
};

enum { M, N, V, VMAX };
#define M_AND_N                                                                                                        \
    [M] = {"m", "average of the gradients of odd steps", LIKE_PARAM, FIRST_MOMENT}, [N] = {"n", "of even steps",       \
                                                                                           LIKE_PARAM, FIRST_MOMENT}
static const state_t PNM_STATE[] = {M_AND_N, {0}};
static const state_t ADAPNM_STATE[] = {M_AND_N, [V] = V_ROW, [VMAX] = VMAX_ROW, {0}};

typedef struct constants {
    weights_t beta1, beta2;
    real of_a, of_b; /* step sizes in front of a and b */
    real inverse_root_c2, eps;
    decay_t decay;
    bool even;
} constants_t;

static constants_t common(const group_t *group, double step) {
    const double *o = group->option, more = 1 + o[BETA0], norm = sqrt(more * more + o[BETA0] * o[BETA0]);
    return (constants_t){
        .beta1 = weights(o[BETA1] * o[BETA1]),
        .of_a = (real)(step * more / norm),
        .of_b = (real)(step * o[BETA0] / norm),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
        .even = fmod(group->t, 2) == 0,
    };
}

static void prepare_pnm(const group_t *group, void *constants) {
    *(constants_t *)constants = common(group, group->option[LR]);
}

static void prepare_adapnm(const group_t *group, void *constants) {
    const double *o = group->option;
    constants_t *k = constants;
    *k = common(group, o[LR] / correction(o[BETA1], group->t));
    k->beta2 = weights(o[BETA2]);
    k->inverse_root_c2 = (real)(1 / sqrt(correction(o[BETA2], group->t)));
    k->eps = (real)o[EPS];
}

static void update_pnm(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict a = t->state[k.even ? N : M];
    const real *restrict g = t->g, *restrict b = t->state[k.even ? M : N];
    for (size_t i = 0; i < t->n; ++i) {
        a[i] = ema(a[i], g[i] + k.decay.l2 * p[i], k.beta1);
        p[i] = k.decay.shrink * p[i] - (k.of_a * a[i] - k.of_b * b[i]);
    }
}

static void update_adapnm(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict a = t->state[k.even ? N : M], *restrict v = t->state[V], *vmax = t->state[VMAX];
    const real *restrict g = t->g, *restrict b = t->state[k.even ? M : N];
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i];
        a[i] = ema(a[i], gi, k.beta1);
        v[i] = ema(v[i], gi * gi, k.beta2);
        const real h = vmax == NULL ? v[i] : (vmax[i] = larger(vmax[i], v[i]));
        p[i] = k.decay.shrink * p[i] - quotient(k.of_a * a[i] - k.of_b * b[i], sqrt(h) * k.inverse_root_c2 + k.eps);
    }
}

#define CITATION                                                                                                       \
    "Xie, Yuan, Zhu, Sugiyama: Positive-Negative Momentum: Manipulating Stochastic Gradient Noise to Improve "         \
    "Generalization, 2021, arXiv:2103.17182"

const method_t METHOD(pnm) = {
    .name = "pnm",
    .purpose = "momentum of every other gradient minus that of the ones between: SGD with more noise",
    .citation = CITATION,
    .evaluations = "1 gradient",
    .options = PNM_OPTIONS,
    .states = PNM_STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare_pnm,
    .kernels = {update_pnm},
};

const method_t METHOD(adapnm) = {
    .name = "adapnm",
    .purpose = "Adam with positive-negative momentum, which has more noise",
    .citation = CITATION,
    .evaluations = "1 gradient",
    .options = ADAPNM_OPTIONS,
    .states = ADAPNM_STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare_adapnm,
    .kernels = {update_adapnm},
};
