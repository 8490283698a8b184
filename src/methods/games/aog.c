/*
 * aog: accelerated optimistic gradient, anchored at the initial point.
 *
 * Cai, Zheng, "Doubly Optimal No-Regret Learning in Monotone Games", 2023. The equations are from knowledge of the
 * paper; its rate was confirmed numerically.
 *
 *     1. t = 1: x = x_1, the initial point;   t > 1: x = x - lr g + (x_1 - x) / t,   g at the parameters
 *     2. p = x - lr g + (x_1 - x) / (t + 1)
 *
 * That is x_{t+1/2} = x_t - lr F(x_{t-1/2}) + (x_1 - x_t) / (t + 1),
 * x_{t+1} = x_t - lr F(x_{t+1/2}) + (x_1 - x_t) / (t + 1) with x_{1/2} = x_1; the first query is x_1.
 * Output: x. State: x, x_1, 8 bytes a parameter in f32.
 */
#include "blocks/iterate.h"

enum { LR };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size; 1 / (sqrt 6 L) in theory"},
    {0},
};

enum { X = ITERATE, X1 };
static const state_t STATE[] = {
    [X] = {"x", "the iterate", LIKE_PARAM, KEPT, .from_param = true},
    [X1] = {"x1", "the initial point", LIKE_PARAM, KEPT, .from_param = true},
    {0},
};

typedef struct constants {
    real lr_x, lr_p;     /* lr of line 1 (0 at t = 1, where x stays) and of line 2 */
    real pull_x, pull_p; /* 1 / t, 1 / (t + 1) */
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double lr = group->option[LR], t = group->t;
    *(constants_t *)constants = (constants_t){t == 1 ? 0 : (real)lr, (real)lr, (real)(1 / t), (real)(1 / (t + 1))};
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict x = t->state[X];
    const real *restrict g = t->g, *restrict x1 = t->state[X1];
    for (size_t i = 0; i < t->n; ++i) {
        x[i] += k.pull_x * (x1[i] - x[i]) - k.lr_x * g[i];
        p[i] = x[i] + k.pull_p * (x1[i] - x[i]) - k.lr_p * g[i];
    }
}

const method_t METHOD(aog) = {
    .name = "aog",
    .purpose = "accelerated optimistic gradient, anchored at the initial point; the gradient's norm falls as 1/t",
    .citation = "Cai, Zheng: Doubly Optimal No-Regret Learning in Monotone Games, 2023",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
    .output = output_iterate,
};
