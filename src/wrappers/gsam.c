/*
 * gsam: sharpness-aware minimization that lowers the surrogate gap too.
 *
 * Zhuang, Gong, Yuan, Cui, Adam, Dvornek, Tatikonda, Duncan, Liu, "Surrogate Gap Minimization Improves Sharpness-Aware
 * Training", 2022, arXiv:2203.08065.
 *
 *     1. T = 1, or |p| + eta if adaptive;   N = |T g| over all tensors;   e = rho_t T^2 g / (N + eps)
 *     2. h = gradient at p + e; the parameters are p again, bit for bit
 *     3. cos = <g, h> / ((|g| + eps) (|h| + eps)),  k = cos |g| / (|h| + eps);
 *        the inner method receives h - alpha (g - k h)
 *     rho_t = rho;  lr_max > 0:  rho_min + (rho - rho_min) (lr_t - lr_min) / (lr_max - lr_min), lr_t that of the method
 *
 * The loss it sees is that of the first evaluation; weight decay acts at p. State: within a step p and g, 8 bytes a
 * parameter.
 */
#include "blocks/sums.h"
#include "wrappers/sam.h"

enum { ALPHA = SAM_OPTION_COUNT, RHO_MIN, LR_MIN, LR_MAX };
static const option_t OPTIONS[] = {
    SAM_ROWS,
    [ALPHA] = {"alpha", 0.4, "[0,1)", "weight of the part of g perpendicular to h"},
    [RHO_MIN] = {"rho_min", 0, "[0,inf)", "radius at the rate lr_min, if lr_max is given"},
    [LR_MIN] = {"lr_min", 0, "[0,inf)", "least rate of the method's schedule"},
    [LR_MAX] = {"lr_max", 0, "[0,inf)", "largest rate of the method's schedule; 0: rho does not follow the rate",
                .zero_apart = true},
    {0},
};

static const char *check(const double *option) {
    const bool follows = option[LR_MAX] > 0;
    if (follows && option[LR_MAX] <= option[LR_MIN])
        return "lr_max must be larger than lr_min";
    return follows && option[RHO_MIN] > option[RHO] ? "rho_min must not be larger than rho" : NULL;
}

enum { G = SAM_STATE_COUNT };
static const state_t STATE[] = {
    SAM_STATES,
    [G] = {"g", "the first gradient", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct constants {
    radius_t radius;
    real alpha;
} constants_t;

typedef struct decompose {
    double k;
} decompose_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    double rho = o[RHO];
    if (o[LR_MAX] > 0) {
        const double share = (group_lr(group) - o[LR_MIN]) / (o[LR_MAX] - o[LR_MIN]);
        rho = o[RHO_MIN] + (o[RHO] - o[RHO_MIN]) * fmin(fmax(share, 0), 1);
    }
    *(constants_t *)constants = (constants_t){radius_of(group, rho), (real)o[ALPHA]};
}

static void keep_gradient(const tile_t *t) {
    memcpy(t->state[G], t->g, t->n * sizeof(real));
}

/* |g|^2, |h|^2, <g, h> */
static void products(const tile_t *t) {
    const real *g = t->state[G], *h = t->g;
    t->sum[0] += sum_squares(t->n, g);
    t->sum[1] += sum_squares(t->n, h);
    t->sum[2] += sum_products(t->n, g, h);
}

static void decompose(const tile_t *t) {
    const real alpha = ((const constants_t *)t->constants)->alpha;
    const real k = (real)((const decompose_t *)t->arguments)->k;
    const real *restrict g = t->state[G];
    real *restrict h = t->g;
    for (size_t i = 0; i < t->n; ++i)
        h[i] -= alpha * (g[i] - k * h[i]); /* 3. */
}

enum { KEEP_GRADIENT = SAM_KERNEL_COUNT, PRODUCTS, DECOMPOSE };

/* Line 3. */
static void take_apart(step_t *s) {
    const double *sum = step_sums(s, PRODUCTS, NULL, 3), eps = s->option[EPS];
    const double g = sqrt(sum[0]) + eps, h = sqrt(sum[1]) + eps, cosine = g > 0 && h > 0 ? sum[2] / g / h : 0;
    step_filter(s, DECOMPOSE, &(decompose_t){h > 0 ? cosine * sqrt(sum[0]) / h : 0});
}

static optim_status advance(step_t *s) {
    STEP_BEGIN(s);
    step_update(s, KEEP_GRADIENT, NULL);
    leave(s);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
    come_back(s);
    take_apart(s);
    STEP_END(s);
}

const method_t METHOD(gsam) = {
    .name = "gsam",
    .purpose = "sharpness-aware minimization that lowers the surrogate gap too",
    .citation = "Zhuang et al.: Surrogate Gap Minimization Improves Sharpness-Aware Training, 2022, arXiv:2203.08065",
    .evaluations = "1 gradient more for each that the inner method takes",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS,
    .memory = sizeof(sam_memory_t),
    .constants = sizeof(constants_t),
    .check = check,
    .prepare = prepare,
    .advance = advance,
    .kernels = {SAM_KERNELS, [KEEP_GRADIENT] = keep_gradient, [PRODUCTS] = products, [DECOMPOSE] = decompose},
    .arguments = {[PERTURB] = sizeof(perturb_t), [DECOMPOSE] = sizeof(decompose_t)},
};
