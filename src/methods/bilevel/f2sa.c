/*
 * f2sa: fully first-order stochastic approximation, for min_x F(x, y*(x)), y*(x) = argmin_y G(x, y).
 *
 * Kwon, Kwon, Wright, Nowak, "A Fully First-Order Method for Stochastic Bilevel Optimization", 2023, arXiv:2301.10945;
 * algorithm 1. F is objective 0, G objective 1.
 *
 *     step k = 0, 1, ...:   gamma = lr_z / (k + k0)^c,   alpha = lr_y / (k + k0)^a
 *     1. `inner` times:   z <- z - gamma G_y(x, z)
 *                         y <- y - alpha (F_y(x, y) + lam G_y(x, y))
 *     2. x <- x - xi alpha (F_x(x, y) + lam (G_x(x, y) - G_x(x, z)))
 *     3. lam <- lam + delta
 *
 * That is descent on L = F(x, y) + lam (G(x, y) - min_z G(x, z)), whose gradient is off by O(1 / lam). z starts at y,
 * or where the input of that name says. All gradients are asked for, in this order, each on a sample of its own; to
 * each are added normal numbers times sigma, for experiments. State: z; within a step where it began, y in the
 * precision of states, a gradient, and a copy of z: 4 (20) bytes for a parameter y in f32, 0 (8) for a parameter x.
 */
#include "blocks/gradient_noise.h"
#include "blocks/lower_level.h"

enum { INNER, LR_Z, LR_Y, XI, LAM0, DELTA, A, C, K0, SIGMA };
static const option_t OPTIONS[] = {
    [INNER] = {"inner", 5, "integer [1,inf)", "moves of y and z in a step (T in the paper)"},
    [LR_Z] = {"lr_z", 0.2, "[0,inf)", "step size of z (gamma)"},
    [LR_Y] = {"lr_y", 0.2, "[0,inf)", "step size of y (alpha); it must stay below 2 / (lam L), L the smoothness of G"},
    [XI] = {"xi", 0.5, "[0,inf)", "step size of x, as a multiple of that of y"},
    [LAM0] = {"lam0", 1, "[0,inf)", "multiplier of the lower level, in the first step"},
    [DELTA] = {"delta", 0.1, "[0,inf)", "by which it grows in every step"},
    [A] = {"a", 0, "[0,inf)", "power with which the step size of y falls; theory: 5/7 where both levels are noisy"},
    [C] = {"c", 0, "[0,inf)", "the same for z; theory: 4/7"},
    [K0] = {"k0", 1, "(0,inf)", "shift of the count of steps in those powers"},
    [SIGMA] = {"sigma", 0, "[0,inf)", "standard deviation of noise added to every gradient, for experiments",
               .zero_apart = true},
    {0},
};

static const state_t STATE[] = {LOWER_LEVEL_STATES, {0}};
static const input_t INPUTS[] = {LOWER_LEVEL_INPUT("z"), {0}};

typedef struct memory {
    double lam;
    int64_t k; /* within a step: iteration */
} memory_t;
static const field_t FIELDS[] = {
    {"lam", "multiplier of the lower level", FIELD(OF_METHOD, memory_t, lam), .initial_option = "lam0"},
    {0},
};

typedef struct constants {
    lower_level_t lower;
    real gamma, alpha, xi_alpha, lam;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, k = group->step->t - 1 + o[K0], alpha = o[LR_Y] / pow(k, o[A]);
    *(constants_t *)constants = (constants_t){.lower = {group->t == 1},
                                              .gamma = (real)(o[LR_Z] / pow(k, o[C])),
                                              .alpha = (real)alpha,
                                              .xi_alpha = (real)(o[XI] * alpha),
                                              .lam = (real)((const memory_t *)group->memory)->lam};
}

