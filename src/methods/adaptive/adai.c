/*
 * adai: adaptive inertia: the momentum, not the rate, is chosen element by element.
 *
 * Xie, Wang, Zhang, Sato, Sugiyama, "Adaptive Inertia: Disentangling the Effects of Adaptive Learning Rate and
 * Momentum", 2022, arXiv:2006.15815, algorithm 2, as the authors' code.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. v <- beta2 v + (1 - beta2) g^2;   mean = mean of v over all elements of the group's tensors
 *     3. mean > 0: b = min(max(1 - beta0 v / mean, 0), 1 - eps),   prod <- prod b
 *                  m <- b m + (1 - b) g;   p <- p - lr m / (1 - prod)
 *
 * Where v is large there is little inertia. The bias correction of v cancels in v / mean; prod, the product of all b so
 * far, corrects m. The authors' code takes the mean over all groups; here it is the group's. Frozen tensors do not
 * count. Two passes. State: m, v, prod, 12 bytes a parameter in f32; the mean in double.
 */
#include "blocks/adam_family.h"
#include "blocks/sums.h"

enum { LR, BETA0, BETA2, EPS, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1),
    [BETA0] = {"beta0", 0.1, "[0,inf)", "what an average second moment takes off an inertia of 1"},
    [BETA2] = {"beta2", 0.99, "[0,1)", "decay of the second moment"},
    [EPS] = {"eps", 1e-3, "[0,1)", "what the largest inertia lacks to 1"},
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(0),
    {0},
};

enum { M, V, PROD };
static const state_t STATE[] = {
    [M] = M_ROW,
    [V] = V_ROW,
    [PROD] = {"prod", "product of all inertias", LIKE_PARAM, KEPT, .initial = 1, .nonnegative = true},
    {0},
};

typedef struct constants {
    weights_t beta2;
    real lr, slope, most; /* b = min(1 - slope v, most) */
    decay_t decay;
} constants_t;

/* The mean is the group's, once its second moments are summed. Where it is 0, b = 1 and lr = 0 leave all as it is. */
static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, mean = group->sum[1] > 0 ? group->sum[0] / group->sum[1] : 0;
    *(constants_t *)constants = (constants_t){
        .beta2 = weights(o[BETA2]),
        .lr = mean == 0 ? 0 : (real)o[LR],
        .slope = mean == 0 ? 0 : (real)(o[BETA0] / mean),
        .most = mean == 0 ? 1 : (real)(1 - o[EPS]),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

static void second_moment(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict v = t->state[V];
    const real *restrict p = t->p, *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i];
        v[i] = ema(v[i], gi * gi, k.beta2);
    }
    t->sum[0] += sum_moduli(t->n, v); /* v is not negative */
    t->sum[1] += (double)t->n;
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict prod = t->state[PROD];
    const real *restrict g = t->g, *restrict v = t->state[V];
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i], b = smaller(larger(1 - k.slope * v[i], 0), k.most);
        prod[i] = settled(prod[i] * b);
        m[i] = settled(b * m[i] + (1 - b) * gi);
        p[i] = k.decay.shrink * p[i] - k.lr * quotient(m[i], 1 - prod[i]);
    }
}

enum { SECOND_MOMENT, UPDATE };

static optim_status advance(step_t *s) {
    (void)step_sums(s, SECOND_MOMENT, NULL, 2);
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(adai) = {
    .name = "adai",
    .purpose = "adaptive inertia: momentum chosen element by element",
    .citation = "Xie et al.: Adaptive Inertia: Disentangling the Effects of Adaptive Learning Rate and Momentum, 2022, "
                "arXiv:2006.15815",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SECOND_MOMENT] = second_moment, [UPDATE] = update},
};
