/*
 * sgd_hd, adam_hd: hypergradient descent, a learning rate that follows its own gradient.
 *
 * Baydin, Cornish, Martinez Rubio, Schmidt, Wood, "Online Learning Rate Adaptation with Hypergradient Descent", 2018,
 * arXiv:1703.04782, algorithms 4 to 6.
 *
 *     1. g <- g + weight_decay x;   h = <g, u_prev>   (u_prev = 0 at t = 1)
 *     2. alpha <- alpha + hyper_lr h;   multiplicative: alpha <- alpha (1 + hyper_lr h / (|g| |u_prev|)), 0/0 = 0
 *        alpha <- min(max(alpha, lr_min), lr_max)
 *     3. sgd_hd: momentum > 0: buf <- momentum buf + (1 - dampening) g  (buf <- g at t = 1),
 *                u = nesterov ? g + momentum buf : buf;   otherwise u = g
 *        adam_hd: m and v as Adam, u = (sqrt(c2) / c1) m / (sqrt(v) + eps),   c_i = 1 - beta_i^t
 *                (eps_in_root = 1: adam_family.h)
 *     4. x <- x - alpha u;   u_prev = u
 *
 * alpha begins at lr. h is summed over all tensors before alpha moves (the paper); public Adam code moves alpha tensor
 * by tensor within a step. adam_hd makes u_prev from m and v before they change. Two passes.
 * State: sgd_hd u_prev (and buf with nesterov; else it is the buffer), 4 (8) bytes a parameter in f32; adam_hd m, v, 8.
 */
#include "blocks/adam_family.h"
#include "blocks/coupled.h"
#include "blocks/finite.h"
#include "blocks/sums.h"

enum { LR, HYPER_LR, MULTIPLICATIVE, LR_MIN, LR_MAX, WEIGHT_DECAY, MOMENTUM, DAMPENING, NESTEROV };
enum { BETA1 = MOMENTUM, BETA2, EPS, EPS_IN_ROOT };
#define COMMON_ROWS(hyper)                                                                                             \
    [LR] = {"lr", 1e-3, "[0,inf)", "alpha_0; 0 in some groups: they stay"},                                            \
    [HYPER_LR] = {"hyper_lr", hyper, "[0,inf)", "step size of alpha"},                                                 \
    [MULTIPLICATIVE] = {"multiplicative", 0, "0|1", "alpha changes by a factor"},                                      \
    [LR_MIN] = {"lr_min", -HUGE_VAL, "[-inf,inf)", "least alpha"},                                                     \
    [LR_MAX] = {"lr_max", HUGE_VAL, "(-inf,inf]", "largest alpha"}, [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0)
static const option_t SGD_OPTIONS[] = {
    COMMON_ROWS(1e-6),
    [MOMENTUM] = {"momentum", 0, "[0,1]", "factor on the sum of earlier gradients"},
    [DAMPENING] = {"dampening", 0, "[0,1]", "taken off the weight of the newest gradient"},
    [NESTEROV] = {"nesterov", 0, "0|1", "look ahead along the buffer"},
    {0},
};
static const option_t ADAM_OPTIONS[] = {
    COMMON_ROWS(1e-8),     [BETA1] = BETA1_ROW(0.9),        [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8), [EPS_IN_ROOT] = EPS_IN_ROOT_ROW, {0},
};

static const char *check_adam(const double *option) {
    return option[LR_MIN] <= option[LR_MAX] ? NULL : "lr_min is greater than lr_max";
}
static const char *check_sgd(const double *option) {
    const bool sound = option[NESTEROV] == 0 || option[MOMENTUM] > 0;
    return sound ? check_adam(option) : "nesterov=1 needs momentum > 0";
}

enum { U_PREV, BUF, M = U_PREV, V };
static const state_t SGD_STATE[] = {
    [U_PREV] = {"u_prev", "the last direction; without nesterov the momentum buffer", LIKE_PARAM, KEPT},
    [BUF] = {"buf", "momentum buffer", LIKE_PARAM, KEPT, .when = "nesterov"},
    {0},
};
static const state_t ADAM_STATE[] = {[M] = M_ROW, [V] = V_ROW, {0}};

typedef struct memory {
    double alpha, shared_lr;
} memory_t;
static const field_t FIELDS[] = {
    {"alpha", "the learning rate", FIELD(OF_METHOD, memory_t, alpha), .initial_option = "lr"},
    {0},
};

typedef struct constants {
    real step, l2; /* alpha; adam_hd: times sqrt(c2) / c1 */
    bool stays;
    weights_t buf; /* sgd_hd */
    real ahead;    /* and u = g + ahead buf */
    weights_t beta1, beta2;
    real scale_prev; /* adam_hd: sqrt(c2) / c1 of the last step */
    eps_t eps, eps_prev;
} constants_t;

static void prepare_sgd(const group_t *group, void *constants) {
    const memory_t *m = group->memory;
    const double *o = group->option;
    const bool plain = o[MOMENTUM] == 0 || group->t == 1;
    *(constants_t *)constants = (constants_t){
        .step = (real)m->alpha,
        .l2 = (real)o[WEIGHT_DECAY],
        .stays = coupled_stays(group, LR, m->shared_lr),
        .buf = {plain ? 0 : (real)o[MOMENTUM], plain ? 1 : (real)(1 - o[DAMPENING])},
        .ahead = (real)o[MOMENTUM],
    };
}

