/*
 * lbfgs: limited-memory BFGS with a line search.
 *
 * Nocedal, Wright, "Numerical Optimization", 2006, algorithms 7.4 and 7.5; trial rules of torch.optim.LBFGS.
 *
 *     1. after a step s = t d with y = g - g_old: if y's > 1e-10, keep the pair (of `history` pairs, dropping the oldest),
 *        gamma = y's / y'y;   gamma starts at 1
 *     2. q = -g;   newest to oldest: alpha_i = s_i'q / y_i's_i, q <- q - alpha_i y_i;   q <- gamma q;
 *        oldest to newest: q <- q + s_i (alpha_i - y_i'q / y_i's_i);   d = q
 *     3. trial step: lr;  at the first step lr min(1, 1 / |g|_1), with armijo lr / |g|_2
 *     4. g'd > -tolerance_change: converged, nothing moves
 *     5. line search from the trial step;  x <- x + t d.   line_search=none: t is the trial step, one gradient a step
 *
 * With a search, loss and gradient of the accepted point are kept and never evaluated again. The loss must be
 * deterministic. liblbfgs differs: history 6, More-Thuente by default, pairs kept whatever y's is. State: g, d, the lowest
 * point's gradient, 2 history vectors, and x within a step: 4 (4 + 2 history) bytes a parameter in f32.
 */
#include <string.h>
#include <tgmath.h>

#include "engine/line_search.h"
#include "engine/method.h"
#include "kernels/blas.h"

enum { LR, HISTORY, LINE_SEARCH, C1, C2, MAX_LS, TOLERANCE_CHANGE };
enum { STRONG_WOLFE, ARMIJO, NONE };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1, "(0,inf)", "first trial of the search"},
    [HISTORY] = {"history", 10, "integer [1,1000]", "pairs kept"},
    [LINE_SEARCH] = {"line_search", STRONG_WOLFE, "strong_wolfe|armijo|none", "how the step along d is found"},
    [C1] = {"c1", 1e-4, "(0,1)", "sufficient decrease: f <= f_0 + c1 t g'd"},
    [C2] = {"c2", 0.9, "(0,1)", "curvature: |slope| <= c2 |g'd|"},
    [MAX_LS] = {"max_ls", 25, "integer [1,inf)", "most trials of a search"},
    [TOLERANCE_CHANGE] = {"tolerance_change", 1e-9, "[0,inf)", "smallest descent and bracket worth a trial"},
    {0},
};

static const char *check(const double *option) {
    return option[C1] < option[C2] ? NULL : "c1 must lie below c2";
}

enum { G, G_LOW, D, X, S, Y, F, F_LOW, GAMMA, CURVATURE, ALPHA, PAIRS, NEXT, STEP, SLOT, FACTOR, SEARCH };
static const state_t STATE[] = {
    [G] = {"g", "the gradient at x", LIKE_PARAM, KEPT},
    [G_LOW] = {"g_low", "the gradient at the lowest point of a search", LIKE_PARAM, WITHIN_STEP},
    [D] = {"d", "direction", LIKE_PARAM, KEPT},
    [X] = {"x", "the point that a search leaves", LIKE_PARAM, RESTORE_POINT},
    [S] = {"s", "steps", LIKE_PARAM, KEPT, .copies = "history"},
    [Y] = {"y", "changes of the gradient", LIKE_PARAM, KEPT, .copies = "history"},
    [F] = {"f", "loss at x", PER_METHOD, KEPT},
    [F_LOW] = {"f_low", "loss at the lowest point of a search", PER_METHOD, WITHIN_STEP},
    [GAMMA] = {"gamma", "scale of the initial inverse Hessian", PER_METHOD, KEPT, .initial = 1},
    [CURVATURE] = {"curvature", "y_i's_i", PER_METHOD, KEPT, .copies = "history"},
    [ALPHA] = {"alpha", "coefficients of the two loops", PER_METHOD, WITHIN_STEP, .copies = "history"},
    [PAIRS] = {"pairs", "kept so far", PER_METHOD, KEPT},
    [NEXT] = {"next", "place of the next pair", PER_METHOD, KEPT},
    [STEP] = {"step", "t: length of the last step in units of d", PER_METHOD, KEPT},
    [SLOT] = {"slot", "place of the pair that a kernel means", PER_METHOD, WITHIN_STEP},
    [FACTOR] = {"factor", "number that a kernel multiplies by", PER_METHOD, WITHIN_STEP},
    [SEARCH] = {"search", "the line search", PER_METHOD, WITHIN_STEP, .numbers = LINE_SEARCH_NUMBERS},
    {0},
};

/* ---- Kernels: BLAS-1 and inner products on tiles ---- */

typedef struct scalars {
    double factor;
    size_t slot;
} scalars_t;

static void prepare(const group_t *group, void *scalars) {
    *(scalars_t *)scalars = (scalars_t){*group->scalar[FACTOR], (size_t)*group->scalar[SLOT]};
}

