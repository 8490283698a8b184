/*
 * schedulefree_sgd: SGD whose answer is an average that makes a decay of the learning rate unnecessary.
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
#include <tgmath.h>

#include "methods/lr_free/schedule_free.h"

enum { LR, MOMENTUM, WEIGHT_DECAY, WARMUP_STEPS, R, WEIGHT_LR_POWER, KEEP_X };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1, "[0,inf)", "step size, constant: larger than one that decays"},
    [MOMENTUM] = {"momentum", 0.9, "(0,1)", "where gradients are taken: near z (0) or x (1)"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, added to the gradient"},
    [WARMUP_STEPS] = WARMUP_STEPS_ROW,
    [R] = R_ROW,
    [WEIGHT_LR_POWER] = WEIGHT_LR_POWER_ROW,
    [KEEP_X] = KEEP_X_ROW,
    {0},
};

enum { X, Z, LR_MAX, W, B };
static const state_t STATE[] = {
    [X] = X_ROW,
    [Z] = Z_ROW,
    [LR_MAX] = LR_MAX_ROW,
    [W] = W_ROW,
    [B] = {"b", "momentum that the present y was made with", PER_COHORT, KEPT, .initial_option = "momentum"},
    {0},
};

typedef struct constants {
    double lr, b_before, b, weight_decay, c;
} constants_t;

static double weight(const group_t *group) {
    const double *o = group->option;
    return average_weight(o[R], o[WEIGHT_LR_POWER], *group->scalar[LR_MAX], group->t);
}

static double rate(const group_t *group) {
    return warmed_up(group->option[LR], group->option[WARMUP_STEPS], group->t);
}

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){
        .lr = rate(group),
        .b_before = *group->scalar[B],
        .b = group->option[MOMENTUM],
        .weight_decay = group->option[WEIGHT_DECAY],
        .c = average_share(weight(group), *group->scalar[W]),
    };
}

static inline void update_with(const tile_t *t, const bool kept) {
    const constants_t *k = t->constants;
    const real lr = (real)k->lr, b = (real)k->b, decay = (real)k->weight_decay, c = (real)k->c,
               inverse_b = (real)(1 / k->b_before);
    real *restrict y = t->p, *restrict x = t->state[X], *restrict z = t->state[Z];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real before = kept ? x[i] : average_x(y[i], z[i], inverse_b);
        z[i] -= lr * (g[i] + decay * y[i]);
        const real after = before + c * (z[i] - before);
        if (kept)
            x[i] = after;
        y[i] = average_y(after, z[i], b);
    }
}

static void update(const tile_t *t) {
    if (t->state[X] == NULL)
        update_with(t, false);
    else
        update_with(t, true);
}

static optim_status advance(step_t *s) {
    group_t cohort;
    for (size_t i = 0; i < step_cohort_count(s); ++i)
        if (step_cohort(s, i, &cohort)) {
            *cohort.scalar[LR_MAX] = fmax(*cohort.scalar[LR_MAX], rate(&cohort));
            *cohort.scalar[W] += weight(&cohort);
        }
    step_update(s, 0, NULL);
    for (size_t i = 0; i < step_cohort_count(s); ++i)
        if (step_cohort(s, i, &cohort))
            *cohort.scalar[B] = cohort.option[MOMENTUM];
    return OPTIM_OK;
}

static void output(const tile_t *t) {
    average_output(t->out, t->state[X], t->p, t->state[Z], t->n, ((const constants_t *)t->constants)->b_before);
}

const method_t METHOD(schedulefree_sgd) = {
    .name = "schedulefree_sgd",
    .purpose = "SGD with an average in the place of a schedule",
    .citation = "Defazio et al.: The Road Less Scheduled, 2024, arXiv:2405.15682",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {update},
    .output = output,
};
