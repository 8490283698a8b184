/*
 * optex: gradient descent whose next iterates are foreseen by a Gaussian process on the gradients seen, so that their
 * gradients can be taken at the same time.
 *
 * Shu, Fang, He, Yu, "OptEx: Expediting First-Order Optimization with Approximately Parallelized Iterations", 2024,
 * arXiv:2402.11427.
 *
 *     k(a, b) = exp(-|a - b|^2 / (2 lengthscale^2));   X, G the points and gradients kept, K = k(X, X)
 *     1. p_1 = x;   p_{j+1} = p_j - lr mu(p_j),  j < n,   mu(p) = k(p, X) (K + sigma2 I)^-1 G
 *        (while nothing is kept: p_1 alone)
 *     2. gradients g_j at all p_j;   x_j = p_j - lr g_j
 *     3. select = last: x = the last x_j;   best: the x_j with the least loss, the first of equal ones
 *     4. the newest `history` of all points and gradients are kept
 *
 * A step begins with the gradient at x; those at other points are asked for in turn, on the same sample, and do not
 * depend on each other. select = best asks for a loss at each x_j besides. Public code measures distances of parameters
 * scaled to norm 1; here they are taken as they are. State: 2 history vectors; within a step 2 n besides.
 */
#include <string.h>

#include "blocks/agree.h"
#include "kernels/elementary.h"

enum { POINTS, HISTORY, LENGTHSCALE, SIGMA2, LR, SELECT };
enum { LAST, BEST };
enum { MOST_PAIRS = 128 };
static const option_t OPTIONS[] = {
    [POINTS] = {"n", 4, "integer [1,1000]", "points whose gradients are taken in a step"},
    [HISTORY] = {"history", 8, "integer [1,128]", "points and gradients kept"},
    [LENGTHSCALE] = {"lengthscale", 1, "(0,inf)", "distance at which gradients tell of each other"},
    [SIGMA2] = {"sigma2", 1e-2, "[0,inf)", "variance of their noise, relative to that of the process"},
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},
    [SELECT] = {"select", LAST, "last|best", "the point that the step ends at"},
    {0},
};

enum { X, SEEN, SEEN_G, POINT, POINT_G };
static const state_t STATE[] = {
    [X] = {"x", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [SEEN] = {"seen", "points kept", LIKE_PARAM, KEPT, .copies = "history", .exact = true},
    [SEEN_G] = {"seen_g", "their gradients", LIKE_PARAM, KEPT, .copies = "history"},
    [POINT] = {"point", "of this step", LIKE_PARAM, WITHIN_STEP, .copies = "n"},
    [POINT_G] = {"point_g", "their gradients", LIKE_PARAM, WITHIN_STEP, .copies = "n"},
    {0},
};

typedef struct memory {
    int64_t pairs, next;
    int64_t points, j, best; /* these within a step */
    double least;
    double weight[MOST_PAIRS];
    double factor[MOST_PAIRS * (MOST_PAIRS + 1) / 2]; /* L L' = K + sigma2 I, row after row */
} memory_t;
static const field_t FIELDS[] = {
    {"pairs", "kept so far", FIELD(OF_METHOD, memory_t, pairs), .most = "history"},
    {"next", "place of the next pair", FIELD(OF_METHOD, memory_t, next), .most = "history"},
    {0},
};

typedef struct constants {
    real lr;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){(real)group->option[LR]};
}

/* ---- Kernels ---- */

/* Copy `from` of one row, copies to .. to + count - 1 of another. */
typedef struct places {
    size_t from, to, count;
    double weight; /* of a gradient in mu */
} places_t;

static real *copy_of(const tile_t *t, int row, size_t copy) {
    return (real *)t->state[row] + copy * t->stride;
}

static void begin(const tile_t *t) {
    memcpy(t->state[X], t->p, t->n * sizeof(real));
}

