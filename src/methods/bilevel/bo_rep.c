/*
 * bo_rep: bilevel optimization with initial refinement and periodic updates of y and normalized momentum on x, for
 * min_x F(x, y*(x)), y*(x) = argmin_y G(x, y), where F may be of unbounded smoothness in x.
 *
 * Hao, Gong, Liu, "Bilevel Optimization under Unbounded Smoothness: A New Algorithm and Convergence Analysis", ICLR
 * 2024, arXiv:2401.09587; algorithm 1.
 *
 *     step t = 0, 1, ...
 *     1. t = 0:   `warm` times    y <- y - lr_y G_y(x, y)
 *        t > 0, every `interval`-th step:  y0 = y;  `inner` times  y <- Proj(y - lr_y G_y(x, y));  y <- their mean
 *        Proj: onto the ball about y0 of this radius
 *     2. z' = z - lr_z (G_yy z - F_y)
 *        m <- beta m + (1 - beta) (F_x - G_xy z)               with the old z
 *        x <- x - lr m / |m|,   z <- z'
 *
 * F is objective 0, G objective 1. z, the solution of G_yy z = F_y, starts at 0 or where the input of that name says. m
 * = 0 moves nothing. Everything is asked for. State: z of y, m of x; within a step where it began, y in the precision
 * of states, a mean, a gradient and a product: 4 (28) bytes for a parameter y in f32, 4 (16) for a parameter x.
 */
#include "blocks/lower_level.h"

enum { LR, BETA, LR_Z, LR_Y, INTERVAL, INNER, RADIUS, WARM };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.05, "[0,inf)", "length of a move of x"},
    [BETA] = {"beta", 0.9, "[0,1)", "decay of the momentum"},
    [LR_Z] = {"lr_z", 0.2, "[0,inf)", "step size of z"},
    [LR_Y] = {"lr_y", 0.2, "[0,inf)", "step size of y"},
    [INTERVAL] = {"interval", 3, "integer [1,inf)", "steps from one update of y to the next"},
    [INNER] = {"inner", 3, "integer [1,inf)", "moves of y in an update"},
    [RADIUS] = {"radius", 1, "(0,inf)", "how far y may go in an update"},
    [WARM] = {"warm", 5, "integer [0,inf)", "moves of y in the first step"},
    {0},
};

static bool is_x(const tensor_t *tensor, const double *option) {
    return !is_y(tensor, option);
}

enum { MEAN = Z + 1, D, PRODUCTS, M };
static const state_t STATE[] = {
    LOWER_LEVEL_ROWS,
    [Z] = {"z", "solution of the linear system", LIKE_PARAM, KEPT, .exists = is_y, .undone = true},
    [MEAN] = {"mean", "of the moves of y", LIKE_PARAM, WITHIN_STEP, .exists = is_y},
    [D] = {"d", "what the Hessian of G multiplies: z, and 0 for x", LIKE_PARAM, DIRECTION},
    [PRODUCTS] = {"hd", "the product", LIKE_PARAM, PRODUCT},
    [M] = {"m", "momentum of the hypergradient", LIKE_PARAM, FIRST_MOMENT, .exists = is_x},
    {0},
};
static const input_t INPUTS[] = {
    {"z", "where z starts, with the shape of the parameter; without it at 0", INPUT_OF_PARAMETER, true},
    {0},
};

typedef struct memory { /* within a step: move of y */
    int64_t k;
} memory_t;

typedef struct constants {
    lower_level_t lower;
    double lr;
    real lr_y, lr_z, beta, one_beta, share; /* share: 1 / inner */
} constants_t;

typedef struct factor {
    double factor;
} factor_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){.lower = {group->t == 1},
                                              .lr = o[LR],
                                              .lr_y = (real)o[LR_Y],
                                              .lr_z = (real)o[LR_Z],
                                              .beta = (real)o[BETA],
                                              .one_beta = (real)(1 - o[BETA]),
                                              .share = (real)(1 / o[INNER])};
}

/* ---- Line 1 ---- */

static void empty_mean(const tile_t *t) {
    if (t->state[MEAN] != NULL)
        memset(t->state[MEAN], 0, t->n * sizeof(real));
}

static void move_y(const tile_t *t) {
    const real lr = ((const constants_t *)t->constants)->lr_y;
    const real *restrict g = t->g;
    real *restrict y = t->state[Y];
    for (size_t i = 0; y != NULL && i < t->n; ++i)
        y[i] -= lr * g[i];
}

static void square_move(const tile_t *t) { /* |y - y0|^2 */
    const real *restrict y = t->state[Y], *restrict y0 = t->state[START];
    for (size_t i = 0; i < t->n; ++i) {
        const double move = y == NULL ? 0 : (double)y[i] - (double)y0[i];
        t->term[0][i] = move * move;
    }
}

