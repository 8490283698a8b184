/*
 * lv_hba: bilevel optimization with constraints on the lower level, without products: the value function is smoothed by
 * a proximal Lagrangian. min_x F(x, y*(x)), y*(x) = argmin_y G(x, y) with c(x, y) <= 0.
 *
 * Yao, Yu, Zeng, Zhang, "Constrained Bi-Level Optimization: Proximal Lagrangian Value Function Approach and
 * Hessian-free Algorithm", ICLR 2024, arXiv:2401.16164; algorithm 1.
 *
 *     step k = 0, 1, ...:   w = c (k + 1)^power
 *     1. theta' = theta - eta (G_y(x, theta) + lam c_y(x, theta) + (theta - y) / gamma1)
 *        lam' = max(0, lam - eta (-c(x, theta) + (lam - z) / gamma2))
 *     2. d_x = F_x(x, y) / w + G_x(x, y) - G_x(x, theta') - lam' c_x(x, theta')
 *        d_y = F_y(x, y) / w + G_y(x, y) - (y - theta') / gamma1
 *        (x, y) <- Proj((x, y) - alpha (d_x, d_y)),   onto c(x, y) <= 0
 *     3. z <- clip(z + beta (lam' - z) / gamma2, 0, r)
 *
 * F is objective 0, G objective 1. Constraints c = 0 are taken, too: their lam has no sign, their z is clipped to +-r.
 * The projection is onto the constraints' linearisation where the move ends: exact for linear ones. theta starts at y,
 * or where the input of that name says; lam and z, a number for each constraint, at 0. Everything is asked for. State:
 * theta; within a step where it began, y in the precision of states, a direction, a move, and a gradient of each
 * constraint.
 */
#include "blocks/lower_level.h"

enum { ALPHA, BETA, ETA, GAMMA1, GAMMA2, C, POWER, R };
static const option_t OPTIONS[] = {
    [ALPHA] = {"alpha", 0.05, "[0,inf)", "step size of x and y"},
    [BETA] = {"beta", 0.05, "[0,inf)", "step size of z"},
    [ETA] = {"eta", 0.05, "[0,inf)", "step size of theta and the multipliers"},
    [GAMMA1] = {"gamma1", 1, "(0,inf)", "how freely theta leaves y"},
    [GAMMA2] = {"gamma2", 1, "(0,inf)", "how freely the multipliers leave z"},
    [C] = {"c", 1, "(0,inf)", "weight of the lower level against the upper, in the first step"},
    [POWER] = {"power", 0.3, "[0,0.5)", "power of the count of steps with which it grows"},
    [R] = {"r", 10, "[0,inf)", "bound on z"},
    {0},
};

enum { GRADIENTS = Z + 1, MOVE };
static const state_t STATE[] = {
    LOWER_LEVEL_ROWS,
    LOWER_LEVEL_COPY("theta", "the minimiser of the lower level"),
    [GRADIENTS] = {"gradients", "of the constraints", LIKE_PARAM, WITHIN_STEP, .each = EACH_CONSTRAINT},
    [MOVE] = {"move", "of the projection", LIKE_PARAM, WITHIN_STEP},
    {0},
};
static const input_t INPUTS[] = {LOWER_LEVEL_INPUT("theta"), {0}};

typedef struct memory {
    double *lam, *z;
    double *value, *push; /* within a step: c_j; the multipliers of the projection */
    int64_t j;            /* constraint */
} memory_t;
static const field_t FIELDS[] = {
    {"lam", "multiplier of each constraint", FIELD(OF_METHOD, memory_t, lam), .each = EACH_CONSTRAINT},
    {"z", "what it is drawn to", FIELD(OF_METHOD, memory_t, z), .each = EACH_CONSTRAINT},
    {"value", "of the constraints", FIELD(OF_METHOD, memory_t, value), .each = EACH_CONSTRAINT, .within_step = true},
    {"push", "of each constraint, in the projection", FIELD(OF_METHOD, memory_t, push), .each = EACH_CONSTRAINT,
     .within_step = true},
    {0},
};

typedef struct constants {
    lower_level_t lower;
    real eta, eta_pull, alpha, alpha_upper, alpha_pull; /* pull: over gamma1; upper: over w */
} constants_t;

typedef struct row {
    size_t j;
    double factor;
} row_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, w = o[C] * pow(group->step->t, o[POWER]);
    *(constants_t *)constants = (constants_t){.lower = {group->t == 1},
                                              .eta = (real)o[ETA],
                                              .eta_pull = (real)(o[ETA] / o[GAMMA1]),
                                              .alpha = (real)o[ALPHA],
                                              .alpha_upper = (real)(o[ALPHA] / w),
                                              .alpha_pull = (real)(o[ALPHA] / o[GAMMA1])};
}

