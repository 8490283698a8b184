/*
 * tam, adatam: gradients count by how well they agree with the momentum.
 *
 * Malviya, Mordido, Baratin, Babanezhad Harikandeh, Dziugaite, Pascanu, Chandar, "Torque-Aware Momentum", 2024,
 * arXiv:2412.18790, in the form of pytorch_optimizer: agreement element by element.
 *
 *     of every column, along dimension 0, of a tensor; a vector is one column:
 *     1. s <- decay_rate s + (1 - decay_rate) (m / |m|) (g / |g|)
 *     2. d = ((1 + s) / 2 + eps) g;   m <- momentum m + d;   in tam's first step m = g is what line 1 reads
 *     3. tam: p <- (1 - lr weight_decay) p - lr m
 *        adatam: v <- beta2 v + (1 - beta2) g^2,  p <- (1 - lr weight_decay) p - lr m / (sqrt(v) + eps)
 *
 * The paper has one cosine for a whole tensor where line 1 has its terms. State: m, s (v), 8 (12) bytes a parameter in
 * f32. A tensor is worked on by one thread.
 */
#include "blocks/adam_family.h"
#include "blocks/whole.h"

enum { LR, MOMENTUM, DECAY_RATE, EPS, WEIGHT_DECAY, BETA2 };
#define COMMON_ROWS                                                                                                    \
    [LR] = LR_ROW(1e-3), [MOMENTUM] = {"momentum", 0.9, "[0,1)", "share of the momentum that is kept"},                \
    [DECAY_RATE] = {"decay_rate", 0.9, "[0,1)", "decay of the agreement"},                                             \
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"}
static const option_t TAM_OPTIONS[] = {
    [EPS] = {"eps", 1e-8, "[0,inf)", "weight of a gradient that disagrees wholly"},
    COMMON_ROWS,
    {0},
};
static const option_t ADATAM_OPTIONS[] = {
    COMMON_ROWS,
    [EPS] = {"eps", 1e-8, "[0,inf)", "weight of a gradient that disagrees wholly, and added to the root"},
    [BETA2] = BETA2_ROW(0.999),
    {0},
};

enum { M, S, V };
#define M_AND_S                                                                                                        \
    [M] = {"m", "momentum", LIKE_PARAM, FIRST_MOMENT}, [S] = {"s", "agreement of gradients with it", LIKE_PARAM, KEPT}
static const state_t TAM_STATE[] = {M_AND_S, {0}};
static const state_t ADATAM_STATE[] = {M_AND_S, [V] = V_ROW, {0}};

typedef struct constants {
    weights_t s, v;
    real lr, momentum, eps, shrink;
    bool begins; /* tam's first step */
} constants_t;

static constants_t common(const double *o) {
    return (constants_t){
        .s = weights(o[DECAY_RATE]),
        .lr = (real)o[LR],
        .momentum = (real)o[MOMENTUM],
        .eps = (real)o[EPS],
        .shrink = (real)(1 - o[LR] * o[WEIGHT_DECAY]),
    };
}
static void prepare_tam(const group_t *group, void *constants) {
    constants_t *k = constants;
    *k = common(group->option);
    k->begins = group->t == 1;
}
static void prepare_adatam(const group_t *group, void *constants) {
    constants_t *k = constants;
    *k = common(group->option);
    k->v = weights(group->option[BETA2]);
}

static size_t columns_of(const tensor_t *tensor) {
    return tensor->ndim > 1 ? tensor_columns(tensor) : 1;
}

/* The norms of columns of m and g. */
static size_t workspace(const tensor_t *tensor, const double *option) {
    (void)option;
    return tensor_reals(tensor, 2 * columns_of(tensor) * sizeof(double));
}

static void norms(size_t n, size_t columns, const real *restrict x, double *restrict norm) {
    for (size_t j = 0; j < columns; ++j)
        norm[j] = 0;
    for (size_t i = 0; i < n; i += columns)
        for (size_t j = 0; j < columns; ++j)
            norm[j] += (double)x[i + j] * (double)x[i + j];
    for (size_t j = 0; j < columns; ++j)
        norm[j] = sqrt(norm[j]);
}

/* Lines 1 and 2. */
static void follow(const tile_t *t, const constants_t k) {
    const size_t columns = columns_of(t->tensor);
    double *of_m = t->work, *of_g = of_m + columns;
    real *restrict m = t->state[M], *restrict s = t->state[S];
    const real *restrict g = t->g;
    for (size_t i = 0; k.begins && i < t->n; ++i)
        m[i] = g[i];
    norms(t->n, columns, m, of_m);
    norms(t->n, columns, g, of_g);
    for (size_t i = 0; i < t->n; ++i) {
        const double of_both = of_m[i % columns] * of_g[i % columns];
        s[i] = ema(s[i], of_both > 0 ? (real)((double)m[i] / of_both * (double)g[i]) : 0, k.s);
        m[i] = settled(k.momentum * m[i] + ((1 + s[i]) / 2 + k.eps) * g[i]);
    }
}

static void update_tam(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M];
    follow(t, k);
    for (size_t i = 0; i < t->n; ++i)
        p[i] = k.shrink * p[i] - k.lr * m[i];
}

static void update_adatam(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    follow(t, k);
    for (size_t i = 0; i < t->n; ++i) {
        v[i] = ema(v[i], g[i] * g[i], k.v);
        p[i] = k.shrink * p[i] - k.lr * quotient(m[i], sqrt(v[i]) + k.eps);
    }
}

#define CITATION "Malviya et al.: Torque-Aware Momentum, 2024, arXiv:2412.18790"

const method_t METHOD(tam) = {
    .name = "tam",
    .purpose = "momentum in which gradients count by how well they agree with it",
    .citation = CITATION,
    .evaluations = "1 gradient",
    .options = TAM_OPTIONS,
    .states = TAM_STATE,
    .flags = WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .workspace = workspace,
    .prepare = prepare_tam,
    .advance = whole_advance,
    .kernels = {update_tam},
};

const method_t METHOD(adatam) = {
    .name = "adatam",
    .purpose = "Adam in which gradients count by how well they agree with the momentum",
    .citation = CITATION,
    .evaluations = "1 gradient",
    .options = ADATAM_OPTIONS,
    .states = ADATAM_STATE,
    .flags = WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .workspace = workspace,
    .prepare = prepare_adatam,
    .advance = whole_advance,
    .kernels = {update_adatam},
};
