/*
 * hoag: hyperparameter optimization with approximate gradients, for min_x F(x, y*(x)), y*(x) = argmin_y G(x, y).
 *
 * Pedregosa, "Hyperparameter optimization with approximate gradient", 2016, arXiv:1602.02355; algorithm 1.
 *
 *     step k = 1, 2, ...; tol = tol0 at first
 *     1. y <- y - lr_inner G_y(x, y) until |G_y(x, y)| <= tol |G_y at the very first point|
 *     2. solve G_yy q = F_y by conjugate gradients from the last q (at first: y) until |residual| <= tol |F_y|
 *     3. p = F_x - G_xy q
 *     4. x <- clip(x - p / L, lo, hi)
 *     5. tol <- max(1e-12, tol factor | tol0 / (k + 1)^2 | tol0 / (k + 1)^3)
 *
 * L = 0 stands for |p| / sqrt(elements of x) of the first step, or 1 if |p| <= 1e-3 there. Lines 1 and 2 end after
 * max_inner gradients and max_cg products at the latest, line 2 also where a direction has no curvature. Everything is
 * asked for: gradients of G, one of F, products of the Hessian of G with directions that are 0 outside y. State: q of
 * y, p of x; within a step where it began, y in the precision of states, the gradient of F, a residual, a direction and
 * a product, a copy of q: 4 (32) bytes for a parameter y in f32, 4 (16) for a parameter x.
 */
#include <string.h>

#include "engine/method.h"

enum { LR_INNER, TOL0, DECREASE, FACTOR, L, LO, HI, MAX_INNER, MAX_CG };
enum { EXPONENTIAL, QUADRATIC, CUBIC };
static const option_t OPTIONS[] = {
    [LR_INNER] = {"lr_inner", 0.5, "[0,inf)", "step size of y; it must stay below 2 / L, L the smoothness of G in y"},
    [TOL0] = {"tol0", 1e-3, "(0,inf)", "tolerance of the first step, relative"},
    [DECREASE] = {"decrease", EXPONENTIAL, "exponential|quadratic|cubic", "how it falls from step to step"},
    [FACTOR] = {"factor", 0.9, "(0,1)", "decrease=exponential: by which it is multiplied"},
    [L] = {"L", 0, "[0,inf)", "smoothness of the whole; 0: from the first step", .zero_apart = true},
    [LO] = {"lo", -6, "(-inf,inf)", "least value of elements of x"},
    [HI] = {"hi", 6, "(-inf,inf)", "largest value of elements of x"},
    [MAX_INNER] = {"max_inner", 10000, "integer [1,inf)", "most gradients of the lower level in a step"},
    [MAX_CG] = {"max_cg", 1000, "integer [1,inf)", "most products of conjugate gradients in a step"},
    {0},
};

static const char *check(const double *o) {
    return o[LO] > o[HI] ? "lo must not be above hi" : NULL;
}

enum { X_ROLE, Y_ROLE };
enum { OF_Y = 1 << Y_ROLE }; /* mask of requests */
enum { UPPER, LOWER };       /* objectives: F, G */

static bool is_x(const tensor_t *tensor, const double *option) {
    (void)option;
    return tensor->role == X_ROLE;
}
static bool is_y(const tensor_t *tensor, const double *option) {
    return !is_x(tensor, option);
}

enum { START, Y, F, Q, R, D, HD, HYPERGRADIENT };
static const state_t STATE[] = {
    [START] = {"start", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [Y] = {"y", "y, in the precision of states", LIKE_PARAM, WITHIN_STEP, .exists = is_y},
    [F] = {"f", "the gradient of F", LIKE_PARAM, WITHIN_STEP},
    [Q] = {"q", "solution of the linear system", LIKE_PARAM, KEPT, .exists = is_y, .undone = true},
    [R] = {"r", "its residual", LIKE_PARAM, WITHIN_STEP, .exists = is_y},
    [D] = {"d", "what the Hessian of G multiplies, 0 for x", LIKE_PARAM, DIRECTION},
    [HD] = {"hd", "the product", LIKE_PARAM, PRODUCT},
    [HYPERGRADIENT] = {"hypergrad", "the last hypergradient", LIKE_PARAM, KEPT, .exists = is_x},
    {0},
};

typedef struct memory {
    double tol, scale, smoothness;
    double rr, ff; /* within a step: |r|^2, |F_y|^2 */
    int64_t k;
} memory_t;
static const field_t FIELDS[] = {
    {"tol", "tolerance of the next step", FIELD(OF_METHOD, memory_t, tol), .initial_option = "tol0"},
    {"scale", "|G_y| at the very first point", FIELD(OF_METHOD, memory_t, scale)},
    {"smoothness", "L, where it is not given", FIELD(OF_METHOD, memory_t, smoothness)},
    {0},
};

typedef struct constants {
    real lr_inner, lo, hi;
    bool first; /* step of the tensor */
} constants_t;

typedef struct factor {
    double factor;
} factor_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){(real)o[LR_INNER], (real)o[LO], (real)o[HI], group->t == 1};
}

