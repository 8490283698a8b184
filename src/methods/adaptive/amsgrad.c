/*
 * amsgrad: Adam whose second moment never decreases.
 *
 * Reddi, Kale, Kumar, "On the Convergence of Adam and Beyond", 2018, arXiv:1904.09237, algorithm 2.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. m <- beta1_t m + (1 - beta1_t) g,  beta1_t = beta1 beta1_decay^(t-1);   v <- beta2 v + (1 - beta2) g^2
 *     3. vmax <- max(vmax, v)
 *     4. p <- p - (lr_t / c1) m / (sqrt(vmax) / sqrt(c2) + eps),   lr_t = lr / sqrt(t) if sqrt_decay, else lr
 *
 * c1 = c2 = 1 unless bias_correction: the paper's form, whose first step is lr (1 - beta1) / sqrt(1 - beta2) long. With
 * bias_correction = 1 it is adam with amsgrad = 1. eps is not in the paper. State: m, v, vmax, 12 bytes a parameter in
 * f32. eps_in_root = 1: adam_family.h.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, EPS, EPS_IN_ROOT, BETA1_DECAY, SQRT_DECAY, BIAS_CORRECTION, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [BETA1_DECAY] = BETA1_DECAY_ROW(1),
    [SQRT_DECAY] = SQRT_DECAY_ROW(0),
    [BIAS_CORRECTION] = BIAS_CORRECTION_ROW(0),
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(0),
    {0},
};

enum { M, V, VMAX };
static const state_t STATE[] = {
    [M] = M_ROW,
    [V] = V_ROW,
    [VMAX] = {"vmax", "running maximum of v", LIKE_PARAM, KEPT, .nonnegative = true},
    {0},
};

static const char *check(const double *option) {
    return option[BIAS_CORRECTION] != 0 && option[BETA1_DECAY] != 1 ? "bias_correction=1 needs beta1_decay=1" : NULL;
}

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, t = group->t;
    const bool correct = o[BIAS_CORRECTION] != 0;
    const double c1 = correct ? correction(o[BETA1], t) : 1, c2 = correct ? correction(o[BETA2], t) : 1;
    *(adam_t *)constants = (adam_t){
        .beta1 = weights(o[BETA1] * pow(o[BETA1_DECAY], t - 1)),
        .beta2 = weights(o[BETA2]),
        .step = (real)((o[SQRT_DECAY] != 0 ? o[LR] / sqrt(t) : o[LR]) / c1),
        .inverse_root_c2 = (real)(1 / sqrt(c2)),
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

static void update(const tile_t *t) {
    adam_loop(t, *(const adam_t *)t->constants, t->state[M], t->state[V], t->state[VMAX], true, true);
}

const method_t METHOD(amsgrad) = {
    .name = "amsgrad",
    .purpose = "Adam whose second moment never decreases",
    .citation = "Reddi, Kale, Kumar: On the Convergence of Adam and Beyond, 2018, arXiv:1904.09237, algorithm 2",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(adam_t),
    .check = check,
    .prepare = prepare,
    .kernels = {update},
};
