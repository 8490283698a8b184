/*
 * bfgs: the inverse Hessian of few variables as a whole matrix, with a line search.
 *
 * Nocedal, Wright, "Numerical Optimization", 2006, algorithm 6.1 and (6.17) to (6.20).
 *
 *     1. after a step s = t d with y = g - g_old: if y's > 2^-52 |s| |y|
 *            H = (y's / y'y) I, if there is no H yet;   rho = 1 / y's
 *            H <- (I - rho s y') H (I - rho y s') + rho s s'
 *     2. d = -H g;   without H, or where that does not go down (then H is forgotten): d = -(lr / |g|_1) g
 *     3. line search along d, from t = lr with H and from t = 1 without;   x <- x + t d
 *        (armijo: t is halved until f <= f_0 + c1 t g'd, by values alone)
 *     4. a search by losses that finds nothing: along the same d by slopes, as hager_zhang does; then without H
 *
 * Loss and gradient of the accepted point are kept and never evaluated again; both must be deterministic. State: g, d,
 * and n^2 doubles for n elements; within a step the lowest point's gradient and x.
 */
#include "blocks/double_vector.h"
#include "blocks/joined.h"
#include "blocks/searched.h"

enum { LR, LINE_SEARCH, C1, C2, MAX_LS };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1, "(0,inf)", "first trial of the search", .pauses = true},
    [LINE_SEARCH] = SEARCHED_LINE_SEARCH,
    [C1] = {"c1", 1e-4, "(0,1)", "sufficient decrease: f <= f_0 + c1 t g'd"},
    [C2] = {"c2", 0.9, "(0,1)", "curvature: |slope| <= c2 |g'd|"},
    [MAX_LS] = {"max_ls", 25, "integer [1,inf)", "most trials of a search"},
    {0},
};

static const char *check(const double *option) {
    return option[C1] < option[C2] ? NULL : "c1 must lie below c2";
}

enum { MOST_ELEMENTS = 2048 };
static const char *refuses(const tensor_t *tensor, const double *option) {
    (void)option;
    return tensor->count > MOST_ELEMENTS ? "a matrix for so many elements is too large: it takes up to 2048 of a "
                                           "parameter; lbfgs takes any number"
                                         : NULL;
}

static const state_t STATE[] = {
    SEARCHED_STATES(false),
    [D] = {"d", "direction", LIKE_PARAM, KEPT},
    {0},
};

typedef struct memory {
    searched_t line;
    int64_t updates;
    double *inverse;         /* H */
    double *y, *s, *product; /* within a step: y or g, s or d, and H y */
} memory_t;
#define VECTOR(name)                                                                                                   \
    { "vector_" #name, "a vector", FIELD(OF_METHOD, memory_t, name), .each = EACH_ELEMENT, .within_step = true }
static const field_t FIELDS[] = {
    SEARCHED_FIELDS,
    {"updates", "pairs that H has taken in", FIELD(OF_METHOD, memory_t, updates)},
    {"inverse", "H, by rows", FIELD(OF_METHOD, memory_t, inverse), .length = joined_square},
    VECTOR(y),
    VECTOR(s),
    VECTOR(product),
    {0},
};

/* ---- Rows of the state table as vectors ---- */

enum { COLLECT = ALGEBRA_KERNEL_COUNT, SPREAD };

typedef struct transfer {
    double *list;
    int row;
} transfer_t;

static void collect(const tile_t *t) {
    const transfer_t *a = t->arguments;
    const real *from = t->state[a->row];
    double *to = a->list + tile_first(t);
    for (size_t i = 0; i < t->n; ++i)
        to[i] = (double)from[i];
}

static void spread(const tile_t *t) {
    const transfer_t *a = t->arguments;
    const double *from = a->list + tile_first(t);
    real *to = t->state[a->row];
    for (size_t i = 0; i < t->n; ++i)
        to[i] = (real)from[i];
}

/* list <- the row; 0 of frozen tensors. */
static void take(step_t *s, int row, double *list) {
    memset(list, 0, step_own_elements(s) * sizeof *list);
    step_update(s, COLLECT, &(transfer_t){list, row});
    (void)norm_max(s, vector(row)); /* runs the queue */
}

/* ---- Line 1 ---- */

/* H <- H + (rho + rho^2 y'Hy) s s' - rho (Hy s' + s Hy') */
static void update_inverse(step_t *s, double ys, double y_norm) {
    memory_t *m = s->memory;
    const size_t n = step_own_elements(s);
    double *h = m->inverse;
    take(s, G, m->y);
    take(s, D, m->s);
    if (m->updates == 0) {
        memset(h, 0, n * n * sizeof *h);
        for (size_t i = 0; i < n; ++i)
            h[i * n + i] = ys / y_norm / y_norm;
    }
    for (size_t i = 0; i < n; ++i)
        m->product[i] = inner_product(n, h + i * n, m->y) / ys;
    const double weight = 1 / ys + inner_product(n, m->y, m->product) / ys;
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j)
            h[i * n + j] += weight * m->s[i] * m->s[j] - (m->product[i] * m->s[j] + m->s[i] * m->product[j]);
    ++m->updates;
}

