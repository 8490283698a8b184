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

enum { ALPHA, SHARED, U_PREV, BUF, M = U_PREV, V };
#define NUMBER_ROWS                                                                                                    \
    [ALPHA] = {"alpha", "the learning rate", PER_METHOD, KEPT, .initial_option = "lr"}, [SHARED] = SHARED_LR_ROW
static const state_t SGD_STATE[] = {
    NUMBER_ROWS,
    [U_PREV] = {"u_prev", "the last direction; without nesterov the momentum buffer", LIKE_PARAM, KEPT},
    [BUF] = {"buf", "momentum buffer", LIKE_PARAM, KEPT, .when = "nesterov"},
    {0},
};
static const state_t ADAM_STATE[] = {NUMBER_ROWS, [M] = M_ROW, [V] = V_ROW, {0}};

typedef struct constants {
    double alpha, l2;
    bool stays;
    double keep, take, ahead;               /* sgd_hd: buf <- keep buf + take g,  u = g + ahead buf */
    double beta1, beta2, scale, scale_prev; /* adam_hd: scale = sqrt(c2) / c1, of this step and of the last */
    eps_t eps, eps_prev;
} constants_t;

static void prepare_sgd(const group_t *group, void *constants) {
    const double *o = group->option;
    const bool plain = o[MOMENTUM] == 0 || group->t == 1;
    *(constants_t *)constants = (constants_t){
        .alpha = *group->scalar[ALPHA],
        .l2 = o[WEIGHT_DECAY],
        .stays = coupled_stays(group, LR, SHARED),
        .keep = plain ? 0 : o[MOMENTUM],
        .take = plain ? 1 : 1 - o[DAMPENING],
        .ahead = o[MOMENTUM],
    };
}

static void prepare_adam(const group_t *group, void *constants) {
    const double *o = group->option, t = group->t, c2 = correction(o[BETA2], t), c2_prev = correction(o[BETA2], t - 1);
    const bool in_root = o[EPS_IN_ROOT] != 0;
    *(constants_t *)constants = (constants_t){
        .alpha = *group->scalar[ALPHA],
        .l2 = o[WEIGHT_DECAY],
        .stays = coupled_stays(group, LR, SHARED),
        .beta1 = o[BETA1],
        .beta2 = o[BETA2],
        .scale = sqrt(c2) / correction(o[BETA1], t),
        .scale_prev = t == 1 ? 0 : sqrt(c2_prev) / correction(o[BETA1], t - 1),
        .eps = eps_of(o[EPS], in_root, c2),
        .eps_prev = eps_of(o[EPS], in_root, c2_prev),
    };
}

/* What is summed for one coordinate: h, |g|^2, |u_prev|^2. */
static inline void put_terms(const tile_t *t, size_t i, double g, double u) {
    t->term[0][i] = g * u;
    t->term[1][i] = g * g;
    t->term[2][i] = u * u;
}

static void sgd_products(const tile_t *t) {
    const real l2 = (real)((const constants_t *)t->constants)->l2;
    const real *restrict x = t->p, *restrict g = t->g, *restrict u = t->state[U_PREV];
    if (coupled_skips(t, ((const constants_t *)t->constants)->stays, 3))
        return;
    for (size_t i = 0; i < t->n; ++i)
        put_terms(t, i, (double)(g[i] + l2 * x[i]), (double)u[i]);
}

static void adam_products(const tile_t *t) {
    const constants_t *k = t->constants;
    const eps_t eps = k->eps_prev;
    const real l2 = (real)k->l2, scale = (real)k->scale_prev;
    const real *restrict x = t->p, *restrict g = t->g, *restrict m = t->state[M], *restrict v = t->state[V];
    if (coupled_skips(t, k->stays, 3))
        return;
    for (size_t i = 0; i < t->n; ++i)
        put_terms(t, i, (double)(g[i] + l2 * x[i]), (double)(scale * quotient(m[i], damped_root(v[i], 1, eps))));
}

static void sgd_update(const tile_t *t) { /* lines 3 and 4 */
    const constants_t *k = t->constants;
    const real alpha = (real)k->alpha, l2 = (real)k->l2, keep = (real)k->keep, take = (real)k->take;
    const bool nesterov = t->state[BUF] != NULL;
    const real ahead = nesterov ? (real)k->ahead : 1, own = nesterov ? 1 : 0;
    real *x = t->p, *u = t->state[U_PREV], *buf = nesterov ? t->state[BUF] : u;
    const real *restrict g = t->g;
    for (size_t i = 0; !k->stays && i < t->n; ++i) {
        const real gi = g[i] + l2 * x[i], b = settled(keep * buf[i] + take * gi);
        buf[i] = b;
        u[i] = own * gi + ahead * b;
        x[i] -= alpha * u[i];
    }
}

static void adam_update(const tile_t *t) {
    const constants_t *k = t->constants;
    const weights_t beta1 = weights(k->beta1), beta2 = weights(k->beta2);
    const eps_t eps = k->eps;
    const real l2 = (real)k->l2, step = (real)(k->alpha * k->scale);
    real *restrict x = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; !k->stays && i < t->n; ++i) {
        const real gi = g[i] + l2 * x[i];
        m[i] = ema(m[i], gi, beta1);
        v[i] = ema(v[i], gi * gi, beta2);
        x[i] -= step * quotient(m[i], damped_root(v[i], 1, eps));
    }
}

enum { PRODUCTS, UPDATE };

static optim_status advance(step_t *s) { /* line 2 */
    const optim_status status = coupled_check(s, LR, SHARED);
    if (status != OPTIM_OK)
        return status;
    const double *o = s->option, *sum = step_reduce(s, PRODUCTS, NULL, 3), h = sum[0];
    double *alpha = s->scalar[ALPHA];
    if (!all_finite(0, sum, 3))
        return step_reject(s);
    if (s->t == 1)
        *alpha = *s->scalar[SHARED];
    const double lengths = sqrt(sum[1]) * sqrt(sum[2]), cosine = lengths > 0 ? h / lengths : 0;
    *alpha = o[MULTIPLICATIVE] != 0 ? *alpha * (1 + o[HYPER_LR] * cosine) : *alpha + o[HYPER_LR] * h;
    *alpha = fmin(fmax(*alpha, o[LR_MIN]), o[LR_MAX]);
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
    .constants = sizeof(constants_t),
    .check = check_adam,
    .prepare = prepare_adam,
    .advance = advance,
    .kernels = {[PRODUCTS] = adam_products, [UPDATE] = adam_update},
};
