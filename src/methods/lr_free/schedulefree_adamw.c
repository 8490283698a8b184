/*
 * schedulefree_adamw: AdamW whose output is an average that makes a decay of the learning rate unnecessary.
 *
 * Defazio, Yang, Mehta, Mishchenko, Khaled, Cutkosky, "The Road Less Scheduled", 2024, arXiv:2405.15682.
 *
 *     1. g at y;   z <- z - lr_t weight_decay y,   decay_at_z: - lr_t weight_decay z
 *     2. v <- beta2 v + (1 - beta2) g^2;   u = g,  or with mu = inner_momentum > 0: m <- mu m + (1 - mu) g,
 *        u = m / (1 - mu^t)
 *     3. z <- z - lr_t u / (sqrt(v / (1 - beta2^t)) + eps)
 *     4. c = w / W;   x <- (1 - c) x + c z;   y = beta1 x + (1 - beta1) z               (schedule_free.h)
 *
 * The parameters hold y, the output is x. With keep_x = 0, as in public code, x is found from y and z. One pass.
 * State: x, z, v (and m), 12 (16) bytes a parameter in f32, 4 fewer with keep_x = 0; lr_max, W, b by group, in double.
 * eps_in_root = 1: adam_family.h.
 */
#include "blocks/adam_family.h"
#include "methods/lr_free/schedule_free.h"

enum { LR, BETA1, BETA2, EPS, EPS_IN_ROOT, WEIGHT_DECAY, DECAY_AT_Z, INNER_MOMENTUM };
enum { WARMUP_STEPS = INNER_MOMENTUM + 1, R, WEIGHT_LR_POWER, KEEP_X };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.0025, "[0,inf)", "step size, constant: larger than one that decays"},
    [BETA1] = {"beta1", 0.9, "(0,1)", "where gradients are taken: near z (0) or x (1)"},
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decays z by what y is"},
    [DECAY_AT_Z] = {"decay_at_z", 0, "0|1", "decay z by what z is"},
    [INNER_MOMENTUM] = {"inner_momentum", 0, "[0,1)", "average the gradient before the step; 0: do not"},
    AVERAGE_OPTIONS,
    {0},
};

static const average_rows_t ROWS = {LR, BETA1, WARMUP_STEPS, R, WEIGHT_LR_POWER};

enum { V = Z + 1, M };
static const state_t STATE[] = {
    AVERAGE_STATES,
    [V] = V_ROW,
    [M] = {"m", "first moment", LIKE_PARAM, FIRST_MOMENT, .when = "inner_momentum"},
    {0},
};
static const field_t FIELDS[] = {
    AVERAGE_FIELDS,
    {"b", "beta1 that the present y was made with", FIELD(OF_COHORT, cohort_memory_t, b), .initial_option = "beta1"},
    {0},
};

typedef struct constants {
    average_t average;
    weights_t beta2, mu;
    eps_t eps;
    real inverse_root_c2, step; /* lr_t / (1 - mu^t) */
    real at_y, at_z;            /* lr_t weight_decay where decay acts, 0 at the other point */
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, lr = average_lr(group, ROWS), c2 = correction(o[BETA2], group->t);
    const real decay = (real)(lr * o[WEIGHT_DECAY]);
    *(constants_t *)constants = (constants_t){
        .average = average_of(group, ROWS),
        .beta2 = weights(o[BETA2]),
        .mu = weights(o[INNER_MOMENTUM]),
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .inverse_root_c2 = (real)(1 / sqrt(c2)),
        .step = (real)(lr / correction(o[INNER_MOMENTUM], group->t)),
        .at_y = o[DECAY_AT_Z] != 0 ? 0 : decay,
        .at_z = o[DECAY_AT_Z] != 0 ? decay : 0,
    };
}

static inline void update_with(const tile_t *t, const bool inner, const bool kept) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict y = t->p, *restrict x = t->state[X], *restrict z = t->state[Z], *restrict v = t->state[V],
                   *restrict m = t->state[M];
    const real *restrict g = t->g;
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real before = kept ? x[i] : average_x(y[i], z[i], k.average);
        v[i] = ema(v[i], g[i] * g[i], k.beta2);
        const real u = inner ? (m[i] = ema(m[i], g[i], k.mu)) : g[i];
        z[i] -= k.at_y * y[i] + k.at_z * z[i] + k.step * quotient(u, damped_root(v[i], k.inverse_root_c2, k.eps));
        const real after = average_next(before, z[i], k.average);
        if (kept)
            x[i] = after;
        y[i] = average_y(after, z[i], k.average);
    }
}

static void update(const tile_t *t) {
    const bool inner = t->state[M] != NULL;
    if (t->state[X] == NULL && inner)
        update_with(t, true, false);
    else if (t->state[X] == NULL)
        update_with(t, false, false);
    else if (inner)
        update_with(t, true, true);
    else
        update_with(t, false, true);
}

static optim_status advance(step_t *s) {
    return average_step(s, ROWS);
}

const method_t METHOD(schedulefree_adamw) = {
    .name = "schedulefree_adamw",
    .purpose = "AdamW with an average in the place of a schedule",
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
