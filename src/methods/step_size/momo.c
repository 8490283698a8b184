/*
 * momo, momo_adam: step sizes from a model of the loss built on momentum.
 *
 * Schaipp, Ohana, Eickenberg, Defazio, Gower, "MoMo: Momentum Models for Adaptive Learning Rates", 2023,
 * arXiv:2305.07583, algorithms 1 and 2; the estimate of the lower bound is that of its section 4.
 *
 *     1. fbar <- beta1 fbar + (1 - beta1) f,   gamma <- beta1 gamma + (1 - beta1) <g, x>
 *        d <- beta1 d + (1 - beta1) g;   momo_adam: m and v as Adam;   A = 1 + lr weight_decay
 *     2. momo: p = <d, x>, q = |d|^2;   momo_adam: p = <m, x>, q = sum m^2 / D,   D = sqrt(v / (1 - beta2^t)) + eps
 *     3. use_fstar: cap = A (fbar - gamma) + p;   cap < A rho lb: lb <- max(cap / (2 A rho), lb_0)
 *     4. tau = min(lr / rho, max(A (fbar - rho lb - gamma) + p, 0) / q)   (0 where q = 0)
 *     5. use_fstar: lb <- max((fbar + p - gamma - tau q / 2) / rho, lb_0)
 *     6. x <- (x - tau d) / A;   momo_adam: x <- (x - tau m / D) / A,
 *        decoupled: x <- (1 - lr weight_decay) x - tau m / D
 *
 * rho = 1 - beta1^t for averages that began at 0: momo_adam, and momo with bias_correction; otherwise rho = 1 and they
 * begin with f, <g, x> and g of the first step. lb_0 is the option lb. fbar and gamma are doubles: their difference
 * cancels. Two passes. State: d (m, v), 4 (8) bytes a parameter in f32. eps_in_root = 1: adam_family.h.
 */
#include "blocks/adam_family.h"
#include "blocks/coupled.h"
#include "blocks/finite.h"
#include "blocks/sums.h"

enum { LR, BETA1, WEIGHT_DECAY, LB, USE_FSTAR, BIAS_CORRECTION, BETA2 = BIAS_CORRECTION, EPS, EPS_IN_ROOT, DECOUPLED };
#define COMMON_ROWS(rate)                                                                                              \
    [LR] = {"lr", rate, "[0,inf)", "largest step size; 0 in some groups: they stay"}, [BETA1] = BETA1_ROW(0.9),        \
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0), [LB] = {"lb", 0, "(-inf,inf)", "lower bound of the loss"},                   \
    [USE_FSTAR] = {"use_fstar", 0, "0|1", "estimate a better lower bound on the way"}
static const option_t MOMO_OPTIONS[] = {
    COMMON_ROWS(1),
    [BIAS_CORRECTION] = {"bias_correction", 0, "0|1", "1: averages begin at 0 and are corrected"},
    {0},
};
static const option_t ADAM_OPTIONS[] = {
    COMMON_ROWS(1e-2),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [DECOUPLED] = {"decoupled", 0, "0|1", "multiply before the step (1) or decay in the proximal way (0)"},
    {0},
};

enum { M, D = M, V };
static const state_t MOMO_STATE[] = {[D] = {"d", "average of the gradient", LIKE_PARAM, FIRST_MOMENT}, {0}};
static const state_t ADAM_STATE[] = {[M] = M_ROW, [V] = V_ROW, {0}};

typedef struct memory {
    double fbar, gamma, lb, shared_lr;
} memory_t;
static const field_t FIELDS[] = {
    {"fbar", "average of the loss", FIELD(OF_METHOD, memory_t, fbar)},
    {"gamma", "average of <g, x>", FIELD(OF_METHOD, memory_t, gamma)},
    {"lb", "use_fstar: estimate of the lower bound", FIELD(OF_METHOD, memory_t, lb), .initial_option = "lb"},
    {0},
};

typedef struct constants {
    weights_t beta1, beta2;
    real inverse_root_c2, shrink, inverse_a;
    eps_t eps;
    bool stays;
} constants_t;

static void prepare_momo(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(group->t == 1 && o[BIAS_CORRECTION] == 0 ? 0 : o[BETA1]),
        .inverse_a = (real)(1 / (1 + o[LR] * o[WEIGHT_DECAY])),
        .stays = coupled_stays(group, LR, ((const memory_t *)group->memory)->shared_lr),
    };
}

static void prepare_adam(const group_t *group, void *constants) {
    const double *o = group->option, decay = o[LR] * o[WEIGHT_DECAY];
    const double c2 = correction(o[BETA2], group->t);
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .inverse_root_c2 = (real)(1 / sqrt(c2)),
        .shrink = o[DECOUPLED] != 0 ? (real)(1 - decay) : 1,
        .inverse_a = o[DECOUPLED] != 0 ? 1 : (real)(1 / (1 + decay)),
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .stays = coupled_stays(group, LR, ((const memory_t *)group->memory)->shared_lr),
    };
}

/* ---- Sums <g, x>, p, q of the averages to come, which are written when the sums are known to be finite ---- */

