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

enum {
    LR,
    BETA1,
    BETA2,
    EPS,
    EPS_IN_ROOT,
    WEIGHT_DECAY,
    BIAS_CORRECTION,
    GRAD_AVERAGING,
    MIN_NORM,
    MAX_NORM,
    TRUST_CLIP,
    EXCLUDE_1D
};
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-3, "[0,inf)", "step size: relative to the tensor's norm"},
    [BETA1] = {"beta1", 0.9, "[0,1)", "decay of the first moment"},
    [BETA2] = {"beta2", 0.999, "[0,1)", "decay of the second moment"},
    [EPS] = EPS_ROW(1e-6),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [WEIGHT_DECAY] = {"weight_decay", 0.01, "[0,inf)", "lambda, inside the rescaled update"},
    [BIAS_CORRECTION] = {"bias_correction", 1, "0|1", "0: c1 = c2 = 1"},
    [GRAD_AVERAGING] = {"grad_averaging", 1, "0|1", "0: m <- beta1 m + g"},
    [MIN_NORM] = {"min_norm", 0, "[0,inf)", "lower bound of phi"},
    [MAX_NORM] = {"max_norm", 0, "[0,inf)", "upper bound of phi; 0: none", .zero_apart = true},
    [TRUST_CLIP] = {"trust_clip", 0, "0|1", "keep the ratio at or below 1"},
    [EXCLUDE_1D] = {"exclude_1d", 0, "0|1", "tensors of at most one dimension: no decay, ratio 1"},
    {0},
};

enum { M, V };
static const state_t STATE[] = {
    [M] = {"m", "first moment", LIKE_PARAM, FIRST_MOMENT},
    [V] = {"v", "second moment", LIKE_PARAM, KEPT, .nonnegative = true},
    {0},
};

typedef struct constants {
    double lr, beta1, take, beta2, inverse_c1, inverse_root_c2, weight_decay;
    double min_norm, max_norm, ratio_max;
    eps_t eps;
    bool exclude_1d;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    const bool correct = o[BIAS_CORRECTION] != 0;
    const double c2 = correct ? 1 - pow(o[BETA2], group->t) : 1;
    *(constants_t *)constants = (constants_t){
        .lr = o[LR],
        .beta1 = o[BETA1],
        .take = o[GRAD_AVERAGING] != 0 ? 1 - o[BETA1] : 1,
        .beta2 = o[BETA2],
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .inverse_c1 = correct ? 1 / (1 - pow(o[BETA1], group->t)) : 1,
        .inverse_root_c2 = 1 / sqrt(c2),
        .weight_decay = o[WEIGHT_DECAY],
        .min_norm = o[MIN_NORM],
        .max_norm = o[MAX_NORM] > 0 ? o[MAX_NORM] : HUGE_VAL,
        .ratio_max = o[TRUST_CLIP] != 0 ? 1 : HUGE_VAL,
        .exclude_1d = o[EXCLUDE_1D] != 0,
    };
}

static bool excluded(const tile_t *t) {
    return ((const constants_t *)t->constants)->exclude_1d && t->tensor->ndim <= 1;
}

/* Line 2. */
static inline real direction(real m, real v, real p, real inverse_c1, real inverse_root_c2, eps_t eps, real decay) {
    return quotient(m * inverse_c1, damped_root(v, inverse_root_c2, eps)) + decay * p;
}

/* Line 1, and the squares for the two norms of line 3. */
static void moments(const tile_t *t) {
    const constants_t *k = t->constants;
    const eps_t eps = k->eps;
    const real beta1 = (real)k->beta1, take = (real)k->take, beta2 = (real)k->beta2, one_beta2 = (real)(1 - k->beta2),
               inverse_c1 = (real)k->inverse_c1, inverse_root_c2 = (real)k->inverse_root_c2,
               decay = excluded(t) ? 0 : (real)k->weight_decay;
    real *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g, *restrict p = t->p;
    double *restrict pp = t->term[0], *restrict uu = t->term[1];
    for (size_t i = 0; i < t->n; ++i) {
        m[i] = settled(beta1 * m[i] + take * g[i]);
        v[i] = settled(beta2 * v[i] + one_beta2 * g[i] * g[i]);
        const real u = direction(m[i], v[i], p[i], inverse_c1, inverse_root_c2, eps, decay);
        pp[i] = (double)p[i] * (double)p[i];
        uu[i] = (double)u * (double)u;
    }
}

/* Line 3. */
static double trust_ratio(const tile_t *t) {
    const constants_t *k = t->constants;
    const double norm = sqrt(t->tensor_sum[0]), u = sqrt(t->tensor_sum[1]);
    const double w = fmin(fmax(norm, k->min_norm), k->max_norm);
    return excluded(t) ? 1 : fmin(w > 0 && u > 0 ? w / u : 1, k->ratio_max);
}

/* Line 4. */
static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    const eps_t eps = k->eps;
    const real inverse_c1 = (real)k->inverse_c1, inverse_root_c2 = (real)k->inverse_root_c2,
               decay = excluded(t) ? 0 : (real)k->weight_decay, step = (real)(k->lr * trust_ratio(t));
    const real *restrict m = t->state[M], *restrict v = t->state[V];
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] -= step * direction(m[i], v[i], p[i], inverse_c1, inverse_root_c2, eps, decay);
}

enum { MOMENTS, UPDATE };

static optim_status advance(step_t *s) {
    (void)step_reduce(s, MOMENTS, NULL, 2);
    step_update(s, UPDATE, NULL);
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
