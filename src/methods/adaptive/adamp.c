/*
 * adamp, sgdp: steps whose part along the parameters is taken out where a loss does not see the parameters' length.
 *
 * Heo, Chun, Oh, Han, Yun, Kim, Uh, Ha, "AdamP: Slowing Down the Slowdown for Momentum Optimizers on Scale-invariant
 * Weights", 2021, arXiv:2006.08217, algorithms 1 and 2; adamp as the authors' package 0.3.0.
 *
 *     1. adamp: m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2,
 *               d = m,  nesterov: d = beta1 m + (1 - beta1) g;   d <- (d / c1) / (sqrt(v) / sqrt(c2) + eps)
 *        sgdp:  m <- momentum m + (1 - dampening) g,  d = m,  nesterov: d = g + momentum m
 *     2. of a tensor of two or more dimensions, seen as its rows, then as one row:
 *        if |<g, p>| / (|g| |p|) < delta / sqrt(length of a row) in every row:
 *            of every row  q = p / (|p| + eps),  d <- d - q <q, d>;   lambda = weight_decay wd_ratio;   done
 *        otherwise  lambda = weight_decay
 *     3. p <- (1 - lr lambda) p - lr d;   sgdp: lambda / (1 - momentum)
 *
 * A row is a slice along dimension 0. Norms inside the cosine are at least eps. The authors' SGDP without nesterov
 * projects its momentum, too, since d is that there; the paper and this do not. State: m (and v), 4 (8) bytes a
 * parameter in f32, and 4 within a step. A tensor is worked on by one thread.
 */
#include "blocks/adam_family.h"
#include "blocks/whole.h"

enum { LR, WEIGHT_DECAY, DELTA, WD_RATIO, NESTEROV, EPS, METHODS_OWN };
#define COMMON_OPTIONS(rate)                                                                                           \
    [LR] = LR_ROW(rate), [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},                         \
    [DELTA] = {"delta", 0.1, "[0,inf)", "cosine below which the loss does not see the length"},                        \
    [WD_RATIO] = {"wd_ratio", 0.1, "[0,1]", "share of the decay where the step is projected"},                         \
    [NESTEROV] = {"nesterov", 0, "0|1", "look one momentum step ahead"}
enum { BETA1 = METHODS_OWN, BETA2 };
static const option_t ADAMP_OPTIONS[] = {
    COMMON_OPTIONS(1e-3),
    [EPS] = {"eps", 1e-8, "[0,inf)", "added to the root and to norms"},
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    {0},
};
enum { MOMENTUM = METHODS_OWN, DAMPENING };
static const option_t SGDP_OPTIONS[] = {
    COMMON_OPTIONS(1e-2),
    [EPS] = {"eps", 1e-8, "[0,inf)", "added to norms"},
    [MOMENTUM] = {"momentum", 0, "[0,1)", "decay of the momentum"},
    [DAMPENING] = {"dampening", 0, "[0,1]", "what a new gradient lacks of its weight in the momentum"},
    {0},
};

enum { M, V };
static const state_t ADAMP_STATE[] = {[M] = M_ROW, [V] = V_ROW, {0}};
static const state_t SGDP_STATE[] = {[M] = {"m", "momentum", LIKE_PARAM, FIRST_MOMENT}, {0}};

typedef struct constants {
    weights_t m, v;
    real of_m, of_g, inverse_root_c2, eps; /* d = of_m m + of_g g, divided by a root in adamp */
    double lr, delta, decay, decay_projected;
} constants_t;

static constants_t common(const double *o, double decay) {
    return (constants_t){
        .eps = (real)o[EPS], .lr = o[LR], .delta = o[DELTA], .decay = decay, .decay_projected = decay * o[WD_RATIO]};
}

static void prepare_adamp(const group_t *group, void *constants) {
    const double *o = group->option, c1 = correction(o[BETA1], group->t), c2 = correction(o[BETA2], group->t);
    const bool ahead = o[NESTEROV] != 0;
    constants_t *k = constants;
    *k = common(o, o[LR] * o[WEIGHT_DECAY]);
    k->m = weights(o[BETA1]);
    k->v = weights(o[BETA2]);
    k->of_m = (real)((ahead ? o[BETA1] : 1) / c1);
    k->of_g = ahead ? (real)((1 - o[BETA1]) / c1) : 0;
    k->inverse_root_c2 = (real)(1 / sqrt(c2));
}

