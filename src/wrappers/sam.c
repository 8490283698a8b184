/*
 * sam: sharpness-aware minimization, the gradient at the worst point nearby; adaptive measures what is near relative to
 * the parameters. asam is a preset: adaptive = 1, with its paper's rho and eta.
 *
 * Foret, Kleiner, Mobahi, Neyshabur, "Sharpness-Aware Minimization for Efficiently Improving Generalization", 2021,
 * arXiv:2010.01412; Kwon, Kim, Park, Choi, "ASAM: Adaptive Sharpness-Aware Minimization for Scale-Invariant Learning of
 * Deep Neural Networks", 2021, arXiv:2102.11600; period: LookSAM, Liu, Mai, Chen, Hsieh, You, "Towards Efficient and
 * Scalable Sharpness-Aware Minimization", 2022, arXiv:2203.02714.
 *
 *     1. T = 1,  adaptive: |p| + eta;   N = |T g| over all tensors;   e = rho T^2 g / (N + eps)
 *     2. h = gradient at p + e; the parameters are p again, bit for bit, and the inner method receives h
 *
 * With period = k the second gradient is taken in steps 1, k + 1, 2 k + 1, ... alone. What it has across the first one
 * is kept, and stands for it in the others:
 *
 *     3. in those steps  v = h - (<g, h> / |g|^2) g
 *     4. in the others   the inner method receives g + alpha |g| / |v| v
 *
 * The loss it sees is that of the first evaluation; weight decay acts at p. State: within a step p, 4 bytes a
 * parameter; with period v and its copy for undoing, within a step g, 12 bytes more.
 */
#include "wrappers/sam.h"

enum { PERIOD = SAM_OPTION_COUNT, ALPHA };
static const option_t OPTIONS[] = {
    SAM_ROWS,
    [PERIOD] = {"period", 0, "integer [0,inf)", "LookSAM: steps from one second gradient to the next; 0: each has one",
                .zero_apart = true},
    [ALPHA] = {"alpha", 0.7, "[0,inf)", "LookSAM: weight of what is kept of it in between"},
    {0},
};

enum { V = SAM_STATE_COUNT, G };
static const state_t STATE[] = {
    SAM_STATES,
    [V] = {"v", "the second gradient across the first", LIKE_PARAM, KEPT, .when = "period", .undone = true},
    [G] = {"g", "the first gradient, while the second one is taken", LIKE_PARAM, WITHIN_STEP, .when = "period"},
    {0},
};

static void prepare(const group_t *group, void *constants) {
    *(radius_t *)constants = radius_of(group, group->option[RHO]);
}

/* ---- LookSAM ---- */

typedef struct factor {
    double by;
} factor_t;

static void remember(const tile_t *t) {
    memcpy(t->state[G], t->g, t->n * sizeof(real));
}

/* <g, h>, |g|^2 */
static void along(const tile_t *t) {
    t->sum[0] += sum_products(t->n, t->state[G], t->g);
    t->sum[1] += sum_squares(t->n, t->state[G]);
}

static void keep(const tile_t *t) {
    const real by = (real)((const factor_t *)t->arguments)->by;
    const real *restrict first = t->state[G], *restrict h = t->g;
    real *restrict v = t->state[V];
    for (size_t i = 0; i < t->n; ++i)
        v[i] = h[i] - by * first[i];
}

/* |g|^2, |v|^2 */
static void lengths(const tile_t *t) {
    t->sum[0] += sum_squares(t->n, t->g);
    t->sum[1] += sum_squares(t->n, t->state[V]);
}

static void add(const tile_t *t) {
    const real by = (real)((const factor_t *)t->arguments)->by;
    const real *restrict v = t->state[V];
    real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        g[i] += by * v[i];
}

enum { REMEMBER = SAM_KERNEL_COUNT, ALONG, KEEP, LENGTHS, ADD };

/* Line 3. */
static void keep_across(step_t *s) {
    const double *sum = step_sums(s, ALONG, NULL, 2);
    step_update(s, KEEP, &(factor_t){sum[1] > 0 ? sum[0] / sum[1] : 0});
}

/* Line 4. */
static void use_kept(step_t *s) {
    const double *sum = step_sums(s, LENGTHS, NULL, 2);
    step_filter(s, ADD, &(factor_t){sum[1] > 0 ? s->option[ALPHA] * sqrt(sum[0] / sum[1]) : 0});
}

static optim_status advance(step_t *s) {
    const double period = s->option[PERIOD];
    STEP_BEGIN(s);
    if (period > 0 && fmod(s->t - 1, period) != 0) {
        use_kept(s);
        return OPTIM_OK;
    }
    if (period > 0)
        step_update(s, REMEMBER, NULL);
    leave(s);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
    come_back(s);
    if (period > 0)
        keep_across(s);
    STEP_END(s);
}

const method_t METHOD(sam) = {
    .name = "sam",
    .purpose = "sharpness-aware minimization: the gradient at the worst point nearby",
    .citation = "Foret et al.: Sharpness-Aware Minimization for Efficiently Improving Generalization, 2021, "
                "arXiv:2010.01412; Kwon et al.: ASAM, 2021, arXiv:2102.11600",
    .evaluations = "1 gradient more for each that the inner method takes",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS,
    .memory = sizeof(sam_memory_t),
    .constants = sizeof(radius_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {SAM_KERNELS, [REMEMBER] = remember, [ALONG] = along, [KEEP] = keep, [LENGTHS] = lengths, [ADD] = add},
    .arguments = {[PERTURB] = sizeof(perturb_t), [KEEP] = sizeof(factor_t), [ADD] = sizeof(factor_t)},
};
