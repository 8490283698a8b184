/*
 * prodigy: Adam whose step size is an estimate d of the distance to the solution that grows faster than D-adaptation's.
 *
 * Mishchenko, Defazio, "Prodigy: An Expeditiously Adaptive Parameter-Free Learner", 2023, arXiv:2306.06101, Adam form.
 *
 *     1. decoupled = 0: g <- g + weight_decay x
 *     2. dlr = d lr;   bias_correction: dlr = d lr sqrt(1 - beta2^t) / (1 - beta1^t)
 *        num <- beta3 num + (d / d0) dlr <g, x_0 - x>
 *     3. m <- beta1 m + d (1 - beta1) g;   v <- beta2 v + d^2 (1 - beta2) g^2
 *     4. s <- beta3 s + (d / d0) dlr g  (safeguard_warmup: d in the place of dlr)
 *     5. d_hat = d_coef num / |s|_1;   d = d0: d' = max(d, d_hat), else d' = d;   d_max <- max(d_max, d_hat)
 *        d_new = min(d_max, d' growth_rate)
 *     6. decoupled = 1: x <- x - weight_decay dlr x
 *     7. x <- x - dlr m / (sqrt(v) + d_new eps);   d <- d_new   (eps_in_root = 1: adam_family.h, with d_new^2 eps)
 *
 * x_0 and s keep elements 0, p, 2p, ... of each tensor, p = slice_p, and the sums of 2 and |s|_1 run over those. One d
 * for all groups. |s|_1 = 0: the step ends after line 4 and t, which the method counts for itself, stays. With beta1 =
 * 0 public code multiplies g by the new d; here and in the paper m = d g. Without the factor d / d0 s would underflow.
 * Two passes. State: m, v and 1 / slice_p of x_0, s: 16 bytes a parameter in f32 with slice_p = 1; d, d_max, num, t in
 * double.
 */
#include "base/memory.h"
#include "blocks/adam_family.h"
#include "blocks/coupled.h"
#include "blocks/sums.h"

enum { LR, BETA1, BETA2, BETA3, EPS, EPS_IN_ROOT, WEIGHT_DECAY, DECOUPLED, BIAS_CORRECTION };
enum { SAFEGUARD_WARMUP = BIAS_CORRECTION + 1, D0, D_COEF, GROWTH_RATE, SLICE_P };
static const option_t OPTIONS[] = {
    [LR] = COUPLED_LR_ROW,
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [BETA3] = {"beta3", 0, "[0,1)", "decay of num and s; 0: the root of beta2", .zero_apart = true},
    [EPS] = {"eps", 1e-8, "[0,inf)", "times d, added to the root"},
    [EPS_IN_ROOT] = {"eps_in_root", 0, "0|1", "add eps d^2 inside the root (1) or eps d to the root (0)"},
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(1),
    [BIAS_CORRECTION] = {"bias_correction", 0, "0|1", "correct the step for averages that began at zero"},
    [SAFEGUARD_WARMUP] = {"safeguard_warmup", 0, "0|1", "leave lr out of s: for long warmups"},
    [D0] = {"d0", 1e-6, "(0,inf)", "first estimate of the distance"},
    [D_COEF] = {"d_coef", 1, "(0,inf)", "factor on the estimate, 0.5 to 2"},
    [GROWTH_RATE] = GROWTH_RATE_ROW,
    [SLICE_P] = {"slice_p", 1, "integer [1,inf)", "estimate from every so-many-th element; 11 saves memory"},
    {0},
};

enum { M, V, X0, S };
static const state_t STATE[] = {
    [M] = {"m", "first moment of the scaled gradients", LIKE_PARAM, FIRST_MOMENT},
    [V] = V_ROW,
    [X0] = {"x0", "the starting point", LIKE_PARAM, KEPT, .every = "slice_p", .from_param = true},
    [S] = {"s", "average of the scaled gradients", LIKE_PARAM, KEPT, .every = "slice_p"},
    {0},
};

typedef struct memory {
    double d, d_max, num;
    int64_t t;
    double dlr; /* d of before line 5 times the rate */
    double shared_lr;
} memory_t;
static const field_t FIELDS[] = {
    D_FIELD,
    {"d_max", "largest estimate", FIELD(OF_METHOD, memory_t, d_max), .initial_option = "d0"},
    {"num", "numerator of d_hat", FIELD(OF_METHOD, memory_t, num)},
    {"t", "steps that moved", FIELD(OF_METHOD, memory_t, t)},
    {0},
};

