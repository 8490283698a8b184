/*
 * lbfgs: limited-memory BFGS with a line search.
 *
 * Nocedal, Wright, "Numerical Optimization", 2006, algorithms 7.4 and 7.5; trial rules of torch.optim.LBFGS. With l1:
 * Andrew, Gao, "Scalable training of L1-regularized log-linear models", ICML 2007.
 *
 *     1. after a step s = t d with y = g - g_old: if y's > max(curvature_min, eps |s| |y|), keep the pair (of `history`
 *        pairs, dropping the oldest), gamma = y's / y'y;   eps = 2^-52
 *     2. q = -g;   newest to oldest: alpha_i = s_i'q / y_i's_i, q <- q - alpha_i y_i;   q <- gamma q;
 *        oldest to newest: q <- q + s_i (alpha_i - y_i'q / y_i's_i);   d = q      (d = -g while no pair is held)
 *     3. trial step: lr;  while no pair is held lr / |g|_1, with armijo lr / |g|_2
 *        (line_search=none: in the first step)
 *        first_trial=torch: lr min(1, 1 / |g|_1), in the first step only
 *     4. g'd = 0, g'd > -tolerance_change, or armijo's c1 t |g'd| <= eps |f|: nothing moves
 *     5. line search from the trial step;  x <- x + t d.   line_search=none: t is the trial step, one gradient a step
 *     6. a search by losses that finds nothing: along the same d by slopes, as hager_zhang does; if that finds nothing
 *        either, and where d does not go down: once more without pairs
 *     7. with bounds: d leads from x to the minimizer of the model in the box (L-BFGS-B, blocks/box.h), gamma being the
 *        trial step of 3 while no pair is held; the first trial is lr (1 without pairs) and at most where d leaves the
 *        box; all points are projected, and s is the step that they have made. A start outside is only projected.
 *
 *     8. l1 > 0 (OWL-QN): of F = f + l1 |x|_1, with the pseudo-gradient v, which is g + l1 sign(x) and where x = 0 the
 *        part of g that exceeds l1 in modulus: line 2 begins with q = -v; d_i <- 0 where d_i v_i >= 0; t is halved
 *        until F <= F_0 + c1 v'(p - x), p being x + t d with 0 for elements that leave the orthant of x, or of -v
 *        where x = 0; y is of g alone. If no t is found nothing moves.
 *
 * With a search, loss and gradient of the accepted point are kept and never evaluated again. The loss must be
 * deterministic. liblbfgs differs: history 6, More-Thuente by default, pairs kept whatever y's is. State: g, d, the
 * lowest point's gradient, 2 history vectors, and x within a step: 4 (4 + 2 history) bytes a parameter in f32.
 */
#include "blocks/box.h"
#include "blocks/searched.h"

enum { LR, HISTORY, LINE_SEARCH, C1, C2, MAX_LS, TOLERANCE_CHANGE, CURVATURE_MIN, FIRST_TRIAL, L1 };
enum { STRONG_WOLFE, ARMIJO, NONE, MORE_THUENTE, HAGER_ZHANG };
enum { SCALED, TORCH };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1, "(0,inf)", "first trial of the search", .pauses = true},
    [HISTORY] = {"history", 10, "integer [1,1000]", "pairs kept"},
    [LINE_SEARCH] = {"line_search", STRONG_WOLFE, "strong_wolfe|armijo|none|more_thuente|hager_zhang",
                     "how the step along d is found"},
    [C1] = {"c1", 1e-4, "(0,1)", "sufficient decrease: f <= f_0 + c1 t g'd"},
    [C2] = {"c2", 0.9, "(0,1)", "curvature: |slope| <= c2 |g'd|"},
    [MAX_LS] = {"max_ls", 25, "integer [1,inf)", "most trials of a search"},
    [TOLERANCE_CHANGE] = {"tolerance_change", 0, "[0,inf)",
                          "smallest descent and bracket worth a trial, in absolute terms; torch: 1e-9"},
    [CURVATURE_MIN] = {"curvature_min", 0, "[0,inf)", "least y's of a pair, in absolute terms; torch: 1e-10"},
    [FIRST_TRIAL] = {"first_trial", SCALED, "scaled|torch", "trial step while no pair is held"},
    [L1] = {"l1", 0, "[0,inf)", "weight of |x|_1, which is added to the loss (OWL-QN); 0: none", .zero_apart = true},
    {0},
};