/* Squared distances of the parameters, or of kept point `from`, to kept points. */
static void measure(const tile_t *t, const real *restrict a) {
    const places_t *k = t->arguments;
    for (size_t c = 0; c < k->count; ++c) {
        const real *restrict b = copy_of(t, SEEN, k->to + c);
        for (size_t i = 0; i < t->n; ++i) {
            const double apart = (double)a[i] - (double)b[i];
            t->term[c][i] = apart * apart;
        }
    }
}
static void measure_parameters(const tile_t *t) {
    measure(t, t->p);
}
static void measure_seen(const tile_t *t) {
    measure(t, copy_of(t, SEEN, ((const places_t *)t->arguments)->from));
}

/* A term of line 1. */
static void foresee(const tile_t *t) {
    const places_t *k = t->arguments;
    const real step = ((const constants_t *)t->constants)->lr * (real)k->weight;
    const real *restrict g = copy_of(t, SEEN_G, k->from);
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] -= step * g[i];
}

static void keep_point(const tile_t *t) {
    const size_t j = ((const places_t *)t->arguments)->to;
    memcpy(copy_of(t, POINT, j), t->p, t->n * sizeof(real));
    memcpy(copy_of(t, POINT_G, j), t->g, t->n * sizeof(real));
}

/* To x_j. */
static void go(const tile_t *t) {
    const size_t j = ((const places_t *)t->arguments)->from;
    const real lr = ((const constants_t *)t->constants)->lr;
    const real *restrict point = copy_of(t, POINT, j), *restrict g = copy_of(t, POINT_G, j);
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = point[i] - lr * g[i];
}

/* Line 4. */
static void keep_pair(const tile_t *t) {
    const places_t *k = t->arguments;
    memcpy(copy_of(t, SEEN, k->to), copy_of(t, POINT, k->from), t->n * sizeof(real));
    memcpy(copy_of(t, SEEN_G, k->to), copy_of(t, POINT_G, k->from), t->n * sizeof(real));
}

enum { BEGIN, MEASURE_PARAMETERS, MEASURE_SEEN, FORESEE, KEEP_POINT, GO, KEEP_PAIR };

/* ---- The Gaussian process ---- */

/* of[c] = k(a, X_c) for c < count, a being what the kernel measures from. */
static void correlate(step_t *s, int kernel, size_t from, size_t count, double *of) {
    const double scale = 2 * s->option[LENGTHSCALE] * s->option[LENGTHSCALE];
    for (size_t first = 0; first < count; first += METHOD_SUMS) {
        const size_t n = count - first < METHOD_SUMS ? count - first : METHOD_SUMS;
        const double *square = step_reduce(s, kernel, &(places_t){from, first, n, 0}, (int)n);
        for (size_t c = 0; c < n; ++c)
            of[first + c] = square[c] / scale < 700 ? elementary_exp(-square[c] / scale) : 0;
    }
}

static double *row_of(memory_t *m, size_t i) {
    return m->factor + i * (i + 1) / 2;
}

/* Cholesky's factor; false: the matrix is not definite, as far as doubles tell. */
static bool factorize(step_t *s) {
    memory_t *m = s->memory;
    for (size_t i = 0; i < (size_t)m->pairs; ++i) {
        double *row = row_of(m, i);
        correlate(s, MEASURE_SEEN, i, i, row);
        row[i] = 1 + s->option[SIGMA2];
        for (size_t j = 0; j <= i; ++j) {
            const double *above = row_of(m, j);
            for (size_t k = 0; k < j; ++k)
                row[j] -= row[k] * above[k];
            if (j < i)
                row[j] /= above[j];
        }
        if (!(row[i] > 0))
            return false;
        row[i] = sqrt(row[i]);
    }
    return true;
}