static real *pair(const tile_t *t, int state) {
    return (real *)t->state[state] + ((const scalars_t *)t->scalars)->slot * t->stride;
}
static double factor(const tile_t *t) {
    return ((const scalars_t *)t->scalars)->factor;
}
static void copy(const tile_t *t, void *to, const void *from) {
    memcpy(to, from, t->n * sizeof(real));
}
static void multiply(const tile_t *t, int term, const real *a, const real *b) {
    for (size_t i = 0; i < t->n; ++i)
        t->term[term][i] = (double)a[i] * (double)b[i];
}

static void take_gradient(const tile_t *t) { /* g <- the gradient that arrived */
    copy(t, t->state[G], t->g);
}
static void take_low(const tile_t *t) { /* g_low <- it */
    copy(t, t->state[G_LOW], t->g);
}
static void take_origin(const tile_t *t) { /* g_low <- g */
    copy(t, t->state[G_LOW], t->state[G]);
}
static void lower(const tile_t *t) { /* g <- g_low */
    copy(t, t->state[G], t->state[G_LOW]);
}
static void change(const tile_t *t) { /* y's and y'y of the step just made, s = factor d; |g|_2^2 after it */
    const real *g = t->state[G], *g_low = t->state[G_LOW], *d = t->state[D], length = (real)factor(t);
    for (size_t i = 0; i < t->n; ++i) {
        const double y = (double)(g_low[i] - g[i]);
        t->term[0][i] = y * (double)(length * d[i]);
        t->term[1][i] = y * y;
        t->term[2][i] = (double)g_low[i] * (double)g_low[i];
    }
}
static void keep_pair(const tile_t *t) {
    const real *g = t->state[G], *g_low = t->state[G_LOW], *d = t->state[D], length = (real)factor(t);
    real *s = pair(t, S), *y = pair(t, Y);
    for (size_t i = 0; i < t->n; ++i) {
        s[i] = length * d[i];
        y[i] = g_low[i] - g[i];
    }
}
static void descend(const tile_t *t) { /* d <- -g */
    copy(t, t->state[D], t->state[G]);
    blas_scal(t->n, -1, t->state[D]);
}
static void s_dot_d(const tile_t *t) {
    multiply(t, 0, pair(t, S), t->state[D]);
}
static void y_dot_d(const tile_t *t) {
    multiply(t, 0, pair(t, Y), t->state[D]);
}
static void subtract_y(const tile_t *t) { /* d <- d - factor y_i */
    blas_axpy(t->n, -factor(t), pair(t, Y), t->state[D]);
}
static void add_s(const tile_t *t) { /* d <- d + factor s_i */
    blas_axpy(t->n, factor(t), pair(t, S), t->state[D]);
}
static void scale_d(const tile_t *t) {
    blas_scal(t->n, factor(t), t->state[D]);
}
static void slope_kept(const tile_t *t) { /* g'd, |g|_1, |g|_2^2 */
    const real *g = t->state[G];
    multiply(t, 0, g, t->state[D]);
    multiply(t, 2, g, g);
    for (size_t i = 0; i < t->n; ++i)
        t->term[1][i] = (double)fabs(g[i]);
}
static void slope_here(const tile_t *t) { /* g'd of the gradient that arrived */
    multiply(t, 0, t->g, t->state[D]);
}
static void size_of_d(const tile_t *t) {
    const real *d = t->state[D];
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = (double)fabs(d[i]);
}
static void leave(const tile_t *t) {
    copy(t, t->state[X], t->p);
}
static void go(const tile_t *t) { /* p <- x + factor d */
    copy(t, t->p, t->state[X]);
    blas_axpy(t->n, factor(t), t->state[D], t->p);
}

enum { TAKE_GRADIENT, TAKE_LOW, TAKE_ORIGIN, LOWER, CHANGE, KEEP_PAIR, DESCEND, S_DOT_D, Y_DOT_D, SUBTRACT_Y, ADD_S, SCALE_D,
       SLOPE_KEPT, SLOPE_HERE, SIZE_OF_D, LEAVE, GO };

/* ---- Serial work ---- */

static void run(step_t *s, int kernel, double value) {
    *s->scalar[FACTOR] = value;
    step_update(s, kernel);
}

/* Line 1, with the new gradient in g_low; then it is g. Returns its norm. */
static double update_history(step_t *s) {
    const size_t history = (size_t)s->option[HISTORY], next = (size_t)*s->scalar[NEXT];
    *s->scalar[FACTOR] = *s->scalar[STEP];
    const double *sum = step_reduce(s, CHANGE, 3);
    const double norm = sqrt(sum[2]);
    if (sum[0] > 1e-10) {
        *s->scalar[SLOT] = (double)next;
        *s->scalar[GAMMA] = sum[0] / sum[1];
        s->scalar[CURVATURE][next] = sum[0];
        *s->scalar[NEXT] = (double)((next + 1) % history);
        *s->scalar[PAIRS] = fmin(*s->scalar[PAIRS] + 1, (double)history);
        step_update(s, KEEP_PAIR);
    }
    step_update(s, LOWER);
    return norm;
}

