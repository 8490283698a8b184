/*
 * avagrad: Adam with the second moment of the step before, and rates whose mean square does not depend on eps.
 *
 * Savarese, McAllester, Babu, Maire, "Domain-independent Dominance of Adaptive Methods", 2021, arXiv:1912.01823,
 * as the authors' code.
 *
 *     1. m <- beta1 m + (1 - beta1) g
 *     2. p <- p - lr gamma / c1 m / (sqrt(v / (1 - beta2^(t-1))) + eps),   not at t = 1
 *     3. gamma <- sqrt of the harmonic mean, over all coordinates of the group, of (sqrt(v / c2) + eps)^2
 *     4. v <- beta2 v + (1 - beta2) g^2
 *     decoupled = 0: g <- g + weight_decay p first;   decoupled = 1: p <- (1 - lr weight_decay) p first
 *
 * Line 3 has v from before as in the code; the paper has the rates of line 2 there. eps is no small number here: 0.1 is
 * between Adam (small) and SGD (large). Two passes. State: m, v, 8 bytes a parameter in f32; gamma, a double a group.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(0.1),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = {"eps", 0.1, "(0,inf)", "how adaptive: small as Adam, large as SGD"},
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(1),
    {0},
};

enum { M, V };
static const state_t STATE[] = {[M] = M_ROW, [V] = V_ROW, {0}};

typedef struct group_memory {
    double gamma;
} group_memory_t;
static const field_t FIELDS[] = {
    {"gamma", "what makes rates of all coordinates 1 in the mean", FIELD(OF_GROUP, group_memory_t, gamma)},
    {0},
};

typedef struct constants {
    weights_t beta1, beta2;
    real step, inverse_before, inverse_now, eps; /* the reciprocal roots of the corrections, of lines 2 and 3 */
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, t = group->t;
    const double gamma = ((const group_memory_t *)group->group_memory)->gamma;
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .step = t > 1 ? (real)(o[LR] * gamma / correction(o[BETA1], t)) : 0,
        .inverse_before = t > 1 ? (real)(1 / sqrt(correction(o[BETA2], t - 1))) : 0,
        .inverse_now = (real)(1 / sqrt(correction(o[BETA2], t))),
        .eps = (real)o[EPS],
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

/* The terms of line 3, and how many there are. */
static void rates(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real *restrict v = t->state[V];
    double *restrict rate = t->term[0], *restrict one = t->term[1];
    for (size_t i = 0; i < t->n; ++i) {
        const double divisor = (double)(sqrt(v[i]) * k.inverse_now + k.eps);
        rate[i] = 1 / (divisor * divisor);
        one[i] = 1;
    }
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i];
        m[i] = ema(m[i], gi, k.beta1);
        p[i] = k.decay.shrink * p[i] - k.step * m[i] / (sqrt(v[i]) * k.inverse_before + k.eps);
        v[i] = ema(v[i], gi * gi, k.beta2);
    }
}

enum { RATES, UPDATE };

static optim_status advance(step_t *s) {
    (void)step_reduce(s, RATES, NULL, 2);
    step_update(s, UPDATE, NULL); /* with gamma of the step before */
    for (int i = 0; i < s->groups; ++i) {
        const group_t group = step_group(s, i);
        if (group.sum[1] > 0 && group.sum[0] > 0)
            ((group_memory_t *)group.group_memory)->gamma = sqrt(group.sum[1] / group.sum[0]);
    }
    return OPTIM_OK;
}

const method_t METHOD(avagrad) = {
    .name = "avagrad",
    .purpose = "Adam with rates from before the gradient, whose mean does not depend on eps",
    .citation = "Savarese et al.: Domain-independent Dominance of Adaptive Methods, 2021, arXiv:1912.01823",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .group_memory = sizeof(group_memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[RATES] = rates, [UPDATE] = update},
};
