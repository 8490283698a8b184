/*
 * adabound, amsbound: Adam whose element-wise rates are clipped to a band that closes in on one rate.
 *
 * Luo, Xiong, Liu, Sun, "Adaptive Gradient Methods with Dynamic Bound of Learning Rate", 2019, arXiv:1902.09843, as the
 * authors' code.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p;
 *        decoupled = fixed_decay = 1: p <- (1 - weight_decay) p
 *     2. m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) g^2
 *        amsbound: vmax <- max(vmax, v), h <- vmax;   else h <- v
 *     3. f = final_lr lr / lr_0,   lower = f (1 - 1 / (gamma t + 1)),   upper = f (1 + 1 / (gamma t))
 *     4. eta = min(max(lr (sqrt(c2) / c1) / (sqrt(h) + eps), lower), upper);   sqrt_decay: eta <- eta / sqrt(t)
 *     5. p <- p - eta m
 *
 * lr_0 is the value of lr at the first step before any schedule, so a schedule scales the band as well. The bias
 * correction stands inside the clipped rate; bias_correction = 0 (c1 = c2 = 1) with sqrt_decay = 1 is the paper's
 * algorithm. amsbound is a preset: amsbound = 1. State: m, v (and vmax), 8 (12) bytes a parameter in f32.
 * eps_in_root = 1: adam_family.h.
 */
#include "blocks/adam_family.h"

enum {
    LR,
    BETA1,
    BETA2,
    EPS,
    EPS_IN_ROOT,
    FINAL,
    GAMMA,
    AMS,
    BIAS_CORRECTION,
    SQRT_DECAY,
    WEIGHT_DECAY,
    DECOUPLED,
    FIXED_DECAY
};
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-3, "(0,inf)", "rate of the adaptive phase", .pauses = true},
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [FINAL] = {"final_lr", 0.1, "[0,inf)", "rate that the band closes in on, for the first lr"},
    [GAMMA] = {"gamma", 1e-3, "(0,1)", "speed at which the band closes"},
    [AMS] = {"amsbound", 0, "0|1", "divide by the running maximum of the second moment", .live = true},
    [BIAS_CORRECTION] = BIAS_CORRECTION_ROW(1),
    [SQRT_DECAY] = {"sqrt_decay", 0, "0|1", "divide the clipped rate by the root of t"},
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(0),
    [FIXED_DECAY] = FIXED_DECAY_ROW(0),
    {0},
};

enum { M, V, VMAX };
static const state_t STATE[] = {
    [M] = M_ROW,
    [V] = V_ROW,
    [VMAX] = {"vmax", "running maximum of v", LIKE_PARAM, KEPT, .when = "amsbound", .nonnegative = true},
    {0},
};

typedef struct group_memory {
    double lr_0;
} group_memory_t;
static const field_t FIELDS[] = {
    {"lr_0", "lr before schedules, at the first step", FIELD(OF_GROUP, group_memory_t, lr_0), .initial_option = "lr"},
    {0},
};

typedef struct constants {
    weights_t beta1, beta2;
    real step, lower, upper, scale;
    eps_t eps;
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, t = group->t;
    const bool correct = o[BIAS_CORRECTION] != 0;
    const double c1 = correct ? correction(o[BETA1], t) : 1, c2 = correct ? correction(o[BETA2], t) : 1;
    const double f = o[FINAL] * o[LR] / ((const group_memory_t *)group->group_memory)->lr_0;
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .step = (real)(o[LR] * sqrt(c2) / c1),
        .lower = (real)(f * (1 - 1 / (o[GAMMA] * t + 1))),
        .upper = (real)(f * (1 + 1 / (o[GAMMA] * t))),
        .scale = (real)(o[SQRT_DECAY] != 0 ? 1 / sqrt(t) : 1),
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[FIXED_DECAY] != 0 ? 1 : o[LR]),
    };
}

static inline void update_with(const tile_t *t, const bool amsbound) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V], *restrict vmax = t->state[VMAX];
    const real *restrict g = t->g;
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i];
        m[i] = ema(m[i], gi, k.beta1);
        v[i] = ema(v[i], gi * gi, k.beta2);
        const real h = amsbound ? (vmax[i] = larger(vmax[i], v[i])) : v[i];
        const real eta = smaller(larger(quotient(k.step, damped_root(h, 1, k.eps)), k.lower), k.upper);
        p[i] = k.decay.shrink * p[i] - k.scale * eta * m[i];
    }
}

static void update(const tile_t *t) {
    if (t->state[VMAX] == NULL)
        update_with(t, false);
    else
        update_with(t, true);
}

const method_t METHOD(adabound) = {
    .name = "adabound",
    .purpose = "Adam that turns into SGD as bounds on its rates close",
    .citation = "Luo et al.: Adaptive Gradient Methods with Dynamic Bound of Learning Rate, 2019, arXiv:1902.09843",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .group_memory = sizeof(group_memory_t),
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
