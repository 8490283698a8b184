/*
 * penalty_bilevel: the lower level as a penalty of fixed weight, for min_x F(x, y*(x)), y*(x) = argmin_y G(x, y).
 *
 * Kwon, Kwon, Wright, Nowak, "On Penalty Methods for Nonconvex Bilevel Optimization and First-Order Stochastic
 * Approximation", 2024, arXiv:2309.01753; Shen, Chen, "On Penalty-based Bilevel Gradient Descent Method", 2023,
 * arXiv:2302.05185.
 *
 *     1. `inner` times:   z <- z - lr_inner G_y(x, z)
 *     2. x <- x - lr (F_x(x, y) + lam (G_x(x, y) - G_x(x, z)))
 *        y <- y - lr (F_y(x, y) + lam G_y(x, y))              both from the old x, y
 *
 * z starts at y, or where the input of that name says. All gradients are asked for. State: z; within a step where it
 * began, y in the precision of states, a direction, and a copy of z: 4 (20) bytes for a parameter y in f32, 0 (8) for a
 * parameter x.
 */
#include "blocks/lower_level.h"

enum { LAM, LR, INNER, LR_INNER };
static const option_t OPTIONS[] = {
    [LAM] = {"lam", 10, "[0,inf)", "weight of the lower level"},
    [LR] = {"lr", 0.02, "[0,inf)", "step size of x and y; it must stay below 2 / (lam L), L the smoothness of G"},
    [INNER] = {"inner", 5, "integer [1,inf)", "moves of z in a step"},
    [LR_INNER] = {"lr_inner", 0.2, "[0,inf)", "step size of z"},
    {0},
};

static const state_t STATE[] = {LOWER_LEVEL_STATES, {0}};
static const input_t INPUTS[] = {LOWER_LEVEL_INPUT("z"), {0}};

typedef struct memory { /* within a step */
    int64_t k;          /* move of z */
} memory_t;

typedef struct constants {
    lower_level_t lower;
    real penalty, lr, lr_inner; /* penalty: lr lam */
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){{group->t == 1}, (real)(o[LR] * o[LAM]), (real)o[LR], (real)o[LR_INNER]};
}

/* Line 1. */
static void move_z(const tile_t *t) {
    const real lr = ((const constants_t *)t->constants)->lr_inner;
    const real *restrict g = t->g;
    real *restrict z = t->state[Z];
    for (size_t i = 0; z != NULL && i < t->n; ++i)
        z[i] -= lr * g[i];
}

/* h <- lr (h + lam g), with the gradient of G at (x, y): lam g alone may leave the range where the step does not. */
static void add(const tile_t *t) {
    const constants_t *k = t->constants;
    const real lr = k->lr, penalty = k->penalty;
    const real *restrict g = t->g;
    real *restrict h = t->state[H];
    for (size_t i = 0; i < t->n; ++i)
        h[i] = lr * h[i] + penalty * g[i];
}

/* Line 2, with G_x(x, z), which is 0 for y. */
static void move(const tile_t *t) {
    const real penalty = ((const constants_t *)t->constants)->penalty;
    const real *restrict g = t->g, *restrict h = t->state[H], *restrict start = t->state[START];
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = start[i] - (h[i] - penalty * g[i]);
}

enum { MOVE_Z = LOWER_LEVEL_KERNEL_COUNT, ADD, MOVE };

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    step_update(s, BEGIN, NULL);
    for (m->k = 0; (double)m->k < s->option[INNER]; ++m->k) {
        step_update(s, GO_TO_Z, NULL);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .objective = LOWER, .roles = OF_Y);
        step_update(s, MOVE_Z, NULL);
    }
    step_update(s, GO_TO_Y, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .objective = UPPER);
    step_update(s, KEEP, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .objective = LOWER);
    step_update(s, ADD, NULL);
    step_update(s, GO_TO_Z, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .objective = LOWER, .roles = OF_X);
    step_update(s, MOVE, NULL);
    STEP_END(s);
}

const method_t METHOD(penalty_bilevel) = {
    .name = "penalty_bilevel",
    .purpose = "bilevel optimization by gradients alone, the lower level as a penalty of fixed weight",
    .citation = "Kwon, Kwon, Wright, Nowak: On Penalty Methods for Nonconvex Bilevel Optimization and First-Order "
                "Stochastic Approximation, ICLR 2024, arXiv:2309.01753; Shen, Chen: On Penalty-based Bilevel Gradient "
                "Descent Method, ICML 2023, arXiv:2302.05185",
    .evaluations = "inner + 3 gradients, of both objectives",
    .options = OPTIONS,
    .states = STATE,
    .inputs = INPUTS,
    .roles = LOWER_LEVEL_ROLES,
    .flags = REQUESTS | BY_ELEMENT | ASKS_FOR_ALL,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .refuses_inputs = lower_level_refuses_inputs,
    .prepare = prepare,
    .advance = advance,
    .kernels = {LOWER_LEVEL_KERNELS, move_z, add, move},
};