static inline void sum_up(const tile_t *t, const real *m, const real *direction) {
    t->sum[0] += sum_products(t->n, t->g, t->p);
    t->sum[1] += sum_products(t->n, m, t->p);
    t->sum[2] += sum_products(t->n, m, direction);
}

static void momo_sums(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real *restrict g = t->g, *restrict d = t->state[D];
    real next[SUM_ELEMENTS];
    if (k.stays)
        return;
    for (size_t i = 0; i < t->n; ++i)
        next[i] = ema(d[i], g[i], k.beta1);
    sum_up(t, next, next);
}

static void adam_sums(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real *restrict g = t->g, *restrict m = t->state[M], *restrict v = t->state[V];
    real next[SUM_ELEMENTS], direction[SUM_ELEMENTS];
    if (k.stays)
        return;
    for (size_t i = 0; i < t->n; ++i) {
        const real second = ema(v[i], g[i] * g[i], k.beta2);
        next[i] = ema(m[i], g[i], k.beta1);
        direction[i] = quotient(next[i], damped_root(second, k.inverse_root_c2, k.eps));
    }
    sum_up(t, next, direction);
}

static void momo_update(const tile_t *t) { /* line 6 */
    const constants_t k = *(const constants_t *)t->constants;
    const double tau = *(const double *)t->arguments;
    real *restrict x = t->p, *restrict d = t->state[D];
    const real *restrict g = t->g;
    for (size_t i = 0; !k.stays && i < t->n; ++i) {
        d[i] = ema(d[i], g[i], k.beta1);
        x[i] = (x[i] - (real)tau * d[i]) * k.inverse_a;
    }
}

static void adam_update(const tile_t *t) { /* line 6 */
    const constants_t k = *(const constants_t *)t->constants;
    const double tau = *(const double *)t->arguments;
    real *restrict x = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; !k.stays && i < t->n; ++i) {
        m[i] = ema(m[i], g[i], k.beta1);
        v[i] = ema(v[i], g[i] * g[i], k.beta2);
        x[i] =
            (k.shrink * x[i] - (real)tau * quotient(m[i], damped_root(v[i], k.inverse_root_c2, k.eps))) * k.inverse_a;
    }
}

enum { SUMS, UPDATE };

/* Lines 1 to 5. */
static optim_status model(step_t *s, double beta1, double rho) {
    memory_t *m = s->memory;
    if (coupled_check(s, LR, &m->shared_lr) != OPTIM_OK)
        return OPTIM_ERR_VALUE;
    const double *o = s->option, lr = m->shared_lr, *sum = step_sums(s, SUMS, NULL, 3), p = sum[1], q = sum[2];
    if (!all_finite(s->loss, sum, 3))
        return step_reject(s);
    const double a = 1 + lr * o[WEIGHT_DECAY];
    m->fbar = beta1 * m->fbar + (1 - beta1) * s->loss;
    m->gamma = beta1 * m->gamma + (1 - beta1) * sum[0];
    const double cap = a * (m->fbar - m->gamma) + p;
    if (o[USE_FSTAR] == 0)
        m->lb = o[LB];
    else if (cap < a * rho * m->lb)
        m->lb = fmax(cap / (2 * a * rho), o[LB]);
    const double tau = q > 0 ? fmin(lr / rho, fmax(cap - a * rho * m->lb, 0) / q) : 0;
    if (o[USE_FSTAR] != 0)
        m->lb = fmax((m->fbar + p - m->gamma - tau * q / 2) / rho, o[LB]);
    step_update(s, UPDATE, &tau);
    return OPTIM_OK;
}

static optim_status advance_momo(step_t *s) {
    const double beta1 = s->option[BETA1];
    const bool corrects = s->option[BIAS_CORRECTION] != 0;
    return model(s, s->t == 1 && !corrects ? 0 : beta1, corrects ? correction(beta1, s->t) : 1);
}

static optim_status advance_adam(step_t *s) {
    const double beta1 = s->option[BETA1];
    return model(s, beta1, correction(beta1, s->t));
}

#define CITATION "Schaipp et al.: MoMo: Momentum Models for Adaptive Learning Rates, 2023, arXiv:2305.07583"

const method_t METHOD(momo) = {
    .name = "momo",
    .purpose = "SGD with momentum, step size from a model of the loss",
    .citation = CITATION,
    .evaluations = "1 gradient with the loss",
    .options = MOMO_OPTIONS,
    .states = MOMO_STATE,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .flags = READS_LOSS | MAY_FAIL,
    .constants = sizeof(constants_t),
    .prepare = prepare_momo,
    .advance = advance_momo,
    .kernels = {[SUMS] = momo_sums, [UPDATE] = momo_update},
    .arguments = {[UPDATE] = sizeof(double)},
};

const method_t METHOD(momo_adam) = {
    .name = "momo_adam",
    .purpose = "Adam, step size from a model of the loss",
    .citation = CITATION,
    .evaluations = "1 gradient with the loss",
    .options = ADAM_OPTIONS,
    .states = ADAM_STATE,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .flags = READS_LOSS | MAY_FAIL,
    .constants = sizeof(constants_t),
    .prepare = prepare_adam,
    .advance = advance_adam,
    .kernels = {[SUMS] = adam_sums, [UPDATE] = adam_update},
    .arguments = {[UPDATE] = sizeof(double)},
};
