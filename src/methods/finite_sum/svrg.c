/*
 * svrg: stochastic variance-reduced gradient, for a mean of n components f_i.
 *
 * Johnson, Zhang, "Accelerating Stochastic Gradient Descent using Predictive Variance Reduction", 2013.
 *
 *     1. ref = x,   mu = grad f(x)
 *     2. m times:   i uniform in 0 .. n - 1;   x = reg(x - lr (grad f_i(x) - grad f_i(ref) + mu)), reg's step being lr
 *     3. average = 1: x = mean of the m iterates of line 2
 *
 * m = 0 stands for 2 n. A step begins with the gradient of a full pass and asks for two gradients of one component in
 * each iteration: at x, then at ref. State: none between steps; within a step ref, x, mu and grad f_i(x), with average
 * = 1 the sum of the iterates besides: 16 (20) bytes a parameter in f32.
 */
#include <string.h>

#include "engine/map.h"

enum { LR, M, OPTION, REG };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},
    [M] = {"m", 0, "integer [0,inf)", "iterations of a step; 0: twice the number of components", .zero_apart = true},
    [OPTION] = {"option", 0, "last|average", "which of a step's iterates it ends with"},
    [REG] = {"reg", 0, "map", "prox of a penalty on the parameters, or projection", .choice = "none"},
    {0},
};

enum { REF, X, MU, G, SUM };
static const state_t STATE[] = {
    [REF] = {"ref", "the reference point: where the step began", LIKE_PARAM, RESTORE_POINT},
    [X] = {"x", "the iterate, in the precision of states", LIKE_PARAM, WITHIN_STEP},
    [MU] = {"mu", "the gradient of a full pass at the reference", LIKE_PARAM, WITHIN_STEP},
    [G] = {"g", "the component's gradient at the iterate", LIKE_PARAM, WITHIN_STEP},
    [SUM] = {"sum", "of the iterates", LIKE_PARAM, WITHIN_STEP, .when = "option"},
    {0},
};

typedef struct memory { /* within a step */
    int64_t k, i;       /* iteration, component */
} memory_t;

typedef struct constants {
    real lr, iterations;
} constants_t;

static int64_t iterations(const step_t *s) {
    return s->option[M] > 0 ? (int64_t)s->option[M] : 2 * s->components;
}

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){(real)group->option[LR], (real)iterations(group->step)};
}

/* Line 1. */
static void begin(const tile_t *t) {
    memcpy(t->state[REF], t->p, t->n * sizeof(real));
    memcpy(t->state[X], t->p, t->n * sizeof(real));
    memcpy(t->state[MU], t->g, t->n * sizeof(real));
    if (t->state[SUM] != NULL)
        memset(t->state[SUM], 0, t->n * sizeof(real));
}

/* The gradient at the iterate is there: on to the reference. */
static void go_to_reference(const tile_t *t) {
    memcpy(t->state[G], t->g, t->n * sizeof(real));
    memcpy(t->p, t->state[REF], t->n * sizeof(real));
}

/* Line 2 up to the map, with the gradient at the reference. */
static void move(const tile_t *t) {
    const real lr = ((const constants_t *)t->constants)->lr;
    const real *restrict g = t->state[G], *restrict g_ref = t->g, *restrict mu = t->state[MU],
                         *restrict x = t->state[X];
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = x[i] - lr * (g[i] - g_ref[i] + mu[i]);
}

/* Line 2 behind the map: the parameters are the new iterate. */
static void keep(const tile_t *t) {
    const real *restrict p = t->p;
    real *restrict sum = t->state[SUM];
    memcpy(t->state[X], p, t->n * sizeof(real));
    for (size_t i = 0; sum != NULL && i < t->n; ++i)
        sum[i] += p[i];
}

/* Line 3. */
static void average(const tile_t *t) {
    const real count = ((const constants_t *)t->constants)->iterations;
    const real *restrict sum = t->state[SUM];
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = sum[i] / count;
}

enum { BEGIN, GO_TO_REFERENCE, MOVE, KEEP, AVERAGE };

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const char *wrong = step_map_refuses(s, REG, 1, true);
    if (wrong != NULL)
        return step_fail(s, OPTIM_ERR_VALUE, wrong);
    STEP_BEGIN(s);
    step_update(s, BEGIN, NULL);
    for (m->k = 0; m->k < iterations(s); ++m->k) {
        m->i = step_index(s, s->components);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .first = m->i, .count = 1);
        step_update(s, GO_TO_REFERENCE, NULL);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .first = m->i, .count = 1);
        step_update(s, MOVE, NULL);
        step_map_by_lr(s, REG, 1);
        step_update(s, KEEP, NULL);
    }
    if (s->option[OPTION] != 0)
        step_update(s, AVERAGE, NULL);
    STEP_END(s);
}

const method_t METHOD(svrg) = {
    .name = "svrg",
    .purpose = "stochastic gradients of components, their variance reduced by a full gradient at a reference point",
    .citation =
        "Johnson, Zhang: Accelerating Stochastic Gradient Descent using Predictive Variance Reduction, NeurIPS 2013",
    .evaluations = "1 gradient of a full pass, 2 m of one component",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | BY_ELEMENT | NEEDS_COMPONENTS | COMPONENT_GRADIENTS | BEGINS_FULL,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {begin, go_to_reference, move, keep, average},
};
