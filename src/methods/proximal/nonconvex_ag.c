/*
 * nonconvex_ag: accelerated gradients for sparse learning with the concave penalties scad and mcp.
 *
 * Yang, Asgharian, Bhatnagar, "Accelerated Gradient Methods for Sparse Statistical Learning with Nonconvex Penalties",
 * 2024, arXiv:2009.10629.
 *
 *     beta = 0.99 / max(L, 1/(a - 1)) (scad), 0.99 / max(L, 1/gamma) (mcp);   q: gradient of penalty - lam |.|;
 *     soft(v, tau) = sign(v) max(|v| - tau, 0);   s, s_old: the last two distances between points x_md;   k = 1, 2, ...
 *     1. alpha = 1 if restart, s_old > s and 3 steps have passed since the last such;
 *        else 2 / (1 + sqrt(1 + 4 / alpha^2)), alpha being 1 before the first step
 *     2. x_md = (1 - alpha) x_ag + alpha x
 *     3. g = grad f(x_md) + q(x_md)
 *     4. x <- soft(x - beta/alpha g, beta/alpha lam);   x_ag <- soft(x_md - beta g, beta lam)
 *
 * The parameters are the next x_md: a step ends with lines 1 and 2. Output: x_ag. A later public rewrite of the
 * authors' code has another momentum and the wrong sign of q. State: x, x_ag, x_md: 12 bytes a parameter in f32.
 */
#include <string.h>

#include "engine/method.h"

enum { PENALTY, LAM, A, GAMMA, L, RESTART, INTERCEPT };
enum { SCAD, MCP };
static const option_t OPTIONS[] = {
    [PENALTY] = {"penalty", SCAD, "scad|mcp", "the penalty"},
    [LAM] = {"lam", 0.1, "[0,inf)", "its weight"},
    [A] = {"a", 3.7, "(2,inf)", "scad: a lam is where it is constant"},
    [GAMMA] = {"gamma", 2, "(1,inf)", "mcp: gamma lam is where it is constant"},
    [L] = {"L", 1, "(0,inf)", "smoothness of f"},
    [RESTART] = {"restart", 1, "0|1", "forget the momentum when steps get shorter"},
    [INTERCEPT] = {"intercept", 0, "0|1", "the first element of all is not penalised"},
    {0},
};

enum { X, X_AG, X_MD };
static const state_t STATE[] = {
    [X] = {"x", "the sequence of long steps", LIKE_PARAM, KEPT, .from_param = true},
    [X_AG] = {"x_ag", "the iterate", LIKE_PARAM, KEPT, .from_param = true},
    [X_MD] = {"x_md", "where the last gradient was taken", LIKE_PARAM, KEPT, .from_param = true},
    {0},
};

typedef struct memory {
    double alpha;         /* of the parameters as they stand; 0 before the first step */
    double moved, before; /* s, s_old */
    double restarted;     /* step of the last restart */
} memory_t;
static const field_t FIELDS[] = {
    {"alpha", "weight of x in the point of the next gradient", FIELD(OF_METHOD, memory_t, alpha)},
    {"moved", "from the last such point to the next", FIELD(OF_METHOD, memory_t, moved)},
    {"moved_before", "and the time before", FIELD(OF_METHOD, memory_t, before), .initial = 1},
    {"restarted", "number of the step of the last restart", FIELD(OF_METHOD, memory_t, restarted), .whole = true},
    {0},
};

typedef struct constants {
    real beta, lam, penalty_end, concavity; /* of the penalty: a lam or gamma lam, 1/(a - 1) or 1/gamma */
    bool is_scad, has_intercept;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    const bool is_scad = (int)o[PENALTY] == SCAD;
    const double concavity = is_scad ? 1 / (o[A] - 1) : 1 / o[GAMMA];
    *(constants_t *)constants = (constants_t){.beta = (real)(0.99 / fmax(o[L], concavity)),
                                              .lam = (real)o[LAM],
                                              .penalty_end = (real)(o[LAM] * (is_scad ? o[A] : o[GAMMA])),
                                              .concavity = (real)concavity,
                                              .is_scad = is_scad,
                                              .has_intercept = o[INTERCEPT] != 0};
}

typedef struct weights { /* of x: in the point of this gradient, and of the next */
    double alpha, next;
} weights_t;

static inline real soft(real v, real threshold) {
    const real rest = fabs(v) - threshold;
    return sign(v) * (rest < 0 ? 0 : rest); /* NaN stays */
}

static inline real concave_gradient(const constants_t *k, real x) { /* q */
    const real size = fabs(x);
    if (size >= k->penalty_end)
        return -k->lam * sign(x);
    if (!k->is_scad)
        return -x * k->concavity;
    return size > k->lam ? (k->lam - size) * sign(x) * k->concavity : 0;
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const weights_t *w = t->arguments;
    const real step = k.beta / (real)w->alpha, next = (real)w->next, one_next = (real)(1 - w->next);
    const size_t first = t->tensor->first_of_all + t->offset;
    const real *restrict g = t->g;
    real *restrict p = t->p, *restrict x = t->state[X], *restrict x_ag = t->state[X_AG];
    memcpy(t->state[X_MD], p, t->n * sizeof(real));
    for (size_t i = 0; i < t->n; ++i) {
        const bool is_free = k.has_intercept && first + i == 0;
        const real lam = is_free ? 0 : k.lam, gi = g[i] + (is_free ? 0 : concave_gradient(&k, p[i]));
        x[i] = soft(x[i] - step * gi, step * lam);
        x_ag[i] = soft(p[i] - k.beta * gi, k.beta * lam);
        p[i] = one_next * x_ag[i] + next * x[i];
    }
}

static void distance(const tile_t *t) {
    const real *restrict p = t->p, *restrict x_md = t->state[X_MD];
    for (size_t i = 0; i < t->n; ++i) {
        const double d = (double)(p[i] - x_md[i]);
        t->term[0][i] = d * d;
    }
}

enum { UPDATE, DISTANCE };

static double following(double alpha) {
    return 2 / (1 + sqrt(1 + 4 / (alpha * alpha)));
}

/* Line 1 for step s->t + 1. */
static double next_alpha(step_t *s) {
    memory_t *m = s->memory;
    if (s->option[RESTART] == 0 || m->before <= m->moved || s->t + 1 - m->restarted < 3)
        return following(m->alpha);
    m->restarted = s->t + 1;
    return 1;
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    if (m->alpha == 0)
        m->alpha = following(1);
    const weights_t weights = {m->alpha, next_alpha(s)};
    step_update(s, UPDATE, &weights);
    m->alpha = weights.next;
    m->before = m->moved;
    m->moved = sqrt(step_reduce(s, DISTANCE, NULL, 1)[0]);
    return OPTIM_OK;
}

static void output(const tile_t *t) {
    memcpy(t->out, t->state[X_AG], t->n * sizeof(real));
}

const method_t METHOD(nonconvex_ag) = {
    .name = "nonconvex_ag",
    .purpose = "accelerated gradients for sparse learning with concave penalties",
    .citation =
        "Yang, Asgharian, Bhatnagar: Accelerated Gradient Methods for Sparse Statistical Learning with Nonconvex "
        "Penalties, 2024, arXiv:2009.10629",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {update, distance},
    .arguments = {[UPDATE] = sizeof(weights_t)},
    .output = output,
};
