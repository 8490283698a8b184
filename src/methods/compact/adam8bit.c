/*
 * adam8bit: Adam with both moments kept as 8-bit codes.
 *
 * Dettmers, Lewis, Shleifer, Zettlemoyer, "8-bit Optimizers via Block-wise Quantization", 2021, arXiv:2110.02861.
 *
 *     1. m, v out of their codes, block by block
 *     2. m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) g^2
 *     3. p <- (1 - lr weight_decay) p;   p <- p - (lr / c1) m / (sqrt(v) / sqrt(c2) + eps),
 *        with m and v as they are here
 *     4. into codes: scale = largest modulus of the block, code = nearest table value, ties to the lower
 *
 * Lines 1 and 4 are the engine's storage of states (kernels/quantize.h), with this method's block_size and
 * min_8bit_size; smaller tensors are plain AdamW. keep_sign = 1 is the rule of bitsandbytes' CUDA kernel. Any
 * element-wise method has the same storage by state_dtype=int8. State: 2 bytes a parameter and 2 scales a block.
 * eps_in_root = 1: adam_family.h.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, EPS, EPS_IN_ROOT, WEIGHT_DECAY, BLOCK_SIZE, MIN_8BIT_SIZE, KEEP_SIGN };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [BLOCK_SIZE] = {"block_size", 256, "integer [1,4096]", "elements that share a scale", .decides_memory = true},
    [MIN_8BIT_SIZE] = {"min_8bit_size", 4096, "integer [0,inf)", "smaller tensors keep full moments",
                       .decides_memory = true},
    [KEEP_SIGN] = {"keep_sign", 0, "0|1", "negative moments never become 0"},
    {0},
};

enum { M, V };
static const state_t STATE[] = {[M] = M_ROW, [V] = V_ROW, {0}};

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, c2 = correction(o[BETA2], group->t);
    *(adam_t *)constants = (adam_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .step = (real)(o[LR] / correction(o[BETA1], group->t)),
        .inverse_root_c2 = (real)(1 / sqrt(c2)),
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .decay = decay_of(o[WEIGHT_DECAY], true, o[LR]),
    };
}

static void update(const tile_t *t) {
    adam_loop(t, *(const adam_t *)t->constants, t->state[M], t->state[V], NULL, false, false);
}

const method_t METHOD(adam8bit) = {
    .name = "adam8bit",
    .purpose = "Adam with both moments kept as 8-bit codes",
    .citation = "Dettmers et al.: 8-bit Optimizers via Block-wise Quantization, 2021, arXiv:2110.02861",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = BY_ELEMENT | OWN_STORAGE,
    .constants = sizeof(adam_t),
    .prepare = prepare,
    .kernels = {update},
};
