/*
 * swats: begins as Adam and switches to SGD, at the moment and with the rate that its own steps suggest.
 *
 * Keskar, Socher, "Improving Generalization Performance by Switching from Adam to SGD", 2017, arXiv:1712.07628,
 * algorithm 1.
 *
 *     1. g <- g + weight_decay p
 *     Adam:  2. m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) g^2
 *            3. amsgrad: vmax <- max(vmax, v), h <- vmax;   else h <- v
 *            4. d = -lr (sqrt(c2) / c1) m / (sqrt(h) + eps),   p <- p + d
 *            5. <d, g> != 0: ratio = <d, d> / -<d, g>,  lam <- beta2 lam + (1 - beta2) ratio
 *               and if t > 1, lam > 0, |lam / c2 - ratio| < switch_tol:  Lambda <- lam / c2,  m <- 0,  SGD from here on
 *     SGD:   2. m <- beta1 m + g
 *            3. p <- p - (1 - beta1) Lambda (lr / lr_switch) m
 *
 * Inner products run over all tensors and groups, and there is one switch for all; beta2 and switch_tol of line 5 are
 * the first group's. lr_switch is a group's lr at the switch, so that schedules keep acting; a group whose lr was 0
 * then stays. Not in the paper: lam > 0 (without it a negative Lambda would ascend), lr / lr_switch (its Lambda is
 * constant), amsgrad. Two passes. State: m, v (and vmax), 8 (12) bytes a parameter in f32; lam, Lambda (0: still Adam)
 * and lr_switch in double. eps_in_root = 1: adam_family.h.
 */
#include <string.h>

#include "blocks/adam_family.h"
#include "blocks/sums.h"

enum { LR, BETA1, BETA2, EPS, EPS_IN_ROOT, SWITCH_TOL, WEIGHT_DECAY, AMSGRAD };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-9),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [SWITCH_TOL] = {"switch_tol", 1e-9, "[0,inf)", "how near the ratio must be to its average for the switch"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, added to the gradient"},
    [AMSGRAD] = AMSGRAD_ROW(0),
    {0},
};

enum { M, V, VMAX };
static const state_t STATE[] = {[M] = M_ROW, [V] = V_ROW, [VMAX] = VMAX_ROW, {0}};

typedef struct memory {
    double lam, rate;
} memory_t;
typedef struct group_memory {
    double lr_switch;
} group_memory_t;
static const field_t FIELDS[] = {
    {"lam", "average of the ratio", FIELD(OF_METHOD, memory_t, lam)},
    {"Lambda", "rate of SGD; 0 before the switch", FIELD(OF_METHOD, memory_t, rate)},
    {"lr_switch", "lr at the switch", FIELD(OF_GROUP, group_memory_t, lr_switch)},
    {0},
};

typedef struct constants {
    weights_t beta1, beta2;
    real l2;
    eps_t eps;
    real adam, sgd; /* factors in front of m in either phase */
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const memory_t *memory = group->memory;
    const double *o = group->option, lr_switch = ((const group_memory_t *)group->group_memory)->lr_switch;
    const double c2 = correction(o[BETA2], group->t);
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .l2 = (real)o[WEIGHT_DECAY],
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .adam = (real)(o[LR] * sqrt(c2) / correction(o[BETA1], group->t)),
        .sgd = (real)(lr_switch > 0 ? (1 - o[BETA1]) * memory->rate * o[LR] / lr_switch : 0),
    };
}

/* ---- Adam ---- */

/* Line 4: -d. */
static inline real adam_step(real m, real h, real adam, eps_t eps) {
    return adam * quotient(m, damped_root(h, 1, eps));
}

/* Lines 1 to 3, <d, d> and -<d, g>. */
static inline void moments_with(const tile_t *t, const bool amsgrad) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict m = t->state[M], *restrict v = t->state[V], *restrict vmax = t->state[VMAX];
    const real *restrict p = t->p, *restrict g = t->g;
    real gi[SUM_ELEMENTS], d[SUM_ELEMENTS];
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        gi[i] = g[i] + k.l2 * p[i];
        m[i] = ema(m[i], gi[i], k.beta1);
        v[i] = ema(v[i], gi[i] * gi[i], k.beta2);
        const real h = amsgrad ? (vmax[i] = larger(vmax[i], v[i])) : v[i];
        d[i] = adam_step(m[i], h, k.adam, k.eps);
    }
    t->sum[0] += sum_squares(t->n, d);
    t->sum[1] += sum_products(t->n, d, gi);
}

static void moments(const tile_t *t) {
    if (t->state[VMAX] == NULL)
        moments_with(t, false);
    else
        moments_with(t, true);
}

static void adam(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real *restrict m = t->state[M], *restrict h = t->state[t->state[VMAX] == NULL ? V : VMAX];
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] -= adam_step(m[i], h[i], k.adam, k.eps);
}

static void forget(const tile_t *t) {
    memset(t->state[M], 0, t->n * sizeof(real));
}

/* ---- SGD ---- */

static void sgd(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        m[i] = settled(k.beta1.keep * m[i] + g[i] + k.l2 * p[i]);
        p[i] -= k.sgd * m[i];
    }
}

enum { MOMENTS, ADAM, FORGET, SGD };

/* Line 5; true: the switch. */
static bool decide(step_t *s, double dd, double dg) {
    memory_t *memory = s->memory;
    const double beta2 = s->option[BETA2], ratio = dd / dg;
    if (dg == 0)
        return false;
    memory->lam = beta2 * memory->lam + (1 - beta2) * ratio;
    const double rate = memory->lam / correction(beta2, s->t);
    if (s->t == 1 || !(memory->lam > 0) || !(fabs(rate - ratio) < s->option[SWITCH_TOL]))
        return false;
    memory->rate = rate;
    for (int i = 0; i < s->groups; ++i) {
        const group_t group = step_group(s, i);
        ((group_memory_t *)group.group_memory)->lr_switch = group.option[LR];
    }
    return true;
}

static optim_status advance(step_t *s) {
    if (((const memory_t *)s->memory)->rate > 0) {
        step_update(s, SGD, NULL);
        return OPTIM_OK;
    }
    const double *sum = step_sums(s, MOMENTS, NULL, 2);
    step_update(s, ADAM, NULL);
    if (decide(s, sum[0], sum[1]))
        step_update(s, FORGET, NULL);
    return OPTIM_OK;
}

const method_t METHOD(swats) = {
    .name = "swats",
    .purpose = "begins as Adam and switches to SGD by itself",
    .citation = "Keskar, Socher: Improving Generalization Performance by Switching from Adam to SGD, 2017, "
                "arXiv:1712.07628",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .group_memory = sizeof(group_memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[MOMENTS] = moments, [ADAM] = adam, [FORGET] = forget, [SGD] = sgd},
};