/* With the new gradient in g_low; then it is g. */
static void take_pair(step_t *s) {
    const memory_t *m = s->memory;
    scale(s, m->line.step, vector(D)); /* d is s, and g is y, until the next direction */
    scale(s, -1, vector(G));
    axpy(s, 1, vector(G_LOW), vector(G));
    const double ys = dot(s, vector(G), vector(D)), s_norm = norm_2(s, vector(D)), y_norm = norm_2(s, vector(G));
    if (ys > DBL_EPSILON * s_norm * y_norm)
        update_inverse(s, ys, y_norm);
    copy(s, vector(G_LOW), vector(G));
}

/* ---- Line 2; returns g'd ---- */

static double find_steepest(step_t *s) {
    memory_t *m = s->memory;
    m->updates = 0;
    const double norm = norm_1(s, vector(G));
    if (!(norm > 0))
        return 0;
    const double unit = unit_of(norm); /* 1 / norm may be more than a double holds */
    copy(s, vector(G), vector(D));
    scale(s, unit, vector(D));
    scale(s, -s->option[LR] / (norm * unit), vector(D));
    return dot(s, vector(G), vector(D));
}

static double find_direction(step_t *s) {
    memory_t *m = s->memory;
    const size_t n = step_own_elements(s);
    take(s, G, m->y);
    for (size_t i = 0; m->updates > 0 && i < n; ++i)
        m->s[i] = -inner_product(n, m->inverse + i * n, m->y);
    if (m->updates > 0)
        step_update(s, SPREAD, &(transfer_t){m->s, D});
    const double slope = m->updates > 0 ? dot(s, vector(G), vector(D)) : 0;
    return slope < 0 ? slope : find_steepest(s);
}

/* ---- Lines 3 and 4 ---- */

static int rule(const step_t *s) {
    const bool by_slopes = ((const memory_t *)s->memory)->line.by_slopes;
    return by_slopes ? SEARCH_HAGER_ZHANG : (int)s->option[LINE_SEARCH];
}

static void start_search(step_t *s, double slope) {
    const memory_t *m = s->memory;
    const double *o = s->option;
    const line_search_t search = {.c1 = o[C1], .c2 = o[C2], .most = searched_most(o[MAX_LS])};
    searched_start(s, rule(s), search, slope, m->updates > 0 ? o[LR] : 1);
}

/* Behind a search that ends so: whether there is another one, and the slope along its d. */
static bool tries_again(step_t *s, search_answer_t answer, double *slope) {
    const memory_t *m = s->memory;
    const bool by_slopes = searched_try_slopes(s, rule(s), answer);
    if (!by_slopes && ((answer == SEARCH_DONE && m->line.search.t != 0) || m->updates == 0))
        return false;
    copy(s, vector(X), vector(PARAMETERS));
    *slope = by_slopes ? dot(s, vector(G), vector(D)) : find_steepest(s);
    return true;
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    search_answer_t answer;
    double slope = 0;
    STEP_BEGIN(s);
    searched_take(s);
    copy(s, vector(PARAMETERS), vector(X));
    slope = find_direction(s);
    m->line.by_slopes = false;
    do {
        m->line.step = 0;
        if (!(slope < 0)) /* g = 0 */
            return searched_done(s);
        start_search(s, slope);
        do {
            searched_go(s, m->line.search.t);
            STEP_ASK(s, .kind = searched_wants(s), .sample = OPTIM_SAMPLE_SAME, .stays = searched_stays(s));
            answer = searched_judge(s, rule(s), searched_slope(s), false);
        } while (answer == SEARCH_EVALUATE);
    } while (tries_again(s, answer, &slope));
    if (answer == SEARCH_FAILED)
        return searched_fail(s);
    searched_accept(s);
    take_pair(s);
    return searched_done(s);
    STEP_END(s);
}

const method_t METHOD(bfgs) = {
    .name = "bfgs",
    .purpose = "the inverse Hessian of few variables as a whole matrix, with a line search",
    .citation = "Nocedal, Wright: Numerical Optimization, 2006, algorithm 6.1",
    .evaluations = "1 gradient with loss for each trial of the search (armijo: 1 loss, and then 1 gradient); the first "
                   "step 1 more",
    .options = OPTIONS,
    .states = STATE,
    .flags = READS_LOSS | REQUESTS | SEARCHES | ACROSS_TENSORS,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .check = check,
    .refuses = refuses,
    .advance = advance,
    .kernels = {ALGEBRA_KERNELS, collect, spread},
    .arguments = {ALGEBRA_ARGUMENTS, [COLLECT] = sizeof(transfer_t), sizeof(transfer_t)},
};
