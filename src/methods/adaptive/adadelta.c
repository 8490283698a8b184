/*
 * adadelta: steps in the units of the parameters, from running means of squared gradients and squared steps.
 *
 * Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012, arXiv:1212.5701; as torch.optim.Adadelta.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. v <- rho v + (1 - rho) g^2
 *     3. d <- sqrt(u + eps) / sqrt(v + eps) g;   eps_in_root = 0: (sqrt(u) + eps) / (sqrt(v) + eps) g
 *     4. u <- rho u + (1 - rho) d^2
 *     5. p <- p - lr d
 *
 * eps stands inside both roots (paper) and is what the method starts from, so it must be positive; lr is outside the
 * accumulated d. State: v, u, 8 bytes a parameter in f32.
 */
#include "blocks/adam_family.h"

enum { LR, RHO, EPS, EPS_IN_ROOT, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1, "[0,inf)", "factor on the step"},
    [RHO] = {"rho", 0.9, "[0,1]", "decay of both means of squares"},
    [EPS] = {"eps", 1e-6, "(0,inf)", "added inside both roots, or to them"},
    [EPS_IN_ROOT] = {"eps_in_root", 1, "0|1", "add eps inside the roots (1) or to the roots (0)"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda"},
    [DECOUPLED] = {"decoupled", 0, "0|1", "decay the parameters (1) or add to the gradient (0)"},
    {0},
};

enum { V, U };
static const state_t STATE[] = {
    [V] = {"v", "mean of squared gradients", LIKE_PARAM, KEPT, .nonnegative = true},
    [U] = {"u", "mean of squared steps", LIKE_PARAM, KEPT, .nonnegative = true},
    {0},
};

typedef struct constants {
    weights_t rho;
    real lr;
    eps_t eps;
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .rho = weights(o[RHO]),
        .lr = (real)o[LR],
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, 1),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict v = t->state[V], *restrict u = t->state[U];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i];
        v[i] = settled(k.rho.keep * v[i] + k.rho.take * gi * gi);
        const real d = quotient(damped_root(u[i], 1, k.eps), damped_root(v[i], 1, k.eps)) * gi;
        u[i] = settled(k.rho.keep * u[i] + k.rho.take * d * d);
        p[i] = k.decay.shrink * p[i] - k.lr * d;
    }
}

const method_t METHOD(adadelta) = {
    .name = "adadelta",
    .purpose = "steps from the ratio of mean squared steps to mean squared gradients",
    .citation = "Zeiler: ADADELTA: An Adaptive Learning Rate Method, 2012, arXiv:1212.5701",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
