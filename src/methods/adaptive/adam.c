/*
 * adam, adamw: adaptive moment estimation, with L2 or decoupled weight decay.
 *
 * Kingma, Ba, "Adam: A Method for Stochastic Optimization", 2015, arXiv:1412.6980, algorithm 1; Loshchilov, Hutter,
 * "Decoupled Weight Decay Regularization", 2019, arXiv:1711.05101; the maximum of Reddi, Kale, Kumar 2018 as an option.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1 (adamw always): p <- (1 - lr weight_decay) p
 *     2. m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) g^2
 *     3. amsgrad: vmax <- max(vmax, v), h <- vmax;   else h <- v
 *     4. p <- p - (lr / c1) m / (sqrt(h) / sqrt(c2) + eps),   c1 = 1 - beta1^t,  c2 = 1 - beta2^t
 *
 * eps stands outside the root and after the bias correction; the maximum is of the uncorrected v; decay is multiplied
 * by lr: all as torch.optim.Adam and AdamW. State: m, v (and vmax), 8 (12) bytes a parameter in f32.
 * With eps_in_root = 1 eps stands where adam_family.h says.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, EPS, EPS_IN_ROOT, WEIGHT_DECAY, AMSGRAD, BIAS_CORRECTION, DECOUPLED };
#define COMMON_ROWS(decay)                                                                                             \
    [LR] = LR_ROW(1e-3), [BETA1] = BETA1_ROW(0.9), [BETA2] = BETA2_ROW(0.999), [EPS] = EPS_ROW(1e-8),                  \
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW, [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(decay), [AMSGRAD] = AMSGRAD_ROW(0),             \
    [BIAS_CORRECTION] = BIAS_CORRECTION_ROW(1)
static const option_t ADAM_OPTIONS[] = {COMMON_ROWS(0), [DECOUPLED] = DECOUPLED_ROW(0), {0}};
static const option_t ADAMW_OPTIONS[] = {COMMON_ROWS(0.01), {0}};

enum { M, V, VMAX };
static const state_t STATE[] = {[M] = M_ROW, [V] = V_ROW, [VMAX] = VMAX_ROW, {0}};

static void prepare_decay(const group_t *group, bool decoupled, adam_t *k) {
    const double *o = group->option, t = group->t;
    const bool correct = o[BIAS_CORRECTION] != 0;
    const double c1 = correct ? correction(o[BETA1], t) : 1, c2 = correct ? correction(o[BETA2], t) : 1;
    *k = (adam_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .step = (real)(o[LR] / c1),
        .inverse_root_c2 = (real)(1 / sqrt(c2)),
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .decay = decay_of(o[WEIGHT_DECAY], decoupled, o[LR]),
    };
}

static void prepare_adam(const group_t *group, void *constants) {
    prepare_decay(group, group->option[DECOUPLED] != 0, constants);
}

static void prepare_adamw(const group_t *group, void *constants) {
    prepare_decay(group, true, constants);
}

static void update(const tile_t *t) {
    const adam_t k = *(const adam_t *)t->constants;
    if (t->state[VMAX] == NULL)
        adam_loop(t, k, t->state[M], t->state[V], NULL, true, false);
    else
        adam_loop(t, k, t->state[M], t->state[V], t->state[VMAX], true, true);
}

const method_t METHOD(adam) = {
    .name = "adam",
    .purpose = "adaptive moment estimation",
    .citation = "Kingma, Ba: Adam: A Method for Stochastic Optimization, 2015, arXiv:1412.6980",
    .evaluations = "1 gradient",
    .options = ADAM_OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(adam_t),
    .prepare = prepare_adam,
    .kernels = {update},
};

const method_t METHOD(adamw) = {
    .name = "adamw",
    .purpose = "Adam with decoupled weight decay",
    .citation = "Loshchilov, Hutter: Decoupled Weight Decay Regularization, 2019, arXiv:1711.05101",
    .evaluations = "1 gradient",
    .options = ADAMW_OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(adam_t),
    .prepare = prepare_adamw,
    .kernels = {update},
};
