/*
 * prox_ncg: nonlinear conjugate gradients for a smooth function and a penalty that has a prox.
 *
 * After the thesis "Contributions to Robust and Efficient Methods for Analysis of High Dimensional Data"; the factor of
 * Polak, Ribiere, Polyak, bounded below by 0: Gilbert, Nocedal, "Global Convergence Properties of Conjugate Gradient
 * Methods for Optimization", 1992, 10.1137/0802003.
 *
 *     1. r = (x - prox_lr(x - lr g)) / lr,   g = grad f(x)
 *     2. beta = max(0, <r, r - r_old> / <r_old, r_old>),  0 in the first step;   d <- -r + beta d
 *        where <d, r> >= 0:  d = -r
 *     3. a = 1, halved until F(y) <= F(x) - 1e-4 a lr |r|^2,  y = prox_{a lr}(x + a lr (d + r - g));   x <- y,
 *        F = f + reg
 *
 * r - g is the part of -r that is the penalty's, which the prox of line 3 does itself: with d = -r and a = 1, y is the
 * point of line 1. No a above 2^-60: x stays and the next direction is -r. Line 3 forgives a few units of rounding of
 * F. State: r, d; within a step x and g: 16 bytes a parameter in f32.
 */
#include <string.h>

#include "blocks/agree.h"
#include "engine/map.h"

enum { LR, REG };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "(0,inf)", "gamma, at most 1 over the smoothness of f", .pauses = true},
    [REG] = {"reg", 0, "map", "prox of the penalty, or projection", .choice = "prox_l1"},
    {0},
};

enum { X, R, D, G };
static const state_t STATE[] = {
    [X] = {"x", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [R] = {"r", "the residual of the gradient step", LIKE_PARAM, KEPT, .undone = true},
    [D] = {"d", "the direction", LIKE_PARAM, KEPT, .undone = true},
    [G] = {"g", "the gradient", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct memory {
    double square;       /* <r, r>; 0: the next direction is -r */
    double objective, a; /* F(x), and the length tried; within a step */
} memory_t;
static const field_t FIELDS[] = {
    {"square", "of the last residual; 0: begin anew", FIELD(OF_METHOD, memory_t, square)},
    {0},
};

typedef struct factor {
    double factor;
} factor_t;

static real factor_of(const tile_t *t) {
    return (real)((const factor_t *)t->arguments)->factor;
}

static void descend(const tile_t *t) { /* x and g are put by */
    const real lr = factor_of(t), *restrict g = t->g;
    real *restrict p = t->p, *restrict x = t->state[X], *restrict kept = t->state[G];
    for (size_t i = 0; i < t->n; ++i) {
        x[i] = p[i];
        kept[i] = g[i];
        p[i] -= lr * g[i];
    }
}

static void measure(const tile_t *t) { /* the new residual: <r, r>, <r, r - r_old>, <d, r> */
    const real *restrict p = t->p, *restrict x = t->state[X];
    const double lr = ((const factor_t *)t->arguments)->factor;
    real *restrict r = t->state[R], *restrict d = t->state[D];
    for (size_t i = 0; i < t->n; ++i) {
        const real r_new = (real)(((double)x[i] - (double)p[i]) / lr);
        t->term[0][i] = (double)r_new * (double)r_new;
        t->term[1][i] = (double)r_new * ((double)r_new - (double)r[i]);
        t->term[2][i] = (double)r_new * (double)d[i];
        r[i] = r_new;
    }
}

static void turn(const tile_t *t) {
    const real beta = factor_of(t), *restrict r = t->state[R];
    real *restrict d = t->state[D];
    for (size_t i = 0; i < t->n; ++i)
        d[i] = beta != 0 ? settled(beta * d[i]) - r[i] : -r[i];
}

static void visit(const tile_t *t) {
    const real step = factor_of(t), *restrict x = t->state[X], *restrict d = t->state[D];
    const real *restrict r = t->state[R], *restrict g = t->state[G];
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = x[i] + step * (d[i] + (r[i] - g[i]));
}

enum { DESCEND, MEASURE, TURN, VISIT };

/* Lines 1 and 2. */
static void find_direction(step_t *s) {
    memory_t *m = s->memory;
    const double lr = s->option[LR];
    m->objective = s->loss + step_map_value(s, REG);
    step_update(s, DESCEND, &(factor_t){lr});
    step_map(s, REG, lr);
    const double *sum = step_reduce(s, MEASURE, &(factor_t){lr}, 3), square = sum[0];
    double beta = m->square > 0 ? fmax(0, sum[1] / m->square) : 0;
    if (!(beta * sum[2] < square)) /* <d, r> = beta <d_old, r> - |r|^2 */
        beta = 0;
    step_update(s, TURN, &(factor_t){beta});
    m->square = square;
}

static void go(step_t *s) {
    const memory_t *m = s->memory;
    const double step = m->a * s->option[LR];
    step_update(s, VISIT, &(factor_t){step});
    if (step > 0)
        step_map(s, REG, step);
}

/* With f(y); what is not finite is too large. */
static bool is_lower(step_t *s) {
    const memory_t *m = s->memory;
    const double value = s->loss + step_map_value(s, REG), slack = 8 * DBL_EPSILON * fabs(m->objective);
    return value <= m->objective - 1e-4 * m->a * s->option[LR] * m->square + slack;
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const char *wrong;
    STEP_BEGIN(s);
    wrong = step_map_refuses(s, REG, s->option[LR], false);
    if (wrong == NULL && !groups_agree_but(s, OPTIONS, REG))
        wrong = "all options but reg must be the same in all groups";
    if (wrong != NULL)
        return step_fail(s, OPTIM_ERR_VALUE, wrong);
    if (s->option[LR] == 0) /* a schedule's pause */
        return OPTIM_OK;
    find_direction(s);
    for (m->a = 1; m->a > 0x1p-60; m->a /= 2) {
        go(s);
        STEP_ASK(s, .kind = OPTIM_EVAL_LOSS, .sample = OPTIM_SAMPLE_SAME);
        if (is_lower(s))
            return OPTIM_OK;
    }
    m->a = 0;
    go(s);
    m->square = 0;
    STEP_END(s);
}

const method_t METHOD(prox_ncg) = {
    .name = "prox_ncg",
    .purpose = "nonlinear conjugate gradients for a smooth function and a penalty that has a prox",
    .citation = "Gilbert, Nocedal: Global Convergence Properties of Conjugate Gradient Methods for Optimization, 1992",
    .evaluations = "1 gradient with the loss, and 1 loss for every length tried",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .flags = READS_LOSS | REQUESTS | SEARCHES,
    .memory = sizeof(memory_t),
    .advance = advance,
    .kernels = {descend, measure, turn, visit},
    .arguments = {sizeof(factor_t), sizeof(factor_t), sizeof(factor_t), sizeof(factor_t)},
};
