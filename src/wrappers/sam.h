/*
 * What sam and gsam share: the way to the perturbed point and back.
 *
 *     T = 1, or |p| + eta if adaptive;   N = |T g| over all tensors;   e = rho T^2 g / (N + eps)
 *
 * State: within a step p, 4 bytes a parameter in f32.
 */
#ifndef WRAPPERS_SAM_H
#define WRAPPERS_SAM_H

#include <string.h>
#include <tgmath.h>

#include "blocks/sums.h"
#include "engine/method.h"

enum { RHO, ETA, EPS, ADAPTIVE, SAM_OPTION_COUNT };
#define SAM_ROWS                                                                                                       \
    [RHO] = {"rho", 0.05, "[0,inf)", "radius; 0.5 to 2 where it is relative to |p|"},                                  \
    [ETA] = {"eta", 0, "[0,inf)", "adaptive: added to |p|"}, [EPS] = {"eps", 1e-12, "[0,inf)", "added to the norms"},  \
    [ADAPTIVE] = {"adaptive", 0, "0|1", "1: ASAM"}

enum { P, SAM_STATE_COUNT };
#define SAM_STATES [P] = {"p", "the parameters, while the gradient at p + e is taken", LIKE_PARAM, RESTORE_POINT}

/* Of a step. */
typedef struct sam_memory {
    double loss; /* of the first evaluation */
} sam_memory_t;

typedef struct radius {
    double rho;
    real eta;
    bool adaptive;
} radius_t;

typedef struct perturb {
    double inverse; /* 1 / (N + eps) */
} perturb_t;

static inline radius_t radius_of(const group_t *group, double rho) {
    return (radius_t){.rho = rho, .eta = (real)group->option[ETA], .adaptive = group->option[ADAPTIVE] != 0};
}

static inline real scaling(real p, real eta, bool adaptive) {
    return adaptive ? fabs(p) + eta : 1;
}

/* ---- Kernels; constants begin with a radius_t ---- */

static void squares(const tile_t *t) {
    const radius_t k = *(const radius_t *)t->constants;
    const real *restrict p = t->p, *restrict g = t->g;
    real scaled[SUM_ELEMENTS];
    for (size_t i = 0; i < t->n; ++i)
        scaled[i] = scaling(p[i], k.eta, k.adaptive) * g[i];
    t->sum[0] += sum_squares(t->n, scaled);
}

static void perturb(const tile_t *t) {
    const radius_t k = *(const radius_t *)t->constants;
    const real factor = (real)(k.rho * ((const perturb_t *)t->arguments)->inverse);
    real *restrict p = t->p, *restrict kept = t->state[P];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real scale = scaling(p[i], k.eta, k.adaptive);
        kept[i] = p[i];
        p[i] += factor * scale * scale * g[i];
    }
}

static void restore(const tile_t *t) {
    memcpy(t->p, t->state[P], t->n * sizeof(real));
}

enum { SQUARES, PERTURB, RESTORE, SAM_KERNEL_COUNT };
#define SAM_KERNELS [SQUARES] = squares, [PERTURB] = perturb, [RESTORE] = restore

/* ---- The conversation ---- */

/* Line 1: to p + e. */
static void leave(step_t *s) {
    const double denominator = sqrt(step_sums(s, SQUARES, NULL, 1)[0]) + s->option[EPS];
    ((sam_memory_t *)s->memory)->loss = s->loss;
    step_update(s, PERTURB, &(perturb_t){denominator > 0 ? 1 / denominator : 0});
}

static void come_back(step_t *s) {
    step_update(s, RESTORE, NULL);
    s->loss = ((const sam_memory_t *)s->memory)->loss;
}

#endif
