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
 *
 * rectify: lr_t has radam's r as a factor, with the authors' threshold of rho > 4; until then silent: lr_t = 0, plain:
 * r = 1 and u by itself in line 3. schedulefree_radam is a preset: rectify=silent, as the authors' RAdamScheduleFree.
 */
#include "blocks/adam_family.h"
#include "methods/lr_free/schedule_free.h"

enum { LR, BETA1, BETA2, EPS, EPS_IN_ROOT, WEIGHT_DECAY, DECAY_AT_Z, INNER_MOMENTUM };
enum { RECTIFY = INNER_MOMENTUM + 1, WARMUP_STEPS, R, WEIGHT_LR_POWER, KEEP_X };
enum { NONE, SILENT, PLAIN };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.0025, "[0,inf)", "step size, constant: larger than one that decays"},
    [BETA1] = {"beta1", 0.9, "(0,1)", "where gradients are taken: near z (0) or x (1)"},
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decays z by what y is"},
    [DECAY_AT_Z] = {"decay_at_z", 0, "0|1", "decay z by what z is"},
    [INNER_MOMENTUM] = {"inner_momentum", 0, "[0,1)", "average the gradient before the step; 0: do not"},
    [RECTIFY] = {"rectify", NONE, "none|silent|plain", "scale lr as radam does; before that no steps, or plain ones"},
    AVERAGE_OPTIONS,
    {0},
};

/* Whether the variance of the adaptive step is tractable: the authors' threshold is 4. */
static double rectification(const group_t *group) {
    const double beta2 = group->option[BETA2], t = group->t, inf = rho_inf(beta2);
    const double rho = inf - 2 * t * pow(beta2, t) / correction(beta2, t);
    return rho > 4 ? sqrt((rho - 4) * (rho - 2) * inf / ((inf - 4) * (inf - 2) * rho)) : 0;
}

static double factor(const group_t *group) {
    const int rectify = (int)group->option[RECTIFY];
    const double r = rectify == NONE ? 1 : rectification(group);
    return r == 0 && rectify == PLAIN ? 1 : r;
}

static const char *check(const double *option) {
    return (int)option[RECTIFY] == SILENT && rho_inf(option[BETA2]) <= 4
               ? "rectify=silent needs beta2 > 0.6: below, there is never a step"
               : NULL;
}

static const average_rows_t ROWS = {LR, BETA1, WARMUP_STEPS, R, WEIGHT_LR_POWER, factor};

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
    const bool plain = (int)o[RECTIFY] == PLAIN && rectification(group) == 0;
    *(constants_t *)constants = (constants_t){
        .average = average_of(group, ROWS),
        .beta2 = weights(o[BETA2]),
        .mu = weights(o[INNER_MOMENTUM]),
        .eps = plain ? (eps_t){0, 1} : eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .inverse_root_c2 = plain ? 0 : (real)(1 / sqrt(c2)),
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
    .check = check,
    .prepare = prepare,
    .advance = advance,
    .kernels = {update},
    .output = output,
};
