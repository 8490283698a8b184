/*
 * harpg: Hessian-aided recursive momentum, normalized or not.
 *
 * Fatkhullin, Barakat, Kireeva, He, "Stochastic Policy Gradient Methods: Improved Sample Complexity for
 * Fisher-non-degenerate Policies", 2023, arXiv:2302.01734, (N)-HARPG; Tran, Cutkosky, "Better SGD using Second-order
 * Momentum", 2022, arXiv:2103.03265.
 *
 *     1. lr_k = lr (2 / (k + 2))^lr_power,   e_k = min(1, eta (2 / (k + 2))^eta_power),   k = 0, 1, ...
 *     2. g at x_k;   k > 0: then Hv at u x_k + (1 - u) x_{k-1} with v = x_k - x_{k-1},  u ~ U[0, 1),  and back to x_k
 *     3. d <- g at k = 0,   d <- (1 - e_k) (d + Hv) + e_k g later
 *     4. x_{k+1} = x_k - lr_k d / |d|,  the norm over all tensors (no movement where d = 0);
 *        normalize = 0: x_k - lr_k d
 *
 * u is one number a step; draws=quasi: the fractional part of k times the golden ratio; draws=mean: 1/2. In policy
 * gradients the estimator of Hv has a score-function term, which belongs to the caller's product.
 * State: d, x_{k-1}; within a step x_k, g, v, Hv: 24 bytes a parameter in f32.
 */
#include "blocks/draws.h"
#include "blocks/recursive.h"
#include "blocks/sums.h"

enum { LR, ETA, NORMALIZE, LR_POWER, ETA_POWER, DRAWS };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "length of the first step"},
    [ETA] = {"eta", 1, "(0,1]", "weight of the newest gradient"},
    [NORMALIZE] = {"normalize", 1, "0|1", "0: plain steps along the estimate"},
    [LR_POWER] = {"lr_power", 1, "[0,inf)", "exponent of the decay of lr; 0.5 with normalize=0"},
    [ETA_POWER] = {"eta_power", 1, "[0,inf)", "exponent of the decay of eta"},
    [DRAWS] = {"draws", DRAWS_RANDOM, "random|quasi|mean", "where between the last two points the product is taken"},
    {0},
};

enum { V = RECURSIVE_STATES, HV };
static const state_t STATE[] = {
    RECURSIVE_ROWS("the product"),
    [V] = {"v", "the last displacement", LIKE_PARAM, DIRECTION},
    [HV] = {"Hv", "the product", LIKE_PARAM, PRODUCT},
    {0},
};

typedef struct constants {
    real lr;
    weights_t e;
    bool normalize;
} constants_t;

typedef struct leave {
    double u;
} leave_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, k = group->t - 1;
    *(constants_t *)constants = (constants_t){
        .lr = (real)power(o[LR], o[LR_POWER], k),
        .e = weights_of_new(power_weight(o[ETA], o[ETA_POWER], k)),
        .normalize = o[NORMALIZE] != 0,
    };
}

/* Line 2: to a point between the last two. */
static void leave(const tile_t *t) {
    const double between = ((const leave_t *)t->arguments)->u;
    const real u = (real)between, one_u = (real)(1 - between);
    real *restrict p = t->p, *restrict x = t->state[X], *restrict kept = t->state[GRADIENT], *restrict v = t->state[V];
    const real *restrict g = t->g, *restrict x_prev = t->state[X_PREV];
    for (size_t i = 0; i < t->n; ++i) {
        x[i] = p[i];
        kept[i] = g[i];
        v[i] = p[i] - x_prev[i];
        p[i] = u * p[i] + one_u * x_prev[i];
    }
}

/* Line 3; at k = 0 there is no product, and its weight is 0. */
static void recurse(const tile_t *t) {
    const weights_t e = ((const constants_t *)t->constants)->e;
    real *restrict d = t->state[D];
    const real *restrict g = t->state[GRADIENT], *restrict hv = t->state[HV];
    for (size_t i = 0; i < t->n; ++i)
        d[i] = ema(d[i] + hv[i], g[i], e);
    t->sum[0] += sum_squares(t->n, d);
}

/* Line 4. */
static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    recursive_move(t, k.lr, divisor_of(t, k.normalize, 0));
}

enum { LEAVE, RECURSE, UPDATE };

static optim_status advance(step_t *s) {
    const double k = s->t - 1;
    STEP_BEGIN(s);
    step_update(s, LEAVE, &(leave_t){k > 0 ? draw_uniform(s, s->option[DRAWS], k) : 1});
    if (k > 0)
        STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
    normalized_step(s, RECURSE, UPDATE, s->option[NORMALIZE] != 0);
    STEP_END(s);
}

const method_t METHOD(harpg) = {
    .name = "harpg",
    .purpose = "recursive momentum carried along by Hessian-vector products",
    .citation =
        "Fatkhullin et al.: Stochastic Policy Gradient Methods: Improved Sample Complexity for Fisher-non-degenerate "
        "Policies, 2023, arXiv:2302.01734; Tran, Cutkosky: Better SGD using Second-order Momentum, 2022, "
        "arXiv:2103.03265",
    .evaluations = "1 gradient, 1 Hessian-vector product (the first step: none)",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | REQUESTS_PRODUCTS,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[LEAVE] = leave, [RECURSE] = recurse, [UPDATE] = update},
    .arguments = {[LEAVE] = sizeof(leave_t), [UPDATE] = sizeof(norm_t)},
};
