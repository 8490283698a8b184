/*
 * adasmooth: RMSprop whose memory follows how straight each coordinate has moved.
 *
 * Lu, "AdaSmooth: An Adaptive Learning Rate Method based on Effective Ratio", 2022, arXiv:2204.00825; the ratio over
 * all steps, as pytorch_optimizer has it, in the place of the paper's window.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. d = p - prev,  prev <- p;   s <- s + d;   n <- n + |d|
 *     3. c = (beta2 - beta1) |s| / (n + eps) + 1 - beta2;   v <- v + c^2 (g^2 - v)
 *     4. p <- p - lr g / sqrt(v + eps)
 *
 * The ratio |s| / n is 1 where all steps agree, and c then 1 - beta1: the memory is short; where they cancel it is
 * long. prev begins at the parameters. State: prev, s, n, v, 16 bytes a parameter in f32.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = {"beta1", 0.5, "[0,1)", "decay of the second moment where steps agree"},
    [BETA2] = {"beta2", 0.99, "[0,1)", "and where they cancel"},
    [EPS] = {"eps", 1e-6, "[0,inf)", "added inside the root, and to the way"},
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(0),
    {0},
};

enum { PREV, S, N, V };
static const state_t STATE[] = {
    [PREV] = {"prev", "parameters of the step before", LIKE_PARAM, KEPT, .from_param = true, .exact = true},
    [S] = {"s", "sum of the steps", LIKE_PARAM, KEPT, .exact = true},
    [N] = {"n", "sum of their sizes", LIKE_PARAM, KEPT, .nonnegative = true, .exact = true},
    [V] = V_ROW,
    {0},
};

typedef struct constants {
    real lr, eps, of_ratio, least; /* c = of_ratio ratio + least */
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .lr = (real)o[LR],
        .eps = (real)o[EPS],
        .of_ratio = (real)(o[BETA2] - o[BETA1]),
        .least = (real)(1 - o[BETA2]),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict prev = t->state[PREV], *restrict s = t->state[S], *restrict n = t->state[N],
                   *restrict v = t->state[V];
    const real *restrict g = t->g;
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i], from = k.decay.shrink * p[i], d = from - prev[i];
        prev[i] = from;
        s[i] += d;
        n[i] += fabs(d);
        const real c = k.of_ratio * quotient(fabs(s[i]), n[i] + k.eps) + k.least;
        v[i] = settled((1 - c * c) * v[i] + c * c * (gi * gi));
        p[i] = from - k.lr * quotient(gi, sqrt(v[i] + k.eps));
    }
}

const method_t METHOD(adasmooth) = {
    .name = "adasmooth",
    .purpose = "RMSprop whose memory follows how straight each coordinate has moved",
    .citation = "Lu: AdaSmooth: An Adaptive Learning Rate Method based on Effective Ratio, 2022, arXiv:2204.00825",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
