/*
 * adamnc: Adam whose second moment is the mean of all squares, old and new alike.
 *
 * Reddi, Kale, Kumar, "On the Convergence of Adam and Beyond", 2018, arXiv:1904.09237, algorithm 3 with beta2_t = 1 -
 * 1/t.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. m <- beta1_t m + (1 - beta1_t) g,  beta1_t = beta1 beta1_decay^(t-1);   v <- (1 - 1/t) v + g^2 / t
 *     3. p <- p - lr_t m / (sqrt(v) + eps),   lr_t = lr / sqrt(t) if sqrt_decay, else lr
 *
 * No bias correction. With beta1 = 0 and sqrt_decay = 1 it is adagrad. State: m, v, 8 bytes a parameter in f32.
 * eps_in_root = 1: adam_family.h.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, EPS, EPS_IN_ROOT, BETA1_DECAY, SQRT_DECAY, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-2),
    [BETA1] = BETA1_ROW(0.9),
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [BETA1_DECAY] = BETA1_DECAY_ROW(1),
    [SQRT_DECAY] = SQRT_DECAY_ROW(1),
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(0),
    {0},
};

enum { M, V };
static const state_t STATE[] = {
    [M] = M_ROW,
    [V] = {"v", "mean of squared gradients", LIKE_PARAM, KEPT, .nonnegative = true},
    {0},
};

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, t = group->t;
    *(form_b_t *)constants = (form_b_t){
        .beta1 = weights(o[BETA1] * pow(o[BETA1_DECAY], t - 1)),
        .beta2 = weights(1 - 1 / t),
        .step = (real)(o[SQRT_DECAY] != 0 ? o[LR] / sqrt(t) : o[LR]),
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, 1),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

static void update(const tile_t *t) {
    const form_b_t k = *(const form_b_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i];
        m[i] = ema(m[i], gi, k.beta1);
        v[i] = ema(v[i], gi * gi, k.beta2);
        p[i] = k.decay.shrink * p[i] - k.step * quotient(m[i], damped_root(v[i], 1, k.eps));
    }
}

const method_t METHOD(adamnc) = {
    .name = "adamnc",
    .purpose = "Adam whose second moment is the mean of all squared gradients",
    .citation = "Reddi, Kale, Kumar: On the Convergence of Adam and Beyond, 2018, arXiv:1904.09237, algorithm 3",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(form_b_t),
    .prepare = prepare,
    .kernels = {update},
};
