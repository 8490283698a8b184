/*
 * lion_k: lion with the gradient of a convex K in place of the sign.
 *
 * Chen, Liu, Liang, Liu, "Lion Secretly Solves Constrained Optimization: As Lyapunov Predicts", 2023, arXiv:2310.05898.
 * The update is the paper's; the list of K is from knowledge of the paper and from public reimplementations, not read
 * off its text, and no authors' code was found.
 *
 *     1. p <- (1 - lr weight_decay) p
 *     2. c <- beta1 m + (1 - beta1) g
 *     3. p <- p - lr grad K(c),   tensor by tensor, with e = kappa_e:
 *        l1            sign(c)                                relativistic  c / sqrt(c^2 + e^2)
 *        lp            sign(c) |c|^(P-1) / |c|_P^(P-1)        logsmooth     c / (|c| + e)
 *        l1_threshold  sign(c) where |c| > e, else 0          huber         min(max(c, -e), e) / e
 *        topk          sign(c) on the k largest |c|, else 0   entropy       tanh(e c)
 *        l2sq          c
 *     4. m <- beta2 m + (1 - beta2) g
 *
 * lp: P = kappa_p, after division by the largest |c|; unit Q-norm, 1/P + 1/Q = 1, not rescaled by the tensor's size
 * (some ports do); three passes. topk: k = ceil(kappa_frac N), ties to the lowest index. State: m, 4 bytes a parameter
 * in f32.
 */
#include <string.h>
#include <tgmath.h>

#include "blocks/averages.h"

enum { LR, BETA1, BETA2, WEIGHT_DECAY, KAPPA, KAPPA_P, KAPPA_E, KAPPA_FRAC };
enum { L1, LP, L1_THRESHOLD, TOPK, HUBER, ENTROPY, RELATIVISTIC, LOGSMOOTH, L2SQ };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-4, "[0,inf)", "step size"},
    [BETA1] = {"beta1", 0.9, "[0,1)", "weight of the momentum in the step's direction"},
    [BETA2] = {"beta2", 0.99, "[0,1)", "decay of the momentum"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    [KAPPA] = {"kappa", L1, "l1|lp|l1_threshold|topk|huber|entropy|relativistic|logsmooth|l2sq", "the convex K"},
    [KAPPA_P] = {"kappa_p", 2, "(1,inf)", "lp: exponent of the norm"},
    [KAPPA_E] = {"kappa_e", 1, "(0,inf)", "scale of l1_threshold, huber, entropy, relativistic, logsmooth"},
    [KAPPA_FRAC] = {"kappa_frac", 0.1, "(0,1]", "topk: share of the elements that move"},
    {0},
};

enum { M };
static const state_t STATE[] = {
    [M] = {"m", "momentum", LIKE_PARAM, FIRST_MOMENT},
    {0},
};

/* Within a step. */
typedef struct tensor_memory {
    double bound;    /* lp: the largest |c|; topk: the k-th largest */
    size_t ties_end; /* topk: from here on, elements equal to the bound stay */
} tensor_memory_t;

typedef struct constants {
    weights_t beta1, beta2;
    real lr, shrink, e, power; /* power = P - 1 */
    double exponent, frac;     /* P, and the share of topk */
    int kappa;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants =
        (constants_t){weights(o[BETA1]), weights(o[BETA2]),      (real)o[LR], (real)(1 - o[LR] * o[WEIGHT_DECAY]),
                      (real)o[KAPPA_E],  (real)(o[KAPPA_P] - 1), o[KAPPA_P],  o[KAPPA_FRAC],
                      (int)o[KAPPA]};
}

/* Line 2. */
static inline real direction(const tile_t *t, size_t i) {
    const real *m = t->state[M], *g = t->g;
    return weighted(m[i], g[i], ((const constants_t *)t->constants)->beta1);
}

/* ---- lp: the largest |c|, then the sum of (|c| / largest)^P ---- */

static void magnitudes(const tile_t *t) {
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = (double)fabs(direction(t, i));
}

static void powers(const tile_t *t) {
    const double exponent = ((const constants_t *)t->constants)->exponent;
    const real largest = (real)((const tensor_memory_t *)t->memory)->bound;
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = pow((double)quotient(fabs(direction(t, i)), largest), exponent);
}

/* ---- topk: the k-th largest |c| of a whole tensor ---- */

/* Numbers in the order of the magnitudes. */
static inline uint64_t magnitude_bits(real c) {
    const double size = (double)fabs(c);
    uint64_t bits;
    memcpy(&bits, &size, sizeof bits);
    return bits;
}

