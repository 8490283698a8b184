/*
 * scgd: stochastic compositional gradient descent on f(mean of inner values) plus the rest of the objective.
 *
 * Wang, Fang, Liu, "Stochastic Compositional Gradient Descent: Algorithms for Minimizing Compositions of Expected-Value
 * Functions", 2017, arXiv:1411.3803; outer = log: Qi, Guo, Xu, Jin, Yang, "An Online Method for a Class of
 * Distributionally Robust Optimization with Non-Convex Objectives", 2021, arXiv:2006.10138; Jiang, Qin, Wu, Chen, Yang,
 * Zhang, "Learning Unnormalized Statistical Models via Compositional Optimization", 2023, arXiv:2306.07485.
 *
 *     eta = lr / t^lr_power;   gamma_t = gamma / t^gamma_power, in the first step 1
 *     1. outer = log, F = lam ln(mean of exp(c_j / lam)) over n inner values c_j: m of them, all or draws, are seen:
 *            a = ln(mean of exp(c_j / lam));   u = ln((1 - gamma_t) exp(u) + gamma_t exp(a));
 *            weight_j = exp(c_j / lam - u) / m
 *        outer = sqnorm, F = |mean of c|^2 / 2 for vectors c_i of inner values: c = mean over the sample,
 *            u = (1 - gamma_t) u + gamma_t c;   weight_j = u_j
 *     2. g = gradient of sum_j weight_j c_j plus the rest, on the same sample
 *     3. v = (1 - beta) v + beta g, in the first step g;   x <- x - eta v
 *
 * Minibatches alone (gamma = 1) are biased, since f is not linear; the tracked u is what removes it. outer = log: the
 * inner values are the components of objective 1, whose losses and gradients are asked for, and the rest is objective
 * 0. outer = sqnorm: they are the constraints of the components, of which constraints and gradients with weights are
 * asked for. A step begins without a gradient. State: v, u; within a step the gradients' sum: 4 (8) bytes a parameter.
 */
#include <string.h>

#include "blocks/agree.h"
#include "blocks/logsum.h"

enum { LR, GAMMA, BETA, OUTER, LAM, LR_POWER, GAMMA_POWER, BATCH };
enum { LOG, SQNORM };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},
    [GAMMA] = {"gamma", 0.1, "(0,1]", "weight of the newest sample in u; 1: minibatches alone"},
    [BETA] = {"beta", 1, "(0,1]", "weight of the newest gradient in v"},
    [OUTER] = {"outer", LOG, "log|sqnorm", "the outer function"},
    [LAM] = {"lam", 1, "(0,inf)", "outer=log: its scale; small: the largest inner value counts"},
    [LR_POWER] = {"lr_power", 0, "[0,1]", "lr is divided by t^lr_power"},
    [GAMMA_POWER] = {"gamma_power", 0, "[0,1]", "gamma is divided by t^gamma_power"},
    [BATCH] = {"batch", 0, "integer [0,inf)", "components drawn in a step; 0: all", .zero_apart = true},
    {0},
};

enum { V, SUM };
static const state_t STATE[] = {
    [V] = {"v", "mean of the gradients", LIKE_PARAM, FIRST_MOMENT},
    [SUM] = {"sum", "of the gradients asked for, by weight", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct memory {
    double log_u, *u;
    double *value, *inner; /* within a step */
    int64_t k;
} memory_t;
static const field_t FIELDS[] = {
    {"current_u", "outer=log: u", FIELD(OF_METHOD, memory_t, log_u)},
    {"u", "outer=sqnorm: u", FIELD(OF_METHOD, memory_t, u), .each = EACH_CONSTRAINT},
    {"value", "of each component seen, then its weight", FIELD(OF_METHOD, memory_t, value), .each = EACH_COMPONENT,
     .within_step = true},
    {"inner", "mean over the sample", FIELD(OF_METHOD, memory_t, inner), .each = EACH_CONSTRAINT, .within_step = true},
    {0},
};

typedef struct constants {
    real eta, beta, one_beta;
} constants_t;

typedef struct weight {
    double weight;
} weight_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, beta = group->t == 1 ? 1 : o[BETA];
    *(constants_t *)constants =
        (constants_t){(real)(o[LR] / pow(group->step->t, o[LR_POWER])), (real)beta, (real)(1 - beta)};
}

/* ---- Kernels ---- */

static void begin(const tile_t *t) {
    memset(t->state[SUM], 0, t->n * sizeof(real));
}

static void add(const tile_t *t) {
    const real weight = (real)((const weight_t *)t->arguments)->weight;
    const real *restrict g = t->g;
    real *restrict sum = t->state[SUM];
    for (size_t i = 0; i < t->n; ++i)
        sum[i] += weight * g[i];
}

/* Line 3. */
static void move(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real *restrict sum = t->state[SUM];
    real *restrict p = t->p, *restrict v = t->state[V];
    for (size_t i = 0; i < t->n; ++i) {
        v[i] = settled(k.one_beta * v[i] + k.beta * sum[i]);
        p[i] -= k.eta * v[i];
    }
}

enum { BEGIN, ADD, MOVE };

/* ---- The sample ---- */

static bool is_full(const step_t *s) {
    return s->option[BATCH] == 0;
}
static int64_t seen(const step_t *s) {
    return is_full(s) ? s->components : (int64_t)s->option[BATCH];
}

static void draw(step_t *s) {
    for (int64_t k = 0; k < seen(s); ++k)
        step_order(s)[k] = is_full(s) ? k : step_index(s, s->components);
}

static double gamma_now(const step_t *s) {
    return s->t == 1 ? 1 : s->option[GAMMA] / pow(s->t, s->option[GAMMA_POWER]);
}

/* ---- outer = log ---- */

static void keep_losses(step_t *s) {
    memory_t *m = s->memory;
    for (int64_t k = 0; k < (is_full(s) ? s->components : 1); ++k)
        m->value[m->k + k] = s->losses[k];
}

/* Line 1; false: a value is no number, or too large, or all are -infinity. */
static bool track_log(step_t *s) {
    memory_t *m = s->memory;
    const double lam = s->option[LAM], gamma = gamma_now(s), count = (double)seen(s);
    logsum_t l = logsum_empty();
    for (int64_t k = 0; k < seen(s); ++k) {
        if (!(m->value[k] < HUGE_VAL))
            return false;
        logsum_add(&l, m->value[k] / lam);
    }
    const double newest = logsum_log(l) - elementary_log(count);
    if (!isfinite(newest))
        return false;
    if (gamma < 1) {
        logsum_t both = logsum_empty();
        logsum_add(&both, elementary_log(1 - gamma) + m->log_u);
        logsum_add(&both, elementary_log(gamma) + newest);
        m->log_u = logsum_log(both);
    } else {
        m->log_u = newest;
    }
    for (int64_t k = 0; k < seen(s); ++k)
        m->value[k] = logsum_exp(m->value[k] / lam - m->log_u) / count;
    return true;
}

static optim_status advance_log(step_t *s) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    draw(s);
    for (m->k = 0; m->k < (is_full(s) ? 1 : seen(s)); ++m->k) {
        STEP_ASK(s, .kind = OPTIM_EVAL_LOSSES, .objective = 1, .first = is_full(s) ? 0 : step_order(s)[m->k],
                 .count = is_full(s) ? s->components : 1);
        keep_losses(s);
    }
    if (!track_log(s))
        return step_fail(s, OPTIM_ERR_NONFINITE, "inner values are not finite");
    step_update(s, BEGIN, NULL);
    for (m->k = 0; m->k < seen(s); ++m->k) {
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .objective = 1, .first = step_order(s)[m->k], .count = 1);
        step_update(s, ADD, &(weight_t){m->value[m->k]});
    }
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD);
    step_update(s, ADD, &(weight_t){1});
    step_update(s, MOVE, NULL);
    STEP_END(s);
}

