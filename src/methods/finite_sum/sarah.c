/*
 * sarah: stochastic recursive gradients, for a mean of n components f_i.
 *
 * Nguyen, Liu, Scheinberg, Takac, "SARAH: A Novel Method for Machine Learning Problems Using Stochastic Recursive
 * Gradient", 2017, arXiv:1703.00102.
 *
 *     1. v = grad f(x);   x' = x,   x = reg(x - lr v), reg's step being lr
 *     2. m - 1 times:   i uniform in 0 .. n - 1;   v = v + grad f_i(x) - grad f_i(x')
 *                       x' = x,   x = reg(x - lr v)
 *
 * m = 0 stands for 2 n. A step ends at the last x; it begins with the gradient of a full pass and asks for two
 * gradients of one component in each iteration: at x, then at x'. State: none between steps; within a step where it
 * began, x, x', v and grad f_i(x): 20 bytes a parameter in f32.
 */
#include <string.h>

#include "engine/map.h"

enum { LR, M, REG };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},
    [M] = {"m", 0, "integer [0,inf)", "moves of a step; 0: twice the number of components", .zero_apart = true},
    [REG] = {"reg", 0, "map", "prox of a penalty on the parameters, or projection", .choice = "none"},
    {0},
};

enum { START, X, BEFORE, V, G };
static const state_t STATE[] = {
    [START] = {"start", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [X] = {"x", "the iterate, in the precision of states", LIKE_PARAM, WITHIN_STEP},
    [BEFORE] = {"before", "the iterate before it", LIKE_PARAM, WITHIN_STEP},
    [V] = {"v", "the recursive gradient", LIKE_PARAM, WITHIN_STEP},
    [G] = {"g", "the component's gradient at the iterate", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct memory { /* within a step */
    int64_t k, i;       /* move, component */
} memory_t;

typedef struct constants {
    real lr;
} constants_t;

static int64_t moves(const step_t *s) {
    return s->option[M] > 0 ? (int64_t)s->option[M] : 2 * s->components;
}

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){(real)group->option[LR]};
}

/* A move up to the map. */
static void go(const tile_t *t) {
    const real lr = ((const constants_t *)t->constants)->lr;
    const real *restrict v = t->state[V], *restrict x = t->state[X];
    real *restrict p = t->p, *restrict before = t->state[BEFORE];
    for (size_t i = 0; i < t->n; ++i) {
        before[i] = x[i];
        p[i] = x[i] - lr * v[i];
    }
}

/* Behind the map: the parameters are the new x. */
static void keep(const tile_t *t) {
    memcpy(t->state[X], t->p, t->n * sizeof(real));
}

/* Line 1. */
static void begin(const tile_t *t) {
    memcpy(t->state[START], t->p, t->n * sizeof(real));
    memcpy(t->state[X], t->p, t->n * sizeof(real));
    memcpy(t->state[V], t->g, t->n * sizeof(real));
    go(t);
}

/* The gradient at x is there: on to x'. */
static void go_before(const tile_t *t) {
    memcpy(t->state[G], t->g, t->n * sizeof(real));
    memcpy(t->p, t->state[BEFORE], t->n * sizeof(real));
}

/* Line 2, with the gradient at x'. */
static void move(const tile_t *t) {
    const real *restrict g = t->state[G], *restrict g_before = t->g;
    real *restrict v = t->state[V];
    for (size_t i = 0; i < t->n; ++i)
        v[i] += g[i] - g_before[i];
    go(t);
}

enum { BEGIN, GO_BEFORE, MOVE, KEEP };

/* The parameters are where the move went: to the iterate. */
static void map(step_t *s) {
    step_map_by_lr(s, REG, 1);
    step_update(s, KEEP, NULL);
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const char *wrong = step_map_refuses(s, REG, 1, true);
    if (wrong != NULL)
        return step_fail(s, OPTIM_ERR_VALUE, wrong);
    STEP_BEGIN(s);
    step_update(s, BEGIN, NULL);
    map(s);
    for (m->k = 1; m->k < moves(s); ++m->k) {
        m->i = step_index(s, s->components);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .first = m->i, .count = 1);
        step_update(s, GO_BEFORE, NULL);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .first = m->i, .count = 1);
        step_update(s, MOVE, NULL);
        map(s);
    }
    STEP_END(s);
}

const method_t METHOD(sarah) = {
    .name = "sarah",
    .purpose = "a full gradient, corrected from move to move by two gradients of one component",
    .citation = "Nguyen, Liu, Scheinberg, Takac: SARAH: A Novel Method for Machine Learning Problems Using Stochastic "
                "Recursive Gradient, ICML 2017, arXiv:1703.00102",
    .evaluations = "1 gradient of a full pass, 2 (m - 1) of one component",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | BY_ELEMENT | NEEDS_COMPONENTS | COMPONENT_GRADIENTS | BEGINS_FULL,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {begin, go_before, move, keep},
};
