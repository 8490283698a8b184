/*
 * stable_spam: Adam that clips spikes by what is usual, evens out gradients' lengths and begins anew now and then.
 *
 * Huang, Hu, Liu, Liu, Liu, Ding, Wang, Yin, Liu, "Stable-SPAM: How to Train in 4-Bit More Stably than 16-Bit Adam",
 * 2025, arXiv:2502.17055, algorithm 1.
 *
 *     of every tensor, with t counting its steps:
 *     1. p <- (1 - lr weight_decay) p;   x <- theta x + (1 - theta) max |g|,   top = x / (1 - theta^t)
 *        g <- g top / max |g| where |g| > top
 *     2. a <- gamma1 a + (1 - gamma1) |g|,  b <- gamma2 b + (1 - gamma2) |g|^2
 *        g <- g / |g| (a / (1 - gamma1^t)) / (sqrt(b / (1 - gamma2^t)) + eps)
 *     3. t mod reset = 0: m <- 0, v <- 0, and k, the steps since then, begins at 1
 *     4. m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2
 *        p <- p - lr / (1 - beta1^k) m / (sqrt(v) / sqrt(1 - beta2^k) + eps)
 *
 * Where |g| is 0 lines 2 and 4 are left out. Three passes. State: m, v, 8 bytes a parameter in f32; x, a, b in double.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, GAMMA1, GAMMA2, THETA, RESET, EPS, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [GAMMA1] = {"gamma1", 0.7, "[0,1)", "decay of the gradient's average norm"},
    [GAMMA2] = {"gamma2", 0.9, "[0,1)", "decay of its average square"},
    [THETA] = {"theta", 0.999, "[0,1)", "decay of the largest element's average"},
    [RESET] = {"reset", 1000, "integer [1,inf)", "steps after which the moments begin anew"},
    [EPS] = EPS_ROW(1e-8),
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    {0},
};

enum { M, V };
static const state_t STATE[] = {[M] = M_ROW, [V] = V_ROW, {0}};

typedef struct tensor_memory {
    double x, a, b;
    double top, most, factor; /* within a step; factor 0: |g| is 0 */
} tensor_memory_t;
static const field_t FIELDS[] = {
    {"x", "average of the largest element", FIELD(OF_TENSOR, tensor_memory_t, x)},
    {"a", "average norm", FIELD(OF_TENSOR, tensor_memory_t, a)},
    {"b", "average squared norm", FIELD(OF_TENSOR, tensor_memory_t, b)},
    {0},
};

typedef struct constants {
    weights_t beta1, beta2;
    real step, inverse_root_c2, eps, shrink;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, since = fmod(group->t, o[RESET]);
    const double k = group->t < o[RESET] ? group->t : since + 1;
    const bool anew = since == 0;
    constants_t *c = constants;
    *c = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .step = (real)(o[LR] / correction(o[BETA1], k)),
        .inverse_root_c2 = (real)(1 / sqrt(correction(o[BETA2], k))),
        .eps = (real)o[EPS],
        .shrink = (real)(1 - o[LR] * o[WEIGHT_DECAY]),
    };
    c->beta1.keep = anew ? 0 : c->beta1.keep;
    c->beta2.keep = anew ? 0 : c->beta2.keep;
}

static void magnitudes(const tile_t *t) {
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = fabs((double)g[i]);
}

static inline double clipped(const tensor_memory_t *m, real g) {
    return fabs((double)g) > m->top ? (double)g / m->most * m->top : (double)g;
}

static void squares_of_clipped(const tile_t *t) {
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const double c = clipped(t->memory, g[i]);
        t->term[0][i] = c * c;
    }
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const tensor_memory_t *memory = t->memory;
    const bool moves = memory->factor != 0;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real h = (real)(clipped(memory, g[i]) * memory->factor);
        p[i] *= k.shrink;
        m[i] = moves ? ema(m[i], h, k.beta1) : m[i] * (k.beta1.keep == 0 ? 0 : 1);
        v[i] = moves ? ema(v[i], h * h, k.beta2) : v[i] * (k.beta2.keep == 0 ? 0 : 1);
        p[i] -= moves ? k.step * quotient(m[i], sqrt(v[i]) * k.inverse_root_c2 + k.eps) : 0;
    }
}

/* Line 1. */
static void follow_largest(tensor_memory_t *m, double most, double t, const double *o) {
    m->x = o[THETA] * m->x + (1 - o[THETA]) * most;
    m->top = m->x / correction(o[THETA], t);
    m->most = most;
}

/* Line 2. */
static void follow_norm(tensor_memory_t *m, double square, double t, const double *o) {
    const double norm = sqrt(square);
    m->factor = 0;
    if (norm == 0)
        return;
    m->a = o[GAMMA1] * m->a + (1 - o[GAMMA1]) * norm;
    m->b = o[GAMMA2] * m->b + (1 - o[GAMMA2]) * square;
    m->factor = m->a / correction(o[GAMMA1], t) / (sqrt(m->b / correction(o[GAMMA2], t)) + o[EPS]) / norm;
}

enum { MAGNITUDES, SQUARES, UPDATE };

static optim_status advance(step_t *s) {
    (void)step_reduce_max(s, MAGNITUDES, NULL, 1);
    for (size_t n = 0; n < step_tensor_count(s); ++n)
        if (step_tensor(s, n) != NULL)
            follow_largest(step_tensor_memory(s, n), step_tensor_sum(s, n)[0], step_tensor_clock(s, n),
                           step_tensor_option(s, n));
    (void)step_reduce(s, SQUARES, NULL, 1);
    for (size_t n = 0; n < step_tensor_count(s); ++n)
        if (step_tensor(s, n) != NULL)
            follow_norm(step_tensor_memory(s, n), step_tensor_sum(s, n)[0], step_tensor_clock(s, n),
                        step_tensor_option(s, n));
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(stable_spam) = {
    .name = "stable_spam",
    .purpose = "Adam that clips spikes, evens out gradients' lengths and begins anew now and then",
    .citation = "Huang et al.: Stable-SPAM: How to Train in 4-Bit More Stably than 16-Bit Adam, 2025, arXiv:2502.17055",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .tensor_memory = sizeof(tensor_memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[MAGNITUDES] = magnitudes, [SQUARES] = squares_of_clipped, [UPDATE] = update},
};
