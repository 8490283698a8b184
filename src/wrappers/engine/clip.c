/*
 * The engine's two innermost stations: what the method receives. First the bounds that each group has for itself, on
 * the norm of its own part of the gradient as the wrappers hand it on, then those of the handle, on the norm over all
 * tensors; values are clipped after norms.
 *
 *     for each group:  g <- g min(1, group_clip_norm / |g of the group|),
 *                      g <- min(max(g, -group_clip_value), group_clip_value)
 *     g <- g min(1, clip_norm / |g|),   g <- min(max(g, -clip_value), clip_value)
 */
#include <math.h>

#include "blocks/reduce.h"

/* Within a step, of the handle or of a group. */
typedef struct bound {
    double factor; /* that brings the norm to its bound */
} bound_t;

typedef struct constants {
    real factor, limit;
} constants_t;

static constants_t constants_of(const bound_t *bound, double clip_value) {
    return (constants_t){(real)bound->factor, (real)(clip_value > 0 ? clip_value : HUGE_VAL)};
}

static void clip(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real a = g[i] * k.factor, b = a < -k.limit ? -k.limit : a;
        g[i] = b > k.limit ? k.limit : b;
    }
}

enum { CLIP, SQUARES, NONFINITE };

static double norm_factor(double bound, double sum) {
    const double norm = sqrt(sum);
    return bound > 0 && norm > bound ? bound / norm : 1;
}

/* A sum of squares that is finite says that the gradient is; large doubles overflow when squared. */
static bool is_finite(step_t *s, bool summed, double sum) {
    return (summed && isfinite(sum)) || !isnan(step_reduce(s, NONFINITE, NULL, 1)[0]);
}

/* ---- Of the handle ---- */

enum { CLIP_NORM, CLIP_VALUE };
static const option_t OPTIONS[] = {
    [CLIP_NORM] = {"clip_norm", 0, "[0,inf)", "bound on the norm of the whole gradient; 0: none", .zero_apart = true},
    [CLIP_VALUE] = {"clip_value", 0, "[0,inf)", "bound on every element of the gradient; 0: none", .zero_apart = true},
    {0},
};

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = constants_of(group->memory, group->option[CLIP_VALUE]);
}

static optim_status advance(step_t *s) {
    const bool bounded = s->option[CLIP_NORM] > 0;
    const double sum = bounded ? step_reduce(s, SQUARES, NULL, 1)[0] : 0;
    if (s->check_finite && !is_finite(s, bounded, sum))
        return step_reject(s);
    bound_t *bound = s->memory;
    bound->factor = norm_factor(s->option[CLIP_NORM], sum);
    if (bound->factor != 1 || s->option[CLIP_VALUE] > 0)
        step_filter(s, CLIP, NULL);
    return OPTIM_OK;
}

const method_t METHOD(clip) = {
    .name = "clip",
    .purpose = "bounds on the gradient",
    .options = OPTIONS,
    .memory = sizeof(bound_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[CLIP] = clip, [SQUARES] = squares, [NONFINITE] = nonfinite},
};

/* ---- Of each group ---- */

enum { GROUP_CLIP_NORM, GROUP_CLIP_VALUE };
static const option_t GROUP_OPTIONS[] = {
    [GROUP_CLIP_NORM] = {"group_clip_norm", 0, "[0,inf)",
                         "bound on the norm of the group's part of the gradient; 0: none", .zero_apart = true},
    [GROUP_CLIP_VALUE] = {"group_clip_value", 0, "[0,inf)", "bound on every element of that part; 0: none",
                          .zero_apart = true},
    {0},
};

static void prepare_group(const group_t *group, void *constants) {
    *(constants_t *)constants = constants_of(group->group_memory, group->option[GROUP_CLIP_VALUE]);
}

static optim_status advance_groups(step_t *s) {
    bool norms = false, clips = false;
    for (int i = 0; i < s->groups; ++i) {
        const double *option = step_group(s, i).option;
        norms |= option[GROUP_CLIP_NORM] > 0;
        clips |= option[GROUP_CLIP_VALUE] > 0;
    }
    if (!norms && !clips)
        return OPTIM_OK;
    const double sum = norms ? step_reduce(s, SQUARES, NULL, 1)[0] : 0;
    for (int i = 0; i < s->groups; ++i) {
        const group_t group = step_group(s, i);
        bound_t *bound = group.group_memory;
        bound->factor = norms ? norm_factor(group.option[GROUP_CLIP_NORM], *group.sum) : 1;
        clips |= bound->factor != 1;
    }
    if (s->check_finite && !is_finite(s, norms, sum))
        return step_reject(s);
    s->check_finite = false; /* an infinity that is clipped would not be seen further in */
    if (clips)
        step_filter(s, CLIP, NULL);
    return OPTIM_OK;
}

const method_t METHOD(group_clip) = {
    .name = "group_clip",
    .purpose = "bounds on a group's part of the gradient",
    .options = GROUP_OPTIONS,
    .group_memory = sizeof(bound_t),
    .flags = BY_GROUP,
    .constants = sizeof(constants_t),
    .prepare = prepare_group,
    .advance = advance_groups,
    .kernels = {[CLIP] = clip, [SQUARES] = squares, [NONFINITE] = nonfinite},
};
