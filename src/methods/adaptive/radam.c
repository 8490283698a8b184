/*
 * radam: Adam that waits until the variance of its step size is under control.
 *
 * Liu, Jiang, He, Chen, Liu, Gao, Han, "On the Variance of the Adaptive Learning Rate and Beyond", 2020,
 * arXiv:1908.03265, algorithm 2.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *        (not in steps that stay)
 *     2. m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) g^2
 *     3. rho_inf = 2 / (1 - beta2) - 1,   rho = rho_inf - 2 t beta2^t / (1 - beta2^t)
 *        rho >= 5: p <- p - lr r (sqrt(c2) / c1) m / (sqrt(v) + eps),
 *                  r = sqrt((rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho))
 *        rho < 5:  degenerated_to_sgd = 1: p <- p - (lr / c1) m;   0: p stays
 *
 * rho reaches 5 at t = 6 for every beta2 from 0.9 to 0.999 in use, and never for beta2 <= 2/3. The paper asks for rho >
 * 4; 5 is what its code and torch use. L2 decay is torch's default, decoupled decay the authors'. State: m, v, 8 bytes
 * a parameter in f32. eps_in_root = 1: adam_family.h.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, EPS, EPS_IN_ROOT, WEIGHT_DECAY, DECOUPLED, DEGENERATED_TO_SGD };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(0),
    [DEGENERATED_TO_SGD] = DEGENERATED_TO_SGD_ROW(1),
    {0},
};

enum { M, V };
static const state_t STATE[] = {[M] = M_ROW, [V] = V_ROW, {0}};

static const char *check(const double *option) {
    return check_rectifier(option[BETA2], option[DEGENERATED_TO_SGD] != 0);
}

typedef struct constants {
    weights_t beta1, beta2;
    real adaptive, plain; /* factors in front of m over its root, and of m */
    eps_t eps;
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    const rectified_t step = rectified(o[LR], o[BETA1], o[BETA2], group->t, o[DEGENERATED_TO_SGD] != 0);
    const bool stays = step.adaptive == 0 && step.plain == 0;
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .adaptive = (real)step.adaptive,
        .plain = (real)step.plain,
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, correction(o[BETA2], group->t)),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, stays ? 0 : o[LR]),
    };
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i];
        m[i] = ema(m[i], gi, k.beta1);
        v[i] = ema(v[i], gi * gi, k.beta2);
        p[i] = k.decay.shrink * p[i] - k.adaptive * quotient(m[i], damped_root(v[i], 1, k.eps)) - k.plain * m[i];
    }
}

const method_t METHOD(radam) = {
    .name = "radam",
    .purpose = "Adam with a rectified step size while the second moment is young",
    .citation = "Liu et al.: On the Variance of the Adaptive Learning Rate and Beyond, 2020, arXiv:1908.03265",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .check = check,
    .prepare = prepare,
    .kernels = {update},
};