/* weight <- (K + sigma2 I)^-1 k(X, p) */
static void weigh(step_t *s) {
    memory_t *m = s->memory;
    const size_t n = (size_t)m->pairs;
    double *w = m->weight;
    correlate(s, MEASURE_PARAMETERS, 0, n, w);
    for (size_t i = 0; i < n; ++i) {
        for (size_t k = 0; k < i; ++k)
            w[i] -= row_of(m, i)[k] * w[k];
        w[i] /= row_of(m, i)[i];
    }
    for (size_t i = n; i-- > 0;) {
        for (size_t k = i + 1; k < n; ++k)
            w[i] -= row_of(m, k)[i] * w[k];
        w[i] /= row_of(m, i)[i];
    }
}

/* Line 1, from p_j on. */
static void go_on(step_t *s) {
    const memory_t *m = s->memory;
    weigh(s);
    for (size_t c = 0; c < (size_t)m->pairs; ++c)
        step_update(s, FORESEE, &(places_t){.from = c, .weight = m->weight[c]});
}

/* ---- A step ---- */

static void keep_pairs(step_t *s) {
    memory_t *m = s->memory;
    const int64_t history = (int64_t)s->option[HISTORY];
    for (int64_t j = m->points > history ? m->points - history : 0; j < m->points; ++j) {
        step_update(s, KEEP_PAIR, &(places_t){.from = (size_t)j, .to = (size_t)(m->next % history)});
        m->next = (m->next + 1) % history;
        m->pairs += m->pairs < history;
    }
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    if (!groups_agree_but(s, OPTIONS, LR))
        return step_fail(s, OPTIM_ERR_VALUE, "all options but lr must be the same in all groups");
    if (step_is_a_first(s))
        m->pairs = m->next = 0; /* what is kept is of other points */
    m->points = m->pairs == 0 ? 1 : (int64_t)s->option[POINTS];
    if (m->points > 1 && !factorize(s))
        return step_fail(s, OPTIM_ERR_VALUE, "the points kept lie too near to each other: raise sigma2");
    step_update(s, BEGIN, NULL);
    step_update(s, KEEP_POINT, &(places_t){.to = 0});
    for (m->j = 1; m->j < m->points; ++m->j) {
        go_on(s);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD);
        step_update(s, KEEP_POINT, &(places_t){.to = (size_t)m->j});
    }
    m->best = m->points - 1;
    m->least = HUGE_VAL;
    for (m->j = 0; (int)s->option[SELECT] == BEST && m->points > 1 && m->j < m->points; ++m->j) {
        step_update(s, GO, &(places_t){.from = (size_t)m->j});
        STEP_ASK(s, .kind = OPTIM_EVAL_LOSS);
        if (s->loss < m->least) {
            m->best = m->j;
            m->least = s->loss;
        }
    }
    step_update(s, GO, &(places_t){.from = (size_t)m->best});
    keep_pairs(s);
    STEP_END(s);
}

static bool selects_best(const double *option) {
    return (int)option[SELECT] == BEST;
}

const method_t METHOD(optex) = {
    .name = "optex",
    .purpose = "gradient descent that foresees its iterates, so that several gradients are taken at once",
    .citation = "Shu, Fang, He, Yu: OptEx: Expediting First-Order Optimization with Approximately Parallelized "
                "Iterations, NeurIPS 2024, arXiv:2402.11427",
    .evaluations = "n gradients, in the first step 1; select=best: n losses besides",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .flags = REQUESTS | READS_LOSS,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .reads_loss = selects_best,
    .prepare = prepare,
    .advance = advance,
    .kernels = {begin, measure_parameters, measure_seen, foresee, keep_point, go, keep_pair},
    .arguments = {[MEASURE_PARAMETERS] = sizeof(places_t),
                  [MEASURE_SEEN] = sizeof(places_t),
                  [FORESEE] = sizeof(places_t),
                  [KEEP_POINT] = sizeof(places_t),
                  [GO] = sizeof(places_t),
                  [KEEP_PAIR] = sizeof(places_t)},
};