/* The point is drawn back by this factor, and counted. */
static void project(const tile_t *t) {
    const real factor = (real)((const factor_t *)t->arguments)->factor;
    const real share = ((const constants_t *)t->constants)->share, *restrict y0 = t->state[START];
    real *restrict y = t->state[Y], *restrict mean = t->state[MEAN];
    for (size_t i = 0; y != NULL && i < t->n; ++i) {
        if (factor < 1)
            y[i] = y0[i] + factor * (y[i] - y0[i]);
        mean[i] += share * y[i];
    }
}

static void take_mean(const tile_t *t) {
    if (t->state[Y] != NULL)
        memcpy(t->state[Y], t->state[MEAN], t->n * sizeof(real));
}

/* ---- Line 2 ---- */

static void aim_at_z(const tile_t *t) {
    if (t->state[Z] != NULL)
        memcpy(t->state[D], t->state[Z], t->n * sizeof(real));
}

static void move_z_and_m(const tile_t *t) { /* h holds the gradient of F; terms: |m|^2 */
    const constants_t k = *(const constants_t *)t->constants;
    const real *restrict h = t->state[H], *restrict product = t->state[PRODUCTS];
    real *restrict z = t->state[Z], *restrict m = t->state[M];
    for (size_t i = 0; z != NULL && i < t->n; ++i)
        z[i] = settled(z[i] - k.lr_z * (product[i] - h[i]));
    for (size_t i = 0; m != NULL && i < t->n; ++i)
        m[i] = settled(k.beta * m[i] + k.one_beta * (h[i] - product[i]));
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = m == NULL ? 0 : (double)m[i] * (double)m[i];
}

static void move_x(const tile_t *t) {
    const double norm = ((const factor_t *)t->arguments)->factor;
    const real step = norm > 0 ? (real)(((const constants_t *)t->constants)->lr / norm) : 0;
    const real *restrict m = t->state[M];
    real *restrict p = t->p;
    for (size_t i = 0; m != NULL && i < t->n; ++i)
        p[i] -= step * m[i];
}

enum { EMPTY_MEAN = LOWER_LEVEL_KERNEL_COUNT, MOVE_Y, SQUARE_MOVE, PROJECT, TAKE_MEAN, AIM_AT_Z, MOVE_Z_AND_M, MOVE_X };

/* ---- A step ---- */

static double moves_of_y(const step_t *s) {
    const double *o = s->option;
    return s->t == 1 ? o[WARM] : fmod(s->t - 1, o[INTERVAL]) == 0 ? o[INNER] : 0;
}

static void keep_near(step_t *s) {
    const double distance = sqrt(step_reduce(s, SQUARE_MOVE, NULL, 1)[0]), radius = s->option[RADIUS];
    step_update(s, PROJECT, &(factor_t){distance > radius ? radius / distance : 1});
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    step_update(s, BEGIN, NULL);
    step_update(s, EMPTY_MEAN, NULL);
    for (m->k = 0; (double)m->k < moves_of_y(s); ++m->k) {
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .objective = LOWER, .roles = OF_Y);
        step_update(s, MOVE_Y, NULL);
        if (s->t > 1)
            keep_near(s);
        step_update(s, GO_TO_Y, NULL);
    }
    if (s->t > 1 && m->k > 0) {
        step_update(s, TAKE_MEAN, NULL);
        step_update(s, GO_TO_Y, NULL);
    }
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .objective = UPPER);
    step_update(s, KEEP, NULL);
    step_update(s, AIM_AT_Z, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_FRESH, .objective = LOWER, .roles = OF_Y);
    step_update(s, MOVE_X, &(factor_t){sqrt(step_reduce(s, MOVE_Z_AND_M, NULL, 1)[0])});
    STEP_END(s);
}

const method_t METHOD(bo_rep) = {
    .name = "bo_rep",
    .purpose = "bilevel optimization by normalized momentum, with y refined now and then in a ball",
    .citation = "Hao, Gong, Liu: Bilevel Optimization under Unbounded Smoothness: A New Algorithm and Convergence "
                "Analysis, ICLR 2024, arXiv:2401.09587",
    .evaluations =
        "1 gradient of the upper objective, 1 product; gradients of the lower one: `warm` in the first step, "
        "`inner` in every `interval`-th",
    .options = OPTIONS,
    .states = STATE,
    .inputs = INPUTS,
    .roles = LOWER_LEVEL_ROLES,
    .flags = REQUESTS | REQUESTS_PRODUCTS | ASKS_FOR_ALL,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .refuses_inputs = lower_level_refuses_inputs,
    .prepare = prepare,
    .advance = advance,
    .kernels = {LOWER_LEVEL_KERNELS, empty_mean, move_y, square_move, project, take_mean, aim_at_z, move_z_and_m,
                move_x},
    .arguments = {[PROJECT] = sizeof(factor_t), [MOVE_X] = sizeof(factor_t)},
};
