/*
 * sam: sharpness-aware minimization, and its scale-invariant form ASAM.
 *
 * Foret, Kleiner, Mobahi, Neyshabur, "Sharpness-Aware Minimization for Efficiently Improving Generalization", 2021,
 * arXiv:2010.01412; adaptive: Kwon, Kim, Park, Choi, "ASAM", 2021, arXiv:2102.11600.
 *
 *     1. T = 1, or |p| + eta if adaptive;   N = |T g| over all tensors;   e = rho T^2 g / (N + eps)
 *     2. the inner method receives the gradient at p + e, at parameters that are p again, bit for bit
 *
 * The loss it sees is that of the first evaluation; weight decay acts at p. State: within a step p, 4 bytes a parameter.
 */
#include <string.h>
#include <tgmath.h>

#include "engine/method.h"

enum { RHO, ADAPTIVE, ETA, EPS };
static const option_t OPTIONS[] = {
    [RHO] = {"rho", 0.05, "[0,inf)", "radius; 0.5 to 2 with adaptive=1"},
    [ADAPTIVE] = {"adaptive", 0, "0|1", "1: ASAM"},
    [ETA] = {"eta", 0, "[0,inf)", "ASAM: added to |p|"},
    [EPS] = {"eps", 1e-12, "[0,inf)", "added to the norm"},
    {0},
};

enum { P, LOSS, FACTOR };
static const state_t STATE[] = {
    [P] = {"p", "the parameters, while the gradient at p + e is taken", LIKE_PARAM, RESTORE_POINT},
    [LOSS] = {"loss", "of the first evaluation", PER_METHOD, WITHIN_STEP},
    [FACTOR] = {"factor", "rho / (N + eps)", PER_METHOD, WITHIN_STEP},
    {0},
};

typedef struct scalars {
    double factor, eta;
    bool adaptive;
} scalars_t;

static void prepare(const group_t *group, void *scalars) {
    const double *o = group->option;
    *(scalars_t *)scalars = (scalars_t){*group->scalar[FACTOR], o[ETA], o[ADAPTIVE] != 0};
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

static void restore(const tile_t *t) {
    memcpy(t->p, t->state[P], t->n * sizeof(real));
}

enum { SQUARES, PERTURB, RESTORE };
enum { AT_P, PERTURBED };

static optim_status advance(step_t *s) {
    if (s->stage == PERTURBED) {
        step_update(s, RESTORE);
        s->loss = *s->scalar[LOSS];
        return OPTIM_OK;
    }
    const double denominator = sqrt(step_reduce(s, SQUARES, 1)[0]) + s->option[EPS];
    *s->scalar[LOSS] = s->loss;
    *s->scalar[FACTOR] = denominator > 0 ? s->option[RHO] / denominator : 0;
    step_update(s, PERTURB);
    return step_request(s, OPTIM_EVAL_GRAD, OPTIM_SAMPLE_SAME, PERTURBED);
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
    .scalars = sizeof(scalars_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares, [PERTURB] = perturb, [RESTORE] = restore},
};
