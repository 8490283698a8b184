/*
 * schedulefree_adamw: AdamW whose answer is an average that makes a decay of the learning rate unnecessary.
 *
 * Defazio, Yang, Mehta, Mishchenko, Khaled, Cutkosky, "The Road Less Scheduled", 2024, arXiv:2405.15682.
 *
 *     1. g at y;   z <- z - lr_t weight_decay y,   decay_at_z: - lr_t weight_decay z
 *     2. v <- beta2 v + (1 - beta2) g^2;   u = g,  or with mu = inner_momentum > 0: m <- mu m + (1 - mu) g, u = m / (1 - mu^t)
 *     3. z <- z - lr_t u / (sqrt(v / (1 - beta2^t)) + eps)
 *     4. c = w / W;   x <- (1 - c) x + c z;   y = beta1 x + (1 - beta1) z               (schedule_free.h)
 *
 * The parameters hold y, the output is x. With keep_x = 0, as in public code, x is found from y and z. One pass.
 * State: x, z, v (and m), 12 (16) bytes a parameter in f32, 4 fewer with keep_x = 0; lr_max, W, b by group, in double.
 * eps_in_root = 1: adam_family.h.
 */
#include "blocks/adam_family.h"
#include "methods/lr_free/schedule_free.h"

enum {
    LR,
    BETA1,
    BETA2,
    EPS,
    EPS_IN_ROOT,
    WEIGHT_DECAY,
    DECAY_AT_Z,
    INNER_MOMENTUM,
    WARMUP_STEPS,
    R,
    WEIGHT_LR_POWER,
    KEEP_X
};
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.0025, "[0,inf)", "step size, constant: larger than one that decays"},
    [BETA1] = {"beta1", 0.9, "(0,1)", "where gradients are taken: near z (0) or x (1)"},
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decays z by what y is"},
    [DECAY_AT_Z] = {"decay_at_z", 0, "0|1", "decay z by what z is"},
    [INNER_MOMENTUM] = {"inner_momentum", 0, "[0,1)", "average the gradient before the step; 0: do not"},
    [WARMUP_STEPS] = WARMUP_STEPS_ROW,
    [R] = R_ROW,
    [WEIGHT_LR_POWER] = WEIGHT_LR_POWER_ROW,
    [KEEP_X] = KEEP_X_ROW,
    {0},
};

enum { X, Z, V, M, LR_MAX, W, B };
static const state_t STATE[] = {
    [X] = X_ROW,
    [Z] = Z_ROW,
    [V] = V_ROW,
    [M] = {"m", "first moment", LIKE_PARAM, FIRST_MOMENT, .when = "inner_momentum"},
    [LR_MAX] = LR_MAX_ROW,
    [W] = W_ROW,
    [B] = {"b", "beta1 that the present y was made with", PER_COHORT, KEPT, .initial_option = "beta1"},
    {0},
};

typedef struct constants {
    double b_before, b, beta2, mu, c;
    eps_t eps;
    double inverse_root_c2, step, decay; /* lr_t / (1 - mu^t), lr_t weight_decay */
    bool at_z;
} constants_t;

static double weight(const group_t *group) {
    const double *o = group->option;
    return average_weight(o[R], o[WEIGHT_LR_POWER], *group->scalar[LR_MAX], group->t);
}

static double rate(const group_t *group) {
    return warmed_up(group->option[LR], group->option[WARMUP_STEPS], group->t);
}

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, lr = rate(group), c2 = correction(o[BETA2], group->t);
    *(constants_t *)constants = (constants_t){
        .b_before = *group->scalar[B],
        .b = o[BETA1],
        .beta2 = o[BETA2],
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .mu = o[INNER_MOMENTUM],
        .c = average_share(weight(group), *group->scalar[W]),
        .inverse_root_c2 = 1 / sqrt(c2),
        .step = lr / correction(o[INNER_MOMENTUM], group->t),
        .decay = lr * o[WEIGHT_DECAY],
        .at_z = o[DECAY_AT_Z] != 0,
    };
}

static inline void update_with(const tile_t *t, const bool inner, const bool kept) {
    const constants_t *k = t->constants;
    const weights_t beta2 = weights(k->beta2), mu = weights(k->mu);
    const eps_t eps = k->eps;
    const real b = (real)k->b, c = (real)k->c, inverse_root_c2 = (real)k->inverse_root_c2, step = (real)k->step,
               at_y = (real)(k->at_z ? 0 : k->decay), at_z = (real)(k->at_z ? k->decay : 0),
               inverse_b = (real)(1 / k->b_before);
    real *restrict y = t->p, *restrict x = t->state[X], *restrict z = t->state[Z], *restrict v = t->state[V],
                   *restrict m = t->state[M];
    const real *restrict g = t->g;
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real before = kept ? x[i] : average_x(y[i], z[i], inverse_b);
        v[i] = ema(v[i], g[i] * g[i], beta2);
        const real u = inner ? (m[i] = ema(m[i], g[i], mu)) : g[i];
        z[i] -= at_y * y[i] + at_z * z[i] + step * quotient(u, damped_root(v[i], inverse_root_c2, eps));
        const real after = before + c * (z[i] - before);
        if (kept)
            x[i] = after;
        y[i] = average_y(after, z[i], b);
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
    group_t cohort;
    for (size_t i = 0; i < step_cohort_count(s); ++i)
        if (step_cohort(s, i, &cohort)) {
            *cohort.scalar[LR_MAX] = fmax(*cohort.scalar[LR_MAX], rate(&cohort));
            *cohort.scalar[W] += weight(&cohort);
        }
    step_update(s, 0, NULL);
    for (size_t i = 0; i < step_cohort_count(s); ++i)
        if (step_cohort(s, i, &cohort))
            *cohort.scalar[B] = cohort.option[BETA1];
    return OPTIM_OK;
}

static void output(const tile_t *t) {
    average_output(t->out, t->state[X], t->p, t->state[Z], t->n, ((const constants_t *)t->constants)->b_before);
}

const method_t METHOD(schedulefree_adamw) = {
    .name = "schedulefree_adamw",
    .purpose = "AdamW with an average in the place of a schedule",
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
