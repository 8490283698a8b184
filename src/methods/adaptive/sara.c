/*
 * sara: adamw on the elements that are small when training begins; the others stay.
 *
 * Hu, Zhang, Yi, Huang, Wang, Ma, "SaRA: High-Efficient Diffusion Model Fine-tuning with Progressive Sparse Low-Rank
 * Adaptation", 2024, arXiv:2409.06633, without its penalty on ranks.
 *
 *     1. t = 1: S = elements with |p| < threshold;   t = progressive_iter + 1 > 1: those of S that still are
 *     2. within S: m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) g^2
 *        amsgrad: h = vmax <- max(vmax, v);   else h = v
 *     3. within S: p <- (1 - lr weight_decay) p - lr / (1 - beta1^t) m / (sqrt(h / (1 - beta2^t)) + eps)
 *
 * State: m, v, vmax (with amsgrad), 1 for elements of S, 16 bytes a parameter in f32. The authors keep moments of S
 * alone.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, EPS, THRESHOLD, PROGRESSIVE_ITER, AMSGRAD, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(7e-4),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8),
    [THRESHOLD] = {"threshold", 1e-3, "[0,inf)", "modulus below which an element is trained"},
    [PROGRESSIVE_ITER] = {"progressive_iter", 0, "integer [0,inf)",
                          "steps before elements that have grown are left alone; 0: never", .zero_apart = true},
    [AMSGRAD] = AMSGRAD_ROW(0),
    [WEIGHT_DECAY] = {"weight_decay", 1e-2, "[0,inf)", "lambda, decoupled"},
    {0},
};

enum { M, V, VMAX, MASK };
static const state_t STATE[] = {
    [M] = M_ROW,
    [V] = V_ROW,
    [VMAX] = VMAX_ROW,
    [MASK] = {"mask", "1: the element is trained", LIKE_PARAM, KEPT, .nonnegative = true, .exact = true},
    {0},
};

typedef struct constants {
    adam_t adam;
    real threshold;
    bool begins, refines;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, t = group->t;
    *(constants_t *)constants = (constants_t){
        .adam = {.beta1 = weights(o[BETA1]),
                 .beta2 = weights(o[BETA2]),
                 .step = (real)(o[LR] / correction(o[BETA1], t)),
                 .inverse_root_c2 = (real)(1 / sqrt(correction(o[BETA2], t))),
                 .eps = eps_of(o[EPS], false, 1),
                 .decay = decay_of(o[WEIGHT_DECAY], true, o[LR])},
        .threshold = (real)o[THRESHOLD],
        .begins = t == 1,
        .refines = o[PROGRESSIVE_ITER] > 0 && t == o[PROGRESSIVE_ITER] + 1,
    };
}

/* Line 1; what leaves S leaves its moments. */
static void choose(const tile_t *t, const constants_t *k) {
    real *restrict m = t->state[M], *restrict v = t->state[V], *restrict vmax = t->state[VMAX],
                   *restrict mask = t->state[MASK];
    const real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i) {
        mask[i] = (k->begins || mask[i] != 0) && fabs(p[i]) < k->threshold ? 1 : 0;
        m[i] = mask[i] != 0 ? m[i] : 0;
        v[i] = mask[i] != 0 ? v[i] : 0;
    }
    for (size_t i = 0; vmax != NULL && i < t->n; ++i)
        vmax[i] = mask[i] != 0 ? vmax[i] : 0;
}

static void update(const tile_t *t) {
    const constants_t *c = t->constants;
    const adam_t k = c->adam;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V], *restrict vmax = t->state[VMAX];
    const real *restrict g = t->g, *restrict mask = t->state[MASK];
    if (c->begins || c->refines)
        choose(t, c);
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const bool in = mask[i] != 0;
        const real gi = in ? g[i] : 0;
        m[i] = ema(m[i], gi, k.beta1);
        v[i] = ema(v[i], gi * gi, k.beta2);
        const real h = vmax != NULL ? (vmax[i] = larger(vmax[i], v[i])) : v[i];
        const real moved = k.decay.shrink * p[i] - k.step * quotient(m[i], damped_root(h, k.inverse_root_c2, k.eps));
        p[i] = in ? moved : p[i];
    }
}

const method_t METHOD(sara) = {
    .name = "sara",
    .purpose = "adamw on the elements that are small when training begins",
    .citation =
        "Hu et al.: SaRA: High-Efficient Diffusion Model Fine-tuning with Progressive Sparse Low-Rank Adaptation, "
        "2024, arXiv:2409.06633",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
