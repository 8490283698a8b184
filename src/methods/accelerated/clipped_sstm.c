/*
 * clipped_sstm: clipped stochastic similar triangles, an accelerated method for heavy-tailed noise.
 *
 * Gorbunov, Danilova, Gasnikov, "Stochastic Optimization with Heavy-Tailed Noise via Accelerated Gradient Clipping",
 * 2020, arXiv:2005.10785; Gorbunov, Danilova, Shibaev, Dvurechensky, Gasnikov, "Near-Optimal High Probability
 * Complexity Bounds for Non-Smooth Stochastic Optimization with Heavy-Tailed Noise", 2021, arXiv:2106.05958.
 *
 *     1. alpha = lr / (2L) (k + 1 + shift)^(2 nu / (1 + nu)),   A_{k+1} = A_k + alpha,   k = 0, 1, ...,  A_0 = 0
 *     2. ratio_max < 1, f = 1 / (1 - ratio_max), A_k > f alpha:   A_k = (f - 1) alpha,  A_{k+1} = f alpha
 *     3. x = (A_k y + alpha z) / A_{k+1}: the parameters, where the gradient is asked for
 *     4. z = z - alpha clip(g) at level clip / alpha          (clipping.h)
 *     5. y = (A_k y + alpha z) / A_{k+1};   k = k + 1, and 1 to 3 again
 *
 * y is the output: what the theorems speak about and what a model should be evaluated at. shift = 0 is the authors'
 * PyTorch class, 1 the smooth paper's k + 2. That class throws away the gradient of its first call and does not expose
 * y. Two passes (clip_type none, coord: one). State: y, z, 8 bytes a parameter in f32; alpha, A_k, A_{k+1} a group.
 */
#include <string.h>

#include "blocks/clipping.h"

enum { LR, L, CLIP, CLIP_TYPE, NU, SHIFT, RATIO_MAX };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.01, "(0,inf)", "step size in units of 1 / L (1/a in the paper)", .pauses = true},
    [L] = {"L", 10, "(0,inf)", "smoothness constant"},
    [CLIP] = {"clip", 1, "(0,inf)", "B: the level of clipping is B / alpha"},
    [CLIP_TYPE] = {CLIP_TYPE_OPTION},
    [NU] = {"nu", 1, "[0,1]", "Hoelder exponent of the gradient"},
    [SHIFT] = {"shift", 0, "integer [0,1]", "1: k + 2 in place of k + 1"},
    [RATIO_MAX] = {"ratio_max", 1, "(0,1]", "upper bound on A_k / A_{k+1}; 1: none"},
    {0},
};

enum { Y, Z, ALPHA, A_BEFORE, A_AFTER, NORM };
static const state_t STATE[] = {
    [Y] = {"y", "the weighted mean: the output", LIKE_PARAM, KEPT, .from_param = true},
    [Z] = {"z", "the mirror point", LIKE_PARAM, KEPT, .from_param = true},
    [ALPHA] = {"alpha", "weight of z", PER_COHORT, KEPT},
    [A_BEFORE] = {"A_k", "weight of y", PER_COHORT, KEPT},
    [A_AFTER] = {"A_k+1", "sum of both", PER_COHORT, KEPT},
    [NORM] = {CLIP_NORM_STATE},
    {0},
};

typedef struct weights {
    double alpha, before, after; /* alpha, A_k, A_{k+1} */
} weights_t;

/* Lines 1 and 2. */
static weights_t weights_of(const double *o, double k, double before) {
    const double alpha = o[LR] / (2 * o[L]) * pow(k + 1 + o[SHIFT], 2 * o[NU] / (1 + o[NU]));
    const double f = o[RATIO_MAX] < 1 ? 1 / (1 - o[RATIO_MAX]) : HUGE_VAL;
    if (before > f * alpha)
        before = (f - 1) * alpha;
    return (weights_t){alpha, before, before + alpha};
}

static weights_t weights_now(const group_t *group) {
    if (group->t == 1)
        return weights_of(group->option, 0, 0);
    return (weights_t){*group->scalar[ALPHA], *group->scalar[A_BEFORE], *group->scalar[A_AFTER]};
}

typedef struct constants {
    weights_t now, next;
    clip_t clip;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    const weights_t now = weights_now(group);
    *(constants_t *)constants = (constants_t){
        .now = now,
        .next = weights_of(o, group->t, now.after),
        .clip = {(int)o[CLIP_TYPE], o[CLIP] / now.alpha, *group->scalar[NORM]},
    };
}

static void squares(const tile_t *t) {
    const constants_t *k = t->constants;
    clip_squares(t, &k->clip, 0);
}

/* Share of what came before; while a schedule holds lr at 0 there is nothing else. */
static real share_before(weights_t w) {
    return w.after > 0 ? (real)(w.before / w.after) : 1;
}
static real share_of_step(weights_t w) {
    return w.after > 0 ? (real)(w.alpha / w.after) : 0;
}

/* Lines 4 and 5, and line 3 of the next step. */
static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    const real alpha = (real)k->now.alpha, y_share = share_before(k->now), z_share = share_of_step(k->now),
               y_next = share_before(k->next), z_next = share_of_step(k->next), limit = (real)clip_limit(&k->clip),
               factor = (real)clip_factor(&k->clip, t->tensor_sum[0]);
    real *restrict p = t->p, *restrict y = t->state[Y], *restrict z = t->state[Z];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        z[i] -= alpha * clipped(g[i], factor, limit);
        y[i] = y_share * y[i] + z_share * z[i];
        p[i] = y_next * y[i] + z_next * z[i];
    }
}

enum { SQUARES, UPDATE };

static optim_status advance(step_t *s) {
    if (clip_needs_norms(s, CLIP_TYPE))
        clip_measure(s, SQUARES, NORM);
    step_update(s, UPDATE, NULL);
    group_t cohort;
    for (size_t i = 0; i < step_cohort_count(s); ++i) {
        if (!step_cohort(s, i, &cohort))
            continue;
        const weights_t next = weights_of(cohort.option, cohort.t, weights_now(&cohort).after);
        *cohort.scalar[ALPHA] = next.alpha;
        *cohort.scalar[A_BEFORE] = next.before;
        *cohort.scalar[A_AFTER] = next.after;
    }
    return OPTIM_OK;
}

static void output(const tile_t *t) {
    memcpy(t->out, t->state[Y], t->n * sizeof(real));
}

const method_t METHOD(clipped_sstm) = {
    .name = "clipped_sstm",
    .purpose = "accelerated clipped gradient method (similar triangles) for heavy-tailed noise",
    .citation =
        "Gorbunov, Danilova, Gasnikov: Stochastic Optimization with Heavy-Tailed Noise via Accelerated Gradient "
        "Clipping, 2020, arXiv:2005.10785; Gorbunov et al.: Near-Optimal High Probability Complexity Bounds for "
        "Non-Smooth Stochastic Optimization with Heavy-Tailed Noise, 2021, arXiv:2106.05958",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares, [UPDATE] = update},
    .output = output,
};
