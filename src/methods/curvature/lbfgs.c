/*
 * lbfgs: limited-memory BFGS with a line search.
 *
 * Nocedal, Wright, "Numerical Optimization", 2006, algorithms 7.4 and 7.5; trial rules of torch.optim.LBFGS.
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
 *     6. a d that does not go down, and a search that finds nothing: once more without pairs
 *     7. with bounds: d leads from x to the minimizer of the model in the box (L-BFGS-B, blocks/box.h), gamma being the
 *        trial step of 3 while no pair is held; the first trial is lr (1 without pairs) and at most where d leaves the
 *        box; all points are projected, and s is the step that they have made. A start outside is only projected.
 *
 * With a search, loss and gradient of the accepted point are kept and never evaluated again. The loss must be
 * deterministic. liblbfgs differs: history 6, More-Thuente by default, pairs kept whatever y's is. State: g, d, the
 * lowest point's gradient, 2 history vectors, and x within a step: 4 (4 + 2 history) bytes a parameter in f32.
 */
#include "blocks/box.h"
#include "blocks/searched.h"

enum { LR, HISTORY, LINE_SEARCH, C1, C2, MAX_LS, TOLERANCE_CHANGE, CURVATURE_MIN, FIRST_TRIAL };
enum { STRONG_WOLFE, ARMIJO, NONE };
enum { SCALED, TORCH };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1, "(0,inf)", "first trial of the search", .pauses = true},
    [HISTORY] = {"history", 10, "integer [1,1000]", "pairs kept"},
    [LINE_SEARCH] = {"line_search", STRONG_WOLFE, "strong_wolfe|armijo|none", "how the step along d is found"},
    [C1] = {"c1", 1e-4, "(0,1)", "sufficient decrease: f <= f_0 + c1 t g'd"},
    [C2] = {"c2", 0.9, "(0,1)", "curvature: |slope| <= c2 |g'd|"},
    [MAX_LS] = {"max_ls", 25, "integer [1,inf)", "most trials of a search"},
    [TOLERANCE_CHANGE] = {"tolerance_change", 0, "[0,inf)",
                          "smallest descent and bracket worth a trial, in absolute terms; torch: 1e-9"},
    [CURVATURE_MIN] = {"curvature_min", 0, "[0,inf)", "least y's of a pair, in absolute terms; torch: 1e-10"},
    [FIRST_TRIAL] = {"first_trial", SCALED, "scaled|torch", "trial step while no pair is held"},
    {0},
};

static const char *check(const double *option) {
    return option[C1] < option[C2] ? NULL : "c1 must lie below c2";
}

enum { S = SEARCHED_ROWS, Y };
static const state_t STATE[] = {
    SEARCHED_STATES(false),
    [D] = {"d", "direction", LIKE_PARAM, KEPT},
    [S] = {"s", "steps", LIKE_PARAM, KEPT, .copies = "history"},
    [Y] = {"y", "changes of the gradient", LIKE_PARAM, KEPT, .copies = "history"},
    {0},
};

typedef struct memory {
    searched_t line;
    double gamma;
    double *curvature, *alpha;
    int64_t pairs, next;
    box_t box;
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
    copy(s, vector(G), vector(D));
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
    return dot(s, vector(G), vector(D));
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
        const box_model_t model = box_model(s);
        (void)norm_max(s, vector(G)); /* runs the queue */
        const box_look_t look = box_look(s, &model);
        if (!(look.norm_1 > 0))
            return 0;
        m->gamma = steepest_trial(s, look.norm_1, look.norm_2);
        return find_direction(s);
    }
    const double slope = find_direction(s);
    if (slope > -1e270 && slope < -1e-270)
        return slope;
    m->gamma = unit_of(norm_max(s, vector(G)));
    return find_direction(s);
}

/* Without a search the next step evaluates anew. */
static optim_status done(step_t *s) {
    const optim_status status = searched_done(s);
    if (step_has_box(s)) {
        copy(s, vector(PARAMETERS), vector(X));
        (void)norm_max(s, vector(X)); /* runs the queue */
        const box_model_t model = box_model(s);
        s->held_norm = box_look(s, &model).criterion;
    }
    s->holds_gradient = s->holds_gradient && (int)s->option[LINE_SEARCH] != NONE;
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
    if (m->pairs > 0 || (s->t > 1 && (torch || (int)o[LINE_SEARCH] == NONE)))
        return lr;
    if ((int)o[LINE_SEARCH] == ARMIJO)
        return lr / norm_2(s, vector(G));
    const double norm = norm_1(s, vector(G));
    return lr / (torch ? fmax(norm, 1) : norm);
}

