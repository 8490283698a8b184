/*
 * yogi: Adam whose second moment changes by a step of the square's size, whatever its distance from it.
 *
 * Zaheer, Reddi, Sachan, Kale, Kumar, "Adaptive Methods for Nonconvex Optimization", 2018, algorithm 2; bias correction
 * as in the first author's code for TensorFlow Addons.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. m <- beta1 m + (1 - beta1) g
 *     3. v <- v - (1 - beta2) sign(v - g^2) g^2,   v starts at initial_accumulator
 *     4. p <- p - lr (sqrt(c2) / c1) m / (sqrt(v) + eps);   bias_correction = 0: c1 = c2 = 1, the paper's algorithm
 *
 * v stays at or above 0, and where it equals g^2. m starts at 0 (some ports start it as v). eps is 1e-3. The paper
 * starts v at the mean square of a first minibatch, the authors' code at 1e-6. State: m, v, 8 bytes a parameter in f32.
 * eps_in_root = 1: adam_family.h.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, EPS, EPS_IN_ROOT, INITIAL_ACCUMULATOR, BIAS_CORRECTION, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-2),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-3),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [INITIAL_ACCUMULATOR] = {"initial_accumulator", 1e-6, "[0,inf)", "start value of the second moment"},
    [BIAS_CORRECTION] = BIAS_CORRECTION_ROW(1),
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(0),
    {0},
};

enum { M, V };
static const state_t STATE[] = {
    [M] = M_ROW,
    [V] = {"v", "second moment", LIKE_PARAM, KEPT, .initial_option = "initial_accumulator", .nonnegative = true},
    {0},
};

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, t = group->t;
    const bool correct = o[BIAS_CORRECTION] != 0;
    const double c1 = correct ? correction(o[BETA1], t) : 1, c2 = correct ? correction(o[BETA2], t) : 1;
    *(form_b_t *)constants = (form_b_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .step = (real)(o[LR] * sqrt(c2) / c1),
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

static void update(const tile_t *t) {
    const form_b_t k = *(const form_b_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i], square = gi * gi;
        m[i] = ema(m[i], gi, k.beta1);
        v[i] -= k.beta2.take * sign(v[i] - square) * square;
        p[i] = k.decay.shrink * p[i] - k.step * quotient(m[i], damped_root(v[i], 1, k.eps));
    }
}

const method_t METHOD(yogi) = {
    .name = "yogi",
    .purpose = "Adam with a second moment that grows and shrinks additively",
    .citation = "Zaheer et al.: Adaptive Methods for Nonconvex Optimization, 2018",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(form_b_t),
    .prepare = prepare,
    .kernels = {update},
};
