/*
 * adopt: Adam that divides the gradient by the second moment of those before it, and averages the quotient.
 *
 * Taniguchi, Harada, Minegishi, Oshima, Jeong, Nagahara, Iiyama, Suzuki, Iwasawa, Matsuo, "ADOPT: Modified Adam Can
 * Converge with Any beta2 with the Optimal Rate", 2024, arXiv:2411.02853, algorithm 2, as the authors' code.
 *
 *     t = 1:  decoupled = 0: g <- g + weight_decay p.   v <- g^2;   p and m stay
 *     t > 1:  1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *             2. d = g / max(sqrt(v), eps)
 *             3. clip: c = (t - 1)^clip_exp,  d <- min(max(d, -c), c)
 *             4. m <- beta1 m + (1 - beta1) d
 *             5. p <- p - lr m
 *             6. v <- beta2 v + (1 - beta2) g^2
 *
 * v in line 2 has not seen g. eps is a lower bound of the root, not added to it. clip = 0 is algorithm 1. No bias
 * correction. The first step takes a gradient and moves nothing. State: m, v, 8 bytes a parameter in f32.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, EPS, CLIP, CLIP_EXP, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.9999),
    [EPS] = {"eps", 1e-6, "(0,inf)", "lower bound of the root"},
    [CLIP] = {"clip", 1, "0|1", "clip the quotient"},
    [CLIP_EXP] = {"clip_exp", 0.25, "[0,inf)", "the quotient is clipped at (t - 1) to this power"},
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(0),
    {0},
};

enum { M, V };
static const state_t STATE[] = {[M] = M_ROW, [V] = V_ROW, {0}};

typedef struct constants {
    weights_t beta1, beta2;
    real lr, eps, c;
    decay_t decay;
    bool begins;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .lr = (real)o[LR],
        .eps = (real)o[EPS],
        .c = (real)(o[CLIP] != 0 ? pow(group->t - 1, o[CLIP_EXP]) : HUGE_VAL),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
        .begins = group->t == 1,
    };
}

static void begin(const tile_t *t) {
    const real l2 = ((const constants_t *)t->constants)->decay.l2;
    real *restrict v = t->state[V];
    const real *restrict p = t->p, *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + l2 * p[i];
        v[i] = settled(gi * gi);
    }
}

static void go_on(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i], d = quotient(gi, larger(sqrt(v[i]), k.eps));
        m[i] = ema(m[i], smaller(larger(d, -k.c), k.c), k.beta1);
        p[i] = k.decay.shrink * p[i] - k.lr * m[i];
        v[i] = ema(v[i], gi * gi, k.beta2);
    }
}

static void update(const tile_t *t) {
    if (((const constants_t *)t->constants)->begins)
        begin(t);
    else
        go_on(t);
}

const method_t METHOD(adopt) = {
    .name = "adopt",
    .purpose = "Adam that converges for every beta2: the second moment is one step old",
    .citation = "Taniguchi et al.: ADOPT: Modified Adam Can Converge with Any beta2 with the Optimal Rate, 2024, "
                "arXiv:2411.02853",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