/* Line 4: whether so small a slope ends the step. */
static bool is_converged(const step_t *s, double slope, double trial) {
    const memory_t *m = s->memory;
    const double *o = s->option;
    if (!(slope < 0) || !(slope / length_unit(m) <= -o[TOLERANCE_CHANGE]))
        return true;
    return (int)o[LINE_SEARCH] == ARMIJO && -o[C1] * trial * slope <= DBL_EPSILON * fabs(m->line.f);
}

static void start_search(step_t *s, double slope, double trial) {
    const memory_t *m = s->memory;
    const double *o = s->option;
    const line_search_t search = {.c1 = o[C1],
                                  .c2 = o[C2],
                                  .tolerance = o[TOLERANCE_CHANGE],
                                  .longest = step_has_box(s) ? m->box.longest : 0,
                                  .most = searched_most(o[MAX_LS])};
    searched_start(s, search, slope, trial);
}

/* What the search says to the evaluation that arrived. */
static search_answer_t judge(step_t *s) {
    const bool armijo = (int)s->option[LINE_SEARCH] == ARMIJO;
    return searched_judge(s, armijo ? line_search_armijo : line_search_wolfe, dot(s, vector(GRADIENT), vector(D)));
}

/* In a box d <- the step as it was made. */
static void measure_step(step_t *s) {
    memory_t *m = s->memory;
    if (!step_has_box(s))
        return;
    copy(s, vector(PARAMETERS), vector(D));
    axpy(s, -1, vector(X), vector(D));
    m->line.step = 1;
}

/* The low point is the next x. */
static void accept(step_t *s) {
    searched_accept(s);
    measure_step(s);
    keep_pair(s);
}

/* Line 7: whether x lies outside its box; it is then put in. */
static bool comes_from_outside(step_t *s) {
    if (!step_has_box(s))
        return false;
    copy(s, vector(PARAMETERS), vector(X));
    (void)norm_max(s, vector(X)); /* runs the queue */
    const box_model_t model = box_model(s);
    const bool outside = box_look(s, &model).outside;
    if (outside)
        step_into_box(s);
    return outside;
}

/* Lines 1 and 2: takes the gradient, and returns the slope along d. */
static double find_slope(step_t *s) {
    memory_t *m = s->memory;
    if (!s->holds_gradient) {
        const bool pair_is_due = s->t > 1 && (int)s->option[LINE_SEARCH] == NONE; /* a search has kept its own */
        m->line.f = s->loss;
        copy(s, vector(GRADIENT), vector(pair_is_due ? G_LOW : G));
        if (pair_is_due)
            keep_pair(s);
    }
    const double slope = m->pairs > 0 ? find_direction(s) : 0;
    return slope >= 0 ? find_steepest(s) : slope;
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    double slope = 0, trial;
    search_answer_t answer = SEARCH_FAILED;
    bool again = false; /* along -g, without pairs */
    STEP_BEGIN(s);
    if (comes_from_outside(s)) {
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
        m->line.step = 0;
        m->line.f = s->loss;
        copy(s, vector(GRADIENT), vector(G));
        return done(s);
    }
    slope = find_slope(s);
    do {
        m->line.step = 0;
        trial = first_trial(s);
        if (is_converged(s, slope, trial))
            return done(s);
        copy(s, vector(PARAMETERS), vector(X));
        if ((int)s->option[LINE_SEARCH] == NONE) {
            m->line.step = trial;
            searched_go(s, trial);
            measure_step(s);
            return OPTIM_OK;
        }
        start_search(s, slope, trial);
        do { /* lines 3 to 5 */
            searched_go(s, m->line.search.t);
            STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
            answer = judge(s);
        } while (answer == SEARCH_EVALUATE);
        again = (answer == SEARCH_FAILED || m->line.search.t == 0) && m->pairs > 0;
        if (again) {
            copy(s, vector(X), vector(PARAMETERS));
            slope = find_steepest(s);
        }
    } while (again);
    if (answer == SEARCH_FAILED)
        return step_fail(s, OPTIM_ERR_LINE_SEARCH, "no step along the direction lowers the loss enough");
    accept(s);
    return done(s);
    STEP_END(s);
}

const method_t METHOD(lbfgs) = {
    .name = "lbfgs",
    .purpose = "limited-memory BFGS with a strong Wolfe or Armijo line search",
    .citation = "Nocedal, Wright: Numerical Optimization, 2006, algorithms 7.4 and 7.5",
    .evaluations = "1 gradient with loss for each trial of the search; the first step 1 more; line_search=none: 1",
    .options = OPTIONS,
    .states = STATE,
    .flags = READS_LOSS | REQUESTS | SEARCHES | KEEPS_BOX,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .check = check,
    .advance = advance,
    .kernels = {ALGEBRA_KERNELS},
    .arguments = {ALGEBRA_ARGUMENTS},
};
