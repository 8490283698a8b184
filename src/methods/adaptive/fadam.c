/*
 * fadam: Adam as natural gradient: its Fisher information divides the gradient before the momentum, and the decay.
 *
 * Hwang, "FAdam: Adam is a natural gradient optimizer using diagonal empirical Fisher information", 2024,
 * arXiv:2405.12807, algorithm 1.
 *
 *     of every tensor, with rms the root of the mean square over its elements:
 *     1. b = beta2 (1 - beta2^(t-1)) / (1 - beta2^t);   f <- b f + (1 - b) g^2
 *     2. e = min(eps, eps2 rms(g)), or eps where g = 0;   r = sqrt(f) + e
 *     3. u = g / r,  u <- u / max(1, rms(u) / clip);   m <- beta1 m + (1 - beta1) u
 *     4. w = p / r,  w <- w / max(1, rms(w) / clip);   p <- p - lr (m + weight_decay w)
 *
 * Three passes. State: m, f, 8 bytes a parameter in f32.
 */
#include "blocks/adam_family.h"
#include "blocks/reduce.h"

enum { LR, BETA1, BETA2, WEIGHT_DECAY, CLIP, EPS, EPS2 };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [WEIGHT_DECAY] = {"weight_decay", 0.1, "[0,inf)", "lambda, of the parameters over the root"},
    [CLIP] = {"clip", 1, "(0,inf)", "largest root mean square of what is divided by the root"},
    [EPS] = {"eps", 1e-8, "[0,inf)", "most that is added to the root"},
    [EPS2] = {"eps2", 1e-2, "[0,inf)", "the same as a share of the gradient's root mean square"},
    {0},
};

enum { M, F };
static const state_t STATE[] = {
    [M] = {"m", "momentum of natural gradients", LIKE_PARAM, FIRST_MOMENT},
    [F] = {"f", "diagonal of the Fisher information", LIKE_PARAM, KEPT, .nonnegative = true},
    {0},
};

typedef struct tensor_memory {
    double eps, of_g, of_p; /* within a step: e, and what u and w are multiplied by */
} tensor_memory_t;

typedef struct constants {
    weights_t beta1, beta2;
    double lr, decay; /* decay = lr weight_decay */
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, t = group->t;
    const double b = t > 1 ? o[BETA2] * correction(o[BETA2], t - 1) / correction(o[BETA2], t) : 0;
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(b),
        .lr = o[LR],
        .decay = o[LR] * o[WEIGHT_DECAY],
    };
}

/* a over the root of line 2, in double: gradients may be so small that p over it is no float. */
static inline double over(double a, real f, double eps) {
    const double root = sqrt((double)f) + eps;
    return root > 0 ? a / root : 0;
}

/* Line 1, and the squares of u and w. */
static void divide(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const double eps = ((const tensor_memory_t *)t->memory)->eps;
    const real *restrict g = t->g, *restrict p = t->p;
    real *restrict f = t->state[F];
    for (size_t i = 0; i < t->n; ++i) {
        f[i] = ema(f[i], g[i] * g[i], k.beta2);
        const double u = over((double)g[i], f[i], eps), w = over((double)p[i], f[i], eps);
        t->sum[0] += u * u;
        t->sum[1] += w * w;
    }
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const tensor_memory_t *memory = t->memory;
    const double eps = memory->eps, of_p = k.decay * memory->of_p;
    const real lr = (real)k.lr;
    real *restrict p = t->p, *restrict m = t->state[M];
    const real *restrict g = t->g, *restrict f = t->state[F];
    for (size_t i = 0; i < t->n; ++i) {
        m[i] = ema(m[i], (real)(memory->of_g * over((double)g[i], f[i], eps)), k.beta1);
        p[i] -= lr * m[i] + (real)(of_p * over((double)p[i], f[i], eps));
    }
}

enum { SQUARES, DIVIDE, UPDATE };

static double root_mean(double square, size_t count) {
    return count > 0 ? sqrt(square / (double)count) : 0;
}

static optim_status advance(step_t *s) {
    (void)step_sums(s, SQUARES, NULL, 1);
    for (size_t n = 0; n < step_tensor_count(s); ++n) {
        const tensor_t *tensor = step_tensor(s, n);
        if (tensor == NULL)
            continue;
        const double *o = step_tensor_option(s, n), e = o[EPS2] * root_mean(step_tensor_sum(s, n)[0], tensor->count);
        ((tensor_memory_t *)step_tensor_memory(s, n))->eps = e > 0 && e < o[EPS] ? e : o[EPS];
    }
    (void)step_sums(s, DIVIDE, NULL, 2);
    for (size_t n = 0; n < step_tensor_count(s); ++n) {
        const tensor_t *tensor = step_tensor(s, n);
        if (tensor == NULL)
            continue;
        const double *sum = step_tensor_sum(s, n), clip = step_tensor_option(s, n)[CLIP];
        tensor_memory_t *memory = step_tensor_memory(s, n);
        memory->of_g = 1 / fmax(1, root_mean(sum[0], tensor->count) / clip);
        memory->of_p = 1 / fmax(1, root_mean(sum[1], tensor->count) / clip);
    }
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(fadam) = {
    .name = "fadam",
    .purpose = "Adam as natural gradient: momentum of divided and clipped gradients, and a decay alike",
    .citation = "Hwang: FAdam: Adam is a natural gradient optimizer using diagonal empirical Fisher information, 2024, "
                "arXiv:2405.12807",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .tensor_memory = sizeof(tensor_memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares, [DIVIDE] = divide, [UPDATE] = update},
};
