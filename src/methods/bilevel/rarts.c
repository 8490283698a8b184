/*
 * rarts: relaxed architecture search, for min_x F(x, y*(x)), y*(x) = argmin_y G(x, y), with a second copy w of y: F
 * sees y, G sees w, and both are drawn together.
 *
 * Xue, Qi, Xin, "RARTS: An Efficient First-Order Relaxed Architecture Search Method", 2022, arXiv:2008.03901. From
 * memory.
 *
 *     1. w <- w - lr_w (lam G_w(x, w) + beta (w - y))
 *     2. y <- y - lr_y (F_y(x, y) + beta (y - w))             with the new w
 *     3. x <- x - lr (lam G_x(x, w) + F_x(x, y))              with the new w and y
 *
 * That is descent on F(x, y) + lam G(x, w) + beta |y - w|^2 / 2, block by block: small steps never raise it. F is
 * objective 0 (validation), G objective 1 (training). w starts at y, or where the input of that name says. All
 * gradients are asked for. State: w; within a step where it began, y in the precision of states, a gradient: 4 (16)
 * bytes for a parameter y in f32, 0 (8) for a parameter x.
 */
#include "blocks/lower_level.h"

enum { LR, LR_W, LR_Y, LAM, BETA };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size of x"},
    [LR_W] = {"lr_w", 0.1, "[0,inf)", "step size of w"},
    [LR_Y] = {"lr_y", 0.1, "[0,inf)", "step size of y"},
    [LAM] = {"lam", 1, "[0,inf)", "weight of the lower level"},
    [BETA] = {"beta", 1, "[0,inf)", "how strongly y and w are drawn together"},
    {0},
};

static const state_t STATE[] = {
    LOWER_LEVEL_ROWS,
    LOWER_LEVEL_COPY("w", "the weights that the lower level sees"),
    {0},
};
static const input_t INPUTS[] = {LOWER_LEVEL_INPUT("w"), {0}};

typedef struct constants {
    lower_level_t lower;
    real w_gradient, w_pull, lr_y, y_pull, x_gradient, lr; /* lr_w lam, lr_w beta, ...; lr lam */
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){.lower = {group->t == 1},
                                              .w_gradient = (real)(o[LR_W] * o[LAM]),
                                              .w_pull = (real)(o[LR_W] * o[BETA]),
                                              .lr_y = (real)o[LR_Y],
                                              .y_pull = (real)(o[LR_Y] * o[BETA]),
                                              .x_gradient = (real)(o[LR] * o[LAM]),
                                              .lr = (real)o[LR]};
}

/* Line 1. */
static void move_w(const tile_t *t) {
    const constants_t *k = t->constants;
    const real gradient = k->w_gradient, pull = k->w_pull;
    const real *restrict g = t->g, *restrict y = t->state[Y];
    real *restrict w = t->state[Z];
    for (size_t i = 0; w != NULL && i < t->n; ++i)
        w[i] -= gradient * g[i] + pull * (w[i] - y[i]);
}

/* Line 2. */
static void move_y(const tile_t *t) {
    const constants_t *k = t->constants;
    const real lr = k->lr_y, pull = k->y_pull;
    const real *restrict g = t->g, *restrict w = t->state[Z];
    real *restrict y = t->state[Y];
    for (size_t i = 0; y != NULL && i < t->n; ++i)
        y[i] -= lr * g[i] + pull * (y[i] - w[i]);
}

/* Line 3, with F_x; h holds G_x. */
static void move_x(const tile_t *t) {
    const constants_t *k = t->constants;
    const real gradient = k->x_gradient, lr = k->lr;
    const real *restrict g = t->g, *restrict h = t->state[H];
    real *restrict p = t->p;
    for (size_t i = 0; t->tensor->role == X_ROLE && i < t->n; ++i)
        p[i] -= gradient * h[i] + lr * g[i];
}

enum { MOVE_W = LOWER_LEVEL_KERNEL_COUNT, MOVE_Y, MOVE_X };

static optim_status advance(step_t *s) {
    STEP_BEGIN(s);
    step_update(s, BEGIN, NULL);
    step_update(s, GO_TO_Z, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .objective = LOWER, .roles = OF_Y);
    step_update(s, MOVE_W, NULL);
    step_update(s, GO_TO_Y, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .objective = UPPER, .roles = OF_Y);
    step_update(s, MOVE_Y, NULL);
    step_update(s, GO_TO_Z, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .objective = LOWER, .roles = OF_X);
    step_update(s, KEEP, NULL);
    step_update(s, GO_TO_Y, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .objective = UPPER, .roles = OF_X);
    step_update(s, MOVE_X, NULL);
    STEP_END(s);
}

const method_t METHOD(rarts) = {
    .name = "rarts",
    .purpose = "bilevel optimization by gradients alone, each level with a copy of the weights, drawn together",
    .citation = "Xue, Qi, Xin: RARTS: An Efficient First-Order Relaxed Architecture Search Method, IEEE Access 2022, "
                "arXiv:2008.03901",
    .evaluations = "4 gradients, of both objectives",
    .options = OPTIONS,
    .states = STATE,
    .inputs = INPUTS,
    .roles = LOWER_LEVEL_ROLES,
    .flags = REQUESTS | BY_ELEMENT | ASKS_FOR_ALL,
    .constants = sizeof(constants_t),
    .refuses_inputs = lower_level_refuses_inputs,
    .prepare = prepare,
    .advance = advance,
    .kernels = {LOWER_LEVEL_KERNELS, move_w, move_y, move_x},
};
