/*
 * ncg: nonlinear conjugate gradients with a strong Wolfe search.
 *
 * Nocedal, Wright, "Numerical Optimization", 2006, algorithm 5.4; hz: Hager, Zhang, "A New Conjugate Gradient Method
 * with Guaranteed Descent and an Efficient Line Search", 2005, 10.1137/030601880.
 *
 *     d_1 = -g
 *     1. s_0 = g'd;   s_0 >= 0: d = -g
 *     2. first trial min(1, 2.02 (f - f_old) / s_0), 1 where that is not positive;  f_old is f of the step before, in
 *        the first step f + |g|_2 / 2
 *     3. strong Wolfe search from there, which ends only where d+, which a trial would lead to, goes down:
 *        d+'g+ <= -0.01 |g+|^2
 *     4. x <- x + t d;   d <- -g+ + beta d,  beta = 0 when t mod restart = 0;   with y = g+ - g
 *        pr+ max(0, y'g+ / |g|^2);   fr |g+|^2 / |g|^2;   hs max(0, y'g+ / d'y);   dy |g+|^2 / d'y
 *        hz  max((y - 2 d |y|^2 / d'y)'g+ / d'y, -1 / (|d| min(0.01, |g|)))
 *
 * Norms are Euclidean. A beta that is no finite number counts as 0. Loss and gradient of the accepted point are kept
 * and never evaluated again; the loss must be deterministic. A search that finds nothing leaves x where it is. State:
 * g, d; within a step the lowest point's gradient, and x: 16 bytes a parameter in f32.
 */
#include "blocks/searched.h"

enum { FORMULA, C1, C2, MAX_LS, RESTART };
enum { PR, FR, HS, DY, HZ };
static const option_t OPTIONS[] = {
    [FORMULA] = {"formula", PR, "pr+|fr|hs|dy|hz", "how much of d is kept"},
    [C1] = {"c1", 1e-4, "(0,1)", "sufficient decrease: f <= f_0 + c1 t g'd"},
    [C2] = {"c2", 0.4, "(0,1)", "curvature: |slope| <= c2 |g'd|"},
    [MAX_LS] = {"max_ls", 25, "integer [1,inf)", "most trials of a search"},
    [RESTART] = {"restart", 0, "integer [0,inf)", "steps from one d = -g to the next; 0: none", .zero_apart = true},
    {0},
};

static const double SHORTEST_BRACKET = 1e-9; /* in units of x */

static const char *check(const double *option) {
    return option[C1] < option[C2] ? NULL : "c1 must lie below c2";
}

static const state_t STATE[] = {
    SEARCHED_STATES(true),
    [D] = {"d", "direction", LIKE_PARAM, KEPT, .undone = true},
    {0},
};

typedef struct memory {
    searched_t line;
    double f_old;
} memory_t;
static const field_t FIELDS[] = {
    SEARCHED_FIELDS,
    {"f_old", "loss at the x before", FIELD(OF_METHOD, memory_t, f_old)},
    {0},
};

/* ---- Line 4 ---- */

enum { YG, YY, DDY, GG, GG_OLD, DD, DG, SUMS };

/* The inner products of beta, with the new gradient in this row; (x'y)_i in double. */
static void multiply(const tile_t *t) {
    const real *restrict d = t->state[D], *restrict g = t->state[G],
                         *g_new = algebra_at(t, *(const vector_t *)t->arguments);
    for (size_t i = 0; i < t->n; ++i) {
        const double di = (double)d[i], old = (double)g[i], new = (double)g_new[i], y = new - old;
        t->term[YG][i] = y * new;
        t->term[YY][i] = y * y;
        t->term[DDY][i] = di * y;
        t->term[GG][i] = new *new;
        t->term[GG_OLD][i] = old * old;
        t->term[DD][i] = di * di;
        t->term[DG][i] = di * new;
    }
}

enum { MULTIPLY = ALGEBRA_KERNEL_COUNT };

