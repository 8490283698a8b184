/*
 * a2grad: Nesterov's method for stochastic gradients, with rates from what they differ from their mean.
 *
 * Deng, Cheng, Lan, "Optimal Adaptive and Accelerated Stochastic Gradient Descent", 2018, arXiv:1810.00553, algorithm 1
 * with the rates of its section 3, a number for every tensor, as in public code.
 *
 *     1. mean <- mean + (g - mean) / t;   D = |g - mean|^2
 *     2. variant=uni: v <- v + D,  h = sqrt(v);   inc: v <- (t / (t + 1))^2 v + D,  h = sqrt((t + 1) v)
 *        exp: w <- rho w + (1 - rho) D,  v <- max(v, w),  h = sqrt((t + 1) v)
 *     3. eta = 1 / (2 lips / (t + 1) + beta h);   alpha_t = 2 / (t + 2), but 1 at t = 1;   a = 2 / (t + 3)
 *     4. x <- x - eta g;   p <- (1 - a) p + a x - (1 - a) alpha_t eta g
 *
 * There is no lr. Two passes. State: mean, x, 8 bytes a parameter in f32; v and w in double.
 */
#include <tgmath.h>

#include "engine/method.h"

enum { LIPS, BETA, VARIANT, RHO };
enum { UNI, INC, EXP };
static const option_t OPTIONS[] = {
    [LIPS] = {"lips", 10, "(0,inf)", "Lipschitz constant of the gradient"},
    [BETA] = {"beta", 10, "[0,inf)", "weight of the gradient's deviation in the rate"},
    [VARIANT] = {"variant", UNI, "uni|inc|exp", "how deviations are gathered: summed, with growing weights, averaged"},
    [RHO] = {"rho", 0.5, "[0,1)", "variant=exp: decay of the average"},
    {0},
};

enum { MEAN, X };
static const state_t STATE[] = {
    [MEAN] = {"mean", "of all gradients", LIKE_PARAM, KEPT, .exact = true},
    [X] = {"x", "the point that gradient steps are made from", LIKE_PARAM, KEPT, .from_param = true, .exact = true},
    {0},
};

typedef struct tensor_memory {
    double v, w;
    double eta; /* within a step */
} tensor_memory_t;
static const field_t FIELDS[] = {
    {"v", "deviations gathered", FIELD(OF_TENSOR, tensor_memory_t, v)},
    {"w", "variant=exp: their average", FIELD(OF_TENSOR, tensor_memory_t, w)},
    {0},
};

typedef struct constants {
    real newest, alpha, a;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double t = group->t;
    *(constants_t *)constants = (constants_t){(real)(1 / t), t > 1 ? (real)(2 / (t + 2)) : 1, (real)(2 / (t + 3))};
}

/* Line 1. */
static void deviations(const tile_t *t) {
    const real newest = ((const constants_t *)t->constants)->newest;
    const real *restrict g = t->g;
    real *restrict mean = t->state[MEAN];
    for (size_t i = 0; i < t->n; ++i) {
        mean[i] += newest * (g[i] - mean[i]);
        const double d = (double)(g[i] - mean[i]);
        t->term[0][i] = d * d;
    }
}

/* Lines 2 and 3. */
static void gather(tensor_memory_t *m, double d, double t, const double *o) {
    const int variant = (int)o[VARIANT];
    if (variant == EXP) {
        m->w = o[RHO] * m->w + (1 - o[RHO]) * d;
        m->v = fmax(m->v, m->w);
    } else {
        const double keep = variant == INC ? t / (t + 1) : 1;
        m->v = keep * keep * m->v + d;
    }
    m->eta = 1 / (2 * o[LIPS] / (t + 1) + o[BETA] * sqrt(variant == UNI ? m->v : (t + 1) * m->v));
}

/* Line 4. */
static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real eta = (real)((const tensor_memory_t *)t->memory)->eta;
    real *restrict p = t->p, *restrict x = t->state[X];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real step = eta * g[i];
        x[i] -= step;
        p[i] += k.a * (x[i] - p[i]) - (1 - k.a) * k.alpha * step;
    }
}

enum { DEVIATIONS, UPDATE };

static optim_status advance(step_t *s) {
    (void)step_reduce(s, DEVIATIONS, NULL, 1);
    for (size_t n = 0; n < step_tensor_count(s); ++n)
        if (step_tensor(s, n) != NULL)
            gather(step_tensor_memory(s, n), step_tensor_sum(s, n)[0], step_tensor_clock(s, n),
                   step_tensor_option(s, n));
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(a2grad) = {
    .name = "a2grad",
    .purpose = "Nesterov's method with rates from how far gradients are from their mean",
    .citation = "Deng, Cheng, Lan: Optimal Adaptive and Accelerated Stochastic Gradient Descent, 2018, "
                "arXiv:1810.00553",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .tensor_memory = sizeof(tensor_memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[DEVIATIONS] = deviations, [UPDATE] = update},
};
