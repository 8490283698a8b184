/*
 * madgrad: dual averaging with momentum, whose steps are divided by a cube root.
 *
 * Defazio, Jelassi, "Adaptivity without Compromise: A Momentumized, Adaptive, Dual Averaged Gradient Method for
 * Stochastic Optimization", 2021, arXiv:2101.11075, algorithm 1, as the authors' madgrad 1.3.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   lambda = (lr + eps) sqrt(t)
 *     2. s <- s + lambda g;   v <- v + lambda g^2
 *     3. z = x_0 - s / (cbrt(v) + eps)
 *     4. p <- momentum p + (1 - momentum) z;   decoupled = 1: - (lr + eps) weight_decay p  with p from before
 *
 * The paper has lr alone in lambda; the code adds eps to it unless lr is 0, so here too. v is never forgotten and s may
 * cancel what it holds: both stay in the parameters' precision. State: v, s, x_0, 12 bytes a parameter in f32.
 */
#include "blocks/adam_family.h"
#include "kernels/elementary.h"

enum { LR, MOMENTUM, EPS, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-2),
    [MOMENTUM] = {"momentum", 0.9, "[0,1)", "share of the parameters that a step leaves"},
    [EPS] = {"eps", 1e-6, "[0,inf)", "added to the cube root, and to lr"},
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(0),
    {0},
};

enum { S, V, X0 };
static const state_t STATE[] = {
    [S] = {"s", "weighted sum of gradients", LIKE_PARAM, KEPT, .exact = true},
    [V] = {"v", "weighted sum of their squares", LIKE_PARAM, KEPT, .nonnegative = true, .exact = true},
    [X0] = {"x0", "the starting point", LIKE_PARAM, KEPT, .from_param = true, .exact = true},
    {0},
};

typedef struct constants {
    real lambda, take, l2, decay, eps;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, lr = o[LR] > 0 ? o[LR] + o[EPS] : 0;
    const bool decoupled = o[DECOUPLED] != 0;
    *(constants_t *)constants = (constants_t){
        .lambda = (real)(lr * sqrt(group->t)),
        .take = (real)(1 - o[MOMENTUM]),
        .l2 = decoupled ? 0 : (real)o[WEIGHT_DECAY],
        .decay = decoupled ? (real)(lr * o[WEIGHT_DECAY]) : 0,
        .eps = (real)o[EPS],
    };
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict s = t->state[S], *restrict v = t->state[V];
    const real *restrict g = t->g, *restrict x0 = t->state[X0];
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.l2 * p[i];
        s[i] = settled(s[i] + k.lambda * gi);
        v[i] = settled(v[i] + k.lambda * gi * gi);
        const real z = x0[i] - quotient(s[i], (real)elementary_power((double)v[i], 1.0 / 3) + k.eps);
        p[i] += k.take * (z - p[i]) - k.decay * p[i];
    }
}

const method_t METHOD(madgrad) = {
    .name = "madgrad",
    .purpose = "dual averaging with momentum, divided by the cube root of the summed squares",
    .citation = "Defazio, Jelassi: Adaptivity without Compromise: A Momentumized, Adaptive, Dual Averaged Gradient "
                "Method for Stochastic Optimization, 2021, arXiv:2101.11075",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
