/*
 * apollo_dqn: a diagonal of the Hessian that fits the gradients' change along the last step.
 *
 * Ma, "Apollo: An Adaptive Parameter-wise Diagonal Quasi-Newton Method for Nonconvex Stochastic Optimization", 2020,
 * arXiv:2009.13586, algorithm 1, as the author's code.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   y = g - m,   a = (1 - beta) / (1 - beta^t);   m <- m + a y
 *     2. of every tensor, d being its last direction: n = |d|_4 + e,  q = d / n
 *        b <- b - (a <y, q> / n + <b, q^2>) q^2
 *     3. rebound=constant: h = max(|b|, 0.01),  e = 100 eps
 *        rebound=belief:   h = max(|b|, max |y|) + eps / a,  e = eps
 *     4. d <- m / h,  decoupled = 1: + weight_decay p;   p <- p - lr d
 *
 * The author warms lr up over 500 steps: here by a schedule. Two passes, three with belief. State: m, b, d, 12 bytes a
 * parameter in f32.
 */
#include "blocks/adam_family.h"

enum { LR, BETA, REBOUND, EPS, WEIGHT_DECAY, DECOUPLED };
enum { CONSTANT, BELIEF };
static const double LEAST = 0.01; /* of rebound=constant; e is eps / LEAST then */
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-2, "[0,inf)", "step size"},
    [BETA] = {"beta", 0.9, "[0,1)", "decay of the first moment"},
    [REBOUND] = {"rebound", CONSTANT, "constant|belief", "what bounds the diagonal from below: 0.01, or the surprise"},
    [EPS] = {"eps", 1e-4, "(0,inf)", "added to the norm of the last direction"},
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(0),
    {0},
};

enum { M, B, D };
static const state_t STATE[] = {
    [M] = M_ROW,
    [B] = {"b", "diagonal of the Hessian", LIKE_PARAM, KEPT},
    [D] = {"d", "the last direction", LIKE_PARAM, KEPT},
    {0},
};

typedef struct tensor_memory {
    double surprise; /* within a step: max |y| */
} tensor_memory_t;

typedef struct constants {
    real lr, a, l2, decay;
    double e, added; /* the latter to h */
    bool belief;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, a = (1 - o[BETA]) / correction(o[BETA], group->t);
    const bool belief = (int)o[REBOUND] == BELIEF, decoupled = o[DECOUPLED] != 0;
    *(constants_t *)constants = (constants_t){
        .lr = (real)o[LR],
        .a = (real)a,
        .l2 = decoupled ? 0 : (real)o[WEIGHT_DECAY],
        .decay = decoupled ? (real)o[WEIGHT_DECAY] : 0,
        .e = belief ? o[EPS] : o[EPS] / LEAST,
        .added = belief ? o[EPS] / a : 0,
        .belief = belief,
    };
}

static inline real change(const tile_t *t, size_t i, real l2) {
    return ((const real *)t->g)[i] + l2 * ((const real *)t->p)[i] - ((const real *)t->state[M])[i];
}

static void surprises(const tile_t *t) {
    const constants_t *k = t->constants;
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = fabs((double)change(t, i, k->l2));
}

/* |d|_4^4, <y, d>, <b, d^2> */
static void products(const tile_t *t) {
    const constants_t *k = t->constants;
    const real *restrict b = t->state[B], *restrict d = t->state[D];
    for (size_t i = 0; i < t->n; ++i) {
        const double di = (double)d[i], square = di * di;
        t->term[0][i] = square * square;
        t->term[1][i] = (double)change(t, i, k->l2) * di;
        t->term[2][i] = (double)b[i] * square;
    }
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const double n = sqrt(sqrt(t->tensor_sum[0])) + k.e;
    const real inverse = (real)(1 / n), delta = (real)(((double)k.a * t->tensor_sum[1] + t->tensor_sum[2]) / (n * n));
    const real least = (real)(k.belief ? ((const tensor_memory_t *)t->memory)->surprise : LEAST);
    const real added = (real)k.added;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict b = t->state[B], *restrict d = t->state[D];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real q = inverse * d[i];
        m[i] = settled(m[i] + k.a * (g[i] + k.l2 * p[i] - m[i]));
        b[i] = settled(b[i] - delta * q * q);
        d[i] = settled(quotient(m[i], larger(fabs(b[i]), least) + added) + k.decay * p[i]);
        p[i] -= k.lr * d[i];
    }
}

enum { SURPRISES, PRODUCTS, UPDATE };

static optim_status advance(step_t *s) {
    bool belief = false;
    for (int i = 0; i < s->groups; ++i)
        belief = belief || (int)step_group(s, i).option[REBOUND] == BELIEF;
    if (belief)
        (void)step_reduce_max(s, SURPRISES, NULL, 1);
    for (size_t n = 0; belief && n < step_tensor_count(s); ++n)
        if (step_tensor(s, n) != NULL)
            ((tensor_memory_t *)step_tensor_memory(s, n))->surprise = step_tensor_sum(s, n)[0];
    (void)step_reduce(s, PRODUCTS, NULL, 3);
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(apollo_dqn) = {
    .name = "apollo_dqn",
    .purpose = "a diagonal of the Hessian that fits the gradients' change along the last step",
    .citation = "Ma: Apollo: An Adaptive Parameter-wise Diagonal Quasi-Newton Method for Nonconvex Stochastic "
                "Optimization, 2020, arXiv:2009.13586",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .tensor_memory = sizeof(tensor_memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SURPRISES] = surprises, [PRODUCTS] = products, [UPDATE] = update},
};