static void prepare_sgdp(const group_t *group, void *constants) {
    const double *o = group->option;
    const bool ahead = o[NESTEROV] != 0;
    constants_t *k = constants;
    *k = common(o, o[LR] * o[WEIGHT_DECAY] / (1 - o[MOMENTUM]));
    k->m = (weights_t){(real)o[MOMENTUM], (real)(1 - o[DAMPENING])};
    k->of_m = ahead ? (real)o[MOMENTUM] : 1;
    k->of_g = ahead;
}

static size_t workspace(const tensor_t *tensor, const double *option) {
    (void)option;
    return tensor->count; /* d */
}

/* ---- Line 1 ---- */

static void direction_adamp(const tile_t *t, real *restrict d) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        m[i] = ema(m[i], g[i], k.m);
        v[i] = ema(v[i], g[i] * g[i], k.v);
        d[i] = quotient(k.of_m * m[i] + k.of_g * g[i], sqrt(v[i]) * k.inverse_root_c2 + k.eps);
    }
}

static void direction_sgdp(const tile_t *t, real *restrict d) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict m = t->state[M];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        m[i] = ema(m[i], g[i], k.m);
        d[i] = k.of_m * m[i] + k.of_g * g[i];
    }
}

/* ---- Line 2 ---- */

static double dot(size_t n, const real *restrict a, const real *restrict b) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static bool sees_no_length(const tile_t *t, size_t length) {
    const constants_t *k = t->constants;
    const double bound = k->delta / sqrt((double)length), eps = (double)k->eps;
    const real *p = t->p, *g = t->g;
    for (size_t i = 0; i < t->n; i += length) {
        const double of_p = sqrt(dot(length, p + i, p + i)), of_g = sqrt(dot(length, g + i, g + i));
        const double norms = fmax(of_p, eps) * fmax(of_g, eps);
        if (norms > 0 && !(fabs(dot(length, p + i, g + i)) / norms < bound))
            return false;
    }
    return true;
}

static void project(const tile_t *t, size_t length, real *restrict d) {
    const double eps = (double)((const constants_t *)t->constants)->eps;
    const real *restrict p = t->p;
    for (size_t i = 0; i < t->n; i += length) {
        const double norm = sqrt(dot(length, p + i, p + i)) + eps;
        const real share = norm > 0 ? (real)(dot(length, p + i, d + i) / norm / norm) : 0;
        for (size_t j = i; j < i + length; ++j)
            d[j] -= share * p[j];
    }
}

static bool projected(const tile_t *t, real *d) {
    const size_t lengths[] = {t->tensor->row, t->n};
    for (int view = 0; t->tensor->ndim > 1 && view < 2; ++view)
        if (sees_no_length(t, lengths[view])) {
            project(t, lengths[view], d);
            return true;
        }
    return false;
}

/* ---- Line 3 ---- */

static void move(const tile_t *t, real *restrict d) {
    const constants_t *k = t->constants;
    const bool is_projected = projected(t, d);
    const real shrink = (real)(1 - (is_projected ? k->decay_projected : k->decay)), lr = (real)k->lr;
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = shrink * p[i] - lr * d[i];
}

static void update_adamp(const tile_t *t) {
    direction_adamp(t, t->work);
    move(t, t->work);
}

static void update_sgdp(const tile_t *t) {
    direction_sgdp(t, t->work);
    move(t, t->work);
}

#define CITATION                                                                                                       \
    "Heo et al.: AdamP: Slowing Down the Slowdown for Momentum Optimizers on Scale-invariant Weights, 2021, "          \
    "arXiv:2006.08217"

const method_t METHOD(adamp) = {
    .name = "adamp",
    .purpose = "adamw without the part of a step that only lengthens scale-invariant parameters",
    .citation = CITATION,
    .evaluations = "1 gradient",
    .options = ADAMP_OPTIONS,
    .states = ADAMP_STATE,
    .flags = WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .workspace = workspace,
    .prepare = prepare_adamp,
    .advance = whole_advance,
    .kernels = {update_adamp},
};

const method_t METHOD(sgdp) = {
    .name = "sgdp",
    .purpose = "SGD without the part of a step that only lengthens scale-invariant parameters",
    .citation = CITATION,
    .evaluations = "1 gradient",
    .options = SGDP_OPTIONS,
    .states = SGDP_STATE,
    .flags = WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .workspace = workspace,
    .prepare = prepare_sgdp,
    .advance = whole_advance,
    .kernels = {update_sgdp},
};
