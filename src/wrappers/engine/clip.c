/*
 * The engine's innermost layer: what the method receives. The norm is that of the gradient as the wrappers hand it on, over
 * all tensors of the handle; values are clipped after it.
 *
 *     g <- g min(1, clip_norm / |g|),   g <- min(max(g, -clip_value), clip_value)
 */
#include <math.h>

#include "engine/method.h"

enum { CLIP_NORM, CLIP_VALUE };
static const option_t OPTIONS[] = {
    [CLIP_NORM] = {"clip_norm", 0, "[0,inf)", "bound on the norm of the whole gradient; 0: none", .zero_apart = true},
    [CLIP_VALUE] = {"clip_value", 0, "[0,inf)", "bound on every element of the gradient; 0: none", .zero_apart = true},
    {0},
};

enum { FACTOR };
static const state_t STATE[] = {
    [FACTOR] = {"factor", "that brings the gradient's norm to its bound", PER_METHOD, WITHIN_STEP},
    {0},
};

typedef struct scalars {
    double factor, limit;
} scalars_t;

enum { CLIP, SQUARES, NONFINITE };

static double norm_factor(const step_t *s, double sum) {
    const double norm = sqrt(sum), bound = s->option[CLIP_NORM];
    return bound > 0 && norm > bound ? bound / norm : 1;
}

static void prepare(const group_t *group, void *scalars) {
    scalars_t *k = scalars;
    k->factor = *group->scalar[FACTOR];
    k->limit = group->option[CLIP_VALUE] > 0 ? group->option[CLIP_VALUE] : HUGE_VAL;
}

static void clip(const tile_t *t) {
    const scalars_t *k = t->scalars;
    const real factor = (real)k->factor, limit = (real)k->limit;
    real *g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real a = g[i] * factor, b = a < -limit ? -limit : a;
        g[i] = b > limit ? limit : b;
    }
}

static void squares(const tile_t *t) {
    const real *restrict g = t->g;
    double *restrict square = t->term[0];
    for (size_t i = 0; i < t->n; ++i)
        square[i] = (double)g[i] * (double)g[i];
}

/* NaN where an element is not finite. */
static void nonfinite(const tile_t *t) {
    const real *restrict g = t->g;
    double *restrict term = t->term[0];
    for (size_t i = 0; i < t->n; ++i)
        term[i] = (double)(g[i] - g[i]);
}

static optim_status advance(step_t *s) {
    const bool bounded = s->option[CLIP_NORM] > 0;
    const double sum = bounded ? step_reduce(s, SQUARES, 1)[0] : 0;
    const bool looks = s->check_finite && !(bounded && isfinite(sum)); /* large doubles overflow when squared */
    if (looks && isnan(step_reduce(s, NONFINITE, 1)[0]))
        return step_reject(s);
    double *factor = s->scalar[FACTOR];
    *factor = norm_factor(s, sum);
    if (*factor != 1 || s->option[CLIP_VALUE] > 0)
        step_filter(s, CLIP);
    return OPTIM_OK;
}

const method_t METHOD(clip) = {
    .name = "engine",
    .purpose = "bounds on the gradient",
    .options = OPTIONS,
    .states = STATE,
    .scalars = sizeof(scalars_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[CLIP] = clip, [SQUARES] = squares, [NONFINITE] = nonfinite},
};
