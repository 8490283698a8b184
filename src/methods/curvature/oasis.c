/*
 * oasis: doubly adaptive scaling by a running diagonal of the Hessian.
 *
 * Jahani, Rusakov, Shi, Richtarik, Mahoney, Takac, "Doubly Adaptive Scaled Algorithm for Machine Learning Using
 * Second-Order Information", 2022, arXiv:2109.05198, algorithm 1.
 *
 *     1. g at x;   same_batch and t > 1: then g' at x_prev on the present sample, and back to x
 *     2. t = 1: D = mean of init_samples estimates z (.) Hz;   else D <- beta2 D + (1 - beta2) z (.) Hz,  all at x
 *     3. Dh = max(|D|, alpha)
 *     4. t > 1 and adaptive: eta_new = min(sqrt(1 + theta) eta, |x - x_prev|_Dh / (2 |g - g_prev|_{1/Dh}))
 *        (g' for g_prev), theta = eta_new / eta,  eta = eta_new
 *     5. x_prev = x, g_prev = g;   x <- x - eta g / Dh,      |u|_M = sqrt(sum M u^2)
 *
 * z has entries +1 or -1, see probe.h. D keeps its sign (public research code keeps |D|). A denominator of 0 in 4
 * counts as an infinite second term, a step size that is not finite keeps the last.
 * State: D, x_prev, g_prev; within a step z, Hz, the waiting gradient: 24 bytes a parameter in f32.
 */
#include <string.h>

#include "blocks/coupled.h"
#include "blocks/probe.h"

enum { LR, BETA2, ALPHA, ADAPTIVE, INIT_SAMPLES, SAME_BATCH, PROBE };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1, "[0,inf)", "eta_0: the first step size; 0 in some groups: they stay"},
    [BETA2] = {"beta2", 0.999, "[0,1)", "decay of the diagonal"},
    [ALPHA] = {"alpha", 1e-5, "(0,inf)", "lower bound of the scaling"},
    [ADAPTIVE] = {"adaptive", 1, "0|1", "0: keep eta_0"},
    [INIT_SAMPLES] = {"init_samples", 1, "integer [1,inf)", "probes of the first step"},
    [SAME_BATCH] = {"same_batch", 0, "0|1", "take the gradient at x_prev anew, on the present sample"},
    [PROBE] = PROBE_ROW,
    {0},
};

enum { D, X_PREV, G_PREV, G_NOW, X, Z, HZ };
static const state_t STATE[] = {
    [D] = {"D", "running diagonal of the Hessian", LIKE_PARAM, KEPT},
    [X_PREV] = {"x_prev", "the last point", LIKE_PARAM, KEPT},
    [G_PREV] = {"g_prev", "the gradient there", LIKE_PARAM, KEPT},
    [G_NOW] = WAITING_GRADIENT_ROW,
    [X] = {"x", "x while the gradient at x_prev is taken", LIKE_PARAM, RESTORE_POINT, .when = "same_batch"},
    [Z] = Z_ROW,
    [HZ] = HZ_ROW,
    {0},
};

typedef struct memory {
    double eta, theta;
    int64_t probes;
    int64_t collected; /* products, in this step */
    double shared;     /* lr of the groups that move */
} memory_t;
static const field_t FIELDS[] = {
    {"eta", "step size", FIELD(OF_METHOD, memory_t, eta)},
    {"theta", "ratio of the last two step sizes", FIELD(OF_METHOD, memory_t, theta), .initial = HUGE_VAL},
    PROBES_FIELD,
    {0},
};

typedef struct constants {
    weights_t beta2;
    real eta, alpha;
    bool stays, first;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .beta2 = weights(o[BETA2]),
        .eta = (real)((const memory_t *)group->memory)->eta,
        .alpha = (real)o[ALPHA],
        .stays = coupled_stays(group, LR, ((const memory_t *)group->memory)->shared),
        .first = group->t == 1,
    };
}

static void keep(const tile_t *t) { /* the gradient that arrived, and its point if that is to be left */
    memcpy(t->state[G_NOW], t->g, t->n * sizeof(real));
    if (t->state[X] != NULL)
        memcpy(t->state[X], t->p, t->n * sizeof(real));
}

static void visit(const tile_t *t) { /* line 1: to x_prev */
    const constants_t *k = t->constants;
    if (!k->stays && !k->first)
        memcpy(t->p, t->state[X_PREV], t->n * sizeof(real));
}

