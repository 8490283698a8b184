/*
 * newton_cg: Newton's step by conjugate gradients on Hessian-vector products, then a line search.
 *
 * Nocedal, Wright, "Numerical Optimization", 2006, algorithm 7.1.
 *
 *     1. z = 0, r = g, p = -g;   tol = |g|_1 min(1/2, sqrt(|g|_1))
 *     2. while |r|_1 >= tol and fewer than max_cg products:   Bp = product with p,  kappa = p'Bp
 *        kappa < 0: stop; if it is the first, z = g (r'r / kappa)
 *        kappa <= 3 eps: stop;   eps = 2^-52
 *        a = r'r / kappa,  z <- z + a p,  r+ = r + a Bp,  p <- (r+'r+ / r'r) p - r+
 *     3. d = z, or -g where g'z >= 0
 *     4. line search along d from t = lr;   x <- x + t d
 *     5. with bounds: of the elements that are free (blocks/truncated_cg.h), x + z inside, t at most where d leaves the
 *        box. A start outside is only projected.
 *
 * max_cg = 0 stands for 20 times the number of elements. The products may be those of a Gauss-Newton or Fisher matrix:
 * then kappa >= 0. Loss and gradient of the accepted point are kept and never evaluated again; both must be
 * deterministic. State: g; within a step the lowest point's gradient, x, d, r, p and the product: 28 bytes a parameter
 * in f32.
 */
#include "blocks/truncated_cg.h"

enum { LR, MAX_CG, C1, C2, MAX_LS, LINE_SEARCH };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1, "(0,inf)", "first trial of the search", .pauses = true},
    [MAX_CG] = {"max_cg", 0, "integer [0,inf)", "most products in a step; 0: 20 for each element", .zero_apart = true},
    [C1] = {"c1", 1e-4, "(0,1)", "sufficient decrease: f <= f_0 + c1 t g'd"},
    [C2] = {"c2", 0.9, "(0,1)", "curvature: |slope| <= c2 |g'd|"},
    [MAX_LS] = {"max_ls", 25, "integer [1,inf)", "most trials of a search"},
    [LINE_SEARCH] = SEARCHED_LINE_SEARCH,
    {0},
};

static const double SHORTEST_BRACKET = 1e-9; /* in units of x */

static const char *check(const double *option) {
    return option[C1] < option[C2] ? NULL : "c1 must lie below c2";
}

static const state_t STATE[] = {
    SEARCHED_STATES(true),
    [D] = {"d", "direction", LIKE_PARAM, WITHIN_STEP},
    TRUNCATED_CG_STATES,
    {0},
};

typedef struct memory {
    searched_t line;
    truncated_cg_t cg; /* within a step, as is where |r|_1 ends it */
    double tolerance;
} memory_t;
static const field_t FIELDS[] = {SEARCHED_FIELDS, FACE_ROW(FIELD(OF_METHOD, memory_t, cg.face.held)), {0}};

/* ---- Lines 1 and 2 ---- */

/* |.|_1 of a row, over free elements. */
static double length(step_t *s, int row) {
    const double norm = norm_1(s, vector(row));
    return step_has_box(s) ? face_norm_1(s, &((memory_t *)s->memory)->cg.face, row) : norm;
}

/* Takes the gradient; where that is not finite no product is asked for. */
static void start_solving(step_t *s) {
    memory_t *m = s->memory;
    searched_take(s);
    truncated_cg_start(s, &m->cg);
    const double norm = length(s, G);
    m->tolerance = norm * fmin(0.5, sqrt(norm));
}

static bool is_solved(step_t *s) {
    const memory_t *m = s->memory;
    const bool may_go_on = truncated_cg_may_go_on(s, &m->cg, s->option[MAX_CG]);
    return !(may_go_on && length(s, R) >= m->tolerance);
}

/* Takes the product; false: CG ends here. */
static bool iterate(step_t *s) {
    memory_t *m = s->memory;
    const double kappa = dot(s, vector(P), vector(BP));
    const bool is_first = m->cg.products++ == 0;
    if (kappa < 0 && is_first)
        (void)truncated_cg_go(s, &m->cg, -m->cg.rr / kappa);
    if (!(kappa > 3 * DBL_EPSILON))
        return false;
    truncated_cg_turn(s, &m->cg, truncated_cg_go(s, &m->cg, m->cg.rr / kappa));
    return true;
}

/* ---- Lines 3 and 4 ---- */

static double find_slope(step_t *s) {
    memory_t *m = s->memory;
    const double slope = dot(s, vector(G), vector(D));
    if (slope < 0)
        return slope;
    truncated_cg_find(s, &m->cg);
    copy(s, vector(G), vector(D));
    scale(s, -1, vector(D));
    truncated_cg_restrict(s, &m->cg, D);
    if (step_has_box(s))
        (void)face_cut(s, &m->cg.face, X, G, D);
    return dot(s, vector(G), vector(D));
}

static void start_search(step_t *s, double slope) {
    const double *o = s->option;
    line_search_t search = {.c1 = o[C1], .c2 = o[C2], .tolerance = SHORTEST_BRACKET, .most = searched_most(o[MAX_LS])};
    if (step_has_box(s))
        search.longest = face_longest(s, &((memory_t *)s->memory)->cg.face, X, D);
    searched_start(s, (int)o[LINE_SEARCH], search, slope, o[LR]);
}

static optim_status advance(step_t *s) {
    search_answer_t answer;
    double slope;
    STEP_BEGIN(s);
    if (searched_comes_from_outside(s)) {
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
        return searched_settle(s);
    }
    copy(s, vector(PARAMETERS), vector(X));
    start_solving(s);
    while (!is_solved(s)) {
        STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
        if (!iterate(s))
            break;
    }
    slope = find_slope(s);
    if (!(slope < 0)) /* g = 0 */
        return searched_done(s);
    start_search(s, slope);
    do {
        searched_go(s, ((const memory_t *)s->memory)->line.search.t);
        STEP_ASK(s, .kind = searched_wants(s), .sample = OPTIM_SAMPLE_SAME, .stays = searched_stays(s));
        answer = searched_judge(s, (int)s->option[LINE_SEARCH], searched_slope(s), false);
    } while (answer == SEARCH_EVALUATE);
    if (answer == SEARCH_FAILED)
        return searched_fail(s);
    searched_accept(s);
    copy(s, vector(G_LOW), vector(G));
    return searched_done(s);
    STEP_END(s);
}

const method_t METHOD(newton_cg) = {
    .name = "newton_cg",
    .purpose = "Newton's step by conjugate gradients, with a line search",
    .citation = "Nocedal, Wright: Numerical Optimization, 2006, algorithm 7.1",
    .evaluations = "1 Hessian-vector product for each iteration of CG, 1 gradient with loss for each trial of the "
                   "search (armijo: 1 loss, and then 1 gradient); the first step 1 gradient more",
    .options = OPTIONS,
    .states = STATE,
    .flags = READS_LOSS | REQUESTS | REQUESTS_PRODUCTS | SEARCHES | KEEPS_BOX,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .check = check,
    .advance = advance,
    .kernels = {ALGEBRA_KERNELS},
    .arguments = {ALGEBRA_ARGUMENTS},
};