/* ---- Kernels; those of line 2 leave x alone ---- */

static bool moves_y(const tile_t *t) {
    return t->tensor->role == Y_ROLE;
}

static void begin(const tile_t *t) {
    memcpy(t->state[START], t->p, t->n * sizeof(real));
    if (moves_y(t))
        memcpy(t->state[Y], t->p, t->n * sizeof(real));
}

static void square_gradient(const tile_t *t) {
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = moves_y(t) ? (double)g[i] * (double)g[i] : 0;
}

/* Line 1. */
static void move_y(const tile_t *t) {
    const real lr = ((const constants_t *)t->constants)->lr_inner;
    const real *restrict g = t->g;
    real *restrict p = t->p, *restrict y = t->state[Y];
    for (size_t i = 0; moves_y(t) && i < t->n; ++i) {
        y[i] -= lr * g[i];
        p[i] = y[i];
    }
}

/* d <- q */
static void aim_at_q(const tile_t *t) {
    if (moves_y(t))
        memcpy(t->state[D], t->state[Q], t->n * sizeof(real));
}

static void keep_f(const tile_t *t) {
    memcpy(t->state[F], t->g, t->n * sizeof(real));
    if (moves_y(t) && ((const constants_t *)t->constants)->first)
        memcpy(t->state[Q], t->state[Y], t->n * sizeof(real));
}

/* r <- F_y - G_yy q,   d <- r */
static void begin_solve(const tile_t *t) {
    const real *restrict f = t->state[F], *restrict hd = t->state[HD];
    real *restrict r = t->state[R], *restrict d = t->state[D];
    for (size_t i = 0; moves_y(t) && i < t->n; ++i) {
        r[i] = f[i] - hd[i];
        d[i] = r[i];
    }
}

/* |r|^2, |F_y|^2, <d, G_yy d> */
static void sums(const tile_t *t) {
    const real *restrict f = t->state[F], *restrict r = t->state[R], *restrict d = t->state[D],
                         *restrict hd = t->state[HD];
    for (size_t i = 0; i < t->n; ++i) {
        t->term[0][i] = moves_y(t) ? (double)r[i] * (double)r[i] : 0;
        t->term[1][i] = moves_y(t) ? (double)f[i] * (double)f[i] : 0;
        t->term[2][i] = moves_y(t) ? (double)d[i] * (double)hd[i] : 0;
    }
}

static void move_q(const tile_t *t) {
    const real alpha = (real)((const factor_t *)t->arguments)->factor;
    const real *restrict d = t->state[D], *restrict hd = t->state[HD];
    real *restrict q = t->state[Q], *restrict r = t->state[R];
    for (size_t i = 0; moves_y(t) && i < t->n; ++i) {
        q[i] += alpha * d[i];
        r[i] -= alpha * hd[i];
    }
}

static void turn(const tile_t *t) {
    const real beta = (real)((const factor_t *)t->arguments)->factor;
    const real *restrict r = t->state[R];
    real *restrict d = t->state[D];
    for (size_t i = 0; moves_y(t) && i < t->n; ++i)
        d[i] = r[i] + beta * d[i];
}

/* Line 3, with G_xy q: |p|^2, and how many elements x has. */
static void finish_gradient(const tile_t *t) {
    const real *restrict f = t->state[F], *restrict hd = t->state[HD];
    real *restrict p = t->state[HYPERGRADIENT];
    for (size_t i = 0; i < t->n; ++i) {
        if (!moves_y(t))
            p[i] = f[i] - hd[i];
        t->term[0][i] = moves_y(t) ? 0 : (double)p[i] * (double)p[i];
        t->term[1][i] = !moves_y(t);
    }
}

/* Line 4. */
static void move_x(const tile_t *t) {
    const constants_t *k = t->constants;
    const real step = (real)((const factor_t *)t->arguments)->factor, lo = k->lo, hi = k->hi;
    const real *restrict hypergradient = t->state[HYPERGRADIENT], *restrict start = t->state[START];
    real *restrict p = t->p;
    for (size_t i = 0; !moves_y(t) && i < t->n; ++i)
        p[i] = larger(lo, smaller(hi, start[i] - step * hypergradient[i]));
}