static const char *check(const double *option) {
    return option[C1] < option[C2] ? NULL : "c1 must lie below c2";
}

enum { S = SEARCHED_ROWS, Y, V };
static const state_t STATE[] = {
    SEARCHED_STATES(false),
    [D] = {"d", "direction", LIKE_PARAM, KEPT},
    [S] = {"s", "steps", LIKE_PARAM, KEPT, .copies = "history"},
    [Y] = {"y", "changes of the gradient", LIKE_PARAM, KEPT, .copies = "history"},
    [V] = {"v", "the pseudo-gradient", LIKE_PARAM, WITHIN_STEP, .when = "l1"},
    {0},
};

typedef struct memory {
    searched_t line;
    double gamma;
    double *curvature, *alpha;
    int64_t pairs, next;
    box_t box;
    double f_whole; /* within a step: F at x, with l1 */
} memory_t;

static size_t dense_length(size_t elements, const double *option) {
    (void)elements;
    return box_dense((size_t)option[HISTORY]);
}

static const field_t FIELDS[] = {
    SEARCHED_FIELDS,
    {"gamma", "scale of the initial inverse Hessian", FIELD(OF_METHOD, memory_t, gamma), .initial = 1},
    {"curvature", "y_i's_i", FIELD(OF_METHOD, memory_t, curvature), .copies = "history"},
    {"alpha", "coefficients of the two loops", FIELD(OF_METHOD, memory_t, alpha), .copies = "history",
     .within_step = true},
    {"pairs", "kept so far", FIELD(OF_METHOD, memory_t, pairs), .most = "history"},
    {"next", "place of the next pair", FIELD(OF_METHOD, memory_t, next), .most = "history"},
    BOX_FIELDS(dense_length),
    {0},
};

/* ---- Line 8 ---- */

enum { PSEUDO = ALGEBRA_KERNEL_COUNT, ALIGN, TO_ORTHANT, FIRST_ORDER };

typedef struct penalty {
    double l1;
} penalty_t;

static void pseudo_gradient(const tile_t *t) {
    const real l1 = (real)((const penalty_t *)t->arguments)->l1;
    const real *restrict g = t->state[G], *restrict x = t->p;
    real *restrict v = t->state[V];
    for (size_t i = 0; i < t->n; ++i) {
        const real beyond = g[i] > l1 ? g[i] - l1 : g[i] < -l1 ? g[i] + l1 : 0;
        v[i] = x[i] == 0 ? beyond : g[i] + l1 * sign(x[i]);
    }
}

static void align(const tile_t *t) {
    const real *restrict v = t->state[V];
    real *restrict d = t->state[D];
    for (size_t i = 0; i < t->n; ++i)
        d[i] = sign(d[i]) * sign(v[i]) < 0 ? d[i] : 0;
}

static void to_orthant(const tile_t *t) {
    const real *restrict v = t->state[V], *restrict x = t->state[X];
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i) {
        const real side = x[i] == 0 ? -sign(v[i]) : sign(x[i]);
        p[i] = sign(p[i]) * side > 0 ? p[i] : 0;
    }
}

/* v'(p - x) */
static void first_order(const tile_t *t) {
    const real *v = t->state[V], *x = t->state[X], *p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = (double)v[i] * ((double)p[i] - (double)x[i]);
}

static bool has_l1(const step_t *s) {
    return s->option[L1] > 0;
}

static bool searches(const step_t *s) {
    return has_l1(s) || (int)s->option[LINE_SEARCH] != NONE;
}

/* v, or g. */
static vector_t slopes(const step_t *s) {
    return vector(has_l1(s) ? V : G);
}

static void find_slopes(step_t *s) {
    if (has_l1(s))
        step_update(s, PSEUDO, &(penalty_t){s->option[L1]});
}