/* ---- Lines 1 and 2 ---- */

static void move_theta(const tile_t *t) {
    const constants_t *k = t->constants;
    const real eta = k->eta, pull = k->eta_pull;
    const real *restrict g = t->g, *restrict y = t->state[Y];
    real *restrict theta = t->state[Z];
    for (size_t i = 0; theta != NULL && i < t->n; ++i)
        theta[i] -= eta * g[i] + pull * (theta[i] - y[i]);
}

/* h <- -alpha (G_x + lam' c_x) at (x, theta'), and for y -alpha (y - theta') / gamma1. */
static void begin_direction(const tile_t *t) {
    const constants_t *k = t->constants;
    const real alpha = k->alpha, pull = k->alpha_pull;
    const real *restrict g = t->g, *restrict y = t->state[Y], *restrict theta = t->state[Z];
    real *restrict h = t->state[H];
    for (size_t i = 0; i < t->n; ++i)
        h[i] = theta == NULL ? -alpha * g[i] : -pull * (y[i] - theta[i]);
}

/* h <- h + alpha F / w */
static void add_upper(const tile_t *t) {
    const real factor = ((const constants_t *)t->constants)->alpha_upper;
    const real *restrict g = t->g;
    real *restrict h = t->state[H];
    for (size_t i = 0; i < t->n; ++i)
        h[i] += factor * g[i];
}

/* With G at (x, y). */
static void move(const tile_t *t) {
    const real alpha = ((const constants_t *)t->constants)->alpha;
    const real *restrict g = t->g, *restrict h = t->state[H], *restrict start = t->state[START];
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = start[i] - (h[i] + alpha * g[i]);
}

/* ---- The projection ---- */

static real *gradient_of(const tile_t *t, size_t j) {
    return (real *)t->state[GRADIENTS] + j * t->stride;
}

static void begin_projection(const tile_t *t) {
    memcpy(t->state[H], t->g, t->n * sizeof(real));
    memset(t->state[MOVE], 0, t->n * sizeof(real));
}

/* What is the constraint's in a gradient of G with its weight 1. */
static void keep_gradient(const tile_t *t) {
    const real *restrict g = t->g, *restrict h = t->state[H];
    real *restrict gradient = gradient_of(t, ((const row_t *)t->arguments)->j);
    for (size_t i = 0; i < t->n; ++i)
        gradient[i] = g[i] - h[i];
}

static void measure(const tile_t *t) { /* <gradient, move>, |gradient|^2 */
    const real *restrict gradient = gradient_of(t, ((const row_t *)t->arguments)->j), *restrict moved = t->state[MOVE];
    for (size_t i = 0; i < t->n; ++i) {
        t->term[0][i] = (double)gradient[i] * (double)moved[i];
        t->term[1][i] = (double)gradient[i] * (double)gradient[i];
    }
}

static void push(const tile_t *t) {
    const row_t *row = t->arguments;
    const real factor = (real)row->factor, *restrict gradient = gradient_of(t, row->j);
    real *restrict moved = t->state[MOVE];
    for (size_t i = 0; i < t->n; ++i)
        moved[i] -= factor * gradient[i];
}

static void finish_projection(const tile_t *t) {
    const real *restrict moved = t->state[MOVE];
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] += moved[i];
}

enum {
    MOVE_THETA = LOWER_LEVEL_KERNEL_COUNT,
    BEGIN_DIRECTION,
    ADD_UPPER,
    MOVE_BOTH,
    BEGIN_PROJECTION,
    KEEP_GRADIENT,
    MEASURE,
    PUSH,
    FINISH_PROJECTION
};

static size_t constraints(const step_t *s) {
    return (size_t)(s->equalities + s->inequalities);
}

static bool is_inequality(const step_t *s, size_t j) {
    return j >= (size_t)s->equalities;
}

/* Whether the point lies outside. */
static bool is_outside(const step_t *s) {
    for (size_t j = 0; j < constraints(s); ++j)
        if (is_inequality(s, j) ? s->constraint[j] > 0 : s->constraint[j] != 0)
            return true;
    return false;
}

/*
 * The shortest move v with c_j + <gradient_j, v> <= 0 (= 0), by Hildreth's method: each constraint in turn takes the
 * push on itself with which it holds. One is done at once, several after sweeps that change nothing any more.
 */
