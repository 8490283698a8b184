/*
 * f3sa: f2sa with momentum in its estimates, for min_x F(x, y*(x)), y*(x) = argmin_y G(x, y).
 *
 * Kwon, Kwon, Wright, Nowak, "A Fully First-Order Method for Stochastic Bilevel Optimization", 2023, arXiv:2301.10945;
 * algorithm 2.
 *
 *     step k = 0, 1, ...:   gamma = lr_z / (k + k0)^c,   alpha = lr_y / (k + k0)^a
 *     estimate(D):   h <- D(here) + (1 - eta) (h - D(there)), both on one sample; D(here) in the first step
 *     1. z <- z - gamma estimate(G_y(x, z))
 *        y <- y - alpha (estimate(F_y(x, y)) + lam estimate(G_y(x, y)))
 *     2. x <- x - xi alpha (estimate(F_x(x, y)) + lam (estimate(G_x(x, y)) - estimate(G_x(x, z))))
 *     3. lam <- lam + delta
 *
 * `here` is the point as it stands, `there` the same point of the step before: in line 1 where that step began, in line
 * 2 its x, with the y and z that this step begins with. z starts at y, or where the input of that name says. All
 * gradients are asked for, in this order, `here` before `there`; to each sample are added normal numbers times sigma,
 * for experiments. State: three estimates, where the step before began, z; within a step where this one began, y in the
 * precision of states, a gradient, and copies: 24 (60) bytes for a parameter y in f32, 16 (24) for a parameter x.
 */
#include "blocks/gradient_noise.h"
#include "blocks/lower_level.h"

enum { LR_Z, LR_Y, XI, LAM0, DELTA, A, C, K0, ETA, SIGMA };
static const option_t OPTIONS[] = {
    [LR_Z] = {"lr_z", 0.2, "[0,inf)", "step size of z (gamma)"},
    [LR_Y] = {"lr_y", 0.2, "[0,inf)", "step size of y (alpha); it must stay below 2 / (lam L), L the smoothness of G"},
    [XI] = {"xi", 0.5, "[0,inf)", "step size of x, as a multiple of that of y"},
    [LAM0] = {"lam0", 1, "[0,inf)", "multiplier of the lower level, in the first step"},
    [DELTA] = {"delta", 0.1, "[0,inf)", "by which it grows in every step"},
    [A] = {"a", 0, "[0,inf)", "power with which the step size of y falls"},
    [C] = {"c", 0, "[0,inf)", "the same for z"},
    [K0] = {"k0", 1, "(0,inf)", "shift of the count of steps in those powers"},
    [ETA] = {"eta", 0.9, "(0,1]", "share of the new gradient in an estimate; 1: f2sa with inner=1"},
    [SIGMA] = {"sigma", 0, "[0,inf)", "standard deviation of noise added to every sample, for experiments",
               .zero_apart = true},
    {0},
};

/* Estimates: of y those of G_y(x, z), F_y, G_y(x, y); of x those of F_x, G_x(x, y), G_x(x, z). */
enum { FIRST = Z + 1, SECOND, THIRD, THERE, Z_THERE, Z_START };
static const state_t STATE[] = {
    LOWER_LEVEL_STATES,
    [FIRST] = {"first", "estimate of G_y(x, z), or of F_x", LIKE_PARAM, KEPT, .undone = true},
    [SECOND] = {"second", "estimate of F_y, or of G_x(x, y)", LIKE_PARAM, KEPT, .undone = true},
    [THIRD] = {"third", "estimate of G_y(x, y), or of G_x(x, z)", LIKE_PARAM, KEPT, .undone = true},
    [THERE] = {"there", "where the step before began", LIKE_PARAM, KEPT, .from_param = true},
    [Z_THERE] = {"z_there", "z where the step before began", LIKE_PARAM, KEPT, .exists = is_y, .from_param = true},
    [Z_START] = {"z_start", "z where the step began", LIKE_PARAM, WITHIN_STEP, .exists = is_y},
    {0},
};
static const input_t INPUTS[] = {LOWER_LEVEL_INPUT("z"), {0}};

typedef struct memory {
    double lam;
    int64_t k; /* within a step: estimate */
    gradient_noise_t noise;
} memory_t;
static const field_t FIELDS[] = {
    {"lam", "multiplier of the lower level", FIELD(OF_METHOD, memory_t, lam), .initial_option = "lam0"},
    {0},
};

typedef struct constants {
    lower_level_t lower;
    real gamma, alpha, xi_alpha, lam, keeps;
} constants_t;

/* Where x and y go: rows of the state table. */
typedef struct point {
    int x, y;
} point_t;

typedef struct estimate {
    int role, row;
} estimate_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, k = group->step->t - 1 + o[K0], alpha = o[LR_Y] / pow(k, o[A]);
    *(constants_t *)constants = (constants_t){.lower = {group->t == 1},
                                              .gamma = (real)(o[LR_Z] / pow(k, o[C])),
                                              .alpha = (real)alpha,
                                              .xi_alpha = (real)(o[XI] * alpha),
                                              .lam = (real)((const memory_t *)group->memory)->lam,
                                              .keeps = (real)(1 - o[ETA])};
}

static void keep_z(const tile_t *t) {
    if (t->tensor->role == Y_ROLE)
        memcpy(t->state[Z_START], t->state[Z], t->n * sizeof(real));
}

