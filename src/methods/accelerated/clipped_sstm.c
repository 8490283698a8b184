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
 * of its own that begins at y; the factors are kept, so that options and schedules of clip and lr still act.
 *
 * y is the output: what the theorems speak about and what a model should be evaluated at. shift = 0 is the authors'
 * PyTorch class, 1 the smooth paper's k + 2. That class throws away the gradient of its first call and does not expose
 * y. Two passes (clip_type none, coord: one). State: y, z, 8 bytes a parameter in f32; alpha, A_k, A_{k+1} a
 * group, and with restarts four numbers more.
 */
#include "blocks/clipping.h"
#include "blocks/iterate.h"

enum {
    LR,
    L,
    CLIP,
    CLIP_TYPE,
    NU,
    SHIFT,
    RATIO_MAX,
    RESTART,
    RESTART_CLIP,
    RESTART_LR,
    RESTART_GROWTH
};
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
    [RESTART_GROWTH] = {"restart_growth", 1, "[1,inf)", "factor on the length of a stage, rounded up"},
    {0},
};

enum { Y = ITERATE, Z };
static const state_t STATE[] = {
    [Y] = {"y", "the weighted mean: the output", LIKE_PARAM, KEPT, .from_param = true},
    [Z] = {"z", "the mirror point", LIKE_PARAM, KEPT, .from_param = true},
    {0},
};

typedef struct cohort_memory {
    double alpha, before, after;                     /* alpha, A_k, A_{k+1} */
    double earlier, length, clip_factor, lr_factor; /* steps of earlier stages; N; on clip and lr: with restarts */
} cohort_memory_t;
static const field_t FIELDS[] = {
    {"alpha", "weight of z", FIELD(OF_COHORT, cohort_memory_t, alpha)},
    {"A_k", "weight of y", FIELD(OF_COHORT, cohort_memory_t, before)},
    {"A_k+1", "sum of both", FIELD(OF_COHORT, cohort_memory_t, after)},
    {"earlier", "steps of earlier stages", FIELD(OF_COHORT, cohort_memory_t, earlier), .when = "restart"},
    {"length", "steps of this stage", FIELD(OF_COHORT, cohort_memory_t, length), .initial_option = "restart",
     .when = "restart"},
    {"clip_factor", "of this stage, on clip", FIELD(OF_COHORT, cohort_memory_t, clip_factor), .initial = 1,
     .when = "restart"},
    {"lr_factor", "of this stage, on lr", FIELD(OF_COHORT, cohort_memory_t, lr_factor), .initial = 1,
     .when = "restart"},
    {0},
};

/* Lines 1 and 2: `w` with the weights of step k. */
static cohort_memory_t weights_of(const double *o, cohort_memory_t w, double k, double before) {
    const double f = o[RATIO_MAX] < 1 ? 1 / (1 - o[RATIO_MAX]) : HUGE_VAL;
    const double lr = o[RESTART] > 0 ? w.lr_factor * o[LR] : o[LR];
    w.alpha = lr / (2 * o[L]) * pow(k + 1 + o[SHIFT], 2 * o[NU] / (1 + o[NU]));
    w.before = before > f * w.alpha ? (f - 1) * w.alpha : before;
    w.after = w.before + w.alpha;
    return w;
}

static cohort_memory_t weights_now(const group_t *group) {
    const cohort_memory_t w = *(const cohort_memory_t *)group->cohort_memory;
    return group->t == 1 ? weights_of(group->option, w, 0, 0) : w;
}

/* Line 6. */
static bool ends_a_stage(const group_t *group) {
    const cohort_memory_t *w = group->cohort_memory;
    return w->length > 0 && group->t - w->earlier >= w->length;
}

/* Of the next step. */
static cohort_memory_t weights_next(const group_t *group) {
    const double *o = group->option;
    cohort_memory_t w = weights_now(group);
    if (!ends_a_stage(group))
        return weights_of(o, w, group->t - w.earlier, w.after);
    w.earlier = group->t;
    w.length = ceil(w.length * o[RESTART_GROWTH]);
    w.clip_factor *= o[RESTART_CLIP];
    w.lr_factor *= o[RESTART_LR];
    return weights_of(o, w, 0, 0);
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
    const double clip = o[RESTART] > 0 ? now.clip_factor * o[CLIP] : o[CLIP];
    *(constants_t *)constants = (constants_t){
        .alpha = (real)now.alpha,
        .y_share = share_before(now),
        .z_share = share_of_step(now),
        .y_next = share_before(next),
        .z_next = share_of_step(next),
        .restarts = ends_a_stage(group),
        .clip = clip_of(o[CLIP_TYPE], clip / now.alpha),
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