static void project(step_t *s) {
    enum { SWEEPS = 100 };
    static const double NEGLIGIBLE = 0x1p-180; /* the square of a gradient that leads nowhere within a float */
    memory_t *m = s->memory;
    const size_t n = constraints(s);
    double change = 1;
    memset(m->push, 0, n * sizeof *m->push);
    for (int sweep = 0; sweep < (n > 1 ? SWEEPS : 1) && change > 1e-14; ++sweep) {
        change = 0;
        for (size_t j = 0; j < n; ++j) {
            const double *sum = step_reduce(s, MEASURE, &(row_t){.j = j}, 2), square = sum[1];
            double more = square > NEGLIGIBLE ? (m->value[j] + sum[0]) / square : 0;
            if (is_inequality(s, j) && more < -m->push[j])
                more = -m->push[j];
            m->push[j] += more;
            change = fmax(change, fabs(more) * sqrt(square));
            step_update(s, PUSH, &(row_t){j, more});
        }
    }
    step_update(s, FINISH_PROJECTION, NULL);
}

/* ---- Multipliers ---- */

/* Line 1, with the constraints at (x, theta). */
static void move_multipliers(step_t *s) {
    const memory_t *m = s->memory;
    const double *o = s->option;
    for (size_t j = 0; j < constraints(s); ++j) {
        const double to = m->lam[j] - o[ETA] * (-m->value[j] + (m->lam[j] - m->z[j]) / o[GAMMA2]);
        m->lam[j] = is_inequality(s, j) ? fmax(0, to) : to;
    }
}

/* Line 3. */
static void move_z(step_t *s) {
    const memory_t *m = s->memory;
    const double *o = s->option;
    for (size_t j = 0; j < constraints(s); ++j) {
        const double to = m->z[j] + o[BETA] * (m->lam[j] - m->z[j]) / o[GAMMA2];
        m->z[j] = fmax(is_inequality(s, j) ? 0 : -o[R], fmin(o[R], to));
    }
}

static void keep_values(step_t *s) {
    memcpy(((memory_t *)s->memory)->value, s->constraint, constraints(s) * sizeof(double));
}

/* Gradients that are asked for are those with these weights; NULL: without constraints. */
static void weigh(step_t *s, const double *weights) {
    for (size_t j = 0; j < constraints(s); ++j)
        s->weights[j] = weights == NULL ? 0 : weights[j];
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    step_update(s, BEGIN, NULL);
    step_update(s, GO_TO_Z, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_CONSTRAINTS);
    keep_values(s);
    weigh(s, m->lam);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .objective = LOWER, .roles = OF_Y);
    step_update(s, MOVE_THETA, NULL);
    move_multipliers(s);
    step_update(s, GO_TO_Z, NULL);
    weigh(s, m->lam);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .objective = LOWER, .roles = OF_X);
    step_update(s, BEGIN_DIRECTION, NULL);
    step_update(s, GO_TO_Y, NULL);
    weigh(s, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .objective = UPPER);
    step_update(s, ADD_UPPER, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .objective = LOWER);
    step_update(s, MOVE_BOTH, NULL);
    move_z(s);
    STEP_ASK(s, .kind = OPTIM_EVAL_CONSTRAINTS);
    if (is_outside(s)) {
        keep_values(s);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME, .objective = LOWER);
        step_update(s, BEGIN_PROJECTION, NULL);
        for (m->j = 0; m->j < (int64_t)constraints(s); ++m->j) {
            weigh(s, NULL);
            s->weights[m->j] = 1;
            STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME, .objective = LOWER);
            step_update(s, KEEP_GRADIENT, &(row_t){.j = (size_t)m->j});
        }
        project(s);
    }
    STEP_END(s);
}

const method_t METHOD(lv_hba) = {
    .name = "lv_hba",
    .purpose = "bilevel optimization with constraints, by gradients alone: a proximal Lagrangian value function",
    .citation = "Yao, Yu, Zeng, Zhang: Constrained Bi-Level Optimization: Proximal Lagrangian Value Function Approach "
                "and Hessian-free Algorithm, ICLR 2024, arXiv:2401.16164",
    .evaluations = "4 gradients, of both objectives, and the constraints twice; to project, 1 gradient more and 1 for "
                   "each constraint",
    .options = OPTIONS,
    .states = STATE,
    .inputs = INPUTS,
    .roles = LOWER_LEVEL_ROLES,
    .flags = REQUESTS | ASKS_FOR_ALL | NEEDS_CONSTRAINTS,
    .constants = sizeof(constants_t),
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .refuses_inputs = lower_level_refuses_inputs,
    .prepare = prepare,
    .advance = advance,
    .kernels = {LOWER_LEVEL_KERNELS, move_theta, begin_direction, add_upper, move, begin_projection, keep_gradient,
                measure, push, finish_projection},
    .arguments = {[KEEP_GRADIENT] = sizeof(row_t), [MEASURE] = sizeof(row_t), [PUSH] = sizeof(row_t)},
};
