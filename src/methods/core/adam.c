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
 * eps stands outside the root and after the bias correction; the maximum is of the uncorrected v; decay is multiplied by
 * lr: all as torch.optim.Adam and AdamW. State: m, v (and vmax), 8 (12) bytes a parameter in f32.
 */
#include <tgmath.h>

#include "engine/method.h"

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY, AMSGRAD, BIAS_CORRECTION, DECOUPLED };
#define COMMON_OPTIONS(decay)                                                                                          \
    [LR] = {"lr", 1e-3, "[0,inf)", "step size (alpha in the paper)"},                                                  \
    [BETA1] = {"beta1", 0.9, "[0,1)", "decay of the first moment"},                                                    \
    [BETA2] = {"beta2", 0.999, "[0,1)", "decay of the second moment"},                                                 \
    [EPS] = {"eps", 1e-8, "[0,inf)", "added to the root"},                                                             \
    [WEIGHT_DECAY] = {"weight_decay", decay, "[0,inf)", "lambda"},                                                     \
    [AMSGRAD] = {"amsgrad", 0, "0|1", "divide by the running maximum of v"},                                           \
    [BIAS_CORRECTION] = {"bias_correction", 1, "0|1", "0: c1 = c2 = 1"}
static const option_t ADAM_OPTIONS[] = {
    COMMON_OPTIONS(0),
    [DECOUPLED] = {"decoupled", 0, "0|1", "decay the parameters (1) or add to the gradient (0)"},
    {0},
};
static const option_t ADAMW_OPTIONS[] = {COMMON_OPTIONS(0.01), {0}};

enum { M, V, VMAX };
static const state_t STATE[] = {
    [M] = {"m", "first moment", LIKE_PARAM, FIRST_MOMENT},
    [V] = {"v", "second moment", LIKE_PARAM, KEPT, .nonnegative = true},
    [VMAX] = {"vmax", "running maximum of v", LIKE_PARAM, KEPT, .when = "amsgrad", .nonnegative = true},
    {0},
};

typedef struct scalars {
    double beta1, beta2, eps;
    double step;            /* lr / c1 */
    double inverse_root_c2; /* 1 / sqrt(c2) */
    double l2, shrink;      /* of line 1: g + l2 p, and shrink p */
} scalars_t;

static void prepare_decay(const group_t *group, bool decoupled, scalars_t *k) {
    const double *o = group->option;
    const decay_t decay = decay_of(o[WEIGHT_DECAY], decoupled, o[LR]);
    const bool correct = o[BIAS_CORRECTION] != 0;
    *k = (scalars_t){
        .beta1 = o[BETA1],
        .beta2 = o[BETA2],
        .eps = o[EPS],
        .step = correct ? o[LR] / (1 - pow(o[BETA1], group->t)) : o[LR],
        .inverse_root_c2 = correct ? 1 / sqrt(1 - pow(o[BETA2], group->t)) : 1,
        .l2 = decay.l2,
        .shrink = decay.shrink,
    };
}

static void prepare_adam(const group_t *group, void *scalars) {
    prepare_decay(group, group->option[DECOUPLED] != 0, scalars);
}

static void prepare_adamw(const group_t *group, void *scalars) {
    prepare_decay(group, true, scalars);
}

static inline void step(const tile_t *t, const bool amsgrad) {
    const scalars_t *k = t->scalars;
    const real beta1 = (real)k->beta1, beta2 = (real)k->beta2, one_beta1 = (real)(1 - k->beta1),
               one_beta2 = (real)(1 - k->beta2), eps = (real)k->eps, lr_c1 = (real)k->step,
               inverse_root_c2 = (real)k->inverse_root_c2, l2 = (real)k->l2, shrink = (real)k->shrink;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V], *restrict vmax = t->state[VMAX];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + l2 * p[i];
        m[i] = settled(beta1 * m[i] + one_beta1 * gi);
        v[i] = settled(beta2 * v[i] + one_beta2 * gi * gi);
        real h = v[i];
        if (amsgrad)
            h = vmax[i] = larger(vmax[i], v[i]);
        p[i] = shrink * p[i] - lr_c1 * quotient(m[i], sqrt(h) * inverse_root_c2 + eps);
    }
}

static void update(const tile_t *t) {
    if (t->state[VMAX] == NULL)
        step(t, false);
    else
        step(t, true);
}

const method_t METHOD(adam) = {
    .name = "adam",
    .purpose = "adaptive moment estimation",
    .citation = "Kingma, Ba: Adam: A Method for Stochastic Optimization, 2015, arXiv:1412.6980",
    .evaluations = "1 gradient",
    .options = ADAM_OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .scalars = sizeof(scalars_t),
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
    .scalars = sizeof(scalars_t),
    .prepare = prepare_adamw,
    .kernels = {update},
};