static void visit(const tile_t *t) {
    const point_t *point = t->arguments;
    memcpy(t->p, t->state[t->tensor->role == Y_ROLE ? point->y : point->x], t->n * sizeof(real));
}

/* h holds D(here), the gradient is D(there). A tensor's first estimate is D(here). */
static void estimate(const tile_t *t) {
    const constants_t *k = t->constants;
    const estimate_t *of = t->arguments;
    const real keeps = k->lower.first ? 0 : k->keeps;
    const real *restrict g = t->g, *restrict h = t->state[H];
    real *restrict e = t->state[of->row];
    for (size_t i = 0; t->tensor->role == of->role && i < t->n; ++i)
        e[i] = h[i] + keeps * (e[i] - g[i]);
}

/* Line 1. */
static void move_y_z(const tile_t *t) {
    const constants_t *k = t->constants;
    const real gamma = k->gamma, alpha = k->alpha, lam = k->lam;
    const real *restrict first = t->state[FIRST], *restrict second = t->state[SECOND],
                         *restrict third = t->state[THIRD];
    real *restrict y = t->state[Y], *restrict z = t->state[Z];
    for (size_t i = 0; t->tensor->role == Y_ROLE && i < t->n; ++i) {
        z[i] -= gamma * first[i];
        y[i] -= alpha * (second[i] + lam * third[i]);
    }
}

/* Line 2; the parameters are where the next step begins. */
static void move_x(const tile_t *t) {
    const constants_t *k = t->constants;
    const real step = k->xi_alpha, lam = k->lam, *restrict start = t->state[START];
    const real *restrict first = t->state[FIRST], *restrict second = t->state[SECOND],
                         *restrict third = t->state[THIRD];
    real *restrict p = t->p;
    memcpy(t->state[THERE], start, t->n * sizeof(real));
    if (t->tensor->role == Y_ROLE) {
        memcpy(t->state[Z_THERE], t->state[Z_START], t->n * sizeof(real));
        memcpy(p, t->state[Y], t->n * sizeof(real));
        return;
    }
    for (size_t i = 0; i < t->n; ++i)
        p[i] = start[i] - step * (first[i] + lam * (second[i] - third[i]));
}

enum { KEEP_Z = LOWER_LEVEL_KERNEL_COUNT, VISIT, ESTIMATE, MOVE_Y_Z, MOVE_X, NOISE };

/* The six estimates of a step, in order. */
static const struct {
    estimate_t of;
    int objective;
    point_t here, there;
} ESTIMATES[] = {
    {{Y_ROLE, FIRST}, LOWER, {START, Z}, {THERE, Z_THERE}}, {{Y_ROLE, SECOND}, UPPER, {START, Y}, {THERE, THERE}},
    {{Y_ROLE, THIRD}, LOWER, {START, Y}, {THERE, THERE}},   {{X_ROLE, FIRST}, UPPER, {START, Y}, {THERE, START}},
    {{X_ROLE, SECOND}, LOWER, {START, Y}, {THERE, START}},  {{X_ROLE, THIRD}, LOWER, {START, Z}, {THERE, Z_START}},
};
enum { ESTIMATE_COUNT = sizeof ESTIMATES / sizeof *ESTIMATES, OF_Y_COUNT = 3 };

static void add_noise(step_t *s) {
    memory_t *m = s->memory;
    if (s->option[SIGMA] > 0)
        step_filter(s, NOISE, &m->noise);
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    step_update(s, BEGIN, NULL);
    step_update(s, KEEP_Z, NULL);
    for (m->k = 0; m->k < ESTIMATE_COUNT; ++m->k) {
        if (m->k == OF_Y_COUNT)
            step_update(s, MOVE_Y_Z, NULL);
        step_update(s, VISIT, &ESTIMATES[m->k].here);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .objective = ESTIMATES[m->k].objective,
                 .roles = UINT64_C(1) << ESTIMATES[m->k].of.role);
        if (s->option[SIGMA] > 0)
            m->noise = gradient_noise_draw(s, s->option[SIGMA], ESTIMATES[m->k].of.role);
        add_noise(s);
        step_update(s, KEEP, NULL);
        if (s->t > 1) {
            step_update(s, VISIT, &ESTIMATES[m->k].there);
            STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME, .objective = ESTIMATES[m->k].objective,
                     .roles = UINT64_C(1) << ESTIMATES[m->k].of.role);
            add_noise(s);
        }
        step_update(s, ESTIMATE, &ESTIMATES[m->k].of);
    }
    step_update(s, MOVE_X, NULL);
    m->lam += s->option[DELTA];
    STEP_END(s);
}

const method_t METHOD(f3sa) = {
    .name = "f3sa",
    .purpose = "bilevel optimization by gradients alone, with momentum in every estimate of one",
    .citation = "Kwon, Kwon, Wright, Nowak: A Fully First-Order Method for Stochastic Bilevel Optimization, ICML 2023, "
                "arXiv:2301.10945",
    .evaluations = "12 gradients, of both objectives; in the first step 6",
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
    .kernels = {LOWER_LEVEL_KERNELS, keep_z, visit, estimate, move_y_z, move_x, gradient_noise},
    .arguments = {[VISIT] = sizeof(point_t), [ESTIMATE] = sizeof(estimate_t), [NOISE] = sizeof(gradient_noise_t)},
};