/* ---- outer = sqnorm ---- */

static int64_t inner_values(const step_t *s) {
    return s->equalities + s->inequalities;
}
static int64_t asks(const step_t *s) {
    return is_full(s) ? 1 : seen(s);
}

static void add_inner(step_t *s) {
    memory_t *m = s->memory;
    for (int64_t j = 0; j < inner_values(s); ++j)
        m->inner[j] = (m->k == 0 ? 0 : m->inner[j]) + s->constraint[j] / (double)asks(s);
}

static void track_mean(step_t *s) {
    memory_t *m = s->memory;
    const double gamma = gamma_now(s);
    for (int64_t j = 0; j < inner_values(s); ++j) {
        m->u[j] = (1 - gamma) * m->u[j] + gamma * m->inner[j];
        s->weights[j] = m->u[j];
    }
}

static optim_status advance_sqnorm(step_t *s) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    if (inner_values(s) == 0)
        return step_fail(s, OPTIM_ERR_ORDER,
                         "outer=sqnorm reads inner values: say how many there are with optim_set_constraints");
    draw(s);
    for (m->k = 0; m->k < asks(s); ++m->k) {
        STEP_ASK(s, .kind = OPTIM_EVAL_CONSTRAINTS, .first = is_full(s) ? 0 : step_order(s)[m->k],
                 .count = !is_full(s));
        add_inner(s);
    }
    track_mean(s);
    step_update(s, BEGIN, NULL);
    for (m->k = 0; m->k < asks(s); ++m->k) {
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .first = is_full(s) ? 0 : step_order(s)[m->k], .count = !is_full(s));
        step_update(s, ADD, &(weight_t){1 / (double)asks(s)});
    }
    step_update(s, MOVE, NULL);
    STEP_END(s);
}

static optim_status advance(step_t *s) {
    if (!groups_agree_but(s, OPTIONS, LR))
        return step_fail(s, OPTIM_ERR_VALUE, "all options but lr must be the same in all groups");
    if (s->option[BATCH] > (double)s->components)
        return step_fail(s, OPTIM_ERR_VALUE, "batch must be no more than the number of components");
    return (int)s->option[OUTER] == LOG ? advance_log(s) : advance_sqnorm(s);
}

const method_t METHOD(scgd) = {
    .name = "scgd",
    .purpose = "a function of a mean, by gradients whose weights come from a tracked estimate of the mean",
    .citation = "Wang, Fang, Liu: Stochastic Compositional Gradient Descent: Algorithms for Minimizing Compositions of "
                "Expected-Value Functions, 2017, arXiv:1411.3803; Qi et al.: An Online Method for a Class of "
                "Distributionally Robust Optimization with Non-Convex Objectives, 2021, arXiv:2006.10138",
    .evaluations = "the inner values of a sample, a gradient of each component in it, 1 of the rest",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .flags = REQUESTS | BY_ELEMENT | NEEDS_COMPONENTS | COMPONENT_GRADIENTS | COMPONENT_LOSSES | ASKS_FOR_ALL,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {begin, add, move},
    .arguments = {[ADD] = sizeof(weight_t)},
};
