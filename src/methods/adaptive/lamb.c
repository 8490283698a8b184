/*
 * lamb: Adam's step, tensor by tensor rescaled to the length of the tensor.
 *
 * You, Li, Reddi, Hseu, Kumar, Bhojanapalli, Song, Demmel, Keutzer, Hsieh, "Large Batch Optimization for Deep Learning:
 * Training BERT in 76 minutes", 2020, arXiv:1904.00962v5, algorithm 2.
 *
 *     1. m <- beta1 m + (1 - beta1) g  (grad_averaging = 0: + g);   v <- beta2 v + (1 - beta2) g^2
 *     2. u <- (m / c1) / (sqrt(v) / sqrt(c2) + eps) + weight_decay p
 *     3. w <- phi(|p|),  phi(z) = min(max(z, min_norm), max_norm);   ratio <- w / |u| if both are positive, else 1
 *     4. p <- p - lr ratio u
 *
 * trust_clip keeps the ratio at or below 1 (LAMBC); exclude_1d: vectors and scalars without decay and with ratio 1.
 * bias_correction = 0 is version 3 of the paper. The ratio is never skipped where weight_decay is 0 (timm does). Two
 * passes: one for the moments and both norms, one for the step. State: m, v, 8 bytes a parameter in f32.
 * eps_in_root = 1: adam_family.h.
 */
#include "blocks/adam_family.h"
#include "blocks/sums.h"

enum { LR, BETA1, BETA2, EPS, EPS_IN_ROOT, WEIGHT_DECAY, CORRECT, AVERAGE, MIN_NORM, MAX_NORM, TRUST_CLIP, EXCLUDE };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-3, "[0,inf)", "step size: relative to the tensor's norm"},
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-6),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [WEIGHT_DECAY] = {"weight_decay", 0.01, "[0,inf)", "lambda, inside the rescaled update"},
    [CORRECT] = BIAS_CORRECTION_ROW(1),
    [AVERAGE] = {"grad_averaging", 1, "0|1", "0: m <- beta1 m + g"},
    [MIN_NORM] = {"min_norm", 0, "[0,inf)", "lower bound of phi"},
    [MAX_NORM] = {"max_norm", 0, "[0,inf)", "upper bound of phi; 0: none", .zero_apart = true},
    [TRUST_CLIP] = {"trust_clip", 0, "0|1", "keep the ratio at or below 1"},
    [EXCLUDE] = {"exclude_1d", 0, "0|1", "tensors of at most one dimension: no decay, ratio 1"},
    {0},
};

enum { M, V };
static const state_t STATE[] = {[M] = M_ROW, [V] = V_ROW, {0}};

typedef struct constants {
    weights_t beta1, beta2;
    real inverse_c1, inverse_root_c2, weight_decay;
    eps_t eps;
    double lr, min_norm, max_norm, ratio_max; /* the ratio is one number a tensor, in double */
    bool exclude_1d;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, t = group->t;
    const bool correct = o[CORRECT] != 0;
    const double c1 = correct ? correction(o[BETA1], t) : 1, c2 = correct ? correction(o[BETA2], t) : 1;
    *(constants_t *)constants = (constants_t){
        .beta1 = {(real)o[BETA1], o[AVERAGE] != 0 ? (real)(1 - o[BETA1]) : 1},
        .beta2 = weights(o[BETA2]),
        .inverse_c1 = (real)(1 / c1),
        .inverse_root_c2 = (real)(1 / sqrt(c2)),
        .weight_decay = (real)o[WEIGHT_DECAY],
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .lr = o[LR],
        .min_norm = o[MIN_NORM],
        .max_norm = o[MAX_NORM] > 0 ? o[MAX_NORM] : HUGE_VAL,
        .ratio_max = o[TRUST_CLIP] != 0 ? 1 : HUGE_VAL,
        .exclude_1d = o[EXCLUDE] != 0,
    };
}

static bool is_excluded(const tile_t *t) {
    return ((const constants_t *)t->constants)->exclude_1d && t->tensor->ndim <= 1;
}

/* The constants as they are for this tensor. */
static inline constants_t constants_of(const tile_t *t) {
    constants_t k = *(const constants_t *)t->constants;
    k.weight_decay = is_excluded(t) ? 0 : k.weight_decay;
    return k;
}

/* Line 2. */
static inline real direction(real m, real v, real p, constants_t k) {
    return quotient(m * k.inverse_c1, damped_root(v, k.inverse_root_c2, k.eps)) + k.weight_decay * p;
}

/* Line 1, and the squares of the two norms of line 3. */
static void moments(const tile_t *t) {
    const constants_t k = constants_of(t);
    real *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g, *restrict p = t->p;
    real u[SUM_ELEMENTS];
    for (size_t i = 0; i < t->n; ++i) {
        m[i] = ema(m[i], g[i], k.beta1);
        v[i] = settled(k.beta2.keep * v[i] + k.beta2.take * g[i] * g[i]);
        u[i] = direction(m[i], v[i], p[i], k);
    }
    t->sum[0] += sum_squares(t->n, p);
    t->sum[1] += sum_squares(t->n, u);
}

/* Line 3. */
static double trust_ratio(const tile_t *t) {
    const constants_t *k = t->constants;
    const double norm = sqrt(t->tensor_sum[0]), u = sqrt(t->tensor_sum[1]);
    const double w = fmin(fmax(norm, k->min_norm), k->max_norm);
    return is_excluded(t) ? 1 : fmin(w > 0 && u > 0 ? w / u : 1, k->ratio_max);
}

/* Line 4. */
static void update(const tile_t *t) {
    const constants_t k = constants_of(t);
    const real step = (real)(k.lr * trust_ratio(t));
    const real *restrict m = t->state[M], *restrict v = t->state[V];
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] -= step * direction(m[i], v[i], p[i], k);
}

enum { MOMENTS, UPDATE };

static optim_status advance(step_t *s) {
    step_sums_by_tensor(s, MOMENTS, 2, UPDATE);
    return OPTIM_OK;
}

const method_t METHOD(lamb) = {
    .name = "lamb",
    .purpose = "Adam's step, tensor by tensor rescaled to the length of the tensor",
    .citation = "You et al.: Large Batch Optimization for Deep Learning: Training BERT in 76 minutes, 2020, "
                "arXiv:1904.00962v5",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[MOMENTS] = moments, [UPDATE] = update},
};