/* Of the evaluation that arrived: whether F has fallen enough. */
static search_answer_t judge_orthant(step_t *s) {
    memory_t *m = s->memory;
    line_search_t *search = &m->line.search;
    const double whole = s->loss + s->option[L1] * norm_1(s, vector(PARAMETERS));
    const double change = step_reduce(s, FIRST_ORDER, NULL, 1)[0];
    if (whole <= m->f_whole + search->c1 * change && isfinite(dot(s, vector(GRADIENT), vector(D)))) {
        m->line.f_low = s->loss;
        copy(s, vector(GRADIENT), vector(G_LOW));
        return change < 0 ? SEARCH_DONE : SEARCH_FAILED;
    }
    search->t /= 2;
    return ++search->evaluations < search->most ? SEARCH_EVALUATE : SEARCH_FAILED;
}

/* Line 1, with the new gradient in g_low; then it is g. */
static void keep_pair(step_t *s) {
    memory_t *m = s->memory;
    const int64_t history = (int64_t)s->option[HISTORY];
    const size_t next = (size_t)(m->next % history);
    scale(s, m->line.step, vector(D)); /* d is s, and g is y, until the next direction */
    scale(s, -1, vector(G));
    axpy(s, 1, vector(G_LOW), vector(G));
    const double ys = dot(s, vector(G), vector(D)), s_norm = norm_2(s, vector(D));
    const square_t yy = square_of(s, vector(G));
    if (ys > fmax(s->option[CURVATURE_MIN], DBL_EPSILON * s_norm * (sqrt(yy.square) / yy.unit))) {
        m->gamma = ys * yy.unit / yy.square * yy.unit;
        m->curvature[next] = ys;
        m->next = ((int64_t)next + 1) % history;
        if (m->pairs < history)
            ++m->pairs;
        copy(s, vector(D), vector_copy(S, next));
        copy(s, vector(G), vector_copy(Y, next));
    }
    copy(s, vector(G_LOW), vector(G));
}

static box_model_t box_model(const step_t *s) {
    const memory_t *m = s->memory;
    const size_t history = (size_t)s->option[HISTORY], pairs = (size_t)m->pairs;
    return (box_model_t){X, G, D, S, Y, pairs, ((size_t)m->next + history - pairs) % history, history, m->gamma};
}

/* Line 7; returns g'd, or 0 if the pairs are of no use. */
static double find_direction_in_box(step_t *s) {
    memory_t *m = s->memory;
    const box_model_t model = box_model(s);
    (void)norm_max(s, vector(G)); /* runs the queue */
    return box_direction(s, &m->box, &model) ? dot(s, vector(G), vector(D)) : 0;
}

/* Line 2; returns g'd. */
static double find_direction(step_t *s) {
    if (step_has_box(s))
        return find_direction_in_box(s);
    const memory_t *m = s->memory;
    const size_t history = (size_t)s->option[HISTORY], pairs = (size_t)m->pairs;
    const size_t newest = (size_t)m->next + history - 1;
    copy(s, slopes(s), vector(D));
    scale(s, -1, vector(D));
    for (size_t i = 0; i < pairs; ++i) {
        const size_t j = (newest - i) % history;
        m->alpha[j] = dot(s, vector_copy(S, j), vector(D)) / m->curvature[j];
        axpy(s, -m->alpha[j], vector_copy(Y, j), vector(D));
    }
    scale(s, m->gamma, vector(D));
    for (size_t i = pairs; i-- > 0;) {
        const size_t j = (newest - i) % history;
        axpy(s, m->alpha[j] - dot(s, vector_copy(Y, j), vector(D)) / m->curvature[j], vector_copy(S, j), vector(D));
    }
    if (has_l1(s))
        step_update(s, ALIGN, NULL);
    return dot(s, slopes(s), vector(D));
}

/* Line 3, in units of -g, where these are the norms of g. */
static double steepest_trial(const step_t *s, double norm_1, double norm_2) {
    const double *o = s->option;
    if ((int)o[LINE_SEARCH] == ARMIJO)
        return o[LR] / norm_2;
    return o[LR] / ((int)o[FIRST_TRIAL] == TORCH ? fmax(norm_1, 1) : norm_1);
}

