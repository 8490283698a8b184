/*
 * Storage: in which form parameters and states are kept between steps. It is configuration and memory, and no station
 * of the chain: the engine reads its options and states when it opens and closes a tile (engine/storage.h).
 *
 *     master = f32    16-bit parameters have an f32 copy that the method works on; the caller's buffer is its rounding
 *     rounding        to 16 bits: nearest; stochastic (up or down at random, the mean exact); kahan (what rounding
 *                     loses is carried in 16 more bits: parameter + carry is what the method works on)
 *     state_dtype     of element-wise methods' states, for tensors of at least state_min elements: full (f32, or f64
 *                     for f64 parameters), f32, bf16, int8 in blocks of state_block elements, or int4 in blocks of half
 *                     as many
 */
#include "engine/handle_option.h"
#include "engine/method.h"

static const option_t OPTIONS[] = {
    [MASTER] = {"master", MASTER_NONE, "none|f32", "f32 copies of 16-bit parameters, which the method works on",
                .decides_memory = true, .live = true},
    [ROUNDING] = {"rounding", ROUND_NEAREST, "nearest|stochastic|kahan", "of 16-bit parameters", .live = true},
    [STATE_DTYPE] = {"state_dtype", STATE_FULL, "full|f32|bf16|int8|int4", "form of element-wise methods' states",
                     .decides_memory = true},
    [STATE_BLOCK] = {"state_block", 256, "integer [1,4096]",
                     "elements that share a scale with state_dtype=int8; half as many with int4",
                     .decides_memory = true},
    [STATE_MIN] = {"state_min", 4096, "integer [0,inf)", "smaller tensors keep their states full",
                   .decides_memory = true},
    {0},
};

static bool has_master(const tensor_t *tensor, const double *option) {
    return (int)option[MASTER] == MASTER_F32 && (tensor->dtype == OPTIM_BF16 || tensor->dtype == OPTIM_F16);
}

static bool has_carry(const tensor_t *tensor, const double *option) {
    return (int)option[ROUNDING] == ROUND_KAHAN && (tensor->dtype == OPTIM_BF16 || tensor->dtype == OPTIM_F16);
}

static const state_t STATE[] = {
    [STORAGE_MASTER] = {"master", "the parameter in f32", LIKE_PARAM, KEPT, .exists = has_master, .from_param = true},
    [STORAGE_CARRY] = {"carry", "what rounding the parameter lost", LIKE_PARAM, KEPT, .exists = has_carry,
                       .as_param = true},
    {0},
};

static const char *check(const double *option) {
    const bool both = (int)option[MASTER] == MASTER_F32 && (int)option[ROUNDING] == ROUND_KAHAN;
    return both ? "rounding=kahan is for parameters without master=f32" : NULL;
}

const method_t METHOD(storage) = {
    .name = "storage",
    .purpose = "form in which parameters and states are kept",
    .options = OPTIONS,
    .states = STATE,
    .flags = BY_GROUP,
    .check = check,
};
