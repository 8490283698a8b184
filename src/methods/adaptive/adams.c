/*
 * adams: Adam with stable weight decay: the decay has the rate of the parameters in the mean.
 *
 * Xie, Xu, Zhang, Sato, Sugiyama, "On the Overlooked Pitfalls of Weight Decay and How to Mitigate Them: A Gradient-Norm
 * Perspective", 2020, arXiv:2011.11152, algorithm 3.
 *
 *     1. m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) g^2;   amsgrad: h = vmax <- max(vmax, v),
 *        else h = v
 *     2. mean = that of h / c2 over all coordinates of all tensors
 *     3. p <- (1 - lr weight_decay / (sqrt(mean) + eps)) p - lr / c1 m / (sqrt(h / c2) + eps)
 *
 * Two passes. State: m, v (vmax), 8 (12) bytes a parameter in f32.
 */
#include "blocks/adam_family.h"
#include "blocks/sums.h"

enum { LR, BETA1, BETA2, EPS, AMSGRAD, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8),
    [AMSGRAD] = AMSGRAD_ROW(0),
    [WEIGHT_DECAY] = {"weight_decay", 1e-4, "[0,inf)", "lambda, decoupled"},
    {0},
};

enum { M, V, VMAX };
static const state_t STATE[] = {[M] = M_ROW, [V] = V_ROW, [VMAX] = VMAX_ROW, {0}};

typedef struct memory {
    double mean; /* within a step */
} memory_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, c2 = correction(o[BETA2], group->t);
    const double root = sqrt(((const memory_t *)group->memory)->mean) + o[EPS];
    *(adam_t *)constants = (adam_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .step = (real)(o[LR] / correction(o[BETA1], group->t)),
        .inverse_root_c2 = (real)(1 / sqrt(c2)),
        .eps = eps_of(o[EPS], false, c2),
        .decay = decay_of(root > 0 ? o[WEIGHT_DECAY] / root : 0, true, o[LR]),
    };
}

/* Line 1, and the terms of line 2. */
static void moments(const tile_t *t) {
    const adam_t k = *(const adam_t *)t->constants;
    real *restrict m = t->state[M], *restrict v = t->state[V], *restrict vmax = t->state[VMAX];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        m[i] = ema(m[i], g[i], k.beta1);
        v[i] = ema(v[i], g[i] * g[i], k.beta2);
    }
    for (size_t i = 0; vmax != NULL && i < t->n; ++i)
        vmax[i] = larger(vmax[i], v[i]);
    const double inverse_root_c2 = (double)k.inverse_root_c2;
    t->sum[0] += sum_elements(t->n, vmax != NULL ? vmax : v) * inverse_root_c2 * inverse_root_c2;
    t->sum[1] += (double)t->n;
}

static void update(const tile_t *t) {
    const adam_t k = *(const adam_t *)t->constants;
    real *restrict p = t->p;
    const real *restrict m = t->state[M], *restrict h = t->state[VMAX] != NULL ? t->state[VMAX] : t->state[V];
    for (size_t i = 0; i < t->n; ++i)
        p[i] = k.decay.shrink * p[i] - k.step * quotient(m[i], damped_root(h[i], k.inverse_root_c2, k.eps));
}

enum { MOMENTS, UPDATE };

static optim_status advance(step_t *s) {
    const double *sum = step_sums(s, MOMENTS, NULL, 2);
    ((memory_t *)s->memory)->mean = sum[1] > 0 ? sum[0] / sum[1] : 0;
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(adams) = {
    .name = "adams",
    .purpose = "Adam with stable weight decay, whose rate is that of parameters in the mean",
    .citation = "Xie et al.: On the Overlooked Pitfalls of Weight Decay and How to Mitigate Them: A Gradient-Norm "
                "Perspective, 2020, arXiv:2011.11152",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .memory = sizeof(memory_t),
    .constants = sizeof(adam_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[MOMENTS] = moments, [UPDATE] = update},
};