static void prepare_adam(const group_t *group, void *constants) {
    const memory_t *m = group->memory;
    const double *o = group->option, t = group->t, c2 = correction(o[BETA2], t), c2_prev = correction(o[BETA2], t - 1);
    const bool in_root = o[EPS_IN_ROOT] != 0;
    *(constants_t *)constants = (constants_t){
        .step = (real)(m->alpha * (sqrt(c2) / correction(o[BETA1], t))),
        .l2 = (real)o[WEIGHT_DECAY],
        .stays = coupled_stays(group, LR, m->shared_lr),
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .scale_prev = t == 1 ? 0 : (real)(sqrt(c2_prev) / correction(o[BETA1], t - 1)),
        .eps = eps_of(o[EPS], in_root, c2),
        .eps_prev = eps_of(o[EPS], in_root, c2_prev),
    };
}

/* h, |g|^2, |u_prev|^2 */
static inline void sum_up(const tile_t *t, const real *g, const real *u) {
    t->sum[0] += sum_products(t->n, g, u);
    t->sum[1] += sum_squares(t->n, g);
    t->sum[2] += sum_squares(t->n, u);
}

static void sgd_products(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real *restrict x = t->p, *restrict g = t->g;
    real gi[SUM_ELEMENTS];
    if (k.stays)
        return;
    for (size_t i = 0; i < t->n; ++i)
        gi[i] = g[i] + k.l2 * x[i];
    sum_up(t, gi, t->state[U_PREV]);
}

static void adam_products(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real *restrict x = t->p, *restrict g = t->g, *restrict m = t->state[M], *restrict v = t->state[V];
    real gi[SUM_ELEMENTS], u[SUM_ELEMENTS];
    if (k.stays)
        return;
    for (size_t i = 0; i < t->n; ++i) {
        gi[i] = g[i] + k.l2 * x[i];
        u[i] = k.scale_prev * quotient(m[i], damped_root(v[i], 1, k.eps_prev));
    }
    sum_up(t, gi, u);
}

static void sgd_update(const tile_t *t) { /* lines 3 and 4 */
    const constants_t k = *(const constants_t *)t->constants;
    const bool nesterov = t->state[BUF] != NULL;
    const real ahead = nesterov ? k.ahead : 1, own = nesterov ? 1 : 0;
    real *x = t->p, *u = t->state[U_PREV], *buf = nesterov ? t->state[BUF] : u;
    const real *restrict g = t->g;
    for (size_t i = 0; !k.stays && i < t->n; ++i) {
        const real gi = g[i] + k.l2 * x[i], b = ema(buf[i], gi, k.buf);
        buf[i] = b;
        u[i] = own * gi + ahead * b;
        x[i] -= k.step * u[i];
    }
}

static void adam_update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict x = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; !k.stays && i < t->n; ++i) {
        const real gi = g[i] + k.l2 * x[i];
        m[i] = ema(m[i], gi, k.beta1);
        v[i] = ema(v[i], gi * gi, k.beta2);
        x[i] -= k.step * quotient(m[i], damped_root(v[i], 1, k.eps));
    }
}

enum { PRODUCTS, UPDATE };

static optim_status advance(step_t *s) { /* line 2 */
    memory_t *m = s->memory;
    if (coupled_check(s, LR, &m->shared_lr) != OPTIM_OK)
        return OPTIM_ERR_VALUE;
    const double *o = s->option, *sum = step_sums(s, PRODUCTS, NULL, 3), h = sum[0];
    if (!all_finite(0, sum, 3))
        return step_reject(s);
    if (s->t == 1)
        m->alpha = m->shared_lr;
    const double lengths = sqrt(sum[1]) * sqrt(sum[2]), cosine = lengths > 0 ? h / lengths : 0;
    m->alpha = o[MULTIPLICATIVE] != 0 ? m->alpha * (1 + o[HYPER_LR] * cosine) : m->alpha + o[HYPER_LR] * h;
    m->alpha = fmin(fmax(m->alpha, o[LR_MIN]), o[LR_MAX]);
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

#define CITATION "Baydin et al.: Online Learning Rate Adaptation with Hypergradient Descent, 2018, arXiv:1703.04782"

const method_t METHOD(sgd_hd) = {
    .name = "sgd_hd",
    .purpose = "SGD whose learning rate follows its own gradient",
    .citation = CITATION,
    .evaluations = "1 gradient",
    .options = SGD_OPTIONS,
    .states = SGD_STATE,
    .flags = MAY_FAIL,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .constants = sizeof(constants_t),
    .check = check_sgd,
    .prepare = prepare_sgd,
    .advance = advance,
    .kernels = {[PRODUCTS] = sgd_products, [UPDATE] = sgd_update},
};

const method_t METHOD(adam_hd) = {
    .name = "adam_hd",
    .purpose = "Adam whose learning rate follows its own gradient",
    .citation = CITATION,
    .evaluations = "1 gradient",
    .options = ADAM_OPTIONS,
    .states = ADAM_STATE,
    .flags = MAY_FAIL,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .constants = sizeof(constants_t),
    .check = check_adam,
    .prepare = prepare_adam,
    .advance = advance,
    .kernels = {[PRODUCTS] = adam_products, [UPDATE] = adam_update},
};