/* Line 6: d = -g, or where g'g leaves the range of a double, -g times the power of two that gamma then is. */
static double find_steepest(step_t *s) {
    memory_t *m = s->memory;
    m->pairs = 0;
    m->gamma = 1;
    if (step_has_box(s)) {
        const box_look_t look = searched_look(s);
        if (!(look.norm_1 > 0))
            return 0;
        m->gamma = steepest_trial(s, look.norm_1, look.norm_2);
        return find_direction(s);
    }
    const double slope = find_direction(s);
    if (slope > -1e270 && slope < -1e-270)
        return slope;
    m->gamma = unit_of(norm_max(s, slopes(s)));
    return find_direction(s);
}

/* Without a search the next step evaluates anew. */
static optim_status done(step_t *s) {
    const optim_status status = searched_done(s);
    if (has_l1(s)) {
        find_slopes(s);
        s->held_norm = norm_2(s, vector(V));
        s->held_row = V;
    }
    s->holds_gradient = s->holds_gradient && searches(s);
    return status;
}

/* d in units of -g, while no pair is held. */
static double length_unit(const memory_t *m) {
    return m->pairs > 0 ? 1 : m->gamma;
}

/* Line 3. */
static double first_trial(step_t *s) {
    const memory_t *m = s->memory;
    const double *o = s->option, lr = o[LR] / length_unit(m);
    const bool torch = (int)o[FIRST_TRIAL] == TORCH;
    if (step_has_box(s))
        return m->pairs > 0 ? lr : 1;
    if (m->pairs > 0 || (s->t > 1 && (torch || !searches(s))))
        return lr;
    if ((int)o[LINE_SEARCH] == ARMIJO || has_l1(s))
        return lr / norm_2(s, slopes(s));
    const double norm = norm_1(s, vector(G));
    return lr / (torch ? fmax(norm, 1) : norm);
}

/* Line 4: whether so small a slope ends the step. */
static bool is_converged(const step_t *s, double slope, double trial) {
    const memory_t *m = s->memory;
    const double *o = s->option;
    if (!(slope < 0) || !(slope / length_unit(m) <= -o[TOLERANCE_CHANGE]))
        return true;
    return (int)o[LINE_SEARCH] == ARMIJO && !has_l1(s) && -o[C1] * trial * slope <= DBL_EPSILON * fabs(m->line.f);
}

/* By the searches' own keywords; with l1 it is none of them, and asks for gradients. */
static int rule(const step_t *s) {
    static const int RULES[] = {[STRONG_WOLFE] = SEARCH_STRONG_WOLFE,
                                [ARMIJO] = SEARCH_ARMIJO,
                                [NONE] = SEARCH_STRONG_WOLFE,
                                [MORE_THUENTE] = SEARCH_MORE_THUENTE,
                                [HAGER_ZHANG] = SEARCH_HAGER_ZHANG};
    if (((const memory_t *)s->memory)->line.by_slopes)
        return SEARCH_HAGER_ZHANG;
    return has_l1(s) ? SEARCH_STRONG_WOLFE : RULES[(int)s->option[LINE_SEARCH]];
}

/* Line 6, behind a search that ends so: whether there is another one, and the slope along its d. */
static bool tries_again(step_t *s, search_answer_t answer, double *slope) {
    const memory_t *m = s->memory;
    const bool by_slopes = !has_l1(s) && searched_try_slopes(s, rule(s), answer);
    if (!by_slopes && ((answer == SEARCH_DONE && m->line.search.t != 0) || m->pairs == 0))
        return false;
    copy(s, vector(X), vector(PARAMETERS));
    *slope = by_slopes ? dot(s, vector(G), vector(D)) : find_steepest(s);
    return true;
}

static void start_search(step_t *s, double slope, double trial) {
    const memory_t *m = s->memory;
    const double *o = s->option;
    const line_search_t search = {.c1 = o[C1],
                                  .c2 = o[C2],
                                  .tolerance = o[TOLERANCE_CHANGE],
                                  .longest = step_has_box(s) ? m->box.longest : 0,
                                  .most = searched_most(o[MAX_LS])};
    searched_start(s, rule(s), search, slope, trial);
    if (has_l1(s))
        ((memory_t *)s->memory)->f_whole = m->line.f + o[L1] * norm_1(s, vector(X));
}

