/*
 * newton_cg: Newton's step by conjugate gradients on Hessian-vector products, then a strong Wolfe search.
 *
 * Nocedal, Wright, "Numerical Optimization", 2006, algorithm 7.1.
 *
 *     1. z = 0, r = g, p = -g;   tol = |g|_1 min(1/2, sqrt(|g|_1))
 *     2. while |r|_1 >= tol and fewer than max_cg products:   Bp = product with p,  kappa = p'Bp
 *        kappa < 0: stop; if it is the first, z = g (r'r / kappa)
 *        kappa <= 3 eps: stop;   eps = 2^-52
 *        a = r'r / kappa,  z <- z + a p,  r+ = r + a Bp,  p <- (r+'r+ / r'r) p - r+
 *     3. d = z, or -g where g'z >= 0
 *     4. strong Wolfe search along d from t = lr;   x <- x + t d
 *
 * max_cg = 0 stands for 20 times the number of elements. The products may be those of a Gauss-Newton or Fisher matrix:
 * then kappa >= 0. Loss and gradient of the accepted point are kept and never evaluated again; both must be
 * deterministic. State: g; within a step the lowest point's gradient, x, d, r, p and the product: 28 bytes a parameter
 * in f32.
 */
#include "blocks/truncated_cg.h"

enum { LR, MAX_CG, C1, C2, MAX_LS };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1, "(0,inf)", "first trial of the search", .pauses = true},
    [MAX_CG] = {"max_cg", 0, "integer [0,inf)", "most products in a step; 0: 20 for each element", .zero_apart = true},
    [C1] = {"c1", 1e-4, "(0,1)", "sufficient decrease: f <= f_0 + c1 t g'd"},
    [C2] = {"c2", 0.9, "(0,1)", "curvature: |slope| <= c2 |g'd|"},
    [MAX_LS] = {"max_ls", 25, "integer [1,inf)", "most trials of a search"},
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
static const field_t FIELDS[] = {SEARCHED_FIELDS, {0}};

/* ---- Lines 1 and 2 ---- */

/* Takes the gradient; where that is not finite no product is asked for. */
static void start_solving(step_t *s) {
    memory_t *m = s->memory;
    searched_take(s);
    const double norm = norm_1(s, vector(G));
    m->tolerance = norm * fmin(0.5, sqrt(norm));
    truncated_cg_start(s, &m->cg);
}

static bool is_solved(step_t *s) {
    const memory_t *m = s->memory;
    return !(truncated_cg_may_go_on(s, &m->cg, s->option[MAX_CG]) && norm_1(s, vector(R)) >= m->tolerance);
}

/* Takes the product; false: CG ends here. */
static bool iterate(step_t *s) {
    memory_t *m = s->memory;
    const double kappa = dot(s, vector(P), vector(BP));
    const bool is_first = m->cg.products++ == 0;
    if (kappa < 0 && is_first) {
        copy(s, vector(G), vector(D));
        scale(s, m->cg.rr / kappa, vector(D));
    }
    if (!(kappa > 3 * DBL_EPSILON))
        return false;
    const double a = m->cg.rr / kappa;
    axpy(s, a, vector(P), vector(D));
    axpy(s, a, vector(BP), vector(R));
    truncated_cg_turn(s, &m->cg);
    return true;
}

/* ---- Lines 3 and 4 ---- */

static double find_slope(step_t *s) {
    const double slope = dot(s, vector(G), vector(D));
    if (slope < 0)
        return slope;
    copy(s, vector(G), vector(D));
    scale(s, -1, vector(D));
    return dot(s, vector(G), vector(D));
}

static void start_search(step_t *s, double slope) {
    const double *o = s->option;
    const line_search_t search = {
        .c1 = o[C1], .c2 = o[C2], .tolerance = SHORTEST_BRACKET, .most = searched_most(o[MAX_LS])};
    searched_start(s, search, slope, o[LR]);
}

static optim_status advance(step_t *s) {
    search_answer_t answer;
    double slope;
    STEP_BEGIN(s);
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
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
        answer = searched_judge(s, line_search_wolfe, dot(s, vector(GRADIENT), vector(D)));
    } while (answer == SEARCH_EVALUATE);
    searched_accept(s);
    copy(s, vector(G_LOW), vector(G));
    return searched_done(s);
    STEP_END(s);
}

const method_t METHOD(newton_cg) = {
    .name = "newton_cg",
    .purpose = "Newton's step by conjugate gradients, with a strong Wolfe search",
    .citation = "Nocedal, Wright: Numerical Optimization, 2006, algorithm 7.1",
    .evaluations = "1 Hessian-vector product for each iteration of CG, 1 gradient with loss for each trial of the "
                   "search; the first step 1 gradient more",
    .options = OPTIONS,
    .states = STATE,
    .flags = READS_LOSS | REQUESTS | REQUESTS_PRODUCTS | SEARCHES,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .check = check,
    .advance = advance,
    .kernels = {ALGEBRA_KERNELS},
    .arguments = {ALGEBRA_ARGUMENTS},
};
