/*
 * laprop: momentum of gradients that are already divided by their root mean square.
 *
 * Ziyin, Wang, Ueda, "LaProp: Separating Momentum and Adaptivity in Adam", 2020, arXiv:2002.04839, algorithm 1.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   v <- beta2 v + (1 - beta2) g^2
 *        centered: mean <- beta2 mean + (1 - beta2) g,  h = v - mean^2 from step 11 on;  else h = v
 *        amsgrad: vmax <- max(vmax, h), h <- vmax
 *     2. m <- beta1 m + (1 - beta1) g / (sqrt(h) / sqrt(c2) + eps)
 *     3. p <- p - (lr / c1) m;   decoupled = 1: p <- (1 - lr weight_decay) p
 *
 * lr stands before m as in the paper; the authors' code has it inside, which is the same while lr does not change. The
 * decay comes after the step, as there. State: m, v (and mean, vmax), 8 (12, 16) bytes a parameter in f32.
 * eps_in_root = 1: adam_family.h.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, EPS, EPS_IN_ROOT, CENTERED, AMSGRAD, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(4e-4),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-15),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [CENTERED] = {"centered", 0, "0|1", "subtract the squared mean from the second moment", .live = true},
    [AMSGRAD] = AMSGRAD_ROW(0),
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(1),
    {0},
};

enum { M, V, MEAN, VMAX };
static const state_t STATE[] = {
    [M] = {"m", "momentum of the divided gradients", LIKE_PARAM, FIRST_MOMENT},
    [V] = V_ROW,
    [MEAN] = {"mean", "of the gradients, by beta2", LIKE_PARAM, KEPT, .when = "centered"},
    [VMAX] = VMAX_ROW,
    {0},
};

typedef struct constants {
    weights_t beta1, beta2;
    real step, inverse_root_c2, of_mean;
    eps_t eps;
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    enum { STEPS_BEFORE_CENTERED = 10 };
    const double *o = group->option, c2 = correction(o[BETA2], group->t);
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .step = (real)(o[LR] / correction(o[BETA1], group->t)),
        .inverse_root_c2 = (real)(1 / sqrt(c2)),
        .of_mean = group->t > (double)STEPS_BEFORE_CENTERED,
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

static inline void update_with(const tile_t *t, const bool centered, const bool amsgrad) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V], *restrict mean = t->state[MEAN],
                   *restrict vmax = t->state[VMAX];
    const real *restrict g = t->g;
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i];
        v[i] = ema(v[i], gi * gi, k.beta2);
        real h = v[i];
        if (centered) {
            mean[i] = ema(mean[i], gi, k.beta2);
            h = larger(h - k.of_mean * mean[i] * mean[i], 0);
        }
        if (amsgrad)
            h = vmax[i] = larger(vmax[i], h);
        m[i] = ema(m[i], quotient(gi, damped_root(h, k.inverse_root_c2, k.eps)), k.beta1);
        p[i] = k.decay.shrink * (p[i] - k.step * m[i]);
    }
}

static void update(const tile_t *t) {
    const bool amsgrad = t->state[VMAX] != NULL;
    if (t->state[MEAN] != NULL && amsgrad)
        update_with(t, true, true);
    else if (t->state[MEAN] != NULL)
        update_with(t, true, false);
    else if (amsgrad)
        update_with(t, false, true);
    else
        update_with(t, false, false);
}

const method_t METHOD(laprop) = {
    .name = "laprop",
    .purpose = "momentum of gradients that are already divided by their root mean square",
    .citation = "Ziyin, Wang, Ueda: LaProp: Separating Momentum and Adaptivity in Adam, 2020, arXiv:2002.04839",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
