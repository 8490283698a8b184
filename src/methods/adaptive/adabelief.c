/*
 * adabelief, adamomentum: Adam with another second moment: of the gradient's surprise, or of the momentum.
 *
 * Zhuang, Tang, Ding, Tatikonda, Dvornek, Papademetris, Duncan, "AdaBelief Optimizer: Adapting Stepsizes by the Belief
 * in Observed Gradients", 2020, arXiv:2010.07468, algorithm 2, as adabelief-pytorch 0.2.1; Wang, Kang, Qin, Wang, Xu,
 * Zhang, Fu, "Rethinking Adam: A Twofold Exponential Moving Average Approach", 2021, arXiv:2106.11514, as the authors'
 * AdaM3.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p;
 *        decoupled = fixed_decay = 1: p <- (1 - weight_decay) p
 *     2. m <- beta1 m + (1 - beta1) g
 *     3. adabelief: d = g - m;   adamomentum: d = m;   s <- beta2 s + (1 - beta2) d^2 + eps
 *     4. rectify = 1, r as in radam:  p <- p - lr r (sqrt(c2) / c1) m / (sqrt(s) + eps);
 *                     rho < 5:        degenerated_to_sgd = 1: p <- p - (lr / c1) m;   0: p stays
 *        rectify = 0: amsgrad: smax <- max(smax, s), h <- smax;   else h <- s
 *                     adabelief: p <- p - (lr / c1) m / (sqrt(h) / sqrt(c2) + eps);
 *                     adamomentum: without the outer eps
 *
 * d is taken with the new m. eps is added to the state and accumulates there, up to eps / (1 - beta2), as it does in
 * both codes and as it did in the published results. L2 decay changes g before d is taken. The names differ in line 3,
 * in the default of rectify, and in the outer eps. State: m, s (and smax), 8 (12) bytes a parameter in f32. eps_in_root
 * = 1: no outer eps.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, EPS, EPS_IN_ROOT, WEIGHT_DECAY, DECOUPLED, FIXED_DECAY, RECTIFY, DEGENERATED_TO_SGD, AMSGRAD };
#define ROWS(rectify)                                                                                                  \
    [LR] = LR_ROW(1e-3), [BETA1] = BETA1_ROW(0.9), [BETA2] = BETA2_ROW(0.999),                                         \
    [EPS] = {"eps", 1e-16, "(0,inf)", "added to the second moment in every step, and to the root"},                    \
    [EPS_IN_ROOT] = {"eps_in_root", 0, "0|1", "1: to the second moment alone"}, [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),  \
    [DECOUPLED] = DECOUPLED_ROW(1), [FIXED_DECAY] = FIXED_DECAY_ROW(0),                                                \
    [RECTIFY] = {"rectify", rectify, "0|1", "rectify the step size as radam does"},                                    \
    [DEGENERATED_TO_SGD] = DEGENERATED_TO_SGD_ROW(1), [AMSGRAD] = AMSGRAD_ROW(0)
static const option_t ADABELIEF_OPTIONS[] = {ROWS(1), {0}};
static const option_t ADAMOMENTUM_OPTIONS[] = {ROWS(0), {0}};

enum { M, S, SMAX };
static const state_t STATE[] = {
    [M] = M_ROW,
    [S] = {"s", "second moment", LIKE_PARAM, KEPT, .nonnegative = true},
    [SMAX] = {"smax", "running maximum of s", LIKE_PARAM, KEPT, .when = "amsgrad", .nonnegative = true},
    {0},
};

static const char *check(const double *option) {
    if (option[RECTIFY] == 0)
        return NULL;
    return option[AMSGRAD] != 0 ? "amsgrad=1 needs rectify=0"
                                : check_rectifier(option[BETA2], option[DEGENERATED_TO_SGD] != 0);
}

typedef struct constants {
    weights_t beta1, beta2;
    real eps, outer_eps, inverse_root_c2;
    real adaptive, plain; /* factors in front of m over its root, and of m */
    decay_t decay;
} constants_t;

static void prepare_adabelief(const group_t *group, void *constants) {
    const double *o = group->option, c1 = correction(o[BETA1], group->t), c2 = correction(o[BETA2], group->t);
    const bool rectify = o[RECTIFY] != 0, degenerate = o[DEGENERATED_TO_SGD] != 0;
    const rectified_t step =
        rectify ? rectified(o[LR], o[BETA1], o[BETA2], group->t, degenerate) : (rectified_t){o[LR] / c1, 0};
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .eps = (real)o[EPS],
        .outer_eps = o[EPS_IN_ROOT] != 0 ? 0 : (real)o[EPS],
        .inverse_root_c2 = rectify ? 1 : (real)(1 / sqrt(c2)),
        .adaptive = (real)step.adaptive,
        .plain = (real)step.plain,
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[FIXED_DECAY] != 0 ? 1 : o[LR]),
    };
}

static void prepare_adamomentum(const group_t *group, void *constants) {
    constants_t *k = constants;
    prepare_adabelief(group, k);
    if (group->option[RECTIFY] == 0)
        k->outer_eps = 0;
}

static inline void update_with(const tile_t *t, const bool of_momentum, const bool amsgrad) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict s = t->state[S], *restrict smax = t->state[SMAX];
    const real *restrict g = t->g;
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i];
        m[i] = ema(m[i], gi, k.beta1);
        const real d = of_momentum ? m[i] : gi - m[i];
        s[i] = ema(s[i], d * d, k.beta2) + k.eps;
        const real h = amsgrad ? (smax[i] = larger(smax[i], s[i])) : s[i];
        const real adaptive = k.adaptive * quotient(m[i], sqrt(h) * k.inverse_root_c2 + k.outer_eps);
        p[i] = k.decay.shrink * p[i] - adaptive - k.plain * m[i];
    }
}

static void update_adabelief(const tile_t *t) {
    if (t->state[SMAX] == NULL)
        update_with(t, false, false);
    else
        update_with(t, false, true);
}

static void update_adamomentum(const tile_t *t) {
    if (t->state[SMAX] == NULL)
        update_with(t, true, false);
    else
        update_with(t, true, true);
}

const method_t METHOD(adabelief) = {
    .name = "adabelief",
    .purpose = "Adam whose second moment is that of the gradient's distance from its average",
    .citation = "Zhuang et al.: AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed Gradients, 2020, "
                "arXiv:2010.07468",
    .evaluations = "1 gradient",
    .options = ADABELIEF_OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .check = check,
    .prepare = prepare_adabelief,
    .kernels = {update_adabelief},
};

const method_t METHOD(adamomentum) = {
    .name = "adamomentum",
    .purpose = "Adam whose second moment is that of the first",
    .citation = "Wang et al.: Rethinking Adam: A Twofold Exponential Moving Average Approach, 2021, arXiv:2106.11514",
    .evaluations = "1 gradient",
    .options = ADAMOMENTUM_OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .check = check,
    .prepare = prepare_adamomentum,
    .kernels = {update_adamomentum},
};
