/*
 * kt, ckt: betting on the gradients with the estimator of Krichevsky and Trofimov, for all coordinates together (kt) or
 * for each by itself (ckt).
 *
 * kt: Orabona, Pal, "Coin Betting and Parameter-Free Online Learning", 2016, arXiv:1602.04128. ckt: Orabona, "A Modern
 * Introduction to Online Learning", 2019, arXiv:1912.13213, section 9.3.
 *
 *     c = lr (g + weight_decay x);   W starts at w, theta at 0
 *     kt:   1. W <- W - <c, x - x_0>;   theta <- theta - c
 *           2. x <- x_0 + W / (t + 1) theta
 *     ckt:  1. W <- W - c (x - x_0);   theta <- theta - c;   count <- count + [c != 0]  (from 1),  in every coordinate
 *           2. x <- x_0 + W theta / count
 *
 * Both assume |c| <= 1. Decay and lr enter the wealth and the bets alike (public code leaves them out of kt's wealth).
 * ckt grows beyond all numbers where |c| is larger on a strongly curved problem: a step to parameters that are not
 * finite is an error. Two passes. State: kt x_0, theta, 8 bytes a parameter in f32, and W in double; ckt x_0, theta, W,
 * count, 16.
 */
#include <tgmath.h>

#include "blocks/coupled.h"
#include "blocks/sums.h"

enum { LR, WEIGHT_DECAY, WEALTH };
#define COMMON_OPTIONS                                                                                                 \
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, added to the gradient"},                                  \
    [WEALTH] = {"w", 1e-4, "(0,inf)", "wealth to begin with, about the learning rate one would use"}
static const option_t KT_OPTIONS[] = {
    [LR] = {"lr", 1, "[0,inf)", "factor on the gradient, to bound it by 1; 0 in some groups: they stay"},
    COMMON_OPTIONS,
    {0},
};
static const option_t CKT_OPTIONS[] = {
    [LR] = {"lr", 1, "[0,inf)", "factor on the gradient, to bound its coordinates by 1"},
    COMMON_OPTIONS,
    {0},
};

enum { X0, THETA, W, COUNT };
#define X0_ROW                                                                                                         \
    { "x0", "the starting point", LIKE_PARAM, KEPT, .from_param = true }
#define THETA_ROW                                                                                                      \
    { "theta", "minus the sum of c", LIKE_PARAM, KEPT, .exact = true }
static const state_t KT_STATE[] = {[X0] = X0_ROW, [THETA] = THETA_ROW, {0}};
static const state_t CKT_STATE[] = {
    [X0] = X0_ROW,
    [THETA] = THETA_ROW,
    [W] = {"W", "wealth", LIKE_PARAM, KEPT, .initial_option = "w", .exact = true},
    [COUNT] = {"count", "1 and the gradients that were not 0", LIKE_PARAM, KEPT, .initial = 1, .nonnegative = true,
               .exact = true},
    {0},
};

typedef struct constants {
    real lr, weight_decay;
    real bet; /* kt: W / (t + 1) */
    bool stays;
} constants_t;

static void prepare_ckt(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){.lr = (real)o[LR], .weight_decay = (real)o[WEIGHT_DECAY]};
}

static inline real outcome(real x, real g, const constants_t *k) {
    return k->lr * (g + k->weight_decay * x);
}

/* ---- kt ---- */

typedef struct memory {
    double wealth, shared_lr;
} memory_t;
static const field_t KT_FIELDS[] = {
    {"W", "wealth", FIELD(OF_METHOD, memory_t, wealth), .initial_option = "w"},
    {0},
};

static void prepare_kt(const group_t *group, void *constants) {
    const memory_t *m = group->memory;
    constants_t *k = constants;
    prepare_ckt(group, k);
    k->bet = (real)(m->wealth / (group->step->t + 1));
    k->stays = coupled_stays(group, LR, m->shared_lr);
}

