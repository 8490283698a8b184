/*
 * sam: sharpness-aware minimization, and its scale-invariant form ASAM; gsam: with the surrogate gap minimized too.
 *
 * Foret, Kleiner, Mobahi, Neyshabur, "Sharpness-Aware Minimization for Efficiently Improving Generalization", 2021,
 * arXiv:2010.01412; adaptive: Kwon, Kim, Park, Choi, "ASAM", 2021, arXiv:2102.11600; gsam: Zhuang et al., "Surrogate Gap
 * Minimization Improves Sharpness-Aware Training", 2022, arXiv:2203.08065.
 *
 *     1. T = 1, or |p| + eta if adaptive;   N = |T g| over all tensors;   e = rho T^2 g / (N + eps)
 *     2. h = gradient at p + e; the parameters are p again, bit for bit.   sam: the inner method receives h
 *     3. gsam: cos = <g, h> / (|g| |h| + eps),  k = cos |g| / (|h| + eps);   it receives h - alpha (g - k h)
 *     gsam, lr_max > 0:  rho_t = rho_min + (rho - rho_min) (lr_t - lr_min) / (lr_max - lr_min), lr_t that of the method
 *
 * The loss it sees is that of the first evaluation; weight decay acts at p. State: within a step p (gsam: and g), 4 (8)
 * bytes a parameter.
 */
#include <string.h>
#include <tgmath.h>

#include "engine/method.h"

enum { RHO, ADAPTIVE, ETA, EPS, ALPHA, RHO_MIN, LR_MIN, LR_MAX };
#define COMMON_ROWS                                                                                                    \
    [RHO] = {"rho", 0.05, "[0,inf)", "radius; 0.5 to 2 with adaptive=1"},                                              \
    [ADAPTIVE] = {"adaptive", 0, "0|1", "1: ASAM"}, [ETA] = {"eta", 0, "[0,inf)", "ASAM: added to |p|"},               \
    [EPS] = {"eps", 1e-12, "[0,inf)", "added to the norms"}
static const option_t SAM_OPTIONS[] = {COMMON_ROWS, {0}};
static const option_t GSAM_OPTIONS[] = {
    COMMON_ROWS,
    [ALPHA] = {"alpha", 0.4, "[0,1)", "weight of the part of g perpendicular to h"},
    [RHO_MIN] = {"rho_min", 0, "[0,inf)", "radius at the rate lr_min, if lr_max is given"},
    [LR_MIN] = {"lr_min", 0, "[0,inf)", "least rate of the method's schedule"},
    [LR_MAX] = {"lr_max", 0, "[0,inf)", "largest rate of the method's schedule; 0: rho does not follow the rate"},
    {0},
};

static const char *check_gsam(const double *option) {
    const bool follows = option[LR_MAX] > 0;
    if (follows && option[LR_MAX] <= option[LR_MIN])
        return "lr_max must be larger than lr_min";
    return follows && option[RHO_MIN] > option[RHO] ? "rho_min must not be larger than rho" : NULL;
}

enum { P, LOSS, INVERSE, K, G };
#define COMMON_STATES                                                                                                  \
    [P] = {"p", "the parameters, while the gradient at p + e is taken", LIKE_PARAM, RESTORE_POINT},                    \
    [LOSS] = {"loss", "of the first evaluation", PER_METHOD, WITHIN_STEP},                                             \
    [INVERSE] = {"inverse", "1 / (N + eps)", PER_METHOD, WITHIN_STEP},                                                 \
    [K] = {"k", "gsam: h is taken k times from g", PER_METHOD, WITHIN_STEP}
static const state_t SAM_STATE[] = {COMMON_STATES, {0}};
static const state_t GSAM_STATE[] = {COMMON_STATES, [G] = {"g", "the first gradient", LIKE_PARAM, WITHIN_STEP}, {0}};

typedef struct scalars {
    double factor, eta; /* factor = rho / (N + eps) */
    double alpha, k;
    bool adaptive;
} scalars_t;

static void prepare_sam(const group_t *group, void *scalars) {
    const double *o = group->option;
    *(scalars_t *)scalars =
        (scalars_t){.factor = o[RHO] * *group->scalar[INVERSE], .eta = o[ETA], .adaptive = o[ADAPTIVE] != 0};
}

static void prepare_gsam(const group_t *group, void *scalars) {
    const double *o = group->option;
    scalars_t *k = scalars;
    prepare_sam(group, k);
    k->alpha = o[ALPHA];
    k->k = *group->scalar[K];
    if (o[LR_MAX] > 0) {
        const double share = (group_lr(group) - o[LR_MIN]) / (o[LR_MAX] - o[LR_MIN]);
        const double rho = o[RHO_MIN] + (o[RHO] - o[RHO_MIN]) * fmin(fmax(share, 0), 1);
        k->factor = rho * *group->scalar[INVERSE];
    }
}

