/*
 * mars: adamw or lion on gradients that are corrected by their change since the last step.
 *
 * Yuan, Liu, Wu, Zhou, Gu, "MARS: Unleashing the Power of Variance Reduction for Training Large Models", 2024,
 * arXiv:2411.10438, MARS-approx, algorithms 2 and 3.
 *
 *     1. c = g + gamma beta1 / (1 - beta1) (g - prev);   prev <- g
 *     2. of every tensor: c <- c max_norm / |c| where |c| > max_norm
 *     3. m <- beta1 m + (1 - beta1) c
 *     4. form=adamw: v <- beta2 v + (1 - beta2) c^2;  amsgrad: vmax <- max(vmax, v);
 *                    p <- (1 - lr weight_decay) p - (lr / c1) m / ((sqrt(v) + eps) / sqrt(c2))
 *        form=lion:  p <- (1 - lr weight_decay) p - lr sign(m)
 *
 * prev starts at 0 as in the authors' code, so that the first c is longer; the paper starts it at the first gradient.
 * Theirs takes prev at the present minibatch in the exact form, which is not here. Two passes. State: m, prev (and v,
 * vmax), 12 bytes a parameter in f32.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, GAMMA, FORM, MAX_NORM, EPS, AMSGRAD, WEIGHT_DECAY };
enum { ADAMW, LION };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(3e-3),
    [BETA1] = BETA1_ROW(0.95),
    [BETA2] = BETA2_ROW(0.99),
    [GAMMA] = {"gamma", 0.025, "[0,inf)", "how much of the change corrects the gradient"},
    [FORM] = {"form", ADAMW, "adamw|lion", "what is made of the corrected gradient", .decides_memory = true},
    [MAX_NORM] = {"max_norm", 1, "(0,inf]", "bound on the norm of a tensor's corrected gradient"},
    [EPS] = EPS_ROW(1e-8),
    [AMSGRAD] = AMSGRAD_ROW(0),
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    {0},
};

static const char *check(const double *option) {
    return (int)option[FORM] == LION && option[AMSGRAD] != 0 ? "amsgrad=1 needs form=adamw" : NULL;
}

static bool has_v(const tensor_t *tensor, const double *option) {
    (void)tensor;
    return (int)option[FORM] == ADAMW;
}

enum { M, PREV, V, VMAX };
static const state_t STATE[] = {
    [M] = M_ROW,
    [PREV] = {"prev", "gradient of the step before", LIKE_PARAM, KEPT},
    [V] = {"v", "second moment", LIKE_PARAM, KEPT, .exists = has_v, .nonnegative = true},
    [VMAX] = VMAX_ROW,
    {0},
};

typedef struct constants {
    weights_t beta1, beta2;
    real of_change, step, lr, eps;
    double max_norm;
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, c1 = correction(o[BETA1], group->t), c2 = correction(o[BETA2], group->t);
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .of_change = (real)(o[GAMMA] * o[BETA1] / (1 - o[BETA1])),
        .step = (real)(o[LR] * sqrt(c2) / c1),
        .lr = (real)o[LR],
        .eps = (real)o[EPS],
        .max_norm = o[MAX_NORM],
        .decay = decay_of(o[WEIGHT_DECAY], true, o[LR]),
    };
}

/* Line 1. */
static inline real correct(real g, real prev, real of_change) {
    return g + of_change * (g - prev);
}

static void squares_of_corrected(const tile_t *t) {
    const real of_change = ((const constants_t *)t->constants)->of_change;
    const real *restrict g = t->g, *restrict prev = t->state[PREV];
    double *restrict square = t->term[0];
    for (size_t i = 0; i < t->n; ++i) {
        const double c = (double)correct(g[i], prev[i], of_change);
        square[i] = c * c;
    }
}

static inline void update_with(const tile_t *t, const bool lion, const bool amsgrad) {
    const constants_t k = *(const constants_t *)t->constants;
    const double norm = sqrt(t->tensor_sum[0]);
    const real factor = norm > k.max_norm ? (real)(k.max_norm / norm) : 1;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict prev = t->state[PREV], *restrict v = t->state[V],
                   *restrict vmax = t->state[VMAX];
    const real *restrict g = t->g;
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real c = factor * correct(g[i], prev[i], k.of_change);
        real step;
        prev[i] = g[i];
        m[i] = ema(m[i], c, k.beta1);
        if (lion) {
            step = k.lr * sign(m[i]);
        } else {
            v[i] = ema(v[i], c * c, k.beta2);
            const real h = amsgrad ? (vmax[i] = larger(vmax[i], v[i])) : v[i];
            step = k.step * quotient(m[i], sqrt(h) + k.eps);
        }
        p[i] = k.decay.shrink * p[i] - step;
    }
}

static void update(const tile_t *t) {
    if (t->state[V] == NULL)
        update_with(t, true, false);
    else if (t->state[VMAX] == NULL)
        update_with(t, false, false);
    else
        update_with(t, false, true);
}

enum { SQUARES, UPDATE };

static optim_status advance(step_t *s) {
    (void)step_reduce(s, SQUARES, NULL, 1);
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(mars) = {
    .name = "mars",
    .purpose = "adamw or lion on gradients corrected by their change since the last step",
    .citation = "Yuan et al.: MARS: Unleashing the Power of Variance Reduction for Training Large Models, 2024, "
                "arXiv:2411.10438",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .constants = sizeof(constants_t),
    .check = check,
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares_of_corrected, [UPDATE] = update},
};
