/*
 * stable_adamw: AdamW whose rate falls, tensor by tensor, where the second moment is behind the gradient.
 *
 * Wortsman, Dettmers, Zettlemoyer, Morcos, Farhadi, Schmidt, "Stable and low-precision training for large-scale
 * vision-language models", 2023, arXiv:2304.13013, algorithm 2.
 *
 *     1. b_i = beta_i (1 - beta_i^(t-1)) / (1 - beta_i^t);   m <- b_1 m + (1 - b_1) g;   v <- b_2 v + (1 - b_2) g^2
 *     2. rms = sqrt(mean over the tensor of g^2 / max(v, eps^2));   eta = lr / max(1, rms)
 *     3. p <- p - eta (weight_decay p + m / (sqrt(v) + eps))
 *
 * m and v with these weights are adamw's corrected moments. Two passes. State: m, v, 8 bytes a parameter in f32.
 */
#include "blocks/adam_family.h"
#include "blocks/sums.h"

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.99),
    [EPS] = EPS_ROW(1e-8),
    [WEIGHT_DECAY] = {"weight_decay", 1e-2, "[0,inf)", "lambda, decoupled"},
    {0},
};

enum { M, V };
static const state_t STATE[] = {[M] = M_ROW, [V] = V_ROW, {0}};

typedef struct constants {
    weights_t b1, b2;
    real eps;
    double least, lr, weight_decay;
} constants_t;

/* The weight of what is new: 1 - b = (1 - beta) / (1 - beta^t). */
static weights_t corrected(double beta, double t) {
    return weights_of_new((1 - beta) / correction(beta, t));
}

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .b1 = corrected(o[BETA1], group->t),
        .b2 = corrected(o[BETA2], group->t),
        .eps = (real)o[EPS],
        .least = o[EPS] * o[EPS],
        .lr = o[LR],
        .weight_decay = o[WEIGHT_DECAY],
    };
}

static void moments(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    double ratio[SUM_ELEMENTS];
    for (size_t i = 0; i < t->n; ++i) {
        m[i] = ema(m[i], g[i], k.b1);
        v[i] = ema(v[i], g[i] * g[i], k.b2);
        const double square = (double)g[i] * (double)g[i], h = (double)v[i] > k.least ? (double)v[i] : k.least;
        ratio[i] = h > 0 ? square / h : 0;
    }
    t->sum[0] += sum_doubles(t->n, ratio);
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const double rms = sqrt(t->tensor_sum[0] / (double)t->tensor->count), eta = k.lr / (rms > 1 ? rms : 1);
    const real step = (real)eta, shrink = (real)(1 - eta * k.weight_decay);
    real *restrict p = t->p;
    const real *restrict m = t->state[M], *restrict v = t->state[V];
    for (size_t i = 0; i < t->n; ++i)
        p[i] = shrink * p[i] - step * quotient(m[i], sqrt(v[i]) + k.eps);
}

enum { MOMENTS, UPDATE };

static optim_status advance(step_t *s) {
    step_sums_by_tensor(s, MOMENTS, 1, UPDATE);
    return OPTIM_OK;
}

const method_t METHOD(stable_adamw) = {
    .name = "stable_adamw",
    .purpose = "adamw whose steps are clipped where the second moment is behind the gradient",
    .citation = "Wortsman et al.: Stable and low-precision training for large-scale vision-language models, 2023, "
                "arXiv:2304.13013",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[MOMENTS] = moments, [UPDATE] = update},
};