static inline real scaling(real p, real eta, bool adaptive) {
    return adaptive ? fabs(p) + eta : 1;
}

static void squares(const tile_t *t) {
    const scalars_t *k = t->scalars;
    const real eta = (real)k->eta;
    const real *restrict p = t->p, *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const double scaled = (double)(scaling(p[i], eta, k->adaptive) * g[i]);
        t->term[0][i] = scaled * scaled;
    }
}

static void perturb(const tile_t *t) {
    const scalars_t *k = t->scalars;
    const real factor = (real)k->factor, eta = (real)k->eta;
    real *restrict p = t->p, *restrict kept = t->state[P];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real scale = scaling(p[i], eta, k->adaptive);
        kept[i] = p[i];
        p[i] += factor * scale * scale * g[i];
    }
}

static void keep_gradient(const tile_t *t) {
    memcpy(t->state[G], t->g, t->n * sizeof(real));
}

static void restore(const tile_t *t) {
    memcpy(t->p, t->state[P], t->n * sizeof(real));
}

/* |g|^2, |h|^2, <g, h> */
static void products(const tile_t *t) {
    const real *restrict g = t->state[G], *restrict h = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        t->term[0][i] = (double)g[i] * (double)g[i];
        t->term[1][i] = (double)h[i] * (double)h[i];
        t->term[2][i] = (double)g[i] * (double)h[i];
    }
}

static void decompose(const tile_t *t) {
    const scalars_t *scalars = t->scalars;
    const real alpha = (real)scalars->alpha, k = (real)scalars->k;
    const real *restrict g = t->state[G];
    real *restrict h = t->g;
    for (size_t i = 0; i < t->n; ++i)
        h[i] -= alpha * (g[i] - k * h[i]); /* 3. */
}

enum { SQUARES, PERTURB, RESTORE, KEEP_GRADIENT, PRODUCTS, DECOMPOSE };
enum { AT_P, PERTURBED };

static optim_status ask_perturbed(step_t *s) {
    const double denominator = sqrt(step_reduce(s, SQUARES, 1)[0]) + s->option[EPS];
    *s->scalar[LOSS] = s->loss;
    *s->scalar[INVERSE] = denominator > 0 ? 1 / denominator : 0;
    step_update(s, PERTURB);
    return step_request(s, OPTIM_EVAL_GRAD, OPTIM_SAMPLE_SAME, PERTURBED);
}

static void come_back(step_t *s) {
    step_update(s, RESTORE);
    s->loss = *s->scalar[LOSS];
}

static optim_status advance_sam(step_t *s) {
    if (s->stage == AT_P)
        return ask_perturbed(s);
    come_back(s);
    return OPTIM_OK;
}

static optim_status advance_gsam(step_t *s) {
    if (s->stage == AT_P) {
        step_update(s, KEEP_GRADIENT);
        return ask_perturbed(s);
    }
    come_back(s);
    const double *sum = step_reduce(s, PRODUCTS, 3), g = sqrt(sum[0]), h = sqrt(sum[1]), eps = s->option[EPS];
    const double cosine = g * h + eps > 0 ? sum[2] / (g * h + eps) : 0;
    *s->scalar[K] = h + eps > 0 ? cosine * g / (h + eps) : 0;
    step_filter(s, DECOMPOSE);
    return OPTIM_OK;
}

const method_t METHOD(sam) = {
    .name = "sam",
    .purpose = "sharpness-aware minimization: the gradient at the worst point nearby",
    .citation = "Foret et al.: Sharpness-Aware Minimization for Efficiently Improving Generalization, 2021, "
                "arXiv:2010.01412; Kwon et al.: ASAM, 2021, arXiv:2102.11600",
    .evaluations = "1 gradient more for each that the inner method takes",
    .options = SAM_OPTIONS,
    .states = SAM_STATE,
    .flags = REQUESTS,
    .scalars = sizeof(scalars_t),
    .prepare = prepare_sam,
    .advance = advance_sam,
    .kernels = {[SQUARES] = squares, [PERTURB] = perturb, [RESTORE] = restore},
};

const method_t METHOD(gsam) = {
    .name = "gsam",
    .purpose = "sharpness-aware minimization that lowers the surrogate gap too",
    .citation = "Zhuang et al.: Surrogate Gap Minimization Improves Sharpness-Aware Training, 2022, arXiv:2203.08065",
    .evaluations = "1 gradient more for each that the inner method takes",
    .options = GSAM_OPTIONS,
    .states = GSAM_STATE,
    .flags = REQUESTS,
    .scalars = sizeof(scalars_t),
    .check = check_gsam,
    .prepare = prepare_gsam,
    .advance = advance_gsam,
    .kernels = {[SQUARES] = squares,
                [PERTURB] = perturb,
                [RESTORE] = restore,
                [KEEP_GRADIENT] = keep_gradient,
                [PRODUCTS] = products,
                [DECOMPOSE] = decompose},
};
