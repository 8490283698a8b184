/*
 * lsvrg: loopless SVRG, whose reference point moves by the toss of a coin, for a mean of n components f_i.
 *
 * Kovalev, Horvath, Richtarik, "Don't Jump Through Hoops and Remove Those Loops: SVRG and Katyusha are Better Without
 * the Outer Loop", 2020, arXiv:1901.08689.
 *
 *     1. first step: ref = x,   mu = grad f(x)
 *     2. i uniform in 0 .. n - 1;   x' = reg(x - lr (grad f_i(x) - grad f_i(ref) + mu)), reg's step being lr
 *     3. with probability p: ref = x,   mu = grad f(x)   (the point before the step)
 *     4. x = x'
 *
 * p = 0 stands for 1 / n. A step begins without a gradient and asks for two of one component, at x, then at ref; for
 * that of a full pass in line 3, and in line 1, that of any step that is the first of some tensor. State:
 * ref, mu: 8 bytes a parameter in f32; within a step x, grad f_i(x) and x' besides.
 */
#include <string.h>

#include "engine/map.h"

enum { LR, P, REG };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},
    [P] = {"p", 0, "[0,1]", "probability that the reference moves; 0: one by the number of components",
           .zero_apart = true},
    [REG] = {"reg", 0, "map", "prox of a penalty on the parameters, or projection", .choice = "none"},
    {0},
};

/* A rounded ref would not be the point of mu: the directions would be biased by the difference. */
enum { REF, MU, X, G, NEXT };
static const state_t STATE[] = {
    [REF] = {"ref", "the reference point", LIKE_PARAM, KEPT, .exact = true, .undone = true},
    [MU] = {"mu", "the gradient of a full pass at the reference", LIKE_PARAM, KEPT, .undone = true},
    [X] = {"x", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [G] = {"g", "the component's gradient there", LIKE_PARAM, WITHIN_STEP},
    [NEXT] = {"next", "where the step ends", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct memory { /* within a step */
    int64_t i;          /* component */
} memory_t;

typedef struct constants {
    real lr;
} constants_t;

static double probability(const step_t *s) {
    return s->option[P] > 0 ? s->option[P] : 1 / (double)s->components;
}

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){(real)group->option[LR]};
}

static void begin(const tile_t *t) {
    memcpy(t->state[X], t->p, t->n * sizeof(real));
}

/* Lines 1 and 3, with the gradient of a full pass at x. */
static void refer(const tile_t *t) {
    memcpy(t->state[REF], t->state[X], t->n * sizeof(real));
    memcpy(t->state[MU], t->g, t->n * sizeof(real));
}

/* Line 2: the gradient at x is there; on to the reference. */
static void go_to_reference(const tile_t *t) {
    memcpy(t->state[G], t->g, t->n * sizeof(real));
    memcpy(t->p, t->state[REF], t->n * sizeof(real));
}

/* Line 2 up to the map, with the gradient at the reference. The sum of all three might leave f32 first. */
static void move(const tile_t *t) {
    const real lr = ((const constants_t *)t->constants)->lr;
    const real *restrict g = t->state[G], *restrict g_ref = t->g, *restrict mu = t->state[MU],
                         *restrict x = t->state[X];
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = x[i] - (lr * (g[i] - g_ref[i]) + lr * mu[i]);
}

static void go_back(const tile_t *t) {
    memcpy(t->state[NEXT], t->p, t->n * sizeof(real));
    memcpy(t->p, t->state[X], t->n * sizeof(real));
}

/* Line 4. */
static void end(const tile_t *t) {
    memcpy(t->p, t->state[NEXT], t->n * sizeof(real));
}

enum { BEGIN, REFER, GO_TO_REFERENCE, MOVE, GO_BACK, END };

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const char *wrong = step_map_refuses(s, REG, 1, true);
    if (wrong != NULL)
        return step_fail(s, OPTIM_ERR_VALUE, wrong);
    STEP_BEGIN(s);
    step_update(s, BEGIN, NULL);
    if (step_is_a_first(s)) {
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FULL);
        step_update(s, REFER, NULL);
    }
    m->i = step_index(s, s->components);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .first = m->i, .count = 1);
    step_update(s, GO_TO_REFERENCE, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .first = m->i, .count = 1);
    step_update(s, MOVE, NULL);
    step_map_by_lr(s, REG, 1);
    if (step_bernoulli(s, probability(s))) {
        step_update(s, GO_BACK, NULL);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FULL);
        step_update(s, REFER, NULL);
        step_update(s, END, NULL);
    }
    STEP_END(s);
}

const method_t METHOD(lsvrg) = {
    .name = "lsvrg",
    .purpose = "stochastic gradients of components, their variance reduced at a reference point that moves at random",
    .citation = "Kovalev, Horvath, Richtarik: Don't Jump Through Hoops and Remove Those Loops: SVRG and Katyusha are "
                "Better Without the Outer Loop, ALT 2020, arXiv:1901.08689",
    .evaluations = "2 gradients of one component; with probability p, and in the first step, 1 of a full pass besides",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | BY_ELEMENT | NEEDS_COMPONENTS | COMPONENT_GRADIENTS | ASKS_FOR_ALL,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {begin, refer, go_to_reference, move, go_back, end},
};
