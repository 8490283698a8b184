/*
 * cocob: every coordinate bets on the sign of its next gradient; no learning rate.
 *
 * Orabona, Tommasi, "Training Deep Networks without Learning Rates Through Coin Betting", 2017, arXiv:1705.07795,
 * COCOB-Backprop. alpha = 0 is the normalised adaptive coin of Sharrock, Nemeth, "Coin Sampling", 2023.
 *
 *     c = lr (g + weight_decay x)
 *     1. L <- max(L, |c|);   theta <- theta - c;   G <- G + |c|
 *     2. R <- max(R - c (x - x_0), 0)
 *     3. x <- x_0 + theta (L + R) / (L max(G + L, alpha L))
 *
 * L starts at eps, the others at 0: a coordinate whose gradients are all 0 stays. Element-wise, one pass.
 * State: x_0, L, theta, G, R, 20 bytes a parameter in f32.
 */
#include "engine/method.h"

enum { LR, WEIGHT_DECAY, ALPHA, EPS };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1, "[0,inf)", "factor on the gradient: leave at 1"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, added to the gradient"},
    [ALPHA] = {"alpha", 100, "[0,inf)", "rounds of warmup"},
    [EPS] = {"eps", 1e-8, "(0,inf)", "start value of L"},
    {0},
};

enum { X0, L, THETA, G, R };
static const state_t STATE[] = {
    [X0] = {"x0", "the starting point", LIKE_PARAM, KEPT, .from_param = true},
    [L] = {"L", "largest |c|", LIKE_PARAM, KEPT, .initial_option = "eps", .nonnegative = true, .exact = true},
    [THETA] = {"theta", "minus the sum of c", LIKE_PARAM, KEPT, .exact = true},
    [G] = {"G", "sum of |c|", LIKE_PARAM, KEPT, .nonnegative = true, .exact = true},
    [R] = {"R", "reward: what the bets have won", LIKE_PARAM, KEPT, .nonnegative = true, .exact = true},
    {0},
};

typedef struct constants {
    real lr, weight_decay, alpha;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){(real)o[LR], (real)o[WEIGHT_DECAY], (real)o[ALPHA]};
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict x = t->p, *restrict largest = t->state[L], *restrict theta = t->state[THETA],
                   *restrict sum = t->state[G], *restrict reward = t->state[R];
    const real *restrict g = t->g, *restrict x0 = t->state[X0];
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real c = k.lr * (g[i] + k.weight_decay * x[i]), l = larger(largest[i], fabs(c));
        largest[i] = l;
        theta[i] -= c;
        sum[i] += fabs(c);
        reward[i] = larger(reward[i] - c * (x[i] - x0[i]), 0);
        x[i] = x0[i] + quotient(theta[i], l) * quotient(l + reward[i], larger(sum[i] + l, k.alpha * l));
    }
}

const method_t METHOD(cocob) = {
    .name = "cocob",
    .purpose = "learning-rate-free: every coordinate bets on its gradients",
    .citation = "Orabona, Tommasi: Training Deep Networks without Learning Rates Through Coin Betting, 2017, "
                "arXiv:1705.07795",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
