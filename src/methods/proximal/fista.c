/*
 * ista, fista: gradient steps on f followed by the prox of a penalty r, plain and accelerated.
 *
 * Beck, Teboulle, "A Fast Iterative Shrinkage-Thresholding Algorithm for Linear Inverse Problems", 2009,
 * 10.1137/080716542; restarts: O'Donoghue, Candes, "Adaptive Restart for Accelerated Gradient Schemes", 2015,
 * arXiv:1204.3982.
 *
 *     1. x_new = prox(y - g / L), with step 1 / L;   g = grad f(y)
 *     2. backtrack = 1: while f(x_new) > f(y) + <g, x_new - y> + L/2 |x_new - y|^2:   L <- eta L, and line 1 again
 *     3. ista:   y = x_new
 *        fista:  restart if <y - x_new, x_new - x> > 0 (gradient), or f + r is larger at x_new than at x (function)
 *                restart:  tau = 1,  y = x_new
 *                else:     tau_new = (1 + sqrt(1 + 4 tau^2)) / 2,  y = x_new + (tau - 1) / tau_new (x_new - x)
 *     4. x = x_new
 *
 * The parameters are y, which is x in ista; fista's output is x. L is kept from step to step. Line 2 forgives a few
 * units of rounding of the loss, without which it would raise L for ever at the solution. State: fista x; with a
 * restart y, with backtracking y and g besides: 4 to 12 bytes a parameter in f32.
 */
#include <float.h>

#include <string.h>

#include "blocks/agree.h"
#include "engine/map.h"

enum { L, BACKTRACK, ETA, REG, RESTART };
#define COMMON_ROWS                                                                                                    \
    [L] = {"L", 1, "(0,inf)", "smoothness of f: steps are 1 / L; with backtrack=1 the first guess"},                   \
    [BACKTRACK] = {"backtrack", 0, "0|1", "raise L where the loss shows that it is too small"},                        \
    [ETA] = {"eta", 2, "(1,inf)", "by which factor"},                                                                  \
    [REG] = {"reg", 0, "map", "prox of the penalty, or projection", .choice = "prox_l1"}
static const option_t ISTA_OPTIONS[] = {COMMON_ROWS, {0}};
enum { NONE, GRADIENT, FUNCTION };
static const option_t FISTA_OPTIONS[] = {
    COMMON_ROWS,
    [RESTART] = {"restart", NONE, "none|gradient|function", "forget the momentum when it leads uphill"},
    {0},
};

static bool fista_has_y(const tensor_t *tensor, const double *option) {
    (void)tensor;
    return option[BACKTRACK] != 0 || (int)option[RESTART] != NONE;
}

enum { Y, G, X };
#define G_ROW [G] = {"g", "the gradient there", LIKE_PARAM, WITHIN_STEP, .when = "backtrack"}
static const state_t ISTA_STATE[] = {
    [Y] = {"y", "where the gradient was taken", LIKE_PARAM, RESTORE_POINT, .when = "backtrack"},
    G_ROW,
    {0},
};
static const state_t FISTA_STATE[] = {
    [Y] = {"y", "where the gradient was taken", LIKE_PARAM, RESTORE_POINT, .exists = fista_has_y},
    G_ROW,
    [X] = {"x", "the iterate", LIKE_PARAM, KEPT, .from_param = true},
    {0},
};

typedef struct memory {
    double smoothness, tau, objective;
    double loss; /* at y; within a step */
} memory_t;
#define SMOOTHNESS_ROW                                                                                                 \
    { "current_L", "the smoothness in use", FIELD(OF_METHOD, memory_t, smoothness), .initial_option = "L" }
static const field_t ISTA_FIELDS[] = {SMOOTHNESS_ROW, {0}};
static const field_t FISTA_FIELDS[] = {
    SMOOTHNESS_ROW,
    {"tau", "how far the momentum has grown", FIELD(OF_METHOD, memory_t, tau), .initial = 1},
    {"objective", "loss and penalty at x", FIELD(OF_METHOD, memory_t, objective), .when = "restart"},
    {0},
};