static double formula(int formula, const double *sum) {
    const double dy = sum[DDY];
    switch (formula) {
    case PR:
        return fmax(0, sum[YG] / sum[GG_OLD]);
    case FR:
        return sum[GG] / sum[GG_OLD];
    case HS:
        return fmax(0, sum[YG] / dy);
    case DY:
        return sum[GG] / dy;
    default:
        return fmax((sum[YG] - 2 * sum[DG] * sum[YY] / dy) / dy, -1 / (sqrt(sum[DD]) * fmin(0.01, sqrt(sum[GG_OLD]))));
    }
}

static double beta_of(const step_t *s, const double *sum) {
    const double restart = s->option[RESTART], beta = formula((int)s->option[FORMULA], sum);
    return (restart > 0 && fmod(s->t, restart) == 0) || !isfinite(beta) ? 0 : beta;
}

/* ---- A step ---- */

static void point_downhill(step_t *s) {
    copy(s, vector(G), vector(D));
    scale(s, -1, vector(D));
}

/* Line 1: takes the gradient, and returns the slope along d. */
static double find_slope(step_t *s) {
    memory_t *m = s->memory;
    searched_take(s);
    if (s->t == 1) {
        m->f_old = m->line.f + norm_2(s, vector(G)) / 2;
        point_downhill(s);
    }
    double slope = dot(s, vector(G), vector(D));
    if (!(slope < 0)) {
        point_downhill(s);
        slope = dot(s, vector(G), vector(D));
    }
    return slope;
}

/* Lines 2 and 3. */
static void start_search(step_t *s, double slope) {
    memory_t *m = s->memory;
    const double *o = s->option, trial = 2.02 * (m->line.f - m->f_old) / slope;
    const line_search_t search = {
        .c1 = o[C1], .c2 = o[C2], .tolerance = SHORTEST_BRACKET, .most = searched_most(o[MAX_LS])};
    searched_start(s, search, slope, trial > 0 ? fmin(1, trial) : 1);
    m->f_old = m->line.f;
}

static search_answer_t judge(step_t *s) {
    const vector_t g_new = vector(GRADIENT);
    const double *sum = step_reduce(s, MULTIPLY, &g_new, SUMS);
    const double slope = sum[DG], next_slope = beta_of(s, sum) * sum[DG] - sum[GG];
    ((memory_t *)s->memory)->line.search.unfit = !(next_slope <= -0.01 * sum[GG]);
    return searched_judge(s, line_search_wolfe, slope);
}

/* The low point is the next x: line 4. */
static void accept(step_t *s) {
    const vector_t g_new = vector(G_LOW);
    const double beta = beta_of(s, step_reduce(s, MULTIPLY, &g_new, SUMS));
    searched_accept(s);
    scale(s, beta, vector(D));
    axpy(s, -1, vector(G_LOW), vector(D));
    copy(s, vector(G_LOW), vector(G));
}

static optim_status advance(step_t *s) {
    search_answer_t answer;
    double slope;
    STEP_BEGIN(s);
    slope = find_slope(s);
    if (!(slope < 0)) /* g = 0 */
        return searched_done(s);
    copy(s, vector(PARAMETERS), vector(X));
    start_search(s, slope);
    do {
        searched_go(s, ((const memory_t *)s->memory)->line.search.t);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
        answer = judge(s);
    } while (answer == SEARCH_EVALUATE);
    accept(s);
    return searched_done(s);
    STEP_END(s);
}

const method_t METHOD(ncg) = {
    .name = "ncg",
    .purpose = "nonlinear conjugate gradients with a strong Wolfe search",
    .citation = "Nocedal, Wright: Numerical Optimization, 2006, algorithm 5.4; Hager, Zhang: A New Conjugate Gradient "
                "Method with Guaranteed Descent and an Efficient Line Search, 2005",
    .evaluations = "1 gradient with loss for each trial of the search; the first step 1 more",
    .options = OPTIONS,
    .states = STATE,
    .flags = READS_LOSS | REQUESTS | SEARCHES,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .check = check,
    .advance = advance,
    .kernels = {ALGEBRA_KERNELS, multiply},
    .arguments = {ALGEBRA_ARGUMENTS, sizeof(vector_t)},
};
