/*
 * page: probabilistic gradient estimator, for a mean of n components f_i, convex or not.
 *
 * Li, Bao, Zhang, Richtarik, "PAGE: A Simple and Optimal Probabilistic Gradient Estimator for Nonconvex Optimization",
 * 2021, arXiv:2008.10898.
 *
 *     estimate(x):   grad f(x) if b = n, else the mean of grad f_i(x) over b draws of i, uniform in 0 .. n - 1
 *     before the first step: v = estimate(x)
 *     1. x' = reg(x - lr v), reg's step being lr
 *     2. with probability p:   v = estimate(x')
 *        otherwise:            v = v + the mean of grad f_i(x') - grad f_i(x) over b2 draws of i
 *     3. x = x'
 *
 * b = 0 stands for n, p = 0 for b2 / (b2 + b). A step begins without a gradient, and asks for those of line 2 (the
 * first one for those before it too): full passes, or single components, each at x', then at x. State: v; within a step
 * x, x', the direction and what is summed up: 4 (16) bytes a parameter in f32.
 */
#include <string.h>

#include "engine/map.h"

enum { LR, P, B, B2, REG };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size; theory: 1 / (L (1 + sqrt((1 - p) / (p b2))))"},
    [P] = {"p", 0, "[0,1]", "probability of a new estimate; 0: b2 / (b2 + b)", .zero_apart = true},
    [B] = {"b", 0, "integer [0,inf)", "draws of an estimate; 0, or the number of components: a full pass",
           .zero_apart = true},
    [B2] = {"b2", 1, "integer [1,inf)", "draws of a correction"},
    [REG] = {"reg", 0, "map", "prox of a penalty on the parameters, or projection", .choice = "none"},
    {0},
};

enum { X, NEW_X, V, DIRECTION_V, SUM };
static const state_t STATE[] = {
    [X] = {"x", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [NEW_X] = {"new_x", "where it ends, in the precision of states", LIKE_PARAM, WITHIN_STEP},
    [V] = {"v", "the estimate of the gradient", LIKE_PARAM, KEPT},
    [DIRECTION_V] = {"direction", "the estimate that the step goes along", LIKE_PARAM, WITHIN_STEP},
    [SUM] = {"sum", "of the gradients asked for, by weight", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct memory { /* within a step */
    int64_t round, k, i;
    bool estimates;
} memory_t;

typedef struct constants {
    real lr;
    bool first; /* step of the tensor: it has no v */
} constants_t;

typedef struct weight {
    double weight;
} weight_t;

typedef struct end {
    bool estimates;
} end_t;

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){(real)group->option[LR], group->t == 1};
}

static void begin(const tile_t *t) {
    memcpy(t->state[X], t->p, t->n * sizeof(real));
    memset(t->state[SUM], 0, t->n * sizeof(real));
}

static void add(const tile_t *t) {
    const real weight = (real)((const weight_t *)t->arguments)->weight;
    const real *restrict g = t->g;
    real *restrict sum = t->state[SUM];
    for (size_t i = 0; i < t->n; ++i)
        sum[i] += weight * g[i];
}

/* Line 1 up to the map. */
static void move(const tile_t *t) {
    const constants_t *k = t->constants;
    const real lr = k->lr, *restrict x = t->state[X];
    real *restrict p = t->p, *restrict v = t->state[DIRECTION_V];
    memcpy(v, t->state[k->first ? SUM : V], t->n * sizeof(real));
    memset(t->state[SUM], 0, t->n * sizeof(real));
    for (size_t i = 0; i < t->n; ++i)
        p[i] = x[i] - lr * v[i];
}

/* Behind the map: the parameters are the new x. */
static void keep(const tile_t *t) {
    memcpy(t->state[NEW_X], t->p, t->n * sizeof(real));
}

static void go_to_x(const tile_t *t) {
    memcpy(t->p, t->state[X], t->n * sizeof(real));
}
static void go_to_new_x(const tile_t *t) {
    memcpy(t->p, t->state[NEW_X], t->n * sizeof(real));
}

/* Line 2, what was asked for being summed up. */
static void end(const tile_t *t) {
    const bool estimates = ((const end_t *)t->arguments)->estimates;
    const real *restrict direction = t->state[DIRECTION_V], *restrict sum = t->state[SUM];
    real *restrict v = t->state[V];
    for (size_t i = 0; i < t->n; ++i)
        v[i] = (estimates ? 0 : direction[i]) + sum[i];
}

enum { BEGIN, ADD, MOVE, KEEP, GO_TO_X, GO_TO_NEW_X, END };

static bool is_full(const step_t *s) {
    return s->option[B] == 0 || s->option[B] == (double)s->components;
}
static int64_t asks(const step_t *s) {
    return is_full(s) ? 1 : (int64_t)s->option[B];
}
static double probability(const step_t *s) {
    const double *o = s->option;
    return o[P] > 0 ? o[P] : o[B2] / (o[B2] + (o[B] > 0 ? o[B] : (double)s->components));
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const char *wrong = step_map_refuses(s, REG, 1, true);
    if (s->option[B] > (double)s->components)
        wrong = "b must be no more than the number of components";
    if (wrong != NULL)
        return step_fail(s, OPTIM_ERR_VALUE, wrong);
    STEP_BEGIN(s);
    step_update(s, BEGIN, NULL);
    m->estimates = step_is_a_first(s);
    for (m->round = 0; m->round < 2; ++m->round) { /* at x, before the first step alone; at x' */
        if (m->round == 1) {
            step_update(s, MOVE, NULL);
            step_map_by_lr(s, REG, 1);
            step_update(s, KEEP, NULL);
            m->estimates = step_bernoulli(s, probability(s));
        }
        for (m->k = 0; m->estimates && m->k < asks(s); ++m->k) {
            m->i = is_full(s) ? 0 : step_index(s, s->components);
            STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = is_full(s) ? OPTIM_SAMPLE_FULL : OPTIM_SAMPLE_SAME,
                     .first = m->i, .count = !is_full(s));
            step_update(s, ADD, &(weight_t){1 / (double)asks(s)});
        }
    }
    for (m->k = 0; !m->estimates && (double)m->k < s->option[B2]; ++m->k) {
        m->i = step_index(s, s->components);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .first = m->i, .count = 1);
        step_update(s, ADD, &(weight_t){1 / s->option[B2]});
        step_update(s, GO_TO_X, NULL);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .first = m->i, .count = 1);
        step_update(s, ADD, &(weight_t){-1 / s->option[B2]});
        step_update(s, GO_TO_NEW_X, NULL);
    }
    step_update(s, END, &(end_t){m->estimates});
    STEP_END(s);
}

const method_t METHOD(page) = {
    .name = "page",
    .purpose = "an estimate of the gradient that is made anew by chance, and corrected otherwise",
    .citation = "Li, Bao, Zhang, Richtarik: PAGE: A Simple and Optimal Probabilistic Gradient Estimator for Nonconvex "
                "Optimization, ICML 2021, arXiv:2008.10898",
    .evaluations = "with probability p 1 gradient of a full pass (b < n: b of one component), otherwise 2 b2 of one "
                   "component",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | BY_ELEMENT | NEEDS_COMPONENTS | COMPONENT_GRADIENTS | ASKS_FOR_ALL,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {begin, add, move, keep, go_to_x, go_to_new_x, end},
    .arguments = {[ADD] = sizeof(weight_t), [END] = sizeof(end_t)},
};