typedef struct factor {
    double factor;
} factor_t;

static real factor_of(const tile_t *t) {
    return (real)((const factor_t *)t->arguments)->factor;
}

/* The gradient is there: what is needed later is put by. */
static void arrive(const tile_t *t) {
    if (t->state[Y] != NULL)
        memcpy(t->state[Y], t->p, t->n * sizeof(real));
    if (t->state[G] != NULL)
        memcpy(t->state[G], t->g, t->n * sizeof(real));
}

/* Line 1 without the prox: by what was put by if there has been another point since. */
static void descend(const tile_t *t) {
    const real step = factor_of(t);
    const real *y = t->state[G] == NULL ? t->p : t->state[Y], *g = t->state[G] == NULL ? t->g : t->state[G];
    real *p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = y[i] - step * g[i];
}

static void compare(const tile_t *t) { /* <g, x_new - y>, |x_new - y|^2 */
    const real *restrict p = t->p, *restrict y = t->state[Y], *restrict g = t->state[G];
    double *restrict slope = t->term[0], *restrict square = t->term[1];
    for (size_t i = 0; i < t->n; ++i) {
        const double d = (double)(p[i] - y[i]);
        slope[i] = (double)g[i] * d;
        square[i] = d * d;
    }
}

static void uphill(const tile_t *t) { /* <y - x_new, x_new - x> */
    const real *restrict p = t->p, *restrict y = t->state[Y], *restrict x = t->state[X];
    double *restrict term = t->term[0];
    for (size_t i = 0; i < t->n; ++i)
        term[i] = (double)(y[i] - p[i]) * (double)(p[i] - x[i]);
}

/* From x_new to the next y. */
static void extrapolate(const tile_t *t) {
    const real momentum = factor_of(t);
    real *restrict p = t->p, *restrict x = t->state[X];
    for (size_t i = 0; i < t->n; ++i) {
        const real x_new = p[i];
        p[i] = x_new + momentum * (x_new - x[i]);
        x[i] = x_new;
    }
}

enum { ARRIVE, DESCEND, COMPARE, UPHILL, EXTRAPOLATE };

/* Line 1 with the smoothness in use. */
static void try(step_t *s) {
    const double step = 1 / ((const memory_t *)s->memory)->smoothness;
    step_update(s, DESCEND, &(factor_t){step});
    step_map(s, REG, step);
}

/* Line 2: with the loss at x_new. A loss that is not finite counts as too large. */
static bool is_smooth(step_t *s) {
    const memory_t *m = s->memory;
    const double *sum = step_reduce(s, COMPARE, NULL, 2);
    const double slack = 8 * DBL_EPSILON * fabs(m->loss);
    return s->loss <= m->loss + sum[0] + m->smoothness / 2 * sum[1] + slack;
}

static optim_status begin(step_t *s, const option_t *table) {
    memory_t *m = s->memory;
    const char *wrong = step_map_refuses(s, REG, 1 / m->smoothness, false);
    if (wrong == NULL && !groups_agree_but(s, table, REG))
        wrong = "all options but reg must be the same in all groups";
    if (wrong != NULL)
        return step_fail(s, OPTIM_ERR_VALUE, wrong);
    m->loss = s->loss;
    step_update(s, ARRIVE, NULL);
    try(s);
    return OPTIM_OK;
}

/* Whether L can still be raised; it is. */
static bool raise_smoothness(step_t *s) {
    memory_t *m = s->memory;
    m->smoothness *= s->option[ETA];
    if (!isfinite(m->smoothness))
        return false;
    try(s);
    return true;
}

static const char RISES[] = "no L is large enough: is the loss that of the gradient?";

static optim_status ista_advance(step_t *s) {
    optim_status status = OPTIM_OK;
    STEP_BEGIN(s);
    status = begin(s, ISTA_OPTIONS);
    while (status == OPTIM_OK && s->option[BACKTRACK] != 0) {
        STEP_ASK(s, .kind = OPTIM_EVAL_LOSS, .sample = OPTIM_SAMPLE_SAME);
        if (is_smooth(s))
            break;
        if (!raise_smoothness(s))
            return step_fail(s, OPTIM_ERR_VALUE, RISES);
    }
    if (status != OPTIM_OK)
        return status;
    STEP_END(s);
}

