/*
 * adam8bit: Adam with both moments kept as 8-bit codes.
 *
 * Dettmers, Lewis, Shleifer, Zettlemoyer, "8-bit Optimizers via Block-wise Quantization", 2021, arXiv:2110.02861.
 *
 *     1. m, v out of their codes, block by block
 *     2. m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) g^2
 *     3. p <- (1 - lr weight_decay) p;   p <- p - (lr / c1) m / (sqrt(v) / sqrt(c2) + eps), with m and v as they are here
 *     4. into codes: scale = largest modulus of the block, code = nearest table value, ties to the lower
 *
 * Lines 1 and 4 are the engine's storage of states (kernels/quantize.h), with this method's block_size and min_8bit_size;
 * smaller tensors are plain AdamW. keep_sign = 1 is the rule of bitsandbytes' CUDA kernel. Any element-wise method has the
 * same storage by state_dtype=int8. State: 2 bytes a parameter and 2 scales a block.
 */
#include <tgmath.h>

#include "engine/method.h"

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY, BLOCK_SIZE, MIN_8BIT_SIZE, KEEP_SIGN };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-3, "[0,inf)", "step size"},
    [BETA1] = {"beta1", 0.9, "[0,1)", "decay of the first moment"},
    [BETA2] = {"beta2", 0.999, "[0,1)", "decay of the second moment"},
    [EPS] = {"eps", 1e-8, "[0,inf)", "added to the root"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    [BLOCK_SIZE] = {"block_size", 256, "integer [1,4096]", "elements that share a scale"},
    [MIN_8BIT_SIZE] = {"min_8bit_size", 4096, "integer [0,inf)", "smaller tensors keep full moments"},
    [KEEP_SIGN] = {"keep_sign", 0, "0|1", "negative moments never become 0"},
    {0},
};

enum { M, V };
static const state_t STATE[] = {
    [M] = {"m", "first moment", LIKE_PARAM, FIRST_MOMENT},
    [V] = {"v", "second moment", LIKE_PARAM, KEPT, .nonnegative = true},
    {0},
};

typedef struct scalars {
    double beta1, beta2, eps, step, inverse_root_c2, shrink;
} scalars_t;

static void prepare(const group_t *group, void *scalars) {
    const double *o = group->option;
    *(scalars_t *)scalars = (scalars_t){
        .beta1 = o[BETA1],
        .beta2 = o[BETA2],
        .eps = o[EPS],
        .step = o[LR] / (1 - pow(o[BETA1], group->t)),
        .inverse_root_c2 = 1 / sqrt(1 - pow(o[BETA2], group->t)),
        .shrink = 1 - o[LR] * o[WEIGHT_DECAY],
    };
}

static void update(const tile_t *t) {
    const scalars_t *k = t->scalars;
    const real beta1 = (real)k->beta1, one_beta1 = (real)(1 - k->beta1), beta2 = (real)k->beta2,
               one_beta2 = (real)(1 - k->beta2), eps = (real)k->eps, step = (real)k->step, shrink = (real)k->shrink,
               inverse_root_c2 = (real)k->inverse_root_c2;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        m[i] = settled(beta1 * m[i] + one_beta1 * g[i]);
        v[i] = settled(beta2 * v[i] + one_beta2 * g[i] * g[i]);
        p[i] = shrink * p[i] - step * quotient(m[i], sqrt(v[i]) * inverse_root_c2 + eps);
    }
}

const method_t METHOD(adam8bit) = {
    .name = "adam8bit",
    .purpose = "Adam with both moments kept as 8-bit codes",
    .citation = "Dettmers et al.: 8-bit Optimizers via Block-wise Quantization, 2021, arXiv:2110.02861",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = BY_ELEMENT | OWN_STORAGE,
    .scalars = sizeof(scalars_t),
    .prepare = prepare,
    .kernels = {update},
};
