/*
 * Clipping as clip_adagrad, clip_adam, clipped_sgd and clipped_sstm have it: clip_c(g) with the level c of the option
 * clip.
 *
 *     none   g
 *     norm   g min(1, c / |g|),  |g| over all tensors of all groups
 *     layer  the same, tensor by tensor
 *     coord  min(max(g, -c), c)
 *
 * Nothing is added to a norm (public code adds 1e-6 or 1e-8); a norm of 0 leaves g as it is. A method has the two
 * options, a clip_t among its constants, and a kernel that calls clip_squares and is run by clip_measure.
 */
#ifndef BLOCKS_CLIPPING_H
#define BLOCKS_CLIPPING_H

#include <tgmath.h>

#include "blocks/sums.h"

enum { CLIP_NONE, CLIP_NORM, CLIP_LAYER, CLIP_COORD };
#define CLIP_LEVEL_OPTION "clip", 1, "(0,inf)", "level of clipping"
#define CLIP_TYPE_OPTION "clip_type", CLIP_NORM, "none|norm|layer|coord", "what is kept at or below the level"

typedef struct clip {
    int type;
    double level;
    real limit; /* what bounds every element */
} clip_t;
static inline clip_t clip_of(double type, double level) {
    return (clip_t){(int)type, level, (real)((int)type == CLIP_COORD ? level : HUGE_VAL)};
}

/* Kernel arguments of an update: the norm of the whole gradient. */
typedef struct clip_norm {
    double norm;
} clip_norm_t;

/* What multiplies the gradient of a tensor whose squares have this sum; `norm` is that of the whole gradient. */
static inline double clip_factor(clip_t clip, double norm, double tensor_square) {
    const bool scales = clip.type == CLIP_NORM || clip.type == CLIP_LAYER;
    const double length = clip.type == CLIP_LAYER ? sqrt(tensor_square) : norm;
    return scales && length > clip.level ? clip.level / length : 1;
}

/* NaN stays NaN. */
static inline real clipped(real g, real factor, real limit) {
    return smaller(limit, larger(-limit, factor * g));
}

/* |g + l2 p|^2, and the same limited element by element: for the norms, and for clip_square. */
static inline void clip_squares(const tile_t *t, clip_t clip, real l2) {
    const real *restrict g = t->g, *restrict p = t->p;
    real c[SUM_ELEMENTS];
    t->sum[0] += sum_decayed_squares(t, l2);
    if (clip.type != CLIP_COORD)
        return;
    for (size_t i = 0; i < t->n; ++i)
        c[i] = clipped(g[i] + l2 * p[i], 1, clip.limit);
    t->sum[1] += sum_squares(t->n, c);
}

/* The sum of the clipped squares of one tensor, from the sums of both terms. */
static inline double clip_square(clip_t clip, double norm, const double *sums) {
    const double factor = clip_factor(clip, norm, sums[0]);
    return clip.type == CLIP_COORD ? sums[1] : factor * factor * sums[0];
}

/* Runs the kernel that calls clip_squares; returns the norm. */
static inline double clip_measure(step_t *s, int kernel) {
    return sqrt(step_sums(s, kernel, NULL, 2)[0]);
}

/* Whether any group clips by a norm. */
static inline bool clip_needs_norms(step_t *s, int clip_type) {
    for (int i = 0; i < s->groups; ++i) {
        const double type = step_group(s, i).option[clip_type];
        if ((int)type == CLIP_NORM || (int)type == CLIP_LAYER)
            return true;
    }
    return false;
}

#endif
