/*
 * ncg: nonlinear conjugate gradients with a line search.
 *
 * Nocedal, Wright, "Numerical Optimization", 2006, algorithm 5.4; hz: Hager, Zhang, "A New Conjugate Gradient Method
 * with Guaranteed Descent and an Efficient Line Search", 2005, 10.1137/030601880.
 *
 *     d_1 = -g
 *     1. s_0 = g'd;   s_0 >= 0: d = -g;   with armijo or bounds also where s_0 > -0.01 |g|^2
 *     2. first trial min(1, 2.02 (f - f_old) / s_0), 1 where that is not positive;  f_old is f of the step before, in
 *        the first step f + |g|_2 / 2
 *     3. line search from there, which, unless it is armijo, ends only where d+, which a trial would lead to, goes
 *        down: d+'g+ <= -0.01 |g+|^2
 *        one that fails is followed by one along -g from t = 1.01 / |g|
 *     4. x <- x + t d;   d <- -g+ + beta d,  beta = 0 when t mod restart = 0;   with y = g+ - g
 *        pr+ max(0, y'g+ / |g|^2);   fr |g+|^2 / |g|^2;   hs max(0, y'g+ / d'y);   dy |g+|^2 / d'y
 *        hz  max((y - 2 d |y|^2 / d'y)'g+ / d'y, -1 / (|d| min(0.01, |g|)))
 *     5. with bounds: d of the elements that the gradient does not drive out of the box (blocks/face.h); the search is
 *        along P(x + trial d) - x, as far as that stays in the box; beta = 0 where the box has cut d, or holds others
 *        at x+ than at x. A start outside is only projected.
 *
 * Norms are Euclidean. A beta that is no finite number counts as 0. Loss and gradient of the accepted point are kept
 * and never evaluated again; the loss must be deterministic. A search that finds nothing leaves x where it is. State:
 * g, d; within a step the lowest point's gradient, and x: 16 bytes a parameter in f32.
 */
#include "blocks/face.h"
#include "blocks/searched.h"