/* Byte by byte from the top; in the end `left` of the elements that equal the k-th largest are among the k. */
static void find_bound(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    tensor_memory_t *m = t->memory;
    size_t left = (size_t)ceil(k.frac * (double)t->n), end = 0;
    uint64_t found = 0;
    if (k.kappa != TOPK)
        return;
    for (int shift = 56; shift >= 0; shift -= 8) {
        size_t count[256] = {0}, digit = 255;
        for (size_t i = 0; i < t->n; ++i) {
            const uint64_t bits = magnitude_bits(direction(t, i)) >> shift;
            count[bits & 255] += bits >> 8 == found;
        }
        for (; left > count[digit]; --digit)
            left -= count[digit];
        found = found << 8 | digit;
    }
    for (; left > 0; ++end)
        left -= magnitude_bits(direction(t, end)) == found;
    memcpy(&m->bound, &found, sizeof found);
    m->ties_end = end;
}

/* ---- Lines 1 to 4 ---- */

static inline void step(const tile_t *t, const int kappa) {
    const constants_t k = *(const constants_t *)t->constants;
    const tensor_memory_t *memory = t->memory;
    const double sum = t->tensor_sum[0];
    const real bound = (real)memory->bound,
               inverse_norm = (real)(kappa == LP && sum > 0 ? pow(sum, 1 / k.exponent - 1) : 0);
    const size_t ties_end = memory->ties_end > t->offset ? memory->ties_end - t->offset : 0;
    real *restrict p = t->p, *restrict m = t->state[M];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real c = weighted(m[i], g[i], k.beta1), size = fabs(c);
        const real slope = kappa == L1             ? sign(c)
                           : kappa == LP           ? sign(c) * pow(quotient(size, bound), k.power) * inverse_norm
                           : kappa == L1_THRESHOLD ? (size > k.e ? sign(c) : 0)
                           : kappa == TOPK         ? (size > bound || (size == bound && i < ties_end) ? sign(c) : 0)
                           : kappa == HUBER        ? quotient(smaller(k.e, larger(-k.e, c)), k.e)
                           : kappa == ENTROPY      ? tanh(k.e * c)
                           : kappa == RELATIVISTIC ? quotient(c, sqrt(c * c + k.e * k.e))
                           : kappa == LOGSMOOTH    ? quotient(c, size + k.e)
                                                   : c;
        p[i] = k.shrink * p[i] - k.lr * slope;
        m[i] = ema(m[i], g[i], k.beta2);
    }
}

/* A loop for every K, so that none has a branch on it. */
static void update(const tile_t *t) {
#define LOOP(kappa)                                                                                                    \
    case kappa:                                                                                                        \
        step(t, kappa);                                                                                                \
        return
    switch (((const constants_t *)t->constants)->kappa) {
        LOOP(L1);
        LOOP(LP);
        LOOP(L1_THRESHOLD);
        LOOP(TOPK);
        LOOP(HUBER);
        LOOP(ENTROPY);
        LOOP(RELATIVISTIC);
        LOOP(LOGSMOOTH);
        LOOP(L2SQ);
    }
}

enum { MAGNITUDES, POWERS, FIND_BOUND, UPDATE };

static bool any_group(step_t *s, int kappa) {
    for (int i = 0; i < s->groups; ++i)
        if ((int)step_group(s, i).option[KAPPA] == kappa)
            return true;
    return false;
}

static optim_status advance(step_t *s) {
    if (any_group(s, LP)) {
        (void)step_reduce_max(s, MAGNITUDES, NULL, 1);
        for (size_t n = 0; n < step_tensor_count(s); ++n)
            if (step_tensor(s, n) != NULL)
                ((tensor_memory_t *)step_tensor_memory(s, n))->bound = step_tensor_sum(s, n)[0];
        (void)step_reduce(s, POWERS, NULL, 1);
    }
    if (any_group(s, TOPK))
        step_tensors(s, FIND_BOUND, NULL);
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(lion_k) = {
    .name = "lion_k",
    .purpose = "lion with the gradient of a convex function in place of the sign",
    .citation = "Chen, Liu, Liang, Liu: Lion Secretly Solves Constrained Optimization: As Lyapunov Predicts, 2023, "
                "arXiv:2310.05898",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .tensor_memory = sizeof(tensor_memory_t),
    .flags = WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[MAGNITUDES] = magnitudes, [POWERS] = powers, [FIND_BOUND] = find_bound, [UPDATE] = update},
};