static void loss_kt(const tile_t *t) { /* <c, x - x_0> */
    const constants_t k = *(const constants_t *)t->constants;
    const real *restrict x = t->p, *restrict g = t->g, *restrict x0 = t->state[X0];
    real c[SUM_ELEMENTS], from_x0[SUM_ELEMENTS];
    if (k.stays)
        return;
    for (size_t i = 0; i < t->n; ++i) {
        c[i] = outcome(x[i], g[i], &k);
        from_x0[i] = x[i] - x0[i];
    }
    t->sum[0] += sum_products(t->n, c, from_x0);
}

static void update_kt(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict x = t->p, *restrict theta = t->state[THETA];
    const real *restrict g = t->g, *restrict x0 = t->state[X0];
    for (size_t i = 0; !k.stays && i < t->n; ++i) {
        theta[i] -= outcome(x[i], g[i], &k);
        x[i] = x0[i] + k.bet * theta[i];
    }
}

enum { LOOK, UPDATE };

static optim_status advance_kt(step_t *s) {
    memory_t *m = s->memory;
    if (coupled_check(s, LR, &m->shared_lr) != OPTIM_OK)
        return OPTIM_ERR_VALUE;
    m->wealth -= step_sums(s, LOOK, NULL, 1)[0];
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(kt) = {
    .name = "kt",
    .purpose = "learning-rate-free: bets a share of its wealth against the gradients seen so far",
    .citation = "Orabona, Pal: Coin Betting and Parameter-Free Online Learning, 2016, arXiv:1602.04128",
    .evaluations = "1 gradient",
    .options = KT_OPTIONS,
    .states = KT_STATE,
    .flags = MAY_FAIL,
    .fields = KT_FIELDS,
    .memory = sizeof(memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare_kt,
    .advance = advance_kt,
    .kernels = {[LOOK] = loss_kt, [UPDATE] = update_kt},
};

/* ---- ckt ---- */

typedef struct coin {
    real x, theta, wealth, count;
} coin_t;

static inline coin_t toss(coin_t s, real x0, real c) {
    s.wealth -= c * (s.x - x0);
    s.theta -= c;
    s.count += c != 0;
    s.x = x0 + s.wealth * s.theta / s.count;
    return s;
}

static void look_ckt(const tile_t *t) { /* 1 where x would not be finite */
    const constants_t k = *(const constants_t *)t->constants;
    const real *restrict x = t->p, *restrict g = t->g, *restrict x0 = t->state[X0], *restrict theta = t->state[THETA],
                         *restrict wealth = t->state[W], *restrict count = t->state[COUNT];
    double *restrict term = t->term[0];
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const coin_t coin = {x[i], theta[i], wealth[i], count[i]};
        const real next = toss(coin, x0[i], outcome(x[i], g[i], &k)).x;
        term[i] = next - next == 0 ? 0 : 1;
    }
}

static void update_ckt(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict x = t->p, *restrict theta = t->state[THETA], *restrict wealth = t->state[W],
                   *restrict count = t->state[COUNT];
    const real *restrict g = t->g, *restrict x0 = t->state[X0];
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const coin_t coin = toss((coin_t){x[i], theta[i], wealth[i], count[i]}, x0[i], outcome(x[i], g[i], &k));
        x[i] = coin.x;
        theta[i] = coin.theta;
        wealth[i] = coin.wealth;
        count[i] = coin.count;
    }
}

static optim_status advance_ckt(step_t *s) {
    if (step_reduce(s, LOOK, NULL, 1)[0] > 0)
        return step_fail(s, OPTIM_ERR_NONFINITE,
                         "a parameter would not be finite, and the step was undone: lower lr until |lr g| <= 1");
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(ckt) = {
    .name = "ckt",
    .purpose = "kt with a wealth for every coordinate",
    .citation = "Orabona: A Modern Introduction to Online Learning, 2019, arXiv:1912.13213, section 9.3",
    .evaluations = "1 gradient",
    .options = CKT_OPTIONS,
    .states = CKT_STATE,
    .flags = CUTS_EXACTLY | MAY_FAIL,
    .constants = sizeof(constants_t),
    .prepare = prepare_ckt,
    .advance = advance_ckt,
    .kernels = {[LOOK] = look_ckt, [UPDATE] = update_ckt},
};
