/*
 * adai: adaptive inertia: the momentum, not the rate, is chosen element by element.
 *
 * Xie, Wang, Zhang, Sato, Sugiyama, "Adaptive Inertia: Disentangling the Effects of Adaptive Learning Rate and Momentum",
 * 2022, arXiv:2006.15815, algorithm 2, as the authors' code.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. v <- beta2 v + (1 - beta2) g^2;   vh = v / c2;   mean = of vh over all elements of the group's tensors
 *     3. mean > 0: b = min(max(1 - beta0 vh / mean, 0), 1 - eps),   prod <- prod b
 *                  m <- b m + (1 - b) g;   p <- p - lr m / (1 - prod)
 *
 * Where vh is large there is little inertia. prod, the product of all b so far, corrects the bias of m. The authors' code
 * takes the mean over all groups; here it is the group's. Frozen tensors do not count. Two passes. State: m, v, prod, 12
 * bytes a parameter in f32.
 */
#include "methods/core/adam_family.h"

enum { LR, BETA0, BETA2, EPS, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    LR_ROW(1),
    [BETA0] = {"beta0", 0.1, "[0,inf)", "what an average second moment takes off an inertia of 1"},
    [BETA2] = {"beta2", 0.99, "[0,1)", "decay of the second moment"},
    [EPS] = {"eps", 1e-3, "[0,1)", "what the largest inertia lacks to 1"},
    WEIGHT_DECAY_ROW(0),
    DECOUPLED_ROW(0),
    {0},
};

enum { M, V, PROD };
static const state_t STATE[] = {
    M_ROW,
    V_ROW,
    [PROD] = {"prod", "product of all inertias", LIKE_PARAM, KEPT, .initial = 1, .nonnegative = true},
    {0},
};

typedef struct scalars {
    double lr, beta2, slope, most; /* b = min(1 - slope v, most) */
    decay_t decay;
} scalars_t;

enum { SUM_V, COUNT, SUMS };

/* vh / mean = v COUNT / SUM_V: c2 cancels. Where the mean is 0, b = 1 and lr = 0 leave all as it is. */
static void prepare(const group_t *group, void *scalars) {
    const double *o = group->option, sum_v = group->sum[SUM_V];
    *(scalars_t *)scalars = (scalars_t){
        .lr = sum_v == 0 ? 0 : o[LR],
        .beta2 = o[BETA2],
        .slope = sum_v == 0 ? 0 : o[BETA0] * group->sum[COUNT] / sum_v,
        .most = sum_v == 0 ? 1 : 1 - o[EPS],
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

static void second_moment(const tile_t *t) {
    const scalars_t *k = t->scalars;
    const weights_t beta2 = weights(k->beta2);
    const real l2 = (real)k->decay.l2;
    real *restrict v = t->state[V];
    const real *restrict p = t->p, *restrict g = t->g;
    double *restrict sum_v = t->term[SUM_V], *restrict count = t->term[COUNT];
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + l2 * p[i];
        v[i] = ema(v[i], gi * gi, beta2);
        sum_v[i] = (double)v[i];
        count[i] = 1;
    }
}

static void update(const tile_t *t) {
    const scalars_t *k = t->scalars;
    const real lr = (real)k->lr, slope = (real)k->slope, most = (real)k->most, l2 = (real)k->decay.l2,
               shrink = (real)k->decay.shrink;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict prod = t->state[PROD];
    const real *restrict g = t->g, *restrict v = t->state[V];
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + l2 * p[i], b = smaller(larger(1 - slope * v[i], 0), most);
        prod[i] *= b;
        m[i] = b * m[i] + (1 - b) * gi;
        p[i] = shrink * p[i] - quotient(lr * m[i], 1 - prod[i]);
    }
}

enum { SECOND_MOMENT, UPDATE };

static optim_status advance(step_t *s) {
    (void)step_reduce(s, SECOND_MOMENT, SUMS);
    step_update(s, UPDATE);
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
    .scalars = sizeof(scalars_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SECOND_MOMENT] = second_moment, [UPDATE] = update},
};
