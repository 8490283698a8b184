/*
 * smorms3: RMSprop whose memory and rate follow how steady each coordinate's gradient is.
 *
 * Funk, "RMSprop loses to SMORMS3 - Beware the Epsilon!", 2015.
 *
 *     1. r = 1 / (mem + 1);   m <- (1 - r) m + r g;   v <- (1 - r) v + r g^2
 *     2. x = m^2 / (v + eps);   p <- p - min(lr, x) g / (sqrt(v) + eps);   mem <- 1 + (1 - x) mem
 *
 * mem, the length of the memory in steps, begins at 1. State: m, v, mem, 12 bytes a parameter in f32.
 */
#include "blocks/adam_family.h"

enum { LR, EPS };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-3, "[0,inf)", "largest step size"},
    [EPS] = {"eps", 1e-16, "[0,inf)", "added to the second moment, and to its root"},
    {0},
};

enum { M, V, MEM };
static const state_t STATE[] = {
    [M] = {"m", "first moment", LIKE_PARAM, KEPT},
    [V] = V_ROW,
    [MEM] = {"mem", "length of the memory", LIKE_PARAM, KEPT, .initial = 1, .nonnegative = true, .exact = true},
    {0},
};

typedef struct constants {
    real lr, eps;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){(real)group->option[LR], (real)group->option[EPS]};
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V], *restrict mem = t->state[MEM];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const weights_t r = {mem[i] / (mem[i] + 1), 1 / (mem[i] + 1)};
        m[i] = ema(m[i], g[i], r);
        v[i] = ema(v[i], g[i] * g[i], r);
        const real steady = quotient(m[i], sqrt(v[i] + k.eps)), x = steady * steady;
        p[i] -= smaller(k.lr, x) * quotient(g[i], sqrt(v[i]) + k.eps);
        mem[i] = 1 + (1 - x) * mem[i];
    }
}

const method_t METHOD(smorms3) = {
    .name = "smorms3",
    .purpose = "RMSprop whose memory and rate follow how steady each coordinate's gradient is",
    .citation = "Funk: RMSprop loses to SMORMS3 - Beware the Epsilon!, 2015",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
