/*
 * grokfast: gradients to which their slow part is added, amplified.
 *
 * Lee, Kang, Kim, Lee, "Grokfast: Accelerated Grokking by Amplifying Slow Gradients", 2024, arXiv:2405.20233,
 * Grokfast-EMA (algorithm 2).
 *
 *     1. avg <- g at first,   avg <- alpha avg + (1 - alpha) g later
 *     2. g <- g + lamb avg
 *
 * In steps that ask for further gradients avg takes the first and is added to each. One more pass over the gradients.
 * State: avg, 4 bytes a parameter in f32.
 */
#include "blocks/averages.h"

enum { ALPHA, LAMB };
static const option_t OPTIONS[] = {
    [ALPHA] = {"alpha", 0.98, "[0,1)", "decay of the average"},
    [LAMB] = {"lamb", 2, "[0,inf)", "factor on what is added"},
    {0},
};

enum { AVG };
static const state_t STATE[] = {
    [AVG] = {"avg", "average of the gradients", LIKE_PARAM, KEPT, .undone = true},
    {0},
};

typedef struct tensor_memory {
    double n;
} tensor_memory_t;
static const field_t FIELDS[] = {
    {"n", "steps that are in the average", FIELD(OF_TENSOR, tensor_memory_t, n), .whole = true},
    {0},
};

typedef struct constants {
    weights_t alpha;
    real lamb;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){weights(group->option[ALPHA]), (real)group->option[LAMB]};
}

static void average(const tile_t *t) {
    const weights_t alpha = ((const constants_t *)t->constants)->alpha;
    const weights_t w = ((const tensor_memory_t *)t->memory)->n > 0 ? alpha : (weights_t){0, 1};
    const real *restrict g = t->g;
    real *restrict avg = t->state[AVG];
    for (size_t i = 0; i < t->n; ++i)
        avg[i] = ema(avg[i], g[i], w);
}

static void amplify(const tile_t *t) {
    const real lamb = ((const constants_t *)t->constants)->lamb;
    const real *restrict avg = t->state[AVG];
    real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        g[i] += lamb * avg[i];
}

enum { AVERAGE, AMPLIFY };

/* The average runs at once, as a reduction of nothing, for what waits in the queue would see the filtered gradient. */
static optim_status advance(step_t *s) {
    if (s->first)
        (void)step_sums(s, AVERAGE, NULL, 0);
    step_filter(s, AMPLIFY, NULL);
    return OPTIM_OK;
}

static void finish(step_t *s) {
    for (size_t n = 0; n < step_tensor_count(s); ++n)
        if (step_tensor(s, n) != NULL)
            ((tensor_memory_t *)step_tensor_memory(s, n))->n += 1;
}

const method_t METHOD(grokfast) = {
    .name = "grokfast",
    .purpose = "adds the slow part of the gradients to them, amplified",
    .citation = "Lee et al.: Grokfast: Accelerated Grokking by Amplifying Slow Gradients, 2024, arXiv:2405.20233",
    .evaluations = "none of its own",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .tensor_memory = sizeof(tensor_memory_t),
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .finish = finish,
    .kernels = {[AVERAGE] = average, [AMPLIFY] = amplify},
};
