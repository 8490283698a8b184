/*
 * aida: adabelief whose second moment is of what is left of momentum and gradient once each is projected on the other.
 *
 * Zhang, Niwa, Kleijn, "A DNN Optimizer that Improves over AdaBelief by Suppression of the Adaptive Stepsize Range",
 * 2022, arXiv:2203.13273.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. of every tensor:  m <- beta1 m + (1 - beta1) g;   x = g, y = m, and `rounds` times
 *        x <- <x, y> / (|x|^2 + xi) x,   y <- <x, y> / (|y|^2 + xi) y,   both by what x and y were
 *     3. v <- beta2 v + (1 - beta2) (y - x)^2 + eps
 *     4. p <- p - lr sqrt(c2) / c1 m / (sqrt(v) + eps)
 *
 * x and y stay multiples of g and m, so that three sums are enough. Form (B) of adam_family.h. Two passes. State: m, v,
 * 8 bytes a parameter in f32.
 */
#include "blocks/adam_family.h"
#include "blocks/sums.h"

enum { LR, BETA1, BETA2, ROUNDS, XI, EPS, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [ROUNDS] = {"rounds", 2, "integer [0,100]", "mutual projections"},
    [XI] = {"xi", 1e-20, "[0,inf)", "added to the squared norms"},
    [EPS] = {"eps", 1e-8, "[0,inf)", "added to v in every step, and to the root"},
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(0),
    {0},
};

enum { M, V };
static const state_t STATE[] = {
    [M] = M_ROW,
    [V] = {"v", "second moment of what is left", LIKE_PARAM, KEPT, .nonnegative = true},
    {0},
};

typedef struct tensor_memory {
    double of_g, of_m; /* within a step: x = of_g g, y = of_m m */
} tensor_memory_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, c2 = correction(o[BETA2], group->t);
    *(form_b_t *)constants = (form_b_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .step = (real)(o[LR] * sqrt(c2) / correction(o[BETA1], group->t)),
        .eps = {(real)o[EPS], (real)o[EPS]},
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

/* The first moment, and the sums of line 2. */
static void moments(const tile_t *t) {
    const form_b_t k = *(const form_b_t *)t->constants;
    real *restrict m = t->state[M], gradient[SUM_ELEMENTS];
    const real *restrict g = t->g, *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i) {
        gradient[i] = g[i] + k.decay.l2 * p[i];
        m[i] = ema(m[i], gradient[i], k.beta1);
    }
    t->sum[0] += sum_products(t->n, gradient, m);
    t->sum[1] += sum_squares(t->n, gradient);
    t->sum[2] += sum_squares(t->n, m);
}

static tensor_memory_t project(const double *sum, double rounds, double xi) {
    double a = 1, b = 1;
    for (int i = 0; i < (int)rounds; ++i) {
        const double product = a * b * sum[0], x = a * a * sum[1] + xi, y = b * b * sum[2] + xi;
        a = x > 0 ? a * (product / x) : 0;
        b = y > 0 ? b * (product / y) : 0;
    }
    return (tensor_memory_t){a, b};
}

static void update(const tile_t *t) {
    const form_b_t k = *(const form_b_t *)t->constants;
    const tensor_memory_t *memory = t->memory;
    real *restrict p = t->p, *restrict v = t->state[V];
    const real *restrict g = t->g, *restrict m = t->state[M];
    for (size_t i = 0; i < t->n; ++i) {
        const double gi = (double)(g[i] + k.decay.l2 * p[i]);
        const real left = (real)(memory->of_m * (double)m[i] - memory->of_g * gi);
        v[i] = settled(weighted(v[i], left * left, k.beta2) + k.eps.inside);
        p[i] = k.decay.shrink * p[i] - k.step * quotient(m[i], sqrt(v[i]) + k.eps.outside);
    }
}

enum { MOMENTS, UPDATE };

static optim_status advance(step_t *s) {
    (void)step_sums(s, MOMENTS, NULL, 3);
    for (size_t n = 0; n < step_tensor_count(s); ++n)
        if (step_tensor(s, n) != NULL) {
            const double *o = step_tensor_option(s, n);
            *(tensor_memory_t *)step_tensor_memory(s, n) = project(step_tensor_sum(s, n), o[ROUNDS], o[XI]);
        }
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(aida) = {
    .name = "aida",
    .purpose = "adabelief on what is left of momentum and gradient after mutual projections",
    .citation = "Zhang, Niwa, Kleijn: A DNN Optimizer that Improves over AdaBelief by Suppression of the Adaptive "
                "Stepsize Range, 2022, arXiv:2203.13273",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .tensor_memory = sizeof(tensor_memory_t),
    .constants = sizeof(form_b_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[MOMENTS] = moments, [UPDATE] = update},
};
