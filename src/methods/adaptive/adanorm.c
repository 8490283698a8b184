/*
 * adanorm: Adam whose momentum takes short gradients as long as they usually are.
 *
 * Dubey, Singh, Chaudhuri, "AdaNorm: Adaptive Gradient Norm Correction based Optimizer for CNNs", 2022,
 * arXiv:2210.06364, AdamNorm.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. of every tensor: e <- r e + (1 - r) |g|;   h = g e / |g| where e > |g| > 0, else g
 *     3. m <- beta1 m + (1 - beta1) h;   v <- beta2 v + (1 - beta2) g^2;   amsgrad: vmax <- max(vmax, v)
 *     4. p <- p - (lr / c1) m / (sqrt(v) / sqrt(c2) + eps)
 *
 * e begins at 0 and is not corrected. Two passes. State: m, v (and vmax), 8 (12) bytes a parameter in f32; e, a double
 * for each tensor. eps_in_root = 1: adam_family.h.
 */
#include "blocks/adam_family.h"
#include "blocks/sums.h"

enum { LR, BETA1, BETA2, R, EPS, EPS_IN_ROOT, AMSGRAD, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.99),
    [R] = {"r", 0.95, "[0,1)", "decay of the gradient's average norm"},
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [AMSGRAD] = AMSGRAD_ROW(0),
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(1),
    {0},
};

enum { M, V, VMAX };
static const state_t STATE[] = {[M] = M_ROW, [V] = V_ROW, [VMAX] = VMAX_ROW, {0}};

typedef struct tensor_memory {
    double e;
    double stretch; /* within a step: e / |g|, at least 1 */
} tensor_memory_t;
static const field_t FIELDS[] = {
    {"e", "average norm of the gradient", FIELD(OF_TENSOR, tensor_memory_t, e)},
    {0},
};

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, c2 = correction(o[BETA2], group->t);
    *(adam_t *)constants = (adam_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .step = (real)(o[LR] / correction(o[BETA1], group->t)),
        .inverse_root_c2 = (real)(1 / sqrt(c2)),
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

static void squares_with_decay(const tile_t *t) {
    t->sum[0] += sum_decayed_squares(t, ((const adam_t *)t->constants)->decay.l2);
}

/* Line 2. */
static void follow(tensor_memory_t *memory, double norm, double r) {
    memory->e = r * memory->e + (1 - r) * norm;
    memory->stretch = memory->e > norm && norm > 0 ? memory->e / norm : 1;
}

static inline void update_with(const tile_t *t, const bool amsgrad) {
    const adam_t k = *(const adam_t *)t->constants;
    const real stretch = (real)((const tensor_memory_t *)t->memory)->stretch;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V], *restrict vmax = t->state[VMAX];
    const real *restrict g = t->g;
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i];
        m[i] = ema(m[i], stretch * gi, k.beta1);
        v[i] = ema(v[i], gi * gi, k.beta2);
        const real h = amsgrad ? (vmax[i] = larger(vmax[i], v[i])) : v[i];
        p[i] = k.decay.shrink * p[i] - k.step * quotient(m[i], damped_root(h, k.inverse_root_c2, k.eps));
    }
}

static void update(const tile_t *t) {
    if (t->state[VMAX] != NULL)
        update_with(t, true);
    else
        update_with(t, false);
}

enum { SQUARES, UPDATE };

static optim_status advance(step_t *s) {
    (void)step_sums(s, SQUARES, NULL, 1);
    for (size_t n = 0; n < step_tensor_count(s); ++n)
        if (step_tensor(s, n) != NULL)
            follow(step_tensor_memory(s, n), sqrt(step_tensor_sum(s, n)[0]), step_tensor_option(s, n)[R]);
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(adanorm) = {
    .name = "adanorm",
    .purpose = "Adam whose momentum takes short gradients as long as they usually are",
    .citation = "Dubey, Singh, Chaudhuri: AdaNorm: Adaptive Gradient Norm Correction based Optimizer for CNNs, 2022, "
                "arXiv:2210.06364",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .tensor_memory = sizeof(tensor_memory_t),
    .constants = sizeof(adam_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares_with_decay, [UPDATE] = update},
};
