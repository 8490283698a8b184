/*
 * qasgd: accelerated SGD for quasar-convex functions, with or without the search for the point to step from.
 *
 * Fu, Xu, Wilson, "Accelerated Stochastic Optimization Methods under Quasar-convexity", 2023, arXiv:2305.04736; the
 * search: Hinder, Sidford, Sohoni, "Near-Optimal Methods for Minimizing Star-Convex Functions and Beyond", 2020,
 * arXiv:1906.11985.
 *
 *     line_search = 0, the parameters being x_{k+1} = tau_k x_k + (1 - tau_k) z_k,   tau_k = k / (k + 2),
 *                      k = 0, 1, ...
 *     1. z <- z - lr (2k + 3) / gamma g
 *     2. p <- tau_{k+1} p + (1 - tau_{k+1}) z
 *
 *     line_search = 1, the parameters being x;  xz = x - z,  c = gamma (k + 1)^2 / (2k + 3),  all on one sample:
 *     a. f1, g1 at x.                       If |xz| <= 2^-52 |x|: take x
 *     b. f, g at a x + (1 - a) z, a = tau_k. If good(a): c f + a <g, xz> <= c f1 + tol: take it
 *     c.                                     If <g1, xz> < tol: take x
 *     d. f0, g0 at z.                        If f0 < f1 + tol / c: take z
 *     e. lo = 0, hi = 1;  max_bisect times:  a = (lo + hi) / 2,  f, g there;  good(a): take it;
 *        else hi = a if f <= f1, lo = a if f > f1;  in the end, or when no number lies between lo and hi, take the last
 *     3. x <- the point taken,   z <- z - lr (2k + 3) / gamma (its gradient)
 *
 * The public code compares with f at z where the search means f at x; Hinder et al. are followed. With other gradient
 * estimators in place of g this is QASVRG. State: z; with a search, within a step, x and g1: 4 (12) bytes in f32.
 */
#include <float.h>
#include <string.h>

#include "engine/method.h"

enum { LR, QUASAR, LINE_SEARCH, TOL, MAX_BISECT };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.01, "[0,inf)", "step size; theory: 1 / L"},
    [QUASAR] = {"gamma", 1, "(0,1]", "quasar-convexity; 1: star-convex"},
    [LINE_SEARCH] = {"line_search", 0, "0|1", "search for the point to step from"},
    [TOL] = {"tol", 0, "[0,inf)", "slack of the search"},
    [MAX_BISECT] = {"max_bisect", 50, "integer [1,inf)", "most bisections of a search"},
    {0},
};

enum { Z, X, G1 };
static const state_t STATE[] = {
    [Z] = {"z", "the sequence of long steps", LIKE_PARAM, KEPT, .from_param = true},
    [X] = {"x", "the point that a search leaves", LIKE_PARAM, RESTORE_POINT, .when = "line_search"},
    [G1] = {"g1", "the gradient at x", LIKE_PARAM, WITHIN_STEP, .when = "line_search"},
    {0},
};

/* Of the search in a step. */
typedef struct memory {
    double f1, slope; /* at x: the loss, and <g1, x - z> */
    double a, lo, hi; /* weight of x in the trial point, and its bracket */
    int64_t bisections;
} memory_t;

typedef struct constants {
    real step, tau, one_tau;
} constants_t;

typedef struct visit {
    double a;
} visit_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, k = (o[LINE_SEARCH] != 0 ? group->step->t : group->t) - 1;
    const double tau = (k + 1) / (k + 3);
    *(constants_t *)constants = (constants_t){
        .step = (real)(o[LR] * (2 * k + 3) / o[QUASAR]),
        .tau = (real)tau,
        .one_tau = (real)(1 - tau),
    };
}

static void follow(const tile_t *t) { /* lines 1 and 2 */
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict z = t->state[Z];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        z[i] -= k.step * g[i];
        p[i] = k.tau * p[i] + k.one_tau * z[i];
    }
}

static void leave(const tile_t *t) { /* line a: |xz|^2, <g1, xz>, |x|^2 */
    real *restrict x = t->state[X], *restrict g1 = t->state[G1];
    const real *restrict p = t->p, *restrict g = t->g, *restrict z = t->state[Z];
    double *restrict square = t->term[0], *restrict slope = t->term[1], *restrict size = t->term[2];
    for (size_t i = 0; i < t->n; ++i) {
        const double xz = (double)(p[i] - z[i]);
        x[i] = p[i];
        g1[i] = g[i];
        square[i] = xz * xz;
        slope[i] = (double)g[i] * xz;
        size[i] = (double)p[i] * (double)p[i];
    }
}