/* Line 2. */
static void find_direction(step_t *s) {
    const size_t history = (size_t)s->option[HISTORY], pairs = (size_t)*s->scalar[PAIRS];
    const size_t newest = (size_t)*s->scalar[NEXT] + history - 1;
    double *slot = s->scalar[SLOT], *alpha = s->scalar[ALPHA];
    const double *curvature = s->scalar[CURVATURE];
    step_update(s, DESCEND);
    for (size_t i = 0; i < pairs; ++i) {
        const size_t j = (newest - i) % history;
        *slot = (double)j;
        alpha[j] = step_reduce(s, S_DOT_D, 1)[0] / curvature[j];
        run(s, SUBTRACT_Y, alpha[j]);
    }
    run(s, SCALE_D, *s->scalar[GAMMA]);
    for (size_t i = pairs; i-- > 0;) {
        const size_t j = (newest - i) % history;
        *slot = (double)j;
        run(s, ADD_S, alpha[j] - step_reduce(s, Y_DOT_D, 1)[0] / curvature[j]);
    }
}

enum { BEGIN, SEARCHING };

static void hold(step_t *s, double norm) {
    s->holds_gradient = s->option[LINE_SEARCH] != NONE;
    s->held_loss = *s->scalar[F];
    s->held_norm = norm;
}

static optim_status try_step(step_t *s, double t) {
    run(s, GO, t);
    return step_request(s, OPTIM_EVAL_GRAD, OPTIM_SAMPLE_SAME, SEARCHING);
}

/* Lines 3 to 5 up to the first trial. */
static optim_status begin_search(step_t *s) {
    const double *o = s->option, *sum = step_reduce(s, SLOPE_KEPT, 3);
    const double slope = sum[0], norm1 = sum[1], norm2 = sqrt(sum[2]);
    double trial = o[LR];
    if (s->t == 1)
        trial *= o[LINE_SEARCH] == ARMIJO ? 1 / norm2 : fmin(1, 1 / norm1);
    *s->scalar[STEP] = 0;
    if (!(slope <= -o[TOLERANCE_CHANGE])) {
        hold(s, norm2);
        return OPTIM_OK;
    }
    step_update(s, LEAVE);
    if (o[LINE_SEARCH] == NONE) {
        *s->scalar[STEP] = trial;
        run(s, GO, trial);
        return OPTIM_OK;
    }
    line_search_t *search = (line_search_t *)(void *)s->scalar[SEARCH];
    *search = (line_search_t){.c1 = o[C1], .c2 = o[C2], .tolerance = o[TOLERANCE_CHANGE], .most = o[MAX_LS]};
    search->largest = step_reduce_max(s, SIZE_OF_D, 1)[0];
    line_search_start(search, *s->scalar[F], slope, trial);
    return try_step(s, trial);
}

/* What the search says to the evaluation that arrived. */
static optim_status go_on(step_t *s) {
    line_search_t *search = (line_search_t *)(void *)s->scalar[SEARCH];
    search_low_t low;
    const double slope = step_reduce(s, SLOPE_HERE, 1)[0];
    const search_answer_t answer = s->option[LINE_SEARCH] == ARMIJO ? line_search_armijo(search, s->loss, &low)
                                                                    : line_search_wolfe(search, s->loss, slope, &low);
    if (low != LOW_STAYS) {
        *s->scalar[F_LOW] = low == LOW_IS_HERE ? s->loss : *s->scalar[F];
        step_update(s, low == LOW_IS_HERE ? TAKE_LOW : TAKE_ORIGIN);
    }
    if (answer == SEARCH_EVALUATE)
        return try_step(s, search->t);
    if (answer == SEARCH_FAILED)
        return step_fail(s, OPTIM_ERR_LINE_SEARCH, "no step along the direction lowers the loss enough");
    *s->scalar[STEP] = search->t;
    *s->scalar[F] = *s->scalar[F_LOW];
    run(s, GO, search->t);
    hold(s, update_history(s));
    return OPTIM_OK;
}

static optim_status advance(step_t *s) {
    if (s->stage == SEARCHING)
        return go_on(s);
    if (!s->holds_gradient) {
        *s->scalar[F] = s->loss;
        if (s->t > 1) {
            step_update(s, TAKE_LOW);
            (void)update_history(s);
        } else {
            step_update(s, TAKE_GRADIENT);
        }
    }
    find_direction(s);
    return begin_search(s);
}

const method_t METHOD(lbfgs) = {
    .name = "lbfgs",
    .purpose = "limited-memory BFGS with a strong Wolfe or Armijo line search",
    .citation = "Nocedal, Wright: Numerical Optimization, 2006, algorithms 7.4 and 7.5",
    .evaluations = "1 gradient with loss for each trial of the search; the first step 1 more; line_search=none: 1",
    .options = OPTIONS,
    .states = STATE,
    .flags = READS_LOSS | REQUESTS | SEARCHES,
    .scalars = sizeof(scalars_t),
    .check = check,
    .prepare = prepare,
    .advance = advance,
    .kernels = {take_gradient, take_low, take_origin, lower, change, keep_pair, descend, s_dot_d, y_dot_d, subtract_y, add_s,
                scale_d, slope_kept, slope_here, size_of_d, leave, go},
};
