/*
 * dadapt_adam: Adam whose step size is a growing estimate d of the distance to the solution.
 *
 * Defazio, Mishchenko, "Learning-Rate-Free Learning by D-Adaptation", 2023, arXiv:2301.07733. q = sqrt(beta2).
 *
 *     1. decoupled = 0: g <- g + weight_decay x
 *     2. dlr = d lr;   bias_correction: dlr = d lr sqrt(1 - beta2^t) / (1 - beta1^t)
 *     3. acc = dlr sum g s / (sqrt(v) + eps),  v and s of the last step
 *     4. m <- beta1 m + dlr (1 - beta1) g;   v <- beta2 v + (1 - beta2) g^2;   s <- q s + dlr (1 - q) g
 *     5. num <- q num + (1 - q) acc;   d_hat = num / ((1 - q) |s|_1);   d <- max(d, min(d_hat, d growth_rate))
 *     6. decoupled = 1: x <- x - weight_decay dlr x,  dlr of line 2
 *     7. x <- x - m / (sqrt(v) + eps)      (eps_in_root = 1, here and in 3: adam_family.h,
 *                                           c2 = 1 without bias_correction)
 *
 * One d for all groups. |s|_1 = 0: the step ends after line 4 and t, which the method counts for itself, stays.
 * Two passes. State: m, v, s, 12 bytes a parameter in f32; d, num, t in double.
 */
#include "blocks/adam_family.h"
#include "blocks/coupled.h"
#include "blocks/sums.h"

enum { LR, BETA1, BETA2, EPS, EPS_IN_ROOT, WEIGHT_DECAY, DECOUPLED, BIAS_CORRECTION, D0, GROWTH_RATE };
static const option_t OPTIONS[] = {
    [LR] = COUPLED_LR_ROW,
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(0),
    [BIAS_CORRECTION] = {"bias_correction", 0, "0|1", "correct the step for averages that began at zero"},
    [D0] = D0_ROW,
    [GROWTH_RATE] = GROWTH_RATE_ROW,
    {0},
};

enum { M, V, S };
static const state_t STATE[] = {
    [M] = {"m", "first moment of the scaled gradients", LIKE_PARAM, FIRST_MOMENT},
    [V] = V_ROW,
    [S] = {"s", "average of the scaled gradients", LIKE_PARAM, KEPT},
    {0},
};

typedef struct memory {
    double d, num, shared_lr;
    int64_t t;
} memory_t;
static const field_t FIELDS[] = {
    D_FIELD,
    {"num", "numerator of d_hat", FIELD(OF_METHOD, memory_t, num)},
    {"t", "steps that moved", FIELD(OF_METHOD, memory_t, t)},
    {0},
};

typedef struct constants {
    real dlr;
    weights_t m, v, s; /* of the averages; m and s take dlr times what they would */
    eps_t eps;
    decay_t decay;
    bool stays;
} constants_t;

/* Line 2 without d. */
static double rate(const double *o, double t) {
    return o[BIAS_CORRECTION] == 0 ? o[LR] : o[LR] * sqrt(correction(o[BETA2], t)) / correction(o[BETA1], t);
}

static void prepare(const group_t *group, void *constants) {
    const memory_t *m = group->memory;
    const double *o = group->option, t = (double)(m->t + 1), dlr = m->d * rate(o, t), q = sqrt(o[BETA2]);
    const double c2 = o[BIAS_CORRECTION] == 0 ? 1 : correction(o[BETA2], t);
    *(constants_t *)constants = (constants_t){
        .dlr = (real)dlr,
        .m = {(real)o[BETA1], (real)(dlr * (1 - o[BETA1]))},
        .v = weights(o[BETA2]),
        .s = {(real)q, (real)(dlr * (1 - q))},
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, dlr),
        .stays = coupled_stays(group, LR, m->shared_lr),
    };
}

static void moments(const tile_t *t) { /* lines 1, 3 and 4 */
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict m = t->state[M], *restrict v = t->state[V], *restrict s = t->state[S];
    const real *restrict x = t->p, *restrict g = t->g;
    real moved[SUM_ELEMENTS], along[SUM_ELEMENTS];
    if (k.stays)
        return;
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * x[i];
        moved[i] = k.dlr * gi;
        along[i] = quotient(s[i], damped_root(v[i], 1, k.eps));
        m[i] = ema(m[i], gi, k.m);
        v[i] = ema(v[i], gi * gi, k.v);
        s[i] = ema(s[i], gi, k.s);
    }
    t->sum[0] += sum_products(t->n, moved, along);
    t->sum[1] += sum_moduli(t->n, s);
}

static void move(const tile_t *t) { /* lines 6 and 7 */
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict x = t->p;
    const real *restrict m = t->state[M], *restrict v = t->state[V];
    for (size_t i = 0; !k.stays && i < t->n; ++i)
        x[i] = k.decay.shrink * x[i] - quotient(m[i], damped_root(v[i], 1, k.eps));
}

enum { MOMENTS, MOVE };

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const double *o = s->option, q = sqrt(o[BETA2]);
    if (coupled_check(s, LR, &m->shared_lr) != OPTIM_OK)
        return OPTIM_ERR_VALUE;
    const double *sums = step_sums(s, MOMENTS, NULL, 2);
    m->num = q * m->num + (1 - q) * sums[0];
    m->t += dadapt_move(s, MOVE, &m->d, m->num, (1 - q) * sums[1], o[GROWTH_RATE]);
    return OPTIM_OK;
}

const method_t METHOD(dadapt_adam) = {
    .name = "dadapt_adam",
    .purpose = "learning-rate-free Adam: the step size grows with an estimate of the distance to the solution",
    .citation = "Defazio, Mishchenko: Learning-Rate-Free Learning by D-Adaptation, 2023, arXiv:2301.07733",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = MAY_FAIL,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[MOMENTS] = moments, [MOVE] = move},
};