static void visit(const tile_t *t) { /* to a x + (1 - a) z */
    const double weight = ((const visit_t *)t->arguments)->a;
    const real a = (real)weight, one_a = (real)(1 - weight);
    real *restrict p = t->p;
    const real *restrict x = t->state[X], *restrict z = t->state[Z];
    for (size_t i = 0; i < t->n; ++i)
        p[i] = a * x[i] + one_a * z[i];
}

static void slope_here(const tile_t *t) { /* <g, xz> of the gradient that arrived */
    const real *restrict g = t->g, *restrict x = t->state[X], *restrict z = t->state[Z];
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = (double)g[i] * (double)(x[i] - z[i]);
}

static void take_here(const tile_t *t) { /* line 3 at the point that was just evaluated  */
    const real step = ((const constants_t *)t->constants)->step;
    real *restrict z = t->state[Z];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        z[i] -= step * g[i];
}

static void take_x(const tile_t *t) { /* ... and at x */
    const real step = ((const constants_t *)t->constants)->step;
    real *restrict z = t->state[Z];
    const real *restrict g1 = t->state[G1];
    memcpy(t->p, t->state[X], t->n * sizeof(real));
    for (size_t i = 0; i < t->n; ++i)
        z[i] -= step * g1[i];
}

enum { FOLLOW, LEAVE, VISIT, SLOPE_HERE, TAKE_HERE, TAKE_X };

static optim_status take(step_t *s, int kernel) {
    step_update(s, kernel, NULL);
    return OPTIM_OK;
}

static void try(step_t *s, double a) {
    ((memory_t *)s->memory)->a = a;
    step_update(s, VISIT, &(visit_t){a});
}

static double cost(const step_t *s) {
    return s->option[QUASAR] * s->t * s->t / (2 * s->t + 1); /* c, with k + 1 = t */
}

static bool good(step_t *s) {
    const memory_t *m = s->memory;
    const double c = cost(s), slope = step_reduce(s, SLOPE_HERE, NULL, 1)[0];
    return c * s->loss + m->a * slope <= c * m->f1 + s->option[TOL];
}

/* Line a; whether x and z are one point to rounding. */
static bool leaves_nothing_to_search(step_t *s) {
    const double *sum = step_reduce(s, LEAVE, NULL, 3);
    memory_t *m = s->memory;
    m->f1 = s->loss;
    m->slope = sum[1];
    return sqrt(sum[0]) <= DBL_EPSILON * sqrt(sum[2]);
}

/* To the middle of the bracket, unless it is as short as numbers allow. */
static bool bisects(step_t *s) {
    const memory_t *m = s->memory;
    const double middle = (m->lo + m->hi) / 2;
    const bool there = middle > m->lo && middle < m->hi;
    if (there)
        try(s, middle);
    return there;
}

static optim_status advance(step_t *s) {
    const double *o = s->option, k = s->t - 1;
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    if (o[LINE_SEARCH] == 0)
        return take(s, FOLLOW);
    if (leaves_nothing_to_search(s))
        return take(s, TAKE_X);
    try(s, k / (k + 2));
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
    if (good(s))
        return take(s, TAKE_HERE);
    if (m->slope < o[TOL])
        return take(s, TAKE_X);
    try(s, 0);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
    if (s->loss < m->f1 + o[TOL] / cost(s))
        return take(s, TAKE_HERE);
    m->lo = 0;
    m->bisections = 0;
    m->hi = 1;
    while (bisects(s)) {
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
        ++m->bisections;
        if (good(s) || (double)m->bisections == o[MAX_BISECT])
            break;
        *(s->loss <= m->f1 ? &m->hi : &m->lo) = m->a;
    }
    step_update(s, TAKE_HERE, NULL);
    STEP_END(s);
}

static bool reads_loss(const double *option) {
    return option[LINE_SEARCH] != 0;
}

const method_t METHOD(qasgd) = {
    .name = "qasgd",
    .purpose = "accelerated SGD for quasar-convex functions",
    .citation =
        "Fu, Xu, Wilson: Accelerated Stochastic Optimization Methods under Quasar-convexity, 2023, arXiv:2305.04736; "
        "Hinder, Sidford, Sohoni: Near-Optimal Methods for Minimizing Star-Convex Functions and Beyond, 2020, "
        "arXiv:1906.11985",
    .evaluations = "1 gradient; line_search=1: with the loss, 2 to 3 + max_bisect of them (the first step 1)",
    .options = OPTIONS,
    .states = STATE,
    .flags = READS_LOSS | REQUESTS,
    .reads_loss = reads_loss,
    .memory = sizeof(memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {follow, leave, visit, slope_here, take_here, take_x},
    .arguments = {[VISIT] = sizeof(visit_t)},
};
