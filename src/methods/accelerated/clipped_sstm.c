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
 *     6. restart = N > 0, k = N before that:   z = y,  k = 0,  A_0 = 0,  clip <- restart_clip clip,
 *        lr <- restart_lr lr,  N <- ceil(restart_growth N)
 *
 * Line 6, for strongly convex functions: Sadiev et al., "High-Probability Bounds for Stochastic Optimization and
 * Variational Inequalities: the Case of Unbounded Variance", 2023, arXiv:2302.00999 (R-clipped-SSTM). A stage is a run
 * of its own that begins at y; options and schedules of clip and lr still act. Which stage it is follows from t.
 *
 * y is the output: what the theorems speak about and what a model should be evaluated at. shift = 0 is the authors'
 * PyTorch class, 1 the smooth paper's k + 2. That class throws away the gradient of its first call and does not expose
 * y. Two passes (clip_type none, coord: one). State: y, z, 8 bytes a parameter in f32; alpha, A_k, A_{k+1} a
 * group.
 */
#include "blocks/clipping.h"
#include "blocks/iterate.h"

enum { LR, L, CLIP, CLIP_TYPE, NU, SHIFT, RATIO_MAX, RESTART, RESTART_CLIP, RESTART_LR, RESTART_GROWTH };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.01, "(0,inf)", "step size in units of 1 / L (1/a in the paper)", .pauses = true},
    [L] = {"L", 10, "(0,inf)", "smoothness constant"},
    [CLIP] = {"clip", 1, "(0,inf)", "B: the level of clipping is B / alpha"},
    [CLIP_TYPE] = {CLIP_TYPE_OPTION},
    [NU] = {"nu", 1, "[0,1]", "Hoelder exponent of the gradient"},
    [SHIFT] = {"shift", 0, "integer [0,1]", "1: k + 2 in place of k + 1"},
    [RATIO_MAX] = {"ratio_max", 1, "(0,1]", "upper bound on A_k / A_{k+1}; 1: none"},
    [RESTART] = {"restart", 0, "integer [0,inf)", "steps of the first stage; 0: no restarts", .zero_apart = true,
                 .decides_memory = true},
    [RESTART_CLIP] = {"restart_clip", 0.7071067811865476, "(0,1]", "factor on clip at a restart"},
    [RESTART_LR] = {"restart_lr", 1, "(0,1]", "factor on lr at a restart"},
    [RESTART_GROWTH] = {"restart_growth", 1, "[1,inf)", "factor on the length of a stage, rounded up",
                        .decides_memory = true},
    {0},
};

enum { Y = ITERATE, Z };
static const state_t STATE[] = {
    [Y] = {"y", "the weighted mean: the output", LIKE_PARAM, KEPT, .from_param = true},
    [Z] = {"z", "the mirror point", LIKE_PARAM, KEPT, .from_param = true},
    {0},
};

typedef struct cohort_memory {
    double alpha, before, after; /* alpha, A_k, A_{k+1} */
} cohort_memory_t;
static const field_t FIELDS[] = {
    {"alpha", "weight of z", FIELD(OF_COHORT, cohort_memory_t, alpha)},
    {"A_k", "weight of y", FIELD(OF_COHORT, cohort_memory_t, before)},
    {"A_k+1", "sum of both", FIELD(OF_COHORT, cohort_memory_t, after)},
    {0},
};

/* Of line 6, at step t: k, and how often there was a restart. */
typedef struct stage {
    double k, restarts;
} stage_t;

static stage_t stage_of(const double *o, double t) {
    double length = o[RESTART];
    stage_t stage = {t - 1, 0};
    if (length > 0 && o[RESTART_GROWTH] == 1) {
        stage.restarts = floor(stage.k / length);
        stage.k -= stage.restarts * length;
    }
    for (; length > 0 && stage.k >= length; ++stage.restarts) { /* lengths grow by 1 at least */
        stage.k -= length;
        length = ceil(length * o[RESTART_GROWTH]);
    }
    return stage;
}