enum { BEGIN, SQUARE_GRADIENT, MOVE_Y, AIM_AT_Q, KEEP_F, BEGIN_SOLVE, SUMS, MOVE_Q, TURN, FINISH_GRADIENT, MOVE_X };

/* ---- A step ---- */

/* Whether y is there, its gradient having arrived, or cannot get there; the very first one is the scale. */
static bool is_settled(step_t *s) {
    memory_t *m = s->memory;
    const double norm = sqrt(step_reduce(s, SQUARE_GRADIENT, NULL, 1)[0]);
    if (s->t == 1 && m->k == 1)
        m->scale = norm;
    return !(norm > m->tol * m->scale) || (double)m->k == s->option[MAX_INNER];
}

static void start_solve(step_t *s) {
    memory_t *m = s->memory;
    step_update(s, BEGIN_SOLVE, NULL);
    const double *sum = step_reduce(s, SUMS, NULL, 2);
    m->rr = sum[0];
    m->ff = sum[1];
}

static bool is_solved(const step_t *s) {
    const memory_t *m = s->memory;
    return !(sqrt(m->rr) > m->tol * sqrt(m->ff)) || (double)m->k == s->option[MAX_CG];
}

/* One iteration of conjugate gradients, the product having arrived; false where it cannot go on. */
static bool iterate(step_t *s) {
    memory_t *m = s->memory;
    const double curvature = step_reduce(s, SUMS, NULL, 3)[2];
    if (!(curvature > 0))
        return false;
    step_update(s, MOVE_Q, &(factor_t){m->rr / curvature});
    const double rr = step_reduce(s, SUMS, NULL, 1)[0];
    step_update(s, TURN, &(factor_t){rr / m->rr});
    m->rr = rr;
    return true;
}

/* Lines 3 to 5. */
static void finish(step_t *s) {
    memory_t *m = s->memory;
    const double *o = s->option, *sum = step_reduce(s, FINISH_GRADIENT, NULL, 2), norm = sqrt(sum[0]);
    if (s->t == 1)
        m->smoothness = norm > 1e-3 ? norm / sqrt(sum[1]) : 1;
    step_update(s, MOVE_X, &(factor_t){1 / (o[L] > 0 ? o[L] : m->smoothness)});
    const double falls = (int)o[DECREASE] == EXPONENTIAL ? m->tol * o[FACTOR]
                                                         : o[TOL0] / pow(s->t + 1, (int)o[DECREASE] == CUBIC ? 3 : 2);
    m->tol = fmax(1e-12, falls);
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    step_update(s, BEGIN, NULL);
    for (m->k = 1;; ++m->k) {
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FULL, .objective = LOWER, .roles = OF_Y);
        if (is_settled(s))
            break;
        step_update(s, MOVE_Y, NULL);
    }
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FULL, .objective = UPPER);
    step_update(s, KEEP_F, NULL);
    step_update(s, AIM_AT_Q, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_FULL, .objective = LOWER, .roles = OF_Y);
    start_solve(s);
    for (m->k = 0; !is_solved(s); ++m->k) {
        STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_FULL, .objective = LOWER, .roles = OF_Y);
        if (!iterate(s))
            break;
    }
    step_update(s, AIM_AT_Q, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_FULL, .objective = LOWER, .roles = OF_Y);
    finish(s);
    STEP_END(s);
}

const method_t METHOD(hoag) = {
    .name = "hoag",
    .purpose = "hypergradients from a lower level that is solved to a tolerance that falls",
    .citation = "Pedregosa: Hyperparameter optimization with approximate gradient, ICML 2016, arXiv:1602.02355",
    .evaluations = "gradients of the lower level until it is solved, 1 of the upper, 2 products and 1 for each "
                   "iteration of conjugate gradients",
    .options = OPTIONS,
    .states = STATE,
    .roles = "x|y",
    .flags = REQUESTS | REQUESTS_PRODUCTS | ASKS_FOR_ALL,
    .constants = sizeof(constants_t),
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .check = check,
    .prepare = prepare,
    .advance = advance,
    .kernels = {begin, square_gradient, move_y, aim_at_q, keep_f, begin_solve, sums, move_q, turn, finish_gradient,
                move_x},
    .arguments = {[MOVE_Q] = sizeof(factor_t), [TURN] = sizeof(factor_t), [MOVE_X] = sizeof(factor_t)},
};
