/*
 * schedulefree_sgd: SGD whose output is an average that makes a decay of the learning rate unnecessary.
 *
 * Defazio, Yang, Mehta, Mishchenko, Khaled, Cutkosky, "The Road Less Scheduled", 2024, arXiv:2405.15682.
 *
 *     1. g at y;   g <- g + weight_decay y
 *     2. z <- z - lr_t g
 *     3. c = w / W;   x <- (1 - c) x + c z;   y = momentum x + (1 - momentum) z          (schedule_free.h)
 *
 * The parameters hold y, the output is x. With keep_x = 0, as in public code, x is found from y and z. One pass.
 * State: x, z, 8 bytes a parameter in f32 (keep_x = 0: z, 4); lr_max, W, b in double.
 */
#include "methods/lr_free/schedule_free.h"

enum { LR, MOMENTUM, WEIGHT_DECAY, WARMUP_STEPS, R, WEIGHT_LR_POWER, KEEP_X };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1, "[0,inf)", "step size, constant: larger than one that decays"},
    [MOMENTUM] = {"momentum", 0.9, "(0,1)", "where gradients are taken: near z (0) or x (1)"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, added to the gradient"},
    AVERAGE_OPTIONS,
    {0},
};

static const average_rows_t ROWS = {LR, MOMENTUM, WARMUP_STEPS, R, WEIGHT_LR_POWER};

static const state_t STATE[] = {AVERAGE_STATES, {0}};
static const field_t FIELDS[] = {
    AVERAGE_FIELDS,
    {"b", "momentum that the present y was made with", FIELD(OF_COHORT, cohort_memory_t, b),
     .initial_option = "momentum"},
    {0},
};

typedef struct constants {
    average_t average;
    real lr, weight_decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){
        .average = average_of(group, ROWS),
        .lr = (real)average_lr(group, ROWS),
        .weight_decay = (real)group->option[WEIGHT_DECAY],
    };
}

static inline void update_with(const tile_t *t, const bool kept) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict y = t->p, *restrict x = t->state[X], *restrict z = t->state[Z];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real before = kept ? x[i] : average_x(y[i], z[i], k.average);
        z[i] -= k.lr * (g[i] + k.weight_decay * y[i]);
        const real after = average_next(before, z[i], k.average);
        if (kept)
            x[i] = after;
        y[i] = average_y(after, z[i], k.average);
    }
}

static void update(const tile_t *t) {
    if (t->state[X] == NULL)
        update_with(t, false);
    else
        update_with(t, true);
}

static optim_status advance(step_t *s) {
    return average_step(s, ROWS);
}

const method_t METHOD(schedulefree_sgd) = {
    .name = "schedulefree_sgd",
    .purpose = "SGD with an average in the place of a schedule",
    .citation = "Defazio et al.: The Road Less Scheduled, 2024, arXiv:2405.15682",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .cohort_memory = sizeof(cohort_memory_t),
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {update},
    .output = output,
};