/* Lines 1 and 2. */
static cohort_memory_t weights_of(const double *o, stage_t stage, double before) {
    const double lr = o[LR] * pow(o[RESTART_LR], stage.restarts);
    const double alpha = lr / (2 * o[L]) * pow(stage.k + 1 + o[SHIFT], 2 * o[NU] / (1 + o[NU]));
    const double f = o[RATIO_MAX] < 1 ? 1 / (1 - o[RATIO_MAX]) : HUGE_VAL;
    if (before > f * alpha)
        before = (f - 1) * alpha;
    return (cohort_memory_t){alpha, before, before + alpha};
}

static cohort_memory_t weights_now(const group_t *group) {
    return group->t == 1 ? weights_of(group->option, (stage_t){0, 0}, 0)
                         : *(const cohort_memory_t *)group->cohort_memory;
}

static cohort_memory_t weights_next(const group_t *group) {
    const stage_t next = stage_of(group->option, group->t + 1);
    return weights_of(group->option, next, next.k == 0 ? 0 : weights_now(group).after);
}

/* Share of what came before; while a schedule holds lr at 0 there is nothing else. */
static real share_before(cohort_memory_t w) {
    return w.after > 0 ? (real)(w.before / w.after) : 1;
}
static real share_of_step(cohort_memory_t w) {
    return w.after > 0 ? (real)(w.alpha / w.after) : 0;
}

typedef struct constants {
    real alpha, y_share, z_share; /* of lines 4 and 5 */
    real y_next, z_next;          /* of line 3 in the next step */
    bool restarts;
    clip_t clip;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    const cohort_memory_t now = weights_now(group), next = weights_next(group);
    *(constants_t *)constants = (constants_t){
        .alpha = (real)now.alpha,
        .y_share = share_before(now),
        .z_share = share_of_step(now),
        .y_next = share_before(next),
        .z_next = share_of_step(next),
        .restarts = stage_of(o, group->t + 1).k == 0,
        .clip = clip_of(o[CLIP_TYPE], o[CLIP] * pow(o[RESTART_CLIP], stage_of(o, group->t).restarts) / now.alpha),
    };
}

static void squares(const tile_t *t) {
    clip_squares(t, ((const constants_t *)t->constants)->clip, 0);
}

/* Lines 4 to 6, and line 3 of the next step. */
static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const double norm = ((const clip_norm_t *)t->arguments)->norm;
    const real factor = (real)clip_factor(k.clip, norm, t->tensor_sum[0]);
    real *restrict p = t->p, *restrict y = t->state[Y], *restrict z = t->state[Z];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        z[i] -= k.alpha * clipped(g[i], factor, k.clip.limit);
        y[i] = k.y_share * y[i] + k.z_share * z[i];
        z[i] = k.restarts ? y[i] : z[i];
        p[i] = k.y_next * y[i] + k.z_next * z[i];
    }
}

enum { SQUARES, UPDATE };

static optim_status advance(step_t *s) {
    const double norm = clip_needs_norms(s, CLIP_TYPE) ? clip_measure(s, SQUARES) : 0;
    step_update(s, UPDATE, &(clip_norm_t){norm});
    group_t cohort;
    for (size_t i = 0; i < step_cohort_count(s); ++i)
        if (step_cohort(s, i, &cohort))
            *(cohort_memory_t *)cohort.cohort_memory = weights_next(&cohort);
    return OPTIM_OK;
}

const method_t METHOD(clipped_sstm) = {
    .name = "clipped_sstm",
    .purpose = "accelerated clipped gradient method (similar triangles) for heavy-tailed noise",
    .citation =
        "Gorbunov, Danilova, Gasnikov: Stochastic Optimization with Heavy-Tailed Noise via Accelerated Gradient "
        "Clipping, 2020, arXiv:2005.10785; Gorbunov et al.: Near-Optimal High Probability Complexity Bounds for "
        "Non-Smooth Stochastic Optimization with Heavy-Tailed Noise, 2021, arXiv:2106.05958; Sadiev et al.: "
        "High-Probability Bounds for Stochastic Optimization and Variational Inequalities, 2023, arXiv:2302.00999",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .cohort_memory = sizeof(cohort_memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares, [UPDATE] = update},
    .arguments = {[UPDATE] = sizeof(clip_norm_t)},
    .output = output_iterate,
};