enum { FORMULA, C1, C2, MAX_LS, RESTART, LINE_SEARCH };
enum { PR, FR, HS, DY, HZ };
static const option_t OPTIONS[] = {
    [FORMULA] = {"formula", PR, "pr+|fr|hs|dy|hz", "how much of d is kept"},
    [C1] = {"c1", 1e-4, "(0,1)", "sufficient decrease: f <= f_0 + c1 t g'd"},
    [C2] = {"c2", 0.4, "(0,1)", "curvature: |slope| <= c2 |g'd|"},
    [MAX_LS] = {"max_ls", 25, "integer [1,inf)", "most trials of a search"},
    [RESTART] = {"restart", 0, "integer [0,inf)", "steps from one d = -g to the next; 0: none", .zero_apart = true},
    [LINE_SEARCH] = SEARCHED_LINE_SEARCH,
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
    face_t face;
    double unit;    /* within a step, in a box: what d is multiplied by */
    bool is_cut;    /* and by the box it is not d any more */
    bool is_second; /* search of the step */
} memory_t;
static const field_t FIELDS[] = {
    SEARCHED_FIELDS,
    {"f_old", "loss at the x before", FIELD(OF_METHOD, memory_t, f_old)},
    FACE_ROW(FIELD(OF_METHOD, memory_t, face.held)),
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

/* In a box: d of free elements alone. */
static void restrict_direction(step_t *s) {
    if (!step_has_box(s))
        return;
    (void)norm_max(s, vector(D)); /* runs the queue */
    face_restrict(s, &((memory_t *)s->memory)->face, D);
}

static void point_downhill(step_t *s) {
    copy(s, vector(G), vector(D));
    scale(s, -1, vector(D));
    restrict_direction(s);
}

/* As the first step does. */
static void begin_anew(step_t *s) {
    memory_t *m = s->memory;
    m->f_old = m->line.f + norm_2(s, vector(G)) / 2;
    point_downhill(s);
}

/* The slope that d must have: where the search has not seen to it, line 3's. */
static double least_slope(step_t *s) {
    const bool has_box = step_has_box(s);
    if (!has_box && (int)s->option[LINE_SEARCH] != SEARCH_ARMIJO)
        return 0;
    const double square = dot(s, vector(G), vector(G));
    return -0.01 * (has_box ? face_square(s, &((memory_t *)s->memory)->face, G) : square);
}

/* Line 1: takes the gradient, and returns the slope along d. */
static double find_slope(step_t *s) {
    memory_t *m = s->memory;
    searched_take(s);
    if (step_has_box(s)) {
        (void)norm_max(s, vector(G));
        (void)face_find(s, &m->face, X, G);
        restrict_direction(s);
    }
    if (s->t == 1)
        begin_anew(s);
    double slope = dot(s, vector(G), vector(D));
    if (!(slope < 0 && slope <= least_slope(s))) {
        point_downhill(s);
        slope = dot(s, vector(G), vector(D));
    }
    return slope;
}

/* Line 5: d in units of its first trial, cut at the box; returns the slope along it. */
static double fit_into_box(step_t *s, double trial) {
    memory_t *m = s->memory;
    m->unit = trial;
    scale(s, trial, vector(D));
    (void)norm_max(s, vector(D));
    face_cut_t cut = face_cut(s, &m->face, X, G, D);
    if (cut == FACE_NONE) {
        point_downhill(s);
        scale(s, trial, vector(D));
        (void)norm_max(s, vector(D));
        cut = face_cut(s, &m->face, X, G, D);
    }
    m->is_cut = cut != FACE_WHOLE;
    return dot(s, vector(G), vector(D));
}

/* Lines 2 and 3. */
static void start_search(step_t *s, double slope) {
    memory_t *m = s->memory;
    const double *o = s->option, guess = 2.02 * (m->line.f - m->f_old) / slope;
    line_search_t search = {.c1 = o[C1], .c2 = o[C2], .tolerance = SHORTEST_BRACKET, .most = searched_most(o[MAX_LS])};
    double trial = guess > 0 ? fmin(1, guess) : 1;
    if (step_has_box(s)) {
        slope = fit_into_box(s, trial);
        search.longest = face_longest(s, &m->face, X, D);
        trial = 1;
    }
    searched_start(s, (int)o[LINE_SEARCH], search, slope, trial);
    m->f_old = m->line.f;
}

static search_answer_t judge(step_t *s) {
    const int rule = (int)s->option[LINE_SEARCH];
    if (((const memory_t *)s->memory)->line.search.by_value)
        return searched_judge(s, rule, 0, false);
    const vector_t g_new = vector(GRADIENT);
    const double *sum = step_reduce(s, MULTIPLY, &g_new, SUMS);
    const double slope = sum[DG], next_slope = beta_of(s, sum) * sum[DG] - sum[GG];
    return searched_judge(s, rule, slope, !step_has_box(s) && !(next_slope <= -0.01 * sum[GG]));
}

/* Line 5: d is what it was before the box, or, where that has cut it or other elements are held now, of no use. */
static bool box_ends_direction(step_t *s) {
    memory_t *m = s->memory;
    scale(s, 1 / m->unit, vector(D));
    copy(s, vector(PARAMETERS), vector(X));
    (void)norm_max(s, vector(G_LOW));
    return face_find(s, &m->face, X, G_LOW) > 0 || m->is_cut;
}

/* The low point is the next x: line 4. */
static void accept(step_t *s) {
    const vector_t g_new = vector(G_LOW);
    searched_accept(s);
    const bool anew = step_has_box(s) && box_ends_direction(s);
    const double beta = anew ? 0 : beta_of(s, step_reduce(s, MULTIPLY, &g_new, SUMS));
    scale(s, beta, vector(D));
    axpy(s, -1, vector(G_LOW), vector(D));
    copy(s, vector(G_LOW), vector(G));
}

/* Behind a search that has failed: whether there is another one, along -g. */
static bool tries_again(step_t *s, search_answer_t answer, double *slope) {
    memory_t *m = s->memory;
    if (answer != SEARCH_FAILED || m->is_second)
        return false;
    m->is_second = true;
    copy(s, vector(X), vector(PARAMETERS));
    begin_anew(s);
    *slope = dot(s, vector(G), vector(D));
    return true;
}

static optim_status advance(step_t *s) {
    search_answer_t answer = SEARCH_FAILED;
    double slope = 0;
    STEP_BEGIN(s);
    if (searched_comes_from_outside(s)) {
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
        ((memory_t *)s->memory)->f_old = s->loss;
        return searched_settle(s);
    }
    copy(s, vector(PARAMETERS), vector(X));
    slope = find_slope(s);
    if (!(slope < 0)) /* g = 0 */
        return searched_done(s);
    ((memory_t *)s->memory)->is_second = false;
    do {
        start_search(s, slope);
        do {
            searched_go(s, ((const memory_t *)s->memory)->line.search.t);
            STEP_ASK(s, .kind = searched_wants(s), .sample = OPTIM_SAMPLE_SAME, .stays = searched_stays(s));
            answer = judge(s);
        } while (answer == SEARCH_EVALUATE);
    } while (tries_again(s, answer, &slope));
    if (answer == SEARCH_FAILED)
        return searched_fail(s);
    accept(s);
    return searched_done(s);
    STEP_END(s);
}

const method_t METHOD(ncg) = {
    .name = "ncg",
    .purpose = "nonlinear conjugate gradients with a line search",
    .citation = "Nocedal, Wright: Numerical Optimization, 2006, algorithm 5.4; Hager, Zhang: A New Conjugate Gradient "
                "Method with Guaranteed Descent and an Efficient Line Search, 2005",
    .evaluations = "1 gradient with loss for each trial of the search (armijo: 1 loss, and then 1 gradient); the first "
                   "step 1 more",
    .options = OPTIONS,
    .states = STATE,
    .flags = READS_LOSS | REQUESTS | SEARCHES | KEEPS_BOX,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .check = check,
    .advance = advance,
    .kernels = {ALGEBRA_KERNELS, multiply},
    .arguments = {ALGEBRA_ARGUMENTS, sizeof(vector_t)},
};