/* Line 1, with G_y(x, z). */
static void move_z(const tile_t *t) {
    const real gamma = ((const constants_t *)t->constants)->gamma;
    const real *restrict g = t->g;
    real *restrict z = t->state[Z];
    for (size_t i = 0; z != NULL && i < t->n; ++i)
        z[i] -= gamma * g[i];
}

/* Line 1, with G_y(x, y). */
static void move_y(const tile_t *t) {
    const constants_t *k = t->constants;
    const real alpha = k->alpha, lam = k->lam;
    const real *restrict g = t->g, *restrict h = t->state[H];
    real *restrict y = t->state[Y];
    for (size_t i = 0; y != NULL && i < t->n; ++i)
        y[i] -= alpha * (h[i] + lam * g[i]);
}

/* h <- F_x + lam G_x(x, y). */
static void add(const tile_t *t) {
    const real lam = ((const constants_t *)t->constants)->lam;
    const real *restrict g = t->g;
    real *restrict h = t->state[H];
    for (size_t i = 0; i < t->n; ++i)
        h[i] += lam * g[i];
}

/* Line 2, with G_x(x, z). */
static void move_x(const tile_t *t) {
    const constants_t *k = t->constants;
    const real step = k->xi_alpha, lam = k->lam;
    const real *restrict g = t->g, *restrict h = t->state[H];
    real *restrict p = t->p;
    for (size_t i = 0; t->tensor->role == X_ROLE && i < t->n; ++i)
        p[i] -= step * (h[i] - lam * g[i]);
}

enum { MOVE_Z = LOWER_LEVEL_KERNEL_COUNT, MOVE_Y, ADD, MOVE_X, NOISE };

/* The kernel takes the gradient that has arrived for this role, with noise added to it. */
static void take(step_t *s, int kernel, int role) {
    if (s->option[SIGMA] > 0) {
        const gradient_noise_t noise = gradient_noise_draw(s, s->option[SIGMA], role);
        step_filter(s, NOISE, &noise);
    }
    step_update(s, kernel, NULL);
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    step_update(s, BEGIN, NULL);
    for (m->k = 0; (double)m->k < s->option[INNER]; ++m->k) {
        step_update(s, GO_TO_Z, NULL);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .objective = LOWER, .roles = OF_Y);
        take(s, MOVE_Z, Y_ROLE);
        step_update(s, GO_TO_Y, NULL);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .objective = UPPER, .roles = OF_Y);
        take(s, KEEP, Y_ROLE);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .objective = LOWER, .roles = OF_Y);
        take(s, MOVE_Y, Y_ROLE);
    }
    step_update(s, GO_TO_Y, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .objective = UPPER, .roles = OF_X);
    take(s, KEEP, X_ROLE);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .objective = LOWER, .roles = OF_X);
    take(s, ADD, X_ROLE);
    step_update(s, GO_TO_Z, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .objective = LOWER, .roles = OF_X);
    take(s, MOVE_X, X_ROLE);
    step_update(s, GO_TO_Y, NULL);
    m->lam += s->option[DELTA];
    STEP_END(s);
}

const method_t METHOD(f2sa) = {
    .name = "f2sa",
    .purpose = "bilevel optimization by gradients alone, the lower level as a penalty with a growing multiplier",
    .citation = "Kwon, Kwon, Wright, Nowak: A Fully First-Order Method for Stochastic Bilevel Optimization, ICML 2023, "
                "arXiv:2301.10945",
    .evaluations = "3 inner + 3 gradients, of both objectives",
    .options = OPTIONS,
    .states = STATE,
    .inputs = INPUTS,
    .roles = LOWER_LEVEL_ROLES,
    .flags = REQUESTS | BY_ELEMENT | ASKS_FOR_ALL,
    .constants = sizeof(constants_t),
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .refuses_inputs = lower_level_refuses_inputs,
    .prepare = prepare,
    .advance = advance,
    .kernels = {LOWER_LEVEL_KERNELS, move_z, move_y, add, move_x, gradient_noise},
    .arguments = {[NOISE] = sizeof(gradient_noise_t)},
};