static void into_orthant(step_t *s) {
    if (has_l1(s))
        step_update(s, TO_ORTHANT, NULL);
}

static void go(step_t *s, double t) {
    searched_go(s, t);
    into_orthant(s);
}

/* What the search says to the evaluation that arrived. */
static search_answer_t judge(step_t *s) {
    if (has_l1(s))
        return judge_orthant(s);
    return searched_judge(s, rule(s), searched_slope(s), false);
}

/* Where points are projected d <- the step as it was made. */
static void measure_step(step_t *s) {
    memory_t *m = s->memory;
    if (!step_has_box(s) && !has_l1(s))
        return;
    copy(s, vector(PARAMETERS), vector(D));
    axpy(s, -1, vector(X), vector(D));
    m->line.step = 1;
}

/* The low point is the next x. */
static void accept(step_t *s) {
    searched_accept(s);
    into_orthant(s);
    measure_step(s);
    keep_pair(s);
}

/* Lines 1 and 2: takes the gradient, and returns the slope along d. */
static double find_slope(step_t *s) {
    memory_t *m = s->memory;
    if (!s->holds_gradient) {
        const bool pair_is_due = s->t > 1 && !searches(s); /* a search has kept its own */
        m->line.f = s->loss;
        copy(s, vector(GRADIENT), vector(pair_is_due ? G_LOW : G));
        if (pair_is_due)
            keep_pair(s);
    }
    find_slopes(s);
    const double slope = m->pairs > 0 ? find_direction(s) : 0;
    return slope >= 0 ? find_steepest(s) : slope;
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    double slope = 0, trial;
    search_answer_t answer = SEARCH_FAILED;
    STEP_BEGIN(s);
    if (has_l1(s) && step_has_box(s))
        return step_fail(s, OPTIM_ERR_MISMATCH,
                         "l1 and the bounds of a parameter exclude each other: lift one of them");
    if (searched_comes_from_outside(s)) { /* line 7 */
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
        (void)searched_settle(s);
        return done(s);
    }
    slope = find_slope(s);
    m->line.by_slopes = false;
    do {
        m->line.step = 0;
        trial = first_trial(s);
        if (is_converged(s, slope, trial))
            return done(s);
        copy(s, vector(PARAMETERS), vector(X));
        if (!searches(s)) {
            m->line.step = trial;
            searched_go(s, trial);
            measure_step(s);
            return OPTIM_OK;
        }
        start_search(s, slope, trial);
        do { /* lines 3 to 5 */
            go(s, m->line.search.t);
            STEP_ASK(s, .kind = searched_wants(s), .sample = OPTIM_SAMPLE_SAME, .stays = searched_stays(s));
            answer = judge(s);
        } while (answer == SEARCH_EVALUATE);
    } while (tries_again(s, answer, &slope));
    if (answer == SEARCH_FAILED && has_l1(s)) {
        copy(s, vector(X), vector(PARAMETERS));
        return done(s);
    }
    if (answer == SEARCH_FAILED)
        return searched_fail(s);
    accept(s);
    return done(s);
    STEP_END(s);
}

const method_t METHOD(lbfgs) = {
    .name = "lbfgs",
    .purpose = "limited-memory BFGS with a line search",
    .citation = "Nocedal, Wright: Numerical Optimization, 2006, algorithms 7.4 and 7.5",
    .evaluations = "1 gradient with loss for each trial of the search (armijo: 1 loss, and then 1 gradient); the first "
                   "step 1 more; line_search=none: 1",
    .options = OPTIONS,
    .states = STATE,
    .flags = READS_LOSS | REQUESTS | SEARCHES | KEEPS_BOX,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .check = check,
    .advance = advance,
    .kernels = {ALGEBRA_KERNELS, pseudo_gradient, align, to_orthant, first_order},
    .arguments = {ALGEBRA_ARGUMENTS, [PSEUDO] = sizeof(penalty_t)},
};