typedef struct constants {
    real dlr;
    weights_t m, v, s; /* of the averages */
    eps_t eps;
    decay_t decay;
    size_t slice_p;
    bool stays;
} constants_t;

static double beta3(const double *o) {
    return o[BETA3] > 0 ? o[BETA3] : sqrt(o[BETA2]);
}

static void prepare(const group_t *group, void *constants) {
    const memory_t *m = group->memory;
    const double *o = group->option, d = m->d;
    const double c2 = o[BIAS_CORRECTION] == 0 ? 1 : correction(o[BETA2], (double)m->t); /* as MOVE needs it */
    const bool in_root = o[EPS_IN_ROOT] != 0;
    *(constants_t *)constants = (constants_t){
        .dlr = (real)m->dlr,
        .m = {(real)o[BETA1], (real)(d * (1 - o[BETA1]))},
        .v = {(real)o[BETA2], (real)(d * d * (1 - o[BETA2]))},
        .s = {(real)beta3(o), (real)(d / o[D0] * (o[SAFEGUARD_WARMUP] != 0 ? d : m->dlr))},
        .eps = eps_of((in_root ? d * d : d) * o[EPS], in_root, c2),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, m->dlr),
        .slice_p = size_of_number(o[SLICE_P]),
        .stays = coupled_stays(group, LR, m->shared_lr),
    };
}

static void moments(const tile_t *t) { /* lines 1 and 3 */
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict x = t->p, *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * x[i];
        m[i] = ema(m[i], gi, k.m);
        v[i] = settled(k.v.keep * v[i] + k.v.take * gi * gi);
    }
}

/* Lines 2 and 4: <g, x_0 - x> and |s| of the elements i of the tile whose position in the tensor is j slice_p. */
static inline void kept(const tile_t *t, const size_t slice_p) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict s = t->state[S];
    const real *restrict x = t->p, *restrict g = t->g, *restrict x0 = t->state[X0];
    real gi[SUM_ELEMENTS], to_x0[SUM_ELEMENTS];
    const size_t first = t->offset / slice_p + (t->offset % slice_p != 0);
    size_t n = 0;
    for (size_t i = first * slice_p - t->offset, j = first; i < t->n; i += slice_p, ++j, ++n) {
        gi[n] = g[i] + k.decay.l2 * x[i];
        to_x0[n] = x0[j] - x[i];
        s[j] = ema(s[j], gi[n], k.s);
    }
    t->sum[0] += sum_products(n, gi, to_x0);
    t->sum[1] += sum_moduli(n, s + first);
}

static void estimate(const tile_t *t) { /* lines 1 to 4 */
    const constants_t *k = t->constants;
    if (k->stays)
        return;
    if (k->slice_p <= 1)
        kept(t, 1);
    else
        kept(t, k->slice_p);
    moments(t);
}

static void move(const tile_t *t) { /* lines 6 and 7 */
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict x = t->p;
    const real *restrict m = t->state[M], *restrict v = t->state[V];
    for (size_t i = 0; !k.stays && i < t->n; ++i)
        x[i] = k.decay.shrink * x[i] - k.dlr * quotient(m[i], damped_root(v[i], 1, k.eps));
}

enum { ESTIMATE, MOVE };

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const double *o = s->option, t = (double)(m->t + 1);
    if (coupled_check(s, LR, &m->shared_lr) != OPTIM_OK)
        return OPTIM_ERR_VALUE;
    m->dlr = m->d * m->shared_lr;
    if (o[BIAS_CORRECTION] != 0)
        m->dlr *= sqrt(correction(o[BETA2], t)) / correction(o[BETA1], t);
    const double *sums = step_sums(s, ESTIMATE, NULL, 2), norm = sums[1];
    m->num = beta3(o) * m->num + m->d / o[D0] * m->dlr * sums[0];
    if (norm == 0)
        return OPTIM_OK;
    const double d_hat = o[D_COEF] * m->num / norm, least = m->d == o[D0] ? fmax(m->d, d_hat) : m->d;
    m->d_max = fmax(m->d_max, d_hat);
    m->d = fmin(m->d_max, least * o[GROWTH_RATE]);
    ++m->t;
    step_update(s, MOVE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(prodigy) = {
    .name = "prodigy",
    .purpose = "learning-rate-free Adam: a faster estimate of the distance to the solution than D-adaptation's",
    .citation =
        "Mishchenko, Defazio: Prodigy: An Expeditiously Adaptive Parameter-Free Learner, 2023, arXiv:2306.06101",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = MAY_FAIL,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[ESTIMATE] = estimate, [MOVE] = move},
};