static void come_back(const tile_t *t) { /* what arrived is the gradient there */
    memcpy(t->p, t->state[X], t->n * sizeof(real));
    memcpy(t->state[G_PREV], t->g, t->n * sizeof(real));
}

static void draw(const tile_t *t) {
    const constants_t *k = t->constants;
    if (k->stays)
        memset(t->state[Z], 0, t->n * sizeof(real)); /* as a parameter without gradient */
    else
        probe_draw(t, t->state[Z]);
}

static void collect(const tile_t *t) { /* line 2 */
    const constants_t *k = t->constants;
    probe_collect(t, t->state[D], t->state[Z], t->state[HZ], k->first ? probe_weights(t) : k->beta2);
}

static inline real scaling(real d, real alpha) { /* line 3 */
    return larger(fabs(d), alpha);
}

static void norms(const tile_t *t) { /* squares for the two norms of line 4 */
    const constants_t k = *(const constants_t *)t->constants;
    const real *restrict x = t->p, *restrict d = t->state[D], *restrict x_prev = t->state[X_PREV],
                         *restrict g = t->state[G_NOW], *restrict g_prev = t->state[G_PREV];
    double *restrict moved = t->term[0], *restrict turned = t->term[1];
    if (coupled_skips(t, k.stays || k.first, 2)) /* a tensor that has just thawed has no last point */
        return;
    for (size_t i = 0; i < t->n; ++i) {
        const double dh = (double)scaling(d[i], k.alpha);
        const double s = (double)(x[i] - x_prev[i]), y = (double)(g[i] - g_prev[i]);
        moved[i] = dh * s * s;
        turned[i] = y * y / dh;
    }
}

static void update(const tile_t *t) { /* line 5 */
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict x = t->p, *restrict x_prev = t->state[X_PREV], *restrict g_prev = t->state[G_PREV];
    const real *restrict g = t->state[G_NOW], *restrict d = t->state[D];
    for (size_t i = 0; !k.stays && i < t->n; ++i) {
        x_prev[i] = x[i];
        g_prev[i] = g[i];
        x[i] -= k.eta * g[i] / scaling(d[i], k.alpha);
    }
}

enum { KEEP, VISIT, COME_BACK, DRAW, COLLECT, NORMS, UPDATE };

/* Line 4. */
static void adapt(step_t *s) {
    const double *sum = step_reduce(s, NORMS, NULL, 2);
    memory_t *m = s->memory;
    const double second = sum[1] > 0 ? sqrt(sum[0]) / (2 * sqrt(sum[1])) : HUGE_VAL;
    const double wanted = fmin(sqrt(1 + m->theta) * m->eta, second), eta_new = isfinite(wanted) ? wanted : m->eta;
    m->theta = m->eta > 0 ? eta_new / m->eta : 1;
    m->eta = eta_new;
}

static optim_status advance(step_t *s) {
    const double *o = s->option, samples = s->t == 1 ? o[INIT_SAMPLES] : 1;
    memory_t *m = s->memory;
    optim_status status;
    STEP_BEGIN(s);
    if ((status = coupled_check(s, LR, &m->shared)) != OPTIM_OK)
        return status;
    if (s->t == 1)
        m->eta = m->shared;
    step_update(s, KEEP, NULL);
    if (o[SAME_BATCH] != 0 && s->t > 1) {
        step_update(s, VISIT, NULL);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
        step_update(s, COME_BACK, NULL);
    }
    for (m->collected = 0; (double)m->collected < samples; ++m->collected) {
        probe_next(s, o[PROBE], &m->probes, DRAW);
        STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
        step_update(s, COLLECT, &(sample_t){m->collected, samples});
    }
    if (s->t > 1 && o[ADAPTIVE] != 0)
        adapt(s);
    step_update(s, UPDATE, NULL);
    STEP_END(s);
}

const method_t METHOD(oasis) = {
    .name = "oasis",
    .purpose = "gradients scaled by a running diagonal of the Hessian, step size from its norms",
    .citation =
        "Jahani et al.: Doubly Adaptive Scaled Algorithm for Machine Learning Using Second-Order Information, 2022, "
        "arXiv:2109.05198",
    .evaluations =
        "1 gradient, 1 Hessian-vector product (the first step init_samples of them); same_batch=1: 2 gradients",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .flags = REQUESTS | REQUESTS_PRODUCTS,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {keep, visit, come_back, draw, collect, norms, update},
    .arguments = {[DRAW] = sizeof(probe_t), [COLLECT] = sizeof(sample_t)},
};