/* Lines 3 and 4. */
static void follow(step_t *s, bool restarts) {
    memory_t *m = s->memory;
    const double grown = restarts ? 1 : (1 + sqrt(1 + 4 * m->tau * m->tau)) / 2;
    step_update(s, EXTRAPOLATE, &(factor_t){restarts ? 0 : (m->tau - 1) / grown});
    m->tau = grown;
}

/* With the loss at x_new. */
static bool rises(step_t *s) {
    memory_t *m = s->memory;
    const double before = m->objective;
    m->objective = s->loss + step_map_value(s, REG);
    return m->objective > before;
}

static optim_status fista_advance(step_t *s) {
    memory_t *m = s->memory;
    optim_status status = OPTIM_OK;
    STEP_BEGIN(s);
    if ((int)s->option[RESTART] == FUNCTION && s->t == 1)
        m->objective = s->loss + step_map_value(s, REG);
    status = begin(s, FISTA_OPTIONS);
    if (status != OPTIM_OK)
        return status;
    while (s->option[BACKTRACK] != 0) {
        STEP_ASK(s, .kind = OPTIM_EVAL_LOSS, .sample = OPTIM_SAMPLE_SAME);
        if (is_smooth(s))
            break;
        if (!raise_smoothness(s))
            return step_fail(s, OPTIM_ERR_VALUE, RISES);
    }
    if ((int)s->option[RESTART] == FUNCTION && s->option[BACKTRACK] == 0)
        STEP_ASK(s, .kind = OPTIM_EVAL_LOSS, .sample = OPTIM_SAMPLE_SAME);
    if ((int)s->option[RESTART] == FUNCTION)
        follow(s, rises(s));
    else
        follow(s, (int)s->option[RESTART] == GRADIENT && step_reduce(s, UPHILL, NULL, 1)[0] > 0);
    STEP_END(s);
}

static void output(const tile_t *t) {
    memcpy(t->out, t->state[X], t->n * sizeof(real));
}

static bool ista_reads_loss(const double *option) {
    return option[BACKTRACK] != 0;
}

static bool fista_reads_loss(const double *option) {
    return option[BACKTRACK] != 0 || (int)option[RESTART] == FUNCTION;
}

static const char CITATION[] = "Beck, Teboulle: A Fast Iterative Shrinkage-Thresholding Algorithm for Linear Inverse "
                               "Problems, SIAM J. Imaging Sciences, 2009";

const method_t METHOD(ista) = {
    .name = "ista",
    .purpose = "gradient steps followed by the prox of a penalty",
    .citation = CITATION,
    .evaluations = "1 gradient; backtrack=1: with the loss, and 1 loss for every L tried",
    .options = ISTA_OPTIONS,
    .states = ISTA_STATE,
    .fields = ISTA_FIELDS,
    .flags = READS_LOSS | REQUESTS | SEARCHES,
    .reads_loss = ista_reads_loss,
    .memory = sizeof(memory_t),
    .advance = ista_advance,
    .kernels = {arrive, descend, compare},
    .arguments = {[DESCEND] = sizeof(factor_t)},
};

const method_t METHOD(fista) = {
    .name = "fista",
    .purpose = "accelerated gradient steps followed by the prox of a penalty",
    .citation = CITATION,
    .evaluations =
        "1 gradient; backtrack=1: with the loss, and 1 loss for every L tried; restart=function: with the loss, "
        "and 1 loss",
    .options = FISTA_OPTIONS,
    .states = FISTA_STATE,
    .fields = FISTA_FIELDS,
    .flags = READS_LOSS | REQUESTS | SEARCHES,
    .reads_loss = fista_reads_loss,
    .memory = sizeof(memory_t),
    .advance = fista_advance,
    .kernels = {arrive, descend, compare, uphill, extrapolate},
    .arguments = {[DESCEND] = sizeof(factor_t), [EXTRAPOLATE] = sizeof(factor_t)},
    .output = output,
};
