/*
 * aegd: gradient descent with an energy for every coordinate, stable for any step size.
 *
 * Liu, Tian, "AEGD: Adaptive Gradient Descent with Energy", 2020, arXiv:2010.05109; with momentum as in Liu, Tian, "An
 * Adaptive Gradient Method with Energy and Momentum", 2022, arXiv:2203.12191.
 *
 *     1. S = sqrt(f + c);   a coordinate's first step: r = S
 *     2. v = g / (2 S);   decoupled = 0: v <- v + weight_decay x;   decoupled = 1: x <- (1 - lr weight_decay) x
 *     3. m <- momentum m + v;   r <- r / (1 + 2 lr v^2);   x <- x - 2 lr r m
 *
 * L2 decay is added to v, not to g. r stays at or above the least normal number, so that it is positive whatever lr is.
 * f + c <= 0 ends the step with an error. State: r (and m), 4 (8) bytes a parameter in f32; r spans too many orders of
 * magnitude for 8 bits.
 */
#include "blocks/finite.h"

enum { LR, C, MOMENTUM, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},
    [C] = {"c", 1, "(-inf,inf)", "added to the loss, so that f + c > 0"},
    [MOMENTUM] = {"momentum", 0, "[0,1]", "factor on the sum of earlier directions", .live = true},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda"},
    [DECOUPLED] = {"decoupled", 0, "0|1", "decay the parameters (1) or add to the direction (0)"},
    {0},
};

enum { R, M };
static const state_t STATE[] = {
    [R] = {"r", "energy", LIKE_PARAM, KEPT},
    [M] = {"m", "momentum", LIKE_PARAM, FIRST_MOMENT, .when = "momentum"},
    {0},
};

typedef struct constants {
    real lr2, s, half, momentum; /* 2 lr, S, 1 / (2 S) */
    decay_t decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, s = sqrt(group->step->loss + o[C]);
    *(constants_t *)constants = (constants_t){
        .lr2 = (real)(2 * o[LR]),
        .s = (real)s,
        .half = (real)(0.5 / s),
        .momentum = (real)o[MOMENTUM],
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

static inline void update_with(const tile_t *t, const bool momentum) {
    const constants_t k = *(const constants_t *)t->constants;
    const real least = sizeof(real) == sizeof(float) ? (real)FLT_MIN : (real)DBL_MIN;
    real *restrict x = t->p, *restrict r = t->state[R], *restrict m = t->state[M];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real v = g[i] * k.half + k.decay.l2 * x[i], before = r[i] > 0 ? r[i] : k.s;
        const real direction = momentum ? (m[i] = settled(k.momentum * m[i] + v)) : v;
        r[i] = larger(before / (1 + k.lr2 * v * v), least);
        x[i] = k.decay.shrink * x[i] - k.lr2 * r[i] * direction;
    }
}

static void update(const tile_t *t) {
    if (t->state[M] == NULL)
        update_with(t, false);
    else
        update_with(t, true);
}

static optim_status advance(step_t *s) {
    if (!isfinite(s->loss))
        return step_reject(s);
    for (int i = 0; i < s->groups; ++i)
        if (!(s->loss + step_group(s, i).option[C] > 0))
            return step_fail(s, OPTIM_ERR_DOMAIN, "the loss plus c is not positive: raise c");
    step_update(s, 0, NULL);
    return OPTIM_OK;
}

const method_t METHOD(aegd) = {
    .name = "aegd",
    .purpose = "gradient descent with an energy for every coordinate, stable for any step size",
    .citation = "Liu, Tian: AEGD: Adaptive Gradient Descent with Energy, 2020, arXiv:2010.05109",
    .evaluations = "1 gradient with the loss",
    .options = OPTIONS,
    .states = STATE,
    .flags = READS_LOSS | MAY_FAIL,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {update},
};
