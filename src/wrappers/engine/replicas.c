/*
 * The engine's outermost station: how a handle that has a communicator works with those of other ranks. It is options
 * and a count; what is exchanged arrives at the stations as if this rank had evaluated it (optimizer/replicas.c).
 */
#include "engine/handle_option.h"
#include "engine/method.h"

static const option_t OPTIONS[] = {
    [REPLICAS] = {"replicas", REPLICAS_NONE, "none|mean",
                  "with a communicator: evaluations are one rank's own, or the mean over all ranks"},
    [REPLICAS_DTYPE] = {"replicas_dtype", REPLICAS_OWN, "own|bf16",
                        "form in which f32 and f64 gradients are exchanged: as they are, or rounded to bf16"},
    [SHARD] = {"shard", 0, "0|1", "with replicas=mean: each rank keeps the states of its share of the parameters",
               .decides_memory = true},
    [CHECKPOINT] = {"checkpoint", CHECKPOINT_WHOLE, "whole|shares",
                    "with shard=1, what ranks save: one file, or each its share and one file that names them"},
    {0},
};

static const char *check(const double *option) {
    const bool alone = option[SHARD] != 0 && (int)option[REPLICAS] == REPLICAS_NONE;
    return alone ? "shard=1 is for replicas=mean" : NULL;
}

static const field_t FIELDS[] = {
    {"bytes_sent", "by this rank to others, of vectors", FIELD(OF_METHOD, replicated_t, bytes_sent)},
    {0},
};

const method_t METHOD(replicas) = {
    .name = "replicas",
    .purpose = "evaluations of several ranks as one",
    .options = OPTIONS,
    .fields = FIELDS,
    .memory = sizeof(replicated_t),
    .flags = INCLUDES_FROZEN,
    .check = check,
};
